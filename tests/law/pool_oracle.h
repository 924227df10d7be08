/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An oracle: what a pool of a few nodes ought to be, in plain arrays, for one thread, by no cleverness at all. Health
 * is the table of health.h, written down once more; quotas and latencies are trackers of their own, used by hand.
 *
 * A node that leaves and returns after the grace is another one, though of the same name: each has a life of its own,
 * and tickets belong to lives.
 */
#ifndef LOADWISE_TESTS_POOL_ORACLE_H
#define LOADWISE_TESTS_POOL_ORACLE_H

#include "pool_yard.h"

enum {
    ORACLE_NAMES = 10,
    ORACLE_LIVES = 512,
    THRESHOLD = 3,     /* failures in a row */
    SUCCESSES = 2,     /* to recover */
    EVERYBODY = 0xffff /* a set of names */
};
#define PROBE_INTERVAL (10 * SECOND)
#define PROBE_TIMEOUT (60 * SECOND)

struct permit {
    uint32_t epoch, round;
    bool asked, probe; /* asked: not in a panic */
};

struct life {
    uint32_t name;
    bool member;
    uint64_t rests_until;
    /* Of its spec. */
    uint32_t weight, cap, color, limits;
    bool local;
    /* By operators and answers. */
    uint32_t admin;
    uint64_t deadline, cooling_until;
    /* Health. */
    uint32_t status, failures, successes, permits, epoch, round;
    uint64_t last_failure, probed_at;
    bool down;
    /* Traffic. */
    uint32_t inflight;
    uint64_t started, cost;
};

struct oracle {
    struct life life[ORACLE_LIVES];
    struct life *of[ORACLE_NAMES]; /* the member of this name, or NULL */
    lw_quota *quota;               /* nodes are numbered as lives */
    lw_latency *latency;
    uint64_t now;
};

static inline uint64_t life_number(const struct oracle *o, const struct life *life) {
    return (uint64_t)(life - o->life);
}

static inline uint64_t later_of(uint64_t a, uint64_t b) { return a > b ? a : b; }

static inline uint64_t sooner_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- health ---- */

static inline uint32_t shown_status(const struct life *life) {
    return life->down ? (uint32_t)LW_UNHEALTHY : life->status;
}

static inline bool is_tried_out(uint32_t status) { return status == LW_UNHEALTHY || status == LW_RECOVERING; }

static inline bool is_ill(const struct life *life) { return is_tried_out(shown_status(life)); }

static inline bool would_admit(const struct life *life, uint64_t now) {
    if (!is_ill(life)) {
        return true;
    }
    bool waits = life->status == LW_UNHEALTHY && now < life->last_failure + PROBE_INTERVAL;
    return !life->down && !waits && (life->permits == 0 || now >= life->probed_at + PROBE_TIMEOUT);
}

static inline struct permit admit(struct life *life, uint64_t now) {
    struct permit permit = {life->epoch, life->round, true, is_ill(life)};
    assert_true(would_admit(life, now));
    if (permit.probe) {
        if (life->permits > 0) { /* the old one is void */
            permit.round = ++life->round;
        }
        life->permits = 1;
        life->probed_at = later_of(life->probed_at, now);
    }
    return permit;
}

static inline void judge(struct life *life, bool failed, bool probe) {
    uint32_t before = life->status;
    life->failures = failed ? life->failures + 1 : 0;
    life->successes = failed ? 0 : life->successes + 1;
    if (is_tried_out(before)) {
        life->status = failed ? LW_UNHEALTHY : life->successes >= SUCCESSES ? LW_HEALTHY : LW_RECOVERING;
    } else {
        life->status = life->failures >= THRESHOLD             ? LW_UNHEALTHY
                       : life->failures >= (THRESHOLD + 1) / 2 ? LW_DEGRADED
                                                               : LW_HEALTHY;
    }
    bool ejected = life->status == LW_UNHEALTHY && (before != LW_UNHEALTHY || (failed && probe));
    bool well_again = life->status == LW_HEALTHY && is_tried_out(before);
    life->epoch += ejected || well_again;
}

static inline void report(struct life *life, const struct permit *permit, uint32_t outcome, uint64_t now) {
    static const int effects[] = {1, -1, -1, -1, 0, -1, 0, 0}; /* the table of health.h */
    bool valid = permit->probe && permit->round == life->round && life->permits > 0;
    bool late = permit->asked && (permit->epoch != life->epoch || (permit->probe && permit->round != life->round));
    life->permits -= valid;
    if (late || effects[outcome] == 0) {
        return;
    }
    if (effects[outcome] < 0) {
        life->last_failure = later_of(life->last_failure, now);
    }
    judge(life, effects[outcome] < 0, valid);
}

