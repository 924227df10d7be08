/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Quotas under threads: never more than the limit reserved and settled, every refund in full, nothing lost, whatever
 * the hands do at the same time. Time is a number that the hands push on.
 */
#include "crew.h"

#include "../unit/quota_desk.h"

#include <stdio.h>
#include <stdlib.h>

enum { HANDS = 4, LOOPS = 40000, HELD = 8, NOTES = 60000 };

/* Something granted: between the two times, so much of it in the end. */
struct note {
    uint64_t before, after, amount;
};

static lw_quota *quota;
static uint64_t clock_now, held_now, settled, granted;
static uint64_t keep_most; /* what one_moment settles at most */
static struct note notes[HANDS][NOTES];
static uint32_t noted[HANDS];

static uint64_t shared(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static uint64_t shared_add(uint64_t *word, uint64_t amount) {
    return __atomic_add_fetch(word, amount, __ATOMIC_SEQ_CST);
}

static void begin(lw_quota_dimension dimension, uint64_t limit, uint64_t burst) {
    quota = desk_open(dimension, limit, burst);
    clock_now = 100 * SECOND;
    held_now = settled = granted = 0;
    memset(noted, 0, sizeof noted);
}

static bool try_reserve(uint64_t amount, uint64_t now, lw_reservation *reservation) {
    lw_amount one = {0, amount};
    return lw_quota_reserve_at(quota, NODE, &one, 1, now, reservation, NULL) == LW_OK;
}

static int try_commit(const lw_reservation *reservation, uint64_t actual) {
    lw_amount one = {0, actual};
    return lw_quota_commit_at(quota, reservation, &one, 1, shared(&clock_now));
}

/* ---- one moment: what the hands know to be held is never above the limit ---- */

enum { MOMENT_LIMIT = 100 };

static void hold_and_settle(crew_hand *hand) {
    uint32_t loops = LOOPS * crew_factor();
    for (uint32_t i = 0; i < loops; i++) {
        lw_reservation reservation;
        uint64_t amount = 1 + crew_random(hand) % 9;
        if (!try_reserve(amount, shared(&clock_now), &reservation)) {
            continue;
        }
        shared_add(&granted, 1);
        CREW_EXPECT(hand, shared_add(&held_now, amount) <= MOMENT_LIMIT);
        uint64_t keep = crew_random(hand) % 2000 == 0 ? keep_most : 0;
        shared_add(&held_now, keep - amount);
        shared_add(&settled, keep);
        CREW_EXPECT(hand, try_commit(&reservation, keep) == LW_OK);
        CREW_EXPECT(hand, try_commit(&reservation, keep) == LW_ALREADY);
    }
}

static void one_moment_of_a_window(void **state) {
    static crew c;
    (void)state;
    begin(desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE), MOMENT_LIMIT, 0);
    keep_most = 1;
    crew_run(&c, HANDS, hold_and_settle);
    assert_true(granted > 1000);
    assert_int_equal(desk_used(quota, 0, clock_now), settled);
    assert_int_equal(desk_used(quota, 0, clock_now + 2 * MINUTE), 0);
    lw_quota_free(quota);
}

/* Settled or not, what was in flight is returned whole. */
static void concurrency(void **state) {
    static crew c;
    (void)state;
    begin(desk_dimension("parallel", LW_QUOTA_CONCURRENCY, 0), MOMENT_LIMIT, 0);
    keep_most = 0;
    crew_run(&c, HANDS, hold_and_settle);
    assert_int_equal(desk_used(quota, 0, 0), 0);
    assert_true(granted > 1000);
    lw_quota_free(quota);
}

/* Everything is taken and nothing returned: exactly the limit goes out. */
static void take_what_there_is(crew_hand *hand) {
    lw_reservation reservation;
    while (try_reserve(1, shared(&clock_now), &reservation)) {
        hand->chance++;
        shared_add(&held_now, 1);
    }
}

static void all_of_the_limit_and_no_more(void **state) {
    static const uint32_t kinds[] = {LW_QUOTA_SLIDING, LW_QUOTA_GCRA, LW_QUOTA_CONCURRENCY};
    static crew c;
    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t kind = kinds[i % 3];
        begin(desk_dimension("tpm", kind, kind == LW_QUOTA_CONCURRENCY ? 0 : MINUTE), 333,
              kind == LW_QUOTA_GCRA ? 333 : 0);
        crew_run(&c, HANDS, take_what_there_is);
        assert_int_equal(held_now, 333);
        lw_quota_free(quota);
    }
}

