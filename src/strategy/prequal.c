/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * prequal: choose by what nodes say when they are asked, by requests in flight first and latency second.
 *
 * Every request has a few nodes, drawn at random, asked how many requests they have under way and how long one takes.
 * The latest answers, at most 16, at most one a node, are the pool; a choice is made among those of nodes that may be
 * chosen and are young enough:
 *
 *     hot:  more under way than the `quantile` of the pool (its ceil(quantile * size)-th smallest number)
 *     pick: of the cold ones the lowest latency; where all are hot the fewest under way; fewer than 2 answers: random
 *
 * An answer goes stale as it is used and as it ages. Each use adds one to the requests under way that it tells of; it
 * may be used b = max(1, 2 / ((1 - 16/n) probes - 1)) times, so that the pool neither dries up nor rots; and each
 * request also removes one answer, the oldest and the worst in turn. With probes <= 1, where the host sends answers of
 * its own accord, nothing is removed, and b = 2 / (1 - 16/n): the nodes in the pool take no more than three times their
 * share if all report once in n requests. Fractions of b and `probes` are rounded at random.
 *
 * A node that fails fast looks idle and quick, and would draw all requests. So its share of failures (3/4 old, 1/4 new,
 * fading by half in 10 s) adds twice as much of the greatest number in the pool to each of its own: three failures in a
 * row make it worse than the worst.
 *
 * Source: Wydrowski, Kleinberg, Rumble, Archer, NSDI 2024. Picks change nothing: begin, done and probed do. Cost per
 * pick: O(16) for any n; with begin and three answers about 0.6 us. Memory: 700 bytes, and 16 bytes a node.
 */
#include "strategy/contest.h"
#include "strategy/distinct.h"
#include "strategy/failures.h"
#include "strategy/probes.h"
#include "strategy/table.h"

enum { FEWEST_ANSWERS = 2, MOST_USES = 100 };

#define MORE_THAN_REMOVED 1.0 /* the paper's delta: answers gained over those lost, a request */
#define REMOVED 1.0           /* answers a request */
#define LONGEST (UINT64_C(1) << 62)

struct prequal_config {
    double probes;
    double quantile;
    double max_age;
};

struct prequal_node {
    uint64_t failing; /* share of failures, a Q32 */
    uint64_t answered;
};

/* ---- what answers are worth ---- */

/* A Q32. */
static uint64_t failing_now(const lw_view *view, uint32_t index) {
    const struct prequal_node *node = lw_view_scratch(view, index);
    return lw__failures(&node->failing, &node->answered, view->now);
}

/* What failures add to a number, of which this is the greatest that anyone says. */
static uint64_t penalty(uint64_t greatest, uint64_t failing) { return 2 * lw__share_of(greatest + 1, failing); }

/* The answers as they count here. */
static struct lw__probes judge(const lw_view *view, const struct lw__probes *probes) {
    struct lw__probes judged = {.count = probes->count};
    uint64_t inflight = 0, latency = 0;
    for (uint64_t i = 0; i < probes->count; i++) {
        judged.entry[i] = probes->entry[i];
        inflight = inflight > judged.entry[i].inflight ? inflight : judged.entry[i].inflight;
        latency = latency > judged.entry[i].latency ? latency : judged.entry[i].latency;
    }
    for (uint64_t i = 0; i < probes->count; i++) {
        uint64_t failing = failing_now(view, (uint32_t)judged.entry[i].node);
        if (failing != 0) {
            judged.entry[i].inflight += penalty(inflight, failing);
            judged.entry[i].latency += penalty(latency, failing);
        }
    }
    return judged;
}

static uint64_t youth(const lw_view *view) {
    const struct prequal_config *config = lw_view_config(view);
    uint64_t max_age = lw__seconds(config->max_age);
    return view->now > max_age ? view->now - max_age : 0;
}

static void keep_allowed(const lw_view *view, struct lw__probes *probes) {
    uint64_t kept = 0;
    for (uint64_t i = 0; i < probes->count; i++) {
        if (lw_view_may(view, (uint32_t)probes->entry[i].node)) {
            probes->entry[kept++] = probes->entry[i];
        }
    }
    probes->count = kept;
}

/* ---- the choice ---- */

