/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Limit probes: the least work that makes each kind of pick on this machine.
 *
 * A probe touches the data that its strategy cannot do without and nothing else: no call, no checks, no request, no
 * reclamation, one fixed shape of input. A library does not reach it; how far it stays away is what is measured.
 * Independent picks may overlap in the processor, as they may through the library.
 */
#ifndef BENCH_PROBES_H
#define BENCH_PROBES_H

#include "fleet.h"
#include "frame.h"

#include <stdbool.h>

struct probe_lists;

/* What one thread writes, on a line of its own. */
struct probe_lane {
    _Alignas(128) uint64_t cursor, ticket, picks;
    uint64_t chance;
    uint64_t words[FLEET_MOST / 64]; /* most_available: who ties */
};

struct probe {
    struct probe_lane lane[2];
    const struct probe_kind *kind;
    const struct fleet *fleet;
    struct probe_node *nodes;  /* for the forms with a charge; NULL until probe_open_nodes */
    struct probe_lists *lists; /* least_load of a pool: of all nodes, then of the eligible ones */
    uint16_t *slots;           /* smooth_wrr: node of each slot of the period; maglev: of the table */
    uint64_t *points;          /* weighted_random: one entry a node; ring: one a point */
    uint32_t *index;           /* ring: first point of each range of hashes */
    uint32_t length;           /* of slots or points */
    uint32_t shift;            /* ring: hash to range */
    uint32_t each;             /* ring: points a node */
};

/* A node as a probe of a pool knows it, on a line of its own. */
struct probe_node {
    _Alignas(64) uint32_t inflight;
    double estimate; /* peak EWMA of its latency, ns */
    uint64_t stamp;  /* when that was */
};

/* What a loop repeats: the pick alone; with the charge of a pool; with a ticket as well. */
enum probe_form { PROBE_PICK, PROBE_CHARGED, PROBE_HELD, PROBE_FORMS };

struct probe_kind {
    const char *strategy;
    const char *form;     /* what the probe does, in a few words */
    bool (*usable)(void); /* on this machine; NULL: on any */
    frame_loop *whole[PROBE_FORMS];
    frame_loop *partial[PROBE_FORMS];  /* honour the fleet's bitmap */
    int (*build)(struct probe *probe); /* NULL without a table; 0, or -1 without memory */
};

/* The best usable probe for a strategy; NULL when there is none of that name. */
const struct probe_kind *probe_find(const char *strategy);

/* Returns 0, or -1 without memory. probe_close is safe either way. */
int probe_open(struct probe *probe, const struct probe_kind *kind, const struct fleet *fleet);

/* Adds what the forms with a charge need; shared: two threads will run. Returns as probe_open does. */
int probe_open_nodes(struct probe *probe, bool shared);
void probe_close(struct probe *probe);

/* ns to build the table of a kind, if it has one; else 0. */
double probe_time_build(const struct probe_kind *kind, const struct fleet *fleet);

/* ---- for the files of probes ---- */

extern const struct probe_kind probe_round_robin, probe_smooth_wrr;
extern const struct probe_kind probe_random, probe_weighted_random, probe_p2c;
extern const struct probe_kind probe_ring, probe_chain, probe_ketama;
extern const struct probe_kind probe_maglev, probe_jump, probe_anchor, probe_multi_probe, probe_rendezvous;
extern const struct probe_kind probe_least_load, probe_least_load_wide;
extern const struct probe_kind probe_most_available, probe_most_available_wide;

/* Where the load is what a pool itself keeps; without PROBE_PICK, so not for probe_find. */
extern const struct probe_kind probe_p2c_inflight, probe_p2c_peak, probe_least_inflight;

void probe_close_nodes(struct probe *probe);

/* A ring of so many points a node. Returns 0, or -1 without memory. */
int probe_build_points(struct probe *probe, uint32_t each);

#define PROBE_EPSILON 0.05

__extension__ typedef unsigned __int128 probe_product;

/* A counter times itself, folded: the shortest generator that passes for random (after wyrand, by Wang Yi). The
   counter stays in memory, as that of a library must. */
static inline uint64_t probe_draw(struct probe_lane *lane) {
    uint64_t count = __atomic_load_n(&lane->chance, __ATOMIC_RELAXED) + UINT64_C(0x9e3779b97f4a7c15);
    __atomic_store_n(&lane->chance, count, __ATOMIC_RELAXED);
    probe_product product = (probe_product)count * (count ^ UINT64_C(0x8bb84b93962eacc9));
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* 32 random bits to a number below bound; the bias is below bound / 2^32. */
static inline uint32_t probe_below(uint32_t bits, uint32_t bound) { return (uint32_t)((uint64_t)bits * bound >> 32); }

/* yes ? a : b without a branch, which chance would make the processor guess wrong every other time. */
static inline uint32_t probe_choose(bool yes, uint32_t a, uint32_t b) { return b ^ ((a ^ b) & -(uint32_t)yes); }

static inline bool probe_may(const struct probe *probe, uint32_t index) {
    return probe->fleet->eligible[index / 64] >> (index % 64) & 1;
}

/* The charge: in-flight up when the request goes out, down when it is back. */
static inline uint32_t probe_charge(struct probe *probe, uint32_t index) {
    __atomic_fetch_add(&probe->nodes[index].inflight, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&probe->nodes[index].inflight, 1, __ATOMIC_RELAXED);
    return index;
}

/* A ticket: its generation turns odd when it is taken, and even by whoever ends it first. */
static inline uint32_t probe_hold(struct probe_lane *lane, uint32_t index) {
    for (int turn = 0; turn < 2; turn++) {
        uint64_t generation = __atomic_load_n(&lane->ticket, __ATOMIC_RELAXED);
        __atomic_compare_exchange_n(&lane->ticket, &generation, generation + 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED);
    }
    return index;
}

/* A loop from the one pick that it repeats, an expression of `probe`, `lane` and `i`, the number of the pick, which
   goes on from one call to the next. The barrier says that the nodes may have changed since the last pick; else a scan
   would be made once for all. */
#define PROBE_LOOP(name, pick)                                                                                         \
    static uint64_t name(void *subject, uint32_t thread, uint64_t picks) {                                             \
        struct probe *probe = subject;                                                                                 \
        struct probe_lane *lane = &probe->lane[thread];                                                                \
        uint64_t from = lane->picks, sum = 0;                                                                          \
        lane->picks = from + picks;                                                                                    \
        for (uint64_t i = from; i < from + picks; i++) {                                                               \
            __asm__ volatile("" ::: "memory");                                                                         \
            sum += (pick);                                                                                             \
        }                                                                                                              \
        return sum;                                                                                                    \
    }

/* The three forms of a pick that charges nothing itself; as members of a kind. */
#define PROBE_LOOPS(name, pick)                                                                                        \
    PROBE_LOOP(name, pick)                                                                                             \
    PROBE_LOOP(name##_charged, probe_charge(probe, pick))                                                              \
    PROBE_LOOP(name##_held, probe_hold(lane, probe_charge(probe, pick)))
#define PROBE_FORMS_OF(name)                                                                                           \
    { name, name##_charged, name##_held }

#endif
