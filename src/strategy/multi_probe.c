/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * multi_probe: multi-probe consistent hashing. A node stands on the circle once; a key looks from several places, and
 * the node belongs to it that is nearest clockwise from any of them. So loads are as even as on a ring with hundreds of
 * points a node, in a table that fits the cache.
 *
 * Points are those of a ring with one point a unit of weight; see points.h. With m = mix(key), probes 2i and 2i + 1
 * look from the high and the low 32 bits of mix(m - (i + 1) * g). Of equal distances the lower place wins. A node that
 * may not be chosen is as good as absent: each probe walks on to the next that may, so who is absent does not matter to
 * who is chosen among the others. Weight 0 has no point.
 *
 * Source: Appleton and O'Reilly, "Multi-Probe Consistent Hashing", 2015 (arXiv 1505.00062): with 1 + 1/e probes the
 * fullest node has 1 + e times the mean.
 * Cost per pick: O(probes); past nodes that may not be chosen, one walk of 1 / (share that may) points and shorter
 * ones. Build: O(points), radix sort. Memory: 16 bytes a point.
 */
#include "strategy/keyed.h"
#include "strategy/points.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

enum { MOST_PROBES = 1024 };

struct multi_probe_config {
    uint64_t probes;
    uint64_t max_points;
    uint64_t absent_key;
};

/* A probe on its way: its place, where the next one stands, and the point it has come to. */
struct walker {
    uint32_t place, at;
    uint64_t way, here; /* to the next probe; to the point, as stretch says, or UINT64_MAX: it has got there */
};

static inline uint64_t probe_bits(uint64_t mixed, uint64_t pair) { return lw__mix(mixed - (pair + 1) * LW__GOLDEN); }

static uint32_t place_of_probe(uint64_t mixed, uint64_t probe) {
    uint64_t bits = probe_bits(mixed, probe / 2);
    return (uint32_t)(probe % 2 == 0 ? bits >> 32 : bits);
}

/* Distance << 32 | number of the point: the least of them is the nearest, and a tie is settled too. */
static inline uint64_t stretch(const struct lw__points *points, uint32_t place, uint32_t at) {
    uint32_t distance = (uint32_t)(points->at[at] >> 32) - place;
    return (uint64_t)distance << 32 | at;
}

static inline uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Where all may be chosen, each probe takes the first point it meets. */
static ptrdiff_t nearest_of_all(const struct lw__points *points, uint64_t mixed, uint64_t probes) {
    uint64_t best = UINT64_MAX;
    for (uint64_t pair = 0; pair < probes / 2; pair++) {
        uint64_t bits = probe_bits(mixed, pair);
        uint32_t high = (uint32_t)(bits >> 32), low = (uint32_t)bits;
        best = lesser(best, stretch(points, high, lw__points_from(points, high)));
        best = lesser(best, stretch(points, low, lw__points_from(points, low)));
    }
    if (probes % 2 == 1) {
        uint32_t last = (uint32_t)(probe_bits(mixed, probes / 2) >> 32);
        best = lesser(best, stretch(points, last, lw__points_from(points, last)));
    }
    return (ptrdiff_t)(uint32_t)points->at[(uint32_t)best];
}

/* The stretch to the first node that may be chosen, given up once it is longer than the best so far. */
static uint64_t walk_on(const lw_view *view, const struct lw__points *points, uint32_t place, uint64_t best) {
    uint32_t at = lw__points_from(points, place);
    for (uint32_t step = 0; step < points->count; step++) {
        uint64_t here = stretch(points, place, at);
        uint32_t node = (uint32_t)points->at[at];
        if (here >= best || lw_view_may(view, node)) {
            return lesser(here, best);
        }
        at = at + 1 < points->count ? at + 1 : 0;
    }
    return UINT64_MAX;
}

static ptrdiff_t nearest_of_some(const lw_view *view, uint64_t mixed, uint64_t probes) {
    const struct lw__points *points = lw_view_plan(view);
    uint64_t best = UINT64_MAX;
    for (uint64_t probe = 0; probe < probes; probe++) {
        best = walk_on(view, points, place_of_probe(mixed, probe), best);
        if (best == UINT64_MAX) {
            return lw__weightless(view); /* the first has been all around */
        }
    }
    return (ptrdiff_t)(uint32_t)points->at[(uint32_t)best];
}

