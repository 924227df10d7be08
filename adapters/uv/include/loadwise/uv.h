/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Services on a libuv loop: the clock that they go by, and a way into the loop for other threads. In libloadwise-uv.
 *
 *     lw_uv *uv;
 *     lw_uv_new(&uv, NULL, uv_default_loop());
 *     lw_stack_new(&stack, NULL, lw_uv_clock(uv), pool, "retry | balance p2c", NULL);
 *     uv_run(loop, UV_RUN_DEFAULT);
 *     ...
 *     lw_stack_free(stack);
 *     lw_uv_close(uv, NULL, NULL);                    // and the loop runs once more, as for every handle
 *
 * One timer handle serves all timers of the clock: started when there is one, stopped when there is none. So a timer
 * that is started keeps the loop alive, and nothing else here does. It fires in the first whole millisecond of libuv's
 * that begins when it is due, never before.
 *
 * Threads: everything on the loop's thread, but lw_uv_post. Errors of libuv are translated: UV_ENOMEM to LW_NOMEM,
 * others to LW_UNAVAILABLE, and the log has libuv's words.
 */
#ifndef LOADWISE_UV_H
#define LOADWISE_UV_H

#include <loadwise/clock.h>
#include <uv.h>

LW_BEGIN

typedef struct lw_uv lw_uv;

/* Something to be done on the loop's thread. To be embedded in what it is about; stays where it is until it has run. */
typedef struct lw_uv_task lw_uv_task;
struct lw_uv_task {
    void (*run)(lw_uv_task *task); /* set by its owner; the task may be posted again or freed then */
    lw_uv_task *next;              /* the loop's */
};

/* Opens three handles on the loop, which is borrowed. env is copied; where it has a clock of its own, that one must run
   at the pace of uv_hrtime. Errors: LW_NOMEM, LW_UNAVAILABLE, LW_INVALID. */
LW_API int lw_uv_new(lw_uv **out, const lw_env *env, uv_loop_t *loop);

/* Closes the handles; the memory goes with the last of them, in the loop, when `closed` (or NULL) is told. No timer may
   be started, and no post may begin any more; one that has is waited for, so that the last task may close. Tasks that
   were posted before have run or run now. NULL-safe. */
LW_API void lw_uv_close(lw_uv *uv, void (*closed)(void *user), void *user);

/* The clock of the loop. Lives as long as the lw_uv. */
LW_API lw_clock *lw_uv_clock(lw_uv *uv);

/* The loop. */
LW_API uv_loop_t *lw_uv_loop(lw_uv *uv);

/* Runs the task on the loop's thread, soon; tasks of one thread in order. Any thread, any time until lw_uv_close; no
   lock, no allocation. */
LW_API void lw_uv_post(lw_uv *uv, lw_uv_task *task);

LW_END

#endif
