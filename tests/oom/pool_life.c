/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out in the life of a pool: a whole life with allocation 1, 2, 3 ... failing until it gets through. Every
 * failure is LW_NOMEM and leaves the pool as it was: the nodes, what is known of them, the routes, and who is picked;
 * and the same call succeeds once there is memory again. Picking and ending never ask for any.
 */
#include "../unit/ledger.h"

#include <loadwise/loadwise.h>

enum { NODES = 9, HELD = 6, MOST_PLACES = 4000 };

static ledger book;
static lw_pool *pool;
static uint32_t shortages, first_route, second_route;
static lw_ticket held[HELD];
static char names[NODES][8];

/* Was this call short of memory? Any other failure is not for want of it. */
static bool is_short(int answer) {
    if (answer != LW_NOMEM) {
        assert_int_equal(answer, LW_OK);
        return false;
    }
    shortages++;
    book.fail_on = false;
    return true;
}

/* ---- what a pool looks like ---- */

struct look {
    lw_pool_stats stats;
    lw_node_info info[NODES];
    uint32_t count;
    uint64_t live, bytes;
};

static int note_node(void *user, const lw_node_info *info) {
    struct look *look = user;
    assert_true(look->count < NODES);
    look->info[look->count] = *info;
    look->info[look->count++].name = NULL; /* lives for the call */
    return 0;
}

static struct look look_around(void) {
    struct look look;
    memset(&look, 0, sizeof look);
    look.stats.size = sizeof look.stats;
    assert_int_equal(lw_pool_stats_read(pool, book.now, &look.stats), LW_OK);
    lw_pool_each(pool, book.now, note_node, &look);
    look.live = book.live;
    look.bytes = book.live_bytes;
    return look;
}

static bool same_number(double a, double b) { return a == b || (a != a && b != b); }

static void assert_same_node(const lw_node_info *a, const lw_node_info *b) {
    assert_int_equal(a->node, b->node);
    assert_ptr_equal(a->user, b->user);
    assert_int_equal(a->weight, b->weight);
    assert_int_equal(a->priority, b->priority);
    assert_int_equal(a->admin, b->admin);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->reasons, b->reasons);
    assert_int_equal(a->inflight, b->inflight);
    assert_int_equal(a->max_inflight, b->max_inflight);
    assert_int_equal(a->cost, b->cost);
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->retry_at, b->retry_at);
    assert_int_equal(a->mean, b->mean);
    assert_int_equal(a->peak, b->peak);
    assert_true(same_number(a->external, b->external));
    assert_true(a->ramp == b->ramp);
    assert_true(a->remaining == b->remaining);
}

static void assert_same_look(const struct look *a, const struct look *b) {
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_same_node(&a->info[i], &b->info[i]);
    }
    assert_int_equal(a->stats.nodes, b->stats.nodes);
    assert_int_equal(a->stats.eligible, b->stats.eligible);
    assert_int_equal(a->stats.leaving, b->stats.leaving);
    assert_int_equal(a->stats.resting, b->stats.resting);
    assert_int_equal(a->stats.routes, b->stats.routes);
    assert_int_equal(a->stats.tickets, b->stats.tickets);
    assert_int_equal(a->stats.updates, b->stats.updates);
    assert_int_equal(a->stats.plans, b->stats.plans);
}

/* A failed call may have given back what waited for readers, and holds on to nothing: but for a longer list of routes,
   which the next one will use. */
static void assert_nothing_done(const struct look *before, uint32_t lists) {
    struct look now = look_around();
    assert_same_look(before, &now);
    assert_true(now.live <= before->live + lists);
    assert_true(now.bytes <= before->bytes + lists * 128);
}

/* Picks, with all memory gone. */
static void assert_picks(uint32_t route) {
    uint64_t asked = book.asked;
    for (uint32_t i = 0; i < 5; i++) {
        lw_request request = LW_REQUEST_INIT;
        lw_amount tokens = {0, 3};
        lw_ticket ticket;
        request.flags = LW_REQUEST_KEYED;
        request.key = i;
        request.amounts = &tokens;
        request.amount_count = 1;
        assert_int_equal(lw_pick(pool, route, &request, &ticket), LW_OK);
        assert_int_equal(lw_cancel(pool, &ticket), LW_OK);
    }
    assert_int_equal(book.asked, asked);
}

/* ---- a life ---- */

static const lw_quota_dimension tokens = {
    sizeof tokens, "tokens", LW_QUOTA_SLIDING, LW_QUOTA_EXACT, 1000000000, 0, LW_QUOTA_COVER_FULL, 0, 0};
