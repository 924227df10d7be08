/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A limit of what is under way that is learnt from latency. Pure arithmetic, one sample at a time; no libm.
 * Sources: Brakmo and Peterson, "TCP Vegas" (1994), as in Netflix' concurrency-limits; Envoy's gradient controller.
 */
#ifndef LW_SERVICE_LIMIT_H
#define LW_SERVICE_LIMIT_H

#include <loadwise/concurrency_limit.h>
#include <stdbool.h>

struct lw__limit {
    double limit;
    double base;      /* ns: vegas, the fastest; gradient, the mean when nothing queues; 0: not measured */
    uint64_t samples; /* vegas: since the base began anew; gradient: of this round */
    double sum;       /* gradient: of their latencies */
    uint64_t uncut;   /* answers to come before the limit is cut again */
    uint64_t measured_at;
    double before; /* gradient: the limit to go back to after measuring; 0: not measuring */
};

void lw__limit_init(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint64_t now);

/* An exchange has ended so, that began when so many were under way, itself among them. */
void lw__limit_learn(struct lw__limit *limit, const lw_concurrency_limit_options *options, uint32_t outcome,
                     uint64_t latency, uint64_t under_way, uint64_t now);

static inline uint64_t lw__limit_now(const struct lw__limit *limit) { return (uint64_t)limit->limit; }

#endif
