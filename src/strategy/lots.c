/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Subsets of nodes for clients; see lots.h. Nodes are taken in the order of their ids, 0 to n - 1.
 *
 * random (gRPC A68): node id has the score mix(mix(id) ^ mix(client + g)); the lowest `size` scores. Clients know
 * nothing of each other. A node that comes or goes changes one member of a subset at most.
 *
 * shuffle (Site Reliability Engineering, 2016, chapter 20): n / size clients in a row share one round, for which the
 * nodes are shuffled; each takes the next `size` of them. So in a round nobody is used twice.
 *
 * lots (Rocksteadier: Ward, Wankadia and Guliani, "Reinventing Backend Subsetting", 2022): nodes and clients in lots of
 * 10. A lot of clients stands at the bit reversal of its number on a circle, and so do the lots of nodes; it takes
 * those in clockwise order. Within each the nodes are shuffled for this lot of clients, and client p of the lot takes
 * element p: so the 10 of them use each lot evenly. Another time round, element p + 1.
 *
 * Cost: a sort of the nodes, O(n log n), when a set is prepared.
 */
#include "strategy/lots.h"

#include "base/random.h"

enum { LOT = 10 };

/* Something to be put in order. */
struct ranked {
    uint64_t key;
    uint32_t index;
};

static void sink(struct ranked *heap, uint32_t count, uint32_t at) {
    struct ranked falling = heap[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && heap[child].key < heap[child + 1].key;
        if (heap[child].key <= falling.key) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = falling;
}

/* By key, ascending; a heap sort. */
static void sort_ranked(struct ranked *items, uint32_t count) {
    for (uint32_t at = count / 2; at-- > 0;) {
        sink(items, count, at);
    }
    for (uint32_t last = count; last-- > 1;) {
        struct ranked largest = items[0];
        items[0] = items[last];
        items[last] = largest;
        sink(items, last, 0);
    }
}

static uint64_t score_of(uint64_t id, uint64_t client) { return lw__mix(lw__mix(id) ^ lw__mix(client + LW__GOLDEN)); }

/* Those with a weight, or all, in the order of this rule; returns how many. */
static uint32_t rank_nodes(const lw_build *build, uint64_t by, uint64_t client, struct ranked *nodes) {
    uint32_t count = 0;
    for (int any = 0; any < 2 && count == 0; any++) {
        for (uint32_t i = 0; i < build->count; i++) {
            if (build->weights[i] > 0 || any) {
                uint64_t id = build->ids[i];
                nodes[count++] = (struct ranked){by == LW__LOTS_RANDOM ? score_of(id, client) : id, i};
            }
        }
    }
    sort_ranked(nodes, count);
    return count;
}

/* Fisher and Yates, from a seed. Off uniform by at most count / 2^32. */
static void shuffle(struct ranked *items, uint32_t count, uint64_t seed) {
    for (uint32_t left = count; left > 1; left--) {
        uint32_t other = (uint32_t)((lw__seed(seed, left) >> 32) * left >> 32);
        struct ranked item = items[left - 1];
        items[left - 1] = items[other];
        items[other] = item;
    }
}

static void take(uint64_t *bits, const struct ranked *nodes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        lw_bitmap_set(bits, nodes[i].index);
    }
}

static void take_turn(struct ranked *nodes, uint32_t count, uint32_t size, uint64_t client, uint64_t *bits) {
    // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a subset has at least one node, and less than all
    uint64_t clients = count / size;
    shuffle(nodes, count, client / clients);
    take(bits, nodes + client % clients * size, size);
}

/* ---- lots ---- */

static uint32_t reverse_bits(uint32_t bits) {
    uint32_t reversed = 0;
    for (int i = 0; i < 32; i++) {
        reversed = reversed << 1 | (bits >> i & 1);
    }
    return reversed;
}

/* The place of a client in its lot: by bit reversal too. */
static uint32_t place_in_lot(uint32_t number) {
    uint32_t place = 0;
    for (uint32_t i = 0; i < LOT; i++) {
        place += reverse_bits(i) < reverse_bits(number);
    }
    return place;
}

/* The element of this place in a lot of nodes, shuffled for a lot of clients. */
static uint32_t element_of(uint64_t clients, uint32_t lot, uint32_t place) {
    struct ranked elements[LOT];
    for (uint32_t i = 0; i < LOT; i++) {
        elements[i] = (struct ranked){0, i};
    }
    shuffle(elements, LOT, lw__seed(clients, lot));
    return lot * LOT + elements[place % LOT].index;
}

static int take_lots(const lw_build *build, const struct ranked *nodes, uint32_t count, uint32_t size, uint64_t client,
                     uint64_t *bits) {
    uint32_t lots = (count + LOT - 1) / LOT, found = 0, place = place_in_lot((uint32_t)(client % LOT));
    struct ranked *order = lw_build_alloc(build, lots * sizeof *order);
    if (order == NULL) {
        return LW_NOMEM;
    }
    uint32_t stand = reverse_bits((uint32_t)(client / LOT));
    for (uint32_t lot = 0; lot < lots; lot++) {
        order[lot] = (struct ranked){reverse_bits(lot) - stand, lot};
    }
    sort_ranked(order, lots);
    for (uint32_t round = 0; round < LOT && found < size; round++) {
        for (uint32_t i = 0; i < lots && found < size; i++) {
            uint32_t node = element_of(client / LOT, order[i].index, place + round);
            if (node < count) { /* the last lot may not be full */
                lw_bitmap_set(bits, nodes[node].index);
                found++;
            }
        }
    }
    lw_build_release(build, order);
    return LW_OK;
}

int lw__lots_draw(const lw_build *build, uint64_t by, uint32_t size, uint64_t client, uint64_t *bits) {
    struct ranked *nodes = lw_build_alloc(build, build->count * sizeof *nodes);
    int error = LW_OK;
    if (nodes == NULL) {
        return LW_NOMEM;
    }
    uint32_t count = rank_nodes(build, by, client, nodes);
    if (size >= count || by == LW__LOTS_RANDOM) {
        take(bits, nodes, size < count ? size : count);
    } else if (by == LW__LOTS_SHUFFLE) {
        take_turn(nodes, count, size, client, bits);
    } else {
        error = take_lots(build, nodes, count, size, client, bits);
    }
    lw_build_release(build, nodes);
    return error;
}
