/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Load: threads that call a store again and again while a test hurts the server, keep count of the answers, and do the
 * sums of what must be in the store afterwards.
 *
 *     load_begin(&load, store, LOAD_PATIENCE, false);
 *     load_await(&load, LOAD_DONE, 50);            // each thread has had 50 more good answers
 *     server_freeze(&server);
 *     load_await(&load, LOAD_UNAVAILABLE, 3);
 *     server_thaw(&server);
 *     load_await(&load, LOAD_DONE, 50);
 *     load_end(&load, 1 << LOAD_UNAVAILABLE);      // which other answers may come
 *
 * What is promised, and looked at: every call answers within its deadline, and what the scheduler takes. A whole
 * machine may stand still for once, which each hand feels once; a store is late each time. What was done counts once;
 * what was LW_UNAVAILABLE counts once or not at all, never twice. Nothing goes below zero.
 */
#ifndef LOADWISE_TESTS_REDIS_LOAD_H
#define LOADWISE_TESTS_REDIS_LOAD_H

#include "../stress/crew.h"
#include "site.h"

#include <inttypes.h>

enum { LOAD_HANDS = 3, LOAD_STEPS = 3, LOAD_PUTS = 65536 };

/* What an answer was. */
enum load_kind { LOAD_DONE, LOAD_UNAVAILABLE, LOAD_DENIED, LOAD_FULL, LOAD_CORRUPT, LOAD_OTHER, LOAD_KINDS };

#define LOAD_PATIENCE (100 * SITE_MS) /* deadline of a call where some are meant to fail, */
#define LOAD_PATIENT SITE_LONG        /* and where none is */
#define LOAD_SLACK (900 * SITE_MS)    /* beside what others kept the processor for */
#define LOAD_TOO_LONG (2 * SITE_LONG)

struct load_sums {
    uint64_t done, lost; /* lost: nobody knows whether it counts */
};

struct load_hand {
    uint64_t answers[LOAD_KINDS];
    uint64_t longest, late; /* late: calls beyond deadline and slack */
    uint64_t kept;          /* rig_kept_waiting before this turn */
    struct load_sums added, charged, returned;
    uint64_t put, put_lost; /* numbers of the last put that was done, and of the last that is unknown */
    bool lost[LOAD_PUTS];   /* which are unknown: they may come at any time, after later ones too */
    int other;              /* an answer that is of no kind */
};

struct load {
    crew crew;
    lw_store *store;
    uint32_t stop;
    uint64_t patience;
    bool lossy; /* the server forgets: nothing is too little */
    struct load_hand hands[LOAD_HANDS];
};

static struct load *load_of_all; /* that the hands of the crew work for */

static inline enum load_kind load_kind(ptrdiff_t answer) {
    switch (answer) {
    case LW_UNAVAILABLE: return LOAD_UNAVAILABLE;
    case LW_DENIED: return LOAD_DENIED;
    case LW_FULL: return LOAD_FULL;
    case LW_CORRUPT: return LOAD_CORRUPT;
    default: return answer >= 0 || answer == LW_UNKNOWN ? LOAD_DONE : LOAD_OTHER;
    }
}

static inline void load_count(struct load_hand *hand, ptrdiff_t answer) {
    enum load_kind kind = load_kind(answer);
    hand->other = kind == LOAD_OTHER ? (int)answer : hand->other;
    __atomic_fetch_add(&hand->answers[kind], 1, __ATOMIC_RELEASE);
}

static inline void load_time(struct load_hand *hand, uint64_t began) {
    uint64_t took = rig_now() - began, kept = rig_kept_waiting() - hand->kept;
    hand->longest = took > hand->longest ? took : hand->longest;
    hand->late += took > load_of_all->patience + LOAD_SLACK + kept;
}

static inline void load_note(struct load_hand *hand, ptrdiff_t answer, uint64_t began) {
    load_time(hand, began);
    load_count(hand, answer);
}

static inline void load_sum(struct load_sums *sums, ptrdiff_t answer, uint64_t amount) {
    sums->done += answer == LW_OK ? amount : 0;
    sums->lost += answer == LW_UNAVAILABLE || answer == LW_CORRUPT ? amount : 0;
}

/* ---- what a hand does ---- */

static inline void load_add(crew_hand *worker, struct load_hand *hand) {
    uint64_t began = rig_now();
    int64_t sum = 0;
    int answer = lw_store_add(load_of_all->store, "load/sum", 1, 0, &sum, began + load_of_all->patience);
    CREW_EXPECT(worker, answer != LW_OK || sum > 0);
    load_sum(&hand->added, answer, 1);
    load_note(hand, answer, began);
}

