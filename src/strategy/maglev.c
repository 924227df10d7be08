/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * maglev: consistent hashing by a table that is looked up once. A key belongs to the node of slot
 * floor(mix(key) * table / 2^64).
 *
 * Let mix be the finaliser of splitmix64 and g = 0x9e3779b97f4a7c15. A node looks for slots from h mod table on, in
 * steps of mix(h + g) mod (table - 1) + 1, where h = mix(its id). Nodes claim free slots in turn, ordered by id; by
 * weight as in maglev_table.h. So neither the order of the list nor the platform nor the seed matters. An owner that
 * may not be chosen passes its keys on to all others by weight; see keyed.h.
 *
 * Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016; turns by weight as
 * in Envoy, in whole numbers.
 * Cost per pick: one load and two multiplications. Build: O(table ln table). Memory: 2 bytes a slot up to 65,536 nodes,
 * else 4.
 */
#include "strategy/keyed.h"
#include "strategy/maglev_table.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

#include <string.h>

enum { NARROW_NODES = 65536 };

__extension__ typedef unsigned __int128 product;

struct maglev_config {
    uint64_t table;
    uint64_t absent_key;
};

struct maglev_plan {
    uint32_t size;
    bool wide;
    uint64_t slots[];
};

/* What a build needs besides; one block, and one more for turns by weight. */
struct maglev_desk {
    struct lw__walk *walks; /* these three by host */
    uint32_t *nodes, *weights;
    uint64_t *taken, *order, *room;
};

/* ---- build ---- */

static int count_hosts(const lw_build *build, uint32_t *hosts) {
    const struct maglev_config *config = build->config;
    *hosts = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        *hosts += build->weights[i] > 0;
        if (*hosts > config->table) {
            return lw_build_fail(build, LW_TOO_LARGE, i,
                                 "is one more than the %llu slots of the table; each node needs one, and 100 to share "
                                 "the load well",
                                 (unsigned long long)config->table);
        }
    }
    return LW_OK;
}

static struct lw__walk walk_of(uint64_t id, uint32_t size) {
    uint64_t first = lw__mix(id), second = lw__mix(first + LW__GOLDEN);
    // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): the least prime that a table may have is above 1
    return (struct lw__walk){(uint32_t)(first % size), (uint32_t)(second % (size - 1)) + 1};
}

static struct maglev_desk *desk_open(const lw_build *build, uint32_t hosts, uint32_t size) {
    size_t words = LW_BITMAP_WORDS(size), each = sizeof(struct lw__walk) + 2 * sizeof(uint32_t) + 2 * sizeof(uint64_t);
    struct maglev_desk *desk = lw_build_alloc(build, sizeof *desk + words * sizeof(uint64_t) + build->count * each);
    if (desk == NULL) {
        return NULL;
    }
    desk->taken = (uint64_t *)(void *)(desk + 1);
    desk->order = desk->taken + words;
    desk->room = desk->order + build->count;
    desk->walks = (struct lw__walk *)(void *)(desk->room + build->count);
    desk->nodes = (uint32_t *)(void *)(desk->walks + hosts);
    desk->weights = desk->nodes + hosts;
    memset(desk->taken, 0, words * sizeof *desk->taken);
    lw__weighty_by_id(build, desk->order, desk->room);
    for (uint32_t h = 0; h < hosts; h++) {
        uint32_t node = (uint32_t)desk->order[h];
        desk->walks[h] = walk_of(build->ids[node], size);
        desk->nodes[h] = node;
        desk->weights[h] = build->weights[node];
    }
    return desk;
}

static bool are_equal(const uint32_t *weights, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        if (weights[i] != weights[0]) {
            return false;
        }
    }
    return true;
}