static ptrdiff_t prequal_pick(const lw_view *view) {
    const struct prequal_config *config = lw_view_config(view);
    struct lw__probes probes;
    struct lw__contest cold = {0}, all = {0};
    uint64_t threshold;
    if (!lw__probes_read(lw_view_board(view), &probes)) {
        return lw_view_uniform(view);
    }
    lw__probes_expire(&probes, youth(view));
    keep_allowed(view, &probes);
    if (probes.count < FEWEST_ANSWERS) {
        return lw_view_uniform(view);
    }
    probes = judge(view, &probes);
    bool some_cold = lw__probes_threshold(&probes, config->quantile, &threshold);
    for (uint64_t i = 0; i < probes.count; i++) {
        const struct lw__probe_entry *entry = &probes.entry[i];
        if (!some_cold) {
            lw__contest_enter(view, &all, entry->inflight, 1, (uint32_t)entry->node);
        } else if (entry->inflight <= threshold) {
            lw__contest_enter(view, &cold, entry->latency, 1, (uint32_t)entry->node);
        }
    }
    return some_cold ? cold.winner : all.winner;
}

/* ---- what changes the pool ---- */

/* One of the two whole numbers beside it, in the mean the number itself. */
static uint32_t rounded(const lw_view *view, double number) {
    uint32_t whole = (uint32_t)number;
    double chance = (double)(lw_view_random(view) >> 11) * 0x1p-53;
    return whole + (chance < number - (double)whole);
}

static void ask_some(const lw_view *view) {
    const struct prequal_config *config = lw_view_config(view);
    uint32_t drawn[LW__CHOICES], wanted = rounded(view, config->probes);
    ptrdiff_t found = wanted > 0 ? lw__distinct_draw(view, drawn, wanted) : 0;
    for (ptrdiff_t i = 0; i < found; i++) {
        lw_view_ask(view, drawn[i]);
    }
}

/* Answers are removed only where more come, or two nodes would be left to take everything. */
static bool removes(const struct prequal_config *config) { return config->probes > REMOVED; }

static void prequal_begin(const lw_view *view, uint32_t index) {
    const struct prequal_config *config = lw_view_config(view);
    struct lw__probe_board *board = lw_view_board(view);
    struct lw__probes probes;
    if (lw__probes_open(board, &probes)) {
        lw__probes_expire(&probes, youth(view));
        lw__probes_use(&probes, index);
        if (removes(config)) {
            struct lw__probes judged = judge(view, &probes);
            lw__probes_remove(&probes, &judged, config->quantile);
        }
        lw__probes_close(board, &probes);
    }
    ask_some(view);
}

static double uses_of(const lw_view *view) {
    const struct prequal_config *config = lw_view_config(view);
    double fresh = 1 - (double)LW__PROBES / view->count; /* share of answers that do not replace another */
    double gained = removes(config) ? fresh * config->probes - REMOVED : fresh;
    double uses = gained > 0 ? (1 + MORE_THAN_REMOVED) / gained : MOST_USES;
    uses = uses < MOST_USES ? uses : MOST_USES;
    return uses > 1 ? uses : 1;
}

static void prequal_probed(const lw_view *view, uint32_t index, const lw_probe *probe) {
    struct lw__probe_board *board = lw_view_board(view);
    struct lw__probes probes;
    struct lw__probe_entry entry = {index, rounded(view, uses_of(view)), probe->inflight,
                                    lw__learnable(probe->latency, LONGEST), view->now};
    if (lw__probes_open(board, &probes)) {
        lw__probes_put(&probes, &entry);
        lw__probes_close(board, &probes);
    }
}

static void prequal_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct prequal_node *node = lw_view_scratch(view, index);
    if (lw__failures_learn(&node->failing, &node->answered, view->now, lw__answer_of(sample->outcome))) {
        lw__raise(&node->answered, view->now);
    }
}

static size_t prequal_board(const void *config, uint32_t count) {
    (void)config;
    (void)count;
    return sizeof(struct lw__probe_board);
}

static const lw_param prequal_params[] = {
    {"probes", LW_PARAM_F64, offsetof(struct prequal_config, probes), "3", "0", "16", NULL,
     "nodes that are asked for each request, in the mean"},
    {"quantile", LW_PARAM_F64, offsetof(struct prequal_config, quantile), "0.84", "0", "1", NULL,
     "share of the answers that counts as cold; 0 goes by requests under way alone, 1 by latency alone"},
    {"max_age", LW_PARAM_F64, offsetof(struct prequal_config, max_age), "1", "0.001", "3600", NULL,
     "seconds after which an answer is not used any more"},
};

const lw_strategy_ops lw__prequal = {
    .size = sizeof lw__prequal,
    .name = "prequal",
    .help = "The quickest of the nodes that are not full, by answers to probes. For many clients of large fleets.",
    .params = prequal_params,
    .param_count = sizeof prequal_params / sizeof *prequal_params,
    .config_size = sizeof(struct prequal_config),
    .needs = LW_NEEDS_CLOCK,
    .scratch_size = sizeof(struct prequal_node),
    .board_size = prequal_board,
    .pick = prequal_pick,
    .begin = prequal_begin,
    .done = prequal_done,
    .probed = prequal_probed,
};
