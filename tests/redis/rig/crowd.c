/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The judge sorts all uses by time and slides over them. A use that happened somewhere between `from` and `to` counts
 * for a stretch only when all of that lies within: what is found is a breach for certain.
 */
#include "crowd.h"
#include "server.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the hands ---- */

void crowd_expect(struct crowd_hand *hand, bool holds, const char *what) {
    if (!holds) {
        atomic_store(&hand->crowd->fault, what);
    }
}

void crowd_used(struct crowd_hand *hand, uint64_t from, uint64_t to, const uint64_t *amounts) {
    uint32_t number = hand->process * CROWD_THREADS + hand->thread, count = hand->crowd->counts[number];
    crowd_expect(hand, count < CROWD_USES, "room for so many uses");
    if (count < CROWD_USES) {
        struct crowd_use *use = &hand->crowd->uses[number][count];
        *use = (struct crowd_use){from, to, {amounts[0], amounts[1]}};
        hand->crowd->counts[number]++;
    }
}

uint64_t crowd_random(struct crowd_hand *hand) {
    uint64_t x = hand->chance += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ (x >> 31);
}

static void *crowd_hand_run(void *argument) {
    struct crowd_hand *hand = argument;
    struct crowd *crowd = hand->crowd;
    sem_t *begun = &crowd->begun[hand->process * CROWD_THREADS + hand->thread];
    for (;;) {
        while (sem_wait(begun) != 0) {
        }
        if (atomic_load(&crowd->over)) {
            return NULL;
        }
        crowd->work->round(hand);
        sem_post(&crowd->arrived);
    }
}

/* The life of one process of the crowd. Exits as programs do, so that sanitizers have their say. */
static void crowd_process(struct crowd *crowd, uint32_t process) {
    struct crowd_hand hands[CROWD_THREADS];
    pthread_t threads[CROWD_THREADS];
    void *things = crowd->work->enter(crowd, process);
    for (uint32_t i = 0; i < CROWD_THREADS; i++) {
        hands[i] = (struct crowd_hand){crowd, process, i, process * CROWD_THREADS + i + 1, things};
        rig_need(pthread_create(&threads[i], NULL, crowd_hand_run, &hands[i]) == 0, "a thread");
    }
    for (uint32_t i = 0; i < CROWD_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    crowd->work->leave(things);
    exit(0);
}

/* ---- the rounds ---- */

/* Whether all processes that still are under way run; the fault of one ends it all. */
static void crowd_look(struct crowd *crowd) {
    int status;
    pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended > 0) {
        atomic_store(&crowd->fault, "a process that lives to the end");
    }
}

static void crowd_begin(struct crowd *crowd) {
    for (uint32_t i = 0; i < CROWD_HANDS; i++) {
        sem_post(&crowd->begun[i]);
    }
}

/* Waits for one more hand that has done its round, and looks at the processes now and then meanwhile. */
static void crowd_await_hand(struct crowd *crowd) {
    struct timespec until;
    do {
        crowd_look(crowd);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
    } while (atomic_load(&crowd->fault) == NULL && sem_timedwait(&crowd->arrived, &until) != 0);
}

static void crowd_round(struct crowd *crowd) {
    crowd_begin(crowd);
    for (uint32_t i = 0; i < CROWD_HANDS; i++) {
        crowd_await_hand(crowd);
    }
}

struct crowd *crowd_play(const struct crowd_work *work, uint64_t clock, uint32_t rounds,
                         void (*move)(struct crowd *crowd, uint32_t round)) {
    pid_t parent = getpid(), processes[CROWD_PROCESSES];
    struct crowd *crowd = mmap(NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    rig_need(crowd != MAP_FAILED, "shared memory");
    crowd->work = work;
    atomic_store(&crowd->clock, clock);
    sem_init(&crowd->arrived, 1, 0);
    for (uint32_t i = 0; i < CROWD_HANDS; i++) {
        sem_init(&crowd->begun[i], 1, 0);
    }
    for (uint32_t i = 0; i < CROWD_PROCESSES; i++) {
        processes[i] = fork();
        rig_need(processes[i] >= 0, "a process");
        if (processes[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            rig_need(getppid() == parent, "a parent");
            crowd_process(crowd, i);
        }
    }
    for (uint32_t round = 0; round < rounds && atomic_load(&crowd->fault) == NULL; round++) {
        move(crowd, round);
        crowd_round(crowd);
    }
    atomic_store(&crowd->over, 1);
    crowd_begin(crowd);
    for (uint32_t i = 0; i < CROWD_PROCESSES; i++) {
        int status = 0;
        if (waitpid(processes[i], &status, 0) == processes[i] && status != 0 && atomic_load(&crowd->fault) == NULL) {
            atomic_store(&crowd->fault, "a process that ends well");
        }
    }
    return crowd;
}

void crowd_free(struct crowd *crowd) { munmap(crowd, sizeof *crowd); }

/* ---- the judge ---- */

uint64_t crowd_total(const struct crowd *crowd, uint32_t dimension) {
    uint64_t total = 0;
    for (uint32_t hand = 0; hand < CROWD_HANDS; hand++) {
        for (uint32_t i = 0; i < crowd->counts[hand]; i++) {
            total += crowd->uses[hand][i].amounts[dimension];
        }
    }
    return total;
}

static int crowd_by_end(const void *left, const void *right) {
    const struct crowd_use *a = left, *b = right;
    return (a->to > b->to) - (a->to < b->to);
}

/* All uses, by their ends; to be freed. */
static struct crowd_use *crowd_sorted(const struct crowd *crowd, uint32_t *count) {
    struct crowd_use *all = malloc(sizeof *all * CROWD_HANDS * CROWD_USES);
    rig_need(all != NULL, "memory for the judge");
    *count = 0;
    for (uint32_t hand = 0; hand < CROWD_HANDS; hand++) {
        memcpy(all + *count, crowd->uses[hand], sizeof *all * crowd->counts[hand]);
        *count += crowd->counts[hand];
    }
    qsort(all, *count, sizeof *all, crowd_by_end);
    return all;
}

/* Whether no use before has begun at the same time: each time is looked at once. */
static bool crowd_is_first(const struct crowd_use *all, uint32_t i) { return i == 0 || all[i - 1].from != all[i].from; }

uint64_t crowd_most(const struct crowd *crowd, uint32_t dimension, uint64_t window) {
    uint32_t count;
    uint64_t most = 0;
    struct crowd_use *all = crowd_sorted(crowd, &count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = all[i].from, sum = 0;
        for (uint32_t k = i; crowd_is_first(all, i) && k < count && all[k].to <= from + window; k++) {
            sum += all[k].from >= from ? all[k].amounts[dimension] : 0;
        }
        most = sum > most ? sum : most;
    }
    free(all);
    return most;
}

/* What exceeds limit x t / window, over all stretches from a use to a use; in units of 1 / (window in µs). */
uint64_t crowd_burst(const struct crowd *crowd, uint32_t dimension, uint64_t limit, uint64_t window) {
    uint32_t count;
    uint64_t most = 0;
    struct crowd_use *all = crowd_sorted(crowd, &count);
    window /= 1000;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = all[i].from, sum = 0;
        for (uint32_t k = i; crowd_is_first(all, i) && k < count; k++) {
            uint64_t drained = (all[k].to - from + 999) / 1000 * limit;
            sum += all[k].from >= from ? all[k].amounts[dimension] * window : 0;
            most = sum > drained && sum - drained > most ? sum - drained : most;
        }
    }
    free(all);
    return (most + window - 1) / window;
}
