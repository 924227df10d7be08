/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bucket of a latency: the exponent of its highest bit and the three bits behind it; its upper end is the answer. */
#include "service/percentile.h"

#include <string.h>

enum { SAMPLES_A_LOOK = 64 };

static uint32_t bucket_of(uint64_t latency) {
    if (latency < 8) {
        return (uint32_t)latency;
    }
    uint32_t exponent = 63 - (uint32_t)__builtin_clzll(latency);
    uint32_t bucket = (exponent - 2) * 8 + (uint32_t)(latency >> (exponent - 3) & 7);
    return bucket < LW__PERCENTILE_BUCKETS ? bucket : LW__PERCENTILE_BUCKETS - 1;
}

/* The largest latency of a bucket. */
static uint64_t bucket_end(uint32_t bucket) {
    if (bucket < 8) {
        return bucket;
    }
    uint32_t exponent = bucket / 8 + 2;
    return ((UINT64_C(8) + bucket % 8 + 1) << (exponent - 3)) - 1;
}

static void percentile_roll(struct lw__percentile *p, uint64_t now) {
    if (now < p->began || now - p->began < p->window) {
        return;
    }
    uint32_t both = now - p->began >= 2 * p->window;
    for (uint32_t i = 0; i <= both; i++) {
        p->current ^= 1;
        p->total[p->current] = 0;
        memset(p->count[p->current], 0, sizeof p->count[p->current]);
    }
    p->began = now;
    p->fresh = SAMPLES_A_LOOK;
}

void lw__percentile_init(struct lw__percentile *percentile, double percent, uint64_t window, uint64_t min_samples) {
    *percentile = (struct lw__percentile){.percent = percent, .window = window, .min_samples = min_samples};
}

void lw__percentile_add(struct lw__percentile *p, uint64_t latency, uint64_t now) {
    percentile_roll(p, now);
    p->count[p->current][bucket_of(latency)]++;
    p->total[p->current]++;
    p->fresh++;
}

static uint64_t percentile_compute(const struct lw__percentile *p, uint64_t total) {
    uint64_t wanted = (uint64_t)((double)total * p->percent / 100), seen = 0;
    for (uint32_t i = 0; i < LW__PERCENTILE_BUCKETS; i++) {
        seen += p->count[0][i] + p->count[1][i];
        if (seen > wanted) {
            return bucket_end(i);
        }
    }
    return bucket_end(LW__PERCENTILE_BUCKETS - 1);
}

uint64_t lw__percentile_read(struct lw__percentile *p, uint64_t now) {
    percentile_roll(p, now);
    uint64_t total = p->total[0] + p->total[1];
    if (total < p->min_samples) {
        return 0;
    }
    if (p->answer == 0 || p->fresh >= SAMPLES_A_LOOK) {
        p->answer = percentile_compute(p, total);
        p->fresh = 0;
    }
    return p->answer;
}
