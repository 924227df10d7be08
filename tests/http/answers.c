/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Answers of every kind, whole and broken, one after another from one server: what becomes of each, and that the next
 * one is none the worse for it.
 */
#include "rig/visit.h"

#define HEAD(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n"
#define EMPTY(status) HEAD(status) "\r\n"

struct answers_case {
    struct script_answer answer; /* its target is the path */
    uint32_t outcome, status;
    uint64_t retry_after; /* seconds */
    size_t bytes;
};

enum { ok = LW_OUTCOME_OK, bad = LW_OUTCOME_FAILURE, ours = LW_OUTCOME_CALLER_FAULT };

static const struct answers_case cases[] = {
    /* whole */
    {{"/200", SCRIPT_OK, 0, NULL, SCRIPT_KEEP, 0, 0, 0}, ok, 200, 0, 2},
    {{"/204", "HTTP/1.1 204 Nothing\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0}, ok, 204, 0, 0},
    {{"/304", "HTTP/1.1 304 Same\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0}, ok, 304, 0, 0},
    {{"/302", HEAD("302 There") "Location: /200\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0}, ok, 302, 0, 0},
    {{"/404", EMPTY("404 No"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, ours, 404, 0, 0},
    {{"/408", EMPTY("408 Slow"), 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, LW_OUTCOME_TIMEOUT, 408, 0, 0},
    {{"/429", EMPTY("429 Later"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, LW_OUTCOME_RATE_LIMITED, 429, 0, 0},
    {{"/500", EMPTY("500 Ill"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, bad, 500, 0, 0},
    {{"/503", EMPTY("503 Full"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, LW_OUTCOME_OVERLOAD, 503, 0, 0},
    {{"/504", EMPTY("504 Slow"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, LW_OUTCOME_TIMEOUT, 504, 0, 0},
    {{"/599", EMPTY("599 Odd"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, bad, 599, 0, 0},
    {{"/chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n", 0, NULL,
      SCRIPT_KEEP, 0, 0, 0},
     ok,
     200,
     0,
     5},
    {{"/to-the-end", "HTTP/1.1 200 OK\r\n\r\nabc", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, ok, 200, 0, 3},
    {{"/half-closed", "HTTP/1.1 200 OK\r\n\r\nabc", 0, NULL, SCRIPT_HALF, 0, 0, 0}, ok, 200, 0, 3},
    {{"/old", "HTTP/1.0 200 OK\r\n\r\nabc", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, ok, 200, 0, 3},
    {{"/continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" SCRIPT_OK, 0, NULL,
      SCRIPT_KEEP, 0, 0, 0},
     ok,
     200,
     0,
     2},
    {{"/wordless", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 0, NULL, SCRIPT_KEEP, 0, 0, 0}, ok, 200, 0, 2},
    {{"/longish", HEAD("200 OK") "X-Long: ", 60000, "\r\n\r\n", SCRIPT_KEEP, 0, 0, 0}, ok, 200, 0, 0},

    /* broken */
    {{"/silent-close", NULL, 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 0, 0, 0},
    {{"/silent-half", NULL, 0, NULL, SCRIPT_HALF, 0, 0, 0}, bad, 0, 0, 0},
    {{"/silent-reset", NULL, 0, NULL, SCRIPT_RESET, 0, 0, 0}, bad, 0, 0, 0},
    {{"/cut-status", "HTTP/1.1 20", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 0, 0, 0},
    {{"/cut-head", "HTTP/1.1 200 OK\r\nContent-Le", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 200, 0, 0},
    {{"/cut-body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 200, 0, 3},
    {{"/cut-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", 0, NULL, SCRIPT_HALF, 0, 0, 0},
     bad,
     200,
     0,
     3},
    {{"/no-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     bad,
     200,
     0,
     0},
    {{"/mid-reset", "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", 100000, NULL, SCRIPT_RESET, 0, 0, 0},
     bad,
     200,
     0,
     SIZE_MAX},
    {{"/garbage", "\x16\x03\x01\x02 nonsense\r\n\r\n", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 0, 0, 0},
    {{"/binary", "\x01\x02\x03\x04\x05\x06\x07", 4000, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 0, 0, 0},
    {{"/odd-status", "HTTP/1.1 abc OK\r\n\r\n", 0, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 0, 0, SIZE_MAX},
    {{"/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok", 0, NULL, SCRIPT_CLOSE, 0, 0, 0},
     bad,
     200,
     0,
     SIZE_MAX},
    {{"/huge-header", HEAD("200 OK") "X-Long: ", 400000, "\r\n\r\n", SCRIPT_KEEP, 0, 0, 0}, bad, 200, 0, 0},
    {{"/endless-line", "HTTP/1.1 200 O", 400000, NULL, SCRIPT_CLOSE, 0, 0, 0}, bad, 0, 0, 0},

    /* Retry-After */
    {{"/after-7", HEAD("429 Later") "Retry-After: 7\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_RATE_LIMITED,
     429,
     7,
     0},
    {{"/after-no", EMPTY("429 Later"), 0, NULL, SCRIPT_KEEP, 0, 0, 0}, LW_OUTCOME_RATE_LIMITED, 429, 0, 0},
    {{"/after-0", HEAD("503 Full") "Retry-After: 0\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_OVERLOAD,
     503,
     0,
     0},
    {{"/after-below", HEAD("503 Full") "Retry-After: -5\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_OVERLOAD,
     503,
     0,
     0},
    {{"/after-words", HEAD("503 Full") "Retry-After: soon\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_OVERLOAD,
     503,
     0,
     0},
    {{"/after-empty", HEAD("503 Full") "Retry-After:\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_OVERLOAD,
     503,
     0,
     0},
    {{"/after-past", HEAD("503 Full") "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0,
      0},
     LW_OUTCOME_OVERLOAD,
     503,
     0,
     0},
    {{"/after-late", HEAD("503 Full") "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0,
      0},
     LW_OUTCOME_OVERLOAD,
     503,
     UINT64_MAX,
     0}, /* for this table: some */
    {{"/after-huge", HEAD("429 Later") "Retry-After: 99999999999999999999999\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_RATE_LIMITED,
     429,
     0,
     0},
    {{"/after-large", HEAD("429 Later") "Retry-After: 9000000000000000000\r\n\r\n", 0, NULL, SCRIPT_KEEP, 0, 0, 0},
     LW_OUTCOME_RATE_LIMITED,
     429,
     UINT64_MAX,
     0},
};

enum { CASES = sizeof cases / sizeof *cases };

static struct script_answer answers[CASES];
static struct visit_site site;
static struct visit visit;

static void judge(const struct answers_case *one) {
    const lw_exchange *exchange = &visit.exchange;
    if (exchange->sample.outcome != one->outcome || visit.http.status != one->status) {
        fail_msg("%s: outcome %u, status %u, problem %s", one->answer.target, exchange->sample.outcome,
                 visit.http.status, visit.http.problem);
    }
    assert_int_equal(exchange->reason, LW_OK);
    assert_ptr_equal(exchange->response, &visit.http);
    assert_true(one->bytes == SIZE_MAX || visit.http.bytes == one->bytes);
    uint64_t after = exchange->sample.retry_after;
    assert_true(one->retry_after == UINT64_MAX ? after > 0 : after == one->retry_after * 1000 * VISIT_MS);
    assert_true(visit.http.first_byte <= visit.http.total);
    assert_int_equal(exchange->sample.latency, visit.http.total);
    assert_int_equal(visit.http.first_byte == 0, visit.http.status == 0);
    bool whole = one->outcome == lw_http_outcome(one->status) && visit.http.problem == NULL;
    assert_true(whole || visit.http.problem != NULL);
}

/* In order, then each before and after a good one. */
static void every_answer_is_understood(void **state) {
    (void)state;
    visit_open(&site, answers, CASES, NULL);
    for (size_t i = 0; i < CASES; i++) {
        visit_plan(&visit, &site, cases[i].answer.target);
        visit_go(&visit);
        judge(&cases[i]);
        visit_plan(&visit, &site, "/200");
        visit_go(&visit);
        judge(&cases[0]);
    }
    visit_close(&site);
}

/* All at once, twice. */
static void they_do_not_disturb_each_other(void **state) {
    static struct visit many[CASES];
    (void)state;
    visit_open(&site, answers, CASES, NULL);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < CASES; i++) {
            visit_plan(&many[i], &site, cases[i].answer.target);
            visit_call(&many[i]);
        }
        visit_run(&site);
        for (size_t i = 0; i < CASES; i++) {
            assert_int_equal(many[i].completed, 1);
            visit = many[i];
            visit.exchange.response = &visit.http;
            judge(&cases[i]);
        }
    }
    visit_close(&site);
}

/* What comes before the answer is not told, what comes after its body is. */
static void headers_and_trailers_are_told(void **state) {
    (void)state;
    visit_open(&site, answers, CASES, NULL);
    visit_plan(&visit, &site, "/continue");
    visit_go(&visit);
    assert_int_equal(visit.headers, 1);
    assert_string_equal(visit.last_header, "Content-Length: 2");
    visit_plan(&visit, &site, "/chunks");
    visit_go(&visit);
    assert_int_equal(visit.headers, 2);
    assert_string_equal(visit.last_header, "X-Sum: 5");
    assert_string_equal(visit.body, "abcde");
    visit_close(&site);
}

static void an_answer_that_never_comes_ends_at_the_deadline(void **state) {
    static const struct script_answer hang[] = {
        {.target = "/none", .end = SCRIPT_HANG},
        {.target = "/part", .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .end = SCRIPT_HANG}};
    static const char *const paths[] = {"/none", "/part"};
    (void)state;
    visit_open(&site, hang, 2, NULL);
    for (size_t i = 0; i < 2; i++) {
        uint64_t wait = 50 * VISIT_MS;
        do { /* a busy machine may need longer for the part that comes */
            visit_plan(&visit, &site, paths[i]);
            visit.exchange.deadline = lw_clock_now(lw_uv_clock(site.uv)) + wait;
            visit_go(&visit);
            wait *= 4;
        } while (i == 1 && (visit.exchange.flags & LW_EXCHANGE_BEGUN) == 0 && wait < VISIT_LONG);
        assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_TIMEOUT);
        assert_int_equal(visit.http.status, 0);
        assert_true(visit.exchange.sample.now >= visit.exchange.deadline);
        assert_int_equal((visit.exchange.flags & LW_EXCHANGE_BEGUN) != 0, i == 1);
    }
    visit_close(&site);
}

/* Nobody wants it: a short one passes by, a long one is cut off, and both are what their status says. */
static int unwanted(lw_exchange *exchange) {
    (void)exchange;
    return 0;
}
static void what_nobody_wants_passes_by(void **state) {
    static const struct script_answer unheard[] = {
        {.target = "/short", .text = "HTTP/1.1 500 Ill\r\nContent-Length: 1000\r\n\r\n", .filler = 1000},
        {.target = "/long",
         .text = "HTTP/1.1 503 Full\r\nContent-Length: 100000000\r\n\r\n",
         .filler = 200000,
         .end = SCRIPT_HANG},
    };
    (void)state;
    visit_open(&site, unheard, 2, NULL);
    for (int i = 0; i < 2; i++) {
        visit_plan(&visit, &site, unheard[i].target);
        visit.exchange.begins = unwanted;
        visit_go(&visit);
        assert_int_equal(visit.exchange.sample.outcome, i == 0 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OVERLOAD);
        assert_int_equal(visit.headers + visit.size, 0);
        assert_int_equal(visit.exchange.flags & LW_EXCHANGE_BEGUN, 0);
        assert_null(visit.http.problem);
    }
    visit_close(&site);
}

int main(void) {
    for (size_t i = 0; i < CASES; i++) {
        answers[i] = cases[i].answer;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_understood),
        cmocka_unit_test(they_do_not_disturb_each_other),
        cmocka_unit_test(headers_and_trailers_are_told),
        cmocka_unit_test(an_answer_that_never_comes_ends_at_the_deadline),
        cmocka_unit_test(what_nobody_wants_passes_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
