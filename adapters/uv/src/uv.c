/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A clock on libuv: one uv_timer_t for the earliest timer, set again after every run. libuv counts whole milliseconds
 * and rounds down, so the handle fires up to one early or late; a run that comes early finds nothing due and sets the
 * handle to the next millisecond.
 *
 * Posting: tasks are pushed on a stack by compare-and-swap and the loop is woken; it takes the whole stack and turns it
 * round. Cost: one compare-and-swap and, when the stack was empty, one uv_async_send.
 */
#include <loadwise/uv.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 2 };

struct lw_uv {
    lw_env env;
    uv_loop_t *loop;
    lw_clock *clock;
    uv_timer_t timer;
    uv_async_t wake;
    uint64_t armed;    /* when the timer handle is to fire; UINT64_MAX: it is stopped */
    lw_uv_task *tasks; /* latest first; atomic */
    int handles;       /* not closed yet */
    void (*closed)(void *user);
    void *user;
};

static uint64_t loop_time(void *user) {
    (void)user;
    return uv_hrtime();
}

/* ---- the timer ---- */

static void timer_arm(lw_uv *uv, uint64_t due);

static void timer_fired(uv_timer_t *handle) {
    lw_uv *uv = handle->data;
    uv->armed = UINT64_MAX;
    timer_arm(uv, lw_clock_run(uv->clock));
}

static void timer_arm(lw_uv *uv, uint64_t due) {
    if (due == UINT64_MAX) {
        uv->armed = UINT64_MAX;
        uv_timer_stop(&uv->timer);
        return;
    }
    uint64_t now = lw_clock_now(uv->clock), wait = due > now ? due - now : 0;
    uv_update_time(uv->loop);
    uv->armed = due;
    uv_timer_start(&uv->timer, timer_fired, wait / 1000000 + (wait % 1000000 != 0), 0);
}

static void clock_rearm(void *user, uint64_t due) {
    lw_uv *uv = user;
    if (due < uv->armed) {
        timer_arm(uv, due);
    }
}

/* ---- tasks ---- */

static void tasks_run(lw_uv *uv) {
    lw_uv_task *latest = __atomic_exchange_n(&uv->tasks, NULL, __ATOMIC_ACQUIRE), *first = NULL;
    while (latest != NULL) {
        lw_uv_task *next = latest->next;
        latest->next = first;
        first = latest;
        latest = next;
    }
    while (first != NULL) {
        lw_uv_task *next = first->next;
        first->run(first);
        first = next;
    }
}

static void wake_fired(uv_async_t *handle) { tasks_run(handle->data); }

void lw_uv_post(lw_uv *uv, lw_uv_task *task) {
    lw_uv_task *before = __atomic_load_n(&uv->tasks, __ATOMIC_RELAXED);
    do {
        task->next = before;
    } while (!__atomic_compare_exchange_n(&uv->tasks, &before, task, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (before == NULL) { /* who pushes on an empty stack wakes the loop for all; the task may be gone by now */
        uv_async_send(&uv->wake);
    }
}

/* ---- birth and end ---- */

static void uv_gone(lw_uv *uv) {
    void (*closed)(void *user) = uv->closed;
    void *user = uv->user;
    lw_clock_free(uv->clock);
    free(uv);
    if (closed != NULL) {
        closed(user);
    }
}

static void handle_closed(uv_handle_t *handle) {
    lw_uv *uv = handle->data;
    if (--uv->handles == 0) {
        uv_gone(uv);
    }
}

void lw_uv_close(lw_uv *uv, void (*closed)(void *user), void *user) {
    if (uv == NULL) {
        return;
    }
    tasks_run(uv);
    uv->closed = closed;
    uv->user = user;
    uv_close((uv_handle_t *)&uv->timer, handle_closed);
    uv_close((uv_handle_t *)&uv->wake, handle_closed);
}

/* The first handle to be opened fails only where the loop does, so there is at most none to close. */
static int handles_open(lw_uv *uv) {
    int error = uv_async_init(uv->loop, &uv->wake, wake_fired);
    if (error != 0) {
        if (uv->env.log != NULL) {
            uv->env.log(uv->env.user, LW_UNAVAILABLE, uv_strerror(error));
        }
        return error == UV_ENOMEM ? LW_NOMEM : LW_UNAVAILABLE;
    }
    uv_timer_init(uv->loop, &uv->timer); /* always succeeds */
    uv->timer.data = uv->wake.data = uv;
    uv->handles = HANDLES;
    uv_unref((uv_handle_t *)&uv->wake);
    return LW_OK;
}

int lw_uv_new(lw_uv **out, const lw_env *env, uv_loop_t *loop) {
    *out = NULL;
    lw_uv *uv = calloc(1, sizeof *uv);
    if (uv == NULL) {
        return LW_NOMEM;
    }
    uv->env = (lw_env)LW_ENV_INIT;
    if (env != NULL) {
        memcpy(&uv->env, env, env->size < sizeof uv->env ? env->size : sizeof uv->env);
    }
    if (uv->env.now == NULL) {
        uv->env.now = loop_time;
    }
    uv->loop = loop;
    uv->armed = UINT64_MAX;
    int error = lw_clock_new(&uv->clock, &uv->env, clock_rearm, uv);
    error = error == LW_OK ? handles_open(uv) : error;
    if (error != LW_OK) {
        lw_clock_free(uv->clock);
        free(uv);
        return error;
    }
    *out = uv;
    return LW_OK;
}

lw_clock *lw_uv_clock(lw_uv *uv) { return uv->clock; }

uv_loop_t *lw_uv_loop(lw_uv *uv) { return uv->loop; }
