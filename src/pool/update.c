/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The nodes that shall be. Everything that can fail is done aside first: specs are checked, nodes made, labels copied,
 * the next snapshot with its plans built. Then nothing can fail any more: what is known of the nodes is changed in
 * place, the snapshot is published, and those that left are put aside for their last tickets.
 * Cost: O(n) hashes and comparisons; where something changed, what snapshot.c says.
 */
#include "pool/sync.h"

#include <loadwise/id.h>
#include <string.h>

struct update {
    lw_pool *pool;
    const lw_node_spec *specs;
    uint32_t count;
    uint64_t now;
    struct lw__draft *draft;
    struct fate *fate;
    lw_update_report report;
};

/* What becomes of one spec. */
struct fate {
    const lw_node_spec *spec;
    uint32_t number; /* of the spec */
    bool made, resumed, changed;
    char *zone, *tags; /* copies, where they change */
};

static const lw_node_spec *spec_at(const struct update *update, uint32_t i) {
    return (const lw_node_spec *)(const void *)((const char *)update->specs + i * update->specs->size);
}

/* ---- checks ---- */

static const char *shown(const lw_node_spec *spec) { return spec->name != NULL ? spec->name : "?"; }

static int check_spec(struct update *update, uint32_t i) {
    const lw_env *env = &update->pool->env;
    const lw_node_spec *spec = spec_at(update, i);
    update->report.fault = i;
    if (spec->size != update->specs->size) {
        return lw__fail(env, LW_INVALID, "update: spec %u: size=%zu, but that of the first is %zu", i, spec->size,
                        update->specs->size);
    }
    size_t length = spec->name != NULL ? strnlen(spec->name, LW_NODE_NAME_MAX + 1) : 0;
    if (length == 0 || length > LW_NODE_NAME_MAX) {
        return lw__fail(env, LW_INVALID, "update: spec %u: its name must have 1 to %d bytes", i, LW_NODE_NAME_MAX);
    }
    if (spec->flags > LW_NODE_LAST_RESORT) {
        return lw__fail(env, LW_RANGE, "update: spec %u (%.100s): flags=%u are not all known", i, shown(spec),
                        spec->flags);
    }
    if (spec->limit_count > 0 && update->pool->rules.quota.count == 0) {
        return lw__fail(env, LW_UNKNOWN, "update: spec %u (%.100s): it has limits, the pool has no dimensions", i,
                        shown(spec));
    }
    return lw__quota_limits_check(&update->pool->rules.quota, env, spec->limits, spec->limit_count);
}

static int check_specs(struct update *update) {
    const lw_env *env = &update->pool->env;
    int error = LW_OK;
    if (update->specs->size < sizeof(lw_node_spec)) {
        return lw__fail(env, LW_INVALID, "update: spec 0: size=%zu, is it LW_NODE_SPEC_INIT?", update->specs->size);
    }
    for (uint32_t i = 0; i < update->count && error == LW_OK; i++) {
        error = check_spec(update, i);
    }
    return error;
}

/* ---- nodes ---- */

static uint64_t limits_print(const lw_node_spec *spec) {
    uint64_t print = spec->limit_count;
    for (size_t i = 0; i < spec->limit_count; i++) {
        uint64_t words[] = {print, spec->limits[i].dimension, spec->limits[i].limit, spec->limits[i].burst};
        print = lw_id(words, sizeof words);
    }
    return print;
}

static bool same_text(const char *a, const char *b) { return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0); }

static bool is_same(const struct lw__node *node, const lw_node_spec *spec) {
    return node->weight == spec->weight && node->priority == spec->priority && same_text(node->zone, spec->zone) &&
           same_text(node->tags, spec->tags) && node->max_inflight == spec->max_inflight &&
           node->flags == spec->flags && node->limits == limits_print(spec) && node->user == spec->user;
}

static int copy_text(const lw_pool *pool, const char *from, char **to) {
    *to = NULL;
    if (from != NULL) {
        size_t size = strlen(from) + 1;
        *to = lw__alloc(&pool->env, size);
        if (*to == NULL) {
            return LW_NOMEM;
        }
        memcpy(*to, from, size);
    }
    return LW_OK;
}

