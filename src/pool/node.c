/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes of a pool; see node.h. Cost: settling is a few loads per reason and an exchange, and for each group that the
   node is in what group.c says. */
#include "pool/snapshot.h"

#include <string.h>

/* ---- made and freed ---- */

static size_t round_up(size_t size) { return (size + 63) & ~(size_t)63; }

struct lw__node *lw__node_new(lw_pool *pool, const lw_node_spec *spec, uint64_t id) {
    size_t body = round_up(sizeof(struct lw__node));
    size_t quota = pool->rules.quota.count > 0 ? round_up(pool->rules.quota.node_size) : 0;
    size_t sync = pool->sync != NULL ? sizeof(struct lw__sync_node) : 0;
    size_t window = pool->rules.health.options.window > 0 ? LW__HEALTH_BUCKETS * sizeof(uint64_t) : 0;
    size_t name = strlen(spec->name) + 1;
    struct lw__node *node = lw__alloc(&pool->env, body + quota + sync + window + name);
    if (node == NULL) {
        return NULL;
    }
    node->id = id;
    node->name = memcpy((char *)node + body + quota + sync + window, spec->name, name);
    if (quota != 0) {
        node->quota = (struct lw__quota_node *)(void *)((char *)node + body);
    }
    if (sync != 0) {
        node->sync = (struct lw__sync_node *)(void *)((char *)node + body + quota);
    }
    node->reasons = LW_REASON_LEFT;
    uint64_t *buckets = window != 0 ? (uint64_t *)(void *)((char *)node + body + quota + sync) : NULL;
    lw__health_node_init(&node->health, (uint32_t)++pool->lives, buckets);
    return node;
}

void lw__node_free(lw_pool *pool, struct lw__node *node) {
    lw__release(&pool->env, node->zone);
    lw__release(&pool->env, node->tags);
    lw__release(&pool->env, node);
}

/* ---- reasons ---- */

/* Would a request that names no amounts fit? */
static bool quota_fits(const lw_pool *pool, struct lw__node *node, uint64_t now, lw_quota_refusal *refusal) {
    uint64_t amounts[LW_QUOTA_DIMENSIONS];
    uint32_t named = lw__quota_estimate(&pool->rules.quota, amounts, 0);
    return lw__quota_fits(&pool->rules.quota, node->quota, amounts, named, now, refusal);
}

static uint32_t admin_of(const struct lw__node *node, uint64_t now) {
    uint32_t admin = __atomic_load_n(&node->admin, __ATOMIC_SEQ_CST);
    uint64_t deadline = lw__node_time(&node->drain_deadline);
    return admin == LW_ADMIN_DRAINING && deadline != 0 && now >= deadline ? LW_ADMIN_DISABLED : admin;
}

uint32_t lw__node_is_ill(const struct lw__node *node, uint64_t now) {
    uint32_t status = lw__health_status(&node->health);
    return status == LW_UNHEALTHY || status == LW_RECOVERING || lw__node_time(&node->ejected_until) > now;
}

uint32_t lw__node_reasons(const lw_pool *pool, struct lw__node *node, uint64_t now) {
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    uint32_t admin = admin_of(node, now), reasons = 0;
    uint32_t cap = __atomic_load_n(&node->cap, __ATOMIC_SEQ_CST);
    uint32_t inflight = (uint32_t)__atomic_load_n(&node->traffic, __ATOMIC_SEQ_CST);
    reasons |= __atomic_load_n(&node->member, __ATOMIC_SEQ_CST) == 0 ? LW_REASON_LEFT : 0;
    reasons |= admin == LW_ADMIN_DRAINING ? LW_REASON_DRAINING : 0;
    reasons |= admin == LW_ADMIN_DISABLED ? LW_REASON_DISABLED : 0;
    reasons |= (__atomic_load_n(&node->flags, __ATOMIC_SEQ_CST) & LW_NODE_LAST_RESORT) != 0 ? LW_REASON_RESERVED : 0;
    reasons |= lw__node_time(&node->ejected_until) > now ? LW_REASON_EJECTED : 0;
    reasons |= lw__node_time(&node->cooling_until) > now ? LW_REASON_COOLING : 0;
    reasons |= cap != 0 && inflight >= cap ? LW_REASON_SATURATED : 0;
    reasons |= !lw__health_would_admit(&pool->rules.health, &node->health, node->id, now) ? LW_REASON_UNHEALTHY : 0;
    reasons |= node->quota != NULL && !quota_fits(pool, node, now, &refusal) ? LW_REASON_OVER_QUOTA : 0;
    return reasons;
}

