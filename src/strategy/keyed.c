/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The order of nodes for one key; see keyed.h.
 *
 * Cost of a pick past an owner: 1 / (share that may be chosen) lookups on average, at most LW__REHASHES, then O(n). Of
 * a sequence: as many lookups, then one pass over the nodes, in which about k ln(n/k) of them are put among k.
 */
#include "strategy/keyed.h"

#include "base/sort.h"
#include "strategy/weighted.h"

#include <string.h>

enum { WORD_BITS = 64 };

static uint32_t counted_weight(const lw_view *view, uint32_t index, bool even) {
    uint32_t weight = lw_view_weight(view, index);
    return even && weight > 1 ? 1 : weight;
}

static struct lw__distance distance_at(const lw_view *view, uint64_t key, uint32_t index, bool even) {
    return lw__distance_of(key, lw_nodes_id(view->nodes, index), counted_weight(view, index, even));
}

/* Nodes in the order of their distances, the nearest first, with room for so many. */
struct row {
    uint32_t *nodes;
    uint32_t count, room;
    struct lw__distance last; /* of them; where there is one */
};

/* Puts a node where its distance belongs. In a full row the last makes room, or the node is none of them. */
static void join_row(const lw_view *view, uint64_t key, bool even, struct row *row, uint32_t index) {
    struct lw__distance distance = distance_at(view, key, index, even);
    uint32_t low = 0, high = row->count;
    if (row->count == row->room) {
        if (!lw__is_nearer(distance, row->last)) {
            return;
        }
        high = --row->count;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (lw__is_nearer(distance, distance_at(view, key, row->nodes[middle], even))) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    memmove(row->nodes + low + 1, row->nodes + low, (row->count++ - low) * sizeof *row->nodes);
    row->nodes[low] = index;
    row->last = distance_at(view, key, row->nodes[row->count - 1], even);
}

/* After `found` nodes the nearest of the others that may be chosen; returns how many there are then. */
static uint32_t add_nearest(const lw_view *view, uint64_t key, bool even, uint32_t *out, uint32_t found,
                            uint32_t room) {
    struct row row = {.nodes = out + found, .room = room - found};
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count) && row.room > 0; w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            if (lw_view_weight(view, index) > 0 && !lw__holds(out, found, index)) {
                join_row(view, key, even, &row, index);
            }
        }
    }
    return found + row.count;
}

static ptrdiff_t nearest(const lw_view *view, uint64_t key, bool even) {
    uint32_t found;
    return add_nearest(view, key, even, &found, 0, 1) > 0 ? (ptrdiff_t)found : lw__weightless(view);
}

/* Owners of weight 0 occur where weights do not count. */
static bool may_own(const lw_view *view, uint32_t index, bool even) {
    return lw_view_may(view, index) && (!even || lw_view_weight(view, index) > 0);
}

static inline ptrdiff_t pick_by(const lw_view *view, uint64_t key, lw__owner_fn *owner, bool even) {
    for (uint32_t attempt = 0; attempt < LW__REHASHES; attempt++) {
        uint32_t index = owner(view, lw__rehash(key, attempt));
        if (may_own(view, index, even)) {
            return index;
        }
    }
    return nearest(view, key, even);
}

static ptrdiff_t sequence_by(const lw_view *view, uint64_t key, lw__owner_fn *owner, bool even, uint32_t *out,
                             uint32_t room) {
    uint32_t found = 0;
    for (uint32_t attempt = 0; attempt < LW__REHASHES && found < room; attempt++) {
        uint32_t index = owner(view, lw__rehash(key, attempt));
        if (may_own(view, index, even) && !lw__holds(out, found, index)) {
            out[found++] = index;
        }
    }
    found = add_nearest(view, key, even, out, found, room);
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}

ptrdiff_t lw__rehash_pick(const lw_view *view, uint64_t key, lw__owner_fn *owner) {
    return pick_by(view, key, owner, false);
}

ptrdiff_t lw__rehash_pick_even(const lw_view *view, uint64_t key, lw__owner_fn *owner) {
    return pick_by(view, key, owner, true);
}

ptrdiff_t lw__rehash_sequence(const lw_view *view, uint64_t key, lw__owner_fn *owner, uint32_t *out, uint32_t room) {
    return sequence_by(view, key, owner, false, out, room);
}

ptrdiff_t lw__rehash_sequence_even(const lw_view *view, uint64_t key, lw__owner_fn *owner, uint32_t *out,
                                   uint32_t room) {
    return sequence_by(view, key, owner, true, out, room);
}

ptrdiff_t lw__nearest(const lw_view *view, uint64_t key) { return nearest(view, key, false); }

ptrdiff_t lw__then_nearest(const lw_view *view, uint64_t key, uint32_t *out, ptrdiff_t found, uint32_t room) {
    uint32_t count = add_nearest(view, key, false, out, found > 0 ? (uint32_t)found : 0, room);
    return count > 0 ? (ptrdiff_t)count : found;
}

uint32_t lw__weighty_by_id(const lw_build *build, uint64_t *order, uint64_t *room) {
    uint32_t count = 0;
    lw__order_by_id(build->ids, build->count, order, room);
    for (uint32_t i = 0; i < build->count; i++) {
        if (build->weights[order[i]] > 0) {
            order[count++] = order[i];
        }
    }
    return count;
}
