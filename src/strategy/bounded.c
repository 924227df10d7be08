/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bounded(X): X places by key, and no node gets more than its share of what is under way. A node may have the m-th
 * request when its own count with it stays within
 *
 *     cap_i = ceil(factor * m * w_i / W)      m: under way, with this one;  W: weight of the nodes that may be chosen
 *
 * in whole numbers: count_i * W * 10^6 < factor * 10^6 * m * w_i, without a division. W counts those that this request
 * may have, not all, for then somebody has room whenever factor >= 1: were all at their caps, there would be m of them
 * under way already. Since a smaller W only makes caps larger, the weight of all is tried first, and the exact sum is
 * needed only beyond it.
 *
 * Past a full owner, X is asked for the owners of other keys, made from this one: so the nodes come in an order that is
 * the key's own, by X's shares, and a full node's keys go to all the others. After TRIES, of exactly those with room
 * the one with the lowest hash of key and id. overflow=next walks X's own sequence instead.
 *
 * Counts are this strategy's own, from begin to done. Threads that pick at once do not see each other's choice, so with
 * T of them a cap may be exceeded by T - 1.
 *
 * Source: Mirrokni, Thorup, Zadimoghaddam 2016 (arXiv 1608.01350); overflow in random order: arXiv 1908.08762. Cost:
 * two loads and two products on top of X; past an owner that is full at most TRIES times X, then O(n).
 */
#include "strategy/keyed.h"
#include "strategy/table.h"
#include "strategy/under_way.h"
#include "strategy/weighted.h"

#include <string.h>

enum { TRIES = 32, FIRST_WALK = 8, WALK = 64, WORD_BITS = 64, MILLION = 1000000 };
enum { OVERFLOW_RANDOM = 0, OVERFLOW_NEXT = 1 };

__extension__ typedef unsigned __int128 wide;

struct bounded_config {
    double factor;
    uint64_t overflow;
};

struct bounded_plan {
    struct lw__counting counting;
    uint64_t factor; /* in millionths */
    uint64_t weight; /* of all */
    bool even;       /* all weights are alike */
    uint32_t weights[];
};

struct bounded_lane {
    uint64_t overflows, scans;
};

/* What one pick is held against: node i has room while count_i * left < right * w_i. */
struct bounds {
    const lw_view *view;
    const struct bounded_plan *plan;
    wide left;  /* W * 10^6 */
    wide right; /* m * factor */
};

static int bounded_build(const lw_build *build, void **out) {
    const struct bounded_config *config = build->config;
    struct bounded_plan *plan = lw__counting_plan_new(build, sizeof *plan + build->count * sizeof *plan->weights);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    plan->factor = (uint64_t)(config->factor * MILLION + 0.5);
    plan->weight = lw__weights_sum(build->weights, build->count);
    plan->even = true;
    for (uint32_t i = 0; i < build->count; i++) {
        plan->weights[i] = build->weights[i];
        plan->even &= build->weights[i] == build->weights[0];
    }
    *out = plan;
    return LW_OK;
}

/* ---- room ---- */

static inline bool has_room(const struct bounds *bounds, uint32_t index) {
    return lw__under_way_at(bounds->view, index) * bounds->left < bounds->right * bounds->plan->weights[index];
}

/* The weight of the nodes that may be chosen. */
static uint64_t weight_left(const lw_view *view, const struct bounded_plan *plan) {
    uint64_t sum = 0;
    if (plan->even) {
        return (uint64_t)lw_view_count(view) * plan->weights[0];
    }
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            sum += plan->weights[w * WORD_BITS + (uint32_t)__builtin_ctzll(bits)];
        }
    }
    return sum;
}

/* Is a less full than b, by weight? */
static bool is_emptier(const struct bounds *bounds, uint32_t a, uint32_t b) {
    const uint32_t *weights = bounds->plan->weights;
    return (uint64_t)lw__under_way_at(bounds->view, a) * weights[b] <
           (uint64_t)lw__under_way_at(bounds->view, b) * weights[a];
}

/* Of those with room the one with the lowest hash of key and id; where other threads have just taken all of it, the
   least full. */
static ptrdiff_t search_all(const struct bounds *bounds, uint64_t key) {
    const lw_view *view = bounds->view;
    ptrdiff_t found = -1, emptiest = -1;
    uint64_t least = UINT64_MAX;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            if (has_room(bounds, index)) {
                uint64_t hash = lw__mix(lw__mix(key) ^ lw__mix(lw_nodes_id(view->nodes, index)));
                found = hash <= least ? (ptrdiff_t)index : found;
                least = hash <= least ? hash : least;
            } else if (bounds->plan->weights[index] > 0 &&
                       (emptiest < 0 || is_emptier(bounds, index, (uint32_t)emptiest))) {
                emptiest = index;
            }
        }
    }
    return found >= 0 ? found : emptiest >= 0 ? emptiest : lw__weightless(view);
}

/* ---- past a full owner ---- */

