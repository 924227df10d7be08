/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside of lw_pool_sync. A sync gathers what every node has to tell into a batch of steps, lets the store carry it
 * out, and applies the answers. No node is freed meanwhile, though an update may take it out of the pool: what it owes
 * is its own all the same, what is heard is for the nodes of the moment.
 *
 *   sync_options.c   what the caller wants, checked; the name of this process
 *   sync.c           the calls: gather, ask, apply; forks
 *   sync_batch.c     what is told: the steps of one node, and what goes back to it when they were not carried out
 *   sync_heard.c     what is heard of one node: leases, latency, load, failures
 *   sync_verdict.c   ejections of the fleet: judged, told, read, obeyed
 *   sync_outage.c    nodes whose keys are away, and are back; nodes that stay for what they owe
 */
#ifndef LW_POOL_SYNC_H
#define LW_POOL_SYNC_H

#include "base/fleet_names.h"
#include "pool/snapshot.h"
#include "quota/lease.h"

#include <loadwise/sync.h>

enum {
    LW__SYNC_ROUNDS = 4,   /* postings of a node that owe or give back, each dimension once in each */
    LW__SYNC_RECORD = 256, /* bytes of a record of an ejection */
    LW__SYNC_VERDICT = 2,  /* steps that tell of an ejection */
    LW__SYNC_OWING = 1024, /* most nodes that have left and are kept for what they owe */
};

/* What a sync asks about one node; its place among the steps, or -1. */
enum lw__sync_part {
    LW__PART_SLICE,
    LW__PART_HEALTH,
    LW__PART_STATUS,
    LW__PART_ANSWERS,
    LW__PART_TIME,
    LW__PART_LOAD,
    LW__PARTS
};

struct lw__sync_entry {
    struct lw__node *node;
    uint32_t first, end;           /* its steps */
    bool away;                     /* some of them were not answered */
    bool turns;                    /* what is granted of it changes with that */
    uint64_t ended, answers, time; /* taken from the node */
    uint64_t base;                 /* its traffic at that time */
    int32_t part[LW__PARTS];
    int32_t returns; /* the first of `rounds` steps */
    uint32_t rounds;
    lw_posting posting[LW__SYNC_ROUNDS]; /* of the returns */
    lw_posting slice, health;
    lw_charge counts[2]; /* of the health: what went well, what failed */
    lw_charge *charges;  /* shared dimensions x (rounds, and the slices) */
    char *keys;
    char record[LW__SYNC_RECORD]; /* the status as it was read */
    char own[LW__SYNC_RECORD];    /* as it is to be told */
    bool judged;
};

/* Memory of the batches, kept for the next one. */
struct lw__sync_memory {
    struct lw__sync_entry *entries;
    lw_store_step *steps;
    lw_charge *charges;
    char *keys;
    uint32_t room; /* nodes */
};

struct lw__sync {
    lw_sync_options options; /* over the defaults, without its names */
    struct lw__fleet_names names;
    size_t key_size;    /* room for a key of a node */
    uint32_t shared;    /* number of shared dimensions */
    uint32_t busy;      /* a sync is under way */
    uint32_t away;      /* nodes whose keys are; others may read it */
    uint32_t dark;      /* all of them are, and so are those that come */
    uint32_t instances; /* alive, as last heard; 0: nothing was */
    uint64_t synced;    /* syncs that were answered */

    /* Of the sync under way. */
    struct lw__sync_memory memory;
    uint64_t now;   /* monotonic ns, before the store was asked */
    uint64_t real;  /* of the clock that all share; 0: the store's */
    uint32_t count; /* entries */
    uint32_t steps;
    uint32_t ejected;
    bool leaving;
    lw_posting clock;
    lw_charge tick;
};

/* sync_options.c. Reads pool->rules.options.sync; LW_OK without. LW_INVALID, LW_RANGE (logged), LW_NOMEM. */
int lw__sync_open(lw_pool *pool);
void lw__sync_close(lw_pool *pool);

/* sync.c */
void lw__sync_after_fork(lw_pool *pool);

static inline bool lw__sync_shares(const struct lw__sync *sync, uint32_t what) {
    return (sync->options.share & what) != 0;
}

/* A lease that ends within so many ns would not last until the sync after the next. */
static inline uint64_t lw__sync_renewal(const struct lw__sync *sync) {
    return sync->options.interval + sync->options.interval / 2;
}

/* How many processes share, as far as is known. */
static inline uint32_t lw__sync_instances(const struct lw__sync *sync) {
    return sync->instances != 0 ? sync->instances : sync->options.instances;
}

/* sync_batch.c. Room for so many nodes; LW_NOMEM. */
int lw__sync_reserve(lw_pool *pool, uint32_t nodes);
void lw__sync_release(lw_pool *pool);
/* Begins a batch: the meeting of the fleet, and the time. */
void lw__sync_begin(lw_pool *pool);
/* Adds one node, which may have left. Under the lock. */
void lw__sync_gather(lw_pool *pool, const struct lw__snapshot *snapshot, struct lw__node *node);
/* The answer of a part; LW_UNKNOWN where it was not asked. */
ptrdiff_t lw__sync_answer(const struct lw__sync *sync, const struct lw__sync_entry *entry, uint32_t part);
/* What could not be told will be told again. */
void lw__sync_put_back(lw_pool *pool, const struct lw__sync_entry *entry);

/* sync_heard.c. In a read section. */
void lw__sync_hear(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node);
/* Of a dimension of the plan, by the name that a charge has from there. */
uint32_t lw__sync_dimension(const lw_pool *pool, const lw_charge *charge);

/* sync_verdict.c. What the fleet has seen of the node is enough: fills entry->own. */
void lw__sync_judge(lw_pool *pool, struct lw__sync_entry *entry, const struct lw__node *node);
/* Tells the others of all that was judged, and reads what they say. No read section. Answers as the store does. */
int lw__sync_tell_verdicts(lw_pool *pool, lw_store *store, uint64_t deadline);
/* Ejects whom the records say. In a read section. */
void lw__sync_obey(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node);

/* Since when the keys of the node cannot be asked; 0: they can. Written under the lock. */
static inline uint64_t lw__sync_away(const struct lw__node *node) {
    return __atomic_load_n(&node->sync->away, __ATOMIC_RELAXED);
}

/* sync_outage.c. The store was asked: says of each entry whether it is away, and whether that turns it. */
void lw__sync_compare(lw_pool *pool);
/* Turns those entries that are away now, or those that are not; were there any? No lock, no read section. */
bool lw__sync_turn(lw_pool *pool, bool away);
/* Counts, and tells the observer. As above. */
void lw__sync_outage(lw_pool *pool);
/* While a node is away, with LW_OUTAGE_STALE. In a read section. */
void lw__sync_repeat(lw_pool *pool, struct lw__node *node);
/* A node comes, under the lock. */
void lw__sync_welcome(lw_pool *pool, struct lw__node *node, uint64_t now);
/* May a node that has left not go yet? *owing: how many are kept for what they owe. Under the lock. */
bool lw__sync_keeps(lw_pool *pool, struct lw__node *node, uint64_t now, uint32_t *owing);

#endif