uint64_t lw__node_due(const lw_pool *pool, struct lw__node *node, uint32_t ignored, uint64_t now) {
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    uint32_t reasons = lw__node_reasons(pool, node, now) & ~ignored;
    uint64_t due = 0;
    if ((reasons & (LW__ABSENT | LW_REASON_SATURATED)) != 0) {
        return UINT64_MAX;
    }
    if ((reasons & LW_REASON_EJECTED) != 0) {
        due = lw__health_later(due, lw__node_time(&node->ejected_until));
    }
    if ((reasons & LW_REASON_COOLING) != 0) {
        due = lw__health_later(due, lw__node_time(&node->cooling_until));
    }
    if ((reasons & LW_REASON_UNHEALTHY) != 0) {
        due = lw__health_later(due, lw__health_due(&pool->rules.health, &node->health, node->id, now));
    }
    if ((reasons & LW_REASON_OVER_QUOTA) != 0 && !quota_fits(pool, node, now, &refusal)) {
        due = lw__health_later(due, refusal.retry == LW_RETRY_AT ? refusal.retry_at : UINT64_MAX);
    }
    return due;
}

/* ---- settling ---- */

static uint64_t sooner(uint64_t due, uint64_t time, uint64_t now) { return time > now && time < due ? time : due; }

/* When settling again could give another answer: a reason that ends is worth it even if others stay, for refusals tell
   of those. */
static uint64_t next_look(const lw_pool *pool, struct lw__node *node, uint32_t reasons, uint64_t now) {
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    uint64_t due = sooner(UINT64_MAX, lw__node_time(&node->drain_deadline), now);
    due = sooner(due, lw__node_time(&node->ejected_until), now);
    due = sooner(due, lw__node_time(&node->cooling_until), now);
    if ((reasons & LW_REASON_UNHEALTHY) != 0) {
        due = sooner(due, lw__health_due(&pool->rules.health, &node->health, node->id, now), now);
    }
    if ((reasons & LW_REASON_OVER_QUOTA) != 0 && !quota_fits(pool, node, now, &refusal) &&
        refusal.retry == LW_RETRY_AT) {
        due = sooner(due, refusal.retry_at, now);
    }
    return due;
}

uint64_t lw__node_quiet(const struct lw__node *node, uint64_t now) {
    bool ejected = (__atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) & LW_REASON_EJECTED) != 0;
    uint64_t end = lw__node_time(&node->ejected_until);
    return ejected && end <= now ? end - 1 : now;
}

void lw__node_settle(lw_pool *pool, struct lw__node *node, uint64_t now) {
    uint32_t reasons, ill, old;
    do {
        reasons = lw__node_reasons(pool, node, now);
        ill = lw__node_is_ill(node, now);
        __atomic_store_n(&node->ill, ill, __ATOMIC_SEQ_CST);
        old = __atomic_exchange_n(&node->reasons, reasons, __ATOMIC_SEQ_CST);
        if ((old & LW_REASON_EJECTED) != 0 && (reasons & LW_REASON_EJECTED) == 0) {
            lw__outlier_back(pool, node, now);
        }
        lw__snapshot_sync(lw__snapshot_current(pool), node);
    } while (lw__node_reasons(pool, node, now) != reasons || lw__node_is_ill(node, now) != ill ||
             __atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) != reasons);
    if (reasons != 0) {
        uint64_t due = next_look(pool, node, reasons, now);
        if (due != UINT64_MAX) {
            lw__due_lower(pool, due);
        }
    }
}

void lw__node_tell_quota(const lw_pool *pool, struct lw__node *node, const lw_quota_refusal *refusal, uint64_t now) {
    const lw_observer *observer = &pool->rules.observer;
    if (observer->quota_exhausted != NULL || observer->quota_released != NULL) {
        struct lw__quota_news news;
        lw__quota_notice(&pool->rules.quota, node->quota, now, refusal, &news);
        lw__telling_begin();
        lw__quota_tell(&pool->rules.quota, observer, node->id, &news);
        lw__telling_end();
    }
}
