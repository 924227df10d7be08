/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The treap of entries; see tree.h for the idea. Splitting and merging walk one path down; nothing recurs. */
#include "store/tree.h"
#include "base/random.h"

#include <string.h>

/* Below 0: the entry comes before that place and key. */
static int place_order(const struct lw__entry *entry, uint64_t place, const char *key) {
    if (entry->place != place) {
        return entry->place < place ? -1 : 1;
    }
    return key != NULL ? strcmp(entry->bytes, key) : 1;
}

/* Entries that are due at the same time (those that never expire, above all) take a second hash, which is as far from
   the order of places as chance would be. */
static int goes_above(const struct lw__entry *a, const struct lw__entry *b) {
    return a->due != b->due ? a->due < b->due : lw__mix(a->place) < lw__mix(b->place);
}

struct lw__entry *lw__tree_find(struct lw__entry *tree, uint64_t place, const char *key) {
    int order;
    while (tree != NULL && (order = place_order(tree, place, key)) != 0) {
        tree = order > 0 ? tree->before : tree->after;
    }
    return tree;
}

struct lw__entry *lw__tree_next(struct lw__entry *tree, uint64_t place, const char *key) {
    struct lw__entry *next = NULL;
    while (tree != NULL) {
        if (place_order(tree, place, key) > 0) {
            next = tree;
            tree = tree->before;
        } else {
            tree = tree->after;
        }
    }
    return next;
}

/* Parts a tree at the entry: what comes before it becomes one subtree of it, what comes after the other. */
static void split_around(struct lw__entry *tree, struct lw__entry *entry) {
    struct lw__entry **before = &entry->before, **after = &entry->after;
    while (tree != NULL) {
        if (place_order(tree, entry->place, entry->bytes) < 0) {
            *before = tree;
            before = &tree->after;
            tree = tree->after;
        } else {
            *after = tree;
            after = &tree->before;
            tree = tree->before;
        }
    }
    *before = *after = NULL;
}

/* Joins two trees of which all of the first comes before all of the second. */
static void merge_into(struct lw__entry **link, struct lw__entry *first, struct lw__entry *second) {
    while (first != NULL && second != NULL) {
        if (goes_above(first, second)) {
            *link = first;
            link = &first->after;
            first = first->after;
        } else {
            *link = second;
            link = &second->before;
            second = second->before;
        }
    }
    *link = first != NULL ? first : second;
}

static struct lw__entry **step_down(struct lw__entry *tree, const struct lw__entry *towards) {
    return place_order(tree, towards->place, towards->bytes) > 0 ? &tree->before : &tree->after;
}

void lw__tree_insert(struct lw__entry **tree, struct lw__entry *entry) {
    while (*tree != NULL && !goes_above(entry, *tree)) {
        tree = step_down(*tree, entry);
    }
    split_around(*tree, entry);
    *tree = entry;
}

void lw__tree_remove(struct lw__entry **tree, struct lw__entry *entry) {
    while (*tree != entry) {
        tree = step_down(*tree, entry);
    }
    merge_into(tree, entry->before, entry->after);
}
