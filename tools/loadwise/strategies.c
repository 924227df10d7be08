/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Everything printed here comes from the declarations of the strategies themselves. */
#include "strategies.h"

#include "help.h"
#include "params.h"
#include "text.h"

#include <getopt.h>
#include <loadwise/ops.h>
#include <loadwise/strategy.h>
#include <stdio.h>
#include <string.h>

/* What a strategy goes by, as its own declarations have it. */
enum family { FAMILY_TURN, FAMILY_LOAD, FAMILY_KEY, FAMILY_AROUND, FAMILY_COUNT };

static const char *const family_titles[FAMILY_COUNT] = {"In turn, or by chance", "By load", "By key", "Around others"};

static enum family family_of(const lw_strategy_ops *ops) {
    const uint32_t loads = LW_HAS(load) | LW_HAS(remaining) | LW_HAS(inflight) | LW_HAS(capacity);
    if (ops->children_max > 0) {
        return FAMILY_AROUND;
    }
    if (ops->needs & LW_NEEDS_KEY) {
        return FAMILY_KEY;
    }
    return (ops->needs & loads) || ops->done != NULL || ops->probed != NULL ? FAMILY_LOAD : FAMILY_TURN;
}

static void strategies_list(void) {
    printf("Strategies (`loadwise strategies NAME` tells more of one)\n");
    for (int family = 0; family < FAMILY_COUNT; family++) {
        printf("\n%s:\n", family_titles[family]);
        for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
            const lw_strategy_ops *ops = lw_strategy_builtin(i);
            if (family_of(ops) == (enum family)family) {
                help_entry(ops->name, PARAMS_COLUMN, ops->help);
            }
        }
    }
}

/* The nodes file has names, and the identity of a node is made from its name. */
static const char *strategies_field(uint32_t column) {
    return column == LW_COLUMN_id ? "name" : lw_column_name(column);
}

/* The columns without which the strategy refuses a set of nodes. */
static void strategies_show_needs(const lw_strategy_ops *ops) {
    char list[256] = "";
    size_t used = 0;
    for (uint32_t i = 0; lw_column_name(i) != NULL; i++) {
        if (ops->needs >> i & 1) {
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", strategies_field(i));
        }
    }
    help_entry("needs", PARAMS_COLUMN, used > 0 ? list : "no field of the nodes");
    if (ops->needs & LW_NEEDS_KEY) {
        help_entry("places by", PARAMS_COLUMN, "the key of a request");
    }
    if (ops->needs & LW_NEEDS_PLAN) {
        help_entry("prepares", PARAMS_COLUMN, "a table for each set of nodes, anew when nodes or weights change");
    }
}

static void strategies_show_children(const lw_strategy_ops *ops) {
    char text[80];
    if (ops->children_max == 0) {
        return;
    }
    if (ops->children_max == 1) {
        snprintf(text, sizeof text, "one strategy, in parentheses: %s(ring)", ops->name);
    } else {
        snprintf(text, sizeof text, "%u to %u strategies, in parentheses: %s(ring, p2c)", ops->children_min,
                 ops->children_max, ops->name);
    }
    help_entry("takes", PARAMS_COLUMN, text);
}

static enum status strategies_show(const char *name, struct problem *problem) {
    for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
        const lw_strategy_ops *ops = lw_strategy_builtin(i);
        if (strcmp(ops->name, name) == 0) {
            printf("%s\n", ops->name);
            help_paragraph(ops->help);
            putchar('\n');
            strategies_show_needs(ops);
            strategies_show_children(ops);
            params_show(ops->params, ops->param_count, "strategy");
            return STATUS_DONE;
        }
    }
    return problem_set(problem, STATUS_BAD_STRATEGY,
                       "no strategy is called \"%s\"; `loadwise strategies` lists those that are there",
                       text_shown(name, strlen(name)).text);
}

static void strategies_help(void) {
    printf("Usage: loadwise strategies [NAME]\n");
    help_paragraph("Lists the strategies that `loadwise pick --strategy` knows; with a name, what this one needs and "
                   "what its parameters are.");
    help_paragraph("A specification is a name, then parameters: `ring vnodes=200`. Strategies that take others have "
                   "them in parentheses: `chain(ring vnodes=200, p2c)`.");
}

enum status strategies_run(int argc, char **argv, struct problem *problem) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    opterr = 0;
    switch (getopt_long(argc, argv, "h", options, NULL)) {
    case 'h': strategies_help(); return STATUS_DONE;
    case -1: break;
    default: return problem_set(problem, STATUS_USAGE, "%s is not an option of strategies", argv[optind - 1]);
    }
    if (argc - optind > 1) {
        return problem_set(problem, STATUS_USAGE, "strategies takes one name at most");
    }
    if (optind < argc) {
        return strategies_show(argv[optind], problem);
    }
    strategies_list();
    return STATUS_DONE;
}
