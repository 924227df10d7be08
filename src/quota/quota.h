/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The core of quotas: one node's limits and use, without ids, clock or allocation. The tracker keeps a struct
 * lw__quota_node per id; a pool embeds one in each of its nodes.
 *
 * A plan says how a node's memory is laid out; it is the same for all nodes and never changes. All that a node keeps
 * is words that are read and written atomically, by any number of threads at once. Amounts are given densely, one per
 * dimension of the plan, with a set of the dimensions that are meant: bit i for dimension i. The others are not read.
 */
#ifndef LW_QUOTA_QUOTA_H
#define LW_QUOTA_QUOTA_H

#include "base/env.h"
#include "base/raise.h"

#include <loadwise/quota.h>
#include <stdbool.h>

/* The answer "when would it fit?", where larger is longer: 0 is now, then times, then these. */
#define LW__ON_COMPLETION (UINT64_MAX - 1)
#define LW__NOT_EVER UINT64_MAX

/* What every kind of count begins with. */
struct lw__quota_count {
    uint64_t limit; /* LW_QUOTA_UNLIMITED: none */
    uint64_t spent; /* told as exhausted until then; 0: not told */
};

/* What one reservation charged in one dimension, for settling it. */
struct lw__quota_charge {
    uint64_t amount;  /* 0: nothing. Others may read it meanwhile */
    uint64_t stamp;   /* sliding: the bucket; gcra: the time of the charge */
    uint64_t price;   /* gcra: the emission interval it was charged at */
    uint64_t backlog; /* gcra: after the charge */
    uint64_t refunds; /* gcra: until the charge */
    uint64_t number;  /* gcra: of the charge */
    uint64_t lease;   /* shared: which lease it was taken from, see lease.c */
};

/* What all shared dimensions of a pool go by. */
struct lw__quota_fleet {
    uint32_t instances; /* that share, at least 1 */
    uint64_t next;      /* monotonic ns: the next sync */
};

/* What is granted without a lease: nothing; where the store is away, the share of this process, or everything. */
enum lw__fleet_mode { LW__FLEET_LEASED, LW__FLEET_SHARE, LW__FLEET_OPEN };

struct lw__quota_dimension {
    const struct lw__quota_kind *kind;
    const struct lw__quota_kind *inner; /* shared: of the count behind the lease; NULL: not shared */
    struct lw__quota_fleet *fleet;
    const char *name;
    uint32_t estimate;
    uint32_t scale;  /* gcra: 2^scale time units in a ns */
    uint64_t window; /* ns */
    uint64_t bucket; /* sliding: ns */
    uint64_t span;   /* sliding: buckets that count, the current one among them */
    uint64_t mask;   /* sliding: ring size - 1 */
    uint64_t fixed;
    uint64_t cells;      /* shared: a power of two */
    uint32_t resolution; /* sliding: as given, 0: 20 */
    size_t inner_offset; /* shared: of the count behind, in the count */
    size_t offset;       /* of the count in a node */
};

/* One kind of count. `now` in ns; every function by any thread at any time, except limit, whose callers take turns. */
struct lw__quota_kind {
    /* Bytes of a count; fills in what the dimension derives from its options. */
    size_t (*layout)(struct lw__quota_dimension *dimension, const lw_quota_dimension *options);
    /* Is this limit possible? NULL, or the fault. */
    const char *(*fault)(const struct lw__quota_dimension *dimension, const lw_quota_limit *limit);
    /* Takes the limit over, NULL: none. keep: what was used still counts. */
    void (*limit)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count,
                  const lw_quota_limit *limit, bool keep);
    /* The most that can be free at one moment. */
    uint64_t (*most)(const struct lw__quota_count *count);
    /* When the amount would be taken, if nothing else happens: 0, a time, or one of the two above. Writes nothing but
       what the passing of time brings. */
    uint64_t (*fits)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t amount,
                     uint64_t now);
    /* Charges, or answers false and changes nothing. Leaves charge->amount to the caller. */
    bool (*take)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t amount,
                 uint64_t now, struct lw__quota_charge *charge);
    /* Returns part of a charge, at most charge->amount in all. */
    void (*give)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count,
                 const struct lw__quota_charge *charge, uint64_t amount);
    /* Counts without asking; charge: for giving it back, or NULL. NULL: not for this kind, which returns its charge as
       a whole when a reservation ends. */
    void (*add)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t amount,
                uint64_t now, struct lw__quota_charge *charge);
    /* Leaves no more than `remaining` until `reset`. NULL as above. */
    void (*observe)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t remaining,
                    uint64_t reset, uint64_t now);
    /* Everything but `reserved`. */
    void (*read)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t now,
                 lw_quota_reading *reading);
    /* How much of `most` could be taken now, in few steps: it may miss what another thread is just giving back. */
    uint64_t (*left)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t now,
                     uint64_t *most);
    /* As lw_quota_history. NULL: nothing to tell. */
    size_t (*history)(const struct lw__quota_dimension *dimension, struct lw__quota_count *count, uint64_t now,
                      lw_quota_use *uses, size_t room);
};

extern const struct lw__quota_kind lw__quota_sliding, lw__quota_gcra, lw__quota_concurrency, lw__quota_lease;

/* ---- plan.c ---- */

