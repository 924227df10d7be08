/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The guard of a store: every operation goes through it, patience, jitter, options, time that stands still or ends. */
#include "ledger.h"

#include "../store_contract.h"
#include "moody_store.h"

#include <loadwise/guard.h>

#define SECOND UINT64_C(1000000000)

static moody_store moody;
static ledger book;
static lw_store *guard;
static lw_guard_options options;

static struct {
    uint32_t count, state;
    uint64_t until;
} told;

static void note_change(void *user, uint32_t state, uint64_t until) {
    (void)user;
    told.count++;
    told.state = state;
    told.until = until;
}

static void open_guard(void) {
    lw_env env = ledger_env(&book, 3);
    options.changed = note_change;
    assert_int_equal(lw_store_guard_new(&guard, &env, &moody.store, &options), LW_OK);
}

static int set_up(void **state) {
    (void)state;
    ledger_open(&book);
    book.now = 5 * SECOND;
    moody_open(&moody);
    memset(&told, 0, sizeof told);
    options = (lw_guard_options)LW_GUARD_OPTIONS_INIT;
    options.jitter = 101;
    guard = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    lw_store_free(guard);
    ledger_close(&book);
    return 0;
}

static int call(void) { return lw_store_put(guard, "k", "v", 1, 0, 0); }

static void fail_calls(int count) {
    moody.answer = LW_UNAVAILABLE;
    for (int i = 0; i < count; i++) {
        assert_int_equal(call(), LW_UNAVAILABLE);
    }
}

/* ---- it is a store ---- */

static void pass_time(void *user, uint64_t ns) {
    (void)user;
    book.now += ns;
}

static void test_the_contract(void **state) {
    (void)state;
    lw_store *inner;
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_store_memory_new(&inner, &env, NULL), LW_OK);
    assert_int_equal(lw_store_guard_new(&guard, &env, inner, NULL), LW_OK);
    store_contract(guard, pass_time, NULL);
    lw_store_free(inner);
}

/* Operation number `which`; what it answers. */
static ptrdiff_t operate(int which, uint64_t deadline) {
    uint64_t cursor = 0;
    int64_t sum;
    char out[4];
    lw_store_step steps[2] = {batch_put("a", "x"), batch_put("b", "y")};
    switch (which) {
    case 0: return lw_store_get(guard, "k", out, sizeof out, deadline);
    case 1: return lw_store_put(guard, "k", "v", 1, 0, deadline);
    case 2: return lw_store_remove(guard, "k", deadline);
    case 3: return lw_store_list(guard, "", &cursor, 0, batch_note, &sum, deadline);
    case 4: return lw_store_add(guard, "k", 1, 0, &sum, deadline);
    case 5: return lw_store_compare_and_set(guard, "k", NULL, 0, "v", 1, 0, deadline);
    default: {
        int answer = lw_store_batch(guard, steps, 2, deadline);
        assert_int_equal(steps[0].answer, answer);
        assert_int_equal(steps[1].answer, answer);
        return answer;
    }
    }
}

static void test_every_operation_goes_through_it(void **state) {
    (void)state;
    options.failures = 1;
    options.successes = 1;
    open_guard();
    for (int which = 0; which < 7; which++) {
        uint64_t calls = moody.calls;
        moody.answer = 0;
        assert_int_equal(operate(which, 0), 0);
        assert_true(moody.deadline == book.now + SECOND / 20);
        assert_int_equal(operate(which, 77), 0);
        assert_int_equal(moody.deadline, 77);
        moody.answer = LW_FULL; /* a refusal is an answer */
        assert_int_equal(operate(which, 0), LW_FULL);
        assert_int_equal(lw_store_guard_state(guard), LW_GUARD_CLOSED);
        moody.answer = LW_UNAVAILABLE;
        assert_int_equal(operate(which, 0), LW_UNAVAILABLE);
        assert_int_equal(lw_store_guard_state(guard), LW_GUARD_OPEN);
        assert_int_equal(moody.calls, calls + 4);
        for (int other = 0; other < 7; other++) {
            assert_int_equal(operate(other, 0), LW_UNAVAILABLE);
        }
        assert_int_equal(moody.calls, calls + 4); /* nobody asked it */
        book.now += SECOND;
        moody.answer = LW_INVALID; /* it is there, whatever it says */
        assert_int_equal(operate(which, 0), LW_INVALID);
        assert_int_equal(lw_store_guard_state(guard), LW_GUARD_CLOSED);
    }
    assert_int_equal(told.count, 3 * 7);
}