/* ---- time goes on ---- */

static uint64_t time_passes(crew_hand *hand, uint64_t most) {
    return crew_random(hand) % 4 == 0 ? shared_add(&clock_now, crew_random(hand) % most) : shared(&clock_now);
}

static void note_down(uint32_t number, struct note note) {
    if (noted[number] < NOTES) {
        notes[number][noted[number]++] = note;
    }
}

/* Holds up to HELD reservations, settles them in any order, and notes what stayed. Now and then comes with an old
   time. */
static void take_over_time(crew_hand *hand) {
    lw_reservation held[HELD];
    struct note of[HELD];
    memset(of, 0, sizeof of);
    for (uint32_t i = 0; i < LOOPS; i++) {
        uint32_t k = (uint32_t)(crew_random(hand) % HELD);
        uint64_t now = time_passes(hand, 20 * MS);
        if (of[k].amount > 0) {
            uint64_t actual = crew_random(hand) % 3 == 0 ? of[k].amount : crew_random(hand) % (of[k].amount + 1);
            CREW_EXPECT(hand, try_commit(&held[k], actual) == LW_OK);
            note_down(hand->number, (struct note){of[k].before, of[k].after, actual});
            of[k].amount = 0;
        } else {
            uint64_t amount = 1 + crew_random(hand) % 20, old = crew_random(hand) % 16 == 0 ? 50 * MS : 0;
            if (try_reserve(amount, now - old, &held[k])) {
                of[k] = (struct note){now - old, shared(&clock_now), amount};
            }
        }
    }
    for (uint32_t k = 0; k < HELD; k++) {
        if (of[k].amount > 0) {
            CREW_EXPECT(hand, try_commit(&held[k], of[k].amount) == LW_OK);
            note_down(hand->number, of[k]);
        }
    }
}

static int by_before(const void *left, const void *right) {
    const struct note *a = left, *b = right;
    return (a->before > b->before) - (a->before < b->before);
}

/* All notes in one array, by time; how many. */
static uint32_t gather_notes(struct note *all) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < HANDS; i++) {
        assert_true(noted[i] < NOTES);
        memcpy(&all[count], notes[i], noted[i] * sizeof *all);
        count += noted[i];
    }
    qsort(all, count, sizeof *all, by_before);
    return count;
}

/* What lies wholly in the row of buckets, or stretch of time, that begins with each note. */
static uint64_t most_within(const struct note *all, uint32_t count, uint64_t unit, uint64_t units) {
    uint64_t most = 0;
    for (uint32_t first = 0; first < count; first += 1 + count / 4000) {
        uint64_t from = all[first].before / unit, sum = 0;
        for (uint32_t i = first; i < count && all[i].before / unit < from + units; i++) {
            sum += all[i].after / unit < from + units ? all[i].amount : 0;
        }
        most = sum > most ? sum : most;
    }
    return most;
}

static struct note gathered[HANDS * NOTES];

static void sliding_once_over_time(void) {
    static crew c;
    lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, SECOND);
    dimension.resolution = 5;
    begin(dimension, 500, 0);
    crew_run(&c, HANDS, take_over_time);
    uint32_t count = gather_notes(gathered);
    assert_true(count > 1000);
    uint64_t most = most_within(gathered, count, SECOND / 5, 6);
    assert_in_range(most, 250, 500); /* the limit is also come near to */
    assert_int_equal(desk_used(quota, 0, clock_now + 2 * SECOND), 0);
    lw_quota_free(quota);
}

static void gcra_once_over_time(void) {
    static crew c;
    begin(desk_dimension("tpm", LW_QUOTA_GCRA, SECOND), 1000, 50);
    crew_run(&c, HANDS, take_over_time);
    uint32_t count = gather_notes(gathered);
    assert_true(count > 1000);
    for (uint64_t span = 1; span <= 100000; span *= 10) {
        assert_in_range(most_within(gathered, count, MS, span), 1, 50 + span);
    }
    assert_int_equal(desk_remaining(quota, 0, clock_now + MINUTE), 50);
    lw_quota_free(quota);
}

