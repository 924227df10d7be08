/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Concurrency: the amount in flight, raised in one step to no more than the limit, lowered when a reservation ends.
 * Time plays no part. Cost: one compare-and-swap to take, one subtraction to give back.
 */
#include "quota/quota.h"

struct concurrency {
    struct lw__quota_count head;
    uint64_t used;
};

static struct concurrency *concurrency_of(struct lw__quota_count *count) { return (struct concurrency *)(void *)count; }

static uint64_t concurrency_fits(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                                 uint64_t now) {
    uint64_t limit = lw__word(&count->limit);
    (void)d, (void)now;
    if (amount > limit) {
        return LW__NOT_EVER;
    }
    return lw__word(&concurrency_of(count)->used) + amount <= limit ? 0 : LW__ON_COMPLETION;
}

static bool concurrency_take(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                             uint64_t now, struct lw__quota_charge *charge) {
    uint64_t *used = &concurrency_of(count)->used, was = lw__word(used), limit = lw__word(&count->limit);
    (void)d, (void)now, (void)charge;
    do {
        if (was + amount > limit) {
            return false;
        }
    } while (!lw__swap(used, &was, was + amount));
    return true;
}

static void concurrency_give(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                             const struct lw__quota_charge *charge, uint64_t amount) {
    (void)d, (void)charge;
    __atomic_fetch_sub(&concurrency_of(count)->used, amount, __ATOMIC_SEQ_CST);
}

static void concurrency_read(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                             lw_quota_reading *reading) {
    (void)d, (void)now;
    reading->used = lw__word(&concurrency_of(count)->used);
    reading->remaining = reading->limit > reading->used ? reading->limit - reading->used : 0;
}

static uint64_t concurrency_left(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                                 uint64_t *most) {
    uint64_t used = lw__word(&concurrency_of(count)->used);
    (void)d, (void)now;
    *most = lw__word(&count->limit);
    return used < *most ? *most - used : 0;
}

static uint64_t concurrency_most(const struct lw__quota_count *count) { return lw__word(&count->limit); }

static const char *concurrency_fault(const struct lw__quota_dimension *d, const lw_quota_limit *limit) {
    (void)d;
    return limit->burst != 0 ? "only gcra has a burst" : NULL;
}

static void concurrency_limit(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                              const lw_quota_limit *limit, bool keep) {
    (void)d, (void)keep; /* what is in flight is in flight */
    __atomic_store_n(&count->limit, limit != NULL ? limit->limit : LW_QUOTA_UNLIMITED, __ATOMIC_SEQ_CST);
}

static size_t concurrency_layout(struct lw__quota_dimension *d, const lw_quota_dimension *options) {
    (void)d, (void)options;
    return sizeof(struct concurrency);
}

const struct lw__quota_kind lw__quota_concurrency = {
    .layout = concurrency_layout,
    .fault = concurrency_fault,
    .limit = concurrency_limit,
    .most = concurrency_most,
    .fits = concurrency_fits,
    .take = concurrency_take,
    .give = concurrency_give,
    .read = concurrency_read,
    .left = concurrency_left,
};
