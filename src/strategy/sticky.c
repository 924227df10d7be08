/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sticky(X): a key stays with the node that X once chose for it, as long as that node may be chosen.
 *
 * Each choice for a key, whoever made it, pins the key to the node or pins it further; a pin is forgotten `ttl` after
 * its last use, or when its place is needed (pins.h). A pinned node that may not be chosen does not hold its key: X is
 * asked, and the pin moves. Nothing is pinned in a pick, which may be a trial, but in begin.
 *
 * Unlike a hash, which can move keys when nodes come and go but needs no memory and agrees between processes, a pin
 * stays until its node goes, and this process alone knows of it.
 *
 * Source: the stick tables of HAProxy; Katran's cache of flows in front of a ring. Cost: for a key that is pinned one
 * search in the table, two or three cache lines, in place of X's pick; a store when it begins. Memory: 192 bytes for 7
 * pins; 16 to 24 bytes a node.
 */
#include "base/random.h"
#include "strategy/pins.h"
#include "strategy/table.h"

enum { SECOND = 1000000000 };

struct sticky_config {
    double ttl;
    uint64_t max;
};

/* By enum lw__pinning. */
struct sticky_lane {
    uint64_t count[LW__PIN_LOST + 1];
};

/* Where a node stands, by its id: open addressing. */
struct sticky_plan {
    uint64_t mask;
    uint32_t *slots; /* index + 1; 0: free */
    uint64_t ids[];
};

static int sticky_build(const lw_build *build, void **out) {
    uint64_t slots = 2;
    while (slots < 2 * (uint64_t)build->count) {
        slots *= 2;
    }
    size_t ids = build->count * sizeof(uint64_t);
    struct sticky_plan *plan = lw_build_alloc(build, sizeof *plan + ids + slots * sizeof *plan->slots);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    plan->mask = slots - 1;
    plan->slots = (uint32_t *)(void *)(plan->ids + build->count);
    for (uint64_t s = 0; s < slots; s++) {
        plan->slots[s] = 0;
    }
    for (uint32_t i = 0; i < build->count; i++) {
        uint64_t at = lw__mix(build->ids[i]) & plan->mask;
        while (plan->slots[at] != 0) {
            at = (at + 1) & plan->mask;
        }
        plan->slots[at] = i + 1;
        plan->ids[i] = build->ids[i];
    }
    *out = plan;
    return LW_OK;
}

/* The index of a node, or -1. */
static ptrdiff_t place_of_id(const struct sticky_plan *plan, uint64_t id) {
    for (uint64_t at = lw__mix(id) & plan->mask; plan->slots[at] != 0; at = (at + 1) & plan->mask) {
        uint32_t index = plan->slots[at] - 1;
        if (plan->ids[index] == id) {
            return index;
        }
    }
    return -1;
}

static struct lw__pins pins_in(const lw_memory *memory) {
    const struct sticky_config *config = memory->config;
    return (struct lw__pins){memory->state, config->max, (uint64_t)(config->ttl * SECOND)};
}

static struct lw__pins pins_of(const lw_view *view) { return pins_in(view->memory); }

/* Each set of nodes has keys of its own. */
static uint64_t pinned_key(const lw_view *view, uint64_t key) { return lw__mix(key ^ lw__mix(view->nodes->set)); }

/* The node that holds the key and may be chosen, or -1. */
static ptrdiff_t holder_of(const lw_view *view, uint64_t key) {
    struct lw__pins pins = pins_of(view);
    uint64_t id;
    if (!lw__pins_find(&pins, pinned_key(view, key), view->now, &id)) {
        return -1;
    }
    ptrdiff_t index = place_of_id(lw_view_plan(view), id);
    return index >= 0 && lw_view_may(view, (uint32_t)index) ? index : -1;
}

static ptrdiff_t sticky_pick(const lw_view *view) {
    if ((view->request->flags & LW_REQUEST_KEYED) != 0) {
        ptrdiff_t index = holder_of(view, view->request->key);
        if (index >= 0) {
            return index;
        }
    }
    return lw_view_child_pick(view, 0);
}