/* The nodes that rest, to be found by id. */
struct resting {
    struct lw__node **node;
    uint64_t *ids;
    struct lw__idmap map;
    uint32_t count;
};

static bool rests(const struct lw__node *node, uint64_t now) { return node->rests_until > now; }

static int find_resting(const struct update *update, struct resting *resting) {
    const lw_env *env = &update->pool->env;
    uint32_t count = 0, first, second;
    for (const struct lw__node *node = update->pool->left; node != NULL; node = node->next) {
        count += rests(node, update->now);
    }
    if (count == 0) {
        return LW_OK;
    }
    resting->node = lw__alloc(env, count * sizeof(struct lw__node *));
    resting->ids = lw__alloc(env, count * sizeof *resting->ids);
    if (resting->node == NULL || resting->ids == NULL) {
        return LW_NOMEM;
    }
    for (struct lw__node *node = update->pool->left; node != NULL; node = node->next) {
        if (rests(node, update->now)) {
            resting->node[resting->count] = node;
            resting->ids[resting->count++] = node->id;
        }
    }
    return lw__idmap_init(&resting->map, env, resting->ids, resting->count, &first, &second);
}

static struct lw__node *resting_find(const struct resting *resting, uint64_t id) {
    int64_t at = resting->count > 0 ? lw__idmap_find(&resting->map, id) : -1;
    return at >= 0 ? resting->node[at] : NULL;
}

static void resting_close(const struct update *update, struct resting *resting) {
    lw__idmap_free(&resting->map, &update->pool->env);
    lw__release(&update->pool->env, resting->node);
    lw__release(&update->pool->env, resting->ids);
}

static int draft_one(struct update *update, uint32_t i, const struct resting *resting) {
    const lw_node_spec *spec = spec_at(update, i);
    struct fate *fate = &update->fate[i];
    uint64_t id = lw_id(spec->name, strlen(spec->name));
    struct lw__node *node = lw__snapshot_find(update->pool->current, id);
    bool member = node != NULL;
    if (node == NULL) {
        node = resting_find(resting, id);
        fate->resumed = node != NULL;
    }
    if (node == NULL) {
        node = lw__node_new(update->pool, spec, id);
        fate->made = node != NULL;
    }
    if (node == NULL) {
        return LW_NOMEM;
    }
    fate->spec = spec;
    fate->number = i;
    fate->changed = fate->made || !is_same(node, spec);
    update->report.added += !member;
    update->report.resumed += fate->resumed;
    update->report.changed += member && fate->changed;
    update->report.kept += member && !fate->changed;
    update->draft[i] = (struct lw__draft){.node = node,
                                          .name = spec->name,
                                          .zone = spec->zone,
                                          .tags = spec->tags,
                                          .id = id,
                                          .weight = spec->weight,
                                          .priority = spec->priority,
                                          .flags = spec->flags};
    return fate->changed && (copy_text(update->pool, spec->zone, &fate->zone) != LW_OK ||
                             copy_text(update->pool, spec->tags, &fate->tags) != LW_OK)
               ? LW_NOMEM
               : LW_OK;
}

static int draft_nodes(struct update *update) {
    const lw_env *env = &update->pool->env;
    struct resting resting = {0};
    update->draft = lw__alloc(env, (update->count + 1) * sizeof *update->draft);
    update->fate = lw__alloc(env, (update->count + 1) * sizeof *update->fate);
    int error = update->draft != NULL && update->fate != NULL ? find_resting(update, &resting) : LW_NOMEM;
    for (uint32_t i = 0; i < update->count && error == LW_OK; i++) {
        update->report.fault = i;
        error = draft_one(update, i, &resting);
    }
    resting_close(update, &resting);
    return error;
}

/* Nodes that stay keep their order, whatever that of the specs; new ones follow in theirs. So a list that was only
   shuffled changes nothing. */
