/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One strategy, two versions of one set of nodes: each key is placed in both, and who has it then is counted. It is one
 * strategy so that rules which remember the version before do so here as well.
 */
#include "diff.h"

#include "diff_options.h"
#include "diff_print.h"
#include "help.h"
#include "interrupt.h"
#include "nodes_file.h"
#include "placer.h"
#include "requests.h"
#include "said.h"

#include <inttypes.h>
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIFF_SET = 1, DIFF_NOW = 1 };

struct diff {
    struct diff_options options;
    struct fleet fleets[DIFF_SIDES];
    lw_nodes nodes[DIFF_SIDES];
    uint64_t *open[DIFF_SIDES]; /* bitmap of those whose health lets them be chosen; NULL: all */
    lw_strategy *strategy;
    struct said said;
    struct comparison found;
    struct problem *problem;
};

/* ---- the strategy ---- */

static void diff_names_of_key_strategies(char *text, size_t room) {
    size_t used = 0;
    for (size_t i = 0; lw_strategy_builtin(i) != NULL && used < room; i++) {
        const lw_strategy_ops *ops = lw_strategy_builtin(i);
        if (ops->needs & LW_NEEDS_KEY) {
            used += (size_t)snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "", ops->name);
        }
    }
}

static enum status diff_not_keyed(const struct diff *diff) {
    char names[256] = "";
    diff_names_of_key_strategies(names, sizeof names);
    return problem_set(diff->problem, STATUS_BAD_STRATEGY,
                       "\"%s\" does not place by key, so there is nothing to compare; these do: %s", diff->options.spec,
                       names);
}

/* What has no order of nodes for a key does not place by it; of strategies around others that shows in use. */
static enum status diff_check_keyed(struct diff *diff) {
    uint32_t first;
    bool keyed = lw_replicas(diff->strategy, &diff->nodes[0], 0, &first, 1) != LW_UNSUPPORTED;
    return keyed ? STATUS_DONE : diff_not_keyed(diff);
}

static enum status diff_make_strategy(struct diff *diff) {
    lw_env env = LW_ENV_INIT;
    env.user = &diff->said;
    env.seed = diff->options.seed;
    env.log = said_log;
    int code = lw_strategy_new(&diff->strategy, &env, diff->options.spec);
    if (code == LW_NOMEM) {
        return problem_memory(diff->problem);
    }
    if (code < 0) {
        return said_bad_spec(&diff->said, diff->options.spec, code, diff->problem);
    }
    return lw_strategy_ops_of(diff->strategy)->sequence != NULL ? STATUS_DONE : diff_not_keyed(diff);
}

static enum status diff_prepare(struct diff *diff, uint32_t side) {
    int code = lw_prepare(diff->strategy, &diff->nodes[side]);
    if (code == LW_NOMEM) {
        return problem_memory(diff->problem);
    }
    return code >= 0 || lw_is_refusal(code)
               ? STATUS_DONE
               : problem_set(diff->problem, STATUS_UNFIT, "\"%s\" cannot work with the nodes of %s: %s",
                             diff->options.spec, diff->options.nodes[side], said_of(&diff->said, code));
}

/* ---- the nodes ---- */

static enum status diff_read_side(struct diff *diff, uint32_t side) {
    enum status status = nodes_file_read(&diff->fleets[side], diff->options.nodes[side], diff->problem);
    if (status != STATUS_DONE) {
        return status;
    }
    fleet_view(&diff->fleets[side], &diff->nodes[side]);
    diff->nodes[side].set = DIFF_SET;
    diff->nodes[side].version = side + 1;
    if (diff->nodes[side].present & LW_HAS(health)) {
        diff->open[side] = placer_usable(&diff->nodes[side]);
        diff->nodes[side].eligible = diff->open[side];
        return diff->open[side] != NULL ? STATUS_DONE : problem_memory(diff->problem);
    }
    return STATUS_DONE;
}

static enum status diff_open(struct diff *diff) {
    enum status status = STATUS_DONE;
    for (uint32_t side = 0; side < DIFF_SIDES && status == STATUS_DONE; side++) {
        status = diff_read_side(diff, side);
    }
    status = status == STATUS_DONE ? diff_make_strategy(diff) : status;
    for (uint32_t side = 0; side < DIFF_SIDES && status == STATUS_DONE; side++) {
        status = diff_prepare(diff, side);
    }
    status = status == STATUS_DONE ? diff_check_keyed(diff) : status;
    const uint64_t *const open[] = {diff->open[0], diff->open[1]};
    if (status == STATUS_DONE && (!roster_init(&diff->found.roster, diff->fleets, open) ||
                                  !moves_init(&diff->found.moves, diff->found.roster.count))) {
        return problem_memory(diff->problem);
    }
    return status;
}

static void diff_close(struct diff *diff) {
    lw_strategy_free(diff->strategy);
    moves_free(&diff->found.moves);
    roster_free(&diff->found.roster);
    for (uint32_t side = 0; side < DIFF_SIDES; side++) {
        free(diff->open[side]);
        fleet_free(&diff->fleets[side]);
    }
    free(diff);
}

/* ---- the keys ---- */

