/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads pick, end, end twice, cancel and forget tickets, while nodes come and go, drain, cool down, fall ill and
 * recover, and ticks run: in the end nothing is under way, every ticket was ended once, and who is free is picked.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/loadwise.h>

enum { THREADS = 4, NODES = 12, ALWAYS = 3, ROUNDS = 40000, HELD = 24, ROUTES = 4 };

#define TTL UINT64_C(20000)

static ledger book;
static lw_pool *pool;
static crew hands;
static uint32_t route[ROUTES];
static char names[NODES][8];
static uint64_t picked, ended, again, lost, forgotten;

static uint64_t id_of(uint32_t node) { return lw_id(names[node], strlen(names[node])); }

static uint64_t passing(uint64_t span) { return __atomic_add_fetch(&book.now, span, __ATOMIC_RELAXED); }

static void count(uint64_t *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

static void note_lost(void *user, uint64_t node, uint64_t age) {
    (void)user, (void)node, (void)age;
    count(&lost);
}

static void note_forgotten(void *user, uint64_t node) {
    (void)user, (void)node;
    count(&forgotten);
}

/* ---- a pool with everything that can keep a node away ---- */

static const lw_quota_dimension dimensions[] = {
    {sizeof(lw_quota_dimension), "rate", LW_QUOTA_GCRA, LW_QUOTA_FIXED, 1000000, 0, LW_QUOTA_COVER_FULL, 1, 0},
    {sizeof(lw_quota_dimension), "slots", LW_QUOTA_CONCURRENCY, LW_QUOTA_EXACT, 0, 0, LW_QUOTA_COVER_FULL, 0, 0}};

static const lw_quota_limit limits[] = {{0, 0, 100000, 1000}, {1, 0, 40, 0}};

static lw_node_spec spec_of(uint32_t node, uint32_t version) {
    lw_node_spec spec = LW_NODE_SPEC_INIT;
    spec.name = names[node];
    spec.weight = 1 + version % 3;
    spec.max_inflight = node % 3 == 0 ? 0 : 20;
    spec.priority = node % 5 == 4;
    spec.zone = node % 2 ? "here" : "there";
    spec.tags = node % 4 == 3 ? "kind=odd" : "kind=even";
    spec.limits = limits;
    spec.limit_count = node % 2 ? 2 : 0;
    spec.user = names[node];
    return spec;
}

static void open_pool(uint64_t seed, uint64_t grace) {
    static const char *const specs[ROUTES] = {"round_robin", "p2c metric=peak_ewma", "least_load metric=inflight",
                                              "ring vnodes=20"};
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    static lw_tag_filter even;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_env env = ledger_env(&book, seed);
    outlier.success_rate = 0; /* or somebody is ejected at the very end, for what was long ago */
    outlier.base_ejection = outlier.max_ejection = 300;
    even = lw_filter_tag("kind", "even");
    observer.lost = note_lost;
    observer.forgotten = note_forgotten;
    health.probe_interval = 100;
    options.observer = &observer;
    options.health = &health;
    options.outlier = &outlier;
    options.dimensions = dimensions;
    options.dimension_count = 2;
    options.max_tickets = 512;
    options.grace = grace;
    options.ticket_ttl = TTL;
    options.cooldown = 100;
    options.slow_start = 1000;
    options.zone = "here";
    assert_int_equal(lw_pool_new(&pool, &env, &options), LW_OK);
    for (uint32_t i = 0; i < ROUTES; i++) {
        char name[] = {'r', (char)('0' + i), '\0'};
        assert_int_equal(lw_pool_route(pool, name, specs[i], i == 3 ? &even.filter : NULL, &route[i]), LW_OK);
    }
}

static int update_to(uint32_t set, uint32_t version) {
    lw_node_spec specs[NODES];
    uint32_t found = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        if (i < ALWAYS || (set >> i & 1) != 0) {
            specs[found++] = spec_of(i, version);
        }
    }
    return lw_pool_update(pool, specs, found, 0, NULL);
}

