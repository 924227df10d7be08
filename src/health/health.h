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
    uint32_t life;         /* constant: tells permits of an earlier node of this id apart */
    uint64_t last_failure; /* monotonic ns, only ever grows */
    uint64_t last_success;
    uint64_t probed_at; /* when the latest permit was given */
    uint64_t *buckets;  /* LW__HEALTH_BUCKETS of them, of the window; NULL where there is none */
};

/* What all nodes of a tracker share. */
struct lw__health_rules {
    lw_health_options options;
    lw_health_policy_ops policy;
    lw_observer observer;
    uint64_t seed;
};

/* rules.c: defaults under what was given. Errors: LW_RANGE, LW_INVALID; the log is told. */
int lw__health_rules_init(struct lw__health_rules *rules, const lw_env *env, const lw_health_options *given);

/* Can a node be set to this? Errors: LW_RANGE, LW_INVALID; the log is told. */
int lw__health_info_check(const lw_env *env, const lw_health_info *info);

/* node.c. A fresh node is healthy. Of its life the low 20 bits count. buckets: zeroed, borrowed. */
void lw__health_node_init(struct lw__health_node *node, uint32_t life, uint64_t *buckets);
/* What such a node would give: for one that is yet to be made. */
lw_health_permit lw__health_first_permit(uint32_t life);
int lw__health_admit(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint64_t now,
                     lw_health_permit *permit);
/* The usual case in short: the permit of a node that is healthy and has not failed since; or false, and admit knows. */
bool lw__health_admit_plain(const struct lw__health_node *node, lw_health_permit *permit);
/* Would a success on such a node change nothing that anybody asks for? */
bool lw__health_is_plain(const struct lw__health_rules *rules, const struct lw__health_node *node);
bool lw__health_would_admit(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                            uint64_t now);
/* When a refusal of `now` would turn into a permit; UINT64_MAX: by time alone never, or it is none. */
uint64_t lw__health_due(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                        uint64_t now);
/* Gives a permit back without a report. */
void lw__health_return(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id,
                       const lw_health_permit *permit);
int lw__health_report(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint32_t outcome,
                      const lw_health_permit *permit, uint64_t now);
void lw__health_verdict(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id,
                        uint32_t verdict);
uint32_t lw__health_status(const struct lw__health_node *node);
void lw__health_info(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                     uint64_t now, lw_health_info *info);
/* info was checked. */
void lw__health_restore(const struct lw__health_rules *rules, struct lw__health_node *node, const lw_health_info *info,
                        uint64_t now);

/* window.c */
void lw__health_window_add(uint64_t *buckets, uint64_t window, bool failed, uint64_t now);
void lw__health_window_sum(const uint64_t *buckets, uint64_t window, uint64_t now, lw_health_state *state);
void lw__health_window_clear(uint64_t *buckets);

/* policy.c: which status follows from a report, by the user's functions where there are any; and when a probe is due
   after an ejection. */
void lw__health_judge(const struct lw__health_rules *rules, lw_health_state *state, uint32_t outcome, uint32_t effect,
                      uint64_t now);
bool lw__health_probe_due(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                          uint32_t epoch, uint64_t now);
uint64_t lw__health_probe_at(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                             uint32_t epoch);

static inline uint64_t lw__health_later(uint64_t a, uint64_t b) { return a > b ? a : b; }

#endif
