/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The end of a ticket: what was learnt goes to health, latency, quotas and the strategy; what was taken goes back.
 *
 * Who wins the slot's compare-and-swap does all of it, once. The place under the cap is given back last but for the
 * settling, so that whoever sees a node free sees it judged by this request too. The node stays inside the read section
 * even if it has left the pool and this was its last request.
 * Cost: two locked operations where nothing is learnt; see the trackers for what each of them adds.
 */
#include "pool/snapshot.h"
#include "strategy/unit.h"

#include <string.h>

static const lw_sample plain_sample = LW_SAMPLE_INIT;
static const lw_sample cancelled_sample = {.size = sizeof cancelled_sample, .outcome = LW_OUTCOME_CANCELLED};

/* One ticket that ends. */
struct end {
    lw_pool *pool;
    struct lw__lane *lane;
    struct lw__slot *slot;
    struct lw__node *node;
    uint64_t now;
    const lw_sample *sample;
    lw_sample whole; /* where the caller's is an older, shorter one */
    uint64_t actual[LW_QUOTA_DIMENSIONS];
    uint32_t named;
    bool undo; /* as if it had not been */
};

/* ---- what is learnt ---- */

/* Without a report: what was undone says nothing. */
static bool return_permit(struct end *end, bool probe) {
    if (probe) {
        lw__telling_begin();
        lw__health_return(&end->pool->rules.health, &end->node->health, end->node->id, &end->slot->permit);
        lw__telling_end();
    }
    return probe;
}

/* True when the node may have become another one. */
static bool learn_health(struct end *end) {
    const struct lw__health_rules *rules = &end->pool->rules.health;
    struct lw__node *node = end->node;
    bool probe = end->slot->permitted && (end->slot->permit.flags & LW_PERMIT_PROBE) != 0;
    bool good = rules->options.effects[end->sample->outcome] == LW_EFFECT_SUCCESS;
    if (__builtin_expect(end->undo, 0)) {
        return return_permit(end, probe);
    }
    if (__builtin_expect(!probe && good && lw__health_is_plain(rules, &node->health), 1)) {
        return false;
    }
    uint32_t before = lw__health_status(&node->health);
    lw__telling_begin();
    lw__health_report(rules, &node->health, node->id, end->sample->outcome,
                      end->slot->permitted ? &end->slot->permit : NULL, end->now);
    lw__telling_end();
    bool was_ill = before == LW_UNHEALTHY || before == LW_RECOVERING;
    if (was_ill && lw__health_status(&node->health) == LW_HEALTHY) {
        lw__ramp_begin(end->pool, node, end->now);
    }
    return true;
}

/* Returns whether the node is to cool down. */
static bool learn_cooling(struct end *end) {
    const lw_pool_options *options = &end->pool->rules.options;
    uint64_t span = end->sample->retry_after;
    bool limited = end->sample->outcome == LW_OUTCOME_RATE_LIMITED;
    if (!limited && (end->sample->outcome != LW_OUTCOME_OVERLOAD || span == 0)) {
        return false;
    }
    span = span == 0 ? options->cooldown : span;
    span = span < options->max_cooldown ? span : options->max_cooldown;
    lw__raise(&end->node->cooling_until, lw__after(end->now, span));
    return true;
}

/* As it was reported, or else as it was seen from here; 0: unknown. */
static uint64_t latency_of(const struct end *end) {
    uint64_t latency = end->sample->latency, started = end->slot->started;
    return latency == 0 && started != 0 && end->now > started ? end->now - started : latency;
}

static void learn_latency(struct end *end) {
    lw__latency_observe(&end->pool->latency, &end->node->latency, end->sample->outcome, latency_of(end), end->now);
}

/* What the next sync tells the others. */
static void note_for_fleet(struct end *end, uint32_t effect, bool learns) {
    struct lw__sync_node *sync = end->node->sync;
    uint64_t latency = learns && end->sample->outcome == LW_OUTCOME_OK ? latency_of(end) : 0;
    if (effect != LW_EFFECT_NONE) {
        __atomic_fetch_add(&sync->ended, UINT64_C(1) << 32 | (effect == LW_EFFECT_FAILURE), __ATOMIC_RELAXED);
    }
    if (latency != 0) {
        __atomic_fetch_add(&sync->time, latency < LW__LATENCY_MOST ? latency : LW__LATENCY_MOST, __ATOMIC_RELAXED);
        __atomic_fetch_add(&sync->answers, 1, __ATOMIC_RELAXED);
    }
}

