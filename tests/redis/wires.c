/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A wire that breaks, lies, drips or is late, between a store and a server that is well. The server does all that it is
 * asked, so whatever the store makes of an answer, nothing may count twice and no answer may go to another's question.
 */
#include "load.h"

#include "rig/proxy.h"

enum { WIRE_CUTS = 80, WIRE_BEFORE = 20, WIRE_DURING = 4 };

static struct server wire_server;
static struct proxy wire_proxy;
static struct load wire_load;

static int wire_open(void **state) {
    (void)state;
    server_start(&wire_server, NULL);
    proxy_start(&wire_proxy, wire_server.port);
    return 0;
}

static int wire_close(void **state) {
    (void)state;
    proxy_stop(&wire_proxy);
    server_stop(&wire_server);
    return 0;
}

/* For calls that are meant to be answered. */
static uint64_t wire_patience(void) { return rig_now() + SITE_LONG; }

static lw_store *wire_store(void) { return site_store_at(wire_proxy.port, 100); }

/* Waits for an answer that is not LW_UNAVAILABLE, as a store gives it once it has connected again. */
static ptrdiff_t wire_get(lw_store *store, const char *key, char *value, size_t room) {
    ptrdiff_t answer;
    uint64_t end = wire_patience();
    do {
        answer = lw_store_get(store, key, value, room, 0);
    } while (answer == LW_UNAVAILABLE && rig_now() < end);
    return answer;
}

/* ---- under load ---- */

static void wire_under_load(uint32_t mood, size_t amount, enum load_kind kind, uint32_t others) {
    lw_store *store = wire_store();
    load_begin(&wire_load, store, mood == PROXY_DRIP ? LOAD_PATIENT : LOAD_PATIENCE, false);
    for (int i = 0; i < 3; i++) {
        load_await(&wire_load, LOAD_DONE, WIRE_BEFORE);
        proxy_set(&wire_proxy, mood, amount + (size_t)i);
        load_await(&wire_load, kind, WIRE_DURING);
        assert_true(proxy_done(&wire_proxy) > 0);
        proxy_set(&wire_proxy, PROXY_PASS, 0);
    }
    load_await(&wire_load, LOAD_DONE, WIRE_BEFORE);
    load_end(&wire_load, others);
    lw_store_free(store);
}

static void test_cut_under_load(void **state) {
    (void)state;
    wire_under_load(PROXY_CUT, 2, LOAD_UNAVAILABLE, 1 << LOAD_UNAVAILABLE);
}

static void test_closed_under_load(void **state) {
    (void)state;
    wire_under_load(PROXY_CLOSE, 0, LOAD_UNAVAILABLE, 1 << LOAD_UNAVAILABLE);
}

static void test_late_under_load(void **state) {
    (void)state;
    wire_under_load(PROXY_HOLD, 0, LOAD_UNAVAILABLE, 1 << LOAD_UNAVAILABLE);
}

static void test_drip_under_load(void **state) {
    (void)state;
    wire_under_load(PROXY_DRIP, 0, LOAD_DONE, 0);
}

/* ---- one by one ---- */

/* Cut after each number of bytes: what was sent and not answered is unknown, and was done once at most. */
static void test_cut_anywhere(void **state) {
    lw_store *store = wire_store();
    int64_t sum = 0, done = 0, lost = 0;
    (void)state;
    assert_int_equal(lw_store_add(store, "cut", 0, 0, NULL, wire_patience()), LW_OK);
    for (size_t bytes = 0; bytes < WIRE_CUTS; bytes++) {
        proxy_set(&wire_proxy, PROXY_CUT, bytes);
        int answer = lw_store_add(store, "cut", 1, 0, NULL, 0);
        assert_true(answer == LW_OK || answer == LW_UNAVAILABLE);
        done += answer == LW_OK;
        lost += answer != LW_OK;
        proxy_set(&wire_proxy, PROXY_PASS, 0);
        char value[32];
        assert_true(wire_get(store, "cut", value, sizeof value) > 0);
    }
    assert_int_equal(lw_store_add(store, "cut", 0, 0, &sum, wire_patience()), LW_OK);
    assert_true(lost > 0 && sum >= done && sum <= done + lost);
    assert_true(site_stats(store).broken > 0);
    lw_store_free(store);
}

/* What may be asked twice is: a get whose answer was cut once has an answer all the same. */
static void test_get_is_asked_again(void **state) {
    lw_store *store = wire_store();
    char value[8];
    (void)state;
    assert_int_equal(lw_store_put(store, "again", "here", 4, 0, wire_patience()), LW_OK);
    proxy_done(&wire_proxy);
    for (int i = 0; i < 5; i++) {
        proxy_set(&wire_proxy, PROXY_CUT, 8); /* the first answer is cut in its last bytes, the next begins at zero */
        ptrdiff_t answer = lw_store_get(store, "again", value, sizeof value, wire_patience());
        assert_true(answer == LW_UNAVAILABLE || answer == 4);
        proxy_set(&wire_proxy, PROXY_PASS, 0);
        assert_int_equal(wire_get(store, "again", value, sizeof value), 4);
        assert_memory_equal(value, "here", 4);
    }
    assert_true(site_stats(store).retries > 0);
    lw_store_free(store);
}

