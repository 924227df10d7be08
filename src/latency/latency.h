/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The core of latency: one node's record, the group it leans on, and the rules of both. No lock, no allocation, no
   clock. All words are atomic and stand each for itself, so any thread may call anything here at any time. */
#ifndef LW_LATENCY_LATENCY_H
#define LW_LATENCY_LATENCY_H

#include <loadwise/latency.h>
#include <stdbool.h>

enum { LW__LATENCY_KINDS = 2, LW__LATENCY_SAMPLES = 65535, LW__LATENCY_SHARES = 64 };

/* A cost is in 2^-20 of the samples' unit. */
#define LW__LATENCY_MOST (UINT64_C(1) << 43) /* the highest sample */

struct lw__latency_rules {
    uint64_t halvings; /* half-lives in a tick, in units of 2^-44 */
    uint64_t expiry;   /* in units of 2^16 ns */
    uint64_t timeout, penalty, initial;
    uint32_t tick_shift; /* a tick is 2^tick_shift ns, and at most 2^-15 of tau */
    uint32_t min_samples;
    uint64_t
        share[LW__LATENCY_SHARES]; /* what is left of a cost after so many ticks: the usual ages, worked out once */
};

/* Zero at first. */
struct lw__latency_node {
    uint64_t history;                 /* of its samples: see estimate.c */
    uint64_t cost[LW__LATENCY_KINDS]; /* see word.h; by enum lw_latency_kind */
};

struct lw__latency_group {
    struct lw__latency_rules rules; /* never change */
    _Alignas(64) uint64_t history;
    uint64_t mean;
};

/* What the caller gave (or NULL) over the defaults. Returns what is wrong with it, or NULL. */
const char *lw__latency_options_take(lw_latency_options *wanted, const lw_latency_options *given);

/* options: as taken. */
void lw__latency_init(struct lw__latency_group *group, const lw_latency_options *options);

/* A request ended after `latency` units, with an outcome that is one. True when it counted. */
bool lw__latency_observe(struct lw__latency_group *group, struct lw__latency_node *node, uint32_t outcome,
                         uint64_t latency, uint64_t now);

/* Would it count for a node of which nothing is known? */
bool lw__latency_introduces(uint32_t outcome, uint64_t latency);

/* The cost as it reads now. node: NULL for one that is not known. */
uint64_t lw__latency_cost(const struct lw__latency_group *group, const struct lw__latency_node *node, uint32_t kind,
                          uint64_t now);

/* The same x (in_flight + 1), in 1/256 of the unit, saturating. */
uint64_t lw__latency_score(uint64_t cost, uint64_t in_flight);

uint64_t lw__latency_group_cost(const struct lw__latency_group *group);

/* Fills all but size and node; false when there was no sample yet. */
bool lw__latency_info(const struct lw__latency_node *node, lw_latency_info *info);

void lw__latency_restore(const struct lw__latency_group *group, struct lw__latency_node *node,
                         const lw_latency_info *info);
void lw__latency_restore_group(struct lw__latency_group *group, uint64_t cost, uint64_t now);

#endif