/* The request ends at once, so that nothing is under way when the next key is placed. */
static ptrdiff_t diff_place(struct diff *diff, uint32_t side, const lw_request *request) {
    ptrdiff_t node = lw_select_at(diff->strategy, &diff->nodes[side], request, DIFF_NOW);
    lw_sample sample = LW_SAMPLE_INIT;
    if (node >= 0) {
        lw_feedback(diff->strategy, &diff->nodes[side], (uint32_t)node, &sample);
    }
    return node;
}

static enum status diff_key(struct diff *diff, const char *key, size_t size) {
    uint32_t owner[DIFF_SIDES];
    bool refused = false;
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = diff->options.hash(key, size);
    for (uint32_t side = 0; side < DIFF_SIDES; side++) {
        ptrdiff_t node = diff_place(diff, side, &request);
        if (node < 0 && !lw_is_refusal(node)) {
            return problem_set(diff->problem, STATUS_UNFIT, "\"%s\" failed: %s", diff->options.spec,
                               lw_error_message((int)node));
        }
        owner[side] = node >= 0 ? diff->found.roster.place[side][node] : diff->found.roster.count;
        refused = refused || node < 0;
    }
    diff->found.refused += refused;
    return moves_add(&diff->found.moves, owner[0], owner[1]) ? STATUS_DONE : problem_memory(diff->problem);
}

static enum status diff_sample(struct diff *diff) {
    enum status status = STATUS_DONE;
    for (uint64_t i = 1; i <= diff->options.sample && status == STATUS_DONE && interrupt_signal() == 0; i++) {
        char key[32];
        status = diff_key(diff, key, (size_t)snprintf(key, sizeof key, "key-%" PRIu64, i));
    }
    return status;
}

static enum status diff_rows(struct diff *diff, struct requests *requests) {
    struct request_row row = {.row = 0};
    for (;;) {
        switch (requests_next(requests, &row, diff->problem)) {
        case REQUESTS_END: return STATUS_DONE;
        case REQUESTS_FAILED: return STATUS_UNREADABLE;
        case REQUESTS_BAD_ROW: return STATUS_BAD_ROW;
        case REQUESTS_ROW: break;
        }
        if (row.key == NULL) {
            return problem_set(diff->problem, STATUS_NO_COLUMN,
                               "%s: a CSV has no keys of its own; name their column with --key",
                               requests_label(requests));
        }
        enum status status = diff_key(diff, row.key, row.key_size);
        if (status != STATUS_DONE) {
            return status;
        }
    }
}

static enum status diff_keys(struct diff *diff) {
    if (diff->options.keys == NULL) {
        return diff_sample(diff);
    }
    struct requests *requests = NULL;
    struct request_source source = {.path = diff->options.keys, .key = diff->options.column};
    enum status status = requests_open(&requests, &source, diff->problem);
    status = status == STATUS_DONE ? diff_rows(diff, requests) : status;
    requests_close(requests);
    return status;
}

static enum status diff_print(struct diff *diff) {
    moves_sort(&diff->found.moves);
    if (!diff->options.json) {
        diff_print_text(&diff->found, &diff->options);
    } else if (!diff_print_json(&diff->found, &diff->options)) {
        return problem_memory(diff->problem);
    }
    return diff->found.refused > 0 ? STATUS_REFUSED : STATUS_DONE;
}

static void diff_help(void) {
    printf("Usage: loadwise diff --nodes BEFORE --nodes AFTER --strategy SPEC [--keys FILE|-] [OPTION]...\n");
    help_paragraph("Which keys move when one list of nodes becomes another: how many, from whom to whom, and how many "
                   "the weights ask to move, whatever the strategy. Nodes are told by their names; unhealthy ones own "
                   "nothing.");
    printf("\nOptions:\n");
    diff_options_help();
    printf("\nOutput:\n");
    help_entry("weight, keys", 17, "of a node in the first list, then in the second; - where it is not in it");
    help_entry("left, arrived", 17, "keys that it had and has no longer, and those that it has got");
    help_entry("least", 14,
               "the sum of what nodes gain in their share of the weights: no rule that keeps to the weights moves less "
               "on average");
    help_entry("ratio", 17, "moved keys against the least; not where there are no keys, or nobody owns any");
    printf("\nThe exit status is that of `loadwise pick`.\n");
    printf("\nExamples:\n  loadwise diff --nodes before.yaml --nodes after.yaml --strategy maglev\n"
           "  loadwise diff --nodes before.yaml --nodes after.yaml --strategy \"ketama flavour=nginx\" \\\n"
           "      --hash nginx --keys keys.txt --json\n");
}

enum status diff_run(int argc, char **argv, struct problem *problem) {
    struct diff *diff = calloc(1, sizeof *diff);
    if (diff == NULL) {
        return problem_memory(problem);
    }
    diff->problem = problem;
    enum status status = diff_options_read(&diff->options, argc, argv, problem);
    if (status == STATUS_DONE && diff->options.help) {
        diff_help();
    } else if (status == STATUS_DONE) {
        status = diff_open(diff);
        status = status == STATUS_DONE ? diff_keys(diff) : status;
        status = status == STATUS_DONE ? diff_print(diff) : status;
    }
    diff_close(diff);
    return status;
}
