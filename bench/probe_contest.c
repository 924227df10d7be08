/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rendezvous: every node's hash with the key, and the node of the highest. The hash is the shortest that passes for
 * one, 32 bits, so that eight nodes or more go into one instruction; first the highest of all is found, then who has
 * it.
 */
#include "probes.h"

#include <stddef.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDEST __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDEST
#endif

static inline uint32_t contest_score(uint32_t key, uint32_t node) {
    uint32_t hash = (key ^ node * UINT32_C(0x9e3779b9)) * UINT32_C(0x85ebca6b);
    return (hash ^ hash >> 15) * UINT32_C(0xc2b2ae35);
}

WIDEST static uint32_t contest_highest(uint32_t key, uint32_t count) {
    uint32_t highest = 0;
    for (uint32_t node = 0; node < count; node++) {
        uint32_t score = contest_score(key, node);
        highest = score > highest ? score : highest;
    }
    return highest;
}

static uint32_t contest_winner(const struct probe *probe, uint64_t i) {
    uint32_t key = (uint32_t)(fleet_mix(probe->fleet->keys[i % FLEET_KEYS]) >> 32), node = 0;
    uint32_t highest = contest_highest(key, probe->fleet->count);
    while (contest_score(key, node) != highest) {
        node++;
    }
    return node;
}

WIDEST static uint32_t contest_highest_of_some(uint32_t key, const struct probe *probe) {
    const uint64_t *eligible = probe->fleet->eligible;
    uint32_t highest = 0, count = probe->fleet->count;
    for (uint32_t node = 0; node < count; node++) {
        uint32_t score = contest_score(key, node) & -(uint32_t)(eligible[node / 64] >> (node % 64) & 1);
        highest = score > highest ? score : highest;
    }
    return highest;
}

static uint32_t contest_winner_of_some(const struct probe *probe, uint64_t i) {
    uint32_t key = (uint32_t)(fleet_mix(probe->fleet->keys[i % FLEET_KEYS]) >> 32), node = 0;
    uint32_t highest = contest_highest_of_some(key, probe);
    while (contest_score(key, node) != highest || !probe_may(probe, node)) {
        node++;
    }
    return node;
}

PROBE_LOOPS(contest_whole, contest_winner(probe, i))
PROBE_LOOPS(contest_partial, contest_winner_of_some(probe, i))

const struct probe_kind probe_rendezvous = {"rendezvous",
                                            "a hash of 32 bits for every node",
                                            NULL,
                                            PROBE_FORMS_OF(contest_whole),
                                            PROBE_FORMS_OF(contest_partial),
                                            NULL};
