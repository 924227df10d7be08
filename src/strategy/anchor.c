/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * anchor: AnchorHash. A fixed number of buckets, of which each node has one; a key whose bucket has no node draws again
 * among those that had one when that node left, until it finds one. So loads are even and only the keys of a node that
 * came or went move, whichever node it was, with a table of the capacity's size.
 *
 * The table remembers: a version of a set is made from the one before. Nodes that left are taken out in descending
 * order of their ids, then those that came are put in, in ascending order, each into the bucket that was emptied last.
 * So nodes that leave together and come back together find their buckets again. A first version puts in all nodes, in
 * ascending order, into buckets 0, 1, 2 and on. The order of the list does not matter; the order of events does.
 *
 * With m = mix(key) a key begins at bucket high32(m) * capacity / 2^32; from bucket b it draws among A[b] by
 * mix(m + (b + 1) * g); see anchor_table.h. Weights do not count, but for 0: not in the table. An owner that may not be
 * chosen passes its keys on as keyed.h says.
 *
 * Cost per pick: 1 + ln(capacity / nodes) draws on average, memory 32 bytes a bucket. Build: O(capacity + n).
 */
#include "base/sort.h"
#include "strategy/anchor_table.h"
#include "strategy/keyed.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

struct anchor_config {
    uint64_t capacity;
    uint64_t absent_key;
};

struct anchor_plan {
    struct lw__anchor table;
    uint64_t *ids;   /* by bucket, where it works */
    uint32_t *nodes; /* the same, as indexes of this version */
    uint64_t memory[];
};

/* Who comes, stays and goes from one version to the next, ascending by id. */
struct anchor_change {
    uint64_t *occupants; /* ids of the buckets that work */
    uint64_t *leaving;   /* buckets, by place in `working` at first */
    uint64_t *coming;    /* indexes of nodes */
    uint64_t *room;
    uint32_t leaving_count, coming_count;
};

static int check_capacity(const lw_build *build) {
    const struct anchor_config *config = build->config;
    uint64_t members = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        members += build->weights[i] > 0;
        if (members > config->capacity) {
            return lw_build_fail(build, LW_TOO_LARGE, i, "capacity=%llu nodes are there before it",
                                 (unsigned long long)config->capacity);
        }
    }
    return LW_OK;
}

static struct anchor_plan *anchor_plan_new(const lw_build *build) {
    const struct anchor_config *config = build->config;
    const struct anchor_plan *previous = build->previous;
    uint32_t capacity = (uint32_t)config->capacity;
    size_t words = (LW__ANCHOR_ARRAYS + 1) * (size_t)capacity;
    struct anchor_plan *plan =
        lw_build_alloc(build, sizeof *plan + capacity * sizeof(uint64_t) + words * sizeof(uint32_t));
    if (plan == NULL) {
        return NULL;
    }
    plan->ids = plan->memory;
    plan->nodes = (uint32_t *)(void *)(plan->ids + capacity);
    if (previous == NULL) {
        lw__anchor_init(&plan->table, capacity, plan->nodes + capacity);
        return plan;
    }
    lw__anchor_copy(&plan->table, &previous->table, plan->nodes + capacity);
    for (uint32_t i = 0; i < plan->table.live; i++) {
        uint32_t bucket = plan->table.working[i];
        plan->ids[bucket] = previous->ids[bucket];
    }
    return plan;
}

static int anchor_change_open(const lw_build *build, const struct anchor_plan *plan, struct anchor_change *change) {
    uint32_t live = plan->table.live, most = build->count > live ? build->count : live;
    uint64_t *memory = lw_build_alloc(build, (2 * (size_t)live + build->count + most) * sizeof *memory);
    if (memory == NULL) {
        return LW_NOMEM;
    }
    *change = (struct anchor_change){memory, memory + live, memory + 2 * live, memory + 2 * live + build->count, 0, 0};
    for (uint32_t i = 0; i < live; i++) {
        change->occupants[i] = plan->ids[plan->table.working[i]];
    }
    lw__order_by_id(change->occupants, live, change->leaving, change->room);
    lw__order_by_id(build->ids, build->count, change->coming, change->room);
    return LW_OK;
}

