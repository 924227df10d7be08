/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Snapshots; see snapshot.h.
 *
 * Publishing loses no event: whoever changes a node writes the node first and then brings up to date what he finds as
 * the current snapshot. If that was still the old one, he wrote the node before the new one was published, and
 * publishing looks at every node again afterwards.
 * Cost: O(nodes x routes), the plans of groups whose members changed, and one map of the ids.
 */
#include "pool/snapshot.h"

#include <string.h>

/* Of one route, while its path is made. */
struct cut {
    lw_pool *pool;
    const struct lw__draft *draft;
    uint32_t count;
    const struct lw__route *route;
    const struct lw__path *old; /* NULL: the route is new, or its strategy is to be made anew */
    const uint64_t *members;
};

/* ---- members ---- */

static lw_nodes draft_nodes(const struct lw__draft *draft, uint32_t count) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, count);
    LW_SET(nodes, name, draft, name);
    LW_SET(nodes, id, draft, id);
    LW_SET(nodes, weight, draft, weight);
    LW_SET(nodes, priority, draft, priority);
    LW_SET(nodes, zone, draft, zone);
    LW_SET(nodes, tags, draft, tags);
    return nodes;
}

static int filter_members(const lw_pool *pool, const struct lw__route *route, const struct lw__draft *draft,
                          uint32_t count, uint64_t *words) {
    if (route->filter == NULL) {
        lw_bitmap_fill(words, count);
        return LW_OK;
    }
    lw_nodes nodes = draft_nodes(draft, count);
    int passed = lw_filter_apply(route->filter, &nodes, NULL, 0, words);
    return passed >= 0 ? LW_OK
                       : lw__fail(&pool->env, passed, "route %s: its filter reads a column that nodes of a pool lack",
                                  route->name);
}

static uint32_t part_of(const struct cut *cut, const struct lw__draft *draft) {
    const char *zone = cut->pool->rules.options.zone;
    return zone != NULL && (draft->zone == NULL || strcmp(zone, draft->zone) != 0);
}

/* ---- groups ---- */

static struct lw__group *old_group(const struct cut *cut, uint32_t priority, uint32_t part) {
    for (uint32_t i = 0; cut->old != NULL && i < cut->old->level_count; i++) {
        if (cut->old->level[i].priority == priority) {
            return cut->old->level[i].part[part];
        }
    }
    return NULL;
}

static bool same_members(const struct lw__group *group, struct lw__node *const *nodes, const uint32_t *weights,
                         uint32_t count) {
    return group != NULL && group->count == count && memcmp(group->node, nodes, count * sizeof *nodes) == 0 &&
           memcmp(group->weight, weights, count * sizeof *weights) == 0;
}

static uint32_t collect(const struct cut *cut, uint32_t priority, uint32_t part, struct lw__node **nodes,
                        uint32_t *weights) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < cut->count; i++) {
        const struct lw__draft *draft = &cut->draft[i];
        if (lw_bitmap_get(cut->members, i) && draft->priority == priority && part_of(cut, draft) == part) {
            if (nodes != NULL) {
                nodes[found] = draft->node;
                weights[found] = draft->weight;
            }
            found++;
        }
    }
    return found;
}

/* The strategy that the group had before, or a new one. */
static int chooser_for(const struct cut *cut, const struct lw__group *old, struct lw__chooser **out) {
    if (old != NULL) {
        *out = old->chooser;
        return LW_OK;
    }
    return lw__chooser_new(cut->pool, cut->route->spec, out);
}