static void tell_strategy(struct end *end, const struct lw__snapshot *snapshot) {
    uint32_t index;
    struct lw__group *group = lw__snapshot_group(snapshot, end->node, end->slot->chooser, &index);
    if (group != NULL) {
        lw_sample sample = *end->sample;
        sample.now = end->now;
        sample.latency = latency_of(end);
        lw_feedback(group->chooser->strategy, &group->nodes[LW__VIEW_ALL], index, &sample);
    }
}

/* ---- what goes back ---- */

static void settle_quota(struct end *end) {
    const struct lw__quota_plan *plan = &end->pool->rules.quota;
    const struct lw__quota_charge *charges = lw__slot_charges(&end->pool->slots, end->slot);
    struct lw__quota_node *quota = end->node->quota;
    if (end->undo) {
        lw__quota_undo(plan, quota, charges, end->slot->charged);
    } else {
        lw__quota_settle(plan, quota, charges, end->slot->charged, end->actual, end->named, end->now);
    }
    lw__node_tell_quota(end->pool, end->node, NULL, end->now);
}

void lw__drained_tell(const lw_pool *pool, struct lw__node *node) {
    bool drains = __atomic_load_n(&node->admin, __ATOMIC_SEQ_CST) == LW_ADMIN_DRAINING;
    if (drains && lw__node_inflight(node) == 0 && pool->rules.observer.drained != NULL &&
        __atomic_exchange_n(&node->drained, 1, __ATOMIC_SEQ_CST) == 0) {
        lw__telling_begin();
        pool->rules.observer.drained(pool->rules.observer.user, node->id);
        lw__telling_end();
    }
}

/* Returns whether the node was full. */
static bool return_place(struct end *end, const struct lw__snapshot *snapshot) {
    struct lw__node *node = end->node;
    if (__builtin_expect(end->sample->outcome != LW_OUTCOME_CANCELLED, 1)) { /* which says nothing of the node */
        __atomic_store_n(&node->progress, end->now, __ATOMIC_RELAXED);
    }
    if (__builtin_expect(end->slot->cost != 0, 0)) {
        __atomic_fetch_sub(&node->cost, end->slot->cost, __ATOMIC_RELAXED);
    }
    uint64_t old = __atomic_fetch_sub(&node->traffic, 1, __ATOMIC_SEQ_CST);
    if (snapshot->tallied) {
        lw__snapshot_count(snapshot, node);
    }
    uint32_t cap = __atomic_load_n(&node->cap, __ATOMIC_RELAXED);
    return cap != 0 && (uint32_t)old >= cap;
}

/* ---- the end ---- */

/* In a read section, by the one who owns the slot. */
static void end_ticket(struct end *end) {
    lw_pool *pool = end->pool;
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    struct lw__node *node = end->node = end->slot->node;
    bool changed = learn_health(end);
    if (!end->undo) {
        changed |= learn_cooling(end);
        if (snapshot->learns || pool->rules.options.latency != NULL) {
            learn_latency(end);
        }
        uint32_t effect = pool->rules.health.options.effects[end->sample->outcome];
        if (pool->rules.outliers && effect != LW_EFFECT_NONE) {
            lw__outlier_note(pool, node, effect == LW_EFFECT_FAILURE, end->now);
        }
        if (node->sync != NULL) {
            note_for_fleet(end, effect, snapshot->learns || pool->rules.options.latency != NULL);
        }
    }
    if (node->quota != NULL && (end->slot->charged | end->named) != 0) {
        settle_quota(end);
    }
    if (end->slot->chooser != 0) {
        tell_strategy(end, snapshot);
    }
    changed |= return_place(end, snapshot);
    if (__builtin_expect(changed || __atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) != 0, 0)) {
        lw__node_settle(pool, node, end->now);
        lw__drained_tell(pool, node);
    }
    if (pool->rules.observer.finished != NULL) {
        lw__telling_begin();
        pool->rules.observer.finished(pool->rules.observer.user, node->id, end->sample);
        lw__telling_end();
    }
    lw__slot_put(&pool->slots, end->lane, (uint32_t)(end->lane - pool->lanes.lane), end->slot);
    lw__count(&lw__counts_of(pool, end->lane)->ended, end->lane);
}