static int order_nodes(struct update *update) {
    const lw_env *env = &update->pool->env;
    const struct lw__snapshot *current = update->pool->current;
    uint32_t places = current->count + update->count, out = 0;
    uint32_t *at = lw__alloc(env, (places + 1) * sizeof *at);
    struct lw__draft *draft = lw__alloc(env, (update->count + 1) * sizeof *draft);
    struct fate *fate = lw__alloc(env, (update->count + 1) * sizeof *fate);
    bool whole = at != NULL && draft != NULL && fate != NULL;
    for (uint32_t i = 0; whole && i < update->count; i++) {
        uint32_t position = update->draft[i].node->position;
        bool member = !update->fate[i].made && !update->fate[i].resumed && at[position] == 0;
        at[member ? position : current->count + i] = i + 1;
    }
    for (uint32_t p = 0; whole && p < places; p++) {
        if (at[p] != 0) {
            draft[out] = update->draft[at[p] - 1];
            fate[out++] = update->fate[at[p] - 1];
        }
    }
    if (whole) {
        lw__release(env, update->draft);
        lw__release(env, update->fate);
        update->draft = draft;
        update->fate = fate;
    } else {
        lw__release(env, draft);
        lw__release(env, fate);
    }
    lw__release(env, at);
    return whole ? LW_OK : LW_NOMEM;
}

/* After a failure: what was made goes. */
static void discard(struct update *update) {
    for (uint32_t i = 0; update->draft != NULL && update->fate != NULL && i < update->count; i++) {
        lw__release(&update->pool->env, update->fate[i].zone);
        lw__release(&update->pool->env, update->fate[i].tags);
        if (update->fate[i].made) {
            lw__node_free(update->pool, update->draft[i].node);
        }
    }
}

/* ---- commit ---- */

static uint32_t share_of(uint32_t amount, uint32_t instances) {
    return amount == 0 ? 0 : (amount + instances - 1) / instances;
}

static void limit_quota(const lw_pool *pool, struct lw__node *node, const lw_node_spec *spec) {
    lw_quota_limit shares[LW_QUOTA_DIMENSIONS];
    for (size_t i = 0; i < spec->limit_count; i++) {
        bool shared = (pool->rules.quota.shared >> spec->limits[i].dimension & 1) != 0;
        uint64_t instances = shared ? 1 : pool->rules.options.instances;
        shares[i] = spec->limits[i];
        shares[i].limit = (spec->limits[i].limit + instances - 1) / instances;
        shares[i].burst = (spec->limits[i].burst + instances - 1) / instances;
    }
    lw__quota_limits(&pool->rules.quota, node->quota, shares, spec->limit_count, true);
    node->limits = limits_print(spec);
}

static void apply_spec(struct update *update, uint32_t i) {
    struct fate *fate = &update->fate[i];
    const lw_node_spec *spec = fate->spec;
    struct lw__node *node = update->draft[i].node;
    lw__release(&update->pool->env, node->zone);
    lw__release(&update->pool->env, node->tags);
    node->zone = fate->zone;
    node->tags = fate->tags;
    if (node->quota != NULL && (fate->made || node->limits != limits_print(spec))) {
        limit_quota(update->pool, node, spec);
    }
    __atomic_store_n(&node->priority, spec->priority, __ATOMIC_RELAXED);
    node->max_inflight = spec->max_inflight;
    __atomic_store_n(&node->weight, spec->weight, __ATOMIC_SEQ_CST);
    __atomic_store_n(&node->flags, spec->flags, __ATOMIC_SEQ_CST);
    __atomic_store_n(&node->user, spec->user, __ATOMIC_SEQ_CST);
    __atomic_store_n(&node->cap, share_of(spec->max_inflight, update->pool->rules.options.instances), __ATOMIC_SEQ_CST);
}

static void unlink_resting(lw_pool *pool, const struct lw__node *node) {
    struct lw__node **link = &pool->left;
    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
}

static void join(struct update *update, uint32_t i) {
    struct lw__node *node = update->draft[i].node;
    if (update->fate[i].resumed) {
        unlink_resting(update->pool, node);
    } else {
        lw__ramp_begin(update->pool, node, update->now);
    }
    lw__sync_welcome(update->pool, node, update->now);
    __atomic_store_n(&node->member, 1, __ATOMIC_SEQ_CST);
}

