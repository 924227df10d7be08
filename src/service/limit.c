/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Vegas asks how many of the exchanges under way are queueing: limit x (1 - fastest / latency), and keeps that between
 * 3 and 6 times log10(limit). Once in 30 x limit samples the fastest is forgotten, since it may never come again.
 *
 * The gradient compares the mean latency of a round with the mean at the least limit, when nothing queues, measured
 * every so often; and lets the square root of the limit queue, so that it can grow. Means on both sides: the fastest of
 * a round would take any service whose latency varies for one that queues. Cost: O(1).
 */
#include "service/limit.h"

#include "base/raise.h"

enum { GRADIENT_MEASURES = 50, GRADIENT_ROUND = 20, VEGAS_PROBE = 30 };

static double limit_bounded(const lw_concurrency_limit_options *options, double limit) {
    double least = (double)options->least, most = (double)options->most;
    return limit < least ? least : limit > most ? most : limit;
}

/* Digits less one, at least 1: what Netflix takes for log10. */
static double log10_of(double limit) {
    double digits = 0;
    while (limit >= 10) {
        limit /= 10;
        digits++;
    }
    return digits > 1 ? digits : 1;
}

/* A square root, by Newton. */
static double root_of(double value) {
    double root = value > 1 ? value : 1;
    for (int i = 0; i < 20; i++) {
        root = (root + value / root) / 2;
    }
    return root;
}

static void round_begins(struct lw__limit *limit) {
    limit->samples = 0;
    limit->sum = 0;
}

/* ---- vegas ---- */

static void vegas_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, double latency,
                        bool busy) {
    double step = log10_of(limit->limit);
    if ((double)++limit->samples >= VEGAS_PROBE * limit->limit) {
        limit->base = 0;
        round_begins(limit);
    }
    if (limit->base == 0 || latency < limit->base) {
        limit->base = latency;
        return;
    }
    double queue = limit->limit * (1 - limit->base / latency);
    if (!busy) {
        return;
    }
    if (queue < step) {
        limit->limit += 6 * step;
    } else if (queue < 3 * step) {
        limit->limit += step;
    } else if (queue > 6 * step) {
        limit->limit -= step;
    }
    limit->limit = limit_bounded(options, limit->limit);
}

/* ---- gradient ---- */

static void measuring_begins(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint64_t now) {
    limit->before = limit->limit;
    limit->limit = (double)options->least;
    limit->measured_at = now;
    round_begins(limit);
}

static void gradient_measure(struct lw__limit *limit, uint64_t now) {
    if (limit->samples >= GRADIENT_MEASURES) {
        limit->base = limit->sum / (double)limit->samples;
        limit->limit = limit->before;
        limit->before = 0;
        limit->measured_at = now;
        round_begins(limit);
    }
}

static void gradient_move(struct lw__limit *limit, const lw_concurrency_limit_options *options) {
    if (limit->samples >= GRADIENT_ROUND) {
        double gradient = limit->base * 1.25 * (double)limit->samples / limit->sum;
        gradient = gradient < 0.5 ? 0.5 : gradient > 1 ? 1 : gradient;
        limit->limit = limit_bounded(options, limit->limit * gradient + root_of(limit->limit));
        round_begins(limit);
    }
}

/* While measuring, what began among too many says nothing; else what began among few. */
static void gradient_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, double latency,
                           uint64_t under_way, bool busy, uint64_t now) {
    bool measuring = limit->before != 0;
    if (!measuring && now >= lw__after(limit->measured_at, options->remeasure)) {
        measuring_begins(limit, options, now);
        return;
    }
    if (measuring ? under_way > options->least : !busy) {
        return;
    }
    limit->samples++;
    limit->sum += latency;
    if (measuring) {
        gradient_measure(limit, now);
    } else {
        gradient_move(limit, options);
    }
}

/* ---- both ---- */

void lw__limit_init(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint64_t now) {
    *limit = (struct lw__limit){.limit = (double)options->initial};
    if (options->kind == LW_LIMIT_GRADIENT) {
        measuring_begins(limit, options, now);
    }
}

static bool tells_overload(uint32_t outcome) {
    return outcome == LW_OUTCOME_TIMEOUT || outcome == LW_OUTCOME_OVERLOAD || outcome == LW_OUTCOME_RATE_LIMITED;
}

/* As many answers as there may be under way belong to the limit before. */
static void limit_cut(struct lw__limit *limit, const lw_concurrency_limit_options *options) {
    if (limit->uncut == 0 && limit->before == 0) {
        limit->uncut = (uint64_t)limit->limit;
        limit->limit = limit_bounded(options, limit->limit * 0.9);
    }
}

void lw__limit_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint32_t outcome,
                     uint64_t latency, uint64_t under_way, uint64_t now) {
    if (options->kind == LW_LIMIT_FIXED) {
        return;
    }
    limit->uncut -= limit->uncut > 0;
    if (tells_overload(outcome)) {
        limit_cut(limit, options);
        return;
    }
    if (outcome != LW_OUTCOME_OK || latency == 0) {
        return;
    }
    bool busy = (double)under_way * 2 >= limit->limit;
    if (options->kind == LW_LIMIT_GRADIENT) {
        gradient_learn(limit, options, (double)latency, under_way, busy, now);
    } else {
        vegas_learn(limit, options, (double)latency, busy);
    }
}
