/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests that are given up, at every moment at which a caller can: before they are sent, inside of each callback,
 * with others under way; and connections that die while they are kept.
 */
#include "rig/visit.h"

static const struct script_answer answers[] = {
    {.target = "/held", .text = SCRIPT_OK, .held = true},
    {.target = "/once", .text = SCRIPT_OK, .times = 1},
    {.target = "/once", .end = SCRIPT_CLOSE, .times = 1}, /* the kept connection dies when it is used again */
    {.target = "/once", .text = SCRIPT_OK},
    {.target = "/large", .text = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", .filler = 300000},
    {.target = "/early",
     .text = "HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno",
     .end = SCRIPT_CLOSE,
     .early = true},
    {.target = "/", .text = SCRIPT_OK},
};

enum { ANSWERS = sizeof answers / sizeof *answers, MANY = 40 };

static struct visit_site site;
static struct visit visit, other;
static struct visit many[MANY];

static int setup(void **state) {
    (void)state;
    visit_open(&site, answers, ANSWERS, NULL);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    visit_close(&site);
    return 0;
}

static void cancel(struct visit *which, uint32_t why) {
    unsigned before = which->completed;
    lw_service_cancel(site.node, &which->exchange, why);
    assert_int_equal(which->completed, before + 1);
    assert_int_equal(which->exchange.reason, LW_OK);
    assert_int_equal(which->exchange.sample.outcome, why);
    assert_null(which->exchange.holder);
}

static void works_still(void) {
    visit_plan(&other, &site, "/");
    visit_go(&other);
    if (other.exchange.sample.outcome != LW_OUTCOME_OK) {
        fail_msg("outcome %u, status %u, %s", other.exchange.sample.outcome, other.http.status, other.http.problem);
    }
    assert_string_equal(other.body, "ok");
}

static void at_once_and_while_it_waits(void **state) {
    (void)state;
    visit_plan(&visit, &site, "/held");
    visit_call(&visit);
    cancel(&visit, LW_OUTCOME_CANCELLED);
    works_still();
    visit_plan(&visit, &site, "/held");
    visit_call(&visit);
    visit_wait(&site, 2);
    cancel(&visit, LW_OUTCOME_TIMEOUT);
    assert_true(visit.exchange.sample.latency > 0);
    works_still();
}

/* ---- inside of callbacks ---- */

enum where { IN_BEGINS, IN_HEADER, IN_RECEIVED, IN_READ, IN_REWIND, IN_COMPLETED, PLACES };

static enum where place;
static bool calls_too; /* another request is begun there */
static bool gives_up;  /* instead of cancelling, by what the callback says */

static void meddle(enum where where) {
    if (where == place) {
        if (calls_too) {
            visit_plan(&other, &site, "/large");
            visit_call(&other);
        }
        if (!gives_up && where != IN_COMPLETED && visit.exchange.holder != NULL) {
            cancel(&visit, LW_OUTCOME_CANCELLED);
        }
    }
}

static int meddle_begins(lw_exchange *exchange) {
    (void)exchange;
    meddle(IN_BEGINS);
    return 1;
}
static int meddle_header(lw_http *http, const char *line, size_t size) {
    (void)http, (void)line, (void)size;
    meddle(IN_HEADER);
    return gives_up && place == IN_HEADER;
}
static int meddle_received(lw_http *http, const void *bytes, size_t size) {
    (void)http, (void)bytes, (void)size;
    meddle(IN_RECEIVED);
    return gives_up && place == IN_RECEIVED;
}
static ptrdiff_t meddle_read(lw_http *http, void *bytes, size_t room) {
    (void)http, (void)bytes, (void)room;
    meddle(IN_READ);
    return gives_up && place == IN_READ ? -1 : 0;
}
static int meddle_rewind(lw_http *http) {
    (void)http;
    meddle(IN_REWIND);
    return gives_up && place == IN_REWIND;
}
static void meddle_completed(lw_exchange *exchange) {
    visit_completed(exchange);
    meddle(IN_COMPLETED);
}

static void inside_of_every_callback(void **state) {
    (void)state;
    for (int way = 0; way < PLACES * 4; way++) {
        place = (enum where)(way / 4);
        calls_too = way % 2 != 0;
        gives_up = way % 4 >= 2;
        visit_plan(&visit, &site, "/large");
        visit.exchange.begins = meddle_begins;
        visit.exchange.completed = meddle_completed;
        visit.http.method = "POST";
        visit.http.header = meddle_header;
        visit.http.received = meddle_received;
        visit.http.read = meddle_read;
        visit.http.rewind = meddle_rewind;
        other.completed = 0;
        visit_go(&visit);
        bool ended = place == IN_COMPLETED || (gives_up && place == IN_BEGINS);
        assert_int_equal(visit.exchange.sample.outcome, ended ? LW_OUTCOME_OK : LW_OUTCOME_CANCELLED);
        assert_int_equal(visit.http.reading, 0);
        if (calls_too) {
            assert_true(other.completed >= 1);
            assert_int_equal(other.exchange.sample.outcome, LW_OUTCOME_OK);
            assert_int_equal(other.http.bytes, 300000);
        }
        works_still();
    }
}

/* The service of the node ends with requests of every age. */
static void the_node_goes_with_requests_under_way(void **state) {
    lw_service *node;
    (void)state;
    assert_int_equal(lw_curl_node(site.curl, site.script.base, &node), LW_OK);
    for (size_t i = 0; i < MANY; i++) {
        visit_plan(&many[i], &site, i % 2 == 0 ? "/held" : "/large");
        lw_service_call(node, &many[i].exchange);
        uv_run(&site.loop, UV_RUN_NOWAIT);
    }
    visit_wait(&site, MANY / 2);
    lw_service_free(node);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(many[i].completed, 1);
        bool held = i % 2 == 0;
        assert_true(many[i].exchange.sample.outcome == LW_OUTCOME_CANCELLED || !held);
    }
    works_still();
}

