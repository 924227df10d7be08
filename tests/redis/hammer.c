/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Four processes with two threads each want more of one node than its quotas give, over many windows of a clock that
 * all share. Whatever the mode, what they used is judged afterwards, window by window, by a judge that knows nothing of
 * quotas: never more than what is promised, and never much less than what could have been had.
 *
 *     exact   a ledger: sliding at most the limit in any window; gcra at most burst + limit x t / window
 *     lease   lw_pool_sync: sliding the same; gcra at most burst + limit x (t + lease) / window
 */
#include "rig/crowd.h"
#include "site.h"

#include <inttypes.h>
#include <loadwise/ledger.h>
#include <loadwise/loadwise.h>
#include <stdlib.h>

enum { RPM, TPM, ASKS = 8, SEED_OF_CHANCE = 1, PLAYS = 20 };

#define WINDOW (60 * SITE_SECOND)

struct hammer_plan {
    uint32_t kinds[CROWD_DIMENSIONS];
    uint64_t limits[CROWD_DIMENSIONS], bursts[CROWD_DIMENSIONS];
    uint64_t window;
    uint64_t tokens;             /* of a request, at most */
    uint32_t resolution;         /* of windows */
    bool restless;               /* the demand is not always there */
    bool server_time;            /* no clock is shared but the server's */
    uint64_t interval, lease_ns; /* lease mode */
};

static struct server hammer_server;

static uint64_t hammer_clock(void *user) {
    struct crowd *crowd = user;
    return atomic_load(&crowd->clock);
}

static void hammer_dimensions(const struct hammer_plan *plan, lw_quota_dimension *dimensions, lw_quota_limit *limits) {
    static const char *const names[CROWD_DIMENSIONS] = {"rpm", "tpm"};
    for (uint32_t i = 0; i < CROWD_DIMENSIONS; i++) {
        dimensions[i] = (lw_quota_dimension){.size = sizeof *dimensions,
                                             .name = names[i],
                                             .kind = plan->kinds[i],
                                             .window = plan->window,
                                             .resolution = plan->resolution};
        limits[i] = (lw_quota_limit){i, 0, plan->limits[i], plan->bursts[i]};
    }
    dimensions[RPM].estimate = LW_QUOTA_FIXED;
    dimensions[RPM].fixed = 1;
}

/* ---- exact ---- */

struct exact {
    lw_store *store;
    lw_ledger *ledger;
    const struct hammer_plan *plan;
};

static void *exact_enter(struct crowd *crowd, uint32_t process) {
    struct exact *exact = calloc(1, sizeof *exact);
    lw_quota_dimension dimensions[CROWD_DIMENSIONS];
    lw_quota_limit limits[CROWD_DIMENSIONS];
    lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
    lw_env env = LW_ENV_INIT;
    rig_need(exact != NULL, "memory");
    exact->plan = crowd->work->plan;
    hammer_dimensions(exact->plan, dimensions, limits);
    options.dimensions = dimensions;
    options.dimension_count = CROWD_DIMENSIONS;
    env.seed = process + SEED_OF_CHANCE;
    if (!exact->plan->server_time) {
        options.time = hammer_clock;
        options.time_user = crowd;
        env.now = hammer_clock;
        env.user = crowd;
    }
    exact->store = site_store(&hammer_server);
    rig_need(lw_ledger_new(&exact->ledger, &env, exact->store, &options) == LW_OK, "a ledger");
    rig_need(lw_ledger_limits(exact->ledger, 7, limits, CROWD_DIMENSIONS) == LW_OK, "limits");
    return exact;
}

static void exact_leave(void *things) {
    struct exact *exact = things;
    lw_ledger_free(exact->ledger);
    lw_store_free(exact->store);
    free(exact);
}

