/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Answers to probes; see probes.h. Every word of the board is written and read atomically, with the orders that keep
 * the version around them: nothing of a list is stored before the version is odd nor read after it was looked at again.
 * Cost: 16 entries of 5 words are copied, about 20 ns.
 */
#include "strategy/probes.h"

#include <stddef.h>

enum { ATTEMPTS = 8, FEWEST = 2 };

/* ---- the board ---- */

/* The words that are in use: the head, and the entries that the head speaks of. */
static size_t words_of(uint64_t count) {
    size_t entries = count < LW__PROBES ? (size_t)count : LW__PROBES;
    return (offsetof(struct lw__probes, entry) + entries * sizeof(struct lw__probe_entry)) / sizeof(uint64_t);
}

static void copy_list(const struct lw__probe_board *board, struct lw__probes *probes) {
    const uint64_t *from = (const uint64_t *)(const void *)&board->shared;
    uint64_t *to = (uint64_t *)(void *)probes;
    to[0] = __atomic_load_n(&from[0], __ATOMIC_ACQUIRE);
    size_t words = words_of(to[0]);
    for (size_t i = 1; i < words; i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
    }
}

bool lw__probes_read(const struct lw__probe_board *board, struct lw__probes *probes) {
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t before = __atomic_load_n(&board->version, __ATOMIC_ACQUIRE);
        if ((before & 1) == 0) {
            copy_list(board, probes);
            if (__atomic_load_n(&board->version, __ATOMIC_RELAXED) == before) {
                return true;
            }
        }
    }
    return false;
}

bool lw__probes_open(struct lw__probe_board *board, struct lw__probes *probes) {
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t version = __atomic_load_n(&board->version, __ATOMIC_RELAXED);
        if ((version & 1) == 0 && __atomic_compare_exchange_n(&board->version, &version, version + 1, false,
                                                              __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            copy_list(board, probes);
            return true;
        }
    }
    return false;
}

void lw__probes_close(struct lw__probe_board *board, const struct lw__probes *probes) {
    const uint64_t *from = (const uint64_t *)(const void *)probes;
    uint64_t *to = (uint64_t *)(void *)&board->shared;
    size_t words = words_of(probes->count);
    for (size_t i = 0; i < words; i++) {
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
    }
    __atomic_store_n(&board->version, __atomic_load_n(&board->version, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

/* ---- the list ---- */

static uint64_t place_of_node(const struct lw__probes *probes, uint64_t node) {
    uint64_t at = 0;
    while (at < probes->count && probes->entry[at].node != node) {
        at++;
    }
    return at;
}

static uint64_t oldest(const struct lw__probes *probes) {
    uint64_t found = 0;
    for (uint64_t i = 1; i < probes->count; i++) {
        found = probes->entry[i].came < probes->entry[found].came ? i : found;
    }
    return found;
}

static void drop(struct lw__probes *probes, uint64_t at) { probes->entry[at] = probes->entry[--probes->count]; }

void lw__probes_put(struct lw__probes *probes, const struct lw__probe_entry *entry) {
    uint64_t at = place_of_node(probes, entry->node);
    if (at < probes->count && probes->entry[at].came > entry->came) {
        return;
    }
    if (at == LW__PROBES) {
        at = oldest(probes);
    } else if (at == probes->count) {
        probes->count++;
    }
    probes->entry[at] = *entry;
}

void lw__probes_use(struct lw__probes *probes, uint64_t node) {
    uint64_t at = place_of_node(probes, node);
    if (at < probes->count) {
        probes->entry[at].inflight++;
        if (--probes->entry[at].uses == 0) {
            drop(probes, at);
        }
    }
}

void lw__probes_expire(struct lw__probes *probes, uint64_t since) {
    for (uint64_t i = probes->count; i-- > 0;) {
        if (probes->entry[i].came < since) {
            drop(probes, i);
        }
    }
}

bool lw__probes_threshold(const struct lw__probes *probes, double share, uint64_t *threshold) {
    uint64_t sorted[LW__PROBES] = {0};
    double place = share * (double)probes->count;
    uint64_t rank = (uint64_t)place;
    rank += (double)rank < place;
    for (uint64_t i = 0; i < probes->count; i++) {
        uint64_t at = i;
        for (; at > 0 && sorted[at - 1] > probes->entry[i].inflight; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = probes->entry[i].inflight;
    }
    *threshold = rank > 0 ? sorted[rank - 1] : 0;
    return rank > 0;
}

static uint64_t worst(const struct lw__probes *probes, double share) {
    uint64_t threshold, fullest = 0, slowest = 0;
    bool some_under = lw__probes_threshold(probes, share, &threshold);
    for (uint64_t i = 1; i < probes->count; i++) {
        fullest = probes->entry[i].inflight > probes->entry[fullest].inflight ? i : fullest;
        slowest = probes->entry[i].latency > probes->entry[slowest].latency ? i : slowest;
    }
    return some_under && probes->entry[fullest].inflight <= threshold ? slowest : fullest;
}

void lw__probes_remove(struct lw__probes *probes, const struct lw__probes *judged, double share) {
    if (probes->count > FEWEST) {
        drop(probes, probes->turns++ % 2 == 0 ? oldest(probes) : worst(judged, share));
    }
}