static void test_only_failures_in_a_row_open_it(void **state) {
    (void)state;
    open_guard();
    for (int i = 0; i < 5; i++) {
        fail_calls(2);
        moody.answer = i % 2 == 0 ? LW_OK : LW_FULL;
        assert_int_equal(call(), moody.answer);
    }
    assert_int_equal(told.count, 0);
    fail_calls(3);
    assert_int_equal(told.count, 1);
}

/* ---- pauses ---- */

static void test_pauses_double_up_to_the_longest(void **state) {
    (void)state;
    static const uint64_t pauses[] = {1, 2, 4, 8, 16, 30, 30, 30};
    open_guard();
    fail_calls(3);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        assert_int_equal(told.state, LW_GUARD_OPEN);
        assert_true(told.until == book.now + pauses[i] * SECOND);
        book.now = told.until - 1;
        fail_calls(1);
        assert_int_equal(lw_store_guard_state(guard), LW_GUARD_OPEN);
        book.now++;
        fail_calls(1);
    }
    book.now = told.until;
    moody.answer = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(told.state, LW_GUARD_HALF_OPEN);
    assert_int_equal(told.until, 0);
    assert_int_equal(call(), 0);
    assert_int_equal(told.state, LW_GUARD_CLOSED);
    fail_calls(3);
    assert_true(told.until == book.now + SECOND); /* from the beginning */
}

static void test_jitter(void **state) {
    (void)state;
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    options.failures = 1;
    options.successes = 1;
    options.jitter = 10;
    options.max_pause = SECOND + SECOND / 20;
    open_guard();
    for (int i = 0; i < 1000; i++) {
        fail_calls(1);
        uint64_t pause = told.until - book.now;
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
        sum += pause;
        book.now = told.until;
        moody.answer = 0;
        assert_int_equal(call(), 0);
    }
    assert_in_range(least, SECOND / 10 * 9, SECOND / 100 * 91);
    assert_int_equal(most, SECOND + SECOND / 20); /* and no longer than the longest */
    assert_in_range(sum / 1000, SECOND / 1000 * 970, SECOND);
}

/* ---- calls under way ---- */

static void ask_again(void *user) {
    int *answers = user;
    moody.meanwhile = NULL;
    assert_int_equal(call(), LW_UNAVAILABLE);
    ++*answers;
}

static void test_half_open_lets_one_call_at_a_time_through(void **state) {
    (void)state;
    int refused = 0;
    open_guard();
    fail_calls(3);
    book.now += SECOND;
    moody.answer = 0;
    moody.user = &refused;
    for (int i = 0; i < 2; i++) {
        uint64_t calls = moody.calls;
        assert_int_equal(lw_store_guard_state(guard), i == 0 ? LW_GUARD_OPEN : LW_GUARD_HALF_OPEN);
        moody.meanwhile = ask_again;
        assert_int_equal(call(), 0);
        assert_int_equal(moody.calls, calls + 1);
    }
    assert_int_equal(refused, 2);
    assert_int_equal(lw_store_guard_state(guard), LW_GUARD_CLOSED);
}

/* While this call is under way, others open the guard, and close it again. */
static void open_and_close(void *user) {
    int keep = moody.answer;
    (void)user;
    moody.meanwhile = NULL;
    fail_calls(3);
    book.now += SECOND;
    moody.answer = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(call(), 0);
    fail_calls(2);
    moody.answer = keep;
}

static void open_only(void *user) {
    (void)user;
    moody.meanwhile = NULL;
    fail_calls(3);
}

static void test_late_answers_say_nothing(void **state) {
    (void)state;
    open_guard();
    moody.meanwhile = open_and_close;
    moody.answer = LW_UNAVAILABLE;
    assert_int_equal(call(), LW_UNAVAILABLE); /* the third in a row, but from before */
    assert_int_equal(lw_store_guard_state(guard), LW_GUARD_CLOSED);
    assert_int_equal(told.count, 3);
    moody.meanwhile = open_and_close;
    moody.answer = 0;
    assert_int_equal(call(), 0); /* would end the row of failures */
    fail_calls(1);
    assert_int_equal(lw_store_guard_state(guard), LW_GUARD_OPEN);

    book.now += 60 * SECOND;
    moody.answer = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(call(), 0);
    uint32_t changes = told.count;
    moody.meanwhile = open_only;
    moody.answer = LW_UNAVAILABLE;
    assert_int_equal(call(), LW_UNAVAILABLE);
    assert_int_equal(told.count, changes + 1); /* opened once */
    assert_true(told.until == book.now + SECOND);
}