static int open_all(void **state) {
    (void)state;
    ledger_open(&book);
    book.now = 1000000000;
    picked = ended = again = lost = forgotten = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", (unsigned)i);
    }
    return 0;
}

static int close_all(void **state) {
    (void)state;
    lw_pool_free(pool);
    ledger_close(&book);
    return 0;
}

/* ---- what a hand may do ---- */

struct bag {
    lw_ticket ticket[HELD];
    uint32_t held;
};

static lw_sample some_end(crew_hand *hand) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = crew_random(hand) % 3 != 0 ? LW_OUTCOME_OK : (uint32_t)crew_random(hand) % 8;
    sample.latency = 1 + crew_random(hand) % 1000;
    sample.retry_after = crew_random(hand) % 200;
    sample.now = passing(1);
    return sample;
}

static void pick_one(crew_hand *hand, struct bag *bag) {
    lw_amount amount = {1, crew_random(hand) % 4};
    uint64_t avoided = id_of((uint32_t)crew_random(hand) % NODES);
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    request.flags = LW_REQUEST_KEYED;
    request.key = crew_random(hand);
    request.exclude = &avoided;
    request.exclude_count = crew_random(hand) % 2;
    request.amounts = &amount;
    request.amount_count = crew_random(hand) % 2;
    request.cost = crew_random(hand) % 5;
    int answer = lw_pick_at(pool, route[crew_random(hand) % ROUTES], crew_random(hand) % 4 ? &request : NULL,
                            passing(1), &ticket);
    CREW_EXPECT(hand, answer == LW_OK || lw_is_refusal(answer));
    CREW_EXPECT(hand, ticket.reason == answer);
    if (answer == LW_OK) {
        const char *name = ticket.user; /* lives as long as the ticket */
        CREW_EXPECT(hand, ticket.node == lw_id(name, strlen(name)));
        bag->ticket[bag->held++] = ticket;
        count(&picked);
    }
}

/* Ends one of its own, in some way, and perhaps once more; or lets it lie. */
static void end_one(crew_hand *hand, struct bag *bag) {
    lw_ticket *ticket = &bag->ticket[crew_random(hand) % bag->held];
    lw_sample sample = some_end(hand);
    uint64_t how = crew_random(hand) % 32;
    if (how != 0) { /* 0: never done */
        int answer = how < 4 ? lw_cancel_at(pool, ticket, sample.now) : lw_done(pool, ticket, &sample);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_ALREADY); /* already: it was lost meanwhile */
        count(answer == LW_OK ? &ended : &again);
        if (how % 4 == 0) {
            CREW_EXPECT(hand, lw_done(pool, ticket, how % 8 ? NULL : &sample) == LW_ALREADY);
            CREW_EXPECT(hand, lw_cancel_at(pool, ticket, sample.now) == LW_ALREADY);
            __atomic_fetch_add(&again, 2, __ATOMIC_RELAXED);
        }
    }
    *ticket = bag->ticket[--bag->held];
}

static int look_at(void *user, const lw_node_info *info) {
    crew_hand *hand = user;
    CREW_EXPECT(hand, info->inflight < THREADS * HELD * 64);
    CREW_EXPECT(hand, info->ramp > 0 && info->ramp <= 1);
    return 0;
}

static void change(crew_hand *hand) {
    uint64_t node = id_of((uint32_t)crew_random(hand) % NODES), now = passing(1);
    lw_pool_stats stats = {.size = sizeof stats};
    int answer = LW_OK;
    switch (crew_random(hand) % 10) {
    case 0:
    case 1: answer = update_to((uint32_t)crew_random(hand), (uint32_t)crew_random(hand)); break;
    case 2: answer = lw_pool_admin(pool, node, LW_ADMIN_DRAINING, now + crew_random(hand) % 100); break;
    case 3: answer = lw_pool_admin(pool, node, LW_ADMIN_ACTIVE, 0); break;
    case 4: answer = lw_pool_cool(pool, node, now + crew_random(hand) % 300, now); break;
    case 5: answer = lw_pool_verdict(pool, node, crew_random(hand) % 4 ? LW_VERDICT_UP : LW_VERDICT_DOWN, now); break;
    case 6: answer = lw_pool_route(pool, "r1", crew_random(hand) % 2 ? "p2c" : "random", NULL, NULL); break;
    case 7: answer = lw_pool_tick(pool, now, NULL); break;
    case 8: answer = lw_pool_stats_read(pool, now, &stats); break;
    default: lw_pool_each(pool, now, look_at, hand); break;
    }
    CREW_EXPECT(hand, answer == LW_OK || answer == LW_UNKNOWN);
}

