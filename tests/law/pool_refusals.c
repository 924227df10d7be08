/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Refusals that can be trusted: at retry_at a pick succeeds, one nanosecond before it does not, whatever keeps the
 * nodes away. And retries that exclude what they have tried go round all nodes before they meet one again.
 */
#include "pool_yard.h"

enum { NODES_MOST = 6 };

/* The refusal now, the same one nanosecond before its end, and at the end a ticket. */
static lw_ticket await(yard *y, const lw_request *request, int reason) {
    lw_ticket refused = yard_refused(y, request, reason), again;
    assert_int_equal(refused.retry, LW_RETRY_AT);
    assert_true(refused.retry_at > y->now);
    y->now = refused.retry_at - 1;
    again = yard_refused(y, request, reason);
    assert_int_equal(again.retry_at, refused.retry_at);
    y->now = refused.retry_at;
    return yard_pick(y, request);
}

/* ---- told to wait ---- */

static void done_limited(yard *y, const lw_ticket *ticket, uint32_t outcome, uint64_t retry_after) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.retry_after = retry_after;
    sample.now = y->now;
    assert_int_equal(lw_done(y->pool, ticket, &sample), LW_OK);
}

/* Nodes are told to wait in every way there is, in any order, and also longer than they were told before. */
static void test_cooling(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        yard y;
        uint64_t chance = seed, until[NODES_MOST], first = UINT64_MAX;
        uint32_t count = 1 + law_below(&chance, NODES_MOST);
        yard_open(&y, NULL, "p2c", count, seed);
        for (uint32_t i = 0; i < count; i++) {
            lw_ticket ticket = yard_pick_node(&y, i);
            uint64_t span = 1 + law_below(&chance, 1000) * MS;
            done_limited(&y, &ticket, law_below(&chance, 2) ? LW_OUTCOME_RATE_LIMITED : LW_OUTCOME_OVERLOAD, span);
            until[i] = y.now + span;
        }
        for (uint32_t i = 0; i < 2 * count; i++) {
            uint32_t at = law_below(&chance, count);
            uint64_t longer = y.now + law_below(&chance, 2000) * MS;
            yard_refused(&y, NULL, LW_OVER_QUOTA); /* whatever a pool remembers of this must not outlive the change */
            assert_int_equal(lw_pool_cool(y.pool, yard_id(&y, at), longer, y.now), LW_OK);
            until[at] = longer > until[at] ? longer : until[at];
        }
        for (uint32_t i = 0; i < count; i++) {
            first = until[i] < first ? until[i] : first;
        }
        lw_ticket ticket = await(&y, NULL, LW_OVER_QUOTA);
        assert_int_equal(y.now, first);
        assert_int_equal(until[yard_index(&y, ticket.node)], first);
        yard_close(&y);
    }
}

static void test_default_and_longest_cooling(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.cooldown = 3 * SECOND;
    options.max_cooldown = 60 * SECOND;
    yard_open(&y, &options, "random", 1, 3);
    lw_ticket ticket = yard_pick(&y, NULL);
    uint64_t told = y.now;
    done_limited(&y, &ticket, LW_OUTCOME_RATE_LIMITED, 0);
    ticket = await(&y, NULL, LW_OVER_QUOTA);
    assert_int_equal(y.now, told + options.cooldown);
    told = y.now;
    done_limited(&y, &ticket, LW_OUTCOME_RATE_LIMITED, 3600 * SECOND);
    ticket = await(&y, NULL, LW_OVER_QUOTA);
    assert_int_equal(y.now, told + options.max_cooldown);
    done_limited(&y, &ticket, LW_OUTCOME_OVERLOAD, 0); /* did not say how long: no reason to wait */
    assert_int_equal(yard_info(&y, 0).reasons, 0);
    yard_close(&y);
}

/* ---- quotas ---- */

static lw_quota_dimension dimension_of(uint32_t kind) {
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "requests", .kind = kind, .fixed = 1};
    dimension.estimate = LW_QUOTA_FIXED;
    dimension.window = 10 * SECOND;
    return dimension;
}

