/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A yard: ledgers of several processes over one store, all in the hands of a test. The clock stands until it is moved;
 * it is the store's too. Between the ledgers and the memory store is a fickle one, which can be away, lose its answers,
 * or lie; it counts the batches.
 */
#ifndef LOADWISE_TESTS_LEDGER_YARD_H
#define LOADWISE_TESTS_LEDGER_YARD_H

#include "ledger.h"

#include <loadwise/ledger.h>

#define MS UINT64_C(1000000)
#define SECOND (UINT64_C(1000) * MS)
#define MINUTE (UINT64_C(60) * SECOND)
#define YARD_START (UINT64_C(1000000) * SECOND)
#define YARD_EPOCH (UINT64_C(1700000000) * SECOND) /* what the shared clock is ahead */

enum { YARD_LEDGERS = 4, YARD_NODE = 7, YARD_OTHER = 8 };

typedef enum fickle_mood {
    FICKLE_WELL,
    FICKLE_AWAY,   /* does nothing, answers nothing */
    FICKLE_MUTE,   /* does it, and no answer comes */
    FICKLE_SHUT,   /* refuses for good: LW_DENIED */
    FICKLE_LIAR,   /* answers rubbish, does nothing */
    FICKLE_PART,   /* well, but for the meeting: a cluster that has lost the master of its slot */
    FICKLE_ODD,    /* well, but for nodes of odd ids: one that has lost another */
    FICKLE_LONELY, /* well, but that it refuses the meeting */
    FICKLE_SHORT,  /* does nothing, for want of memory: LW_NOMEM */
} fickle_mood;

typedef struct fickle {
    lw_store store;
    lw_store *inner;
    fickle_mood mood;
    uint64_t batches, steps;
    void (*meanwhile)(void *user); /* called in the middle of a batch; or NULL */
    void *user;
} fickle;

typedef struct yard {
    ledger book;
    lw_env env;
    fickle fickle;
    lw_ledger_options options; /* of the ledgers that are opened next */
    lw_quota_dimension dimensions[2];
    lw_observer observer;
    lw_ledger *ledger[YARD_LEDGERS];
    uint32_t outages, ends, exhausted, released;
    uint64_t until;
} yard;

static inline uint64_t yard_now(void *user) { return __atomic_load_n(&((ledger *)user)->now, __ATOMIC_RELAXED); }

static inline uint64_t yard_time(void *user) { return YARD_EPOCH + yard_now(user); }

/* What becomes of a step where only a part of the store is well. */
static inline int fickle_part_of(fickle_mood mood, const lw_store_step *step) {
    if (step->op == LW_STORE_MEET) {
        return mood == FICKLE_PART ? LW_UNAVAILABLE : mood == FICKLE_LONELY ? LW_DENIED : LW_OK;
    }
    return mood == FICKLE_ODD && strchr("13579bdf", strchr(step->key, '}')[-1]) != NULL ? LW_UNAVAILABLE : LW_OK;
}

/* The steps one by one. */
static inline int fickle_part(fickle *f, fickle_mood mood, lw_store_step *steps, size_t count, uint64_t deadline) {
    int answer = LW_OK;
    for (size_t i = 0; i < count; i++) {
        steps[i].answer = fickle_part_of(mood, &steps[i]);
        answer = steps[i].answer == LW_UNAVAILABLE ? LW_UNAVAILABLE : answer;
        if (steps[i].answer == LW_OK) {
            lw_store_batch(f->inner, &steps[i], 1, deadline);
        }
    }
    return answer;
}

static inline int fickle_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    fickle *f = (fickle *)store;
    fickle_mood mood = __atomic_load_n(&f->mood, __ATOMIC_RELAXED);
    __atomic_fetch_add(&f->batches, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&f->steps, count, __ATOMIC_RELAXED);
    if (f->meanwhile != NULL) {
        f->meanwhile(f->user);
    }
    if (mood == FICKLE_PART || mood == FICKLE_ODD || mood == FICKLE_LONELY) {
        return fickle_part(f, mood, steps, count, deadline);
    }
    if (mood == FICKLE_WELL || mood == FICKLE_MUTE) {
        int answer = lw_store_batch(f->inner, steps, count, deadline);
        if (mood == FICKLE_WELL) {
            return answer;
        }
    }
    if (mood == FICKLE_SHORT) {
        return LW_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        steps[i].answer = mood == FICKLE_SHUT ? LW_DENIED : mood == FICKLE_LIAR ? LW_OVER_QUOTA : LW_UNAVAILABLE;
        for (uint32_t k = 0; mood == FICKLE_LIAR && steps[i].posting != NULL && k < steps[i].posting->count; k++) {
            steps[i].posting->charges[k].retry = UINT64_MAX - 1;
        }
    }
    return mood == FICKLE_AWAY || mood == FICKLE_MUTE ? LW_UNAVAILABLE : LW_OK;
}

static const lw_store_ops fickle_ops = {.size = sizeof fickle_ops, .batch = fickle_batch};

/* ---- hooks ---- */

static inline void yard_outage(void *user, int begins) {
    yard *y = user;
    __atomic_fetch_add(begins ? &y->outages : &y->ends, 1, __ATOMIC_RELAXED);
}

static inline void yard_exhausted(void *user, uint64_t node, const char *dimension, uint64_t until) {
    yard *y = user;
    assert_true(node == YARD_NODE || node == YARD_OTHER);
    assert_non_null(dimension);
    y->exhausted++;
    y->until = until;
}

