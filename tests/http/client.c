/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The easy client: answers in memory, nodes that come and go, its end with requests under way, and memory that is
 * short. */
#include "rig/visit.h"

#include <loadwise/client.h>

static const struct script_answer answers[] = {
    {.target = "/held", .text = SCRIPT_OK, .held = true},
    {.target = "/large", .text = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", .filler = 100000},
    {.target = "/ill", .text = "HTTP/1.1 503 Full\r\nContent-Length: 3\r\n\r\nill", .times = 1},
    {.target = "/", .text = SCRIPT_OK},
};

enum { ANSWERS = sizeof answers / sizeof *answers, NODES = 300 };

static struct visit_site site;
static lw_client *client;
static const char *bases[1] = {site.script.base};

struct told {
    unsigned count;
    int reason;
    uint32_t outcome, status, tries;
    size_t bytes;
    char body[64];
    const char *again; /* a path to be asked for inside of done */
    int sent;          /* what came of that */
};

static struct told told;

static void done(void *user, const lw_answer *answer) {
    struct told *told_of = user;
    told_of->count++;
    told_of->reason = answer->reason;
    told_of->outcome = answer->outcome;
    told_of->status = answer->status;
    told_of->tries = answer->tries;
    told_of->bytes = answer->bytes;
    snprintf(told_of->body, sizeof told_of->body, "%s", answer->body);
    assert_int_equal(strlen(answer->body), answer->bytes);
    if (told_of->again != NULL) {
        told_of->sent = lw_client_get(client, told_of->again, done, told_of);
    }
}

static void start(uint64_t max_body) {
    lw_client_options options = LW_CLIENT_OPTIONS_INIT;
    visit_open(&site, answers, ANSWERS, NULL);
    options.stack = "timeout 10s | retry backoff=1ms max_backoff=1ms | balance round_robin";
    options.max_body = max_body;
    assert_int_equal(lw_client_new(&client, &site.env, site.uv, &options), LW_OK);
    assert_int_equal(lw_client_nodes(client, bases, 1), LW_OK);
    memset(&told, 0, sizeof told);
}

static void stop(void) {
    lw_client_free(client);
    visit_close(&site);
}

static void answers_come_whole(void **state) {
    (void)state;
    start(0);
    assert_int_equal(lw_client_get(client, "/", done, &told), LW_OK);
    visit_run(&site);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.status, 200);
    assert_string_equal(told.body, "ok");
    assert_int_equal(lw_client_post(client, "/", "text/plain", "body", 4, done, &told), LW_OK);
    visit_run(&site);
    assert_true(script_heard(&site.script, "POST / "));
    assert_true(script_heard(&site.script, "Content-Type: text/plain\r\n"));
    assert_true(script_heard(&site.script, "\r\n\r\nbody"));
    assert_int_equal(lw_client_post(client, "/", NULL, NULL, 0, done, &told), LW_OK);
    visit_run(&site);
    assert_int_equal(told.status, 200);
    assert_false(script_heard(&site.script, "Content-Type"));
    lw_client_get(client, "/large", done, &told);
    visit_run(&site);
    assert_int_equal(told.bytes, 100000);
    stop();
}

/* What the first try was answered does not show in the answer of the second. */
static void a_retry_starts_with_nothing(void **state) {
    const char *two[2] = {site.script.base, NULL};
    char same[70];
    (void)state;
    start(0);
    snprintf(same, sizeof same, "%s/", site.script.base);
    two[1] = same;
    assert_int_equal(lw_client_nodes(client, two, 2), LW_OK);
    lw_client_get(client, "/ill", done, &told);
    visit_run(&site);
    assert_int_equal(told.tries, 2);
    assert_int_equal(told.status, 200);
    assert_string_equal(told.body, "ok");
    stop();
}

static void a_body_beyond_the_bound_is_given_up(void **state) {
    (void)state;
    start(99999);
    lw_client_get(client, "/large", done, &told);
    visit_run(&site);
    assert_int_equal(told.outcome, LW_OUTCOME_CANCELLED);
    assert_true(told.bytes <= 99999);
    stop();
    start(100000);
    lw_client_get(client, "/large", done, &told);
    visit_run(&site);
    assert_int_equal(told.outcome, LW_OUTCOME_OK);
    stop();
}