struct lw__quota_plan {
    uint32_t count;
    uint32_t fixed;   /* set of the dimensions that are always charged */
    uint32_t last;    /* set of those that are charged after the others */
    uint32_t shared;  /* set of those that a fleet shares */
    size_t node_size; /* bytes of a struct lw__quota_node, to be zeroed and on a cache line */
    uint64_t max_exhausted;
    char *names;
    struct lw__quota_fleet fleet; /* changes, unlike the rest */
    struct lw__quota_dimension dimension[LW_QUOTA_DIMENSIONS];
};

/* LW_INVALID, LW_RANGE, LW_UNSUPPORTED (a shared dimension; all logged) or LW_NOMEM. The plan stays
   where it is. */
int lw__quota_plan_init(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options);
/* The same where shared dimensions are leased. */
int lw__quota_plan_init_leased(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options);
/* The same where a store counts all of them. */
int lw__quota_plan_init_counted(struct lw__quota_plan *plan, const lw_env *env, const lw_quota_options *options);
void lw__quota_plan_free(struct lw__quota_plan *plan, const lw_env *env);

/* The number of a dimension, or -1. */
int lw__quota_plan_find(const struct lw__quota_plan *plan, const char *name);

/* Spreads amounts over dense[plan->count]; returns in *named which they are. LW_UNKNOWN, LW_INVALID; lenient: ignores
   unknown dimensions. */
int lw__quota_spread(const struct lw__quota_plan *plan, const lw_env *env, const lw_amount *amounts, size_t count,
                     bool lenient, uint64_t *dense, uint32_t *named);

/* Adds the amounts that a reservation charges unasked; the set of all. */
uint32_t lw__quota_estimate(const struct lw__quota_plan *plan, uint64_t *dense, uint32_t named);

/* ---- node.c ---- */

struct lw__quota_node {
    uint64_t exhausted_until;
    uint64_t spent; /* as in a count, for the mark */
    /* counts at their offsets */
};

/* A node of zeroes has limits of 0 and no history: call this first. keep: what was used still counts. Callers take
   turns. */
void lw__quota_limits(const struct lw__quota_plan *plan, struct lw__quota_node *node, const lw_quota_limit *limits,
                      size_t count, bool keep);
int lw__quota_limits_check(const struct lw__quota_plan *plan, const lw_env *env, const lw_quota_limit *limits,
                           size_t count);

/* What is charged of an amount here, which is 0 where there is no limit. */
uint64_t lw__quota_amount(const struct lw__quota_dimension *dimension, const struct lw__quota_count *count,
                          uint64_t amount);

/* Would all be charged? Fills the refusal if not. */
bool lw__quota_fits(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                    uint32_t named, uint64_t now, lw_quota_refusal *refusal);

/* Charges all and fills charges[plan->count] where the set *charged, which it returns, says so; or answers false, and
   has charged nothing. */
bool lw__quota_charge(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                      uint32_t named, uint64_t now, struct lw__quota_charge *charges, uint32_t *charged);

/* Settles charges: the dimensions in `named` took actual[]. */
void lw__quota_settle(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                      const struct lw__quota_charge *charges, uint32_t charged, const uint64_t *actual, uint32_t named,
                      uint64_t now);

/* Returns charges as a whole. */
void lw__quota_undo(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                    const struct lw__quota_charge *charges, uint32_t charged);

/* Counts amounts without asking. */
void lw__quota_add(const struct lw__quota_plan *plan, struct lw__quota_node *node, const uint64_t *amounts,
                   uint32_t named, uint64_t now);

void lw__quota_mark(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t duration, uint64_t now);

/* 0 when not marked. */
uint64_t lw__quota_marked_until(const struct lw__quota_node *node, uint64_t now);

/* What is left of one dimension; 0 while marked, LW_QUOTA_UNLIMITED without a limit. */
uint64_t lw__quota_left(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint32_t dimension,
                        uint64_t now);

double lw__quota_ratio(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now);

void lw__quota_reading_of(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint32_t dimension,
                          uint64_t now, lw_quota_reading *reading);

uint64_t lw__quota_node_due(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now);

static inline struct lw__quota_count *lw__quota_count_of(const struct lw__quota_plan *plan, struct lw__quota_node *node,
                                                         uint32_t dimension) {
    return (struct lw__quota_count *)(void *)((char *)node + plan->dimension[dimension].offset);
}

/* ---- notice.c ---- */

/* What to tell observers once the call is over: bit i for dimension i, the last bit for the mark. */
struct lw__quota_news {
    uint64_t exhausted, released;
    uint64_t until[LW_QUOTA_DIMENSIONS + 1];
};

/* Finds the dimensions that have nothing left, or have again, and have not been told so. refusal: the one that a call
   has just had, or NULL. Each change is found by one caller only. */
void lw__quota_notice(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now,
                      const lw_quota_refusal *refusal, struct lw__quota_news *news);

/* Calls the hooks; outside of any read section. */
void lw__quota_tell(const struct lw__quota_plan *plan, const lw_observer *observer, uint64_t node,
                    const struct lw__quota_news *news);

/* ---- atomics ----

   The proofs in sliding.c and gcra.c speak of one order of all accesses, so all are sequentially consistent; on most
   machines that costs nothing for reads and for read-modify-writes. */

static inline uint64_t lw__word(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

/* Fails only if *word is not *expected, which is then told. */
static inline bool lw__swap(uint64_t *word, uint64_t *expected, uint64_t desired) {
    return __atomic_compare_exchange_n(word, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Takes the first dimension out of a set that is not empty. */
static inline uint32_t lw__quota_next(uint32_t *set) {
    uint32_t first = (uint32_t)__builtin_ctz(*set);
    *set &= *set - 1;
    return first;
}

#endif