static void sticky_begin(const lw_view *view, uint32_t index) {
    if ((view->request->flags & LW_REQUEST_KEYED) != 0) {
        const struct sticky_plan *plan = lw_view_plan(view);
        struct sticky_lane *lane = lw_view_lane(view);
        struct lw__pins pins = pins_of(view);
        enum lw__pinning done = lw__pins_put(&pins, pinned_key(view, view->request->key), plan->ids[index], view->now);
        lw_view_ticket(view, &lane->count[done]);
    }
}

/* The holder, then X's order without it. */
static ptrdiff_t sticky_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    ptrdiff_t holder = holder_of(view, key), count = lw_view_child_sequence(view, 0, key, out, room);
    if (holder < 0 || count <= 0) {
        return count;
    }
    uint32_t at = 0;
    while (at + 1 < (uint32_t)count && out[at] != (uint32_t)holder) {
        at++;
    }
    if (out[at] != (uint32_t)holder && (uint32_t)count < room) {
        at = (uint32_t)count++;
    }
    for (; at > 0; at--) {
        out[at] = out[at - 1];
    }
    out[0] = (uint32_t)holder;
    return count;
}

static void sticky_after_fork(const lw_memory *memory) {
    struct lw__pins pins = pins_in(memory);
    lw__pins_renew(&pins);
}

static size_t sticky_state(const void *config) { return lw__pins_size(((const struct sticky_config *)config)->max); }

enum { HITS, MISSES, MOVES, EVICTIONS, LOST, PINS, COUNTERS };

static const char *const sticky_counters[COUNTERS] = {"hits", "misses", "moves", "evictions", "lost", "pins"};

static uint64_t sticky_counter(const lw_memory *memory, uint32_t which) {
    static const uint32_t sums[COUNTERS] = {
        [HITS] = 1 << LW__PIN_HELD,
        [MISSES] =
            1 << LW__PIN_RENEWED | 1 << LW__PIN_ADDED | 1 << LW__PIN_EXPIRED | 1 << LW__PIN_EVICTED | 1 << LW__PIN_LOST,
        [MOVES] = 1 << LW__PIN_MOVED,
        [EVICTIONS] = 1 << LW__PIN_EVICTED,
        [LOST] = 1 << LW__PIN_LOST,
        [PINS] = 1 << LW__PIN_ADDED,
    };
    uint64_t sum = 0;
    for (uint32_t done = 0; done <= LW__PIN_LOST; done++) {
        sum += (sums[which] >> done & 1) != 0 ? lw_memory_lane_sum(memory, done * sizeof(uint64_t)) : 0;
    }
    return sum;
}

static const lw_param sticky_params[] = {
    {"ttl", LW_PARAM_F64, offsetof(struct sticky_config, ttl), "3600", "0", "31536000", NULL,
     "seconds from its last use after which a pin is forgotten; 0: never"},
    {"max", LW_PARAM_U64, offsetof(struct sticky_config, max), "65536", "1", "16777216", NULL,
     "most pins; about twice as many as keys that are in use at a time"},
};

const lw_strategy_ops lw__sticky = {
    .size = sizeof lw__sticky,
    .name = "sticky",
    .help = "A key stays with the node that was once chosen for it: sticky(p2c). For sessions kept in one process.",
    .params = sticky_params,
    .param_count = sizeof sticky_params / sizeof *sticky_params,
    .config_size = sizeof(struct sticky_config),
    .children_min = 1,
    .children_max = 1,
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY | LW_NEEDS_CLOCK,
    .lane_size = sizeof(struct sticky_lane),
    .plan_build = sticky_build,
    .pick = sticky_pick,
    .sequence = sticky_sequence,
    .begin = sticky_begin,
    .state_size_of = sticky_state,
    .counters = sticky_counters,
    .counter_count = COUNTERS,
    .counter = sticky_counter,
    .after_fork = sticky_after_fork,
};
