/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is told from outside: use without a reservation, a Retry-After, a provider's report. Cost: a look-up each. */
#include "quota/tracker.h"

/* LW_UNSUPPORTED for an amount of what is in flight, which only ends when a reservation does. */
static int usage_check(const lw_quota *quota, uint32_t named) {
    for (uint32_t i = 0; i < quota->plan.count; i++) {
        if ((named >> i & 1) != 0 && quota->plan.dimension[i].kind->add == NULL) {
            return lw__fail(&quota->env, LW_UNSUPPORTED, "quota: '%s' counts reservations under way only",
                            quota->plan.dimension[i].name);
        }
    }
    return LW_OK;
}

/* given: the time, or NULL for that of the clock. */
static int record_when(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count, const uint64_t *given) {
    uint64_t dense[LW_QUOTA_DIMENSIONS], now;
    uint32_t named;
    int error = lw__quota_spread(&quota->plan, &quota->env, amounts, count, quota->lenient, dense, &named);
    error = error == LW_OK ? usage_check(quota, named) : error;
    if (error != LW_OK) {
        return error;
    }
    struct lw__quota_visit visit = lw__quota_enter_when(quota, node, given, &now);
    if (visit.entry == NULL) {
        return lw__quota_stranger(&visit, node);
    }
    lw__quota_add(&quota->plan, &visit.entry->node, dense, named, now);
    lw__quota_leave(&visit, now, NULL);
    return 1;
}

int lw_quota_record_at(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count, uint64_t now) {
    return record_when(quota, node, amounts, count, &now);
}

int lw_quota_record(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count) {
    return record_when(quota, node, amounts, count, NULL);
}

int lw_quota_mark_exhausted_at(lw_quota *quota, uint64_t node, uint64_t duration, uint64_t now) {
    struct lw__quota_visit visit = lw__quota_enter(quota, node);
    if (visit.entry == NULL) {
        return lw__quota_stranger(&visit, node);
    }
    lw__quota_mark(&quota->plan, &visit.entry->node, duration, now);
    lw__quota_leave(&visit, now, NULL);
    return LW_OK;
}

int lw_quota_mark_exhausted(lw_quota *quota, uint64_t node, uint64_t duration) {
    return lw_quota_mark_exhausted_at(quota, node, duration, lw__now(&quota->env));
}

int lw_quota_observe_at(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t remaining, uint64_t reset,
                        uint64_t now) {
    if (dimension >= quota->plan.count) {
        return quota->lenient ? LW_OK : lw__fail(&quota->env, LW_UNKNOWN, "quota: there is no dimension %u", dimension);
    }
    int error = usage_check(quota, UINT32_C(1) << dimension);
    if (error != LW_OK) {
        return error;
    }
    struct lw__quota_visit visit = lw__quota_enter(quota, node);
    if (visit.entry == NULL) {
        return lw__quota_stranger(&visit, node);
    }
    const struct lw__quota_dimension *d = &quota->plan.dimension[dimension];
    struct lw__quota_count *limit = lw__quota_count_of(&quota->plan, &visit.entry->node, dimension);
    if (lw__word(&limit->limit) != LW_QUOTA_UNLIMITED) {
        d->kind->observe(d, limit, remaining, reset, now);
    }
    lw__quota_leave(&visit, now, NULL);
    return LW_OK;
}

int lw_quota_observe(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t remaining, uint64_t reset) {
    return lw_quota_observe_at(quota, node, dimension, remaining, reset, lw__now(&quota->env));
}
