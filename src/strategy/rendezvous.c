/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rendezvous: consistent hashing without a table: each node draws a number for the key, and the best draw by weight
 * wins. See distance.h for the draw and the distance.
 *
 * Nodes of one weight form a class, in which the largest draw wins, so it is found by a scan without logarithms; the
 * winners of the classes meet by distance, and only where a lighter one drew more than a heavier one. Nothing depends
 * on the other nodes: when nodes come, go or change their weight, no key moves but to or from them. A key whose owner
 * may not be chosen goes to the next best.
 *
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998; weights by Schindelhauer
 * and Schomaker 2005.
 * Cost per pick: O(n), about 0.22 ns a node with AVX2 plus 10 ns a class, and as much again where the best may not be
 * chosen. Build: O(n), radix sort. Memory: 24 bytes a node.
 */
#include "base/sort.h"
#include "strategy/keyed.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

#include <string.h>

enum { WORD_BITS = 64, AHEAD = 8 };
#define INLINE static inline __attribute__((always_inline))

struct rendezvous_config {
    uint64_t absent_key;
};

/* Nodes of one weight stand side by side, in order of id. */
struct class {
    uint32_t begin, count, weight;
};

/* The heaviest class first. By place: */
struct rendezvous_plan {
    uint32_t count, classes;
    struct class *class;
    uint64_t *id;
    uint32_t *node, *weight, *low, *high; /* the halves of the mixed id */
};

/* ---- build ---- */

static struct rendezvous_plan *plan_alloc(const lw_build *build, uint32_t count, uint32_t classes) {
    size_t room = count + AHEAD;
    struct rendezvous_plan *plan = lw_build_alloc(
        build, sizeof *plan + room * (sizeof(uint64_t) + 4 * sizeof(uint32_t)) + classes * sizeof(struct class));
    if (plan != NULL) {
        plan->count = count;
        plan->classes = classes;
        plan->id = (uint64_t *)(void *)(plan + 1);
        plan->node = (uint32_t *)(void *)(plan->id + room);
        plan->weight = plan->node + room;
        plan->low = plan->weight + room;
        plan->high = plan->low + room;
        plan->class = (struct class *)(void *)(plan->high + room);
    }
    return plan;
}

static void fill_places(const lw_build *build, const uint64_t *sorted, struct rendezvous_plan *plan) {
    for (uint32_t p = 0; p < plan->count; p++) {
        uint32_t node = (uint32_t)sorted[p];
        uint64_t mixed = lw__draw_id(build->ids[node]);
        plan->id[p] = build->ids[node];
        plan->node[p] = node;
        plan->weight[p] = build->weights[node];
        plan->low[p] = (uint32_t)mixed;
        plan->high[p] = (uint32_t)(mixed >> 32);
    }
    memset(plan->low + plan->count, 0, AHEAD * sizeof *plan->low);
    memset(plan->high + plan->count, 0, AHEAD * sizeof *plan->high);
}

static void fill_classes(struct rendezvous_plan *plan) {
    for (uint32_t p = 0, c = 0; p < plan->count; c++) {
        struct class *class = &plan->class[c];
        *class = (struct class){p, 0, plan->weight[p]};
        while (p < plan->count && plan->weight[p] == class->weight) {
            class->count++;
            p++;
        }
    }
}

static uint32_t count_classes(const lw_build *build, const uint64_t *sorted, uint32_t count) {
    uint32_t classes = 1;
    for (uint32_t i = 1; i < count; i++) {
        classes += build->weights[(uint32_t)sorted[i]] != build->weights[(uint32_t)sorted[i - 1]];
    }
    return classes;
}

static int rendezvous_build(const lw_build *build, void **out) {
    uint64_t *sorted = lw_build_alloc(build, 2 * (size_t)build->count * sizeof *sorted);
    if (sorted == NULL) {
        return LW_NOMEM;
    }
    int error = LW_OK;
    uint64_t *room = sorted + build->count;
    uint32_t count = lw__weighty_by_id(build, sorted, room);
    if (count > 0) {
        for (uint32_t i = 0; i < count; i++) { /* heavier before lighter, and still by id within */
            uint32_t node = (uint32_t)sorted[i];
            room[i] = (uint64_t)(UINT32_MAX - build->weights[node]) << 32 | node;
        }
        lw__sort_high(room, sorted, count);
        struct rendezvous_plan *plan = plan_alloc(build, count, count_classes(build, sorted, count));
        if (plan != NULL) {
            fill_places(build, sorted, plan);
            fill_classes(plan);
        }
        *out = plan;
        error = plan != NULL ? LW_OK : LW_NOMEM;
    }
    lw_build_release(build, sorted);
    return error;
}

/* ---- pick ---- */

/* The bits of up to 64 places whose nodes may be chosen. */
static uint64_t mask_of(const lw_view *view, const uint32_t *nodes, uint32_t count) {
    uint64_t mask = 0;
    for (uint32_t i = 0; i < count; i++) {
        mask |= (uint64_t)lw_view_may(view, nodes[i]) << i;
    }
    return mask;
}

