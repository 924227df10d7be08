/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lodgers: threads that find their lane and stay until they are sent away, so that a test says who lives and who is
 * dead. They come one after the other: the order of first use is known.
 */
#ifndef LOADWISE_TESTS_LODGERS_H
#define LOADWISE_TESTS_LODGERS_H

#include "base/lanes.h"
#include "base/task.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

typedef struct lodger {
    pthread_t thread;
    sem_t arrived, leave;
    struct lw__lanes *lanes;
    struct lw__lane *lane; /* what it found */
    uint32_t task;
    bool kept; /* when it left, it still was its lane */
} lodger;

static inline void *lodger_stay(void *argument) {
    lodger *l = (lodger *)argument;
    l->task = lw__task_self();
    l->lane = lw__lane_of(l->lanes);
    sem_post(&l->arrived);
    while (sem_wait(&l->leave) != 0) { /* a signal came */
    }
    l->kept = lw__lane_of(l->lanes) == l->lane;
    return NULL;
}

/* False when no thread could be started. */
static inline bool lodger_come(lodger *l, struct lw__lanes *lanes) {
    l->lanes = lanes;
    sem_init(&l->arrived, 0, 0);
    sem_init(&l->leave, 0, 0);
    if (pthread_create(&l->thread, NULL, lodger_stay, l) != 0) {
        return false;
    }
    while (sem_wait(&l->arrived) != 0) {
    }
    return true;
}

/* To be sure of a death takes a moment more than joining: the kernel clears away after the last word to us. */
static inline void lodger_bury(uint32_t task) {
    while (!lw__task_is_gone(lw__task_process(), task)) {
        sched_yield();
    }
}

static inline void lodger_go(lodger *l) {
    sem_post(&l->leave);
    pthread_join(l->thread, NULL);
    lodger_bury(l->task);
    sem_destroy(&l->arrived);
    sem_destroy(&l->leave);
}

/* Comes and goes. */
static inline bool lodger_visit(lodger *l, struct lw__lanes *lanes) {
    if (!lodger_come(l, lanes)) {
        return false;
    }
    lodger_go(l);
    return true;
}

#endif
