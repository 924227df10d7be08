/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of a command line against a table: one entry gives an option its name, its meaning and its help. */
#ifndef LOADWISE_TOOL_OPTIONS_H
#define LOADWISE_TOOL_OPTIONS_H

#include "problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct setting {
    void *target; /* the options of the command */
    char *value;  /* NULL: the option takes none */
    struct problem *problem;
};

struct option_entry {
    const char *name;
    enum status (*set)(const struct setting *setting);
    const char *value; /* what the help calls it; NULL: the option takes none */
    const char *help;
};

struct option_table {
    const char *command;
    const struct option_entry *entries;
    size_t count;
    enum status (*word)(const struct setting *setting); /* for each word that is no option; NULL: there may be none */
};

/* Sets all that is given. Ends at --help or -h, and then *help is true; otherwise every word was an option. */
enum status options_read(const struct option_table *table, void *target, int argc, char **argv, bool *help,
                         struct problem *problem);

/* Prints the options, one entry each. */
void options_help(const struct option_table *table);

/* For values of an option with two: 1 for the second, 0 for the first, -1 for neither. */
int options_choose(const struct setting *setting, const char *option, const char *first, const char *second);

enum status options_seed(const struct setting *setting, uint64_t *seed);

#endif
