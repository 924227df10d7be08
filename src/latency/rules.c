/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The options of latency, checked and brought into the units of the core.
 *
 * A tick is the largest power of two ns that is at most 2^-15 of tau: fine enough that the time inside a tick carries
 * no weight to speak of, coarse enough that 2^29 ticks outlast the longest expiry (1000 tau < 2^10 tau <= 2^26 ticks).
 */
#include "base/fixed.h"
#include "latency/latency.h"

#include <string.h>

enum { TICK_BITS = 15, HISTORY_SHIFT = 16, COST_BITS = 20 };

#define LATENCY_SECOND UINT64_C(1000000000)
#define TAU_LEAST (LATENCY_SECOND / 1000)
#define TAU_MOST (LATENCY_SECOND * 86400)
#define TAUS_OF_EXPIRY 1000

/* 2^60 / ln 2 */
#define LN2_INVERSE UINT64_C(1663314137230540311)

static uint64_t or_default(uint64_t given, uint64_t fallback) { return given != 0 ? given : fallback; }

static const char *fault_of(const lw_latency_options *wanted) {
    if (wanted->tau < TAU_LEAST || wanted->tau > TAU_MOST) {
        return "tau must be from 1 ms to 1 day";
    }
    if (wanted->expiry < wanted->tau || wanted->expiry > TAUS_OF_EXPIRY * wanted->tau) {
        return "expiry must be from tau to 1000 tau";
    }
    if (wanted->timeout > LW__LATENCY_MOST || wanted->penalty > LW__LATENCY_MOST ||
        wanted->initial > LW__LATENCY_MOST) {
        return "timeout, penalty and initial must be at most 2^43";
    }
    if (wanted->min_samples > 1000) {
        return "min_samples must be from 1 to 1000";
    }
    return NULL;
}

/* Half-lives in a tick, in units of 2^-44: tick / (tau ln 2). Tau counts between 2^15 and 2^16 ticks, here in 2^-16. */
static uint64_t halvings_in_tick(uint64_t tau, uint32_t tick_shift) {
    uint64_t ticks = tick_shift >= 16 ? tau >> (tick_shift - 16) : tau << (16 - tick_shift);
    return LN2_INVERSE / ticks;
}

const char *lw__latency_options_take(lw_latency_options *wanted, const lw_latency_options *given) {
    *wanted = (lw_latency_options)LW_LATENCY_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(wanted, given, given->size < sizeof *wanted ? given->size : sizeof *wanted);
    }
    wanted->tau = or_default(wanted->tau, 10 * LATENCY_SECOND);
    wanted->expiry = or_default(wanted->expiry, 18 * wanted->tau);
    wanted->timeout = or_default(wanted->timeout, 5 * LATENCY_SECOND);
    wanted->penalty = or_default(wanted->penalty, 5 * LATENCY_SECOND);
    wanted->initial = or_default(wanted->initial, 1);
    wanted->min_samples = (uint32_t)or_default(wanted->min_samples, 10);
    wanted->max_nodes = (uint32_t)or_default(wanted->max_nodes, 65536);
    return fault_of(wanted);
}

void lw__latency_init(struct lw__latency_group *group, const lw_latency_options *options) {
    uint32_t tick_shift = 63 - (uint32_t)__builtin_clzll(options->tau) - TICK_BITS;
    *group = (struct lw__latency_group){
        .rules = {.tick_shift = tick_shift,
                  .halvings = halvings_in_tick(options->tau, tick_shift),
                  .expiry = options->expiry >> HISTORY_SHIFT,
                  .timeout = options->timeout << COST_BITS,
                  .penalty = options->penalty << COST_BITS,
                  .initial = options->initial << COST_BITS,
                  .min_samples = options->min_samples},
    };
    for (uint64_t age = 0; age < LW__LATENCY_SHARES; age++) {
        group->rules.share[age] = lw__exp2_neg((age * group->rules.halvings) >> 12);
    }
}
