/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The clock against a sorted list: starts, moves, stops and runs at random; timers that start and stop others. */
#include "service_desk.h"

#include <string.h>

enum { TIMERS = 40, STEPS = 20000 };

static struct bell {
    lw_timer timer;
    int rung, runs;
    uint64_t due, order; /* as the list has them */
} bells[TIMERS];
static uint64_t orders, random_state, rearmed;
static lw_clock *tower;
static struct bell *expected[TIMERS];
static size_t expected_count, rung_count;

static uint64_t draw(uint64_t below) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (random_state >> 33) % below;
}

static uint64_t earliest(void) {
    uint64_t due = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        due = bells[i].runs && bells[i].due < due ? bells[i].due : due;
    }
    return due;
}

static void bell_start(struct bell *bell, uint64_t due) {
    bell->runs = 0;
    uint64_t before = earliest();
    rearmed = UINT64_MAX;
    lw_timer_start(tower, &bell->timer, due);
    bell->runs = 1;
    bell->due = due;
    bell->order = orders++;
    assert_true(rearmed == (due < before ? due : UINT64_MAX));
}

static void bell_stop(struct bell *bell) {
    lw_timer_stop(tower, &bell->timer);
    bell->runs = 0;
}

/* The list says that this one is next; then others are started and stopped, which must not upset the order. */
static void bell_fired(lw_timer *timer) {
    struct bell *bell = (struct bell *)(void *)timer;
    assert_int_equal(lw_timer_runs(timer), 0);
    while (rung_count < expected_count && !expected[rung_count]->rung) {
        rung_count++; /* stopped or moved meanwhile */
    }
    assert_true(rung_count < expected_count);
    assert_ptr_equal(expected[rung_count], bell);
    rung_count++;
    bell->runs = bell->rung = 0;
    if (draw(3) == 0) {
        bell_start(bell, executor_time + draw(50));
    }
    struct bell *other = &bells[draw(TIMERS)];
    if (draw(4) == 0 && other->runs) {
        other->rung = 0;
        bell_stop(other);
    }
}

static int by_due(const void *a, const void *b) {
    const struct bell *x = *(struct bell *const *)a, *y = *(struct bell *const *)b;
    return x->due != y->due ? (x->due < y->due ? -1 : 1) : x->order < y->order ? -1 : x->order > y->order;
}

static void run_against_list(void) {
    expected_count = rung_count = 0;
    for (int i = 0; i < TIMERS; i++) {
        bells[i].rung = bells[i].runs && bells[i].due <= executor_time;
        if (bells[i].rung) {
            expected[expected_count++] = &bells[i];
        }
    }
    qsort(expected, expected_count, sizeof *expected, by_due);
    uint64_t next = lw_clock_run(tower);
    for (; rung_count < expected_count; rung_count++) {
        assert_int_equal(expected[rung_count]->rung, 0); /* none was forgotten */
    }
    assert_true(next == earliest() && next == lw_clock_next(tower));
}

static void rearm(void *user, uint64_t due) {
    assert_ptr_equal(user, &tower);
    rearmed = due;
}

static void fires_as_a_sorted_list_would(void **state) {
    lw_env env = desk_env();
    (void)state;
    executor_time = 1000;
    random_state = 11;
    assert_int_equal(lw_clock_new(&tower, &env, rearm, &tower), LW_OK);
    for (int i = 0; i < TIMERS; i++) {
        bells[i].timer.fired = bell_fired;
    }
    for (int i = 0; i < STEPS; i++) {
        struct bell *bell = &bells[draw(TIMERS)];
        switch (draw(8)) {
        case 0: bell_stop(bell); break;
        case 1: executor_time += draw(30); break;
        case 2: run_against_list(); break;
        default: bell_start(bell, executor_time + draw(60)); break;
        }
        assert_int_equal(lw_timer_runs(&bell->timer), bell->runs);
        assert_true(lw_clock_next(tower) == earliest());
    }
    executor_time = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        bell_stop(&bells[i]);
    }
    assert_true(lw_clock_next(tower) == UINT64_MAX);
    lw_clock_free(tower);
}

/* ---- times that have come ---- */

static struct twin {
    lw_timer timer;
    lw_timer *starts;
    uint64_t due;
} first, second, third;
static char said[8];

static void twin_fired(lw_timer *timer) {
    struct twin *twin = (struct twin *)(void *)timer;
    said[strlen(said)] = twin == &first ? '1' : twin == &second ? '2' : '3';
    if (twin->starts != NULL) {
        lw_timer_start(tower, twin->starts, twin->due);
        twin->starts = NULL;
    }
}

/* A timer that is started for the past in a run waits for the next one, and does not hold up those that were due. */
static void the_past_comes_next(void **state) {
    lw_env env = desk_env();
    (void)state;
    executor_time = 10;
    first.timer.fired = second.timer.fired = third.timer.fired = twin_fired;
    assert_int_equal(lw_clock_new(&tower, &env, NULL, NULL), LW_OK);
    first.starts = &third.timer;
    first.due = 1;
    lw_timer_start(tower, &first.timer, 5);
    lw_timer_start(tower, &second.timer, 8);
    assert_true(lw_clock_run(tower) <= 10);
    assert_string_equal(said, "12");
    assert_true(lw_clock_run(tower) == UINT64_MAX);
    assert_string_equal(said, "123");
    lw_timer_start(tower, &first.timer, 20);
    executor_time = 3; /* a step back */
    assert_true(lw_clock_run(tower) == 20);
    lw_timer_stop(tower, &first.timer);
    lw_timer_stop(tower, &first.timer);
    lw_clock_free(tower);
    lw_clock_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_as_a_sorted_list_would),
        cmocka_unit_test(the_past_comes_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
