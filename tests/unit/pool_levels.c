/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Priority levels and zones: who is drawn with which probability, and where a request goes when that one refuses. */
#include "pool_stand.h"

static stand s;

static int open_levels(void **state) {
    (void)state;
    stand_open(&s, 31);
    return 0;
}

static int close_levels(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Nodes in a row: so many of each priority, and the first `well` of them are. */
static void found_levels(const char *spec, const uint32_t *sizes, const uint32_t *well, uint32_t levels) {
    uint32_t at = 0;
    for (uint32_t level = 0; level < levels; level++) {
        for (uint32_t i = 0; i < sizes[level]; i++) {
            s.spec[at++].priority = level;
        }
    }
    stand_found(&s, spec, at);
    at = 0;
    for (uint32_t level = 0; level < levels; level++) {
        for (uint32_t i = 0; i < sizes[level]; i++, at++) {
            if (i >= well[level]) {
                stand_verdict(&s, at, LW_VERDICT_DOWN);
            }
        }
    }
    s.diary[0] = 0;
}

/* Adds picks to the counts of their levels. The flags that all of them have, and those that any has. */
static void tally_levels(uint32_t picks, uint64_t *counts, uint32_t *all, uint32_t *any) {
    *all = UINT32_MAX;
    *any = 0;
    for (uint32_t i = 0; i < picks; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        counts[s.spec[stand_index(&s, ticket.node)].priority]++;
        *all &= ticket.flags;
        *any |= ticket.flags;
        stand_cancel(&s, &ticket);
    }
}

static void assert_levels(const double *shares, uint32_t levels, uint32_t flags) {
    uint64_t counts[LW_POOL_LEVELS] = {0};
    uint32_t all, any;
    tally_levels(20000, counts, &all, &any);
    assert_shares(counts, shares, levels);
    assert_int_equal(all, flags);
    assert_int_equal(any, flags);
}

/* ---- levels ---- */

/* 25, 25 and 20 % well make healths of 35, 35 and 28; of their 98 the levels bear 35.7, 35.7 and 28.6 % (36, 36 and 28,
   where whole percents are drawn). None of them has enough to be let alone, but some are well, so there is no panic. */
static void test_oracle(void **state) {
    (void)state;
    static const uint32_t sizes[] = {20, 20, 20}, well[] = {5, 5, 4};
    static const double shares[] = {35, 35, 28};
    found_levels("random", sizes, well, 3);
    assert_levels(shares, 3, 0);
    assert_diary(&s, "");
}

static void test_overprovisioning(void **state) {
    (void)state;
    static const uint32_t sizes[] = {10, 10}, seven[] = {7, 10}, eight[] = {8, 10}, five[] = {5, 10};
    static const double most[] = {98, 2}, half[] = {70, 30};
    uint64_t counts[LW_POOL_LEVELS] = {0};
    uint32_t all, any;
    found_levels("random", sizes, eight, 2);
    tally_levels(5000, counts, &all, &any); /* 1.4 x 80 % are enough */
    assert_int_equal(counts[1], 0);
    stand_close(&s);
    stand_open(&s, 31);
    found_levels("random", sizes, seven, 2);
    assert_levels(most, 2, 0);
    stand_close(&s);
    stand_open(&s, 31);
    found_levels("random", sizes, five, 2);
    assert_levels(half, 2, 0);
    stand_close(&s);
    stand_open(&s, 31);
    s.options.overprovision = 100;
    found_levels("random", sizes, seven, 2);
    assert_levels((const double[]){70, 30}, 2, 0);
}

/* A level that all have left, drained or ill, is passed over without a word. */
static void test_empty_level(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 2, 2}, well[] = {2, 0, 2};
    static const double last[] = {0, 0, 1};
    uint64_t counts[LW_POOL_LEVELS] = {0};
    uint32_t all, any;
    found_levels("random", sizes, well, 3);
    stand_admin(&s, 0, LW_ADMIN_DRAINING, 0);
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    tally_levels(1000, counts, &all, &any);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(counts[i] > 0, last[i] > 0);
    }
    assert_int_equal(any, 0);
}

/* Where no level bears anything, the first that has nodes at all is drawn, and not by way of another. */
static void test_nobody_bears(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2}, well[] = {1, 0};
    uint64_t counts[LW_POOL_LEVELS] = {0};
    uint32_t all, any;
    found_levels("random", sizes, well, 2);
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    tally_levels(100, counts, &all, &any);
    assert_int_equal(counts[1], 100);
    assert_int_equal(all, LW_TICKET_PANIC);
    assert_int_equal(any, LW_TICKET_PANIC);
}

