/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Plans: what lw_prepare makes of one version of one node set, for every unit of the tree at once.
 *
 * A binding is built aside, under the strategy's lock, and published with one store; picks find it by (set, version,
 * count) in a table of 8 that is entered at a place computed from the set. The last two versions of a set are kept, so
 * that threads which still hold the old lw_nodes do not rebuild it. What is replaced waits in a list until the epoch
 * says that no reader is left (base/lanes.h); later preparations look.
 *
 * Cost: the plans' own build, one hash per node where identity matters, one map when there is scratch or an id, and one
 * more when a plan or scratch goes on from the version before.
 */
#include "base/idmap.h"
#include "strategy/unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WHY_SIZE = 256 };

/* A binding being made, and the version of its set before. */
struct lineage {
    const struct lw__binding *before; /* NULL: there is none */
    const struct lw__binding *binding;
    uint32_t *was; /* see lw_build_was; NULL until somebody asks */
};

/* What a plan_build is given beyond lw_build's public members. */
struct lw__builder {
    lw_strategy *strategy;
    const struct lw__unit *unit;
    const lw_nodes *nodes;
    struct lineage *lineage; /* NULL when a plan is freed */
};

/* Scratch of one node for one unit: shared by the versions of a set. */
struct cell {
    uint32_t users; /* bindings that point here; guarded by the lock */
    _Alignas(16) unsigned char memory[];
};

/* ---- one version and the next ---- */

static int lineage_trace(lw_strategy *strategy, struct lineage *lineage) {
    const struct lw__binding *binding = lineage->binding, *before = lineage->before;
    struct lw__idmap map;
    uint32_t first, second, *was = lw__alloc(&strategy->env, binding->count * sizeof *was);
    if (was == NULL || lw__idmap_init(&map, &strategy->env, before->ids, before->count, &first, &second) != LW_OK) {
        lw__release(&strategy->env, was);
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < binding->count; i++) {
        was[i] = (uint32_t)lw__idmap_find(&map, binding->ids[i]); /* -1 is LW_BUILD_NEW */
    }
    lw__idmap_free(&map, &strategy->env);
    lineage->was = was;
    return LW_OK;
}

/* LW_OK with lineage->was, which stays NULL when all nodes are new; LW_NOMEM. */
static int lineage_know(lw_strategy *strategy, struct lineage *lineage) {
    bool known = lineage->was != NULL || lineage->before == NULL || lineage->before->ids == NULL;
    return known ? LW_OK : lineage_trace(strategy, lineage);
}

/* ---- for plan_build ---- */

void *lw_build_alloc(const lw_build *build, size_t size) { return lw__alloc(&build->builder->strategy->env, size); }

void lw_build_release(const lw_build *build, void *memory) { lw__release(&build->builder->strategy->env, memory); }

static const char *shown_name(const lw_nodes *nodes, uint32_t index) {
    const char *name = nodes->present & LW_HAS(name) ? lw_string_at(&nodes->name, index) : NULL;
    return name != NULL ? name : "?";
}

int lw_build_was(const lw_build *build, const uint32_t **was) {
    struct lineage *lineage = build->builder->lineage;
    int error = lineage_know(build->builder->strategy, lineage);
    *was = lineage->was;
    return error;
}

const char *lw_build_name(const lw_build *build, uint32_t index) {
    const lw_nodes *nodes = build->builder->nodes;
    return nodes->present & LW_HAS(name) ? lw_string_at(&nodes->name, index) : NULL;
}