static inline lw_store_step load_posting(lw_posting *posting, lw_charge *charge, int64_t amount) {
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "load/account", .posting = posting};
    *charge = (lw_charge)LW_CHARGE_INIT;
    charge->name = "tpm";
    charge->window = 3600 * SITE_SECOND;
    charge->amount = amount;
    *posting = (lw_posting)LW_POSTING_INIT;
    posting->charges = charge;
    posting->count = 1;
    posting->mode = amount < 0 ? LW_POSTING_FORCE : LW_POSTING_ALL;
    return step;
}

static inline void load_charge(crew_hand *worker, struct load_hand *hand) {
    uint64_t began = rig_now(), amount = crew_random(worker) % 9 + 1, back = crew_random(worker) % (amount + 1);
    lw_posting posting;
    lw_charge charge;
    lw_store_step step = load_posting(&posting, &charge, (int64_t)amount);
    lw_store_batch(load_of_all->store, &step, 1, began + load_of_all->patience);
    load_sum(&hand->charged, step.answer, amount);
    load_note(hand, step.answer, began);
    if (step.answer == LW_OK && back > 0) {
        uint64_t stamp[2] = {charge.stamp[0], charge.stamp[1]};
        CREW_EXPECT(worker, charge.granted == amount && charge.used >= amount && charge.used < UINT64_C(1) << 40);
        began = rig_now();
        step = load_posting(&posting, &charge, -(int64_t)back);
        memcpy(charge.stamp, stamp, sizeof stamp);
        lw_store_batch(load_of_all->store, &step, 1, began + load_of_all->patience);
        CREW_EXPECT(worker, step.answer != LW_OK || charge.used < UINT64_C(1) << 40);
        load_sum(&hand->returned, step.answer, back);
        load_note(hand, step.answer, began);
    }
}

/* Each hand has an entry of its own, so it knows what is in it: the last that was put, or a later one that was lost. */
static inline void load_entry(crew_hand *worker, struct load_hand *hand) {
    char key[32], value[32] = "";
    uint64_t began = rig_now(), number = hand->put > hand->put_lost ? hand->put + 1 : hand->put_lost + 1;
    snprintf(key, sizeof key, "load/%u", worker->number);
    snprintf(value, sizeof value, "%" PRIu64, number);
    int answer = lw_store_put(load_of_all->store, key, value, strlen(value), 0, began + load_of_all->patience);
    *(answer == LW_OK ? &hand->put : &hand->put_lost) = number;
    hand->lost[number % LOAD_PUTS] = answer != LW_OK;
    load_note(hand, answer, began);
    began = rig_now();
    memset(value, 0, sizeof value);
    ptrdiff_t size = lw_store_get(load_of_all->store, key, value, sizeof value - 1, began + load_of_all->patience);
    if (size >= 0) {
        uint64_t found = strtoull(value, NULL, 10);
        uint64_t latest = hand->put > hand->put_lost ? hand->put : hand->put_lost;
        CREW_EXPECT(worker, found <= latest);
        CREW_EXPECT(worker, found == hand->put || hand->lost[found % LOAD_PUTS] || load_of_all->lossy);
    }
    CREW_EXPECT(worker, size != LW_UNKNOWN || hand->put == 0 || load_of_all->lossy);
    load_note(hand, size, began);
}

static inline void load_batch(crew_hand *worker, struct load_hand *hand) {
    uint64_t began = rig_now(), amount = crew_random(worker) % 9 + 1;
    lw_posting posting;
    lw_charge charge;
    lw_store_step steps[LOAD_STEPS] = {{.op = LW_STORE_ADD, .key = "load/sum", .amount = 1},
                                       load_posting(&posting, &charge, (int64_t)amount),
                                       {.op = LW_STORE_MEET,
                                        .key = "load/meeting",
                                        .value = "me",
                                        .value_size = 2,
                                        .amount = 1,
                                        .ttl = 3600 * SITE_SECOND}};
    int code = lw_store_batch(load_of_all->store, steps, LOAD_STEPS, began + load_of_all->patience);
    load_time(hand, began);
    CREW_EXPECT(worker, code == LW_OK || code == LW_UNAVAILABLE);
    load_sum(&hand->added, steps[0].answer, 1);
    load_sum(&hand->charged, steps[1].answer, amount);
    CREW_EXPECT(worker, steps[2].answer < 0 || (steps[2].answer == 1 && steps[2].sum == 1));
    for (uint32_t i = 0; i < LOAD_STEPS; i++) {
        CREW_EXPECT(worker, code == LW_UNAVAILABLE || steps[i].answer != LW_UNAVAILABLE);
        load_count(hand, steps[i].answer);
    }
}

