/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A crew: threads that begin together, and what they have to complain about.
 *
 * cmocka's assertions belong to the main thread, so hands note the first fault and the main thread fails with it after
 * all have come home. How long a program works can be raised with LOADWISE_STRESS, a factor; 1 when unset.
 */
#ifndef LOADWISE_TESTS_CREW_H
#define LOADWISE_TESTS_CREW_H

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

enum { CREW_MOST = 64 };

typedef struct crew crew;

typedef struct crew_hand {
    crew *of;
    pthread_t thread;
    uint32_t number;
    uint64_t chance;
} crew_hand;

struct crew {
    pthread_barrier_t start;
    uint32_t size;
    void (*work)(crew_hand *hand);
    const char *fault;
    crew_hand hand[CREW_MOST];
};

/* For the hands: notes what does not hold. */
#define CREW_EXPECT(hand, condition)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            __atomic_store_n(&(hand)->of->fault, #condition, __ATOMIC_RELAXED);                                        \
        }                                                                                                              \
    } while (0)

static inline uint64_t crew_random(crew_hand *hand) {
    hand->chance = hand->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return hand->chance >> 11;
}

static inline uint32_t crew_factor(void) {
    const char *factor = getenv("LOADWISE_STRESS");
    return factor != NULL && atoi(factor) > 0 ? (uint32_t)atoi(factor) : 1;
}

static inline void *crew_enter(void *argument) {
    crew_hand *hand = argument;
    pthread_barrier_wait(&hand->of->start);
    hand->of->work(hand);
    return NULL;
}

/* Sends so many threads to work. They are under way when this returns. */
static inline void crew_start(crew *c, uint32_t size, void (*work)(crew_hand *hand)) {
    assert_in_range(size, 1, CREW_MOST);
    c->size = size;
    c->work = work;
    c->fault = NULL;
    assert_int_equal(pthread_barrier_init(&c->start, NULL, size + 1), 0);
    for (uint32_t i = 0; i < size; i++) {
        c->hand[i] = (crew_hand){.of = c, .number = i, .chance = i * UINT64_C(0x9e3779b97f4a7c15) + 1};
        assert_int_equal(pthread_create(&c->hand[i].thread, NULL, crew_enter, &c->hand[i]), 0);
    }
    pthread_barrier_wait(&c->start);
}

static inline void crew_join(crew *c) {
    for (uint32_t i = 0; i < c->size; i++) {
        assert_int_equal(pthread_join(c->hand[i].thread, NULL), 0);
    }
    pthread_barrier_destroy(&c->start);
    if (c->fault != NULL) {
        fail_msg("a thread found that this did not hold: %s", c->fault);
    }
}

static inline void crew_run(crew *c, uint32_t size, void (*work)(crew_hand *hand)) {
    crew_start(c, size, work);
    crew_join(c);
}

/* Lets the others work until a count of theirs has come so far. */
static inline void crew_wait(const uint64_t *count, uint64_t until) {
    while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < until) {
        sched_yield();
    }
}

#endif
