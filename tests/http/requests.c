/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests as they arrive at the server: methods, headers, bodies of memory and of functions; and those that are none.
 */
#include "rig/visit.h"

static const struct script_answer answers[] = {
    {.target = "/head", .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"},
    {.target = "/", .text = SCRIPT_OK},
};

static struct visit_site site;
static struct visit visit;

static int setup(void **state) {
    (void)state;
    visit_open(&site, answers, 2, NULL);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    visit_close(&site);
    return 0;
}

static void plan(const char *method, const char *path) {
    visit_plan(&visit, &site, path);
    visit.http.method = method;
}

static void arrives(const char *text) {
    if (!script_heard(&site.script, text)) {
        fail_msg("\"%s\" is not in: %.*s", text, (int)site.script.last_size, site.script.last);
    }
}

static void goes_well(void) {
    visit_go(&visit);
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_OK);
    assert_int_equal(visit.http.status, 200);
}

static void methods_and_paths(void **state) {
    static const struct {
        const char *method, *path, *line;
    } rows[] = {
        {NULL, NULL, "GET / HTTP/1.1\r\n"},
        {"GET", "/a/b?c=d%20e", "GET /a/b?c=d%20e HTTP/1.1\r\n"},
        {"DELETE", "x", "DELETE /x HTTP/1.1\r\n"},
        {"OPTIONS", "?a", "OPTIONS /?a HTTP/1.1\r\n"},
        {"M-SEARCH", "//twice", "M-SEARCH //twice HTTP/1.1\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plan(rows[i].method, rows[i].path);
        goes_well();
        arrives(rows[i].line);
        assert_false(script_heard(&site.script, "Content-Length"));
        assert_false(script_heard(&site.script, "Expect"));
        assert_int_equal(visit.http.reused, i > 0);
    }
    assert_int_equal(script_connections(&site.script), 1);
}

/* What one request set does not stay for the next. */
static void head_and_get_take_turns(void **state) {
    static const char *const headers[] = {"X-One: 1", "User-Agent: mine"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        plan("HEAD", "/head");
        visit.http.headers = headers;
        visit.http.header_count = 2;
        goes_well();
        assert_int_equal(visit.size, 0);
        arrives("HEAD /head ");
        arrives("X-One: 1\r\n");
        arrives("User-Agent: mine\r\n");
        plan("POST", "/post");
        visit.http.body = "body";
        visit.http.body_size = 4;
        goes_well();
        arrives("POST /post ");
        arrives("Content-Length: 4\r\n");
        arrives("\r\n\r\nbody");
        assert_false(script_heard(&site.script, "X-One"));
        plan(NULL, "/get");
        goes_well();
        assert_string_equal(visit.body, "ok");
        arrives("GET /get ");
        arrives("User-Agent: loadwise\r\n");
        assert_false(script_heard(&site.script, "Content-Length"));
    }
}

static void a_body_may_be_empty(void **state) {
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        plan(methods[i], "/empty");
        goes_well();
        arrives("Content-Length: 0\r\n");
    }
}

static void a_long_path_and_a_large_body(void **state) {
    static char path[6000], body[400000];
    (void)state;
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    memset(body, 'b', sizeof body);
    plan("PUT", path);
    visit.http.body = body;
    visit.http.body_size = sizeof body;
    goes_well();
    arrives(path);
    assert_true(site.script.last_size > sizeof path + sizeof body);
}

/* ---- bodies of functions ---- */

static size_t given, rewinds;
static const char song[] = "row, row, row your boat";

static ptrdiff_t sing(lw_http *http, void *bytes, size_t room) {
    size_t left = sizeof song - 1 - given, size = left < 5 ? left : 5;
    assert_ptr_equal(http, &visit.http);
    assert_true(size <= room);
    memcpy(bytes, song + given, size);
    given += size;
    return (ptrdiff_t)size;
}
static int sing_again(lw_http *http) {
    (void)http;
    given = 0;
    rewinds++;
    return 0;
}
static ptrdiff_t fall_silent(lw_http *http, void *bytes, size_t room) {
    return given > 5 ? -1 : sing(http, bytes, room);
}
static int refuse(lw_http *http) {
    (void)http;
    return 1;
}