/* A level that was drawn and is full gives to the first of the others, not to the nearest. */
static void test_spill_to_the_first(void **state) {
    (void)state;
    static const uint32_t sizes[] = {20, 20, 20}, well[] = {5, 5, 4};
    uint32_t spilled = 0;
    for (uint32_t i = 40; i < 44; i++) {
        s.spec[i].max_inflight = 1;
    }
    found_levels("random", sizes, well, 3);
    for (uint32_t i = 40; i < 44; i++) {
        stand_pick_node(&s, i);
    }
    for (int i = 0; i < 2000; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        if (ticket.flags == LW_TICKET_SPILLED) {
            assert_int_equal(s.spec[stand_index(&s, ticket.node)].priority, 0);
            spilled++;
        }
        stand_cancel(&s, &ticket);
    }
    assert_in_range(spilled, 571 - 88, 571 + 88); /* 28 of 98, within 4.4 deviations */
}

/* The soonest of all levels is told. */
static void test_soonest_level(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 1, 1}, well[] = {1, 1, 1};
    static const uint64_t spans[] = {7, 5, 9};
    found_levels("random", sizes, well, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, i), s.book.now + spans[i], s.book.now), LW_OK);
    }
    assert_int_equal(stand_refused(&s, NULL, LW_OVER_QUOTA).retry_at, s.book.now + 5);
    s.book.now += 5;
    assert_int_equal(stand_index(&s, stand_pick(&s, NULL).node), 1);
}

/* A full level gives to the next, and says so; the third is not asked. */
static void test_spill(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 1, 1}, well[] = {2, 1, 1};
    lw_ticket held[3];
    s.spec[0].max_inflight = s.spec[1].max_inflight = s.spec[2].max_inflight = 1;
    found_levels("random", sizes, well, 3);
    for (uint32_t i = 0; i < 3; i++) {
        held[i] = stand_pick(&s, NULL);
        assert_int_equal(s.spec[stand_index(&s, held[i].node)].priority, i / 2);
        assert_int_equal(held[i].flags, i / 2 == 1 ? LW_TICKET_SPILLED : 0);
    }
    lw_ticket last = stand_pick(&s, NULL);
    assert_int_equal(stand_index(&s, last.node), 3);
    assert_int_equal(last.flags, LW_TICKET_SPILLED);
    assert_int_equal(stand_stats(&s).spills, 2);
    stand_done(&s, &held[2], LW_OUTCOME_OK);
    assert_int_equal(stand_index(&s, stand_pick(&s, NULL).node), 2);
}

/* Exclusions spill too; a strategy's error does not. */
static void test_spill_by_exclusion(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 1}, well[] = {1, 1};
    uint64_t exclude;
    lw_request request = LW_REQUEST_INIT;
    found_levels("ring absent_key=error", sizes, well, 2);
    stand_refused(&s, NULL, LW_KEY_REQUIRED);
    exclude = stand_id(&s, 0);
    request.exclude = &exclude;
    request.exclude_count = 1;
    request.flags = LW_REQUEST_KEYED;
    lw_ticket ticket = stand_pick(&s, &request);
    assert_int_equal(stand_index(&s, ticket.node), 1);
    assert_int_equal(ticket.flags, LW_TICKET_SPILLED);
}

static void test_all_levels_are_full(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 1}, well[] = {1, 1};
    s.spec[0].max_inflight = s.spec[1].max_inflight = 1;
    found_levels("random", sizes, well, 2);
    lw_ticket first = stand_pick(&s, NULL);
    stand_pick(&s, NULL);
    assert_int_equal(stand_refused(&s, NULL, LW_SATURATED).retry, LW_RETRY_ON_COMPLETION);
    stand_done(&s, &first, LW_OUTCOME_OK);
    assert_int_equal(stand_index(&s, stand_pick(&s, NULL).node), 0);
}

/* Priorities need not be 0, 1, 2; the explanation names the one that was used. */
static void test_numbers(void **state) {
    (void)state;
    lw_explanation why = LW_EXPLANATION_INIT;
    s.spec[0].priority = 4000000000U;
    s.spec[1].priority = 70;
    stand_found(&s, "random", 2);
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(why.priority, 70);
    assert_int_equal(why.node, stand_id(&s, 1));
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(why.priority, 4000000000U);
}

