/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Half-open under threads: never more requests out on permits than `probes`, whatever the others do with the node; and
 * what the observer is told adds up to what is so.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/health.h>

enum { THREADS = 6, NODES = 3, ROUNDS = 6000 };

static ledger book;
static lw_health *health;
static crew hands;

static struct node_count {
    uint64_t out;          /* requests under way on a permit */
    uint64_t begun, ended; /* as the observer was told */
    uint64_t entered[4], left[4];
} counts[NODES];

static uint64_t tick; /* the time, in intervals */
static uint32_t probes;

static uint64_t add(uint64_t *count, uint64_t amount) { return __atomic_add_fetch(count, amount, __ATOMIC_SEQ_CST); }

static void note_probe(void *user, uint64_t node, int begins) {
    (void)user;
    add(begins ? &counts[node].begun : &counts[node].ended, 1);
}

static void note_change(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    (void)user, (void)cause;
    add(&counts[node].left[from], 1);
    add(&counts[node].entered[to], 1);
}

static void open_tracker(uint32_t probes_at_a_time, uint64_t timeout) {
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 4);
    memset(counts, 0, sizeof counts);
    tick = 1;
    probes = probes_at_a_time;
    observer.probe = note_probe;
    observer.health_changed = note_change;
    options.observer = &observer;
    options.probes = probes;
    options.probe_interval = 1;
    options.probe_timeout = timeout;
    options.window = 20;
    assert_int_equal(lw_health_new(&health, &env, &options), LW_OK);
}

/* Of all the changes since healthy, one status was entered once more than left: the one that it has. */
static void close_tracker(void) {
    for (uint64_t node = 0; node < NODES; node++) {
        const struct node_count *count = &counts[node];
        uint32_t status = lw_health_status(health, node);
        for (uint32_t i = 0; i < 4; i++) {
            uint64_t stays = count->entered[i] + (i == LW_HEALTHY) - count->left[i];
            assert_int_equal(stays, i == status);
        }
        assert_true(count->entered[LW_UNHEALTHY] > 0);
        assert_true(count->entered[LW_RECOVERING] > 0);
        assert_true(count->begun > 0);
    }
    lw_health_free(health);
    ledger_close(&book);
}

static uint32_t any_outcome(crew_hand *hand) {
    static const uint32_t outcomes[] = {LW_OUTCOME_OK, LW_OUTCOME_OK, LW_OUTCOME_FAILURE, LW_OUTCOME_CANCELLED};
    return outcomes[crew_random(hand) % 4];
}

/* One request on a permit, or an attempt. */
static void try_node(crew_hand *hand, uint64_t node, uint64_t now) {
    lw_health_permit permit;
    if (lw_health_admit_at(health, node, now, &permit) != 1) {
        return;
    }
    if ((permit.flags & LW_PERMIT_PROBE) != 0) {
        CREW_EXPECT(hand, add(&counts[node].out, 1) <= probes);
        if (crew_random(hand) % 8 == 0) {
            sched_yield();
        }
        add(&counts[node].out, UINT64_MAX);
    }
    CREW_EXPECT(hand, lw_health_report_at(health, node, any_outcome(hand), &permit, now) >= 0);
}

static void meddle(crew_hand *hand, uint64_t node, uint64_t now) {
    lw_health_info info = {.size = sizeof info};
    switch (crew_random(hand) % 16) {
    case 0: lw_health_verdict(health, node, (uint32_t)crew_random(hand) % 3); break;
    case 1:
        if (lw_health_get_at(health, node, now, &info) == LW_OK) {
            CREW_EXPECT(hand, info.probes_out <= probes);
            CREW_EXPECT(hand, info.state.window_failures <= info.state.window_total);
            CREW_EXPECT(hand, info.state.consecutive_failures == 0 || info.state.consecutive_successes == 0);
            CREW_EXPECT(hand, lw_health_restore_at(health, &info, now) == LW_OK);
        }
        break;
    case 2: add(&tick, 1); break;
    case 3: lw_health_next_due(health, now); break;
    default: lw_health_report_at(health, node, any_outcome(hand), NULL, now); break;
    }
}