INLINE lw__drawn draw_class(const lw_view *view, const struct rendezvous_plan *plan, const struct class *class,
                            bool masked, uint64_t mixed_key) {
    struct lw__drawers drawers = {plan->low, plan->high};
    lw__drawn best = masked ? 0 : lw__draw_all(drawers, class->begin, class->count, NULL, mixed_key);
    for (uint32_t i = 0; masked && i < class->count; i += WORD_BITS) {
        uint32_t begin = class->begin + i, left = class->count - i, count = left < WORD_BITS ? left : WORD_BITS;
        uint64_t mask = mask_of(view, plan->node + begin, count);
        lw__drawn record = lw__draw_all(drawers, begin, count, &mask, mixed_key);
        best = record > best ? record : best;
    }
    return best;
}

static struct lw__distance distance_of(const struct rendezvous_plan *plan, lw__drawn record) {
    uint32_t at = lw__drawn_at(record);
    return lw__distance_from(lw__drawn_number(record), plan->id[at], plan->weight[at]);
}

/* Does the winner of a lighter class win over that of a heavier one? Not without a larger draw, or an equal one. */
static bool lighter_wins(const struct rendezvous_plan *plan, lw__drawn lighter, lw__drawn heavier) {
    return lw__drawn_number(lighter) >= lw__drawn_number(heavier) &&
           lw__is_nearer(distance_of(plan, lighter), distance_of(plan, heavier));
}

/* The place of the best; 0 if none may be chosen. */
INLINE lw__drawn best_of(const lw_view *view, const struct rendezvous_plan *plan, bool masked, uint64_t mixed_key) {
    lw__drawn best = 0;
    for (uint32_t c = 0; c < plan->classes; c++) {
        lw__drawn record = draw_class(view, plan, &plan->class[c], masked, mixed_key);
        if (record != 0 && (best == 0 || lighter_wins(plan, record, best))) {
            best = record;
        }
    }
    return best;
}

__attribute__((noinline)) static ptrdiff_t pick_masked(const lw_view *view, const struct rendezvous_plan *plan,
                                                       uint64_t mixed_key) {
    lw__drawn record = best_of(view, plan, true, mixed_key);
    return record != 0 ? (ptrdiff_t)plan->node[lw__drawn_at(record)] : lw__weightless(view);
}

static ptrdiff_t rendezvous_pick(const lw_view *view) {
    const struct rendezvous_config *config = lw_view_config(view);
    const struct rendezvous_plan *plan = lw_view_plan(view);
    uint64_t key;
    if (plan == NULL) {
        return lw__weightless(view);
    }
    int error = lw__key_of(view, config->absent_key, &key);
    if (error != LW_OK) {
        return error;
    }
    uint64_t mixed_key = lw__draw_key(key);
    uint32_t node = plan->node[lw__drawn_at(best_of(view, plan, false, mixed_key))];
    return lw_view_may(view, node) ? (ptrdiff_t)node : pick_masked(view, plan, mixed_key);
}

/* ---- sequence ---- */

static struct lw__distance distance_of_place(const struct rendezvous_plan *plan, uint32_t place, uint64_t mixed_key) {
    uint64_t mixed_id = (uint64_t)plan->high[place] << 32 | plan->low[place];
    return distance_of(plan, lw__drawn_of(lw__draw(mixed_key, mixed_id), place));
}

/* Inserts a place where its distance belongs among `found` places, the nearest first. */
static void insert_place(const struct rendezvous_plan *plan, uint64_t mixed_key, uint32_t *places, uint32_t found,
                         uint32_t place) {
    struct lw__distance distance = distance_of_place(plan, place, mixed_key);
    uint32_t low = 0, high = found;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (lw__is_nearer(distance, distance_of_place(plan, places[middle], mixed_key))) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    memmove(places + low + 1, places + low, (found - low) * sizeof *places);
    places[low] = place;
}

static ptrdiff_t rendezvous_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    const struct rendezvous_plan *plan = lw_view_plan(view);
    uint64_t mixed_key = lw__draw_key(key);
    uint32_t found = 0;
    struct lw__distance last = {0, 0, 0, 0};
    for (uint32_t place = 0; plan != NULL && place < plan->count; place++) {
        bool full = found == room;
        if (lw_view_may(view, plan->node[place]) &&
            (!full || lw__is_nearer(distance_of_place(plan, place, mixed_key), last))) {
            insert_place(plan, mixed_key, out, full ? found - 1 : found, place);
            found += !full;
            last = distance_of_place(plan, out[found - 1], mixed_key);
        }
    }
    for (uint32_t i = 0; i < found; i++) {
        out[i] = plan->node[out[i]];
    }
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}

static const lw_param rendezvous_params[] = {LW__ABSENT_KEY_PARAM(struct rendezvous_config)};

const lw_strategy_ops lw__rendezvous = {
    .size = sizeof lw__rendezvous,
    .name = "rendezvous",
    .help = "Consistent hashing without a table: exact shares by weight, and never a key moved needlessly. For up to a "
            "few hundred nodes.",
    .params = rendezvous_params,
    .param_count = sizeof rendezvous_params / sizeof *rendezvous_params,
    .config_size = sizeof(struct rendezvous_config),
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .plan_build = rendezvous_build,
    .pick = rendezvous_pick,
    .sequence = rendezvous_sequence,
};