static void sliding_over_time(void **state) {
    (void)state;
    for (uint32_t round = 0; round < crew_factor(); round++) {
        sliding_once_over_time();
    }
}

static void gcra_over_time(void **state) {
    (void)state;
    for (uint32_t round = 0; round < crew_factor(); round++) {
        gcra_once_over_time();
    }
}

/* ---- several dimensions: all or nothing ---- */

/* Many, so that it takes long from the first question to the last charge and others come in between. */
enum { DIMENSIONS = 24, TOKENS = 0, PARALLEL = DIMENSIONS - 1, SLOTS = 8 };

static void many_dimensions_open(void) {
    static char names[DIMENSIONS][8];
    lw_quota_dimension dimensions[DIMENSIONS];
    lw_quota_limit limits[DIMENSIONS];
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        snprintf(names[i], sizeof names[i], "d%u", i % 100);
        dimensions[i] = desk_dimension(names[i], LW_QUOTA_SLIDING, MINUTE);
        dimensions[i].estimate = LW_QUOTA_FIXED;
        dimensions[i].fixed = 1;
        limits[i] = desk_limit(i, 1000, 0);
    }
    dimensions[TOKENS].estimate = LW_QUOTA_EXACT;
    dimensions[PARALLEL].kind = LW_QUOTA_CONCURRENCY;
    limits[TOKENS].limit = MOMENT_LIMIT;
    limits[PARALLEL].limit = 3;
    options.dimensions = dimensions;
    options.dimension_count = DIMENSIONS;
    options.max_reservations = SLOTS;
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    assert_int_equal(lw_quota_register(quota, NODE, limits, DIMENSIONS, 0), LW_OK);
    clock_now = 100 * SECOND;
    held_now = settled = granted = 0;
}

static void reserve_of_many(crew_hand *hand) {
    uint32_t loops = LOOPS * crew_factor();
    for (uint32_t i = 0; i < loops; i++) {
        lw_reservation reservation;
        lw_amount one = {TOKENS, 1 + crew_random(hand) % 60};
        if (lw_quota_reserve_at(quota, NODE, &one, 1, shared(&clock_now), &reservation, NULL) == LW_OK) {
            CREW_EXPECT(hand, shared_add(&held_now, one.amount) <= MOMENT_LIMIT);
            CREW_EXPECT(hand, shared_add(&granted, 1) <= 3);
            shared_add(&granted, (uint64_t)-1);
            shared_add(&held_now, 0 - one.amount);
            CREW_EXPECT(hand, lw_quota_cancel_at(quota, &reservation, 0) == LW_OK);
            shared_add(&settled, 1);
        }
    }
}

static void many_dimensions_all_or_nothing(void **state) {
    static crew c;
    (void)state;
    many_dimensions_open();
    crew_run(&c, HANDS, reserve_of_many);
    assert_true(settled > 1000);
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        assert_int_equal(desk_used(quota, i, clock_now), 0);
    }
    assert_int_equal(lw_quota_register(quota, NODE, NULL, 0, 1), LW_OK);
    for (uint32_t i = 0; i < SLOTS; i++) { /* every slot is there again */
        desk_reserve(quota, 1, clock_now);
    }
    lw_quota_free(quota);
}

/* ---- endings, losses and changes of nodes ---- */

static lw_reservation board[64]; /* reservations that any hand may end */

/* Two hands and more take the same reservation from the board: one of them ends it. */
static void end_what_is_on_the_board(crew_hand *hand) {
    uint64_t ended = 0;
    for (uint32_t i = 0; i < 64; i++) {
        const lw_reservation *reservation = &board[(i * 7 + hand->number) % 64];
        int answer =
            crew_random(hand) % 2 == 0 ? lw_quota_cancel_at(quota, reservation, 0) : try_commit(reservation, 0);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_ALREADY);
        ended += answer == LW_OK;
    }
    shared_add(&settled, ended);
}

static void every_reservation_ends_once(void **state) {
    static crew c;
    (void)state;
    begin(desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE), MOMENT_LIMIT, 0);
    for (uint64_t round = 1; round <= 200; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            board[i] = desk_reserve(quota, 1, clock_now);
        }
        crew_run(&c, HANDS, end_what_is_on_the_board);
        assert_int_equal(settled, 64 * round);
        assert_int_equal(desk_used(quota, 0, clock_now), 0);
    }
    lw_quota_free(quota);
}

