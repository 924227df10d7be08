/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The fill and the order of turns; see maglev_table.h.
 *
 * What is taken is one bit a slot, so that the marks of the usual table stay in the first cache, where nearly all steps
 * look. Turns by weight are sorted by counting: each host's rounds follow from its weight alone, so it is known how
 * many turns a round has before anybody takes one, and no round looks at hosts that do not claim.
 */
#include "strategy/maglev_table.h"

#include <string.h>

enum { WORD_BITS = 64 };

static inline uint32_t step_on(uint32_t at, uint32_t step, uint32_t size) {
    uint32_t next = at + step; /* below 2^32: sizes are below 2^31 */
    return next >= size ? next - size : next;
}

static inline bool is_taken(const uint64_t *taken, uint32_t slot) {
    return taken[slot / WORD_BITS] >> (slot % WORD_BITS) & 1;
}

static inline uint32_t claim(struct lw__walk *walk, uint64_t *taken, uint32_t size) {
    uint32_t slot = walk->at, step = walk->step;
    while (is_taken(taken, slot)) {
        slot = step_on(slot, step, size);
    }
    taken[slot / WORD_BITS] |= UINT64_C(1) << (slot % WORD_BITS);
    walk->at = step_on(slot, step, size);
    return slot;
}

void lw__maglev_fill(const struct lw__maglev *maglev) {
    uint16_t *narrow = maglev->slots;
    uint32_t *wide = maglev->slots;
    for (uint32_t i = 0, next = 0; i < maglev->size; i++) {
        uint32_t host = maglev->turns != NULL ? maglev->turns[i] : next;
        uint32_t slot = claim(&maglev->walks[host], maglev->taken, maglev->size);
        if (maglev->wide) {
            wide[slot] = maglev->nodes[host];
        } else {
            narrow[slot] = (uint16_t)maglev->nodes[host];
        }
        next = next + 1 < maglev->hosts ? next + 1 : 0;
    }
}

/* ---- turns by weight ---- */

static uint32_t largest_of(const uint32_t *weights, uint32_t hosts) {
    uint32_t largest = 0;
    for (uint32_t i = 0; i < hosts; i++) {
        largest = weights[i] > largest ? weights[i] : largest;
    }
    return largest;
}

/* Claims of all hosts in the first `rounds` rounds. */
static uint64_t claims_in(uint32_t rounds, const uint32_t *weights, uint32_t hosts, uint32_t largest) {
    uint64_t claims = 0;
    for (uint32_t i = 0; i < hosts; i++) {
        claims += weights[i] == largest ? rounds : 1 + (uint64_t)rounds * weights[i] / largest;
    }
    return claims;
}

uint32_t lw__maglev_rounds(uint32_t size, const uint32_t *weights, uint32_t hosts) {
    uint32_t largest = largest_of(weights, hosts), low = 1, high = size;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (claims_in(middle, weights, hosts, largest) >= size) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* The rounds in which one host claims: 1, then the least t with t * weight >= k * largest for k = 1, 2, 3 ... */
struct rounds {
    uint64_t round, floor, rest, weight, whole_step, rest_step;
};

/* The heaviest claim in each round, since they cannot claim twice in the first. */
static struct rounds first_round(uint32_t weight, uint32_t largest) {
    return (struct rounds){1, weight == largest, 0, weight, largest / weight, largest % weight};
}

static inline void next_round(struct rounds *rounds) {
    rounds->floor += rounds->whole_step;
    rounds->rest += rounds->rest_step;
    if (rounds->rest >= rounds->weight) {
        rounds->rest -= rounds->weight;
        rounds->floor++;
    }
    rounds->round = rounds->floor + (rounds->rest > 0);
}

/* Where the turns of each round begin. */
static void count_turns(const uint32_t *weights, uint32_t hosts, uint32_t largest, uint32_t rounds, uint32_t *places) {
    memset(places, 0, ((size_t)rounds + 1) * sizeof *places);
    for (uint32_t i = 0; i < hosts; i++) {
        for (struct rounds r = first_round(weights[i], largest); r.round <= rounds; next_round(&r)) {
            places[r.round]++;
        }
    }
    for (uint32_t t = 0, sum = 0; t <= rounds; t++) {
        uint32_t here = places[t];
        places[t] = sum;
        sum += here;
    }
}

void lw__maglev_turns(uint32_t size, const uint32_t *weights, uint32_t hosts, uint32_t rounds, uint32_t *places,
                      uint32_t *turns) {
    uint32_t largest = largest_of(weights, hosts);
    count_turns(weights, hosts, largest, rounds, places);
    for (uint32_t i = 0; i < hosts; i++) {
        for (struct rounds r = first_round(weights[i], largest); r.round <= rounds; next_round(&r)) {
            uint32_t place = places[r.round]++;
            if (place < size) {
                turns[place] = i;
            }
        }
    }
}
