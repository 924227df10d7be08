/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a call can answer besides success.
 *
 * Functions return an int (or a ptrdiff_t index): 0 or positive is success, negative is one of these.
 * Two families with a border between them: an *error* says that the call itself was wrong or failed; a
 * *refusal* says that the call was right but no node may take the request now. chain() goes on after a
 * refusal and stops at an error. Values are pinned for ever; a number is never reused.
 */
#ifndef LOADWISE_ERROR_H
#define LOADWISE_ERROR_H

#include <loadwise/api.h>

LW_BEGIN

/* The one list: X(name, value, message). */
#define LW_ERROR_LIST(X)                                                                                               \
    X(NOMEM, -1, "out of memory")                                                                                      \
    X(INVALID, -2, "invalid argument")                                                                                 \
    X(SYNTAX, -3, "the specification cannot be read")                                                                  \
    X(UNKNOWN, -4, "no such name")                                                                                     \
    X(RANGE, -5, "value outside the allowed range")                                                                    \
    X(DUPLICATE, -6, "two nodes have the same id")                                                                     \
    X(NO_COLUMN, -7, "the nodes lack a column that this needs")                                                        \
    X(NOT_PREPARED, -8, "the node set is not prepared and the request forbids preparing it now")                       \
    X(UNSUPPORTED, -9, "this strategy does not offer the operation")                                                   \
    X(KEY_REQUIRED, -10, "the request has no key and the strategy insists on one")                                     \
    X(TOO_LARGE, -11, "the plan would exceed its stated bound")                                                        \
    X(FULL, -12, "the bound on entries is reached")                                                                    \
    X(UNAVAILABLE, -13, "the store could not be asked in time")                                                        \
    X(CORRUPT, -14, "the record is damaged or of a newer version")                                                     \
    X(ALREADY, -15, "this has ended before")                                                                           \
    X(BUSY, -16, "not allowed inside a hook")                                                                          \
    X(FORKED, -17, "the process has forked: lw_pool_after_fork comes first")                                           \
    X(DENIED, -18, "the store does not let us: wrong password, no permission, or it only reads")                       \
    X(NO_NODES, -32, "there are no nodes")                                                                             \
    X(ALL_UNHEALTHY, -33, "every node is unhealthy")                                                                   \
    X(EXCLUDED, -34, "the request excludes every node that is eligible")                                               \
    X(FILTERED, -35, "the eligibility bitmap leaves no node")                                                          \
    X(SATURATED, -36, "every node is at its in-flight cap")                                                            \
    X(OVER_QUOTA, -37, "every node is over its quota")                                                                 \
    X(DRAINING, -38, "every node is draining")                                                                         \
    X(NO_WEIGHT, -39, "every eligible node has weight 0")                                                              \
    X(NO_KEY, -40, "the request has no key")                                                                           \
    X(NO_SLOTS, -41, "every ticket slot is in use")                                                                    \
    X(SHED, -42, "refused to spare what is overloaded")

enum lw_error {
    LW_OK = 0,
#define LW_ERROR_ENUM(name, value, message) LW_##name = (value),
    LW_ERROR_LIST(LW_ERROR_ENUM)
#undef LW_ERROR_ENUM
        LW_REFUSALS_BEGIN = LW_NO_NODES, /* refusals have this value or a lower one */
};

/*
 * The name of a code, "LW_NO_WEIGHT"; "LW_OK" for 0 and above, "LW_?" for a number that is not in the list.
 * Threads: any. Errors: none. The text is owned by the library and valid for ever.
 */
LW_API const char *lw_error_name(int code);

/*
 * One sentence about a code, in the same manner.
 * Threads: any. Errors: none. The text is owned by the library and valid for ever.
 */
LW_API const char *lw_error_message(int code);

/* 1 when the code is a refusal: a good call, but no node may take the request now. */
static inline int lw_is_refusal(long code) { return code <= LW_REFUSALS_BEGIN; }

LW_END

#endif
