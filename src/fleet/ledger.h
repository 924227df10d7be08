/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The ledger: nodes by id, reservations in slots, as in a quota tracker, and beside them what belongs to the store. The
 * files that share it: ledger.c makes and fills it, reserve.c reserves, outage.c does so without the store, settle.c
 * ends, mail.c speaks with the store, notice.c tells observers, pick.c joins it to a pool.
 *
 * What a node keeps is guarded by its lock, which is never held while the store is asked.
 */
#ifndef LW_FLEET_LEDGER_H
#define LW_FLEET_LEDGER_H

#include "base/fleet_names.h"
#include "base/registry.h"
#include "quota/slots.h"

#include <loadwise/ledger.h>

enum lw__ledger_bound {
    LW__LEDGER_KEY = LW__FLEET_PREFIX + 28,
    LW__LEDGER_POSTS = 8, /* most accounts in one batch */
};

/* One dimension of a node. */
struct lw__ledger_count {
    uint64_t limit, burst; /* of the fleet; 0: none */
    uint64_t owed;         /* granted or used, and not told to the store */
    uint64_t spent;        /* told to observers as exhausted until then; 0: not told */
    uint64_t pace_from;    /* what the store granted here in the window that began then, and in the one before */
    uint64_t pace, pace_before;
};

struct lw__ledger_node {
    struct lw__record record;
    uint64_t incarnation; /* another one each time that a node of this id is made */
    pthread_mutex_t lock;
    bool limited;     /* it has been given limits, be they none */
    bool gone;        /* it was forgotten: what is still heard of it changes nothing */
    uint64_t away;    /* since when its account is; 0: it is not. Others may read it */
    uint64_t telling; /* how often what was owed has been taken to be told */
    char key[LW__LEDGER_KEY];
    struct lw__ledger_count counts[]; /* then, at ledger->quota_at, what this process has used */
};

#define LW__LEDGER_COUNTED UINT64_MAX

/* What a reservation charged, for settling it with the store. Parallel to the slots. */
struct lw__ledger_stub {
    uint64_t telling; /* granted without the store: the node's at that time; else LW__LEDGER_COUNTED */
    struct lw__ledger_charged {
        uint64_t amount; /* 0: nothing */
        uint64_t stamp[2];
    } charged[];
};

struct lw_ledger {
    lw_env env;
    lw_observer observer;
    lw_store *store;
    lw_ledger_options options;
    struct lw__fleet_names names;
    struct lw__quota_plan plan;
    struct lw__registry_kind kind;
    struct lw__registry registry;
    size_t quota_at;
    struct lw__quota_slots slots;
    char *stubs;
    size_t stub_size;

    uint64_t incarnations;
    uint64_t next_beat;
    uint32_t away; /* nodes that are */
    uint32_t told; /* to the hook `outage` last: it began */
    uint32_t telling;
    uint32_t looked; /* nodes that beats have looked at in vain */
    uint32_t instances;
    uint64_t reserves, refusals, here, unasked;
};

static inline struct lw__quota_node *lw__ledger_quota(const lw_ledger *ledger, struct lw__ledger_node *node) {
    return (struct lw__quota_node *)(void *)((char *)node + ledger->quota_at);
}

static inline struct lw__ledger_stub *lw__ledger_stub(const lw_ledger *ledger, uint32_t slot) {
    return (struct lw__ledger_stub *)(void *)(ledger->stubs + slot * ledger->stub_size);
}

static inline bool lw__ledger_is_away(const struct lw__ledger_node *node) {
    return __atomic_load_n(&node->away, __ATOMIC_SEQ_CST) != 0;
}

static inline void lw__ledger_count_up(uint64_t *statistic) { __atomic_fetch_add(statistic, 1, __ATOMIC_RELAXED); }

/* Sums of amounts end at the largest there is. */
static inline uint64_t lw__ledger_sum(uint64_t sum, uint64_t amount) {
    return amount < LW_QUOTA_LIMIT_MAX - sum ? sum + amount : LW_QUOTA_LIMIT_MAX;
}

/* ---- mail.c ---- */

/* One posting, and whether it tells what the node owed. */
struct lw__ledger_post {
    struct lw__ledger_node *node;
    bool debt;
    ptrdiff_t answer; /* of its step */
    lw_posting posting;
    uint32_t dimension[LW_QUOTA_DIMENSIONS]; /* of each charge */
    lw_charge charges[LW_QUOTA_DIMENSIONS];
};

