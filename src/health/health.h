/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The core of the health machine: one node, atomics only, no allocation, time passed in. The tracker keeps one per id;
 * the pool embeds one in each of its nodes.
 */
#ifndef LW_HEALTH_HEALTH_H
#define LW_HEALTH_HEALTH_H

#include <loadwise/health.h>

enum { LW__HEALTH_BUCKETS = 10 };

struct lw__health_node {
    uint64_t word;         /* status, counters, epoch, permits: see node.c */
    uint64_t last_failure; /* monotonic ns, only ever grows */
    uint64_t last_success;
    uint64_t probed_at;                   /* when the latest permit was given */
    uint64_t buckets[LW__HEALTH_BUCKETS]; /* of the window */
};

/* What all nodes of a tracker share. */
struct lw__health_rules {
    lw_health_options options;
    lw_health_policy_ops policy;
    lw_observer observer;
    uint64_t seed;
};

/* rules.c: defaults under what was given; answers the option at fault with its range, or NULL. */
const char *lw__health_rules_init(struct lw__health_rules *rules, const lw_health_options *given, uint64_t seed);

int lw__health_admit(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint64_t now,
                     lw_health_permit *permit);
bool lw__health_would_admit(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                            uint64_t now);
int lw__health_report(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint32_t outcome,
                      const lw_health_permit *permit, uint64_t now);
void lw__health_verdict(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id,
                        uint32_t verdict);
uint32_t lw__health_status(const struct lw__health_node *node);
void lw__health_info(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                     uint64_t now, lw_health_info *info);
int lw__health_restore(const struct lw__health_rules *rules, struct lw__health_node *node, const lw_health_info *info);

/* policy.c: what follows from a report, the user's functions first; and when a probe is due after an ejection. */
void lw__health_judge(const struct lw__health_rules *rules, lw_health_state *state, uint32_t outcome, uint32_t effect,
                      uint64_t now);
bool lw__health_probe_due(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                          uint32_t epoch, uint64_t now);
uint64_t lw__health_probe_at(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                             uint32_t epoch);

#endif