static ptrdiff_t multi_probe_pick(const lw_view *view) {
    const struct multi_probe_config *config = lw_view_config(view);
    const struct lw__points *points = lw_view_plan(view);
    uint64_t key;
    if (points == NULL) {
        return lw__weightless(view);
    }
    int error = lw__key_of(view, config->absent_key, &key);
    if (error != LW_OK) {
        return error;
    }
    return lw_view_all(view) ? nearest_of_all(points, lw__mix(key), config->probes)
                             : nearest_of_some(view, lw__mix(key), config->probes);
}

/* ---- sequence: each is the choice were those before it absent ---- */

/* Probes by their places; of those at one place all but one have no way to go. */
static void place_walkers(const struct lw__points *points, uint64_t mixed, uint32_t probes, struct walker *walkers) {
    for (uint32_t probe = 0; probe < probes; probe++) {
        uint32_t place = place_of_probe(mixed, probe), to = probe;
        for (; to > 0 && walkers[to - 1].place > place; to--) {
            walkers[to] = walkers[to - 1];
        }
        walkers[to].place = place;
    }
    for (uint32_t i = 0; i < probes; i++) {
        struct walker *walker = &walkers[i];
        walker->way = i + 1 < probes ? walkers[i + 1].place - walker->place
                                     : (UINT64_C(1) << 32) - walker->place + walkers[0].place;
        walker->at = lw__points_from(points, walker->place);
        walker->here = stretch(points, walker->place, walker->at);
        walker->here = walker->here >> 32 < walker->way ? walker->here : UINT64_MAX;
    }
}

/* The one that is nearest to its place. */
static struct walker *least_of(struct walker *walkers, uint32_t probes) {
    struct walker *least = &walkers[0];
    for (uint32_t i = 1; i < probes; i++) {
        least = walkers[i].here < least->here ? &walkers[i] : least;
    }
    return least;
}

/* To the next point. Where the next probe stands, or once around, it ends: those further on are nearer to others. */
static void step_on(const struct lw__points *points, struct walker *walker) {
    walker->at = walker->at + 1 < points->count ? walker->at + 1 : 0;
    uint64_t here = stretch(points, walker->place, walker->at);
    walker->here = here > walker->here && here >> 32 < walker->way ? here : UINT64_MAX;
}

static ptrdiff_t multi_probe_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    const struct multi_probe_config *config = lw_view_config(view);
    const struct lw__points *points = lw_view_plan(view);
    struct walker walkers[MOST_PROBES];
    uint32_t found = 0, probes = (uint32_t)config->probes;
    if (points == NULL) {
        return lw__weightless(view);
    }
    place_walkers(points, lw__mix(key), probes, walkers);
    while (found < room) {
        struct walker *least = least_of(walkers, probes);
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): there is at least one probe
        if (least->here == UINT64_MAX) {
            break;
        }
        uint32_t node = (uint32_t)points->at[least->at];
        if (lw_view_may(view, node) && !lw__holds(out, found, node)) {
            out[found++] = node;
        }
        step_on(points, least);
    }
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}

static int multi_probe_build(const lw_build *build, void **out) {
    const struct multi_probe_config *config = build->config;
    return lw__points_build(build, 1, config->max_points, out);
}

static const lw_param multi_probe_params[] = {
    {"probes", LW_PARAM_U64, offsetof(struct multi_probe_config, probes), "21", "1", "1024", NULL,
     "places a key looks from; with 1 + 1/e of them the fullest node has on average about 1 + e times the mean"},
    LW__MAX_POINTS_PARAM(struct multi_probe_config),
    LW__ABSENT_KEY_PARAM(struct multi_probe_config),
};

const lw_strategy_ops lw__multi_probe = {
    .size = sizeof lw__multi_probe,
    .name = "multi_probe",
    .help = "Consistent hashing with one point a node and several looks a key: even loads in a small table. For large "
            "fleets.",
    .params = multi_probe_params,
    .param_count = sizeof multi_probe_params / sizeof *multi_probe_params,
    .config_size = sizeof(struct multi_probe_config),
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .plan_build = multi_probe_build,
    .pick = multi_probe_pick,
    .sequence = multi_probe_sequence,
};