static int end_slot(struct end *end, uint32_t slot, uint64_t generation) {
    uint32_t parity = lw__read_begin(&end->pool->lanes, end->lane);
    int error = LW_OK;
    if (__builtin_expect(lw__rack_end(&end->pool->slots.rack, slot, generation), 1)) {
        end->slot = lw__slot_at(&end->pool->slots, slot);
        end_ticket(end);
    } else {
        error = LW_ALREADY;
    }
    lw__read_end(end->lane, parity);
    return error;
}

/* The same for callers, whose second ends are counted. */
static int end_given(struct end *end, const lw_ticket *ticket) {
    int error = end_slot(end, ticket->slot, ticket->generation);
    if (__builtin_expect(error != LW_OK, 0)) {
        lw__count(&lw__counts_of(end->pool, end->lane)->already, end->lane);
    }
    return error;
}

static int check_ticket(const lw_pool *pool, const lw_ticket *ticket) {
    if (ticket == NULL || ticket->slot >= pool->slots.rack.count || (ticket->generation & 1) == 0) {
        return lw__fail(&pool->env, LW_INVALID, "ticket: this is not one that lw_pick gave");
    }
    return LW_OK;
}

static int take_sample(struct end *end, const lw_sample *sample) {
    const lw_env *env = &end->pool->env;
    end->sample = sample != NULL ? sample : &plain_sample;
    end->named = 0;
    if (__builtin_expect(end->sample->size < sizeof *sample, 0)) {
        if (sample->size < LW__SAMPLE_FIRST_SIZE) {
            return lw__fail(env, LW_INVALID, "sample: size=%zu, is it LW_SAMPLE_INIT?", sample->size);
        }
        end->whole = plain_sample;
        end->sample = memcpy(&end->whole, sample, sample->size);
    }
    if (end->sample->outcome > LW_OUTCOME_CANCELLED) {
        return lw__fail(env, LW_INVALID, "sample: outcome=%u must be below %d", end->sample->outcome,
                        LW_OUTCOME_CANCELLED + 1);
    }
    return end->sample->amount_count == 0
               ? LW_OK
               : lw__quota_spread(&end->pool->rules.quota, env, end->sample->amounts, end->sample->amount_count, false,
                                  end->actual, &end->named);
}

int lw_done(lw_pool *pool, const lw_ticket *ticket, const lw_sample *sample) {
    struct end end;
    int error = check_ticket(pool, ticket);
    if (__builtin_expect(error != LW_OK, 0)) {
        return error;
    }
    end.pool = pool;
    end.lane = lw__lane_of(&pool->lanes);
    end.undo = false;
    error = take_sample(&end, sample);
    if (__builtin_expect(error != LW_OK, 0)) {
        return error;
    }
    end.now = end.sample->now != 0 ? end.sample->now : lw__now(&pool->env);
    return end_given(&end, ticket);
}

static void begin_cancel(struct end *end, lw_pool *pool, uint64_t now) {
    end->pool = pool;
    end->lane = lw__lane_of(&pool->lanes);
    end->undo = true;
    end->named = 0;
    end->now = now;
    end->sample = &cancelled_sample;
}

int lw_cancel_at(lw_pool *pool, const lw_ticket *ticket, uint64_t now) {
    struct end end;
    int error = check_ticket(pool, ticket);
    if (error != LW_OK) {
        return error;
    }
    begin_cancel(&end, pool, now);
    return end_given(&end, ticket);
}

int lw_cancel(lw_pool *pool, const lw_ticket *ticket) { return lw_cancel_at(pool, ticket, lw__now(&pool->env)); }

bool lw__ticket_lose(lw_pool *pool, uint32_t slot, uint64_t generation, uint64_t started, uint64_t now) {
    struct end end;
    begin_cancel(&end, pool, now);
    if (end_slot(&end, slot, generation) != LW_OK) {
        return false;
    }
    lw__count(&lw__counts_of(pool, end.lane)->lost, end.lane);
    if (pool->rules.observer.lost != NULL) {
        lw__telling_begin();
        pool->rules.observer.lost(pool->rules.observer.user, end.node->id, now - started);
        lw__telling_end();
    }
    return true;
}

void lw__ticket_disown(lw_pool *pool, struct lw__slot *slot, uint64_t now) {
    struct end end;
    begin_cancel(&end, pool, now);
    end.slot = slot;
    end.node = slot->node;
    tell_strategy(&end, lw__snapshot_current(pool));
}