static void live(crew_hand *hand) {
    struct bag bag = {.held = 0};
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        uint64_t what = crew_random(hand) % 16;
        if (what == 0) {
            change(hand);
        } else if (bag.held < HELD && (what < 9 || bag.held == 0)) {
            pick_one(hand, &bag);
        } else {
            end_one(hand, &bag);
        }
    }
    while (bag.held > 0) {
        end_one(hand, &bag);
    }
}

/* ---- the end ---- */

static void assert_at_rest(void) {
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_tick(pool, passing(2 * TTL), NULL), LW_OK); /* what was never done is lost */
    assert_int_equal(lw_pool_stats_read(pool, 0, &stats), LW_OK);
    assert_int_equal(stats.tickets, 0);
    assert_int_equal(stats.leaving, 0);
    assert_int_equal(stats.picks, picked);
    assert_int_equal(stats.ended, picked);
    assert_int_equal(stats.lost, lost);
    assert_int_equal(stats.lost + ended, picked);
    assert_int_equal(stats.already, again);
}

static int assert_idle(void *user, const lw_node_info *info) {
    (void)user;
    assert_int_equal(info->inflight, 0);
    assert_int_equal(info->cost, 0);
    return 0;
}

/* When all that kept nodes away is over, each of them is picked, on every route that sees it. */
static void assert_everybody_serves(void) {
    assert_int_equal(update_to(UINT32_MAX, 0), LW_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(lw_pool_admin(pool, id_of(i), LW_ADMIN_ACTIVE, 0), LW_OK);
        assert_int_equal(lw_pool_verdict(pool, id_of(i), LW_VERDICT_UP, book.now), LW_OK);
    }
    uint64_t now = passing(TTL); /* longer than anybody has to wait */
    for (uint32_t r = 0; r < ROUTES; r++) {
        for (uint32_t i = 0; i < NODES; i++) {
            uint64_t others[NODES];
            lw_request request = LW_REQUEST_INIT;
            lw_ticket ticket;
            request.exclude = others;
            for (uint32_t k = 0; k < NODES; k++) {
                others[request.exclude_count] = id_of(k);
                request.exclude_count += k != i;
            }
            int answer = lw_pick_at(pool, route[r], &request, now, &ticket);
            assert_int_equal(answer, r == 3 && i % 4 == 3 ? LW_EXCLUDED : LW_OK);
            if (answer == LW_OK) {
                assert_int_equal(ticket.node, id_of(i));
                assert_int_equal(ticket.flags & (LW_TICKET_PANIC | LW_TICKET_REUSED), 0);
                assert_int_equal(lw_cancel_at(pool, &ticket, now), LW_OK);
            }
        }
    }
}

static void live_together(uint64_t grace) {
    open_pool(7 + grace, grace);
    assert_int_equal(update_to(UINT32_MAX, 0), LW_OK);
    crew_run(&hands, THREADS, live);
    assert_at_rest();
    lw_pool_each(pool, 0, assert_idle, NULL);
    assert_true(picked > ROUNDS * THREADS / 4 && lost > 0 && again > 0);
    assert_everybody_serves();
}

static void test_lives(void **state) {
    (void)state;
    live_together(0);
    assert_true(forgotten > 0);
}

static void test_lives_with_grace(void **state) {
    (void)state;
    live_together(500);
}

#define WITH_BOOK(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void) {
    const struct CMUnitTest tests[] = {WITH_BOOK(test_lives), WITH_BOOK(test_lives_with_grace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
