/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The clock: a pairing heap of timers that hold their own links. A heap is a tree in which nobody is due before its
 * parent; two are merged by hanging the later root below the earlier one. To take the root out, its children are merged
 * in pairs, then the pairs from last to first, in a loop, so that no heap is too deep.
 * Source: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap" (1986). Cost: start O(1), stop and fire O(log n)
 * amortised.
 */
#include "base/env.h"

#include <loadwise/clock.h>

struct lw_clock {
    lw_env env;
    void (*rearm)(void *user, uint64_t due);
    void *user;
    lw_timer *root;
    uint64_t started; /* timers so far, for the order of those that are due together */
    uint64_t running; /* the time of the run that is going on, 0: none */
};

/* ---- the heap ---- */

static int timer_is_before(const lw_timer *a, const lw_timer *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

/* Both are roots without siblings; either may be NULL. */
static lw_timer *heap_merge(lw_timer *a, lw_timer *b) {
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (timer_is_before(b, a)) {
        lw_timer *swapped = a;
        a = b;
        b = swapped;
    }
    b->next = a->child;
    if (b->next != NULL) {
        b->next->before = b;
    }
    b->before = a;
    a->child = b;
    return a;
}

/* Merges siblings into one heap. */
static lw_timer *heap_merge_all(lw_timer *first) {
    lw_timer *pairs = NULL, *merged = NULL;
    while (first != NULL) {
        lw_timer *second = first->next, *rest = second != NULL ? second->next : NULL;
        first->next = NULL;
        if (second != NULL) {
            second->next = NULL;
        }
        lw_timer *pair = heap_merge(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    while (pairs != NULL) {
        lw_timer *rest = pairs->next;
        pairs->next = NULL;
        merged = heap_merge(merged, pairs);
        pairs = rest;
    }
    return merged;
}

/* A root is its own `before`, so that every started timer has one. */
static void heap_set_root(lw_clock *clock, lw_timer *root) {
    clock->root = root;
    if (root != NULL) {
        root->before = root;
    }
}

static void heap_cut(lw_timer *timer) {
    if (timer->before->child == timer) {
        timer->before->child = timer->next;
    } else {
        timer->before->next = timer->next;
    }
    if (timer->next != NULL) {
        timer->next->before = timer->before;
    }
}

/* ---- timers ---- */

void lw_timer_stop(lw_clock *clock, lw_timer *timer) {
    if (timer->before == NULL) {
        return;
    }
    lw_timer *children = heap_merge_all(timer->child);
    if (timer == clock->root) {
        heap_set_root(clock, children);
    } else {
        heap_cut(timer);
        heap_set_root(clock, heap_merge(clock->root, children));
    }
    timer->child = timer->next = timer->before = NULL;
}

void lw_timer_start(lw_clock *clock, lw_timer *timer, uint64_t due) {
    lw_timer_stop(clock, timer);
    uint64_t earliest = lw_clock_next(clock);
    timer->due = due > clock->running ? due : clock->running; /* behind what is due already */
    timer->order = clock->started++;
    heap_set_root(clock, heap_merge(clock->root, timer));
    if (timer->due < earliest && clock->rearm != NULL) {
        clock->rearm(clock->user, timer->due);
    }
}

uint64_t lw_clock_next(const lw_clock *clock) { return clock->root != NULL ? clock->root->due : UINT64_MAX; }

uint64_t lw_clock_now(const lw_clock *clock) { return lw__now(&clock->env); }

uint64_t lw_clock_run(lw_clock *clock) {
    uint64_t now = lw_clock_now(clock), new_ones = clock->started, around = clock->running;
    clock->running = now > around ? now : around;
    while (clock->root != NULL && clock->root->due <= now && clock->root->order < new_ones) {
        lw_timer *timer = clock->root;
        lw_timer_stop(clock, timer);
        timer->fired(timer);
    }
    clock->running = around;
    return lw_clock_next(clock);
}

/* ---- birth and end ---- */

int lw_clock_new(lw_clock **out, const lw_env *given, void (*rearm)(void *user, uint64_t due), void *user) {
    lw_env env;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_clock *clock = lw__alloc(&env, sizeof *clock);
    if (clock == NULL) {
        return LW_NOMEM;
    }
    clock->env = env;
    clock->rearm = rearm;
    clock->user = user;
    *out = clock;
    return LW_OK;
}

void lw_clock_free(lw_clock *clock) {
    if (clock != NULL) {
        lw_env env = clock->env;
        lw__release(&env, clock);
    }
}