/* More is reserved than used, so that refunds come in. What is used is used at once, at the time of the grant. */
static bool exact_ask(struct crowd_hand *hand, bool on_server_time) {
    struct exact *exact = hand->things;
    uint64_t used[CROWD_DIMENSIONS] = {1, crowd_random(hand) % exact->plan->tokens + 1};
    lw_amount estimate = {TPM, used[TPM] + crowd_random(hand) % 3}, actual = {TPM, used[TPM]};
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    uint64_t from = on_server_time ? rig_now() : atomic_load(&hand->crowd->clock);
    int code = lw_ledger_reserve(exact->ledger, 7, &estimate, 1, 0, &reservation, &refusal);
    if (code == LW_OK) {
        crowd_used(hand, from, on_server_time ? rig_now() : from, used);
        crowd_expect(hand, lw_ledger_commit(exact->ledger, &reservation, &actual, 1, 0) == LW_OK, "a commit");
    }
    crowd_expect(hand, code == LW_OK || code == LW_OVER_QUOTA, "a grant or a refusal");
    return code == LW_OK;
}

static void exact_round(struct crowd_hand *hand) {
    for (uint32_t i = 0; i < ASKS; i++) {
        exact_ask(hand, false);
    }
}

static void exact_smoke(struct crowd_hand *hand) {
    const struct exact *exact = hand->things;
    for (uint64_t end = rig_now() + 4 * exact->plan->window; rig_now() < end;) {
        exact_ask(hand, true);
    }
}

/* ---- lease ---- */

struct lease {
    lw_store *store;
    lw_pool *pool;
    uint32_t route;
    uint64_t next; /* sync, by the first thread */
};

static void lease_add_node(struct lease *lease, const lw_quota_limit *limits) {
    lw_node_spec spec = LW_NODE_SPEC_INIT;
    spec.name = "one";
    spec.limits = limits;
    spec.limit_count = CROWD_DIMENSIONS;
    rig_need(lw_pool_route(lease->pool, "default", "random", NULL, &lease->route) == LW_OK, "a route");
    rig_need(lw_pool_update(lease->pool, &spec, 1, 0, NULL) == LW_OK, "a node");
}

static void *lease_enter(struct crowd *crowd, uint32_t process) {
    const struct hammer_plan *plan = crowd->work->plan;
    struct lease *lease = calloc(1, sizeof *lease);
    lw_quota_dimension dimensions[CROWD_DIMENSIONS];
    lw_quota_limit limits[CROWD_DIMENSIONS];
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_sync_options sync = LW_SYNC_OPTIONS_INIT;
    lw_env env = LW_ENV_INIT;
    rig_need(lease != NULL, "memory");
    hammer_dimensions(plan, dimensions, limits);
    dimensions[RPM].shared = dimensions[TPM].shared = 1;
    sync.share = LW_SHARE_QUOTA;
    sync.instances = CROWD_PROCESSES;
    sync.interval = plan->interval;
    sync.lease = plan->lease_ns;
    sync.time = hammer_clock;
    sync.time_user = crowd;
    options.dimensions = dimensions;
    options.dimension_count = CROWD_DIMENSIONS;
    options.sync = &sync;
    env.now = hammer_clock;
    env.user = crowd;
    env.seed = process + SEED_OF_CHANCE;
    lease->store = site_store(&hammer_server);
    rig_need(lw_pool_new(&lease->pool, &env, &options) == LW_OK, "a pool");
    lease_add_node(lease, limits);
    return lease;
}

static void lease_leave(void *things) {
    struct lease *lease = things;
    rig_need(lw_pool_sync_leave(lease->pool, lease->store, 0) == LW_OK, "leave");
    lw_pool_free(lease->pool);
    lw_store_free(lease->store);
    free(lease);
}

static void lease_sync(struct crowd_hand *hand) {
    struct lease *lease = hand->things;
    lw_sync_report report = LW_SYNC_REPORT_INIT;
    if (hand->thread == 0 && atomic_load(&hand->crowd->clock) >= lease->next) {
        int code = lw_pool_sync(lease->pool, lease->store, 0, &report);
        crowd_expect(hand, code == LW_OK && report.away == 0, "a sync");
        lease->next = report.next;
    }
}

/* Each process rests now and then, so that slices are spent late as well as early. */
static bool lease_rests(const struct crowd_hand *hand, const struct hammer_plan *plan) {
    uint64_t chance = atomic_load(&hand->crowd->clock) / (plan->lease_ns / 2) * CROWD_PROCESSES + hand->process;
    return plan->restless && site_below(&chance, 2) == 0;
}

