/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The quota tracker: nodes by id, reservations in slots. The files that share it: tracker.c makes and fills it,
 * reserve.c reserves and settles, usage.c takes what is told, readout.c answers. */
#ifndef LW_QUOTA_TRACKER_H
#define LW_QUOTA_TRACKER_H

#include "base/registry.h"
#include "quota/slots.h"

struct lw__quota_entry {
    struct lw__record record;
    uint64_t incarnation; /* another one each time that a node of this id is made */
    _Alignas(64) struct lw__quota_node node;
};

struct lw_quota {
    lw_env env;
    lw_observer observer;
    bool hooks; /* is there a quota hook? */
    bool lenient;
    uint64_t ttl;
    struct lw__quota_plan plan;
    struct lw__registry_kind kind;
    struct lw__registry registry;
    struct lw__quota_slots slots;

    /* Under the lock: */
    pthread_mutex_t registering;
    uint64_t incarnations;
    const lw_quota_limit *limits; /* of the node that is being made */
    size_t limit_count;
};

/* One call about one node, from look-up to hooks. */
struct lw__quota_visit {
    lw_quota *quota;
    struct lw__quota_entry *entry; /* NULL: not registered */
    struct lw__reading reading;
};

/* Looks the node up. Whatever is found, leave must follow, and does what can be due: the hooks. */
struct lw__quota_visit lw__quota_enter(lw_quota *quota, uint64_t node);
/* The same; *now is the time that is given, or that of the clock where given is NULL. */
struct lw__quota_visit lw__quota_enter_when(lw_quota *quota, uint64_t node, const uint64_t *given, uint64_t *now);
void lw__quota_leave(struct lw__quota_visit *visit, uint64_t now, const lw_quota_refusal *refusal);

/* Leaves, when there is no such node: LW_OK if that is to be overlooked, or LW_UNKNOWN, which is logged. */
int lw__quota_stranger(struct lw__quota_visit *visit, uint64_t node);

/* Is there perhaps something to be returned? */
static inline bool lw__quota_expires(const lw_quota *quota, uint64_t now) {
    uint64_t first = lw__word(&quota->slots.first_expiry);
    return first <= now && first != LW_QUOTA_NEVER;
}

/* Returns what reservations hold that have expired; true if there were any. Not while visiting a node. */
bool lw__quota_reap(lw_quota *quota, uint64_t now);

#endif
