/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Routes: made, or given another strategy or filter, while picks go on. Numbers are given in order and stay. Cost: that
   of a snapshot in which only this route is new. */
#include "pool/snapshot.h"

#include <string.h>

static char *copy_string(const lw_pool *pool, const char *from) {
    size_t size = strlen(from) + 1;
    char *copy = lw__alloc(&pool->env, size);
    return copy != NULL ? memcpy(copy, from, size) : NULL;
}

static void route_free(lw_pool *pool, struct lw__route *route) {
    if (route != NULL) {
        lw__release(&pool->env, route->name);
        lw__release(&pool->env, route->spec);
        lw__release(&pool->env, route);
    }
}

static struct lw__route *route_new(lw_pool *pool, const char *name, const char *spec, const lw_filter *filter) {
    struct lw__route *route = lw__alloc(&pool->env, sizeof *route);
    if (route == NULL) {
        return NULL;
    }
    route->name = copy_string(pool, name);
    route->spec = copy_string(pool, spec);
    route->filter = filter;
    if (route->name == NULL || route->spec == NULL) {
        route_free(pool, route);
        return NULL;
    }
    return route;
}

static int64_t route_find(const lw_pool *pool, const char *name) {
    for (uint32_t i = 0; i < pool->route_count; i++) {
        if (strcmp(pool->routes[i]->name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Room for one more. */
static int grow(lw_pool *pool) {
    if (pool->route_count == LW_POOL_ROUTES) {
        return lw__fail(&pool->env, LW_FULL, "route: there are %d already", LW_POOL_ROUTES);
    }
    if ((pool->route_count & (pool->route_count - 1)) != 0) {
        return LW_OK; /* capacities are powers of two */
    }
    size_t capacity = pool->route_count == 0 ? 1 : 2 * (size_t)pool->route_count;
    struct lw__route **wider = lw__alloc(&pool->env, capacity * sizeof(struct lw__route *));
    if (wider == NULL) {
        return LW_NOMEM;
    }
    if (pool->route_count > 0) {
        memcpy(wider, pool->routes, pool->route_count * sizeof(struct lw__route *));
    }
    lw__release(&pool->env, pool->routes);
    pool->routes = wider;
    return LW_OK;
}

static struct lw__draft *draft_current(const lw_pool *pool) {
    const struct lw__snapshot *current = pool->current;
    struct lw__draft *draft = lw__alloc(&pool->env, (current->count + 1) * sizeof *draft);
    for (uint32_t i = 0; draft != NULL && i < current->count; i++) {
        struct lw__node *node = current->node[i];
        draft[i] = (struct lw__draft){.node = node,
                                      .name = node->name,
                                      .zone = node->zone,
                                      .tags = node->tags,
                                      .id = node->id,
                                      .weight = node->weight,
                                      .priority = node->priority,
                                      .flags = node->flags};
    }
    return draft;
}

/* A specification is checked even where the route has no nodes that would take a strategy. */
static int check_spec(lw_pool *pool, const char *spec) {
    struct lw__chooser *chooser;
    int error = lw__chooser_new(pool, spec, &chooser);
    if (error == LW_OK) {
        chooser->users = 1;
        lw__chooser_drop(pool, chooser);
    }
    return error;
}

/* With the route in its place. fresh: the route whose strategies begin anew; below 0 none. */
static int rebuild(lw_pool *pool, int64_t fresh) {
    struct lw__snapshot *snapshot;
    uint32_t at[2];
    struct lw__draft *draft = draft_current(pool);
    int error = draft != NULL ? lw__snapshot_new(pool, draft, pool->current->count, fresh, at, &snapshot) : LW_NOMEM;
    lw__release(&pool->env, draft);
    if (error == LW_OK) {
        lw__snapshot_publish(pool, snapshot, lw__now(&pool->env));
    }
    return error;
}

static int set_route(lw_pool *pool, struct lw__route *route, uint32_t *out) {
    int64_t known = route_find(pool, route->name);
    uint32_t number = known >= 0 ? (uint32_t)known : pool->route_count;
    int error = known >= 0 ? LW_OK : grow(pool);
    if (error != LW_OK) {
        return error;
    }
    struct lw__route *old = known >= 0 ? pool->routes[number] : NULL;
    pool->routes[number] = route;
    pool->route_count += known < 0;
    bool same = old != NULL && strcmp(old->spec, route->spec) == 0;
    error = rebuild(pool, same ? -1 : (int64_t)number);
    if (error != LW_OK) {
        pool->routes[number] = old;
        pool->route_count -= known < 0;
        return error;
    }
    route_free(pool, old);
    *out = number;
    return LW_OK;
}

int lw_pool_route(lw_pool *pool, const char *name, const char *spec, const lw_filter *filter, uint32_t *number) {
    uint32_t ignored;
    if (name == NULL || spec == NULL) {
        return lw__fail(&pool->env, LW_INVALID, "route: a name and a specification are required");
    }
    int error = lw__pool_lock(pool);
    if (error != LW_OK) {
        return error;
    }
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane);
    struct lw__route *route = NULL;
    error = check_spec(pool, spec);
    if (error == LW_OK) {
        route = route_new(pool, name, spec, filter);
        error = route != NULL ? set_route(pool, route, number != NULL ? number : &ignored) : LW_NOMEM;
    }
    if (error != LW_OK) {
        route_free(pool, route);
    }
    lw__read_end(lane, parity);
    struct lw__node *gone = lw__pool_reclaim(pool, lw__now(&pool->env));
    lw__pool_unlock(pool);
    lw__pool_forget(pool, gone);
    return error;
}

int lw_pool_route_number(lw_pool *pool, const char *name, uint32_t *number) {
    int error = lw__pool_lock_to_read(pool);
    if (error != LW_OK) {
        return error;
    }
    int64_t known = route_find(pool, name);
    lw__pool_unlock(pool);
    *number = known >= 0 ? (uint32_t)known : 0;
    return known >= 0 ? LW_OK : lw__fail(&pool->env, LW_UNKNOWN, "route: there is none with the name %.100s", name);
}
