/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The handle of a pool: made, freed, locked for a change, and put in order after a fork. */
#include "pool/sync.h"

#include "base/random.h"
#include "strategy/unit.h"
#include <unistd.h>

static int pool_parts(lw_pool *pool, const lw_pool_options *given) {
    lw_latency_options latency;
    uint32_t at[2];
    int error = lw__rules_init(&pool->rules, &pool->env, given);
    if (error != LW_OK) {
        return error;
    }
    const char *fault = lw__latency_options_take(&latency, pool->rules.options.latency);
    if (fault != NULL) {
        return lw__fail(&pool->env, LW_RANGE, "latency: %s", fault);
    }
    lw__latency_init(&pool->latency, &latency);
    error = lw__sync_open(pool);
    if (error != LW_OK) {
        return error;
    }
    error = lw__slots_init(&pool->slots, &pool->env, pool->rules.options.max_tickets, pool->rules.quota.count);
    struct lw__draft none;
    return error == LW_OK ? lw__snapshot_new(pool, &none, 0, -1, at, &pool->current) : error;
}

int lw_pool_new(lw_pool **out, const lw_env *given, const lw_pool_options *options) {
    lw_env env;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_pool *pool = lw__alloc(&env, sizeof *pool);
    if (pool == NULL) {
        return LW_NOMEM;
    }
    pool->env = env;
    if (pthread_mutex_init(&pool->changing, NULL) != 0) {
        lw__release(&env, pool);
        return LW_NOMEM;
    }
    lw__lanes_init(&pool->lanes, lw__seed(env.seed, 0));
    pool->pid = getpid();
    pool->next_due = pool->due_kept = UINT64_MAX;
    error = pool_parts(pool, options);
    if (error != LW_OK) {
        lw_pool_free(pool);
        return error;
    }
    pool->next_due = pool->rules.outliers ? 0 : UINT64_MAX;
    *out = pool;
    return LW_OK;
}

static void free_nodes(lw_pool *pool) {
    for (uint32_t i = 0; pool->current != NULL && i < pool->current->count; i++) {
        lw__node_free(pool, pool->current->node[i]);
    }
    while (pool->left != NULL) {
        struct lw__node *node = pool->left;
        pool->left = node->next;
        lw__node_free(pool, node);
    }
}

static void free_routes(lw_pool *pool) {
    for (uint32_t i = 0; i < pool->route_count; i++) {
        lw__release(&pool->env, pool->routes[i]->name);
        lw__release(&pool->env, pool->routes[i]->spec);
        lw__release(&pool->env, pool->routes[i]);
    }
    lw__release(&pool->env, pool->routes);
}

void lw_pool_free(lw_pool *pool) {
    if (pool == NULL || lw__thread.telling != 0) {
        return;
    }
    free_nodes(pool);
    while (pool->retired != NULL) {
        struct lw__snapshot *snapshot = pool->retired;
        pool->retired = snapshot->older;
        lw__snapshot_free(pool, snapshot);
    }
    if (pool->current != NULL) {
        lw__snapshot_free(pool, pool->current);
    }
    free_routes(pool);
    lw__slots_free(&pool->slots, &pool->env);
    lw__sync_close(pool);
    lw__rules_free(&pool->rules, &pool->env);
    pthread_mutex_destroy(&pool->changing);
    lw_env env = pool->env;
    lw__release(&env, pool);
}

static int check_fork(const lw_pool *pool) {
    return pool->pid == getpid()
               ? LW_OK
               : lw__fail(&pool->env, LW_FORKED, "pool: the process has forked, lw_pool_after_fork comes first");
}

int lw__pool_check(const lw_pool *pool) {
    return lw__thread.telling == 0 ? check_fork(pool)
                                   : lw__fail(&pool->env, LW_BUSY, "pool: a hook must not change it");
}

int lw__pool_lock_to_read(lw_pool *pool) {
    int error = check_fork(pool);
    if (error == LW_OK) {
        pthread_mutex_lock(&pool->changing);
    }
    return error;
}

int lw__pool_lock(lw_pool *pool) {
    int error = lw__pool_check(pool);
    if (error == LW_OK) {
        pthread_mutex_lock(&pool->changing);
    }
    return error;
}

void lw__pool_unlock(lw_pool *pool) { pthread_mutex_unlock(&pool->changing); }

/* ---- after a fork ---- */

static void forget_traffic(struct lw__node *node) {
    node->traffic &= ~(uint64_t)UINT32_MAX;
    node->external_base &= ~(uint64_t)UINT32_MAX;
    node->cost = 0;
}

static void renew_strategies(lw_pool *pool, uint64_t seed) {
    for (uint32_t i = 0; i < pool->current->place_count; i++) {
        const struct lw__place *place = &pool->current->place[i];
        if (place->index == 0) {
            lw_strategy *strategy = place->group->chooser->strategy;
            lw__strategy_after_fork(strategy, lw__seed(seed, place->group->chooser->serial));
        }
    }
}

/* What strategies have learnt stays true here, what they count does not: each beginning that they heard of gets its
   end. The parent's threads that were in a call have no ticket yet, or none any more. */
static void disown_tickets(lw_pool *pool, uint64_t now) {
    for (uint32_t i = 0; i < lw__rack_lent(&pool->slots.rack); i++) {
        struct lw__slot *slot = lw__slot_at(&pool->slots, i);
        if (lw__rack_held(&pool->slots.rack, i) != 0 && slot->chooser != 0) {
            lw__ticket_disown(pool, slot, now);
        }
    }
    lw__slots_reset(&pool->slots);
}

int lw_pool_after_fork(lw_pool *pool) {
    if (lw__thread.telling != 0) {
        return lw__fail(&pool->env, LW_BUSY, "pool: a hook must not change it");
    }
    uint64_t seed = lw__seed(pool->env.seed, (uint64_t)getpid() << 32);
    pool->pid = getpid();
    pthread_mutex_init(&pool->changing, NULL); /* whoever held it is not here */
    lw__lanes_renew(&pool->lanes, seed);
    pool->due_busy = pool->outlier_busy = 0;
    for (uint32_t i = 0; i < pool->current->count; i++) {
        forget_traffic(pool->current->node[i]);
    }
    for (struct lw__node *node = pool->left; node != NULL; node = node->next) {
        forget_traffic(node);
    }
    renew_strategies(pool, seed);
    lw__sync_after_fork(pool);
    uint64_t now = lw__now(&pool->env);
    disown_tickets(pool, now);
    for (uint32_t i = 0; i < pool->current->count; i++) {
        lw__node_settle(pool, pool->current->node[i], now);
    }
    return LW_OK;
}
