/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Entries of the store in memory, in a treap: a binary tree that is in order by place and a heap by expiry.
 *
 * The place of an entry is a hash of its key, so the order is a random one, and a tree whose heap order has nothing to
 * do with its search order is balanced like one that was built in random order: about 2 ln n deep, with no bookkeeping.
 * That one shape gives all that the store asks: finding by key, a listing that a number can resume (the place), and at
 * the root the entry that expires first. No table ever grows, so no call pays for the others.
 *
 * Source: Seidel and Aragon, Randomized Search Trees, 1996; here chance sits in the keys, meaning in the priorities.
 * Cost: O(log n) expected for each; the caller locks.
 */
#ifndef LW_STORE_TREE_H
#define LW_STORE_TREE_H

#include <stddef.h>
#include <stdint.h>

#define LW__NEVER UINT64_MAX

/* Entries of different kinds have their own keys. */
enum lw__entry_kind { LW__VALUE = 1, LW__ACCOUNT = 2, LW__MEETING = 3, LW__KIND_BITS = 3 };

/* Does not change once it is in the tree, but for the links. */
struct lw__entry {
    struct lw__entry *before, *after; /* subtrees */
    uint64_t place;                   /* a hash of the key; the last two bits are the kind. Never 0 */
    uint64_t due;                     /* when it expires, or LW__NEVER */
    uint32_t holders;                 /* the tree is one */
    size_t key_size, value_size;
    char bytes[]; /* the key, NUL, the value */
};

static inline const char *lw__entry_value(const struct lw__entry *entry) { return entry->bytes + entry->key_size + 1; }

static inline enum lw__entry_kind lw__entry_kind(const struct lw__entry *entry) {
    return (enum lw__entry_kind)(entry->place & LW__KIND_BITS);
}

/* Where its value is written before it goes in. */
static inline char *lw__entry_room(struct lw__entry *entry) { return entry->bytes + entry->key_size + 1; }

/* Each takes the root by reference or by value, as it needs. Entries of one place are told apart by their keys. */
struct lw__entry *lw__tree_find(struct lw__entry *tree, uint64_t place, const char *key);
void lw__tree_insert(struct lw__entry **tree, struct lw__entry *entry);
void lw__tree_remove(struct lw__entry **tree, struct lw__entry *entry);

/* The first entry behind that place and key; key NULL: the first at the place or behind. NULL when there is none. */
struct lw__entry *lw__tree_next(struct lw__entry *tree, uint64_t place, const char *key);

#endif