static void a_function_gives_the_body(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        given = 5; /* it begins anew */
        plan("POST", "/song");
        visit.http.read = sing;
        visit.http.rewind = sing_again;
        goes_well();
        arrives("Transfer-Encoding: chunked\r\n");
        arrives("5\r\nrow, \r\n5\r\nrow, \r\n5\r\nrow y\r\n5\r\nour b\r\n3\r\noat\r\n0\r\n\r\n");
        assert_int_equal(visit.exchange.flags & LW_EXCHANGE_SPENT, 0);
        assert_int_equal(visit.http.reading, 0);
    }
    given = 0;
    plan("POST", "/song");
    visit.http.read = sing;
    goes_well();
    assert_int_equal(visit.exchange.flags & LW_EXCHANGE_SPENT, LW_EXCHANGE_SPENT);
}

static void a_function_gives_up(void **state) {
    (void)state;
    given = 0;
    plan("POST", "/song");
    visit.http.read = fall_silent;
    visit_go(&visit);
    assert_int_equal(visit.exchange.reason, LW_OK);
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_CANCELLED);
    plan("POST", "/song");
    visit.http.read = sing;
    visit.http.rewind = refuse;
    visit_go(&visit);
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_CANCELLED);
    assert_int_equal(visit.exchange.flags & LW_EXCHANGE_SPENT, LW_EXCHANGE_SPENT);
    assert_int_equal(visit.http.reading, 0);
}

/* As a hedge would do. */
static void two_tries_do_not_read_one_body(void **state) {
    static struct visit second;
    (void)state;
    given = 0;
    plan("POST", "/song");
    visit.http.read = sing;
    visit.http.rewind = sing_again;
    visit_call(&visit);
    visit_plan(&second, &site, "/song");
    second.exchange.request = &visit.http;
    visit_call(&second);
    assert_int_equal(second.completed, 1);
    assert_int_equal(second.exchange.reason, LW_BUSY);
    visit_run(&site);
    assert_int_equal(visit.exchange.sample.outcome, LW_OUTCOME_OK);
    arrives("5\r\nrow, \r\n5\r\nrow, \r\n");
}

/* ---- what is no request ---- */

static void no_request(const char *words) {
    *site.said = '\0';
    visit_call(&visit);
    assert_int_equal(visit.completed, 1);
    assert_int_equal(visit.exchange.reason, LW_INVALID);
    assert_non_null(strstr(site.said, words));
}

static void what_is_no_request_is_refused(void **state) {
    static const char *const methods[] = {"", "GET /x", "GE\nT", "G:"};
    static const char *const paths[] = {"/a b", "/a\r\nX: y", "/\t", "/\x7f"};
    static const char *headers[] = {NULL, "no colon", "X: a\r\nY: b", "X: \n", "X: \x01"};
    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        plan(methods[i], "/");
        no_request("method");
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        plan(NULL, paths[i]);
        no_request("path");
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        plan(NULL, "/");
        visit.http.headers = &headers[i];
        visit.http.header_count = 1;
        no_request("header");
    }
    plan("POST", "/");
    visit.http.body_size = 1;
    no_request("body");
    visit_run(&site);
    assert_int_equal(script_connections(&site.script), 0);
}

static void addresses_of_nodes(void **state) {
    static const char *const wrong[] = {NULL,
                                        "",
                                        "127.0.0.1:80",
                                        "ftp://a",
                                        "http://",
                                        "http://a b",
                                        "http://:80",
                                        "http://a:99999",
                                        "http://a/?b",
                                        "http://a#b",
                                        "http://user:secret@a:x"};
    static const char *const right[] = {"http://a", "https://a:1/", "http://[::1]:80", "http://a/b/c", "http://a.b.:8"};
    lw_service *node;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *site.said = '\0';
        assert_int_equal(lw_curl_node(site.curl, wrong[i], &node), LW_INVALID);
        assert_null(node);
        assert_non_null(strstr(site.said, "no address of a node"));
        assert_null(strstr(site.said, "secret"));
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(lw_curl_node(site.curl, right[i], &node), LW_OK);
        lw_service_free(node);
    }
}

static void a_node_may_have_a_path(void **state) {
    char base[100];
    lw_service *plain = site.node;
    (void)state;
    snprintf(base, sizeof base, "%s/v1/", site.script.base);
    assert_int_equal(lw_curl_node(site.curl, base, &site.node), LW_OK);
    plan(NULL, "/things");
    goes_well();
    arrives("GET /v1/things ");
    lw_service_free(site.node);
    site.node = plain;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(methods_and_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(head_and_get_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_may_be_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_path_and_a_large_body, setup, teardown),
        cmocka_unit_test_setup_teardown(a_function_gives_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(a_function_gives_up, setup, teardown),
        cmocka_unit_test_setup_teardown(two_tries_do_not_read_one_body, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_request_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_of_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_node_may_have_a_path, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