static void work(crew_hand *hand) {
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        uint64_t node = crew_random(hand) % NODES, now = __atomic_load_n(&tick, __ATOMIC_RELAXED);
        if (crew_random(hand) % 2) {
            try_node(hand, node, now);
        } else {
            meddle(hand, node, now);
        }
    }
}

static void run_with(uint32_t probes_at_a_time) {
    open_tracker(probes_at_a_time, UINT64_MAX);
    crew_run(&hands, THREADS, work);
    for (uint64_t node = 0; node < NODES; node++) {
        lw_health_info info = {.size = sizeof info};
        assert_int_equal(lw_health_get_at(health, node, tick, &info), LW_OK);
        assert_int_equal(info.probes_out, 0);
        assert_int_equal(counts[node].begun, counts[node].ended);
    }
    close_tracker();
}

static void test_one_probe(void **state) {
    (void)state;
    run_with(1);
}

static void test_three_probes(void **state) {
    (void)state;
    run_with(3);
}

/* ---- permits that are lost ---- */

/* Mostly nobody reports; time moves on, so that permits are given up and given anew by many threads at a time. */
static void lose_permits(crew_hand *hand) {
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        uint64_t node = crew_random(hand) % NODES, now = __atomic_load_n(&tick, __ATOMIC_RELAXED);
        lw_health_permit permit;
        int answer = lw_health_admit_at(health, node, now, &permit);
        if (answer == 1 && crew_random(hand) % 4 == 0) {
            lw_health_report_at(health, node, any_outcome(hand), &permit, now);
        } else if (crew_random(hand) % 16 == 0) {
            add(&tick, 1);
        } else if (answer == 1) {
            lw_health_report_at(health, node, LW_OUTCOME_FAILURE, NULL, now);
        }
    }
}

/* However often they are lost, each timeout gives at most `probes` new ones. */
static void test_lost_permits(void **state) {
    (void)state;
    open_tracker(2, 5);
    crew_run(&hands, THREADS, lose_permits);
    for (uint64_t node = 0; node < NODES; node++) {
        uint64_t back = counts[node].ended, timeouts = tick / 5 + 1;
        assert_in_range(counts[node].begun - back, 0, 2 * timeouts);
    }
    close_tracker();
}

/* ---- permits that come back in time ---- */

enum { TIMEOUT = 3 };

static _Thread_local uint64_t ends_told;

static void note_own_end(void *user, uint64_t node, int begins) {
    (void)user, (void)node;
    ends_told += !begins;
}

/* Says nothing about the node, so that its word keeps coming back to what it was. Whoever is in time is heard of: the
   time is read again afterwards, so that nobody can have seen the timeout before. */
static void come_back(crew_hand *hand) {
    for (uint32_t i = 0; i < 4 * ROUNDS * crew_factor(); i++) {
        uint64_t given = __atomic_load_n(&tick, __ATOMIC_SEQ_CST), told = ends_told;
        lw_health_permit permit;
        if (lw_health_admit_at(health, 0, given, &permit) != 1) {
            if (crew_random(hand) % 4 == 0) {
                add(&tick, 1);
            }
        } else if (crew_random(hand) % 4 != 0) { /* the fourth is lost */
            lw_health_report_at(health, 0, LW_OUTCOME_CANCELLED, &permit, given);
            bool in_time = __atomic_load_n(&tick, __ATOMIC_SEQ_CST) - given < TIMEOUT;
            CREW_EXPECT(hand, !in_time || ends_told == told + 1);
        }
    }
}

static void test_permits_in_time_are_valid(void **state) {
    (void)state;
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    observer.probe = note_own_end;
    options.observer = &observer;
    options.failure_threshold = 1;
    options.probe_interval = 0;
    options.probe_timeout = TIMEOUT;
    for (options.probes = 1; options.probes <= 2; options.probes++) {
        tick = 1;
        assert_int_equal(lw_health_new(&health, NULL, &options), LW_OK);
        assert_int_equal(lw_health_report_at(health, 0, LW_OUTCOME_FAILURE, NULL, 0), 1);
        crew_run(&hands, THREADS, come_back);
        lw_health_free(health);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_probe),
        cmocka_unit_test(test_three_probes),
        cmocka_unit_test(test_lost_permits),
        cmocka_unit_test(test_permits_in_time_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
