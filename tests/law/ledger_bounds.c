/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whatever several processes do through their ledgers, and however the answers get lost: in no stretch of a window is
 * more of the sliding dimension used than the limit, nor of the bucket more than burst + limit x t / window. Held
 * against every grant ever made, by brute force, with refunds and cancellations; outages of the store may add what
 * outage.c says, and no more.
 */
#include "../unit/ledger_yard.h"

enum { PROCESSES = 3, GRANTS_MOST = 20000, OPEN_MOST = 200, RPM = 40, SPEND = 600, BURST = 50 };

typedef struct grant {
    uint64_t at, rpm, spend; /* what counts of it now */
    uint32_t process;
    lw_reservation reservation;
} grant;

static yard y;
static grant grants[GRANTS_MOST];
static uint32_t count, first, under_way[OPEN_MOST], under_way_count;
static uint64_t chance;

static uint64_t draw(uint64_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

/* Of the last window, used now. */
static uint64_t rpm_of_window(void) {
    uint64_t sum = 0;
    while (first < count && grants[first].at + MINUTE <= y.book.now) {
        first++;
    }
    for (uint32_t i = first; i < count; i++) {
        sum += grants[i].rpm;
    }
    return sum;
}

static void end_one(void) {
    uint32_t place = (uint32_t)draw(under_way_count), number = under_way[place];
    grant *g = &grants[number];
    lw_ledger *of = y.ledger[g->process];
    under_way[place] = under_way[--under_way_count];
    if (draw(4) == 0) {
        g->rpm = g->spend = 0;
        assert_int_equal(lw_ledger_cancel(of, &g->reservation, 0), LW_OK);
    } else {
        g->rpm = draw(g->rpm + 1);
        g->spend = draw(g->spend + 1);
        lw_amount actual[2] = {{0, g->rpm}, {1, g->spend}};
        assert_int_equal(lw_ledger_commit(of, &g->reservation, actual, 2, 0), LW_OK);
    }
    assert_int_equal(lw_ledger_cancel(of, &g->reservation, 0), LW_ALREADY);
}

static bool reserve_one(void) {
    grant *g = &grants[count];
    *g = (grant){.at = y.book.now, .rpm = 1 + draw(5), .spend = 1 + draw(12), .process = (uint32_t)draw(PROCESSES)};
    uint64_t rpm = yard_used(&y, 0, RPM, 0), spend = yard_used(&y, 1, SPEND, BURST);
    int answer = yard_reserve(&y, g->process, g->rpm, g->spend, &g->reservation, NULL);
    if (answer == LW_OK) {
        under_way[under_way_count++] = count++;
        return true;
    }
    assert_int_equal(answer, LW_OVER_QUOTA);
    if (y.fickle.mood == FICKLE_WELL) { /* nothing at all, in either dimension */
        assert_int_equal(yard_used(&y, 0, RPM, 0), rpm);
        assert_int_equal(yard_used(&y, 1, SPEND, BURST), spend);
    }
    return false;
}

/* From every grant to every later one. */
static void judge_bucket(void) {
    for (uint32_t from = 0; from < count; from++) {
        uint64_t sum = 0;
        for (uint32_t to = from; to < count && to < from + 400; to++) {
            sum += grants[to].spend;
            uint64_t most = BURST + (SPEND * (grants[to].at - grants[from].at) + MINUTE - 1) / MINUTE;
            if (sum > most) {
                fail_msg("grants %u to %u used %llu, not %llu", from, to, (unsigned long long)sum,
                         (unsigned long long)most);
            }
        }
    }
}

static void open_game(uint64_t seed, uint32_t outage) {
    chance = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    count = first = under_way_count = 0;
    yard_open(&y, 2);
    y.options.outage = outage;
    y.options.heartbeat = MINUTE;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        yard_join(&y, i);
        yard_limit(&y, i, RPM, SPEND, BURST);
    }
}

static void no_window_has_more_than_the_limit(void **state) {
    uint32_t refused = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        open_game(seed, LW_OUTAGE_LOCAL_SHARE);
        for (uint32_t turn = 0; turn < 4000; turn++) {
            y.book.now += draw(3) == 0 ? draw(4 * SECOND) : draw(20 * MS);
            if (under_way_count == OPEN_MOST || (under_way_count > 0 && draw(5) < 2)) {
                end_one();
            } else {
                refused += !reserve_one();
            }
            assert_in_range(rpm_of_window(), 0, RPM);
        }
        assert_in_range(count, 500, GRANTS_MOST);
        judge_bucket();
        yard_close(&y);
    }
    assert_in_range(refused, 1000, 1000000);
}

/* Answers get lost, in both directions, and the policy is to grant nothing: then the bound stays the same. */
static void lost_answers_do_not_raise_the_bound(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        open_game(seed, LW_OUTAGE_CLOSED);
        for (uint32_t turn = 0; turn < 4000; turn++) {
            y.book.now += draw(3) == 0 ? draw(4 * SECOND) : draw(20 * MS);
            y.fickle.mood = draw(4) != 0 ? FICKLE_WELL : draw(2) == 0 ? FICKLE_AWAY : FICKLE_MUTE;
            if (under_way_count == OPEN_MOST || (under_way_count > 0 && draw(5) < 2)) {
                end_one();
            } else {
                reserve_one();
            }
            assert_in_range(rpm_of_window(), 0, RPM);
        }
        assert_in_range(count, 200, GRANTS_MOST);
        judge_bucket();
        yard_close(&y);
    }
}

/* Long outages with shares: a window has at most L + (n - 1) ceil(L / n). */
static void shares_keep_to_their_bound(void **state) {
    uint64_t most = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        open_game(seed, LW_OUTAGE_LOCAL_SHARE);
        for (uint32_t i = 0; i < 2 * PROCESSES; i++) {
            assert_int_equal(lw_ledger_beat(y.ledger[i % PROCESSES], 0), LW_OK);
        }
        for (uint32_t turn = 0; turn < 3000; turn++) {
            y.book.now += draw(3) == 0 ? draw(4 * SECOND) : draw(20 * MS);
            y.fickle.mood = turn < 1500 ? FICKLE_WELL : FICKLE_AWAY;
            if (under_way_count == OPEN_MOST || (under_way_count > 0 && draw(5) < 2)) {
                end_one();
            } else {
                reserve_one();
            }
            uint64_t sum = rpm_of_window();
            assert_in_range(sum, 0, turn < 1500 ? RPM : RPM + (PROCESSES - 1) * (RPM / PROCESSES + 1));
            most = sum > most ? sum : most;
        }
        yard_close(&y);
    }
    assert_in_range(most, RPM / 2, 2 * RPM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_window_has_more_than_the_limit),
        cmocka_unit_test(lost_answers_do_not_raise_the_bound),
        cmocka_unit_test(shares_keep_to_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
