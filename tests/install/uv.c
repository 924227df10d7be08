/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stranger's program on a libuv loop; to be linked, it needs nothing but what was installed and libuv. Exits with the
 * number of the first thing that went wrong.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* libuv's header wants it where the compiler is told to be strict */
#endif
#include <loadwise/uv.h>

static int fired;
static void timer_fired(lw_timer *timer) {
    (void)timer;
    fired++;
}
static void task_run(lw_uv_task *task) {
    (void)task;
    fired += 10;
}
static void all_closed(void *user) { *(int *)user = 1; }

int main(void) {
    lw_uv *uv;
    lw_uv_task task;
    static lw_timer timer;
    int closed = 0;

    if (lw_uv_new(&uv, NULL, uv_default_loop()) != LW_OK || lw_uv_loop(uv) != uv_default_loop()) {
        return 1;
    }
    timer.fired = timer_fired;
    task.run = task_run;
    lw_timer_start(lw_uv_clock(uv), &timer, lw_clock_now(lw_uv_clock(uv)) + 1000000);
    lw_uv_post(uv, &task);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    if (fired != 11) {
        return 2;
    }
    lw_uv_close(uv, all_closed, &closed);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return closed == 1 && uv_loop_close(uv_default_loop()) == 0 ? 0 : 3;
}
