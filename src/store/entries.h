/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The entries of the store in memory: sixteen trees, each with its lock, over one order of places; bounds and expiry.
 *
 * The top bits of an entry's place choose its tree, so the trees in turn are one order, and a cursor is a place.
 * Entries do not change: a write makes a new one and puts it in the place of the old. So who reads takes hold of an
 * entry under the lock, and copies it or calls back with it when the lock is free again. No call holds more than one
 * lock, nor one for more than a step down a tree and a bounded number of expired entries.
 *
 * The bounds are two counts that are charged before an entry goes in. A write that they stop first clears out all that
 * has expired, everywhere, and tries again.
 *
 * Cost: O(log n) for each.
 */
#ifndef LW_STORE_ENTRIES_H
#define LW_STORE_ENTRIES_H

#include "base/env.h"
#include "store/tree.h"

#include <pthread.h>
#include <stdbool.h>

enum { LW__SHARDS = 16 };

struct lw__shard {
    _Alignas(64) pthread_mutex_t lock;
    struct lw__entry *tree;
};

struct lw__entries {
    const lw_env *env; /* the owner's */
    uint64_t max_entries, max_bytes;
    uint64_t count, bytes; /* atomic */
    uint64_t latest;       /* the latest time seen; atomic */
    struct lw__shard shard[LW__SHARDS];
};

/* LW_OK or LW_NOMEM. */
int lw__entries_open(struct lw__entries *entries, const lw_env *env, uint64_t max_entries, uint64_t max_bytes);
void lw__entries_close(struct lw__entries *entries);

/* The time, which never steps back. */
uint64_t lw__entries_time(struct lw__entries *entries);

/* Has it expired? */
static inline bool lw__entry_due(const struct lw__entry *entry, uint64_t now) { return entry->due <= now; }

/* An entry of this kind and key with a value of this size, to be filled, and spare room behind it; held by the caller.
   Or NULL and LW_NOMEM, or LW_FULL if it could never fit. */
struct lw__entry *lw__entry_new(const struct lw__entries *entries, enum lw__entry_kind kind, const char *key,
                                size_t size, size_t spare, int *error);
void lw__entry_let_go(const struct lw__entries *entries, struct lw__entry *entry);

/* The entry of this kind and key, held; NULL when there is none that lives. */
struct lw__entry *lw__entries_find(struct lw__entries *entries, enum lw__entry_kind kind, const char *key);

/* The first entry behind that place and key (key NULL: at the place or behind), expired or not, held; NULL at the end.
 */
struct lw__entry *lw__entries_next(struct lw__entries *entries, uint64_t place, const char *key);

/* Takes the entry of this kind and key out; 1 when there was one that lived. */
int lw__entries_remove(struct lw__entries *entries, enum lw__entry_kind kind, const char *key);

/* A write under way, to be embedded in what decide needs to know. */
struct lw__change {
    struct lw__entry *fresh; /* what goes in */
    uint64_t now, due;       /* and when it expires */
    /* Sees what is there (or NULL), with the lock held, and says whether fresh goes in: 1, or the answer of the call.
       May give it another expiry; with one that has come it does not go in, and what is there goes. */
    int (*decide)(struct lw__change *change, const struct lw__entry *old);
};

/* Asks for a decision, perhaps twice, and does as it says. The entry goes in or away. Returns the decision, or LW_FULL.
 */
int lw__entries_change(struct lw__entries *entries, struct lw__change *change);

#endif