/* Requests come at odd times; whenever the pool refuses, its word is tried. */
static void keep_word(uint32_t kind, const lw_request *request, uint64_t seed) {
    yard y;
    lw_quota_dimension dimension = dimension_of(kind);
    lw_quota_limit limits[3];
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    uint64_t chance = seed, refusals = 0;
    dimension.estimate = request != NULL ? LW_QUOTA_EXACT : LW_QUOTA_FIXED;
    options.dimensions = &dimension;
    options.dimension_count = 1;
    yard_found(&y, &options, seed);
    yard_strategy(&y, "round_robin");
    for (uint32_t i = 0; i < 3; i++) {
        limits[i] = (lw_quota_limit){.limit = 3 + law_below(&chance, 20)};
        limits[i].burst = kind == LW_QUOTA_GCRA ? 1 + law_below(&chance, 5) + (request != NULL ? 3 : 0) : 0;
        y.spec[i].limits = &limits[i];
        y.spec[i].limit_count = 1;
    }
    y.count = 3;
    yard_update(&y);
    for (uint32_t i = 0; i < 300; i++) {
        lw_ticket ticket;
        y.now += law_below(&chance, 200) * MS + law_below(&chance, 1000);
        if (yard_try(&y, request, &ticket) != LW_OK) {
            ticket = await(&y, request, LW_OVER_QUOTA);
            refusals++;
        }
        yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
    }
    assert_true(refusals > 20);
    yard_close(&y);
}

static void test_quotas(void **state) {
    (void)state;
    lw_amount two = {0, 2};
    lw_request request = LW_REQUEST_INIT;
    request.amounts = &two;
    request.amount_count = 1;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        keep_word(LW_QUOTA_SLIDING, NULL, seed);
        keep_word(LW_QUOTA_GCRA, NULL, seed);
        keep_word(LW_QUOTA_SLIDING, &request, seed);
        keep_word(LW_QUOTA_GCRA, &request, seed);
    }
}

/* ---- health ---- */

static void fail_node(yard *y, uint32_t index, uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        lw_ticket ticket = yard_pick_node(y, index);
        yard_done(y, &ticket, LW_OUTCOME_FAILURE, MS);
    }
}

/* A pool that does not panic open is tried out again when the first probe is due, and recovers by itself. */
static void test_probes(void **state) {
    (void)state;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.panic = LW_PANIC_FAIL_CLOSED;
    for (uint32_t count = 1; count <= NODES_MOST; count++) {
        yard y;
        yard_open(&y, &options, "p2c", count, count);
        for (uint32_t i = 0; i < count; i++) {
            fail_node(&y, i, 3);
            y.now += 7 * MS;
        }
        uint64_t first = y.now - 7 * MS * count + 10 * SECOND;
        lw_ticket ticket = await(&y, NULL, LW_ALL_UNHEALTHY);
        assert_int_equal(y.now, first);
        assert_int_equal(yard_index(&y, ticket.node), 0);
        assert_true(ticket.flags & LW_TICKET_PROBE);
        yard_done(&y, &ticket, LW_OUTCOME_FAILURE, MS); /* not yet: the next one's turn, or its own again */
        ticket = await(&y, NULL, LW_ALL_UNHEALTHY);
        assert_int_equal(y.now, count > 1 ? first + 7 * MS : first + 10 * SECOND);
        yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
        ticket = yard_pick(&y, NULL);
        yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
        assert_int_equal(yard_info(&y, yard_index(&y, ticket.node)).status, LW_HEALTHY);
        yard_close(&y);
    }
}

/* A probe whose permit does not come back holds others up until the permit is void. */
static void test_lost_probe(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.panic = LW_PANIC_FAIL_CLOSED;
    yard_open(&y, &options, "round_robin", 1, 2);
    fail_node(&y, 0, 3);
    lw_ticket lost = await(&y, NULL, LW_ALL_UNHEALTHY);
    uint64_t begun = y.now;
    lw_ticket ticket = await(&y, NULL, LW_ALL_UNHEALTHY);
    assert_int_equal(y.now, begun + 60 * SECOND);
    yard_done(&y, &lost, LW_OUTCOME_OK, MS);
    assert_int_equal(yard_info(&y, 0).status, LW_UNHEALTHY); /* its permit is void */
    yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
    assert_int_equal(yard_info(&y, 0).status, LW_RECOVERING);
    yard_close(&y);
}

/* ---- several at once ---- */