/* Three calls that are lied to, none of which may believe it. */
static void wire_believe(lw_store *store, size_t lie) {
    lw_posting posting;
    lw_charge charge;
    char value[16];
    lw_store_step step = load_posting(&posting, &charge, 1);
    ptrdiff_t got = lw_store_get(store, "lie", value, sizeof value, rig_now() + LOAD_PATIENCE);
    int put = lw_store_put(store, "lie", "truth", 5, 0, rig_now() + LOAD_PATIENCE);
    int code = lw_store_batch(store, &step, 1, rig_now() + LOAD_PATIENCE);
    if (got >= 0 || put >= 0 || (code == LW_OK && step.answer >= 0)) {
        fail_msg("lie %zu was believed: get %td, put %d, batch %d, charge %td", lie, got, put, code, step.answer);
    }
}

/* Whether so many calls of LOAD_PATIENCE each took longer than they may. */
static bool wire_is_late(uint64_t began, uint64_t kept, uint32_t calls) {
    return rig_now() - began > calls * (LOAD_PATIENCE + LOAD_SLACK) + (rig_kept_waiting() - kept);
}

/* Bytes that are no answer, or not to what was asked. The proxy may be slower than all three calls. */
static void test_garbage(void **state) {
    static const char *const lies[] = {"garbage\r\n",
                                       "HTTP/1.1 400 Bad Request\r\n\r\n",
                                       ":abc\r\n",
                                       ":99999999999999999999999\r\n",
                                       "$99999999999\r\n",
                                       "$-2\r\n",
                                       "*-5\r\n",
                                       "*1000000000\r\n",
                                       "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
                                       "\r\n\r\n\r\n",
                                       "+\r\n",
                                       "*0\r\n",
                                       "*3\r\n:1\r\n$-1\r\n+x\r\n",
                                       "-\r\n",
                                       "-MOVED\r\n",
                                       "-MOVED 99999999 nowhere:0\r\n",
                                       "-ASK 1 :\r\n",
                                       "-NOSCRIPT\r\n",
                                       "-no such error\r\n",
                                       "%1\r\n+a\r\n+b\r\n",
                                       "\x01\x02\x03\xff\r\n"};
    lw_store *store = wire_store();
    uint32_t late = 0;
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char value[16];
        uint64_t end = wire_patience();
        assert_int_equal(lw_store_put(store, "lie", "truth", 5, 0, wire_patience()), LW_OK);
        proxy_lie(&wire_proxy, lies[i], strlen(lies[i]));
        for (uint32_t lied = 0; lied == 0; lied = proxy_done(&wire_proxy)) {
            uint64_t began = rig_now(), kept = rig_kept_waiting();
            assert_true(began < end);
            wire_believe(store, i);
            late += wire_is_late(began, kept, 3);
        }
        proxy_set(&wire_proxy, PROXY_PASS, 0);
        assert_int_equal(wire_get(store, "lie", value, sizeof value), 5);
        assert_memory_equal(value, "truth", 5);
    }
    assert_in_range(late, 0, 1); /* a whole machine may stand still for once */
    lw_store_free(store);
}

/* The answer comes after the deadline, and then it is nobody's. */
static void test_late_answer_is_nobodys(void **state) {
    lw_store *store = wire_store();
    uint32_t late = 0;
    (void)state;
    for (int i = 0; i < 10; i++) {
        char key[2][16], value[16] = "";
        snprintf(key[0], sizeof *key, "late %d", i);
        snprintf(key[1], sizeof *key, "next %d", i);
        assert_int_equal(lw_store_put(store, key[0], "late", 4, 0, wire_patience()), LW_OK);
        assert_int_equal(lw_store_put(store, key[1], "next", 4, 0, wire_patience()), LW_OK);
        proxy_set(&wire_proxy, PROXY_HOLD, 0);
        uint64_t began = rig_now(), kept = rig_kept_waiting();
        assert_int_equal(lw_store_get(store, key[0], value, sizeof value, began + LOAD_PATIENCE / 5), LW_UNAVAILABLE);
        late += wire_is_late(began, kept, 1);
        proxy_set(&wire_proxy, PROXY_PASS, 0);
        assert_int_equal(wire_get(store, key[1], value, sizeof value), 4);
        assert_memory_equal(value, "next", 4);
    }
    assert_in_range(late, 0, 1);
    assert_true(site_stats(store).timeouts >= 10);
    lw_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cut_under_load, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_closed_under_load, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_late_under_load, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_drip_under_load, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_cut_anywhere, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_get_is_asked_again, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_garbage, wire_open, wire_close),
        cmocka_unit_test_setup_teardown(test_late_answer_is_nobodys, wire_open, wire_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