static inline void load_work(crew_hand *worker) {
    static void (*const turns[])(crew_hand *, struct load_hand *) = {load_add, load_charge, load_entry, load_batch};
    struct load_hand *hand = &load_of_all->hands[worker->number];
    for (uint32_t i = 0; !__atomic_load_n(&load_of_all->stop, __ATOMIC_RELAXED); i++) {
        hand->kept = rig_kept_waiting();
        turns[i % 4](worker, hand);
    }
}

/* ---- what the test does ---- */

static inline void load_begin(struct load *load, lw_store *store, uint64_t patience, bool lossy) {
    memset(load, 0, sizeof *load);
    load->store = store;
    load->patience = patience;
    load->lossy = lossy;
    load_of_all = load;
    crew_start(&load->crew, LOAD_HANDS, load_work);
}

/* Waits until each hand has had so many more answers of the kind. */
static inline void load_await(struct load *load, enum load_kind kind, uint64_t more) {
    uint64_t end = rig_now() + LOAD_TOO_LONG, from[LOAD_HANDS];
    for (uint32_t i = 0; i < LOAD_HANDS; i++) {
        from[i] = __atomic_load_n(&load->hands[i].answers[kind], __ATOMIC_ACQUIRE);
    }
    for (uint32_t i = 0; i < LOAD_HANDS; i++) {
        while (__atomic_load_n(&load->hands[i].answers[kind], __ATOMIC_ACQUIRE) < from[i] + more) {
            if (rig_now() > end) {
                fail_msg("no %" PRIu64 " answers of kind %d came", more, (int)kind);
            }
            sched_yield();
        }
    }
}

static inline struct load_sums load_total(const struct load *load, size_t member) {
    struct load_sums total = {0, 0};
    for (uint32_t i = 0; i < LOAD_HANDS; i++) {
        const struct load_sums *sums = (const void *)((const char *)&load->hands[i] + member);
        total.done += sums->done;
        total.lost += sums->lost;
    }
    return total;
}

static inline void load_between(const char *what, uint64_t least, uint64_t value, uint64_t most) {
    if (value < least || value > most) {
        fail_msg("%s is %" PRIu64 ", not from %" PRIu64 " to %" PRIu64, what, value, least, most);
    }
}

/* The store is well again: what is in it is what was done, and perhaps what was lost. */
static inline void load_settle(struct load *load) {
    struct load_sums added = load_total(load, offsetof(struct load_hand, added));
    struct load_sums charged = load_total(load, offsetof(struct load_hand, charged));
    struct load_sums returned = load_total(load, offsetof(struct load_hand, returned));
    int64_t sum = 0;
    lw_posting posting;
    lw_charge charge;
    lw_store_step step = load_posting(&posting, &charge, 0);
    assert_int_equal(lw_store_add(load->store, "load/sum", 0, 0, &sum, rig_now() + LOAD_PATIENT), LW_OK);
    assert_int_equal(lw_store_batch(load->store, &step, 1, rig_now() + LOAD_PATIENT), LW_OK);
    assert_int_equal(step.answer, LW_OK);
    load_between("the sum", load->lossy ? 0 : added.done, (uint64_t)sum, added.done + added.lost);
    uint64_t left = charged.done - returned.done;
    load_between("what was charged", load->lossy || left < returned.lost ? 0 : left - returned.lost, charge.used,
                 load->lossy ? charged.done + charged.lost : left + charged.lost);
}

/* Ends the work and looks at all that was promised. others: bits of the kinds that may have come beside LOAD_DONE. */
static inline void load_end(struct load *load, uint32_t others) {
    static const char *const names[] = {"done", "unavailable", "denied", "full", "corrupt", "other"};
    uint64_t longest = 0, late = 0;
    __atomic_store_n(&load->stop, 1, __ATOMIC_RELAXED);
    crew_join(&load->crew);
    for (uint32_t kind = 0; kind < LOAD_KINDS; kind++) {
        uint64_t count = 0;
        for (uint32_t i = 0; i < LOAD_HANDS; i++) {
            count += load->hands[i].answers[kind];
            longest = load->hands[i].longest > longest ? load->hands[i].longest : longest;
            if (kind == LOAD_OTHER && load->hands[i].other != 0) {
                fail_msg("an answer was %s", lw_error_name(load->hands[i].other));
            }
        }
        print_message("    %s %" PRIu64, names[kind], count);
        if (count > 0 && kind != LOAD_DONE && (others >> kind & 1) == 0) {
            fail_msg("%" PRIu64 " answers were %s", count, names[kind]);
        }
    }
    print_message("    longest %.1f ms\n", (double)longest / 1e6);
    for (uint32_t i = 0; i < LOAD_HANDS; i++) {
        late += load->hands[i].late;
    }
    load_between("the number of late calls", 0, late, LOAD_HANDS);
    load_settle(load);
}

#endif
