/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The dimensions of a tracker: checked, their names copied, and the memory of a node laid out, each count on cache
 * lines of its own. */
#include "base/fleet_names.h"
#include "quota/quota.h"

#include <string.h>

enum { CACHE_LINE = 64 };

/* Who shares: nobody; a fleet, what is said to be; a fleet, all of it, and there is no lease. */
enum plan_fleet { PLAN_ALONE, PLAN_LEASED, PLAN_COUNTED };

#define LEAST_WINDOW UINT64_C(1000000)
#define MOST_WINDOW (UINT64_C(366) * 86400 * 1000000000)
#define DEFAULT_EXHAUSTED (UINT64_C(86400) * 1000000000)

static const struct lw__quota_kind *const quota_kinds[] = {
    [LW_QUOTA_SLIDING] = &lw__quota_sliding,
    [LW_QUOTA_GCRA] = &lw__quota_gcra,
    [LW_QUOTA_CONCURRENCY] = &lw__quota_concurrency,
};

enum { QUOTA_KINDS = sizeof quota_kinds / sizeof quota_kinds[0] };

/* Dimension i as the caller wrote it, whose struct may be a shorter one of an older header. */
static lw_quota_dimension plan_given(const lw_quota_options *options, uint32_t i) {
    lw_quota_dimension given = {0};
    size_t stride = options->dimensions->size;
    memcpy(&given, (const char *)options->dimensions + i * stride, stride < sizeof given ? stride : sizeof given);
    return given;
}

/* Why the dimension cannot be, NULL when it can. */
static const char *plan_fault(const lw_quota_dimension *given) {
    if (given->kind >= QUOTA_KINDS) {
        return "the kind is not an enum lw_quota_kind";
    }
    if (given->estimate > LW_QUOTA_CLAMP) {
        return "the estimate is not an enum lw_quota_estimate";
    }
    if (given->estimate == LW_QUOTA_FIXED && (given->fixed == 0 || given->fixed > LW_QUOTA_LIMIT_MAX)) {
        return "the fixed estimate is not from 1 to 2^40 - 1";
    }
    if (given->kind != LW_QUOTA_CONCURRENCY && (given->window < LEAST_WINDOW || given->window > MOST_WINDOW)) {
        return "the window is not from 1 ms to 366 days";
    }
    if (given->resolution > LW_QUOTA_RESOLUTION) {
        return "the resolution is over 1000 buckets";
    }
    return given->cover > LW_QUOTA_COVER_SEED ? "the cover is not an enum lw_quota_cover" : NULL;
}

/* Why it cannot be shared, NULL when it can. */
static const char *plan_unshared(const lw_quota_dimension *given) {
    if (given->kind == LW_QUOTA_CONCURRENCY) {
        return "what is in flight cannot be shared: give it back when it ends, or divide it by instances";
    }
    if (given->cover == LW_QUOTA_COVER_SEED) {
        return "a shared window covers all its buckets";
    }
    return lw__name_is_charged(given->name) ? NULL : "a shared name has 1 to 64 printable bytes, no space and no colon";
}

static bool plan_same(const char *name, const char *other) {
    size_t size = strlen(name) + 1;
    return strlen(other) + 1 == size && memcmp(name, other, size) == 0;
}

static int plan_check(const struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options, uint32_t i,
                      enum plan_fleet fleet) {
    lw_quota_dimension given = plan_given(options, i);
    if (given.size != options->dimensions->size || given.name == NULL || given.name[0] == 0) {
        return lw__fail(env, LW_INVALID, "quota: dimension %u has no name or not the size of the first one", i);
    }
    if (plan_same(given.name, "all") || lw__quota_plan_find(plan, given.name) >= 0) {
        return lw__fail(env, LW_INVALID, "quota: dimension name '%s' is taken", given.name);
    }
    const char *fault = plan_fault(&given);
    if (fault != NULL) {
        return lw__fail(env, LW_RANGE, "quota: dimension '%s': %s", given.name, fault);
    }
    if (given.shared == 0 && fleet != PLAN_COUNTED) {
        return LW_OK;
    }
    if (given.shared != 0 && fleet != PLAN_LEASED) {
        return lw__fail(env, LW_UNSUPPORTED, "quota: dimension '%s': only a pool with options.sync can share it",
                        given.name);
    }
    fault = plan_unshared(&given);
    return fault != NULL ? lw__fail(env, LW_INVALID, "quota: dimension '%s': %s", given.name, fault) : LW_OK;
}

