/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Claiming lanes and moving the epoch on; see lanes.h for the idea. */
#include "base/lanes.h"
#include "base/random.h"
#include "base/task.h"

enum { OWNED = LW_LANES - 1, PROBES = 4, SEARCHES_PER_ASKING = 1024, TASK_SHIFT = 32 };

_Thread_local struct lw__thread lw__thread;

/* The one piece of global state: how many threads have asked for a token. */
static uint32_t tokens_given;

static void name_thread(void) {
    while (lw__thread.token == 0) { /* after 2^32 threads the count passes 0 once */
        lw__thread.token = __atomic_add_fetch(&tokens_given, 1, __ATOMIC_RELAXED);
        lw__thread.place = lw__thread.token % OWNED;
    }
}

static void lane_number(struct lw__lanes *lanes, struct lw__lane *lane, uint32_t number) {
    lane->seen.number = number;
    lane->seen.chance = lw__seed(lanes->seed, number);
}

void lw__lanes_init(struct lw__lanes *lanes, uint64_t seed) {
    lanes->seed = seed;
    lanes->cheap = lw__barrier_is_cheap();
    lanes->process = lw__task_process();
    lane_number(lanes, &lanes->lane[OWNED], OWNED);
    lanes->lane[OWNED].seen.shared = 1;
}

/* The task is asked for each time: after a fork it is another. */
static uint64_t owner_word(uint32_t token) { return (uint64_t)lw__task_self() << TASK_SHIFT | token; }

void lw__lanes_renew(struct lw__lanes *lanes, uint64_t seed) {
    uint32_t epoch = lanes->epoch;
    *lanes = (struct lw__lanes){.epoch = epoch};
    lw__lanes_init(lanes, seed);
}

static bool claim(struct lw__lanes *lanes, struct lw__lane *lane, uint32_t token) {
    uint64_t nobody = 0;
    if (!__atomic_compare_exchange_n(&lane->owner, &nobody, token, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return false;
    }
    lane_number(lanes, lane, __atomic_fetch_add(&lanes->claimed, 1, __ATOMIC_RELAXED));
    __atomic_store_n(&lane->owner, owner_word(token), __ATOMIC_RELEASE); /* from now on there is something to inherit */
    return true;
}

/* Takes over the lane if its owner is dead; who died inside a read section reads no more. */
static bool inherit(struct lw__lanes *lanes, struct lw__lane *lane, uint32_t token) {
    uint64_t owner = __atomic_load_n(&lane->owner, __ATOMIC_ACQUIRE);
    if (!lw__task_is_gone(lanes->process, (uint32_t)(owner >> TASK_SHIFT)) ||
        !__atomic_compare_exchange_n(&lane->owner, &owner, owner_word(token), false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        return false;
    }
    if (__atomic_load_n(&lane->reading, __ATOMIC_ACQUIRE) != 0) {
        __atomic_store_n(&lane->reading, 0, __ATOMIC_RELEASE);
    }
    return true;
}

/* Asking costs system calls. So a thread asks when it comes to an object, as far as 64 bits can tell objects apart:
   that is seldom beside what it costs to start a thread. And now and then it asks again. */
static bool may_ask(const struct lw__lanes *lanes) {
    uint64_t object = UINT64_C(1) << (lw__mix((uintptr_t)lanes) & 63);
    bool asked = (lw__thread.asked & object) != 0;
    lw__thread.asked |= object;
    return !asked || ++lw__thread.searches % SEARCHES_PER_ASKING == 0;
}

__attribute__((noinline, cold)) static struct lw__lane *ask_for_vacant(struct lw__lanes *lanes) {
    for (uint32_t i = 0; i < PROBES; i++) {
        struct lw__lane *lane = &lanes->lane[(lw__thread.place + i) % OWNED];
        if (inherit(lanes, lane, lw__thread.token)) {
            return lane;
        }
    }
    return &lanes->lane[OWNED];
}

struct lw__lane *lw__lane_search(struct lw__lanes *lanes) {
    name_thread();
    uint32_t token = lw__thread.token;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct lw__lane *lane = &lanes->lane[(lw__thread.place + i) % OWNED];
        uint64_t owner = __atomic_load_n(&lane->owner, __ATOMIC_RELAXED);
        if ((uint32_t)owner == token || (owner == 0 && claim(lanes, lane, token))) {
            return lane;
        }
    }
    return may_ask(lanes) ? ask_for_vacant(lanes) : &lanes->lane[OWNED];
}

static bool parity_is_empty(const struct lw__lanes *lanes, uint32_t parity) {
    for (uint32_t i = 0; i < LW_LANES; i++) {
        if (__atomic_load_n(&lanes->lane[i].readers[parity], __ATOMIC_SEQ_CST) != 0 ||
            __atomic_load_n(&lanes->lane[i].reading, __ATOMIC_SEQ_CST) == 1 + parity) {
            return false;
        }
    }
    return true;
}

uint32_t lw__epoch_advance(struct lw__lanes *lanes) {
    uint32_t epoch = __atomic_load_n(&lanes->epoch, __ATOMIC_RELAXED);
    if (!lw__barrier_heavy(lanes->cheap)) {
        return epoch;
    }
    for (int step = 0; step < 2 && parity_is_empty(lanes, (epoch + 1) & 1); step++) {
        epoch++;
        __atomic_store_n(&lanes->epoch, epoch, __ATOMIC_SEQ_CST);
    }
    return epoch;
}
