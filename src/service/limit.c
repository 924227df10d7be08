/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Vegas asks how many of the exchanges under way are queueing: limit x (1 - fastest / latency), and keeps that between
 * 3 and 6 times log10(limit). Once in 30 x limit samples the fastest is forgotten, since it may never come again.
 *
 * The gradient compares latencies with the fastest, measured every so often at the least limit, when nothing queues;
 * and lets the square root of the limit queue, so that it can grow.
 */
#include "service/limit.h"

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

/* The whole part of a square root, by Newton. */
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
    limit->cut = false;
}

/* ---- vegas ---- */

static void vegas_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint64_t latency) {
    double step = log10_of(limit->limit);
    if (limit->fastest == 0 || latency < limit->fastest || (double)limit->samples >= VEGAS_PROBE * limit->limit) {
        limit->fastest = latency;
        round_begins(limit);
        return;
    }
    double queue = limit->limit * (1 - (double)limit->fastest / (double)latency);
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
    limit->fastest = 0;
    limit->measured_at = now;
    round_begins(limit);
}

static void gradient_measure(struct lw__limit *limit, uint64_t latency, uint64_t now) {
    limit->fastest = limit->fastest == 0 || latency < limit->fastest ? latency : limit->fastest;
    if (limit->samples >= GRADIENT_MEASURES) {
        limit->limit = limit->before;
        limit->before = 0;
        limit->measured_at = now;
        round_begins(limit);
    }
}

static void gradient_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint64_t latency,
                           bool busy, uint64_t now) {
    if (limit->before != 0) {
        gradient_measure(limit, latency, now);
        return;
    }
    if (now - limit->measured_at >= options->remeasure) {
        measuring_begins(limit, options, now);
        return;
    }
    if (limit->samples < GRADIENT_ROUND || !busy) {
        return;
    }
    double gradient = (double)limit->fastest * 1.25 * (double)limit->samples / limit->sum;
    gradient = gradient < 0.5 ? 0.5 : gradient > 1 ? 1 : gradient;
    limit->limit = limit_bounded(options, limit->limit * gradient + root_of(limit->limit));
    round_begins(limit);
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

void lw__limit_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, const lw_sample *sample,
                     uint64_t latency, uint64_t under_way, uint64_t now) {
    if (options->kind == LW_LIMIT_FIXED) {
        return;
    }
    if (tells_overload(sample->outcome)) {
        if (!limit->cut && limit->before == 0) {
            limit->limit = limit_bounded(options, limit->limit * 0.9);
            limit->cut = true;
        }
        return;
    }
    if (sample->outcome != LW_OUTCOME_OK || latency == 0) {
        return;
    }
    bool busy = (double)under_way * 2 >= limit->limit;
    limit->samples++;
    limit->sum += (double)latency;
    if (options->kind == LW_LIMIT_GRADIENT) {
        gradient_learn(limit, options, latency, busy, now);
    } else if (busy) {
        vegas_learn(limit, options, latency);
    }
}