static void lease_round(struct crowd_hand *hand) {
    const struct hammer_plan *plan = hand->crowd->work->plan;
    struct lease *lease = hand->things;
    lease_sync(hand);
    for (uint32_t i = 0; i < ASKS && !lease_rests(hand, plan); i++) {
        uint64_t used[CROWD_DIMENSIONS] = {1, crowd_random(hand) % plan->tokens + 1};
        lw_amount estimate = {TPM, used[TPM] + crowd_random(hand) % 3}, actual = {TPM, used[TPM]};
        lw_request request = LW_REQUEST_INIT;
        lw_sample sample = LW_SAMPLE_INIT;
        lw_ticket ticket;
        request.amounts = &estimate;
        request.amount_count = 1;
        sample.amounts = &actual;
        sample.amount_count = 1;
        int code = lw_pick(lease->pool, lease->route, &request, &ticket);
        if (code == LW_OK) {
            uint64_t now = atomic_load(&hand->crowd->clock);
            crowd_used(hand, now, now, used);
            crowd_expect(hand, lw_done(lease->pool, &ticket, &sample) == LW_OK, "a done");
        }
        crowd_expect(hand, code == LW_OK || lw_is_refusal(code), "a ticket or a refusal");
    }
}

/* ---- the judgement ---- */

/* What steady demand can have in so many ns at least: of a sliding window all but a bucket. */
static double hammer_share(const struct hammer_plan *plan, uint32_t dimension, uint64_t time) {
    double windows = (double)time / (double)plan->window;
    if (plan->kinds[dimension] == LW_QUOTA_GCRA) {
        return (double)plan->bursts[dimension] + (double)plan->limits[dimension] * windows;
    }
    return (double)plan->limits[dimension] * windows * plan->resolution / (plan->resolution + 1);
}

/* What was used of what could be had, in the dimension that ran out; fails when more was than is promised. */
static double hammer_judge(const struct crowd *crowd, const struct hammer_plan *plan, uint64_t time, uint64_t lease) {
    double best = 0;
    if (atomic_load(&crowd->fault) != NULL) {
        fail_msg("a hand missed %s", atomic_load(&crowd->fault));
    }
    for (uint32_t i = 0; i < CROWD_DIMENSIONS; i++) {
        bool gcra = plan->kinds[i] == LW_QUOTA_GCRA;
        uint64_t most = gcra ? crowd_burst(crowd, i, plan->limits[i], plan->window)
                             : crowd_most(crowd, i, plan->window - (plan->server_time ? SITE_MS : 0));
        uint64_t bound = gcra ? plan->bursts[i] + plan->limits[i] * lease / plan->window : plan->limits[i];
        double share = (double)crowd_total(crowd, i) / hammer_share(plan, i, time);
        print_message("    %s %s: at most %" PRIu64 " of %" PRIu64 ", %.3f of what could be had\n",
                      i == RPM ? "rpm" : "tpm", gcra ? "gcra" : "sliding", most, bound, share);
        if (most > bound) {
            fail_msg("%" PRIu64 " where %" PRIu64 " was promised", most, bound);
        }
        best = share > best ? share : best;
    }
    return best;
}

static void hammer_expect(double best, double least) {
    if (best < least) {
        fail_msg("only %.3f of what could be had was used", best);
    }
}

/* Steps of a fifth of an interval to twice that, now and then none. */
static void hammer_move(struct crowd *crowd, uint32_t round) {
    const struct hammer_plan *plan = crowd->work->plan;
    uint64_t chance = round, step = plan->interval / 5;
    atomic_fetch_add(&crowd->clock, site_below(&chance, 2 * step) / 1000 * 1000);
}

static void hammer_stay(struct crowd *crowd, uint32_t round) { (void)crowd, (void)round; }

static void hammer_run(const struct hammer_plan *plan, bool exact, uint64_t windows) {
    struct crowd_work work = {lease_enter, lease_round, lease_leave, plan};
    if (exact) {
        work = (struct crowd_work){exact_enter, exact_round, exact_leave, plan};
    }
    uint32_t rounds = (uint32_t)(windows * plan->window / (plan->interval / 5));
    server_tell(&hammer_server, "FLUSHALL");
    struct crowd *crowd = crowd_play(&work, SITE_BORN, rounds, hammer_move);
    double best = hammer_judge(crowd, plan, atomic_load(&crowd->clock) - SITE_BORN, exact ? 0 : plan->lease_ns);
    crowd_free(crowd);
    hammer_expect(best, plan->restless ? 0.7 : 0.9);
}

