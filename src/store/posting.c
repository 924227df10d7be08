/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a posting may ask for, the same for every store. Cost: O(charges^2) comparisons of names. */
#include "store/account_line.h"

#include <loadwise/error.h>

static bool posting_name_is_good(const char *name) {
    size_t size = 0;
    for (; name[size] != 0 && size <= LW_ACCOUNT_NAME; size++) {
        if (name[size] <= ' ' || name[size] > '~' || name[size] == ':') {
            return false;
        }
    }
    return size >= 1 && size <= LW_ACCOUNT_NAME;
}

static int check_gcra(const lw_env *env, const lw_charge *charge) {
    unsigned long long limit = charge->limit, burst = charge->burst, window = charge->window;
    if (limit == LW_QUOTA_UNLIMITED) {
        return lw__fail(env, LW_RANGE, "posting: %s is gcra, which needs a limit", charge->name);
    }
    if (burst < 1 || burst > LW_QUOTA_LIMIT_MAX) {
        return lw__fail(env, LW_RANGE, "posting: burst %llu of %s is not from 1 to 2^40 - 1", burst, charge->name);
    }
    uint64_t price = lw__gcra_price(lw__micros(window), limit);
    if (price < LW__GCRA_PRICE_LEAST) {
        return lw__fail(env, LW_RANGE,
                        "posting: limit %llu of %s is too large for its window of %llu ns; count in larger units",
                        limit, charge->name, window);
    }
    if (burst > LW__GCRA_BURST_MOST / price) {
        return lw__fail(env, LW_RANGE, "posting: burst %llu of %s is too many times its limit of %llu; at most %llu",
                        burst, charge->name, limit, (unsigned long long)(LW__GCRA_BURST_MOST / price));
    }
    return LW_OK;
}

static int check_charge(const lw_env *env, const lw_posting *posting, uint32_t i) {
    const lw_charge *charge = &posting->charges[i];
    const char *name = charge->name;
    if (name == NULL || !posting_name_is_good(name)) {
        return lw__fail(env, LW_INVALID, "posting: the name of charge %u is not 1 to 64 printable bytes without ':'",
                        i);
    }
    if (charge->kind != LW_QUOTA_SLIDING && charge->kind != LW_QUOTA_GCRA) {
        return lw__fail(env, LW_RANGE, "posting: kind %u of %s is neither sliding (0) nor gcra (1)", charge->kind,
                        name);
    }
    if (charge->window < LW__POSTING_LEAST || charge->window > LW__POSTING_MOST) {
        return lw__fail(env, LW_RANGE, "posting: window %llu ns of %s is not from 1 ms to 366 days",
                        (unsigned long long)charge->window, name);
    }
    if (charge->resolution > LW_QUOTA_RESOLUTION) {
        return lw__fail(env, LW_RANGE, "posting: resolution %u of %s is not from 0 to 1000", charge->resolution, name);
    }
    if (charge->limit != LW_QUOTA_UNLIMITED && (charge->limit < 1 || charge->limit > LW_QUOTA_LIMIT_MAX)) {
        return lw__fail(env, LW_RANGE, "posting: limit %llu of %s is not from 1 to 2^40 - 1, nor unlimited",
                        (unsigned long long)charge->limit, name);
    }
    if (charge->amount < 0 && posting->mode != LW_POSTING_FORCE) {
        return lw__fail(env, LW_INVALID, "posting: %s gives %lld back, which only LW_POSTING_FORCE does", name,
                        -(long long)lw__asked(charge->amount));
    }
    if (posting->hold > charge->window) {
        return lw__fail(env, LW_RANGE, "posting: hold %llu ns is not from 0 to the window of %s, %llu ns",
                        (unsigned long long)posting->hold, name, (unsigned long long)charge->window);
    }
    return charge->kind == LW_QUOTA_GCRA ? check_gcra(env, charge) : LW_OK;
}

static int check_doubles(const lw_env *env, const lw_posting *posting, uint32_t i) {
    struct lw__line line = lw__line_of(&posting->charges[i]);
    for (uint32_t k = 0; k < i; k++) {
        struct lw__line other = lw__line_of(&posting->charges[k]);
        if (lw__line_same(&line, &other)) {
            return lw__fail(env, LW_INVALID, "posting: charges %u and %u are both of %s", k, i,
                            posting->charges[i].name);
        }
    }
    return LW_OK;
}

int lw__posting_check(const lw_env *env, const lw_posting *posting) {
    if (posting == NULL || posting->size < sizeof *posting || posting->charges == NULL) {
        return lw__fail(env, LW_INVALID, "posting: none, or one without its size or charges");
    }
    if (posting->count < 1 || posting->count > LW_ACCOUNT_CHARGES) {
        return lw__fail(env, LW_RANGE, "posting: %u charges; 1 to %d are allowed", posting->count, LW_ACCOUNT_CHARGES);
    }
    if (posting->mode > LW_POSTING_FORCE) {
        return lw__fail(env, LW_RANGE, "posting: mode %u is not an enum lw_posting_mode", posting->mode);
    }
    if (posting->now > LW__TIME_MOST * 1000) {
        return lw__fail(env, LW_RANGE, "posting: now %llu ns is not from 0 to %llu", (unsigned long long)posting->now,
                        (unsigned long long)(LW__TIME_MOST * 1000));
    }
    for (uint32_t i = 0; i < posting->count; i++) {
        int error = check_charge(env, posting, i);
        error = error == LW_OK ? check_doubles(env, posting, i) : error;
        if (error != LW_OK) {
            return error;
        }
    }
    return LW_OK;
}

void lw__posting_void(lw_posting *posting) {
    for (uint32_t i = 0; i < posting->count; i++) {
        posting->charges[i].granted = 0;
    }
}