struct lw__ledger_mail {
    lw_ledger *ledger;
    uint64_t now;
    size_t steps_count, posts_count;
    lw_store_step steps[LW__LEDGER_POSTS + 1];
    struct lw__ledger_post posts[LW__LEDGER_POSTS];
};

void lw__mail_begin(struct lw__ledger_mail *mail, lw_ledger *ledger, uint64_t now);

/* Adds a posting without charges, and a charge to it. The node's lock is held. */
struct lw__ledger_post *lw__mail_post(struct lw__ledger_mail *mail, struct lw__ledger_node *node, uint32_t mode);
lw_charge *lw__mail_charge(const lw_ledger *ledger, struct lw__ledger_post *post, uint32_t dimension, int64_t amount);

/* Adds a posting that charges nothing; NULL for a node without limits. The node's lock is held. */
struct lw__ledger_post *lw__mail_look(struct lw__ledger_mail *mail, struct lw__ledger_node *node);

/* Of what the node owes in a dimension, that which still counts. The node's lock is held. */
uint64_t lw__ledger_owed(const lw_ledger *ledger, struct lw__ledger_node *node, uint32_t dimension, uint64_t now);

/* Takes what the node owes, if anything, to be told first. The node's lock is held. */
void lw__mail_debts(struct lw__ledger_mail *mail, struct lw__ledger_node *node);

/* Adds a sign of life; _due: if it is time. */
void lw__mail_meet(struct lw__ledger_mail *mail);
void lw__mail_meet_due(struct lw__ledger_mail *mail);

/* Sends it; locks of nodes are not held. What is owed and was not told is owed again. The worst answer: LW_UNAVAILABLE
   when there was none, what the store did not take, LW_OK. A refusal is no fault. */
int lw__mail_send(struct lw__ledger_mail *mail, uint64_t deadline);

/* ---- reserve.c ---- */

/* One call of reserve. */
struct lw__ledger_call {
    lw_ledger *ledger;
    struct lw__ledger_node *node; /* NULL: one without limits */
    uint64_t now, deadline;
    uint32_t named;
    uint32_t charged; /* the set of those amounts that are above 0 here */
    uint32_t slot;
    uint64_t asked[LW_QUOTA_DIMENSIONS];
    uint64_t amounts[LW_QUOTA_DIMENSIONS]; /* with the estimates */
    lw_quota_refusal refusal;
    uint32_t exhausted, released; /* for observers */
};

/* Writes call->amounts and charged; the node's lock is held. */
void lw__ledger_amounts(struct lw__ledger_call *call);

/* Counts what is granted here, and fills the slot and its stub with it; the node's lock is held. telling: as in a stub.
 */
void lw__ledger_take(const struct lw__ledger_call *call, uint64_t telling);

/* lw_ledger_reserve; lenient: a node without limits is not charged. */
int lw__ledger_reserve(lw_ledger *ledger, uint64_t node, const lw_amount *amounts, size_t count, bool lenient,
                       uint64_t deadline, lw_reservation *reservation, lw_quota_refusal *refusal);

/* ---- outage.c ---- */

/* Notes what the node's account has answered last. No lock is held; tells the observer. */
void lw__ledger_heard(lw_ledger *ledger, struct lw__ledger_node *node, ptrdiff_t answer, uint64_t now);

/* The node is forgotten, and so not away. As above. */
void lw__ledger_gone(lw_ledger *ledger, struct lw__ledger_node *node);

/* Grants or refuses by `outage`; the slot is there to be filled. */
int lw__ledger_without(struct lw__ledger_call *call);

/* Notes what the store granted here, for LW_OUTAGE_STALE. The lock is held. */
void lw__ledger_pace(const lw_ledger *ledger, struct lw__ledger_node *node, uint32_t dimension, uint64_t amount,
                     uint64_t now);

/* ---- notice.c ---- */

/* After a refusal, and after a grant: what there is to tell. The lock is held. */
void lw__ledger_note_refusal(struct lw__ledger_call *call);
void lw__ledger_note_grant(struct lw__ledger_call *call);

/* Calls the hooks; no lock is held, the node may be gone. */
void lw__ledger_tell(const struct lw__ledger_call *call, uint64_t node);

#endif