static const lw_quota_limit limit = {0, 0, 1000, 0};
static lw_tag_filter even;

static void be_born(void) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    lw_env env = ledger_env(&book, 3);
    options.max_tickets = 64;
    options.grace = 1000;
    options.ticket_ttl = 1000000;
    options.slow_start = 100;
    options.dimensions = &tokens;
    options.dimension_count = 1;
    options.outlier = &outlier;
    options.zone = "here";
    while (is_short(lw_pool_new(&pool, &env, &options))) {
        assert_null(pool);
        assert_int_equal(book.live, 0);
    }
}

static int update_to(uint32_t set, uint32_t version) {
    lw_node_spec specs[NODES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        if ((set >> i & 1) != 0) {
            lw_node_spec *spec = &specs[count++];
            *spec = (lw_node_spec)LW_NODE_SPEC_INIT;
            spec->name = names[i];
            spec->weight = 1 + (i + version) % 3;
            spec->priority = i % 4 == 3;
            spec->zone = i % 2 ? "here" : "there";
            spec->tags = (i + version) % 2 ? "kind=odd" : "kind=even";
            spec->limits = &limit;
            spec->limit_count = 1;
            spec->user = names[i];
        }
    }
    return lw_pool_update(pool, specs, count, LW_UPDATE_ALLOW_EMPTY, NULL);
}

/* The update happens as a whole or not at all. */
static void update(uint32_t set, uint32_t version) {
    struct look before = look_around();
    while (is_short(update_to(set, version))) {
        assert_nothing_done(&before, 0);
        assert_true(before.stats.eligible == 0 || before.stats.routes == 0 || (assert_picks(first_route), true));
    }
    assert_int_equal(look_around().count, (uint32_t)__builtin_popcount(set));
}

static void set_route(const char *name, const char *spec, const lw_filter *filter, uint32_t *number) {
    struct look before = look_around();
    uint32_t known;
    bool is_new = lw_pool_route_number(pool, name, &known) == LW_UNKNOWN;
    while (is_short(lw_pool_route(pool, name, spec, filter, number))) {
        assert_nothing_done(&before, is_new);
        assert_int_equal(lw_pool_route_number(pool, name, &known), is_new ? LW_UNKNOWN : LW_OK);
    }
    assert_int_equal(lw_pool_route_number(pool, name, &known), LW_OK);
    assert_int_equal(known, *number);
}

static void have_a_history(void) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = LW_OUTCOME_FAILURE;
    sample.latency = 77;
    for (uint32_t i = 0; i < HELD; i++) {
        assert_int_equal(lw_pick(pool, i % 2 ? first_route : second_route, NULL, &held[i]), LW_OK);
        if (i % 2 == 0) {
            assert_int_equal(lw_done(pool, &held[i], &sample), LW_OK);
        }
    }
}

static void live(void) {
    set_route("first", "chain(ring vnodes=3, round_robin)", NULL, &first_route);
    update(0x7f, 0);
    set_route("second", "p2c metric=peak_ewma", &even.filter, &second_route);
    have_a_history();
    update(0x7f, 0);
    update(0x1ff, 0); /* two more */
    book.now += 10;
    update(0x1ff, 1); /* other labels */
    update(0x0f, 1);  /* some go, with requests under way */
    update(0xff, 2);  /* and come back */
    set_route("first", "least_load metric=inflight", NULL, &first_route);
    set_route("third", "smooth_wrr", &even.filter, &(uint32_t){0});
    update(0, 0);
    book.now += 2000; /* too late to come back */
    update(0x3f, 0);
    for (uint32_t i = 1; i < HELD; i += 2) {
        assert_int_equal(lw_done(pool, &held[i], NULL), LW_OK);
    }
    while (is_short(lw_pool_tick(pool, book.now, NULL))) {
    }
    assert_picks(first_route);
}

static void live_through_all(bool fail_on) {
    for (uint64_t k = 1;; k++) {
        ledger_open(&book);
        book.now = 1000000000;
        book.fail_at = k;
        book.fail_on = fail_on;
        shortages = 0;
        be_born();
        live();
        bool failed = book.asked >= k;
        lw_pool_free(pool);
        ledger_close(&book);
        if (shortages != failed) {
            fail_msg("allocation %u failed, and %u calls said so", (unsigned)k, shortages);
        }
        if (!failed) {
            assert_in_range(k, 100, MOST_PLACES);
            return;
        }
    }
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    even = lw_filter_tag("kind", "even");
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", (unsigned)i);
    }
    live_through_all(false);
    live_through_all(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