static inline void pronounce(struct life *life, uint32_t verdict) {
    bool down = verdict == LW_VERDICT_DOWN;
    life->epoch += down != life->down || verdict == LW_VERDICT_UP;
    life->down = down;
    if (verdict == LW_VERDICT_UP) {
        life->status = LW_HEALTHY;
        life->failures = life->successes = 0;
    }
}

static inline uint64_t probe_due(const struct life *life, uint64_t now) {
    uint64_t due = life->status == LW_UNHEALTHY ? life->last_failure + PROBE_INTERVAL : 0;
    if (life->permits > 0) {
        due = later_of(due, life->probed_at + PROBE_TIMEOUT);
    }
    return life->down || due <= now ? UINT64_MAX : due;
}

/* ---- quotas ---- */

/* Would these amounts be granted, beside the one request that each is? If not, when? */
static inline bool fits(const struct oracle *o, const struct life *life, const lw_request *request, uint64_t *due) {
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    lw_reservation reservation;
    uint64_t left, number = life_number(o, life), dimension = 0;
    bool enough = lw_quota_remaining_at(o->quota, number, 0, o->now, &left) == LW_OK && left > 0;
    for (size_t i = 0; request != NULL && i < request->amount_count; i++) {
        dimension = request->amounts[i].dimension;
        assert_int_equal(lw_quota_remaining_at(o->quota, number, (uint32_t)dimension, o->now, &left), LW_OK);
        enough = enough && left >= request->amounts[i].amount;
    }
    *due = 0;
    if (!enough) { /* a refusal takes nothing */
        const lw_amount *amounts = request != NULL ? request->amounts : NULL;
        size_t count = request != NULL ? request->amount_count : 0;
        assert_int_equal(lw_quota_reserve_at(o->quota, number, amounts, count, o->now, &reservation, &refusal),
                         LW_OVER_QUOTA);
        *due = refusal.retry == LW_RETRY_AT ? refusal.retry_at : UINT64_MAX;
    }
    return enough;
}

/* ---- who may be picked ---- */

static inline uint32_t reasons_of(const struct oracle *o, const struct life *life) {
    uint64_t due;
    bool disabled = life->admin == LW_ADMIN_DISABLED ||
                    (life->admin == LW_ADMIN_DRAINING && life->deadline != 0 && o->now >= life->deadline);
    uint32_t reasons = disabled ? LW_REASON_DISABLED : life->admin == LW_ADMIN_DRAINING ? LW_REASON_DRAINING : 0;
    reasons |= o->now < life->cooling_until ? LW_REASON_COOLING : 0;
    reasons |= life->cap != 0 && life->inflight >= life->cap ? LW_REASON_SATURATED : 0;
    reasons |= !would_admit(life, o->now) ? LW_REASON_UNHEALTHY : 0;
    reasons |= !fits(o, life, NULL, &due) ? LW_REASON_OVER_QUOTA : 0;
    return reasons;
}

/* When the last of its reasons ends by time alone, but for those that do not matter. */
static inline uint64_t due_of(const struct oracle *o, const struct life *life, uint32_t ignored) {
    uint32_t reasons = reasons_of(o, life) & ~ignored;
    uint64_t due = 0, quota;
    if ((reasons & (LW_REASON_DRAINING | LW_REASON_DISABLED | LW_REASON_SATURATED)) != 0) {
        return UINT64_MAX;
    }
    if ((reasons & LW_REASON_COOLING) != 0) {
        due = later_of(due, life->cooling_until);
    }
    if ((reasons & LW_REASON_UNHEALTHY) != 0) {
        due = later_of(due, probe_due(life, o->now));
    }
    if (!fits(o, life, NULL, &quota)) {
        due = later_of(due, quota);
    }
    return due;
}

/* ---- lives ---- */

static inline bool rests(const struct oracle *o, const struct life *life) {
    return !life->member && life->rests_until > o->now;
}

static inline struct life *life_resting(struct oracle *o, uint32_t name) {
    for (uint32_t i = 0; i < ORACLE_LIVES; i++) {
        if (o->life[i].name == name && rests(o, &o->life[i])) {
            return &o->life[i];
        }
    }
    return NULL;
}

static inline struct life *life_begin(struct oracle *o, uint32_t name) {
    uint32_t at = 0;
    while (o->life[at].member || rests(o, &o->life[at]) || o->life[at].inflight > 0) {
        at++;
        assert_true(at < ORACLE_LIVES);
    }
    o->life[at] = (struct life){.name = name, .limits = UINT32_MAX};
    lw_quota_forget(o->quota, at);
    lw_latency_forget(o->latency, at);
    return &o->life[at];
}

static inline void life_end(struct oracle *o, struct life *life, uint64_t grace) {
    life->member = false;
    life->rests_until = grace == 0 ? 0 : o->now + grace;
    o->of[life->name] = NULL;
}

#endif