static int group_for(const struct cut *cut, uint32_t priority, uint32_t part, struct lw__group **out) {
    uint32_t count = collect(cut, priority, part, NULL, NULL);
    *out = NULL;
    if (count == 0) {
        return LW_OK;
    }
    const lw_env *env = &cut->pool->env;
    struct lw__node **nodes = lw__alloc(env, count * sizeof *nodes);
    uint32_t *weights = lw__alloc(env, count * sizeof *weights);
    struct lw__group *old = old_group(cut, priority, part);
    struct lw__chooser *chooser = NULL;
    int error = nodes != NULL && weights != NULL ? LW_OK : LW_NOMEM;
    if (error == LW_OK) {
        collect(cut, priority, part, nodes, weights);
        if (same_members(old, nodes, weights, count)) {
            old->users++;
            *out = old;
        } else {
            error = chooser_for(cut, old, &chooser);
        }
    }
    if (chooser == NULL) {
        lw__release(env, nodes);
        lw__release(env, weights);
        return error;
    }
    chooser->users++; /* held, so that a failure frees a new one and leaves an old one */
    error = lw__group_new(cut->pool, chooser, nodes, weights, count, out);
    lw__chooser_drop(cut->pool, chooser);
    if (error == LW_OK && old != NULL) {
        (*out)->panicking = __atomic_load_n(&old->panicking, __ATOMIC_SEQ_CST);
    }
    return error;
}

/* ---- paths ---- */

static int add_level(const struct cut *cut, struct lw__path *path, uint32_t priority) {
    uint32_t at = 0;
    while (at < path->level_count && path->level[at].priority < priority) {
        at++;
    }
    if (at < path->level_count && path->level[at].priority == priority) {
        return LW_OK;
    }
    if (path->level_count == LW_POOL_LEVELS) {
        return lw__fail(&cut->pool->env, LW_TOO_LARGE, "route %s: its nodes have more than %d different priorities",
                        cut->route->name, LW_POOL_LEVELS);
    }
    memmove(&path->level[at + 1], &path->level[at], (path->level_count - at) * sizeof *path->level);
    path->level[at] = (struct lw__level){.priority = priority};
    path->level_count++;
    return LW_OK;
}

static int fill_path(struct cut *cut, struct lw__path *path) {
    int error = LW_OK;
    for (uint32_t i = 0; i < cut->count && error == LW_OK; i++) {
        if (lw_bitmap_get(cut->members, i)) {
            path->members++;
            error = add_level(cut, path, cut->draft[i].priority);
        }
    }
    uint32_t groups = 0;
    for (uint32_t l = 0; l < path->level_count; l++) {
        for (uint32_t part = 0; part < 2 && error == LW_OK; part++) {
            struct lw__group **group = &path->level[l].part[part];
            error = group_for(cut, path->level[l].priority, part, group);
            groups += *group != NULL;
        }
    }
    if (groups == 1) {
        path->only = path->level[0].part[0] != NULL ? path->level[0].part[0] : path->level[0].part[1];
    }
    return error;
}

static int make_path(lw_pool *pool, const struct lw__draft *draft, uint32_t count, uint32_t number, int64_t fresh,
                     struct lw__path *path) {
    const struct lw__snapshot *before = pool->current;
    uint64_t *words = lw__alloc(&pool->env, (LW_BITMAP_WORDS(count) + 1) * sizeof *words);
    struct cut cut = {.pool = pool,
                      .draft = draft,
                      .count = count,
                      .route = pool->routes[number],
                      .old = number < before->path_count && number != fresh ? &before->path[number] : NULL,
                      .members = words};
    int error = words != NULL ? LW_OK : LW_NOMEM;
    if (error == LW_OK && count > 0) {
        error = filter_members(pool, cut.route, draft, count, words);
    }
    if (error == LW_OK) {
        error = fill_path(&cut, path);
    }
    lw__release(&pool->env, words);
    return error;
}

/* ---- places ---- */

typedef void group_visitor(void *user, struct lw__group *group);

static void each_group(const struct lw__snapshot *snapshot, group_visitor *visit, void *user) {
    for (uint32_t p = 0; p < snapshot->path_count; p++) {
        const struct lw__path *path = &snapshot->path[p];
        for (uint32_t l = 0; l < path->level_count; l++) {
            for (uint32_t part = 0; part < 2; part++) {
                if (path->level[l].part[part] != NULL) {
                    visit(user, path->level[l].part[part]);
                }
            }
        }
    }
}