/* Requests run out first, or tokens do. */
static const struct hammer_plan hammer_requests = {
    {LW_QUOTA_SLIDING, LW_QUOTA_GCRA}, {600, 30000}, {0, 2000}, WINDOW, 20, 20, false, false, WINDOW / 20, 0};
static const struct hammer_plan hammer_tokens = {
    {LW_QUOTA_SLIDING, LW_QUOTA_SLIDING}, {6000, 6000}, {0, 0}, WINDOW, 20, 20, false, false, WINDOW / 20, 0};
static const struct hammer_plan hammer_rate = {
    {LW_QUOTA_SLIDING, LW_QUOTA_GCRA}, {6000, 6000}, {0, 500}, WINDOW, 20, 20, false, false, WINDOW / 20, 0};

static void test_exact_requests(void **state) {
    (void)state;
    hammer_run(&hammer_requests, true, 6);
}

static void test_exact_tokens(void **state) {
    (void)state;
    hammer_run(&hammer_tokens, true, 6);
}

static void test_exact_rate(void **state) {
    (void)state;
    hammer_run(&hammer_rate, true, 6);
}

/* A lease is held for three intervals, which is what a sliding window loses by it; and picks that ask nobody can use
   ten times as much in the same time. */
static struct hammer_plan hammer_leased(const struct hammer_plan *plan) {
    struct hammer_plan leased = *plan;
    leased.interval = WINDOW / 100;
    leased.lease_ns = 3 * leased.interval;
    for (int i = 0; i < CROWD_DIMENSIONS; i++) {
        leased.limits[i] *= 10;
        leased.bursts[i] *= 10;
    }
    return leased;
}

static void test_lease_requests(void **state) {
    struct hammer_plan plan = hammer_leased(&hammer_requests);
    (void)state;
    hammer_run(&plan, false, 5);
}

static void test_lease_tokens(void **state) {
    struct hammer_plan plan = hammer_leased(&hammer_tokens);
    (void)state;

    hammer_run(&plan, false, 5);
}

static void test_lease_rate(void **state) {
    struct hammer_plan plan = hammer_leased(&hammer_rate);
    (void)state;
    hammer_run(&plan, false, 5);
}

/* Fine buckets forgive nothing that is used later than it was charged. */
static void test_lease_restless(void **state) {
    struct hammer_plan plan = hammer_leased(&hammer_tokens);
    (void)state;
    plan.resolution = LW_QUOTA_RESOLUTION;
    plan.restless = true;
    hammer_run(&plan, false, 5);
}

/* In real time a busy machine may leave the crowd too little of it to use all, so they play until it does not. */
static void test_server_time(void **state) {
    static const struct hammer_plan plan = {
        {LW_QUOTA_SLIDING, LW_QUOTA_GCRA}, {200, 10000}, {0, 1000}, SITE_SECOND / 2, 20, 20, false, true, 0, 0};
    const struct crowd_work work = {exact_enter, exact_smoke, exact_leave, &plan};
    double best = 0;
    (void)state;
    for (int play = 0; play < PLAYS && best < 0.9; play++) {
        server_tell(&hammer_server, "FLUSHALL");
        struct crowd *crowd = crowd_play(&work, 0, 1, hammer_stay);
        best = hammer_judge(crowd, &plan, 4 * plan.window, 0);
        crowd_free(crowd);
    }
    hammer_expect(best, 0.9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_requests), cmocka_unit_test(test_exact_tokens), cmocka_unit_test(test_exact_rate),
        cmocka_unit_test(test_lease_requests), cmocka_unit_test(test_lease_tokens), cmocka_unit_test(test_lease_rate),
        cmocka_unit_test(test_lease_restless), cmocka_unit_test(test_server_time),
    };
    server_start(&hammer_server, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_stop(&hammer_server);
    return failed;
}
