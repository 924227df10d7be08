/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What operators, active checks and the nodes themselves say, outside of any request. Cost: one search by id, and what
   settling costs. */
#include "pool/snapshot.h"
#include "strategy/unit.h"

#include <string.h>

/* One node of the moment, found inside a read section. */
struct visit {
    lw_pool *pool;
    struct lw__lane *lane;
    const struct lw__snapshot *snapshot;
    struct lw__node *node;
    uint32_t parity;
};

static int visit_begin(struct visit *visit, lw_pool *pool, uint64_t id) {
    visit->pool = pool;
    visit->lane = lw__lane_of(&pool->lanes);
    visit->parity = lw__read_begin(&pool->lanes, visit->lane);
    visit->snapshot = lw__snapshot_current(pool);
    visit->node = lw__snapshot_find(visit->snapshot, id);
    if (visit->node == NULL) {
        lw__read_end(visit->lane, visit->parity);
        return lw__fail(&pool->env, LW_UNKNOWN, "pool: there is no node with the id %016llx", (unsigned long long)id);
    }
    return LW_OK;
}

static void visit_end(struct visit *visit) { lw__read_end(visit->lane, visit->parity); }

int lw_pool_admin(lw_pool *pool, uint64_t id, uint32_t admin, uint64_t deadline) {
    struct visit visit;
    if (admin > LW_ADMIN_DISABLED) {
        return lw__fail(&pool->env, LW_INVALID, "admin: state=%u must be below %d", admin, LW_ADMIN_DISABLED + 1);
    }
    int error = visit_begin(&visit, pool, id);
    if (error == LW_OK) {
        __atomic_store_n(&visit.node->drain_deadline, deadline, __ATOMIC_SEQ_CST);
        __atomic_store_n(&visit.node->drained, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&visit.node->admin, admin, __ATOMIC_SEQ_CST);
        lw__node_settle(pool, visit.node, lw__now(&pool->env));
        lw__drained_tell(pool, visit.node);
        visit_end(&visit);
    }
    return error;
}

int lw_pool_verdict(lw_pool *pool, uint64_t id, uint32_t verdict, uint64_t now) {
    struct visit visit;
    if (verdict > LW_VERDICT_DOWN) {
        return lw__fail(&pool->env, LW_INVALID, "verdict: %u must be below %d", verdict, LW_VERDICT_DOWN + 1);
    }
    int error = visit_begin(&visit, pool, id);
    if (error == LW_OK) {
        bool was_ill = lw__node_is_ill(visit.node, now);
        lw__telling_begin();
        lw__health_verdict(&pool->rules.health, &visit.node->health, id, verdict);
        lw__telling_end();
        if (was_ill && lw__health_status(&visit.node->health) == LW_HEALTHY) {
            lw__ramp_begin(pool, visit.node, now);
        }
        lw__node_settle(pool, visit.node, now);
        visit_end(&visit);
    }
    return error;
}

int lw_pool_cool(lw_pool *pool, uint64_t id, uint64_t until, uint64_t now) {
    struct visit visit;
    uint64_t latest = lw__after(now, pool->rules.options.max_cooldown);
    int error = visit_begin(&visit, pool, id);
    if (error == LW_OK) {
        lw__raise(&visit.node->cooling_until, until < latest ? until : latest);
        lw__node_settle(pool, visit.node, now);
        visit_end(&visit);
    }
    return error;
}

/* The time is written last: it is what says that there is a report. */
void lw__node_report(struct lw__node *node, double load, uint64_t base, uint64_t at) {
    if (at != 0 && at >= lw__node_time(&node->external_at)) {
        __atomic_store(&node->external, &load, __ATOMIC_RELAXED);
        __atomic_store_n(&node->external_base, base, __ATOMIC_RELAXED);
        __atomic_store_n(&node->external_at, at, __ATOMIC_RELEASE);
    }
}

int lw_pool_report_load(lw_pool *pool, uint64_t id, double load, uint64_t at) {
    struct visit visit;
    if (!__builtin_isfinite(load)) {
        return lw__fail(&pool->env, LW_RANGE, "load: %g must be finite", load);
    }
    int error = visit_begin(&visit, pool, id);
    if (error == LW_OK) {
        lw__node_report(visit.node, load, __atomic_load_n(&visit.node->traffic, __ATOMIC_RELAXED), at);
        visit_end(&visit);
    }
    return error;
}

int lw_pool_probed(lw_pool *pool, uint64_t id, const lw_probe *probe) {
    struct visit visit;
    if (probe->size < LW__PROBE_FIRST_SIZE) {
        return lw__fail(&pool->env, LW_INVALID, "probe: size=%zu, is it LW_PROBE_INIT?", probe->size);
    }
    int error = visit_begin(&visit, pool, id);
    if (error == LW_OK) {
        lw_probe timed = LW_PROBE_INIT;
        memcpy(&timed, probe, probe->size < sizeof timed ? probe->size : sizeof timed);
        timed.size = sizeof timed;
        timed.now = timed.now != 0 ? timed.now : lw__now(&pool->env);
        lw__snapshot_probed(visit.snapshot, visit.node, &timed);
        visit_end(&visit);
    }
    return error;
}
