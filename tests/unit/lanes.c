/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lanes and epochs from inside: who gets which lane, and that the epoch never passes a reader twice. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lodgers.h"

#include <string.h>

enum { THREADS = 40, OWNED_LANES = LW_LANES - 1 };

static struct lw__lanes lanes, others;
static lodger lodgers[THREADS];

static int open_lanes(void **state) {
    (void)state;
    memset(&lanes, 0, sizeof lanes);
    memset(&others, 0, sizeof others);
    lw__lanes_init(&lanes, 7);
    lw__lanes_init(&others, 7);
    return 0;
}

/* ---- whose lane ---- */

static void test_one_thread_has_lane_zero(void **state) {
    (void)state;
    struct lw__lane *lane = lw__lane_of(&lanes);
    assert_int_equal(lane->seen.number, 0);
    assert_int_equal(lane->seen.shared, 0);
    assert_ptr_equal(lw__lane_of(&lanes), lane);
    assert_int_equal(lw__lane_of(&others)->seen.number, 0);
}

static void come_all(void) {
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_true(lodger_come(&lodgers[i], &lanes));
    }
}

static void go_all(void) {
    for (uint32_t i = 0; i < THREADS; i++) {
        lodger_go(&lodgers[i]);
        assert_true(lodgers[i].kept);
    }
}

static void test_threads_get_lanes_in_order(void **state) {
    (void)state;
    come_all();
    for (uint32_t i = 0; i < THREADS; i++) {
        const struct lw__lane *lane = lodgers[i].lane;
        assert_int_equal(lane->seen.number, i < OWNED_LANES ? i : OWNED_LANES);
        assert_int_equal(lane->seen.shared != 0, i >= OWNED_LANES);
    }
    assert_int_equal(lw__lane_of(&lanes)->seen.number, OWNED_LANES); /* this thread came too late */
    assert_int_equal(lw__lane_of(&others)->seen.number, 0);
    go_all();
}

static void test_lanes_begin_with_chances_of_their_own(void **state) {
    (void)state;
    uint64_t chances[LW_LANES];
    come_all();
    for (uint32_t i = 0; i < THREADS; i++) {
        chances[lodgers[i].lane->seen.number] = lodgers[i].lane->seen.chance;
    }
    go_all();
    for (uint32_t i = 0; i < LW_LANES; i++) {
        for (uint32_t k = 0; k < i; k++) {
            assert_true(chances[i] != chances[k]);
        }
    }
}

/* ---- the epoch ---- */

static void test_without_readers_the_epoch_moves_on(void **state) {
    (void)state;
    uint32_t before = lanes.epoch;
    assert_int_equal(lw__epoch_advance(&lanes), before + 2);
    assert_int_equal(lw__epoch_advance(&lanes), before + 4);
}

/* Whatever was unlinked before or during the reader's section waits for it. */
static void hold_epoch(struct lw__lane *lane) {
    for (uint32_t start = 0; start < 4; start++) {
        lanes.epoch = start;
        uint32_t parity = lw__read_begin(&lanes, lane);
        assert_int_equal(parity, start & 1);
        for (int tries = 0; tries < 5; tries++) {
            assert_true(lw__epoch_advance(&lanes) <= start + 1);
        }
        lw__read_end(lane, parity);
        assert_true(lw__epoch_advance(&lanes) >= start + 2);
    }
}

static void test_a_reader_is_never_passed_twice(void **state) {
    (void)state;
    hold_epoch(lw__lane_of(&lanes));
}

static void test_nor_one_in_the_shared_lane(void **state) {
    (void)state;
    hold_epoch(&lanes.lane[LW_LANES - 1]);
}

/* Readers that begin while others are under way do not stop the epoch for ever. */
static void test_new_readers_let_old_ones_be_passed(void **state) {
    (void)state;
    struct lw__lane *shared = &lanes.lane[LW_LANES - 1];
    uint32_t start = lanes.epoch, parity = lw__read_begin(&lanes, shared);
    for (uint32_t turn = 1; turn < 10; turn++) {
        assert_int_equal(lw__epoch_advance(&lanes), start + turn);
        uint32_t next = lw__read_begin(&lanes, shared);
        assert_int_equal(next, (start + turn) & 1);
        lw__read_end(shared, parity);
        parity = next;
    }
    lw__read_end(shared, parity);
}

/* A reader that read the epoch long ago and only now announces itself is under the parity that moves last. */
static void test_a_late_announcement_counts(void **state) {
    (void)state;
    struct lw__lane *lane = lw__lane_of(&lanes);
    for (uint32_t stale = 0; stale < 2; stale++) {
        uint32_t start = lw__epoch_advance(&lanes);
        lane->readers[stale]++;
        assert_true(lw__epoch_advance(&lanes) < start + 2);
        assert_true(lw__epoch_advance(&lanes) < start + 2);
        lane->readers[stale]--;
    }
}

static void test_the_epoch_may_wrap(void **state) {
    (void)state;
    lanes.epoch = UINT32_MAX;
    struct lw__lane *lane = lw__lane_of(&lanes);
    uint32_t parity = lw__read_begin(&lanes, lane);
    assert_true(lw__epoch_advance(&lanes) - UINT32_MAX <= 1);
    lw__read_end(lane, parity);
    assert_true(lw__epoch_advance(&lanes) - UINT32_MAX >= 2);
}

#define WITH_LANES(test) cmocka_unit_test_setup(test, open_lanes)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_LANES(test_one_thread_has_lane_zero),
        WITH_LANES(test_threads_get_lanes_in_order),
        WITH_LANES(test_lanes_begin_with_chances_of_their_own),
        WITH_LANES(test_without_readers_the_epoch_moves_on),
        WITH_LANES(test_a_reader_is_never_passed_twice),
        WITH_LANES(test_nor_one_in_the_shared_lane),
        WITH_LANES(test_new_readers_let_old_ones_be_passed),
        WITH_LANES(test_a_late_announcement_counts),
        WITH_LANES(test_the_epoch_may_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