/* ---- connections that die ---- */

static void go_once(uint32_t flags, const char *method) {
    visit_plan(&visit, &site, "/once");
    visit.exchange.flags = flags;
    visit.http.method = method;
    visit_go(&visit);
}

/* What is safe is sent again on a new connection, and nobody notices. */
static void a_dead_connection_is_replaced(void **state) {
    (void)state;
    go_once(LW_EXCHANGE_SAFE, "GET");
    go_once(LW_EXCHANGE_SAFE, "GET");
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_OK);
    assert_int_equal(visit.http.reused, 0);
    assert_int_equal(script_requests(&site.script), 3);
    assert_int_equal(script_connections(&site.script), 2);
}

/* libcurl counts over all uses of a handle, and would fail the sixth. */
static void however_often(void **state) {
    enum { TIMES = 20 };
    static struct script_answer dying[2 * TIMES]; /* every connection is good for one request */
    (void)state;
    for (size_t i = 0; i < 2 * TIMES; i++) {
        dying[i] = (struct script_answer){.target = "/", .times = 1};
        dying[i].text = i % 2 == 0 ? SCRIPT_OK : NULL;
        dying[i].end = i % 2 == 0 ? SCRIPT_KEEP : SCRIPT_CLOSE;
    }
    visit_close(&site);
    visit_open(&site, dying, 2 * TIMES, NULL);
    for (size_t i = 0; i < TIMES; i++) {
        works_still();
    }
    assert_int_equal(script_connections(&site.script), TIMES);
}

/* What is not safe may have been begun with by the node, and fails. */
static void but_not_for_what_is_not_safe(void **state) {
    static const char *const methods[] = {"POST", "DELETE"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        go_once(0, methods[i]);
        assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_OK);
        go_once(0, methods[i]);
        assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_FAILURE);
        assert_int_equal(visit.http.status, 0);
        assert_int_equal(script_requests(&site.script), 2);
        if (i == 0) {
            visit_close(&site);
            visit_open(&site, answers, ANSWERS, NULL);
        }
    }
}

/* The answer is there before the body has been read, and then the connection is reset. */
static void an_early_answer_is_heard(void **state) {
    static char body[50000];
    (void)state;
    memset(body, 'b', sizeof body);
    for (int i = 0; i < 20; i++) {
        visit_plan(&visit, &site, "/early");
        visit.http.method = "POST";
        visit.http.body = body;
        visit.http.body_size = sizeof body;
        visit_go(&visit);
        if (visit.http.status != 0) { /* the reset may win */
            assert_int_equal(visit.http.status, 413);
        }
        assert_in_range(visit.exchange.sample.outcome, LW_OUTCOME_FAILURE, LW_OUTCOME_CALLER_FAULT);
    }
    works_still();
}

/* ---- nobody there ---- */

static void nobody_there(const char *base, uint32_t outcome) {
    lw_service *node;
    assert_int_equal(lw_curl_node(site.curl, base, &node), LW_OK);
    visit_plan(&visit, &site, "/");
    lw_service_call(node, &visit.exchange);
    visit_run(&site);
    assert_int_equal(visit.completed, 1);
    if (visit.exchange.sample.outcome != outcome) {
        fail_msg("%s: %u, %s", base, visit.exchange.sample.outcome, visit.http.problem);
    }
    assert_int_equal(visit.http.status, 0);
    assert_non_null(visit.http.problem);
    lw_service_free(node);
}