/* Its end: every request is told of it once, and cannot be followed by another. */
static void the_end_with_requests_under_way(void **state) {
    static struct told many[20];
    (void)state;
    start(0);
    memset(many, 0, sizeof many);
    for (size_t i = 0; i < 20; i++) {
        many[i].again = "/";
        lw_client_get(client, "/held", done, &many[i]);
    }
    visit_wait(&site, 10);
    stop();
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(many[i].count, 1);
        assert_int_equal(many[i].outcome, LW_OUTCOME_CANCELLED);
        assert_int_equal(many[i].sent, LW_UNAVAILABLE);
    }
}

static void nodes_come_and_go(void **state) {
    static char names[NODES][64];
    const char *addresses[NODES];
    (void)state;
    start(0);
    for (int i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "http://127.0.0.1:1/%d", i);
        addresses[i] = names[i];
    }
    for (size_t round = 0; round < 20; round++) {
        assert_int_equal(lw_client_nodes(client, addresses + round * 10, 100), LW_OK);
        uv_run(&site.loop, UV_RUN_NOWAIT);
    }
    long many = site.blocks;
    lw_client_get(client, "/held", done, &told);
    visit_run(&site);
    assert_int_equal(told.outcome, LW_OUTCOME_CONNECT_FAILURE);
    assert_int_equal(told.status, 0);
    assert_int_equal(lw_client_nodes(client, bases, 1), LW_OK);
    visit_run(&site);
    assert_true(site.blocks < many);
    lw_client_get(client, "/", done, &told);
    visit_run(&site);
    assert_int_equal(told.outcome, LW_OUTCOME_OK);
    stop();
}

/* A node leaves with a request under way, which ends well. */
static void a_node_leaves_when_it_has_answered(void **state) {
    (void)state;
    start(0);
    lw_client_get(client, "/held", done, &told);
    visit_wait(&site, 1);
    assert_int_equal(lw_client_nodes(client, NULL, 0), LW_OK);
    uv_run(&site.loop, UV_RUN_NOWAIT);
    assert_int_equal(told.count, 0);
    script_release(&site.script);
    visit_run(&site);
    assert_int_equal(told.outcome, LW_OUTCOME_OK);
    lw_client_get(client, "/", done, &told);
    visit_run(&site);
    assert_int_equal(told.reason, LW_NO_NODES);
    stop();
}

static void lists_that_are_wrong_change_nothing(void **state) {
    const char *odd[] = {site.script.base, "ftp://a"}, *none[] = {site.script.base, NULL};
    const char *twice[] = {site.script.base, site.script.base};
    (void)state;
    start(0);
    assert_int_equal(lw_client_nodes(client, odd, 2), LW_INVALID);
    assert_int_equal(lw_client_nodes(client, none, 2), LW_INVALID);
    assert_true(lw_client_nodes(client, twice, 2) < 0);
    lw_client_get(client, "/", done, &told);
    visit_run(&site);
    assert_int_equal(told.outcome, LW_OUTCOME_OK);
    stop();
}

/* One block less each time than is needed: an error or an answer, and no block too many at the end. */
static void memory_runs_out_anywhere(void **state) {
    lw_client_options options = LW_CLIENT_OPTIONS_INIT;
    (void)state;
    visit_open(&site, answers, ANSWERS, NULL);
    bool good = false;
    for (long left = 0; !good; left++) {
        uint64_t began = uv_hrtime();
        memset(&told, 0, sizeof told);
        site.blocks_left = left;
        if (lw_client_new(&client, &site.env, site.uv, &options) == LW_OK) {
            bool sent =
                lw_client_nodes(client, bases, 1) == LW_OK && lw_client_get(client, "/large", done, &told) == LW_OK;
            visit_run(&site);
            assert_int_equal(told.count, sent);
            assert_true(!sent || told.reason == LW_OK || told.reason == LW_NOMEM || lw_is_refusal(told.reason));
            good = sent && told.outcome == LW_OUTCOME_OK && told.reason == LW_OK;
            lw_client_free(client);
        }
        site.blocks_left = -1;
        assert_true(uv_hrtime() - began < 9000 * VISIT_MS); /* nobody waited for the timeout, of 10 s */
    }
    assert_int_equal(told.bytes, 100000);
    visit_close(&site);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_whole),
        cmocka_unit_test(a_retry_starts_with_nothing),
        cmocka_unit_test(a_body_beyond_the_bound_is_given_up),
        cmocka_unit_test(the_end_with_requests_under_way),
        cmocka_unit_test(nodes_come_and_go),
        cmocka_unit_test(a_node_leaves_when_it_has_answered),
        cmocka_unit_test(lists_that_are_wrong_change_nothing),
        cmocka_unit_test(memory_runs_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