static int fill_by_weight(const lw_build *build, const uint32_t *weights, struct lw__maglev *maglev) {
    uint32_t rounds = lw__maglev_rounds(maglev->size, weights, maglev->hosts);
    uint32_t *turns = lw_build_alloc(build, ((size_t)maglev->size + rounds + 1) * sizeof *turns);
    if (turns == NULL) {
        return LW_NOMEM;
    }
    lw__maglev_turns(maglev->size, weights, maglev->hosts, rounds, turns + maglev->size, turns);
    maglev->turns = turns;
    lw__maglev_fill(maglev);
    lw_build_release(build, turns);
    return LW_OK;
}

static int fill_plan(const lw_build *build, uint32_t hosts, struct maglev_plan *plan) {
    struct maglev_desk *desk = desk_open(build, hosts, plan->size);
    if (desk == NULL) {
        return LW_NOMEM;
    }
    struct lw__maglev maglev = {.size = plan->size,
                                .hosts = hosts,
                                .walks = desk->walks,
                                .nodes = desk->nodes,
                                .taken = desk->taken,
                                .slots = plan->slots,
                                .wide = plan->wide};
    int error = LW_OK;
    if (are_equal(desk->weights, hosts)) {
        lw__maglev_fill(&maglev);
    } else {
        error = fill_by_weight(build, desk->weights, &maglev);
    }
    lw_build_release(build, desk);
    return error;
}

static int maglev_build(const lw_build *build, void **out) {
    const struct maglev_config *config = build->config;
    uint32_t hosts;
    int error = count_hosts(build, &hosts);
    if (error != LW_OK || hosts == 0) {
        return error;
    }
    bool wide = build->count > NARROW_NODES;
    struct maglev_plan *plan =
        lw_build_alloc(build, sizeof *plan + config->table * (wide ? sizeof(uint32_t) : sizeof(uint16_t)));
    if (plan == NULL) {
        return LW_NOMEM;
    }
    plan->size = (uint32_t)config->table;
    plan->wide = wide;
    error = fill_plan(build, hosts, plan);
    if (error != LW_OK) {
        lw_build_release(build, plan);
        return error;
    }
    *out = plan;
    return LW_OK;
}

/* ---- pick ---- */

static inline uint32_t maglev_owner(const lw_view *view, uint64_t key) {
    const struct maglev_plan *plan = lw_view_plan(view);
    size_t slot = (size_t)((product)lw__mix(key) * plan->size >> 64);
    const void *slots = plan->slots;
    return __builtin_expect(plan->wide, 0) ? ((const uint32_t *)slots)[slot] : ((const uint16_t *)slots)[slot];
}

static uint32_t maglev_owner_again(const lw_view *view, uint64_t key) { return maglev_owner(view, key); }

static ptrdiff_t maglev_pick(const lw_view *view) {
    const struct maglev_config *config = lw_view_config(view);
    uint64_t key;
    if (lw_view_plan(view) == NULL) {
        return lw__weightless(view);
    }
    int error = lw__key_of(view, config->absent_key, &key);
    if (error != LW_OK) {
        return error;
    }
    uint32_t owner = maglev_owner(view, key);
    return lw_view_may(view, owner) ? (ptrdiff_t)owner : lw__rehash_pick(view, key, maglev_owner_again);
}

static ptrdiff_t maglev_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    return lw_view_plan(view) == NULL ? lw__weightless(view)
                                      : lw__rehash_sequence(view, key, maglev_owner_again, out, room);
}

static const lw_param maglev_params[] = {
    {"table", LW_PARAM_PRIME, offsetof(struct maglev_config, table), "65537", "2", "5000011", NULL,
     "slots of the table; 100 a node or more keep loads within about 1 %"},
    LW__ABSENT_KEY_PARAM(struct maglev_config),
};

const lw_strategy_ops lw__maglev = {
    .size = sizeof lw__maglev,
    .name = "maglev",
    .help = "Consistent hashing by a table: the fastest lookup and even loads, for a few more keys moved than needed. "
            "For large caches and flows.",
    .params = maglev_params,
    .param_count = sizeof maglev_params / sizeof *maglev_params,
    .config_size = sizeof(struct maglev_config),
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .plan_build = maglev_build,
    .pick = maglev_pick,
    .sequence = maglev_sequence,
};