static void plan_add(struct lw__quota_plan *plan, const lw_quota_dimension *given, char *name) {
    struct lw__quota_dimension *d = &plan->dimension[plan->count++];
    *d = (struct lw__quota_dimension){.kind = quota_kinds[given->kind],
                                      .name = name,
                                      .estimate = given->estimate,
                                      .window = given->window,
                                      .fixed = given->fixed,
                                      .resolution = given->resolution,
                                      .offset = plan->node_size};
    memcpy(name, given->name, strlen(given->name) + 1);
    uint32_t bit = UINT32_C(1) << (plan->count - 1);
    plan->fixed |= given->estimate == LW_QUOTA_FIXED ? bit : 0;
    plan->last |= given->kind == LW_QUOTA_GCRA ? bit : 0; /* the only ones that a roll-back may not return in full */
    if (given->shared != 0) {
        plan->shared |= bit;
        d->inner = d->kind;
        d->kind = &lw__quota_lease;
        d->fleet = &plan->fleet;
    }
    size_t size = d->kind->layout(d, given);
    plan->node_size += (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static int plan_dimensions(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options,
                           enum plan_fleet fleet) {
    size_t names = 0;
    for (uint32_t i = 0; i < options->dimension_count; i++) {
        lw_quota_dimension given = plan_given(options, i);
        names += given.name != NULL ? strlen(given.name) + 1 : 0;
    }
    plan->names = lw__alloc(env, names);
    if (plan->names == NULL) {
        return LW_NOMEM;
    }
    char *name = plan->names;
    for (uint32_t i = 0; i < options->dimension_count; i++) {
        int error = plan_check(plan, env, options, i, fleet);
        if (error != LW_OK) {
            lw__quota_plan_free(plan, env);
            return error;
        }
        lw_quota_dimension given = plan_given(options, i);
        plan_add(plan, &given, name);
        name += strlen(name) + 1;
    }
    return LW_OK;
}

static int plan_init(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options,
                     enum plan_fleet fleet) {
    plan->count = plan->fixed = plan->last = plan->shared = 0;
    plan->fleet = (struct lw__quota_fleet){.instances = 1};
    plan->node_size = CACHE_LINE;
    plan->max_exhausted = options->max_exhausted != 0 ? options->max_exhausted : DEFAULT_EXHAUSTED;
    if (options->dimensions == NULL || options->dimensions->size == 0) {
        return lw__fail(env, LW_INVALID, "quota: no dimensions, or the first one has no size");
    }
    if (options->dimension_count < 1 || options->dimension_count > LW_QUOTA_DIMENSIONS) {
        return lw__fail(env, LW_RANGE, "quota: %u dimensions, not 1 to %d", options->dimension_count,
                        LW_QUOTA_DIMENSIONS);
    }
    return plan_dimensions(plan, env, options, fleet);
}

int lw__quota_plan_init(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options) {
    return plan_init(plan, env, options, PLAN_ALONE);
}

int lw__quota_plan_init_leased(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options) {
    return plan_init(plan, env, options, PLAN_LEASED);
}

int lw__quota_plan_init_counted(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options) {
    return plan_init(plan, env, options, PLAN_COUNTED);
}

void lw__quota_plan_free(struct lw__quota_plan *plan, const lw_env *env) { lw__release(env, plan->names); }

int lw__quota_plan_find(const struct lw__quota_plan *plan, const char *name) {
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan_same(plan->dimension[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- amounts ---- */

int lw__quota_spread(const struct lw__quota_plan *plan, const lw_env *env, const lw_amount *amounts, size_t count,
                     bool lenient, uint64_t *dense, uint32_t *named) {
    *named = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t dimension = amounts[i].dimension;
        if (dimension >= plan->count) {
            if (!lenient) {
                return lw__fail(env, LW_UNKNOWN, "quota: there is no dimension %u", dimension);
            }
        } else if ((*named & UINT32_C(1) << dimension) != 0) {
            return lw__fail(env, LW_INVALID, "quota: '%s' is named twice", plan->dimension[dimension].name);
        } else {
            *named |= UINT32_C(1) << dimension;
            dense[dimension] = amounts[i].amount <= LW_QUOTA_LIMIT_MAX ? amounts[i].amount : LW_QUOTA_LIMIT_MAX + 1;
        }
    }
    return LW_OK;
}

uint32_t lw__quota_estimate(const struct lw__quota_plan *plan, uint64_t *dense, uint32_t named) {
    for (uint32_t left = plan->fixed; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        dense[i] = plan->dimension[i].fixed;
    }
    return named | plan->fixed;
}
