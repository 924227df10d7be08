/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A circuit breaker around a store: what guard.h says, as a number of what the state is and a few counts, under a lock
 * that is held for a handful of instructions and never during a call.
 *
 * Each change of state has a number. A call remembers the number it began with, and its answer counts only while that
 * is still the number: so what a call says that began before the last change is not listened to, and each change is
 * made, and told, by one call.
 *
 * Source: Nygard, Release It!, 2007 (circuit breaker). Cost: one look at the clock and two short locks a call.
 */
#include "base/env.h"
#include "base/raise.h"
#include "base/random.h"

#include <loadwise/error.h>
#include <loadwise/guard.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_IN_A_ROW = 1000, WHOLE = 100 };

#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define PAUSE_MOST (UINT64_MAX / 2) /* 292 years: longer ones count as this */

struct guard {
    lw_store store;
    lw_env env;
    lw_store *inner;
    lw_guard_options options;
    uint64_t latest; /* time seen; atomic */

    pthread_mutex_t lock; /* for all below */
    uint32_t state;       /* enum lw_guard_state; read without the lock too */
    uint64_t changes;     /* the number of the state */
    uint32_t in_a_row;    /* closed: failures; half open: successes */
    bool trying;          /* half open: one call is under way */
    uint64_t pause;       /* of the next opening */
    uint64_t until;       /* open: when the next call may go through */
};

/* A call under way. */
struct passage {
    struct guard *guard;
    lw_store *inner;   /* NULL: the call does not go through */
    uint64_t deadline; /* for it */
    uint64_t number;   /* of the state it began in */
};

static struct guard *guard_of(lw_store *store) { return (struct guard *)store; }

/* ---- changes of state: made with the lock held, told without it ---- */

struct news {
    bool any;
    enum lw_guard_state state;
    uint64_t until;
};

static struct news change_to(struct guard *guard, enum lw_guard_state state, uint64_t until) {
    __atomic_store_n(&guard->state, state, __ATOMIC_RELAXED);
    guard->until = until;
    guard->changes++;
    guard->in_a_row = 0;
    guard->trying = false;
    return (struct news){true, state, until};
}

static void tell(const struct guard *guard, const struct news *news) {
    if (news->any && guard->options.changed != NULL) {
        guard->options.changed(guard->options.user, news->state, news->until);
    }
}

/* A pause, longer or shorter by chance. */
static uint64_t drawn_pause(const struct guard *guard) {
    uint64_t span = guard->pause / WHOLE * guard->options.jitter;
    uint64_t chance = lw__seed(guard->env.seed, guard->changes), by = (chance >> 1) % (span + 1);
    uint64_t drawn = chance & 1 ? guard->pause + by : guard->pause - by;
    return drawn < guard->options.max_pause ? drawn : guard->options.max_pause;
}

static struct news open_up(struct guard *guard, uint64_t now) {
    struct news news = change_to(guard, LW_GUARD_OPEN, lw__after(now, drawn_pause(guard)));
    uint64_t most = guard->options.max_pause;
    guard->pause = guard->pause < most - guard->pause ? 2 * guard->pause : most;
    return news;
}

static struct news close_down(struct guard *guard) {
    guard->pause = guard->options.pause;
    return change_to(guard, LW_GUARD_CLOSED, 0);
}

/* ---- a call ---- */

static struct passage guard_enter(lw_store *store, uint64_t deadline) {
    struct guard *guard = guard_of(store);
    struct passage passage = {.guard = guard, .deadline = deadline};
    struct news news = {0};
    uint64_t now = lw__now_forward(&guard->env, &guard->latest);
    if (deadline == 0) {
        passage.deadline = lw__after(now, guard->options.patience);
    }
    pthread_mutex_lock(&guard->lock);
    if (guard->state == LW_GUARD_OPEN && now >= guard->until) {
        news = change_to(guard, LW_GUARD_HALF_OPEN, 0);
    }
    if (guard->state == LW_GUARD_CLOSED || (guard->state == LW_GUARD_HALF_OPEN && !guard->trying)) {
        passage.inner = guard->inner;
        guard->trying = guard->state == LW_GUARD_HALF_OPEN;
    }
    passage.number = guard->changes;
    pthread_mutex_unlock(&guard->lock);
    tell(guard, &news);
    return passage;
}

static struct news guard_judge(struct guard *guard, bool failed, uint64_t now) {
    bool half = guard->state == LW_GUARD_HALF_OPEN;
    guard->trying = false;
    guard->in_a_row = failed == half ? 0 : guard->in_a_row + 1;
    if (failed && (half || guard->in_a_row >= guard->options.failures)) {
        return open_up(guard, now);
    }
    return half && guard->in_a_row >= guard->options.successes ? close_down(guard) : (struct news){0};
}

/* Hears the answer of a call that went through, and returns it. */
static ptrdiff_t guard_leave(const struct passage *passage, ptrdiff_t answer) {
    struct guard *guard = passage->guard;
    struct news news = {0};
    bool failed = answer == LW_UNAVAILABLE;
    uint64_t now = failed ? lw__now_forward(&guard->env, &guard->latest) : 0;
    pthread_mutex_lock(&guard->lock);
    if (passage->number == guard->changes) {
        news = guard_judge(guard, failed, now);
    }
    pthread_mutex_unlock(&guard->lock);
    tell(guard, &news);
    return answer;
}

