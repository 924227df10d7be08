/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tally against a plain look at all leaves, at sizes around each level of its tree. */
#include "tally_bench.h"

static const uint32_t sizes[] = {0, 1, 2, 3, 15, 16, 17, 128, 255, 256, 257, 1000, 4096, 4097, 5000};

enum { SIZES = sizeof sizes / sizeof *sizes };

static uint64_t chance;

static uint32_t some(uint32_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((chance >> 32) * below >> 32);
}

static void test_all_are_absent_at_first(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        tally_bench bench;
        tally_bench_open(&bench, sizes[i]);
        memset(bench.reasons, 1, sizes[i] * sizeof *bench.reasons);
        tally_bench_check(&bench);
        tally_bench_close(&bench);
    }
}

static void test_the_only_one_present(void **state) {
    (void)state;
    for (size_t i = 1; i < SIZES; i++) {
        tally_bench bench;
        tally_bench_open(&bench, sizes[i]);
        memset(bench.reasons, 1, sizes[i] * sizeof *bench.reasons);
        for (uint32_t leaf = 0; leaf < sizes[i]; leaf += 1 + some(sizes[i] / 8 + 1)) {
            bench.reasons[leaf] = 0;
            bench.traffic[leaf] = 1000;
            tally_bench_set(&bench, leaf);
            assert_int_equal(lw__tally_least(bench.tally, 0), leaf);
            assert_int_equal(lw__tally_least(bench.tally, UINT64_MAX), leaf);
            bench.reasons[leaf] = 64;
            tally_bench_set(&bench, leaf);
            tally_bench_check(&bench);
        }
        tally_bench_close(&bench);
    }
}

/* Requests come and go, leaves go and come back; all that have the least are found after every step. */
static void test_it_follows_the_truth(void **state) {
    (void)state;
    for (size_t i = 1; i < SIZES; i++) {
        tally_bench bench;
        tally_bench_open(&bench, sizes[i]);
        for (uint32_t leaf = 0; leaf < sizes[i]; leaf++) {
            bench.traffic[leaf] = some(3);
            tally_bench_set(&bench, leaf);
        }
        for (uint32_t step = 0; step < 3000; step++) {
            uint32_t leaf = some(sizes[i]), kind = some(8);
            if (kind == 0) {
                bench.reasons[leaf] ^= 1;
            } else if (kind < 4 && bench.traffic[leaf] > 0) {
                bench.traffic[leaf]--;
            } else {
                bench.traffic[leaf] += some(20) == 0 ? 100 : 1;
            }
            tally_bench_set(&bench, leaf);
            if (step < 300 || step % 100 == 0) {
                tally_bench_check(&bench);
            }
        }
        tally_bench_close(&bench);
    }
}

/* Always to the least: the counts of all leaves stay within one of each other. */
static void test_the_least_first_keeps_all_level(void **state) {
    (void)state;
    tally_bench bench;
    tally_bench_open(&bench, 300);
    for (uint32_t leaf = 0; leaf < 300; leaf++) {
        tally_bench_set(&bench, leaf);
    }
    for (uint32_t request = 0; request < 3000; request++) {
        ptrdiff_t leaf = lw__tally_least(bench.tally, (uint64_t)some(UINT32_MAX) << 32);
        assert_int_equal(bench.traffic[leaf], request / 300);
        bench.traffic[leaf]++;
        tally_bench_set(&bench, (uint32_t)leaf);
    }
    tally_bench_close(&bench);
}

static void test_what_counts_of_the_truth(void **state) {
    (void)state;
    tally_bench bench;
    tally_bench_open(&bench, 2);
    bench.traffic[0] = UINT64_C(7) << 32 | 5; /* seven so far, five under way */
    bench.traffic[1] = UINT64_C(9) << 32 | 4;
    tally_bench_set(&bench, 0);
    tally_bench_set(&bench, 1);
    tally_bench_check(&bench);
    assert_int_equal(lw__tally_least(bench.tally, 0), 1);
    bench.traffic[1] = UINT32_MAX;
    tally_bench_set(&bench, 1);
    assert_int_equal(lw__tally_least(bench.tally, 0), 0);
    bench.reasons[0] = UINT32_C(1) << 31;
    tally_bench_set(&bench, 0);
    assert_int_equal(lw__tally_least(bench.tally, 0), 1); /* present, however much it has */
    tally_bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_absent_at_first),  cmocka_unit_test(test_the_only_one_present),
        cmocka_unit_test(test_it_follows_the_truth),     cmocka_unit_test(test_the_least_first_keeps_all_level),
        cmocka_unit_test(test_what_counts_of_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
