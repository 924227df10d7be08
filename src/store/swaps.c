/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Accounts and meetings in a store that knows neither: read the entry, make the new value, set it if nobody else has
 * meanwhile; else again, a bounded number of times. One of those who try at the same time always gets through.
 *
 * Such a store has no clock that could be asked, so time is this machine's, unless a posting brings its own. An account
 * that is empty cannot be removed in one step with looking at it, so it is left to expire at once.
 */
#include "base/clock.h"
#include "base/env.h"
#include "store/batch.h"
#include "store/rewrite.h"

#include <loadwise/error.h>
#include <string.h>

enum { TRIES = 100, FIRST_ROOM = 1024 };

/* A step under way. */
struct swap {
    lw_env env;
    char *key;
    char *bytes; /* the old value, then room for the new one */
    size_t room; /* of each half */
};

static ptrdiff_t swap_begin(struct swap *swap, const lw_store_step *step) {
    static const char account[] = "account/", meeting[] = "meeting/";
    const char *folder = step->op == LW_STORE_CHARGE ? account : meeting;
    lw_env given = LW_ENV_INIT;
    given.seed = 1; /* nothing is drawn */
    *swap = (struct swap){.room = FIRST_ROOM};
    int error = lw__env_init(&swap->env, &given);
    size_t size = strlen(step->key) + 1;
    swap->key = error == LW_OK ? lw__alloc(&swap->env, sizeof account + size) : NULL;
    if (swap->key == NULL) {
        return LW_NOMEM;
    }
    memcpy(swap->key, folder, sizeof account - 1);
    memcpy(swap->key + sizeof account - 1, step->key, size);
    return LW_OK;
}

static void swap_end(struct swap *swap) {
    lw__release(&swap->env, swap->bytes);
    lw__release(&swap->env, swap->key);
}

/* Reads the entry with room for what becomes of it; its size, 0 for none. An empty one was written by others. */
static ptrdiff_t swap_read(struct swap *swap, lw_store *store, const lw_store_step *step, uint64_t deadline) {
    for (;;) {
        if (swap->bytes == NULL) {
            swap->bytes = lw__alloc(&swap->env, 2 * swap->room);
        }
        ptrdiff_t size = swap->bytes != NULL ? lw_store_get(store, swap->key, swap->bytes, swap->room, deadline)
                                             : (ptrdiff_t)LW_NOMEM;
        size_t wanted = size >= 0 ? lw__rewrite_room((size_t)size, step) : lw__rewrite_room(0, step);
        if ((size < 0 && size != LW_UNKNOWN) || wanted <= swap->room) {
            return size == 0 ? (ptrdiff_t)LW_CORRUPT : size != LW_UNKNOWN ? size : 0;
        }
        lw__release(&swap->env, swap->bytes);
        swap->bytes = NULL;
        swap->room = wanted + wanted / 2;
    }
}

/* 1 when it is done, 0 when somebody else was faster, or an error. */
static int swap_try(struct swap *swap, lw_store *store, lw_store_step *step, uint64_t deadline) {
    ptrdiff_t size = swap_read(swap, store, step, deadline);
    if (size < 0) {
        step->answer = size;
        return (int)size;
    }
    struct lw__rewrite rewrite;
    char *fresh = swap->bytes + swap->room;
    step->answer = lw__rewrite(swap->bytes, (size_t)size, step, lw__clock_since_1970(), fresh, &rewrite);
    if (step->answer == LW_CORRUPT || !rewrite.changed) {
        return 1;
    }
    return lw_store_compare_and_set(store, swap->key, size > 0 ? swap->bytes : NULL, (size_t)size, fresh, rewrite.size,
                                    rewrite.lasts > 0 ? rewrite.lasts : 1, deadline);
}

void lw__step_by_swaps(lw_store *store, lw_store_step *step, uint64_t deadline) {
    struct swap swap;
    int answer = lw_store_step_check(NULL, step);
    if (answer != LW_OK) {
        step->answer = answer;
        return;
    }
    answer = (int)swap_begin(&swap, step);
    for (int i = 0; i < TRIES && answer == 0; i++) {
        answer = swap_try(&swap, store, step, deadline);
    }
    if (answer != 1) { /* nothing has changed, or nobody knows */
        lw__rewrite_void(step);
        step->answer = answer < 0 ? answer : LW_UNAVAILABLE;
    }
    swap_end(&swap);
}