int lw_build_fail(const lw_build *build, int code, uint32_t index, const char *format, ...) {
    const struct lw__builder *builder = build->builder;
    char why[WHY_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return lw__fail(&builder->strategy->env, code, "%s: node %u (%.100s): %s", builder->unit->ops.name, index,
                    shown_name(builder->nodes, index), why);
}

/* ---- building ---- */

static lw_build build_for(struct lw__builder *builder, const struct lw__binding *binding, const uint32_t *weights) {
    lw_build build = {.size = sizeof build,
                      .config = builder->unit->config,
                      .ids = binding->ids,
                      .weights = weights,
                      .count = binding->count,
                      .seed = builder->strategy->env.seed,
                      .builder = builder};
    return build;
}

static void release_scratch(lw_strategy *strategy, struct lw__bound *bound, uint32_t count) {
    for (uint32_t i = 0; bound->memory.scratch != NULL && i < count; i++) {
        unsigned char *memory = bound->memory.scratch[i];
        if (memory != NULL) {
            struct cell *cell = (struct cell *)(void *)(memory - offsetof(struct cell, memory));
            if (--cell->users == 0) {
                if (bound->unit->ops.leave != NULL) {
                    bound->unit->ops.leave(&bound->memory, memory);
                }
                lw__release(&strategy->env, cell);
            }
        }
    }
    lw__release(&strategy->env, bound->memory.scratch);
}

static void binding_free(lw_strategy *strategy, struct lw__binding *binding) {
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        struct lw__bound *bound = &binding->bound[u];
        release_scratch(strategy, bound, binding->count); /* while the plan is there */
        if (bound->memory.plan != NULL) {
            struct lw__builder builder = {strategy, bound->unit, NULL, NULL};
            lw_build build = build_for(&builder, binding, NULL);
            if (bound->unit->ops.plan_free != NULL) {
                bound->unit->ops.plan_free(&build, bound->memory.plan);
            } else {
                lw_build_release(&build, bound->memory.plan);
            }
        }
        lw__release(&strategy->env, bound->memory.board);
    }
    lw__release(&strategy->env, binding->ids);
    lw__release(&strategy->env, binding);
}

/* The scratch of a node: the old cell where it was there before, else a new one. */
static void *cell_for(lw_strategy *strategy, const struct lw__bound *old, uint32_t was, uint32_t size) {
    if (was != LW_BUILD_NEW) {
        unsigned char *memory = old->memory.scratch[was];
        ((struct cell *)(void *)(memory - offsetof(struct cell, memory)))->users++;
        return memory;
    }
    struct cell *cell = lw__alloc(&strategy->env, sizeof *cell + size);
    if (cell == NULL) {
        return NULL;
    }
    cell->users = 1;
    return cell->memory;
}

static int make_scratch(lw_strategy *strategy, struct lw__binding *binding, struct lineage *lineage) {
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        struct lw__bound *bound = &binding->bound[u];
        uint32_t size = bound->unit->ops.scratch_size;
        if (size == 0) {
            continue;
        }
        if (lineage_know(strategy, lineage) != LW_OK) {
            return LW_NOMEM;
        }
        bound->memory.scratch = lw__alloc(&strategy->env, binding->count * sizeof *bound->memory.scratch);
        if (bound->memory.scratch == NULL) {
            return LW_NOMEM;
        }
        for (uint32_t i = 0; i < binding->count; i++) {
            uint32_t was = lineage->was != NULL ? lineage->was[i] : LW_BUILD_NEW;
            bound->memory.scratch[i] =
                cell_for(strategy, was != LW_BUILD_NEW ? &lineage->before->bound[u] : NULL, was, size);
            if (bound->memory.scratch[i] == NULL) {
                return LW_NOMEM;
            }
        }
    }
    return LW_OK;
}

static size_t board_size_of(const struct lw__unit *unit, uint32_t count) {
    return unit->ops.board_size != NULL ? unit->ops.board_size(unit->config, count) : 0;
}

static int make_boards(lw_strategy *strategy, struct lw__binding *binding) {
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        const struct lw__unit *unit = strategy->units[u];
        size_t size = board_size_of(unit, binding->count);
        if (size > 0 && (binding->bound[u].memory.board = lw__alloc(&strategy->env, size)) == NULL) {
            return LW_NOMEM;
        }
    }
    return LW_OK;
}

