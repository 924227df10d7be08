/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reports of late: ten buckets in turn, each one word, so that counting is one compare-and-swap:
 *
 *     stamp 24 | reports 20 | failures 20
 *
 * The stamp says which turn of the clock the bucket counts; a bucket whose turn is over is taken for empty, so nothing
 * needs to be swept. A thread that is a little behind the others counts in the bucket that they have begun. Counts
 * saturate. A stamp comes round after 2^24 turns, 1.6 years for a window of 30 s: only a node that was silent for just
 * that long would remember. Source: the bucketed windows of loadwise 0.1.0. Cost: adding one CAS, summing 10 loads.
 */
#include "health/health.h"

enum { COUNT_BITS = 20, STAMP_BITS = 24, AHEAD = LW__HEALTH_BUCKETS };

#define COUNT_MOST ((UINT64_C(1) << COUNT_BITS) - 1)
#define STAMP_MOST ((UINT64_C(1) << STAMP_BITS) - 1)

struct bucket {
    uint64_t stamp, total, failures;
};

static struct bucket bucket_read(uint64_t word) {
    return (struct bucket){word >> 2 * COUNT_BITS, word >> COUNT_BITS & COUNT_MOST, word & COUNT_MOST};
}

static uint64_t bucket_word(struct bucket bucket) {
    return (bucket.stamp << COUNT_BITS | bucket.total) << COUNT_BITS | bucket.failures;
}

/* AHEAD for the bucket of this turn, one more for each turn that it is older. */
static uint64_t bucket_age(struct bucket bucket, uint64_t turn) { return (turn + AHEAD - bucket.stamp) & STAMP_MOST; }

static struct bucket bucket_with(struct bucket bucket, uint64_t turn, bool failed) {
    if (bucket_age(bucket, turn) > AHEAD) {
        bucket = (struct bucket){turn & STAMP_MOST, 0, 0};
    }
    bucket.failures += failed && bucket.total < COUNT_MOST;
    bucket.total += bucket.total < COUNT_MOST;
    return bucket;
}

void lw__health_window_add(uint64_t *buckets, uint64_t window, bool failed, uint64_t now) {
    uint64_t turn = now / (window / LW__HEALTH_BUCKETS);
    uint64_t *place = &buckets[turn % LW__HEALTH_BUCKETS];
    uint64_t seen = __atomic_load_n(place, __ATOMIC_RELAXED), next;
    do {
        next = bucket_word(bucket_with(bucket_read(seen), turn, failed));
    } while (!__atomic_compare_exchange_n(place, &seen, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void lw__health_window_sum(const uint64_t *buckets, uint64_t window, uint64_t now, lw_health_state *state) {
    uint64_t turn = now / (window / LW__HEALTH_BUCKETS);
    for (uint32_t i = 0; i < LW__HEALTH_BUCKETS; i++) {
        struct bucket bucket = bucket_read(__atomic_load_n(&buckets[i], __ATOMIC_RELAXED));
        if (bucket_age(bucket, turn) < AHEAD + LW__HEALTH_BUCKETS) {
            state->window_failures += (uint32_t)bucket.failures;
            state->window_total += (uint32_t)bucket.total;
        }
    }
}

void lw__health_window_clear(uint64_t *buckets) {
    for (uint32_t i = 0; i < LW__HEALTH_BUCKETS; i++) {
        __atomic_store_n(&buckets[i], 0, __ATOMIC_RELAXED);
    }
}
