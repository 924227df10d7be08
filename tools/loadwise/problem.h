/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What went wrong, and the exit status that says so.
 *
 * A function that fails fills a problem and returns its status; whoever decides what becomes of the run prints it. Each
 * kind of failure has an exit status of its own, so that a script can tell them apart.
 */
#ifndef LOADWISE_TOOL_PROBLEM_H
#define LOADWISE_TOOL_PROBLEM_H

/* The one list: X(name, exit status, meaning). The help is printed from it. */
#define STATUS_LIST(X)                                                                                                 \
    X(DONE, 0, "every request has a node")                                                                             \
    X(REFUSED, 1, "the run is complete, but some requests were refused: no node may take them")                        \
    X(USAGE, 2, "an option is unknown, missing or has a wrong value")                                                  \
    X(UNREADABLE, 3, "a file cannot be opened or read")                                                                \
    X(BAD_NODES, 4, "the nodes file is wrong: its YAML, a field or a value")                                           \
    X(NO_NODES, 5, "the nodes file names no nodes")                                                                    \
    X(DUPLICATE_NODE, 6, "two nodes have the same name")                                                               \
    X(NO_COLUMN, 7, "the requests lack a column named by --key or --cost, or a header")                                \
    X(BAD_ROW, 8, "a row of the requests is malformed, and --on-error is stop")                                        \
    X(BAD_STRATEGY, 9, "the strategy is unknown or its specification is wrong")                                        \
    X(UNFIT, 10, "the strategy cannot work with these nodes")                                                          \
    X(CLOSED, 11, "the output was closed early or cannot be written")                                                  \
    X(NO_SUCH_NODE, 12, "an option names a node that the nodes file does not")                                         \
    X(NOMEM, 13, "out of memory")                                                                                      \
    X(BAD_SCENARIO, 14, "the scenario is wrong: its YAML, a field or a value")                                         \
    X(BAD_TRACE, 15, "the trace is wrong: a line, or no time in it")                                                   \
    X(NO_STORE, 16, "the store cannot be reached, or does not let us in")

enum status {
#define STATUS_ENUM(name, value, meaning) STATUS_##name = (value),
    STATUS_LIST(STATUS_ENUM)
#undef STATUS_ENUM
};

struct problem {
    enum status status;
    char text[1024];
};

/* Fills the problem and returns the status: `return problem_set(problem, STATUS_USAGE, ...)`. */
enum status problem_set(struct problem *problem, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum status problem_memory(struct problem *problem);

/* "loadwise: text" on standard error. */
void problem_print(const struct problem *problem);

#endif