static void addresses_where_nobody_is(void **state) {
    lw_curl_options options = LW_CURL_OPTIONS_INIT;
    (void)state;
    visit_close(&site);
    options.connect_timeout = 300 * VISIT_MS; /* TLS waits for ever where none is */
    visit_open(&site, answers, ANSWERS, &options);
    nobody_there("http://127.0.0.1:1", LW_OUTCOME_CONNECT_FAILURE);
    nobody_there("http://[::1]:1", LW_OUTCOME_CONNECT_FAILURE);
    char base[80];
    snprintf(base, sizeof base, "https%.60s", site.script.base + strlen("http")); /* no TLS there */
    nobody_there(base, LW_OUTCOME_CONNECT_FAILURE);
    visit_close(&site);
    options.connect_timeout = VISIT_LONG;
    visit_open(&site, answers, ANSWERS, &options);
    snprintf(base, sizeof base, "http://localhost%.10s", strrchr(site.script.base, ':'));
    lw_service *node;
    assert_int_equal(lw_curl_node(site.curl, base, &node), LW_OK);
    visit_plan(&visit, &site, "/");
    lw_service_call(node, &visit.exchange);
    visit_run(&site);
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_OK);
    lw_service_free(node);
}

/* Where nobody answers questions for names, those take seconds each time; the loop does not wait for them. */
static void a_name_that_is_looked_up_in_vain(void **state) {
    uint64_t took = UINT64_MAX;
    (void)state;
    for (int i = 0; i < 5 && took >= 3000 * VISIT_MS; i++) {
        lw_service *node;
        uint64_t began = lw_clock_now(lw_uv_clock(site.uv));
        assert_int_equal(lw_curl_node(site.curl, "http://nobody.invalid", &node), LW_OK);
        visit_plan(&visit, &site, "/");
        visit.exchange.deadline = began + 50 * VISIT_MS;
        lw_service_call(node, &visit.exchange);
        visit_run(&site);
        lw_service_free(node);
        assert_in_range(visit.exchange.sample.outcome, LW_OUTCOME_CONNECT_FAILURE, LW_OUTCOME_TIMEOUT);
        took = lw_clock_now(lw_uv_clock(site.uv)) - began;
    }
    assert_true(took < 3000 * VISIT_MS);
}

/* One connection at most, and it is taken for longer than making one may last: who waits is not blamed for that. */
static void waiting_for_a_connection_is_not_connecting(void **state) {
    lw_curl_options options = LW_CURL_OPTIONS_INIT;
    (void)state;
    visit_close(&site);
    options.per_node = 1;
    options.connect_timeout = 30 * VISIT_MS;
    visit_open(&site, answers, ANSWERS, &options);
    do { /* on a busy machine making it may take longer, too */
        visit_plan(&visit, &site, "/");
        visit_go(&visit);
    } while (visit.exchange.sample.outcome == LW_OUTCOME_CONNECT_FAILURE);
    visit_plan(&visit, &site, "/held");
    visit_call(&visit);
    visit_plan(&other, &site, "/");
    visit_call(&other);
    uint64_t until = lw_clock_now(lw_uv_clock(site.uv)) + 100 * VISIT_MS;
    while (lw_clock_now(lw_uv_clock(site.uv)) < until) {
        uv_run(&site.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(other.completed, 0);
    script_release(&site.script);
    visit_run(&site);
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_OK);
    assert_int_equal(other.exchange.sample.outcome, LW_OUTCOME_OK);
}

/* ---- no memory ---- */

static void without_memory_it_is_refused(void **state) {
    (void)state;
    bool refused = true;
    for (long left = 0; refused; left++) {
        visit_plan(&visit, &site, "/");
        site.blocks_left = left;
        visit_call(&visit);
        visit_run(&site);
        site.blocks_left = -1;
        assert_int_equal(visit.completed, 1);
        refused = visit.exchange.reason != LW_OK || visit.exchange.sample.outcome != LW_OUTCOME_OK;
        works_still();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_once_and_while_it_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(inside_of_every_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(the_node_goes_with_requests_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_connection_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(however_often, setup, teardown),
        cmocka_unit_test_setup_teardown(but_not_for_what_is_not_safe, setup, teardown),
        cmocka_unit_test_setup_teardown(an_early_answer_is_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_where_nobody_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_is_looked_up_in_vain, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_for_a_connection_is_not_connecting, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