/* Owners of other keys, attempt 0 being the owner itself; without a key X draws again by itself. */
static ptrdiff_t try_other_keys(const struct bounds *bounds) {
    const lw_request *asked = bounds->view->request;
    lw_request request = LW_REQUEST_INIT;
    lw_view view = *bounds->view;
    memcpy(&request, asked, asked->size < sizeof request ? asked->size : sizeof request);
    request.size = sizeof request;
    view.request = &request;
    for (uint32_t attempt = 1; attempt <= TRIES; attempt++) {
        request.key = lw__rehash(asked->key, attempt);
        ptrdiff_t index = lw_view_child_pick(&view, 0);
        if (index < 0 || has_room(bounds, (uint32_t)index)) {
            return index;
        }
    }
    return LW_SATURATED;
}

/* X's own sequence, first a few of it. */
static ptrdiff_t walk_on(const struct bounds *bounds, uint64_t key) {
    uint32_t found[WALK];
    for (uint32_t room = FIRST_WALK, seen = 0; room <= WALK; room *= WALK / FIRST_WALK) {
        ptrdiff_t count = lw_view_child_sequence(bounds->view, 0, key, found, room);
        for (; (ptrdiff_t)seen < count; seen++) {
            if (has_room(bounds, found[seen])) {
                return found[seen];
            }
        }
        if (count < (ptrdiff_t)room) {
            break;
        }
    }
    return LW_SATURATED;
}

__attribute__((noinline)) static ptrdiff_t overflow(const struct bounds *bounds) {
    const lw_view *view = bounds->view;
    const struct bounded_config *config = lw_view_config(view);
    struct bounded_lane *lane = lw_view_lane(view);
    bool keyed = (view->request->flags & LW_REQUEST_KEYED) != 0;
    uint64_t key = keyed ? view->request->key : lw_view_random(view);
    lw_view_ticket(view, &lane->overflows);
    ptrdiff_t index = config->overflow == OVERFLOW_NEXT ? walk_on(bounds, key) : try_other_keys(bounds);
    if (index != LW_SATURATED) {
        return index;
    }
    lw_view_ticket(view, &lane->scans);
    return search_all(bounds, key);
}

static ptrdiff_t bounded_pick(const lw_view *view) {
    const struct bounded_plan *plan = lw_view_plan(view);
    ptrdiff_t owner = lw_view_child_pick(view, 0);
    if (__builtin_expect(owner < 0, 0)) {
        return owner;
    }
    uint64_t m = lw__under_way(view) + 1;
    struct bounds bounds = {view, plan, (wide)plan->weight * MILLION, (wide)m * plan->factor};
    if (__builtin_expect(has_room(&bounds, (uint32_t)owner), 1)) {
        return owner;
    }
    if (!lw_view_all(view)) {
        bounds.left = (wide)weight_left(view, plan) * MILLION;
        if (has_room(&bounds, (uint32_t)owner)) {
            return owner;
        }
    }
    return overflow(&bounds);
}

/* Where a key's replicas live is no matter of how busy they are. */
static ptrdiff_t bounded_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    return lw_view_child_sequence(view, 0, key, out, room);
}

/* Weights are summed over the nodes that may be chosen, so a subset must be known out here. */
static const char *bounded_misfit(uint32_t below) {
    if ((below & LW_NEEDS_WITHIN) != 0) {
        return "does not stand around a subset, but inside: subset(bounded(ring))";
    }
    return (below & LW_NEEDS_KEY) != 0 ? NULL : "stands around a strategy that places by key, such as ring";
}

static uint64_t bounded_counter(const lw_memory *memory, uint32_t which) {
    return which == 2 ? lw__under_way_sum(memory) : lw_memory_lane_sum(memory, which * sizeof(uint64_t));
}

static const char *const bounded_counters[] = {"overflows", "scans", "under_way"};

static const lw_param bounded_params[] = {
    {"factor", LW_PARAM_F64, offsetof(struct bounded_config, factor), "1.25", "1", "1000", NULL,
     "how far above its share a node may go; nearer to 1 is more even, and more keys leave their node"},
    {"overflow", LW_PARAM_CHOICE, offsetof(struct bounded_config, overflow), "random", NULL, NULL, "random|next",
     "past a full node: nodes in an order of the key's own, or the next in the order of the strategy inside"},
};

const lw_strategy_ops lw__bounded = {
    .size = sizeof lw__bounded,
    .name = "bounded",
    .help = "Keeps a strategy that places by key from filling a node beyond its share: bounded(ring). For hot keys.",
    .params = bounded_params,
    .param_count = sizeof bounded_params / sizeof *bounded_params,
    .config_size = sizeof(struct bounded_config),
    .children_min = 1,
    .children_max = 1,
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .state_size = sizeof(struct lw__grand_total),
    .scratch_size = sizeof(struct lw__counted),
    .lane_size = sizeof(struct bounded_lane),
    .plan_build = bounded_build,
    .plan_free = lw__counting_plan_free,
    .pick = bounded_pick,
    .sequence = bounded_sequence,
    .begin = lw__under_way_begin,
    .done = lw__under_way_done,
    .leave = lw__under_way_leave,
    .misfit = bounded_misfit,
    .counters = bounded_counters,
    .counter_count = sizeof bounded_counters / sizeof *bounded_counters,
    .counter = bounded_counter,
};