/* A full node may come back at any moment; its refusal also says when another one does by time alone. */
static void test_saturated(void **state) {
    (void)state;
    yard y;
    yard_found(&y, NULL, 5);
    yard_strategy(&y, "least_load metric=inflight");
    y.spec[0].max_inflight = 2;
    y.count = 2;
    yard_update(&y);
    lw_ticket held = yard_pick_node(&y, 0);
    yard_pick_node(&y, 0);
    assert_int_equal(lw_pool_cool(y.pool, yard_id(&y, 1), y.now + SECOND, y.now), LW_OK);
    lw_ticket ticket = yard_refused(&y, NULL, LW_SATURATED);
    assert_int_equal(ticket.retry, LW_RETRY_ON_COMPLETION);
    assert_int_equal(ticket.retry_at, y.now + SECOND);
    yard_done(&y, &held, LW_OUTCOME_OK, MS);
    held = yard_pick(&y, NULL);
    assert_int_equal(yard_index(&y, held.node), 0);
    yard_refused(&y, NULL, LW_SATURATED);
    y.now += SECOND;
    ticket = yard_pick(&y, NULL);
    assert_int_equal(yard_index(&y, ticket.node), 1);
    yard_close(&y);
}

/* ---- retries ---- */

static const char *const strategies[] = {
    "round_robin",          "smooth_wrr", "random",         "weighted_random", "p2c",
    "p2c metric=peak_ewma", "least_load", "most_available", "ring vnodes=20",  "chain(ring, random)"};

static void retry_round(yard *y, uint64_t key) {
    uint64_t tried[YARD_MOST];
    lw_request request = law_keyed(key);
    lw_ticket ticket[YARD_MOST];
    request.exclude = tried;
    for (uint32_t k = 0; k < y->count; k++) {
        ticket[k] = yard_pick(y, &request);
        assert_int_equal(ticket[k].flags & LW_TICKET_REUSED, 0);
        for (uint32_t i = 0; i < k; i++) {
            assert_true(ticket[k].node != tried[i]);
        }
        tried[request.exclude_count++] = ticket[k].node;
    }
    if (y->count == 1) {
        lw_ticket again = yard_pick(y, &request);
        assert_int_equal(again.node, tried[0]);
        assert_true(again.flags & LW_TICKET_REUSED);
        yard_cancel(y, &again);
    } else {
        lw_ticket refused = yard_refused(y, &request, LW_EXCLUDED);
        assert_int_equal(refused.retry, LW_RETRY_NEVER);
    }
    for (uint32_t k = 0; k < y->count; k++) {
        yard_done(y, &ticket[k], LW_OUTCOME_OK, MS);
    }
}

static void test_retries_try_everyone(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        for (uint32_t count = 1; count <= 9; count++) {
            yard y;
            lw_pool_options options = LW_POOL_OPTIONS_INIT;
            options.explore = 5000; /* exploring must not break the promise either */
            yard_open(&y, &options, strategies[s], count, s + 1);
            for (uint64_t key = 0; key < 50; key++) {
                retry_round(&y, key);
            }
            yard_close(&y);
        }
    }
}

/* The last node that is eligible, excluded: reused or not, as the options say. */
static void test_reuse(void **state) {
    (void)state;
    for (uint32_t reuse = LW_REUSE_SOLE; reuse <= LW_REUSE_NEVER; reuse++) {
        yard y;
        lw_pool_options options = LW_POOL_OPTIONS_INIT;
        options.reuse = reuse;
        yard_open(&y, &options, "round_robin", 3, 1);
        uint64_t tried = yard_id(&y, 1);
        lw_request request = law_excluding(&tried, 1);
        assert_int_equal(lw_pool_admin(y.pool, yard_id(&y, 0), LW_ADMIN_DISABLED, 0), LW_OK);
        assert_int_equal(lw_pool_cool(y.pool, yard_id(&y, 2), y.now + SECOND, y.now), LW_OK);
        if (reuse == LW_REUSE_SOLE) {
            lw_ticket ticket = yard_pick(&y, &request);
            assert_int_equal(ticket.node, tried);
            assert_int_equal(ticket.flags, LW_TICKET_REUSED);
        } else {
            yard_refused(&y, &request, LW_EXCLUDED);
        }
        yard_close(&y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cooling),
        cmocka_unit_test(test_default_and_longest_cooling),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_lost_probe),
        cmocka_unit_test(test_saturated),
        cmocka_unit_test(test_retries_try_everyone),
        cmocka_unit_test(test_reuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
