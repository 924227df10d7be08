/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * All dimensions of one node together. A reserve first asks every dimension and writes nothing if one refuses; only
 * then does it charge one after another, and rolls back if another thread was faster. So a node that is over its quota
 * is not made to look fuller by those who ask, and a refusal leaves everything as it was.
 * Cost: that of the dimensions concerned, twice asked and once charged.
 */
#include "quota/quota.h"

static bool count_limits(const struct lw__quota_count *count) { return lw__word(&count->limit) != LW_QUOTA_UNLIMITED; }

/* ---- limits ---- */

int lw__quota_limits_check(const struct lw__quota_plan *plan, const lw_env *env, const lw_quota_limit *limits,
                           size_t count) {
    uint32_t named = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t dimension = limits[i].dimension;
        if (dimension >= plan->count) {
            return lw__fail(env, LW_UNKNOWN, "quota: there is no dimension %u", dimension);
        }
        const struct lw__quota_dimension *d = &plan->dimension[dimension];
        if ((named & UINT32_C(1) << dimension) != 0) {
            return lw__fail(env, LW_INVALID, "quota: '%s' is limited twice", d->name);
        }
        named |= UINT32_C(1) << dimension;
        if (limits[i].limit < 1 || limits[i].limit > LW_QUOTA_LIMIT_MAX) {
            return lw__fail(env, LW_RANGE, "quota: the limit of '%s' is not from 1 to 2^40 - 1", d->name);
        }
        const char *fault = d->kind->fault(d, &limits[i]);
        if (fault != NULL) {
            return lw__fail(env, LW_RANGE, "quota: '%s': %s", d->name, fault);
        }
    }
    return LW_OK;
}

void lw__quota_limits(const struct lw__quota_plan *plan, struct lw__quota_node *node, const lw_quota_limit *limits,
                      size_t count, bool keep) {
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct lw__quota_dimension *d = &plan->dimension[i];
        const lw_quota_limit *limit = NULL;
        for (size_t k = 0; k < count; k++) {
            limit = limits[k].dimension == i ? &limits[k] : limit;
        }
        d->kind->limit(d, lw__quota_count_of(plan, node, i), limit, keep);
    }
    if (!keep) {
        __atomic_store_n(&node->exhausted_until, 0, __ATOMIC_SEQ_CST);
    }
}

/* ---- asking and charging ---- */

/* What is charged of an amount here; 0 where there is no limit. */
static uint64_t count_amount(const struct lw__quota_dimension *d, const struct lw__quota_count *count,
                             uint64_t amount) {
    if (amount == 0 || !count_limits(count)) {
        return 0;
    }
    uint64_t most = d->estimate == LW_QUOTA_CLAMP ? d->kind->most(count) : amount;
    return amount < most ? amount : most;
}

uint64_t lw__quota_marked_until(const struct lw__quota_node *node, uint64_t now) {
    uint64_t until = lw__word(&node->exhausted_until);
    return until > now ? until : 0;
}

bool lw__quota_fits(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                    uint64_t now, lw_quota_refusal *refusal) {
    uint64_t time = lw__quota_marked_until(node, now), longest = time;
    uint32_t dimension = LW_QUOTA_ALL;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        uint64_t amount = count_amount(d, count, amounts[i]);
        uint64_t when = amount != 0 ? d->kind->fits(d, count, amount, now) : 0;
        time = when > time && when < LW__ON_COMPLETION ? when : time;
        if (when > longest) {
            longest = when;
            dimension = i;
        }
    }
    if (longest == 0) {
        return true;
    }
    refusal->dimension = dimension;
    refusal->retry = longest == LW__NOT_EVER        ? LW_RETRY_NEVER
                     : longest == LW__ON_COMPLETION ? LW_RETRY_ON_COMPLETION
                                                    : LW_RETRY_AT;
    refusal->retry_at = longest == LW__NOT_EVER ? LW_QUOTA_NEVER : time > now ? time : now;
    return false;
}

static void undo_charge(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                        const struct lw__quota_charge *charges, uint32_t i) {
    const struct lw__quota_dimension *d = &plan->dimension[i];
    if (charges[i].amount != 0) {
        d->kind->give(d, lw__quota_count_of(plan, node, i), &charges[i], charges[i].amount);
    }
}

bool lw__quota_charge(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                      uint64_t now, struct lw__quota_charge *charges) {
    for (uint32_t k = 0; k < plan->count; k++) {
        uint32_t i = plan->order[k];
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        uint64_t amount = count_amount(d, count, amounts[i]);
        __atomic_store_n(&charges[i].amount, amount, __ATOMIC_RELAXED);
        if (amount != 0 && !d->kind->take(d, count, amount, now, &charges[i])) {
            while (k-- > 0) {
                undo_charge(plan, node, charges, plan->order[k]);
            }
            return false;
        }
    }
    return true;
}

/* ---- settling ---- */

void lw__quota_undo(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                    const struct lw__quota_charge *charges) {
    for (uint32_t i = 0; i < plan->count; i++) {
        undo_charge(plan, node, charges, i);
    }
}

void lw__quota_settle(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                      const struct lw__quota_charge *charges, const uint64_t *actual, uint32_t named, uint64_t now) {
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        uint64_t charged = charges[i].amount;
        if (d->kind->add == NULL) {
            undo_charge(plan, node, charges, i);
        } else if ((named & UINT32_C(1) << i) != 0 && actual[i] < charged) {
            d->kind->give(d, count, &charges[i], charged - actual[i]);
        } else if ((named & UINT32_C(1) << i) != 0 && actual[i] > charged && count_limits(count)) {
            d->kind->add(d, count, actual[i] - charged, now);
        }
    }
}

void lw__quota_add(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                   uint64_t now) {
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        if (amounts[i] != 0 && d->kind->add != NULL && count_limits(count)) {
            d->kind->add(d, count, amounts[i], now);
        }
    }
}

void lw__quota_mark(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t duration, uint64_t now) {
    lw__raise(&node->exhausted_until, lw__plus(now, duration < plan->max_exhausted ? duration : plan->max_exhausted));
}

/* ---- looking ---- */

double lw__quota_ratio(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now) {
    double least = lw__quota_marked_until(node, now) != 0 ? 0 : 1;
    for (uint32_t i = 0; i < plan->count && least > 0; i++) {
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        double ratio = count_limits(count) ? d->kind->ratio(d, count, now) : 1;
        least = ratio < least ? ratio : least;
    }
    return least;
}

void lw__quota_reading_of(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint32_t dimension,
                          uint64_t now, lw_quota_reading *reading) {
    const struct lw__quota_dimension *d = &plan->dimension[dimension];
    struct lw__quota_count *count = lw__quota_count_of(plan, node, dimension);
    *reading = (lw_quota_reading){.size = sizeof *reading,
                                  .limit = lw__word(&count->limit),
                                  .remaining = LW_QUOTA_UNLIMITED,
                                  .more_at = LW_QUOTA_NEVER,
                                  .reset_at = LW_QUOTA_NEVER};
    if (reading->limit != LW_QUOTA_UNLIMITED) {
        d->kind->read(d, count, now, reading);
    }
}

uint64_t lw__quota_node_due(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now) {
    uint64_t until = lw__quota_marked_until(node, now), due = until != 0 ? until : LW_QUOTA_NEVER;
    for (uint32_t i = 0; i < plan->count; i++) {
        lw_quota_reading reading;
        lw__quota_reading_of(plan, node, i, now, &reading);
        due = reading.more_at > now && reading.more_at < due ? reading.more_at : due;
    }
    return due;
}