static inline void yard_released(void *user, uint64_t node, const char *dimension) {
    yard *y = user;
    assert_true(node == YARD_NODE || node == YARD_OTHER);
    assert_non_null(dimension);
    y->released++;
}

/* ---- the yard ---- */

/* "rpm", sliding over a minute, and "spend", gcra; the second only if wanted. */
static inline void yard_open(yard *y, uint32_t dimensions) {
    *y = (yard){0};
    ledger_open(&y->book);
    y->book.now = YARD_START;
    y->env = ledger_env(&y->book, 1);
    y->env.now = yard_now;
    y->fickle.store.ops = &fickle_ops;
    assert_int_equal(lw_store_memory_new(&y->fickle.inner, &y->env, NULL), LW_OK);
    lw_quota_dimension rpm = {.size = sizeof rpm, .name = "rpm", .kind = LW_QUOTA_SLIDING, .window = MINUTE};
    lw_quota_dimension spend = {.size = sizeof spend, .name = "spend", .kind = LW_QUOTA_GCRA, .window = MINUTE};
    y->dimensions[0] = rpm;
    y->dimensions[1] = spend;
    y->options = (lw_ledger_options)LW_LEDGER_OPTIONS_INIT;
    y->options.dimensions = y->dimensions;
    y->options.dimension_count = dimensions;
    y->options.time = yard_time;
    y->options.time_user = &y->book;
    y->observer = (lw_observer)LW_OBSERVER_INIT;
    y->observer.user = y;
    y->observer.outage = yard_outage;
    y->observer.quota_exhausted = yard_exhausted;
    y->observer.quota_released = yard_released;
}

/* Another process. */
static inline lw_ledger *yard_join(yard *y, uint32_t number) {
    y->options.observer = number == 0 ? &y->observer : NULL;
    assert_int_equal(lw_ledger_new(&y->ledger[number], &y->env, &y->fickle.store, &y->options), LW_OK);
    return y->ledger[number];
}

static inline void yard_limit(yard *y, uint32_t number, uint64_t rpm, uint64_t spend, uint64_t burst) {
    lw_quota_limit limits[2] = {{0, 0, rpm, 0}, {1, 0, spend, burst}};
    assert_int_equal(lw_ledger_limits(y->ledger[number], YARD_NODE, limits, spend != 0 ? 2 : 1), LW_OK);
}

static inline void yard_close(yard *y) {
    for (uint32_t i = 0; i < YARD_LEDGERS; i++) {
        lw_ledger_free(y->ledger[i]);
    }
    lw_store_free(y->fickle.inner);
    ledger_close(&y->book);
}

/* ---- what a process does ---- */

/* In dimension 0, and in 1 if `spend` is not 0. */
static inline int yard_reserve(yard *y, uint32_t number, uint64_t rpm, uint64_t spend, lw_reservation *reservation,
                               lw_quota_refusal *refusal) {
    lw_amount amounts[2] = {{0, rpm}, {1, spend}};
    return lw_ledger_reserve(y->ledger[number], YARD_NODE, amounts, spend != 0 ? 2 : 1, 0, reservation, refusal);
}

/* How much of so many ones is granted. */
static inline uint64_t yard_take(yard *y, uint32_t number, uint64_t most) {
    uint64_t granted = 0;
    lw_reservation reservation;
    while (granted < most && yard_reserve(y, number, 1, 0, &reservation, NULL) == LW_OK) {
        assert_int_equal(lw_ledger_commit(y->ledger[number], &reservation, NULL, 0, 0), LW_OK);
        granted++;
    }
    return granted;
}

static inline lw_ledger_stats yard_stats(yard *y, uint32_t number) {
    lw_ledger_stats stats = LW_LEDGER_STATS_INIT;
    assert_int_equal(lw_ledger_stats_of(y->ledger[number], &stats), LW_OK);
    return stats;
}

/* What the store counts in a dimension, asked past the fickle one. */
static inline uint64_t yard_used(yard *y, uint32_t dimension, uint64_t limit, uint64_t burst) {
    lw_charge charge = LW_CHARGE_INIT;
    lw_posting posting = LW_POSTING_INIT;
    charge.name = y->dimensions[dimension].name;
    charge.kind = y->dimensions[dimension].kind;
    charge.window = y->dimensions[dimension].window;
    charge.limit = limit;
    charge.burst = burst;
    posting.charges = &charge;
    posting.count = 1;
    posting.now = yard_time(&y->book);
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "loadwise/{0000000000000007}/quota", .posting = &posting};
    assert_int_equal(lw_store_batch(y->fickle.inner, &step, 1, 0), LW_OK);
    assert_int_equal(step.answer, LW_OK);
    return charge.used;
}

/* So many processes that know of each other, over a first dimension. */
static inline void yard_fleet(yard *y, uint32_t processes, uint32_t outage, uint64_t limit) {
    yard_open(y, 1);
    y->options.outage = outage;
    for (uint32_t i = 0; i < processes; i++) {
        yard_join(y, i);
        yard_limit(y, i, limit, 0, 0);
    }
    for (uint32_t i = 0; i < processes; i++) {
        assert_int_equal(lw_ledger_beat(y->ledger[i], 0), LW_OK);
    }
    for (uint32_t i = 0; i < processes; i++) {
        assert_int_equal(lw_ledger_beat(y->ledger[i], 0), LW_OK);
        assert_int_equal(yard_stats(y, i).instances, processes);
    }
}

#endif