static void commit(struct update *update, struct lw__snapshot *snapshot) {
    lw_pool *pool = update->pool;
    struct lw__snapshot *old = pool->current;
    for (uint32_t i = 0; i < update->count; i++) {
        bool joins = update->fate[i].made || update->fate[i].resumed;
        if (update->fate[i].changed) {
            apply_spec(update, i);
        }
        if (joins) {
            join(update, i);
        }
    }
    lw__snapshot_publish(pool, snapshot, update->now);
    for (uint32_t i = 0; i < old->count; i++) {
        struct lw__node *node = old->node[i];
        if (lw__snapshot_find(snapshot, node->id) == NULL) {
            __atomic_store_n(&node->member, 0, __ATOMIC_SEQ_CST);
            lw__node_settle(pool, node, lw__node_quiet(node, update->now));
            lw__pool_leave(pool, node, update->now);
        }
    }
    pool->updates++;
}

/* ---- the call ---- */

/* Are the nodes those that are there, as they were? */
static bool changes_nothing(const struct update *update) {
    const struct lw__snapshot *current = update->pool->current;
    bool same = update->count == current->count && update->report.kept == current->count;
    for (uint32_t i = 0; i < update->count && same; i++) {
        same = current->node[i] == update->draft[i].node; /* else one is there twice */
    }
    return same;
}

static int duplicate(struct update *update, const uint32_t *at) {
    const struct fate *a = &update->fate[at[0]], *b = &update->fate[at[1]];
    const struct fate *first = a->number < b->number ? a : b, *second = first == a ? b : a;
    update->report.fault = second->number;
    return lw__fail(&update->pool->env, LW_DUPLICATE, "update: specs %u and %u (%.100s, %.100s) have the same id",
                    first->number, second->number, shown(first->spec), shown(second->spec));
}

static int run(struct update *update) {
    struct lw__snapshot *snapshot;
    uint32_t at[2];
    int error = update->count > 0 ? check_specs(update) : LW_OK;
    if (error == LW_OK) {
        error = draft_nodes(update);
    }
    if (error == LW_OK) {
        error = order_nodes(update);
    }
    if (error == LW_OK && !changes_nothing(update)) {
        error = lw__snapshot_new(update->pool, update->draft, update->count, -1, at, &snapshot);
        error = error == LW_DUPLICATE ? duplicate(update, at) : error;
        if (error == LW_OK) {
            update->report.removed = update->pool->current->count - update->report.kept - update->report.changed;
            commit(update, snapshot);
        }
    }
    if (error != LW_OK) {
        discard(update);
    }
    lw__release(&update->pool->env, update->draft);
    lw__release(&update->pool->env, update->fate);
    return error;
}

static void give_report(const struct update *update, int error, lw_update_report *report) {
    if (report != NULL) {
        size_t size = report->size < sizeof *report ? report->size : sizeof *report;
        lw_update_report full = error == LW_OK ? update->report : (lw_update_report){.fault = update->report.fault};
        full.fault = error == LW_OK ? 0 : full.fault;
        full.size = report->size;
        memcpy(report, &full, size);
    }
}

int lw_pool_update(lw_pool *pool, const lw_node_spec *specs, size_t count, uint32_t flags, lw_update_report *report) {
    struct update update = {.pool = pool, .specs = specs, .count = (uint32_t)count};
    if (count == 0 && (flags & (LW_UPDATE_ALLOW_EMPTY | LW_UPDATE_KEEP_LAST)) == 0) {
        return lw__fail(&pool->env, LW_NO_NODES, "update: there are no nodes, and no flag allows that");
    }
    if (count > INT32_MAX) {
        return lw__fail(&pool->env, LW_RANGE, "update: count=%zu must be below 2147483648", count);
    }
    int error = lw__pool_lock(pool);
    if (error != LW_OK) {
        return error;
    }
    struct lw__node *gone = NULL;
    update.now = lw__now(&pool->env);
    if (count == 0 && (flags & LW_UPDATE_KEEP_LAST) != 0) {
        update.report.kept = pool->current->count;
    } else {
        struct lw__lane *lane = lw__lane_of(&pool->lanes);
        uint32_t parity = lw__read_begin(&pool->lanes, lane);
        error = run(&update);
        lw__read_end(lane, parity);
        gone = lw__pool_reclaim(pool, update.now);
    }
    lw__pool_unlock(pool);
    lw__pool_forget(pool, gone);
    give_report(&update, error, report);
    return error;
}
