/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The adapter for libuv: when timers fire and what keeps the loop alive, tasks of many threads, and the end. */
#include <loadwise/uv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

enum { TIMERS = 200, THREADS = 4, TASKS = 20000 };

static uv_loop_t loop;
static lw_uv *uv;
static long blocks;

static void *count_alloc(void *user, size_t size) {
    (void)user;
    blocks++;
    return malloc(size);
}
static void count_release(void *user, void *memory) {
    (void)user;
    blocks--;
    free(memory);
}

static int start(void **state) {
    lw_env env = LW_ENV_INIT;
    (void)state;
    env.alloc = count_alloc;
    env.release = count_release;
    return uv_loop_init(&loop) != 0 || lw_uv_new(&uv, &env, &loop) != LW_OK;
}

static void told(void *user) { *(bool *)user = true; }

static int stop(void **state) {
    bool closed = uv == NULL;
    (void)state;
    lw_uv_close(uv, told, &closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    return !closed || uv_loop_close(&loop) != 0 || blocks != 0;
}

/* ---- timers ---- */

struct alarm {
    lw_timer timer;
    uint64_t due, at;
    unsigned fired;
};

static struct alarm alarms[TIMERS];
static uint64_t latest_due;

static void alarm_fired(lw_timer *timer) {
    struct alarm *alarm = (struct alarm *)(void *)timer;
    alarm->at = lw_clock_now(lw_uv_clock(uv));
    alarm->fired++;
    assert_true(alarm->due >= latest_due);
    latest_due = alarm->due;
}

static void alarm_start(struct alarm *alarm, uint64_t due) {
    *alarm = (struct alarm){.timer.fired = alarm_fired, .due = due};
    lw_timer_start(lw_uv_clock(uv), &alarm->timer, due);
}

/* Steps of 137 us, started in any order. */
static void timers_fire_in_order_and_never_early(void **state) {
    uint64_t now = lw_clock_now(lw_uv_clock(uv));
    (void)state;
    latest_due = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        alarm_start(&alarms[i], now + i * 7 % TIMERS * 137000);
    }
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(alarms[i].fired, 1);
        assert_true(alarms[i].at >= alarms[i].due);
    }
}

static void a_stopped_timer_does_not_keep_the_loop_alive(void **state) {
    uint64_t now = lw_clock_now(lw_uv_clock(uv));
    (void)state;
    latest_due = 0;
    alarm_start(&alarms[0], now + 3600 * 1000 * MS);
    assert_true(uv_loop_alive(&loop));
    assert_int_not_equal(uv_run(&loop, UV_RUN_NOWAIT), 0);
    lw_timer_stop(lw_uv_clock(uv), &alarms[0].timer);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* or this takes an hour */
    alarm_start(&alarms[1], now);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(alarms[0].fired, 0);
    assert_int_equal(alarms[1].fired, 1);
}

/* The handle was set for a timer that is gone; a later one fires all the same, at its time. */
static void a_later_timer_takes_over(void **state) {
    uint64_t now = lw_clock_now(lw_uv_clock(uv));
    (void)state;
    latest_due = 0;
    alarm_start(&alarms[0], now + 2 * MS);
    alarm_start(&alarms[1], now + 12 * MS);
    lw_timer_stop(lw_uv_clock(uv), &alarms[0].timer);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(alarms[0].fired, 0);
    assert_int_equal(alarms[1].fired, 1);
    assert_true(alarms[1].at >= alarms[1].due);
}

/* Due when the sun has burnt out. */
static void the_end_of_time_is_no_overflow(void **state) {
    (void)state;
    alarm_start(&alarms[0], UINT64_MAX - 1);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(alarms[0].fired, 0);
    lw_timer_stop(lw_uv_clock(uv), &alarms[0].timer);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
}

/* ---- tasks ---- */

struct errand {
    lw_uv_task task;
    unsigned thread, number;
};

static struct errand errands[THREADS][TASKS];
static unsigned ran[THREADS];
static unsigned all;

static void close_after_all(void) {
    if (all == THREADS * TASKS) { /* the thread that posted the last may still be in lw_uv_post */
        lw_uv *closing = uv;
        uv = NULL;
        lw_uv_close(closing, NULL, NULL);
    }
}

static void errand_run(lw_uv_task *task) {
    struct errand *errand = (struct errand *)(void *)task;
    assert_int_equal(ran[errand->thread], errand->number);
    ran[errand->thread]++;
    all++;
    close_after_all();
}

static void *post_all(void *user) {
    struct errand *mine = user;
    lw_uv *where = uv;
    for (unsigned i = 0; i < TASKS; i++) {
        mine[i].task.run = errand_run;
        mine[i].number = i;
        lw_uv_post(where, &mine[i].task);
    }
    return NULL;
}

/* The handle that is waited with: the wake-up alone keeps no loop alive. */
static void nothing(uv_idle_t *handle) {
    if (uv == NULL) {
        uv_close((uv_handle_t *)handle, NULL);
    }
}

static void tasks_of_many_threads_run_once_and_in_order(void **state) {
    pthread_t threads[THREADS];
    uv_idle_t idle;
    (void)state;
    uv_idle_init(&loop, &idle);
    uv_idle_start(&idle, nothing);
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned k = 0; k < TASKS; k++) {
            errands[i][k].thread = i;
        }
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, errands[i]), 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(ran[i], TASKS);
    }
}

/* The first of three closes; the second posts one more. */
static unsigned chain;
static lw_uv_task links[4];
static void link_run(lw_uv_task *task) {
    if (task == &links[0]) {
        lw_uv *closing = uv;
        uv = NULL;
        lw_uv_close(closing, NULL, NULL);
        assert_int_equal(chain, 321); /* all others have run */
    } else {
        chain = chain + (unsigned)(task - links) * (task == &links[1] ? 1 : task == &links[2] ? 10 : 100);
    }
}

static void closing_runs_what_was_posted(void **state) {
    uv_idle_t idle;
    (void)state;
    uv_idle_init(&loop, &idle);
    uv_idle_start(&idle, nothing);
    for (size_t i = 0; i < 4; i++) {
        links[i].run = link_run;
        lw_uv_post(uv, &links[i]);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(chain, 321);
}

static void half_an_allocator_is_refused(void **state) {
    lw_env env = LW_ENV_INIT;
    lw_uv *none = (lw_uv *)&env;
    (void)state;
    env.alloc = count_alloc;
    assert_int_equal(lw_uv_new(&none, &env, &loop), LW_INVALID);
    assert_null(none);
    lw_uv_close(NULL, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_never_early, start, stop),
        cmocka_unit_test_setup_teardown(a_stopped_timer_does_not_keep_the_loop_alive, start, stop),
        cmocka_unit_test_setup_teardown(a_later_timer_takes_over, start, stop),
        cmocka_unit_test_setup_teardown(the_end_of_time_is_no_overflow, start, stop),
        cmocka_unit_test_setup_teardown(tasks_of_many_threads_run_once_and_in_order, start, stop),
        cmocka_unit_test_setup_teardown(closing_runs_what_was_posted, start, stop),
        cmocka_unit_test_setup_teardown(half_an_allocator_is_refused, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
