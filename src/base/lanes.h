/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lanes: cache lines that threads do not share, and the reclamation that rides on them.
 *
 * A thread finds its lane by a token of its own, unregistered: it claims a free lane the first time and owns it as long
 * as it lives, so what it counts there needs no locked instruction. Where none is free, it may take over the lane of a
 * thread that has ended (base/task.h). Threads beyond the last lane meet in the shared one, which counts atomically.
 * Lanes are numbered in the order of first use: one thread alone always works in lane 0, whatever other threads the
 * process has.
 *
 * Taking over: the owner's word holds token and thread number together, so one compare-and-swap against the very word
 * that was found dead decides; tokens never return, so no living thread can lose its lane to it. What the dead thread
 * did in its read sections happened before, since their end is a release that the heir acquires; other memory that
 * belongs to a lane is to be read and written atomically.
 *
 * Reclamation is by epochs (as in SRCU): a reader announces itself in its lane under the parity of the epoch; what was
 * unlinked in epoch e may go when the epoch has reached e + 2, since to move on twice, each parity was seen empty
 * once after the unlinking. Cost: a read section is two plain stores (base/barrier.h; one of them an exchange where the
 * kernel has no membarrier; two locked additions in the shared lane). Nobody ever waits for a reader: what cannot go
 * yet stays for the next attempt.
 */
#ifndef LW_BASE_LANES_H
#define LW_BASE_LANES_H

#include "base/barrier.h"

#include <loadwise/ops.h>
#include <stdbool.h>
#include <stdint.h>

struct lw__lane {
    _Alignas(64) lw_lane seen; /* what strategies see of it */
    uint64_t owner;            /* token of the thread, and above 32 bits its task; 0: free; the shared lane has none */
    uint32_t reading;          /* of an owner: 1 + parity of its read section, 0: none */
    uint32_t readers[2];       /* read sections under way, by parity of the epoch they began in */
};

struct lw__lanes {
    struct lw__lane lane[LW_LANES];
    uint32_t epoch;
    uint32_t claimed;
    uint32_t process; /* in which the lanes were made */
    bool cheap;       /* see base/barrier.h */
    uint64_t seed;
};

void lw__lanes_init(struct lw__lanes *lanes, uint64_t seed);

/* In a child after a fork: nobody reads, nobody owns a lane, and chances begin anew. */
void lw__lanes_renew(struct lw__lanes *lanes, uint64_t seed);

/* The slow half of lw__lane_of: claims a lane, or finds the one that is not in its first place. */
struct lw__lane *lw__lane_search(struct lw__lanes *lanes);

/* What a thread knows of itself: its token, and where its lane is looked for first. */
struct lw__thread {
    uint32_t token; /* 0: none yet */
    uint32_t place;
    uint32_t searches; /* that ended in a shared lane */
    uint64_t asked;    /* a set of hashes: the objects for which it asked whose lane is vacant */
    uint32_t telling;  /* hooks of pools that it is in */
};
extern _Thread_local struct lw__thread lw__thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The lane of this thread where it is looked for first, or NULL: then lw__lane_search knows. */
static inline struct lw__lane *lw__lane_home(struct lw__lanes *lanes) {
    uint32_t token = lw__thread.token;
    struct lw__lane *lane = &lanes->lane[lw__thread.place];
    bool home = token != 0 && (uint32_t)__atomic_load_n(&lane->owner, __ATOMIC_RELAXED) == token;
    return __builtin_expect(home, 1) ? lane : NULL;
}

static inline struct lw__lane *lw__lane_of(struct lw__lanes *lanes) {
    struct lw__lane *lane = lw__lane_home(lanes);
    return __builtin_expect(lane != NULL, 1) ? lane : lw__lane_search(lanes);
}

/* Begins a read section: what is reachable from now on stays until lw__read_end. Returns what to end it with. The owner
   of a lane writes constants, so that no pick waits for the store of the one before; a section inside another is
   nothing, so those of one thread must nest: the one begun last ends first. */
static inline uint32_t lw__read_begin(struct lw__lanes *lanes, struct lw__lane *lane) {
    uint32_t parity = __atomic_load_n(&lanes->epoch, __ATOMIC_RELAXED) & 1;
    if (__builtin_expect(lane->seen.shared, 0)) {
        __atomic_fetch_add(&lane->readers[parity], 1, __ATOMIC_SEQ_CST);
        return parity;
    }
    if (__builtin_expect(__atomic_load_n(&lane->reading, __ATOMIC_RELAXED) != 0, 0)) {
        return 2;
    }
    lw__barrier_store(&lane->reading, 1 + parity, lanes->cheap);
    return parity;
}

static inline void lw__read_end(struct lw__lane *lane, uint32_t parity) {
    if (__builtin_expect(lane->seen.shared, 0)) {
        __atomic_fetch_sub(&lane->readers[parity], 1, __ATOMIC_RELEASE);
    } else if (__builtin_expect(parity < 2, 1)) {
        __atomic_store_n(&lane->reading, 0, __ATOMIC_RELEASE);
    }
}

/* Tries to move the epoch on, up to twice, and returns it: what was unlinked two epochs ago has no reader left. The
   caller serialises writers. */
uint32_t lw__epoch_advance(struct lw__lanes *lanes);

#endif