/* Walks both orders at once. Those that stay are told their index now; the others remain in the two lists. */
static void tell_apart(const lw_build *build, struct anchor_plan *plan, struct anchor_change *change) {
    uint32_t occupant = 0, live = plan->table.live;
    for (uint32_t i = 0; i < build->count; i++) {
        uint32_t index = (uint32_t)change->coming[i];
        if (build->weights[index] == 0) {
            continue;
        }
        while (occupant < live && change->occupants[change->leaving[occupant]] < build->ids[index]) {
            change->leaving[change->leaving_count++] = plan->table.working[change->leaving[occupant++]];
        }
        if (occupant < live && change->occupants[change->leaving[occupant]] == build->ids[index]) {
            plan->nodes[plan->table.working[change->leaving[occupant++]]] = index;
        } else {
            change->coming[change->coming_count++] = index;
        }
    }
    while (occupant < live) {
        change->leaving[change->leaving_count++] = plan->table.working[change->leaving[occupant++]];
    }
}

static int anchor_build(const lw_build *build, void **out) {
    struct anchor_change change;
    int error = check_capacity(build);
    if (error != LW_OK) {
        return error;
    }
    struct anchor_plan *plan = anchor_plan_new(build);
    if (plan == NULL || anchor_change_open(build, plan, &change) != LW_OK) {
        lw_build_release(build, plan);
        return LW_NOMEM;
    }
    tell_apart(build, plan, &change);
    for (uint32_t i = change.leaving_count; i > 0; i--) {
        lw__anchor_remove(&plan->table, (uint32_t)change.leaving[i - 1]);
    }
    for (uint32_t i = 0; i < change.coming_count; i++) {
        uint32_t bucket = lw__anchor_add(&plan->table);
        plan->nodes[bucket] = (uint32_t)change.coming[i];
        plan->ids[bucket] = build->ids[change.coming[i]];
    }
    lw_build_release(build, change.occupants);
    *out = plan;
    return LW_OK;
}

static uint32_t anchor_owner(const lw_view *view, uint64_t key) {
    const struct anchor_plan *plan = lw_view_plan(view);
    return plan->nodes[lw__anchor_find(&plan->table, lw__mix(key))];
}

static ptrdiff_t anchor_pick(const lw_view *view) {
    const struct anchor_config *config = lw_view_config(view);
    const struct anchor_plan *plan = lw_view_plan(view);
    uint64_t key;
    int error = lw__key_of(view, config->absent_key, &key);
    if (error != LW_OK) {
        return error;
    }
    if (plan->table.live == 0) {
        return lw__weightless(view);
    }
    uint32_t owner = anchor_owner(view, key);
    return lw_view_may(view, owner) ? (ptrdiff_t)owner : lw__rehash_pick_even(view, key, anchor_owner);
}

static ptrdiff_t anchor_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    const struct anchor_plan *plan = lw_view_plan(view);
    return plan->table.live > 0 ? lw__rehash_sequence_even(view, key, anchor_owner, out, room) : lw__weightless(view);
}

static const lw_param anchor_params[] = {
    {"capacity", LW_PARAM_U64, offsetof(struct anchor_config, capacity), "1024", "1", "1048576", NULL,
     "most nodes there may ever be at a time; the closer they come, the faster the picks"},
    LW__ABSENT_KEY_PARAM(struct anchor_config),
};

const lw_strategy_ops lw__anchor = {
    .size = sizeof lw__anchor,
    .name = "anchor",
    .help = "AnchorHash: even loads and fewest moves whoever comes and goes, in a table that remembers the order of "
            "events. For one process, or several that see the same events.",
    .params = anchor_params,
    .param_count = sizeof anchor_params / sizeof *anchor_params,
    .config_size = sizeof(struct anchor_config),
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .plan_build = anchor_build,
    .pick = anchor_pick,
    .sequence = anchor_sequence,
};
