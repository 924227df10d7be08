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

uint64_t lw__quota_amount(const struct lw__quota_dimension *d, const struct lw__quota_count *count, uint64_t amount) {
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

static void refusal_fill(lw_quota_refusal *refusal, uint32_t dimension, uint64_t longest, uint64_t at) {
    refusal->dimension = dimension;
    refusal->retry = LW_RETRY_AT;
    refusal->retry_at = at;
    if (longest == LW__NOT_EVER) {
        refusal->retry = LW_RETRY_NEVER;
        refusal->retry_at = LW_QUOTA_NEVER;
    } else if (longest == LW__ON_COMPLETION) {
        refusal->retry = LW_RETRY_ON_COMPLETION;
    }
}

bool lw__quota_fits(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                    uint32_t named, uint64_t now, lw_quota_refusal *refusal) {
    uint64_t time = lw__quota_marked_until(node, now), longest = time;
    uint32_t dimension = LW_QUOTA_ALL;
    while (named != 0) {
        uint32_t i = lw__quota_next(&named);
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        uint64_t amount = lw__quota_amount(d, count, amounts[i]);
        uint64_t when = amount != 0 ? d->kind->fits(d, count, amount, now) : 0;
        time = when > time && when < LW__ON_COMPLETION ? when : time;
        if (when > longest) {
            longest = when;
            dimension = i;
        }
    }
    if (longest != 0) {
        refusal_fill(refusal, dimension, longest, time > now ? time : now);
    }
    return longest == 0;
}

static bool charge_set(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                       uint32_t set, uint64_t now, struct lw__quota_charge *charges, uint32_t *charged) {
    while (set != 0) {
        uint32_t i = lw__quota_next(&set);
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        uint64_t amount = lw__quota_amount(d, count, amounts[i]);
        if (amount != 0) {
            __atomic_store_n(&charges[i].amount, amount, __ATOMIC_RELAXED);
            if (!d->kind->take(d, count, amount, now, &charges[i])) {
                return false;
            }
            *charged |= UINT32_C(1) << i;
        }
    }
    return true;
}

bool lw__quota_charge(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                      uint32_t named, uint64_t now, struct lw__quota_charge *charges, uint32_t *charged) {
    *charged = 0;
    if (charge_set(plan, node, amounts, named & ~plan->last, now, charges, charged) &&
        charge_set(plan, node, amounts, named & plan->last, now, charges, charged)) {
        return true;
    }
    lw__quota_undo(plan, node, charges, *charged);
    return false;
}

/* ---- settling ---- */

void lw__quota_undo(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                    const struct lw__quota_charge *charges, uint32_t charged) {
    while (charged != 0) {
        uint32_t i = lw__quota_next(&charged);
        const struct lw__quota_dimension *d = &plan->dimension[i];
        d->kind->give(d, lw__quota_count_of(plan, node, i), &charges[i], charges[i].amount);
    }
}

void lw__quota_settle(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                      const struct lw__quota_charge *charges, uint32_t charged, const uint64_t *actual, uint32_t named,
                      uint64_t now) {
    for (uint32_t left = charged | named; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        uint64_t was = (charged >> i & 1) != 0 ? charges[i].amount : 0;
        uint64_t is = d->kind->add == NULL ? 0 : (named >> i & 1) != 0 ? actual[i] : was;
        if (is < was) {
            d->kind->give(d, count, &charges[i], was - is);
        } else if (is > was && count_limits(count)) {
            d->kind->add(d, count, is - was, now, NULL);
        }
    }
}

void lw__quota_add(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                   uint32_t named, uint64_t now) {
    while (named != 0) {
        uint32_t i = lw__quota_next(&named);
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node, i);
        if (d->kind->add != NULL && count_limits(count)) {
            d->kind->add(d, count, amounts[i], now, NULL);
        }
    }
}

void lw__quota_mark(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t duration, uint64_t now) {
    lw__raise(&node->exhausted_until, lw__after(now, duration < plan->max_exhausted ? duration : plan->max_exhausted));
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
