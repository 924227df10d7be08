/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The handle of a strategy: made from a specification, freed, asked what it is. */
#include "strategy/unit.h"

#include <string.h>

#define COLUMNS (((UINT32_C(1) << LW_COLUMN_COUNT) - 1) | LW_HAS_SIGNALS)

static void summarise(lw_strategy *strategy) {
    bool scratched = false, boarded = false;
    strategy->pick = strategy->units[0]->ops.pick;
    for (uint32_t i = 0; i < strategy->unit_count; i++) {
        const struct lw__unit *unit = strategy->units[i];
        strategy->needs |= unit->needs;
        scratched |= unit->ops.scratch_size > 0;
        boarded |= unit->ops.board_size != NULL;
        strategy->listens |= unit->ops.begin != NULL;
        strategy->unbound[i] = (struct lw__bound){unit->memory, unit};
    }
    /* identity needs no column: it falls back to the name, then to the index */
    strategy->required = strategy->needs & COLUMNS & ~LW_HAS(id);
    strategy->planned = scratched || boarded || (strategy->needs & LW_NEEDS_PLAN) != 0;
    strategy->identified = scratched || (strategy->needs & LW_HAS(id)) != 0;
    strategy->clocked = (strategy->needs & (LW_NEEDS_CLOCK | LW_HAS(load) | LW_HAS(remaining) | LW_HAS_SIGNALS)) != 0;
}

/* The first member of the tree that reads this column. */
static const char *who_needs(const lw_strategy *strategy, uint32_t column) {
    uint32_t u = 0;
    while (u + 1 < strategy->unit_count && (strategy->units[u]->needs >> column & 1) == 0) {
        u++;
    }
    return strategy->units[u]->ops.name;
}

int lw__nodes_refuse(const lw_strategy *strategy, const lw_nodes *nodes) {
    const lw_env *env = &strategy->env;
    if (nodes->size < LW__NODES_FIRST_SIZE) {
        return lw__fail(env, LW_INVALID, "nodes: size=%zu, is it initialised with lw_nodes_init?", nodes->size);
    }
    if (nodes->count == 0) {
        return LW_NO_NODES;
    }
    if (nodes->count > INT32_MAX) {
        return lw__fail(env, LW_RANGE, "nodes: count=%u must be below 2147483648", nodes->count);
    }
    uint32_t missing = (uint32_t)__builtin_ctz(strategy->required & ~nodes->present);
    if (LW_HAS_SIGNALS >> missing == 1) {
        return lw__fail(env, LW_NO_COLUMN, "%s: metric: the nodes have no signals, only columns; those of a pool have",
                        who_needs(strategy, missing));
    }
    return lw__fail(env, LW_NO_COLUMN, "%s: the nodes have no %s column", who_needs(strategy, missing),
                    lw_column_name(missing));
}

static int check_own(const lw_env *env, const lw_strategy_ops *const *ops, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ops[i] == NULL || ops[i]->size == 0) {
            return lw__fail(env, LW_INVALID, "ops %zu: the table or its size is missing", i);
        }
        lw_strategy_ops read;
        int error = lw__ops_read(env, ops[i], &read);
        if (error != LW_OK) {
            return error;
        }
    }
    return LW_OK;
}

static int make(const lw_env *env, const struct lw__names *names, const char *spec, lw_strategy **out) {
    lw_strategy *strategy = lw__alloc(env, sizeof *strategy);
    if (strategy == NULL) {
        return LW_NOMEM;
    }
    strategy->env = *env;
    if (pthread_mutex_init(&strategy->preparing, NULL) != 0) {
        lw__release(env, strategy);
        return LW_NOMEM;
    }
    lw__lanes_init(&strategy->lanes, env->seed);
    int error = lw__spec_read(strategy, names, spec);
    if (error != LW_OK) {
        lw_strategy_free(strategy);
        return error;
    }
    summarise(strategy);
    *out = strategy;
    return LW_OK;
}

int lw_strategy_from_ops(lw_strategy **out, const lw_env *given, const lw_strategy_ops *const *ops, size_t ops_count,
                         const char *spec) {
    lw_env env;
    struct lw__names names = {ops, ops_count};
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    if (spec == NULL) {
        return lw__fail(&env, LW_INVALID, "specification: NULL");
    }
    error = check_own(&env, ops, ops_count);
    return error == LW_OK ? make(&env, &names, spec, out) : error;
}

int lw_strategy_new(lw_strategy **out, const lw_env *env, const char *spec) {
    return lw_strategy_from_ops(out, env, NULL, 0, spec);
}

void lw_strategy_free(lw_strategy *strategy) {
    if (strategy == NULL) {
        return;
    }
    lw__plans_free(strategy);
    for (uint32_t i = 0; i < strategy->unit_count; i++) {
        lw__unit_free(strategy, strategy->units[i]);
    }
    pthread_mutex_destroy(&strategy->preparing);
    lw_env env = strategy->env;
    lw__release(&env, strategy);
}

void lw__strategy_after_fork(lw_strategy *strategy, uint64_t seed) {
    pthread_mutex_init(&strategy->preparing, NULL); /* whoever held it is not here */
    lw__lanes_renew(&strategy->lanes, seed);
    lw__boards_renew(strategy);
    for (uint32_t i = 0; i < strategy->unit_count; i++) {
        const struct lw__unit *unit = strategy->units[i];
        lw__unit_start(strategy->units[i], seed);
        if (unit->ops.after_fork != NULL) {
            unit->ops.after_fork(&unit->memory);
        }
    }
}

const lw_strategy_ops *lw_strategy_ops_of(const lw_strategy *strategy) { return &strategy->units[0]->ops; }

uint64_t lw_strategy_seed(const lw_strategy *strategy) { return strategy->env.seed; }

size_t lw__strategy_counters_add(const lw_strategy *strategy, lw_counter *out, size_t room) {
    size_t found = 0;
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        const struct lw__unit *unit = strategy->units[u];
        for (uint32_t i = 0; i < unit->ops.counter_count; i++, found++) {
            if (found < room) {
                out[found].strategy = unit->ops.name;
                out[found].name = unit->ops.counters[i];
                out[found].value += unit->ops.counter(&unit->memory, i);
            }
        }
    }
    return found;
}

size_t lw_strategy_counters(const lw_strategy *strategy, lw_counter *out, size_t room) {
    for (size_t i = 0; i < room; i++) {
        out[i] = (lw_counter){NULL, NULL, 0};
    }
    return lw__strategy_counters_add(strategy, out, room);
}