static void count_group(void *user, struct lw__group *group) {
    struct lw__snapshot *snapshot = user;
    snapshot->place_count += group->count;
    snapshot->tallied |= group->tally != NULL;
    snapshot->learns |= group->chooser->learned;
    snapshot->told |= group->chooser->external;
    for (uint32_t i = 0; i < group->count; i++) {
        snapshot->first[lw__idmap_find(&snapshot->map, group->node[i]->id) + 1]++;
    }
}

/* first[i] is where the places of node i - 1 go on, and ends where those of node i begin. */
static void place_group(void *user, struct lw__group *group) {
    struct lw__snapshot *snapshot = user;
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t node = (uint32_t)lw__idmap_find(&snapshot->map, group->node[i]->id);
        snapshot->place[snapshot->first[node]++] = (struct lw__place){group, i};
    }
}

static int make_places(lw_pool *pool, struct lw__snapshot *snapshot) {
    snapshot->first = lw__alloc(&pool->env, (snapshot->count + 2) * sizeof *snapshot->first);
    if (snapshot->first == NULL) {
        return LW_NOMEM;
    }
    each_group(snapshot, count_group, snapshot);
    snapshot->place = lw__alloc(&pool->env, (snapshot->place_count + 1) * sizeof *snapshot->place);
    if (snapshot->place == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        snapshot->first[i + 1] += snapshot->first[i];
    }
    each_group(snapshot, place_group, snapshot);
    memmove(snapshot->first + 1, snapshot->first, snapshot->count * sizeof *snapshot->first);
    snapshot->first[0] = 0;
    return LW_OK;
}

/* ---- made, freed, published ---- */

static int make_ids(lw_pool *pool, struct lw__snapshot *snapshot, const struct lw__draft *draft, uint32_t *at) {
    snapshot->node = lw__alloc(&pool->env, (snapshot->count + 1) * sizeof *snapshot->node);
    snapshot->ids = lw__alloc(&pool->env, (snapshot->count + 1) * sizeof *snapshot->ids);
    if (snapshot->node == NULL || snapshot->ids == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        snapshot->node[i] = draft[i].node;
        snapshot->ids[i] = draft[i].id;
    }
    return lw__idmap_init(&snapshot->map, &pool->env, snapshot->ids, snapshot->count, &at[0], &at[1]);
}

int lw__snapshot_new(lw_pool *pool, const struct lw__draft *draft, uint32_t count, int64_t fresh, uint32_t *at,
                     struct lw__snapshot **out) {
    struct lw__snapshot *snapshot = lw__alloc(&pool->env, sizeof *snapshot);
    if (snapshot == NULL) {
        return LW_NOMEM;
    }
    snapshot->count = count;
    int error = make_ids(pool, snapshot, draft, at);
    if (error == LW_OK) {
        snapshot->path = lw__alloc(&pool->env, (pool->route_count + 1) * sizeof *snapshot->path);
        error = snapshot->path != NULL ? LW_OK : LW_NOMEM;
    }
    for (uint32_t r = 0; r < pool->route_count && error == LW_OK; r++) {
        snapshot->path_count++;
        error = make_path(pool, draft, count, r, fresh, &snapshot->path[r]);
    }
    if (error == LW_OK) {
        error = make_places(pool, snapshot);
    }
    if (error != LW_OK) {
        lw__snapshot_free(pool, snapshot);
        return error;
    }
    *out = snapshot;
    return LW_OK;
}

static void drop_group(void *user, struct lw__group *group) { lw__group_drop(user, group); }

void lw__snapshot_free(lw_pool *pool, struct lw__snapshot *snapshot) {
    if (snapshot->path != NULL) {
        each_group(snapshot, drop_group, pool);
    }
    lw__idmap_free(&snapshot->map, &pool->env);
    lw__release(&pool->env, snapshot->node);
    lw__release(&pool->env, snapshot->ids);
    lw__release(&pool->env, snapshot->path);
    lw__release(&pool->env, snapshot->first);
    lw__release(&pool->env, snapshot->place);
    lw__release(&pool->env, snapshot);
}

