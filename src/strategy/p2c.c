/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2c: power of d choices. Draws d distinct nodes and takes the one with the lowest load (the lowest load / weight).
 *
 * Two choices already bring the longest queue from log n / log log n down to log log n, and, unlike a scan for the
 * least, do not send everybody to the same node when the loads are old (Mitzenmacher 2001; Azar et al. 1999). Draws are
 * distinct, so that of two nodes the busier is never taken; the order of draws is random, so keeping the first of
 * equals is a fair tie. A NaN load loses to any number. weighted=true draws by weight too, so that idle nodes share by
 * weight; nodes of weight 0 are then never drawn.
 *
 * Cost per pick: d draws and d loads read, for any n; over a partly eligible set a bounded number of redraws, then
 * draws by rank.
 */
#include "strategy/distinct.h"
#include "strategy/table.h"

enum { TRIES = 8 };

struct p2c_config {
    uint64_t choices;
    uint64_t weighted;
    uint64_t metric;
};

static double score_of(const lw_view *view, uint32_t index, bool weighted) {
    double load = lw_view_load(view, index);
    return weighted ? load / lw_view_weight(view, index) : load;
}

/* Is b better than a? A number beats NaN; equals leave the first. In arithmetic, since the answer is a coin toss that
   no branch predictor foresees. */
static uint32_t beats(double b, double a) { return (uint32_t) !(a <= b) & (uint32_t)(b == b); }

static uint32_t lowest(const lw_view *view, const uint32_t *drawn, uint32_t count, bool weighted) {
    uint32_t best = drawn[0]; // NOLINT(clang-analyzer-core.uninitialized.Assign): callers have drawn at least one
    double best_score = score_of(view, best, weighted);
    for (uint32_t i = 1; i < count; i++) {
        double score = score_of(view, drawn[i], weighted);
        if (beats(score, best_score)) {
            best = drawn[i];
            best_score = score;
        }
    }
    return best;
}

static inline ptrdiff_t lower_of(const lw_view *view, const lw_f64_column *loads, uint32_t first, uint32_t second) {
    uint32_t second_wins = beats(lw_f64_at(loads, second, view->now), lw_f64_at(loads, first, view->now));
    return first ^ ((first ^ second) & (0 - second_wins));
}

/* Words that would bias either draw are thrown away, beginning with `bits`. */
__attribute__((noinline, cold)) static ptrdiff_t pick_two_carefully(const lw_view *view, uint64_t bits) {
    uint32_t count = view->count, rest = count - 1;
    while ((uint32_t)((bits >> 32) * count) < (0 - count) % count ||
           (uint32_t)((bits & UINT32_MAX) * rest) < (0 - rest) % rest) {
        bits = lw_view_random(view);
    }
    uint32_t first = (uint32_t)((bits >> 32) * count >> 32), second = (uint32_t)((bits & UINT32_MAX) * rest >> 32);
    return lower_of(view, lw_view_loads(view), first, second + (second >= first));
}

/* Both draws from one random word, the first of n from its high half, the second of the other n - 1 from its low half.
 */
static inline ptrdiff_t pick_two_of_all(const lw_view *view) {
    uint32_t count = view->count;
    uint64_t bits = lw_view_random(view);
    uint64_t one = (bits >> 32) * count, two = (bits & UINT32_MAX) * (count - 1);
    const lw_f64_column *loads = lw_view_loads(view);
    bool plain = loads->at.kind == LW_LAYOUT_STRIDED; /* no call, so nothing to save */
    if (__builtin_expect(!plain || (uint32_t)one < count || (uint32_t)two < count, 0)) {
        return pick_two_carefully(view, bits);
    }
    uint32_t first = (uint32_t)(one >> 32), second = (uint32_t)(two >> 32);
    return lower_of(view, loads, first, second + (second >= first));
}

/* Out of line, so that the common case needs no stack. */
__attribute__((noinline)) static ptrdiff_t pick_otherwise(const lw_view *view) {
    const struct p2c_config *config = lw_view_config(view);
    bool weighted = config->weighted != 0;
    uint32_t d = (uint32_t)config->choices, drawn[LW__CHOICES];
    ptrdiff_t found =
        weighted ? lw__distinct_draw_weighted(view, lw_view_plan(view), drawn, d) : lw__distinct_draw(view, drawn, d);
    return found < 0 ? found : (ptrdiff_t)lowest(view, drawn, (uint32_t)found, weighted);
}

/* A node that may be chosen and is not `but`, by a bounded number of draws; or `but` itself. */
static uint32_t draw_allowed(const lw_view *view, uint32_t but) {
    for (uint32_t left = 2 * TRIES; left > 0; left--) {
        uint32_t index = lw_view_below(view, view->count);
        if (index != but && lw_view_may(view, index)) {
            return index;
        }
    }
    return but;
}

__attribute__((noinline)) static ptrdiff_t pick_two_of_some(const lw_view *view) {
    uint32_t first = draw_allowed(view, UINT32_MAX), second = draw_allowed(view, first);
    if (first == UINT32_MAX || second == first) {
        return pick_otherwise(view);
    }
    return lower_of(view, lw_view_loads(view), first, second);
}

static ptrdiff_t p2c_pick(const lw_view *view) {
    const struct p2c_config *config = lw_view_config(view);
    if (config->choices != 2 || config->weighted || view->count == 1) {
        return pick_otherwise(view);
    }
    return lw_view_all(view) ? pick_two_of_all(view) : pick_two_of_some(view);
}

static uint32_t p2c_needs(const void *config) {
    return ((const struct p2c_config *)config)->weighted ? LW_HAS(weight) | LW_NEEDS_PLAN : 0;
}

static const lw_param p2c_params[] = {
    {"choices", LW_PARAM_U64, offsetof(struct p2c_config, choices), "2", "2", "16", NULL,
     "nodes drawn for each pick; more come closer to least_load and its herding"},
    {"weighted", LW_PARAM_BOOL, offsetof(struct p2c_config, weighted), "false", NULL, NULL, NULL,
     "draws by weight and compares load / weight"},
    LW__METRIC_PARAM(struct p2c_config),
};

const lw_strategy_ops lw__p2c = {
    .size = sizeof lw__p2c,
    .name = "p2c",
    .help = "The less loaded of two random nodes. The default for most traffic, above all with several clients.",
    .params = p2c_params,
    .param_count = sizeof p2c_params / sizeof *p2c_params,
    .config_size = sizeof(struct p2c_config),
    .needs = LW_HAS(load),
    .needs_of = p2c_needs,
    .plan_build = lw__alias_build,
    .pick = p2c_pick,
};