/* ---- the operations ---- */

static ptrdiff_t guard_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    return on.inner != NULL ? guard_leave(&on, lw_store_get(on.inner, key, out, room, on.deadline)) : LW_UNAVAILABLE;
}

static int guard_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                     uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    return on.inner != NULL ? (int)guard_leave(&on, lw_store_put(on.inner, key, value, size, ttl, on.deadline))
                            : LW_UNAVAILABLE;
}

static int guard_remove(lw_store *store, const char *key, uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    return on.inner != NULL ? (int)guard_leave(&on, lw_store_remove(on.inner, key, on.deadline)) : LW_UNAVAILABLE;
}

static int guard_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each,
                      void *user, uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    return on.inner != NULL
               ? (int)guard_leave(&on, lw_store_list(on.inner, prefix, cursor, page, each, user, on.deadline))
               : LW_UNAVAILABLE;
}

static int guard_add(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum, uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    return on.inner != NULL ? (int)guard_leave(&on, lw_store_add(on.inner, key, amount, ttl, sum, on.deadline))
                            : LW_UNAVAILABLE;
}

static int guard_compare_and_set(lw_store *store, const char *key, const void *expected, size_t expected_size,
                                 const void *value, size_t size, uint64_t ttl, uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    return on.inner != NULL ? (int)guard_leave(&on, lw_store_compare_and_set(on.inner, key, expected, expected_size,
                                                                             value, size, ttl, on.deadline))
                            : LW_UNAVAILABLE;
}

static int guard_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    struct passage on = guard_enter(store, deadline);
    if (on.inner != NULL) {
        return (int)guard_leave(&on, lw_store_batch(on.inner, steps, count, on.deadline));
    }
    for (size_t i = 0; i < count; i++) {
        steps[i].answer = LW_UNAVAILABLE;
    }
    return LW_UNAVAILABLE;
}

/* ---- birth and end ---- */

static void guard_free(lw_store *store) {
    struct guard *guard = guard_of(store);
    lw_env env = guard->env;
    pthread_mutex_destroy(&guard->lock);
    lw__release(&env, guard);
}

static const lw_store_ops guard_ops = {
    .size = sizeof guard_ops,
    .get = guard_get,
    .put = guard_put,
    .remove = guard_remove,
    .list = guard_list,
    .add = guard_add,
    .compare_and_set = guard_compare_and_set,
    .free = guard_free,
    .batch = guard_batch,
};

static int count_option(const lw_env *env, const char *name, uint32_t *value, uint32_t otherwise) {
    *value = *value != 0 ? *value : otherwise;
    return *value <= MOST_IN_A_ROW
               ? LW_OK
               : lw__fail(env, LW_RANGE, "guard: %s %u is not from 1 to %d", name, *value, MOST_IN_A_ROW);
}

static uint64_t time_option(uint64_t value, uint64_t otherwise) {
    value = value != 0 ? value : otherwise;
    return value < PAUSE_MOST ? value : PAUSE_MOST;
}

static int settle_options(const lw_env *env, lw_guard_options *options) {
    int error = count_option(env, "failures", &options->failures, 3);
    error = error == LW_OK ? count_option(env, "successes", &options->successes, 2) : error;
    if (error != LW_OK) {
        return error;
    }
    options->patience = time_option(options->patience, 50 * MILLISECOND);
    options->pause = time_option(options->pause, SECOND);
    options->max_pause = time_option(options->max_pause, 30 * SECOND > options->pause ? 30 * SECOND : options->pause);
    if (options->max_pause < options->pause) {
        return lw__fail(env, LW_RANGE, "guard: max_pause %llu ns is below the pause of %llu ns",
                        (unsigned long long)options->max_pause, (unsigned long long)options->pause);
    }
    options->jitter = options->jitter == 0 ? 20 : options->jitter <= WHOLE ? options->jitter : 0;
    return LW_OK;
}

int lw_store_guard_new(lw_store **out, const lw_env *given, lw_store *inner, const lw_guard_options *options) {
    lw_env env;
    lw_guard_options wanted = LW_GUARD_OPTIONS_INIT;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    if (inner == NULL) {
        return lw__fail(&env, LW_INVALID, "guard: no store to guard");
    }
    if (options != NULL) {
        memcpy(&wanted, options, options->size < sizeof wanted ? options->size : sizeof wanted);
    }
    error = settle_options(&env, &wanted);
    if (error != LW_OK) {
        return error;
    }
    struct guard *guard = lw__alloc(&env, sizeof *guard);
    if (guard == NULL || pthread_mutex_init(&guard->lock, NULL) != 0) {
        lw__release(&env, guard);
        return LW_NOMEM;
    }
    guard->store.ops = &guard_ops;
    guard->env = env;
    guard->inner = inner;
    guard->options = wanted;
    guard->pause = wanted.pause;
    *out = &guard->store;
    return LW_OK;
}

int lw_store_guard_state(const lw_store *store) {
    if (store == NULL || store->ops != &guard_ops) {
        return LW_INVALID;
    }
    const struct guard *guard = (const struct guard *)store;
    return (int)__atomic_load_n(&guard->state, __ATOMIC_RELAXED);
}