/* ---- time, and what is allowed ---- */

static void test_time_that_stands_still_steps_back_or_ends(void **state) {
    (void)state;
    open_guard();
    fail_calls(3);
    book.now = 0;
    fail_calls(5);
    assert_int_equal(moody.calls, 3);
    book.now = 6 * SECOND - 1; /* the pause began at 5 s */
    fail_calls(1);
    assert_int_equal(moody.calls, 3);
    book.now = UINT64_MAX - 5;
    fail_calls(1);
    assert_int_equal(moody.calls, 4);
    assert_true(moody.deadline == UINT64_MAX && told.until == UINT64_MAX);
    fail_calls(1);
    assert_int_equal(moody.calls, 4);
    book.now = UINT64_MAX;
    fail_calls(1);
    assert_int_equal(moody.calls, 5);
}

static void refused(int code, const char *text) {
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_store_guard_new(&guard, &env, &moody.store, &options), code);
    assert_null(guard);
    assert_told(&book, code, text);
    options = (lw_guard_options)LW_GUARD_OPTIONS_INIT;
}

static void test_options(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    options.failures = 1001;
    refused(LW_RANGE, "failures 1001 is not from 1 to 1000");
    options.successes = UINT32_MAX;
    refused(LW_RANGE, "successes 4294967295 is not from 1 to 1000");
    options.pause = 2 * SECOND;
    options.max_pause = SECOND;
    refused(LW_RANGE, "max_pause 1000000000 ns is below the pause of 2000000000 ns");
    assert_int_equal(lw_store_guard_new(&guard, &env, NULL, NULL), LW_INVALID);
    assert_told(&book, LW_INVALID, "no store");
    env.release = NULL;
    assert_int_equal(lw_store_guard_new(&guard, &env, &moody.store, NULL), LW_INVALID);
    assert_null(guard);

    options.size = offsetof(lw_guard_options, pause); /* an older caller */
    options.failures = 1;
    options.pause = 1;
    options.changed = note_change;
    env = ledger_env(&book, 1);
    assert_int_equal(lw_store_guard_new(&guard, &env, &moody.store, &options), LW_OK);
    fail_calls(1);
    assert_int_equal(told.count, 0);
    book.now += SECOND / 2;
    fail_calls(1);
    assert_int_equal(moody.calls, 1);
}

static void test_the_longest_pauses(void **state) {
    (void)state;
    options.failures = 1;
    options.jitter = 100;
    options.patience = options.pause = options.max_pause = UINT64_MAX;
    open_guard();
    fail_calls(1);
    assert_true(moody.deadline == UINT64_MAX / 2 + book.now);
    fail_calls(1);
    assert_true(told.until >= book.now && told.until <= book.now + UINT64_MAX / 2);
    lw_store_free(guard);
    options.max_pause = 0; /* the default is below the pause */
    open_guard();
}

static void test_what_is_no_guard(void **state) {
    (void)state;
    assert_int_equal(lw_store_guard_state(NULL), LW_INVALID);
    assert_int_equal(lw_store_guard_state(&moody.store), LW_INVALID);
    open_guard();
    assert_int_equal(lw_store_guard_state(guard), LW_GUARD_CLOSED);
}

static void test_there_is_no_memory(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    book.fail_at = 1;
    assert_int_equal(lw_store_guard_new(&guard, &env, &moody.store, NULL), LW_NOMEM);
    assert_null(guard);
    open_guard();
}

#define GUARD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        GUARD_TEST(test_the_contract),
        GUARD_TEST(test_every_operation_goes_through_it),
        GUARD_TEST(test_only_failures_in_a_row_open_it),
        GUARD_TEST(test_pauses_double_up_to_the_longest),
        GUARD_TEST(test_jitter),
        GUARD_TEST(test_half_open_lets_one_call_at_a_time_through),
        GUARD_TEST(test_late_answers_say_nothing),
        GUARD_TEST(test_time_that_stands_still_steps_back_or_ends),
        GUARD_TEST(test_options),
        GUARD_TEST(test_the_longest_pauses),
        GUARD_TEST(test_what_is_no_guard),
        GUARD_TEST(test_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
