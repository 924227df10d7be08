/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A crowd: processes with threads that use up the same quotas, and a judge who knows nothing but what they used when.
 *
 * They work in rounds. Between rounds the test moves the clock, a word of shared memory that all of them go by; within
 * a round it stands, and they work all at once.
 */
#ifndef LOADWISE_TESTS_RIG_CROWD_H
#define LOADWISE_TESTS_RIG_CROWD_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CROWD_PROCESSES = 4, CROWD_THREADS = 2, CROWD_HANDS = 8, CROWD_USES = 32768, CROWD_DIMENSIONS = 2 };

/* So much, at some moment from `from` to `to`, ns. */
struct crowd_use {
    uint64_t from, to;
    uint64_t amounts[CROWD_DIMENSIONS];
};

struct crowd_hand {
    struct crowd *crowd;
    uint32_t process, thread;
    uint64_t chance;
    void *things; /* what `enter` has returned in this process */
};

/* What the members of a crowd do. */
struct crowd_work {
    void *(*enter)(struct crowd *crowd, uint32_t process); /* once in each process, before its threads */
    void (*round)(struct crowd_hand *hand);
    void (*leave)(void *things);
    const void *plan; /* of the test, the same for all */
};

struct crowd {
    _Atomic uint64_t clock; /* ns since 1970 */
    _Atomic uint32_t over;
    sem_t begun[CROWD_HANDS], arrived; /* of a round; who waits leaves the processor to the others */
    _Atomic(const char *) fault;       /* the first; a literal, which all processes have at the same place */
    const struct crowd_work *work;
    uint32_t counts[CROWD_HANDS];
    struct crowd_use uses[CROWD_HANDS][CROWD_USES];
};

/* Sends the processes to work, so many rounds; before each, `move` moves the clock. The crowd is as it was left by the
   last, to be freed with crowd_free. No thread may have been started before. */
struct crowd *crowd_play(const struct crowd_work *work, uint64_t clock, uint32_t rounds,
                         void (*move)(struct crowd *crowd, uint32_t round));
void crowd_free(struct crowd *crowd);

/* For the hands. */
void crowd_used(struct crowd_hand *hand, uint64_t from, uint64_t to, const uint64_t *amounts);
void crowd_expect(struct crowd_hand *hand, bool holds, const char *what);
uint64_t crowd_random(struct crowd_hand *hand);

/* ---- the judge ---- */

uint64_t crowd_total(const struct crowd *crowd, uint32_t dimension);

/* The most that was certainly used in any closed stretch of so many ns. */
uint64_t crowd_most(const struct crowd *crowd, uint32_t dimension, uint64_t window);

/* The least burst with which, in any stretch t, no more than burst + limit x t / window was used. Rounded up. */
uint64_t crowd_burst(const struct crowd *crowd, uint32_t dimension, uint64_t limit, uint64_t window);

#endif