/* ---- zones ---- */

/* Nodes in zones a, b and c, in this number. */
static void found_zones(const uint32_t *sizes, const char *own) {
    static const char *const names[] = {"a", "b", "c"};
    uint32_t at = 0;
    for (uint32_t zone = 0; zone < 3; zone++) {
        for (uint32_t i = 0; i < sizes[zone]; i++) {
            s.spec[at++].zone = names[zone];
        }
    }
    s.options.zone = own;
    stand_found(&s, "random", at);
}

/* Shares of the zones; nothing of it is an exception. */
static void assert_zones(double a, double b, double c) {
    uint64_t counts[3] = {0};
    const double shares[] = {a, b, c};
    for (int i = 0; i < 20000; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        counts[s.spec[stand_index(&s, ticket.node)].zone[0] - 'a']++;
        assert_int_equal(ticket.flags, 0);
        stand_cancel(&s, &ticket);
    }
    assert_shares(counts, shares, 3);
}

/* 4, 4 and 3 nodes: twice the even share of 4/11 stays at home, the rest is spread over the others. */
static void test_four_four_three(void **state) {
    (void)state;
    static const uint32_t sizes[] = {4, 4, 3};
    found_zones(sizes, "a");
    assert_zones(8.0 / 11, 3.0 / 11 * 4 / 7, 3.0 / 11 * 3 / 7);
}

static void test_skews(void **state) {
    (void)state;
    static const uint32_t sizes[] = {4, 4, 3};
    s.options.zone_skew = 100; /* as if there were no zones */
    found_zones(sizes, "c");
    assert_zones(4, 4, 3);
    stand_close(&s);
    stand_open(&s, 31);
    s.options.zone_skew = 150;
    found_zones(sizes, "c");
    double home = 1.5 * 3 / 11;
    assert_zones((1 - home) / 2, (1 - home) / 2, home);
    stand_close(&s);
    stand_open(&s, 31);
    found_zones(sizes, NULL);
    assert_zones(4, 4, 3);
    stand_close(&s);
    stand_open(&s, 31);
    found_zones(sizes, "nowhere");
    assert_zones(4, 4, 3);
}

static void test_large_zone(void **state) {
    (void)state;
    static const uint32_t sizes[] = {6, 3, 3};
    found_zones(sizes, "a");
    uint64_t counts[STAND_MOST] = {0};
    stand_tally(&s, NULL, 3000, counts);
    for (uint32_t i = 6; i < 12; i++) {
        assert_int_equal(counts[i], 0);
    }
}

/* Counted in nodes that are eligible now. */
static void test_ill_zone(void **state) {
    (void)state;
    static const uint32_t sizes[] = {4, 4, 4};
    found_zones(sizes, "a");
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    double home = 2.0 * 2 / 10;
    assert_zones(home, (1 - home) / 2, (1 - home) / 2);
    stand_admin(&s, 2, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 3, LW_ADMIN_DISABLED, 0);
    assert_zones(0, 1, 1);
}

/* A zone that excludes all of its own is left, and that is said. */
static void test_zone_spills(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 1, 0};
    uint64_t exclude;
    lw_request request = LW_REQUEST_INIT;
    found_zones(sizes, "a"); /* twice a half: always at home */
    lw_explanation why = LW_EXPLANATION_INIT;
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_not_equal(why.zone_local, 0);
    exclude = stand_id(&s, 0);
    request.exclude = &exclude;
    request.exclude_count = 1;
    lw_ticket ticket;
    assert_int_equal(lw_explain(s.pool, s.route, &request, s.book.now, &ticket, &why), LW_OK);
    assert_int_equal(why.zone_local, 0);
    assert_int_equal(stand_index(&s, ticket.node), 1);
    assert_int_equal(ticket.flags, LW_TICKET_SPILLED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_oracle, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_overprovisioning, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_empty_level, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_nobody_bears, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_spill_to_the_first, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_soonest_level, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_spill, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_spill_by_exclusion, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_all_levels_are_full, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_numbers, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_four_four_three, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_skews, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_large_zone, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_ill_zone, open_levels, close_levels),
        cmocka_unit_test_setup_teardown(test_zone_spills, open_levels, close_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