/* Loses every third reservation; the slots and the quota must come back by the time to live. */
static void lose_some(crew_hand *hand) {
    uint32_t loops = LOOPS * crew_factor();
    for (uint32_t i = 0; i < loops; i++) {
        lw_reservation reservation;
        uint64_t now = time_passes(hand, 200 * MS);
        if (try_reserve(1 + crew_random(hand) % 3, now, &reservation) && crew_random(hand) % 3 != 0) {
            int answer = try_commit(&reservation, 0);
            CREW_EXPECT(hand, answer == LW_OK || answer == LW_ALREADY);
        }
    }
}

static void what_is_lost_comes_back(void **state) {
    static crew c;
    lw_quota_dimension dimension = desk_dimension("parallel", LW_QUOTA_CONCURRENCY, 0);
    lw_quota_limit limit = desk_limit(0, 200, 0);
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    (void)state;
    options.dimensions = &dimension;
    options.dimension_count = 1;
    options.max_reservations = 64;
    options.ttl = 5 * SECOND;
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    assert_int_equal(lw_quota_register(quota, NODE, &limit, 1, 0), LW_OK);
    clock_now = 100 * SECOND;
    crew_run(&c, HANDS, lose_some);
    assert_int_equal(desk_used(quota, 0, clock_now + 5 * SECOND), 0);
    for (uint32_t i = 0; i < 64; i++) { /* every slot is there again */
        desk_reserve(quota, 1, clock_now + 5 * SECOND);
    }
    lw_quota_free(quota);
}

/* The first hand forgets, registers and relimits nodes; the others use them, and read. */
static void change_and_use(crew_hand *hand) {
    uint32_t loops = LOOPS / 4 * crew_factor();
    for (uint32_t i = 0; i < loops; i++) {
        lw_reservation reservation;
        lw_quota_limit limit = desk_limit(0, 1 + crew_random(hand) % 100, 0);
        lw_amount one = {0, 1 + crew_random(hand) % 9};
        uint64_t node = crew_random(hand) % 3, now = time_passes(hand, 50 * MS);
        if (hand->number == 0) {
            if (crew_random(hand) % 4 == 0) {
                lw_quota_forget(quota, node);
            } else {
                CREW_EXPECT(hand, lw_quota_register(quota, node, &limit, 1, crew_random(hand) % 2 == 0) == LW_OK);
            }
        } else if (lw_quota_reserve_at(quota, node, &one, 1, now, &reservation, NULL) == LW_OK) {
            lw_quota_observe_at(quota, node, 0, crew_random(hand) % 100, crew_random(hand) % SECOND, now);
            double ratio = lw_quota_ratio_at(quota, node, now);
            CREW_EXPECT(hand, !(ratio < 0) && !(ratio > 1));
            lw_quota_next_due(quota, now);
            CREW_EXPECT(hand, try_commit(&reservation, crew_random(hand) % 12) == LW_OK);
        }
    }
}

static int assert_empty(void *user, const lw_quota_snapshot *snapshot) {
    (void)user;
    assert_int_equal(snapshot->readings[0].used, 0);
    assert_int_equal(snapshot->readings[0].reserved, 0);
    return 0;
}

static void nodes_come_and_go(void **state) {
    static crew c;
    lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, SECOND);
    (void)state;
    quota = desk_tracker(&dimension, 1);
    clock_now = 100 * SECOND;
    crew_run(&c, HANDS, change_and_use);
    lw_quota_each_at(quota, clock_now + MINUTE, assert_empty, NULL);
    lw_quota_free(quota);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_moment_of_a_window),
        cmocka_unit_test(concurrency),
        cmocka_unit_test(all_of_the_limit_and_no_more),
        cmocka_unit_test(sliding_over_time),
        cmocka_unit_test(gcra_over_time),
        cmocka_unit_test(many_dimensions_all_or_nothing),
        cmocka_unit_test(every_reservation_ends_once),
        cmocka_unit_test(what_is_lost_comes_back),
        cmocka_unit_test(nodes_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
