/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which nodes of a route come into question: priority levels, panic, and the own zone.
 *
 *     h_i  = min(100, overprovision x well_i / active_i)       health of level i, in percent
 *     load = h_i each, until 100 are spent; of N = min(100, sum of all), drawn by chance
 *
 * so a level gives to the next what it cannot bear, before it fails altogether. Where N is below 100, a level whose
 * share of well nodes is under the threshold is in a panic: its nodes are chosen without regard to their health, or not
 * at all. It leaves the panic at a higher threshold than it enters it. Inside a level the own zone is drawn with
 * probability skew x local / all, counted in eligible nodes, at most 1.
 *
 * Source: Envoy (priority load, overprovisioning 1.4, panic); the hysteresis and the zone's skew are ours.
 * Cost: nothing with one group whose members are well; else a few loads and divisions per level.
 */
#include "pool/pick.h"

static uint32_t read_count(const uint32_t *count) { return __atomic_load_n(count, __ATOMIC_RELAXED); }

struct strength {
    uint32_t active, well;
};

static struct strength strength_of(const struct lw__level *level) {
    struct strength sum = {0, 0};
    for (uint32_t part = 0; part < 2; part++) {
        const struct lw__group *group = level->part[part];
        if (group != NULL) {
            uint32_t active = read_count(&group->active), ill = read_count(&group->ill);
            sum.active += active;
            sum.well += active > ill ? active - ill : 0;
        }
    }
    return sum;
}

static uint32_t health_of(const lw_pool_options *options, struct strength strength) {
    uint64_t health = strength.active == 0 ? 0 : (uint64_t)options->overprovision * strength.well / strength.active;
    return health < 100 ? (uint32_t)health : 100;
}

/* ---- panic ---- */

static void tell_panic(const struct lw__pick *pick, uint32_t priority, bool begins) {
    const lw_observer *observer = &pick->pool->rules.observer;
    if (observer->panic != NULL) {
        lw__telling_begin();
        observer->panic(observer->user, pick->route, priority, begins);
        lw__telling_end();
    }
}

static bool should_panic(const lw_pool_options *options, struct strength strength, bool already) {
    uint64_t share = (uint64_t)strength.well * 100;
    if (strength.active == 0) {
        return false;
    }
    if (already) {
        return strength.well == 0 || share < (uint64_t)options->panic_leave * strength.active;
    }
    return strength.well == 0 || share < (uint64_t)options->panic_enter * strength.active;
}

/* Is the level in a panic now? The state is kept in its first group. */
static bool level_panics(const struct lw__pick *pick, const struct lw__level *level, struct strength strength,
                         bool overloaded) {
    struct lw__group *keeper = level->part[0] != NULL ? level->part[0] : level->part[1];
    uint32_t was = keeper != NULL ? read_count(&keeper->panicking) : 0;
    bool panics = keeper != NULL && overloaded && should_panic(&pick->pool->rules.options, strength, was != 0);
    if (keeper != NULL && pick->trial == NULL && panics != (was != 0) &&
        __atomic_exchange_n(&keeper->panicking, panics, __ATOMIC_SEQ_CST) == was) {
        tell_panic(pick, level->priority, panics);
    }
    return panics;
}

/* ---- order ---- */

static uint32_t add_group(struct lw__candidate *out, const struct lw__level *level, uint32_t part, uint32_t flags) {
    out[0] = (struct lw__candidate){level->part[part], level->priority, flags, part == 0};
    return level->part[part] != NULL;
}

/* Is the own zone drawn? */
static bool zone_drawn(struct lw__pick *pick, const struct lw__level *level) {
    if (level->part[0] == NULL || level->part[1] == NULL) {
        return level->part[0] != NULL;
    }
    uint64_t local = read_count(&level->part[0]->eligible), all = local + read_count(&level->part[1]->eligible);
    uint64_t skewed = pick->pool->rules.options.zone_skew * local;
    return all > 0 && (skewed >= all * 100 || (lw__pick_random(pick) >> 32) * (all * 100) >> 32 < skewed);
}

static uint32_t add_level(struct lw__pick *pick, struct lw__candidate *out, const struct lw__level *level,
                          uint32_t flags) {
    uint32_t first = zone_drawn(pick, level) ? 0 : 1;
    uint32_t found = add_group(out, level, first, flags);
    return found + add_group(out + found, level, 1 - first, flags | (found > 0 ? LW_TICKET_SPILLED : 0));
}

/* The level that is drawn by load. Where none can bear any, the first that has nodes at all. */
static uint32_t draw_level(struct lw__pick *pick, const uint32_t *health, const struct strength *strength,
                           uint32_t total) {
    const struct lw__path *path = pick->path;
    uint32_t level = 0;
    if (total == 0) {
        while (level + 1 < path->level_count && strength[level].active == 0) {
            level++;
        }
        return level;
    }
    uint32_t drawn = lw__pick_below(pick, total < 100 ? total : 100);
    for (uint32_t spent = health[0]; spent <= drawn && level + 1 < path->level_count;) {
        spent += health[++level];
    }
    return level;
}

uint32_t lw__level_order(struct lw__pick *pick, struct lw__candidate *out) {
    const struct lw__path *path = pick->path;
    const lw_pool_options *options = &pick->pool->rules.options;
    struct strength strength[LW_POOL_LEVELS];
    uint32_t health[LW_POOL_LEVELS], total = 0, found = 0;
    for (uint32_t i = 0; i < path->level_count; i++) {
        strength[i] = strength_of(&path->level[i]);
        health[i] = health_of(options, strength[i]);
        total += health[i];
    }
    uint32_t drawn = path->level_count > 1 ? draw_level(pick, health, strength, total) : 0;
    for (uint32_t i = 0; i < path->level_count; i++) { /* the drawn one first, the others in their order */
        uint32_t at = i == 0 ? drawn : i <= drawn ? i - 1 : i;
        const struct lw__level *level = &path->level[at];
        bool panics = level_panics(pick, level, strength[at], total < 100);
        pick->panics |= (uint32_t)panics << at;
        uint32_t flags = (panics ? LW_TICKET_PANIC : 0) | (i > 0 ? LW_TICKET_SPILLED : 0);
        found += add_level(pick, out + found, level, flags);
    }
    return found;
}

bool lw__level_panics_alone(struct lw__pick *pick, struct lw__group *group) {
    if (read_count(&group->ill) == 0 && read_count(&group->panicking) == 0) {
        return false;
    }
    const struct lw__level level = {.priority = pick->path->level[0].priority, .part = {group, NULL}};
    struct strength strength = strength_of(&level);
    return level_panics(pick, &level, strength, health_of(&pick->pool->rules.options, strength) < 100);
}