static int make_plans(lw_strategy *strategy, struct lw__binding *binding, struct lineage *lineage,
                      const lw_nodes *nodes) {
    const struct lw__binding *before = lineage->before;
    uint32_t *weights = lw__alloc(&strategy->env, binding->count * sizeof *weights);
    int error = weights != NULL ? LW_OK : LW_NOMEM;
    for (uint32_t i = 0; error == LW_OK && i < binding->count; i++) {
        weights[i] = nodes->present & LW_HAS(weight) ? lw_u32_at(&nodes->weight, i) : 1;
    }
    for (uint32_t u = 0; error == LW_OK && u < strategy->unit_count; u++) {
        const struct lw__unit *unit = strategy->units[u];
        if (unit->needs & LW_NEEDS_PLAN) {
            struct lw__builder builder = {strategy, unit, nodes, lineage};
            lw_build build = build_for(&builder, binding, weights);
            build.previous = before != NULL ? before->bound[u].memory.plan : NULL;
            error = unit->ops.plan_build(&build, &binding->bound[u].memory.plan);
        }
    }
    lw__release(&strategy->env, weights);
    return error;
}

static int make_ids(lw_strategy *strategy, struct lw__binding *binding, const lw_nodes *nodes) {
    struct lw__idmap map;
    uint32_t first, second;
    binding->ids = lw__alloc(&strategy->env, binding->count * sizeof *binding->ids);
    if (binding->ids == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < binding->count; i++) {
        binding->ids[i] = lw_nodes_id(nodes, i);
    }
    int error = lw__idmap_init(&map, &strategy->env, binding->ids, binding->count, &first, &second);
    if (error == LW_DUPLICATE) {
        return lw__fail(&strategy->env, error, "nodes: %u (%.100s) and %u (%.100s) have the same id", first,
                        shown_name(nodes, first), second, shown_name(nodes, second));
    }
    if (error == LW_OK) {
        lw__idmap_free(&map, &strategy->env);
    }
    return error;
}

/* The version of the set that was prepared last, or NULL. */
static struct lw__binding *latest_of(const lw_strategy *strategy, uint64_t set) {
    struct lw__binding *latest = NULL;
    uint64_t when = 0;
    for (uint32_t i = 0; i < LW__SETS; i++) {
        struct lw__binding *binding = strategy->bindings[i];
        if (binding != NULL && binding->set == set && strategy->prepared_at[i] > when) {
            latest = binding;
            when = strategy->prepared_at[i];
        }
    }
    return latest;
}

static int binding_new(lw_strategy *strategy, const lw_nodes *nodes, uint64_t version, struct lw__binding **out) {
    size_t size = sizeof **out + strategy->unit_count * sizeof(struct lw__bound);
    struct lw__binding *binding = lw__alloc(&strategy->env, size);
    if (binding == NULL) {
        return LW_NOMEM;
    }
    binding->set = nodes->set;
    binding->version = version;
    binding->count = nodes->count;
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        binding->bound[u] = (struct lw__bound){strategy->units[u]->memory, strategy->units[u]};
    }
    struct lineage lineage = {nodes->set != 0 ? latest_of(strategy, nodes->set) : NULL, binding, NULL};
    int error = strategy->identified ? make_ids(strategy, binding, nodes) : LW_OK;
    if (error == LW_OK) {
        error = make_plans(strategy, binding, &lineage, nodes);
    }
    if (error == LW_OK) {
        error = make_boards(strategy, binding);
    }
    if (error == LW_OK) {
        error = make_scratch(strategy, binding, &lineage);
    }
    lw__release(&strategy->env, lineage.was);
    if (error != LW_OK) {
        binding_free(strategy, binding);
        return error;
    }
    *out = binding;
    return LW_OK;
}

/* ---- publishing and retiring ---- */

static void retire(lw_strategy *strategy, uint32_t at, struct lw__binding *successor) {
    struct lw__binding *gone = strategy->bindings[at];
    __atomic_store_n(&strategy->bindings[at], successor, __ATOMIC_SEQ_CST);
    if (gone != NULL) {
        gone->retired_in = strategy->lanes.epoch;
        gone->older = strategy->retired;
        strategy->retired = gone;
    }
}

