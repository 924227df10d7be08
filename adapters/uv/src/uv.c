/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A clock on libuv: one uv_timer_t, set when a timer becomes the earliest, looked after when it fires. It may then find
 * that the one it was set for has been stopped, and sets itself for the next. So that no stopped timer keeps the loop
 * alive, a uv_prepare_t stops the handle, before the loop waits, when nothing is left to wait for.
 *
 * libuv counts whole milliseconds: the handle fires in the first one that begins when the timer is due, never before
 * it.
 *
 * Posting: tasks are pushed on a stack by compare-and-swap and the loop is woken; it takes the whole stack and turns it
 * round. Cost: three atomic operations and, when the stack was empty, one uv_async_send.
 */
#include "host.h"

#include <loadwise/uv.h>
#include <sched.h>

#define NS_PER_MS UINT64_C(1000000)

enum { HANDLES = 3 };

struct lw_uv {
    lw_env env;
    uv_loop_t *loop;
    lw_clock *clock;
    uv_timer_t timer;
    uv_prepare_t before_wait;
    uv_async_t wake;
    uint64_t armed;     /* when the timer handle is to fire; UINT64_MAX: it is stopped */
    lw_uv_task *posted; /* latest first; atomic */
    lw_uv_task *ready;  /* taken from there, first come first */
    unsigned posting;   /* threads inside of lw_uv_post; atomic */
    int handles;        /* not closed yet */
    void (*closed)(void *user);
    void *user;
};

static uint64_t loop_time(void *user) {
    (void)user;
    return uv_hrtime();
}

/* ---- the timer ---- */

static void timer_fired(uv_timer_t *handle);

/* What is due by now does not wait for the next millisecond to begin; for what always is, no clock is read. */
static uint64_t ms_until(lw_uv *uv, uint64_t due) {
    uint64_t now = due > 0 ? uv->env.now(uv->env.user) : 0;
    if (due <= now) {
        return 0;
    }
    uint64_t wait = due - now, real = uv_hrtime(), at = wait < UINT64_MAX - real ? real + wait : UINT64_MAX;
    uv_update_time(uv->loop);
    uint64_t ms = at / NS_PER_MS + (at % NS_PER_MS != 0), begins = uv_now(uv->loop);
    return ms > begins ? ms - begins : 0;
}

static void timer_arm(lw_uv *uv, uint64_t due) {
    uv->armed = due;
    uv_timer_start(&uv->timer, timer_fired, ms_until(uv, due), 0);
}

static void timer_fired(uv_timer_t *handle) {
    lw_uv *uv = handle->data;
    uv->armed = UINT64_MAX;
    uint64_t next = lw_clock_run(uv->clock);
    if (next < uv->armed) {
        timer_arm(uv, next);
    }
}

static void clock_rearm(void *user, uint64_t due) {
    lw_uv *uv = user;
    if (due < uv->armed) {
        timer_arm(uv, due);
    }
}

static void loop_will_wait(uv_prepare_t *handle) {
    lw_uv *uv = handle->data;
    if (uv->armed != UINT64_MAX && lw_clock_next(uv->clock) == UINT64_MAX) {
        uv->armed = UINT64_MAX;
        uv_timer_stop(&uv->timer);
    }
}

/* ---- tasks ---- */

/* Behind those that are ready. */
static void tasks_take(lw_uv *uv) {
    lw_uv_task *latest = __atomic_exchange_n(&uv->posted, NULL, __ATOMIC_ACQUIRE), *first = NULL;
    while (latest != NULL) {
        lw_uv_task *next = latest->next;
        latest->next = first;
        first = latest;
        latest = next;
    }
    lw_uv_task **end = &uv->ready;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = first;
}

/* A task may run the rest of them itself, by closing. */
static void tasks_run(lw_uv *uv) {
    while (uv->ready != NULL) {
        lw_uv_task *task = uv->ready;
        uv->ready = task->next;
        task->run(task);
    }
}

static void wake_fired(uv_async_t *handle) {
    tasks_take(handle->data);
    tasks_run(handle->data);
}

/* Who pushes on an empty stack wakes the loop for all. The task may have run by then, and have closed the lw_uv, which
   waits for those who are in here. */
void lw_uv_post(lw_uv *uv, lw_uv_task *task) {
    __atomic_fetch_add(&uv->posting, 1, __ATOMIC_RELAXED);
    lw_uv_task *before = __atomic_load_n(&uv->posted, __ATOMIC_RELAXED);
    do {
        task->next = before;
    } while (!__atomic_compare_exchange_n(&uv->posted, &before, task, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (before == NULL) {
        uv_async_send(&uv->wake);
    }
    __atomic_fetch_sub(&uv->posting, 1, __ATOMIC_RELEASE);
}

/* ---- birth and end ---- */

static void uv_gone(lw_uv *uv) {
    lw_env env = uv->env;
    void (*closed)(void *user) = uv->closed;
    void *user = uv->user;
    lw_clock_free(uv->clock);
    lw__host_release(&env, uv);
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
    do {
        tasks_take(uv);
        tasks_run(uv);
        while (__atomic_load_n(&uv->posting, __ATOMIC_ACQUIRE) != 0) {
            sched_yield();
        }
    } while (__atomic_load_n(&uv->posted, __ATOMIC_RELAXED) != NULL);
    uv->closed = closed;
    uv->user = user;
    uv_close((uv_handle_t *)&uv->timer, handle_closed);
    uv_close((uv_handle_t *)&uv->before_wait, handle_closed);
    uv_close((uv_handle_t *)&uv->wake, handle_closed);
}

/* Only the first of the handles can fail, so there is none to close then. */
static int handles_open(lw_uv *uv) {
    int error = uv_async_init(uv->loop, &uv->wake, wake_fired);
    if (error != 0) {
        return lw__host_fail(&uv->env, error == UV_ENOMEM ? LW_NOMEM : LW_UNAVAILABLE, "uv: %s", uv_strerror(error));
    }
    uv_timer_init(uv->loop, &uv->timer);
    uv_prepare_init(uv->loop, &uv->before_wait);
    uv_prepare_start(&uv->before_wait, loop_will_wait);
    uv->timer.data = uv->before_wait.data = uv->wake.data = uv;
    uv->handles = HANDLES;
    uv_unref((uv_handle_t *)&uv->wake);
    uv_unref((uv_handle_t *)&uv->before_wait);
    return LW_OK;
}

int lw_uv_new(lw_uv **out, const lw_env *given, uv_loop_t *loop) {
    lw_env env;
    *out = NULL;
    int error = lw__host_env(&env, given);
    if (error != LW_OK) {
        return error;
    }
    env.now = env.now != NULL ? env.now : loop_time;
    lw_uv *uv = lw__host_alloc(&env, sizeof *uv);
    if (uv == NULL) {
        return LW_NOMEM;
    }
    uv->env = env;
    uv->loop = loop;
    uv->armed = UINT64_MAX;
    error = lw_clock_new(&uv->clock, &env, clock_rearm, uv);
    error = error == LW_OK ? handles_open(uv) : error;
    if (error != LW_OK) {
        lw_clock_free(uv->clock);
        lw__host_release(&env, uv);
        return error;
    }
    *out = uv;
    return LW_OK;
}

lw_clock *lw_uv_clock(lw_uv *uv) { return uv->clock; }

uv_loop_t *lw_uv_loop(lw_uv *uv) { return uv->loop; }
