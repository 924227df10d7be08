/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A circuit breaker around a store: while the store is away, nobody waits for it.
 *
 *     lw_store *redis, *store;
 *     ...
 *     lw_store_guard_new(&store, NULL, redis, NULL);       // and from here on use `store`
 *
 *     closed     calls go through, those without a deadline with `patience`
 *     open       after `failures` calls in a row that were LW_UNAVAILABLE: every call is LW_UNAVAILABLE at once
 *     half open  once `pause` has passed: one call at a time goes through; `successes` of them in a row close it, one
 *                failure opens it again for twice as long, at most max_pause
 *
 * Only LW_UNAVAILABLE counts as a failure; a refusal is an answer. A batch or a page of a listing is one call. A call
 * that began before the last change of state says nothing. A call that brings a deadline keeps it, in every state.
 *
 * Threads: any, at the same time, as for every store. Nothing happens by itself: time is looked at when a call comes.
 * Source: Nygard's circuit breaker; the hysteresis is Hystrix' and gobreaker's.
 */
#ifndef LOADWISE_GUARD_H
#define LOADWISE_GUARD_H

#include <loadwise/store.h>

LW_BEGIN

enum lw_guard_state { LW_GUARD_CLOSED = 0, LW_GUARD_OPEN = 1, LW_GUARD_HALF_OPEN = 2 };

/* A member left 0 means its default. */
typedef struct lw_guard_options {
    size_t size;        /* sizeof(lw_guard_options), so that the struct can grow */
    uint64_t patience;  /* ns that a call without a deadline of its own may take; default 50 ms */
    uint32_t failures;  /* 1 to 1000; default 3 */
    uint32_t successes; /* 1 to 1000; default 2 */
    uint64_t pause;     /* ns; default 1 s */
    uint64_t max_pause; /* ns, at least pause; default 30 s, or pause if that is more */
    uint32_t jitter; /* percent of a pause by which it is longer or shorter, drawn from the seed; 0 to 100; default 20.
                        Above 100: none */

    /* Told once per change of state, by the call that made it, with no lock held. until: when an open one lets a call
       through, monotonic ns; 0 otherwise. It may not call the store. Or NULL. */
    void (*changed)(void *user, uint32_t state, uint64_t until);
    void *user;
} lw_guard_options;

#define LW_GUARD_OPTIONS_INIT                                                                                          \
    { sizeof(lw_guard_options), 0, 0, 0, 0, 0, 0, NULL, NULL }

/*
 * Makes a guarded store, to be freed with lw_store_free, which leaves `inner` to its owner; inner must live longer. env
 * and options are copied; either may be NULL. Errors: LW_NOMEM, LW_INVALID (no store, half an allocator), LW_RANGE (the
 * log names the option and its range).
 */
LW_API int lw_store_guard_new(lw_store **out, const lw_env *env, lw_store *inner, const lw_guard_options *options);

/* enum lw_guard_state; LW_INVALID for a store that is not a guard. */
LW_API int lw_store_guard_state(const lw_store *guard);

LW_END

#endif