/* A group that the snapshot before has as well is not new. */
static void count_new_group(void *user, struct lw__group *group) {
    lw_pool *pool = user;
    pool->plans += group->users == 1;
}

void lw__snapshot_publish(lw_pool *pool, struct lw__snapshot *snapshot, uint64_t now) {
    struct lw__snapshot *old = pool->current;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        struct lw__node *node = snapshot->node[i];
        __atomic_store_n(&node->position, i, __ATOMIC_RELAXED);
        if ((__atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) & LW_REASON_LEFT) != 0) { /* it joins */
            uint32_t reasons = lw__node_reasons(pool, node, lw__node_quiet(node, now));
            __atomic_store_n(&node->reasons, reasons, __ATOMIC_SEQ_CST);
        }
        lw__snapshot_sync(snapshot, node);
    }
    each_group(snapshot, count_new_group, pool);
    __atomic_store_n(&pool->current, snapshot, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        lw__node_settle(pool, snapshot->node[i], lw__node_quiet(snapshot->node[i], now));
    }
    if (old != NULL) {
        old->retired_in = pool->lanes.epoch;
        old->older = pool->retired;
        pool->retired = old;
    }
}

/* ---- asked ---- */

struct lw__node *lw__snapshot_find(const struct lw__snapshot *snapshot, uint64_t id) {
    int64_t at = snapshot->count > 0 ? lw__idmap_find(&snapshot->map, id) : -1;
    return at >= 0 ? snapshot->node[at] : NULL;
}

/* The position that a node knows is that in the latest snapshot, which may be another. */
static int64_t position_in(const struct lw__snapshot *snapshot, const struct lw__node *node) {
    uint32_t position = __atomic_load_n(&node->position, __ATOMIC_RELAXED);
    if (__builtin_expect(position < snapshot->count && snapshot->node[position] == node, 1)) {
        return position;
    }
    int64_t at = snapshot->count > 0 ? lw__idmap_find(&snapshot->map, node->id) : -1;
    return at >= 0 && snapshot->node[at] == node ? at : -1;
}

void lw__snapshot_sync(const struct lw__snapshot *snapshot, const struct lw__node *node) {
    int64_t at = position_in(snapshot, node);
    for (uint32_t p = at >= 0 ? snapshot->first[at] : 0; at >= 0 && p < snapshot->first[at + 1]; p++) {
        lw__group_sync(snapshot->place[p].group, snapshot->place[p].index);
    }
}

void lw__snapshot_count(const struct lw__snapshot *snapshot, const struct lw__node *node) {
    int64_t at = snapshot->tallied ? position_in(snapshot, node) : -1;
    for (uint32_t p = at >= 0 ? snapshot->first[at] : 0; at >= 0 && p < snapshot->first[at + 1]; p++) {
        const struct lw__place *place = &snapshot->place[p];
        if (place->group->tally != NULL) {
            lw__tally_set(place->group->tally, place->index, &node->traffic, &node->reasons);
        }
    }
}

struct lw__group *lw__snapshot_group(const struct lw__snapshot *snapshot, const struct lw__node *node, uint64_t chooser,
                                     uint32_t *index) {
    int64_t at = position_in(snapshot, node);
    for (uint32_t p = at >= 0 ? snapshot->first[at] : 0; at >= 0 && p < snapshot->first[at + 1]; p++) {
        if (snapshot->place[p].group->chooser->serial == chooser) {
            *index = snapshot->place[p].index;
            return snapshot->place[p].group;
        }
    }
    return NULL;
}

void lw__snapshot_probed(const struct lw__snapshot *snapshot, const struct lw__node *node, const lw_probe *probe) {
    int64_t at = position_in(snapshot, node);
    for (uint32_t p = at >= 0 ? snapshot->first[at] : 0; at >= 0 && p < snapshot->first[at + 1]; p++) {
        const struct lw__place *place = &snapshot->place[p];
        if (place->group->chooser->probes) {
            lw_probed(place->group->chooser->strategy, &place->group->nodes[LW__VIEW_ALL], place->index, probe);
        }
    }
}