static void reclaim(lw_strategy *strategy) {
    if (strategy->retired == NULL) {
        return; /* moving the epoch on costs a system call */
    }
    uint32_t epoch = lw__epoch_advance(&strategy->lanes);
    struct lw__binding **link = &strategy->retired;
    while (*link != NULL) {
        struct lw__binding *binding = *link;
        if (epoch - binding->retired_in >= 2) {
            *link = binding->older;
            binding_free(strategy, binding);
        } else {
            link = &binding->older;
        }
    }
}

/* Of a numbered set, only the highest version stays beside the one to come: a thread that comes late with an old one
   must not drive it out. */
static void retire_versions(lw_strategy *strategy, uint64_t set) {
    const struct lw__binding *highest = NULL;
    for (uint32_t i = 0; set != 0 && i < LW__SETS; i++) {
        const struct lw__binding *binding = strategy->bindings[i];
        if (binding != NULL && binding->set == set && (highest == NULL || binding->version > highest->version)) {
            highest = binding;
        }
    }
    for (uint32_t i = 0; highest != NULL && i < LW__SETS; i++) {
        struct lw__binding *binding = strategy->bindings[i];
        if (binding != NULL && binding->set == set && binding != highest) {
            retire(strategy, i, NULL);
        }
    }
}

/* A free place as near as can be to where the search begins, else the one prepared longest ago. */
static uint32_t place_for(const lw_strategy *strategy, uint64_t set) {
    uint32_t oldest = 0;
    for (uint32_t i = 0, at = lw__plans_home(set); i < LW__SETS; i++, at = (at + 1) % LW__SETS) {
        if (strategy->bindings[at] == NULL) {
            return at;
        }
        if (i == 0 || strategy->prepared_at[at] < strategy->prepared_at[oldest]) {
            oldest = at;
        }
    }
    return oldest;
}

static int prepare_locked(lw_strategy *strategy, const lw_nodes *nodes, uint64_t version) {
    struct lw__binding *binding;
    if (lw__plans_find(strategy, nodes, version) != NULL) {
        reclaim(strategy);
        return LW_OK;
    }
    int error = binding_new(strategy, nodes, version, &binding);
    if (error != LW_OK) {
        return error;
    }
    retire_versions(strategy, nodes->set);
    uint32_t place = place_for(strategy, nodes->set);
    strategy->prepared_at[place] = ++strategy->preparations;
    retire(strategy, place, binding);
    reclaim(strategy);
    return LW_OK;
}

int lw__plans_prepare(lw_strategy *strategy, const lw_nodes *nodes, uint64_t version) {
    pthread_mutex_lock(&strategy->preparing);
    int error = prepare_locked(strategy, nodes, version);
    pthread_mutex_unlock(&strategy->preparing);
    return error;
}

void lw__plans_drop(lw_strategy *strategy, uint64_t set, uint64_t version) {
    pthread_mutex_lock(&strategy->preparing);
    for (uint32_t i = 0; i < LW__SETS; i++) {
        const struct lw__binding *binding = strategy->bindings[i];
        if (binding != NULL && binding->set == set && binding->version == version) {
            retire(strategy, i, NULL);
        }
    }
    reclaim(strategy);
    pthread_mutex_unlock(&strategy->preparing);
}

void lw__boards_renew(lw_strategy *strategy) {
    for (uint32_t i = 0; i < LW__SETS; i++) {
        struct lw__binding *binding = strategy->bindings[i];
        for (uint32_t u = 0; binding != NULL && u < strategy->unit_count; u++) {
            size_t size = board_size_of(strategy->units[u], binding->count);
            if (size > 0) {
                memset(binding->bound[u].memory.board, 0, size);
            }
        }
    }
}

/* No call is under way, so no reader is left and nothing waits for the epoch. */
void lw__plans_free(lw_strategy *strategy) {
    for (uint32_t i = 0; i < LW__SETS; i++) {
        retire(strategy, i, NULL);
    }
    while (strategy->retired != NULL) {
        struct lw__binding *binding = strategy->retired;
        strategy->retired = binding->older;
        binding_free(strategy, binding);
    }
}
