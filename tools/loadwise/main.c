/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* loadwise: the command. Finds the subcommand, lets it run, says what went wrong and exits with its status. */
#include "diff.h"
#include "fetch.h"
#include "help.h"
#include "interrupt.h"
#include "layers.h"
#include "pick.h"
#include "pool.h"
#include "problem.h"
#include "sim.h"
#include "strategies.h"

#include <errno.h>
#include <loadwise/version.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    enum status (*run)(int argc, char **argv, struct problem *problem);
    const char *help;
} command_table[] = {
    {"pick", pick_run, "place each request of a file or pipe on a node, and sum up"},
    {"pool", pool_run, "run requests through a pool whose nodes are busy, fail and drain, and show how it stands"},
    {"diff", diff_run, "tell which keys move when one list of nodes becomes another"},
    {"fetch", fetch_run, "send real HTTP requests through a stack of layers, and show who answered"},
    {"sim", sim_command_run, "play a scenario against several strategies, and say which one to take"},
    {"strategies", strategies_run, "list the strategies, or describe one"},
    {"layers", layers_run, "list the layers of stacks, or describe one"},
};

enum { COMMAND_COUNT = sizeof command_table / sizeof *command_table };

static void command_help(void) {
    printf("Usage: loadwise COMMAND [OPTION]...\n");
    help_paragraph("Given these nodes and their current state, which one should handle the next request?");
    printf("\nCommands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        help_entry(command_table[i].name, 16, command_table[i].help);
    }
    printf("\nOptions:\n");
    help_entry("--help", 16, "print this; after a command, the help of that command");
    help_entry("--version", 16, "print the version");
}

static const struct command *command_find(const char *name) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(command_table[i].name, name) == 0) {
            return &command_table[i];
        }
    }
    return NULL;
}

/* "pick, pool, diff" */
static void command_list(char *out, size_t room) {
    size_t used = 0;
    for (int i = 0; i < COMMAND_COUNT && used < room; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s%s", i > 0 ? ", " : "", command_table[i].name);
    }
}

static enum status command_dispatch(int argc, char **argv, struct problem *problem) {
    char list[128];
    command_list(list, sizeof list);
    if (argc < 2) {
        return problem_set(problem, STATUS_USAGE, "a command is missing; there are %s", list);
    }
    const struct command *command = command_find(argv[1]);
    if (command != NULL) {
        return command->run(argc - 1, argv + 1, problem);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        command_help();
        return STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("loadwise %s\n", lw_version_string());
        return STATUS_DONE;
    }
    return problem_set(problem, STATUS_USAGE, "\"%s\" is not a command; there are %s", argv[1], list);
}

/* Help and lists go through stdio, which keeps a failed write to itself until it is asked. */
static enum status command_flush(enum status status, struct problem *problem) {
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return status;
    }
    const char *why = errno == EPIPE ? "its reader closed it early" : strerror(errno);
    return status != STATUS_DONE ? status : problem_set(problem, STATUS_CLOSED, "standard output: %s", why);
}

static void command_explain(enum status status, const char *command, const struct problem *problem) {
    if (status == STATUS_DONE || status == STATUS_REFUSED) {
        return;
    }
    problem_print(problem);
    if (status == STATUS_USAGE) {
        const char *known = command != NULL && command_find(command) != NULL ? command : "";
        fprintf(stderr, "Try `loadwise %s%s--help`.\n", known, *known != '\0' ? " " : "");
    }
}

int main(int argc, char **argv) {
    struct problem problem = {STATUS_DONE, ""};
    interrupt_listen();
    enum status status = command_dispatch(argc, argv, &problem);
    status = command_flush(status, &problem);
    command_explain(status, argc > 1 ? argv[1] : NULL, &problem);
    bool finished = status == STATUS_DONE || status == STATUS_REFUSED;
    return finished && interrupt_signal() != 0 ? 128 + interrupt_signal() : (int)status;
}
