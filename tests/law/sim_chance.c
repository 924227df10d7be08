/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the simulator draws at random follows the distributions it is named after, and its functions are right. */
#include "sim/arrivals.h"
#include "sim/chance.h"
#include "sim/exact.h"
#include "sim_stage.h"

enum { DRAWS = 200000, CLASSES = 64 };

/* ---- functions ---- */

static void close_to(double own, double theirs) { assert_true(fabs(own - theirs) <= 4e-15 * fabs(theirs) + 1e-300); }

static void functions_are_exact(void **state) {
    (void)state;
    uint64_t chance = 1;
    for (int i = 0; i < 100000; i++) {
        double unit = (double)(law_random(&chance) >> 11) * 0x1p-53, x = exp(200 * (unit - 0.5));
        if (fabs(log(x)) > 1e-3) { /* near 1 the last bit of x alone is more than that */
            close_to(exact_log(x), log(x));
        }
        assert_true(fabs(exact_exp(200 * (unit - 0.5)) / x - 1) < 1e-13);
        assert_true(fabs(exact_pow(x, 3 * unit) / pow(x, 3 * unit) - 1) < 1e-12);
        assert_true(fabs(exact_sin_turns(100 * unit) - sin(6.283185307179586 * 100 * unit)) < 1e-12);
    }
    assert_true(exact_log(1) == 0);
    assert_true(exact_exp(0) == 1);
    assert_true(fabs(exact_log(1 + 0x1p-40) / 0x1p-40 - 1) < 1e-9);
}

/* ---- distributions ---- */

static double exponential_below(double x, double spread) {
    (void)spread;
    return 1 - exp(-x);
}
static double lognormal_below(double x, double sigma) {
    return 0.5 * erfc(-(log(x) + sigma * sigma / 2) / sigma / sqrt(2));
}
static double pareto_below(double x, double alpha) { return 1 - pow((alpha - 1) / alpha / x, alpha); }
static double uniform_below(double x, double spread) {
    (void)spread;
    return x / 2;
}

/* The share of all draws below each draw is uniform: as many in each of the classes. */
static void draws_follow(const struct sim_distribution *distribution, double (*below)(double, double)) {
    uint64_t counts[CLASSES] = {0};
    double shares[CLASSES];
    struct sim_chance chance = sim_chance_of(7, SIM_OF_REQUEST, distribution->shape);
    for (int i = 0; i < DRAWS; i++) {
        double share = below(sim_draw(&chance, distribution) / distribution->mean, distribution->spread);
        assert_true(share >= -1e-9 && share <= 1);
        int place = (int)(share * CLASSES);
        counts[place < CLASSES ? place : CLASSES - 1]++;
    }
    for (int i = 0; i < CLASSES; i++) {
        shares[i] = 1;
    }
    assert_true(law_fits(counts, shares, CLASSES));
}

static void distributions(void **state) {
    (void)state;
    draws_follow(&(struct sim_distribution){.shape = SIM_EXPONENTIAL, .mean = 3}, exponential_below);
    draws_follow(&(struct sim_distribution){.shape = SIM_LOGNORMAL, .mean = 3, .spread = 0.3}, lognormal_below);
    draws_follow(&(struct sim_distribution){.shape = SIM_LOGNORMAL, .mean = 3, .spread = 1.5}, lognormal_below);
    draws_follow(&(struct sim_distribution){.shape = SIM_PARETO, .mean = 3, .spread = 1.2}, pareto_below);
    draws_follow(&(struct sim_distribution){.shape = SIM_PARETO, .mean = 3, .spread = 4}, pareto_below);
    draws_follow(&(struct sim_distribution){.shape = SIM_UNIFORM, .mean = 3}, uniform_below);
}

/* The mean lies within the interval that the draws' own deviation makes. */
static void mean_is(const struct sim_distribution *distribution, double mean) {
    double sum = 0, squares = 0;
    struct sim_chance chance = sim_chance_of(8, SIM_OF_REQUEST, 1);
    for (int i = 0; i < DRAWS; i++) {
        double value = sim_draw(&chance, distribution);
        sum += value;
        squares += value * value;
    }
    double own = sum / DRAWS, deviation = sqrt((squares / DRAWS - own * own) / DRAWS);
    assert_true(fabs(own - mean) <= LAW_NORMAL_LIMIT * deviation + 1e-9 * mean);
    assert_true(deviation < 0.02 * mean);
}

static void means(void **state) {
    (void)state;
    static const double values[] = {1, 1, 2, 12, 100};
    mean_is(&(struct sim_distribution){.shape = SIM_FIXED, .mean = 5}, 5);
    mean_is(&(struct sim_distribution){.shape = SIM_EXPONENTIAL, .mean = 5}, 5);
    mean_is(&(struct sim_distribution){.shape = SIM_LOGNORMAL, .mean = 5, .spread = 1}, 5);
    mean_is(&(struct sim_distribution){.shape = SIM_PARETO, .mean = 5, .spread = 3}, 5);
    mean_is(&(struct sim_distribution){.shape = SIM_UNIFORM, .mean = 5}, 5);
    mean_is(&(struct sim_distribution){.shape = SIM_EMPIRICAL, .mean = 23.2, .values = values, .value_count = 5}, 23.2);
}

/* Each value as often as any other. */
static void empirical_values(void **state) {
    (void)state;
    static const double values[] = {0, 1, 2, 3, 4, 5, 6};
    uint64_t counts[LAW_COUNT(values)] = {0};
    double shares[LAW_COUNT(values)] = {1, 1, 1, 1, 1, 1, 1};
    struct sim_distribution distribution = {.shape = SIM_EMPIRICAL, .values = values, .value_count = LAW_COUNT(values)};
    struct sim_chance chance = sim_chance_of(9, SIM_OF_REQUEST, 1);
    for (int i = 0; i < DRAWS; i++) {
        counts[(int)sim_draw(&chance, &distribution)]++;
    }
    assert_true(law_fits(counts, shares, LAW_COUNT(values)));
}

/* ---- Zipf ---- */

enum { KEYS = 5000 };

/* Rare ranks are counted together: the approximation of chi-square takes some ten of each class. */
static size_t gather(const uint64_t *counts, const double *shares, uint64_t *classes, double *parts) {
    size_t used = 0;
    classes[0] = 0;
    parts[0] = 0;
    for (int rank = 0; rank < KEYS; rank++) {
        classes[used] += counts[rank];
        parts[used] += shares[rank];
        if (parts[used] * DRAWS >= 10 && rank + 1 < KEYS) {
            used++;
            classes[used] = 0;
            parts[used] = 0;
        }
    }
    if (parts[used] * DRAWS < 10 && used > 0) { /* the rest joins the class before */
        classes[used - 1] += classes[used];
        parts[used - 1] += parts[used];
        used--;
    }
    return used + 1;
}

static void zipf_shares(double skew) {
    static uint64_t counts[KEYS], classes[KEYS];
    static double shares[KEYS], parts[KEYS];
    struct sim_zipf zipf;
    struct sim_chance chance = sim_chance_of(10, SIM_OF_REQUEST, 1);
    double sum = 0;
    memset(counts, 0, sizeof counts);
    sim_zipf_init(&zipf, KEYS, skew);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t rank = sim_zipf_draw(&zipf, &chance);
        assert_in_range(rank, 1, KEYS);
        counts[rank - 1]++;
    }
    for (int i = 0; i < KEYS; i++) {
        shares[i] = pow(i + 1, -skew);
        sum += shares[i];
    }
    for (int i = 0; i < KEYS; i++) {
        shares[i] /= sum;
    }
    size_t count = gather(counts, shares, classes, parts);
    assert_true(count > 10);
    assert_true(law_fits(classes, parts, count));
}

static void zipf(void **state) {
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        zipf_shares((double[]){0, 0.2, 0.8, 0.99, 1, 1.4, 2.5}[i]);
    }
}

/* Of a handful, the last one counts as much as the law says. */
static void zipf_of_few(void **state) {
    (void)state;
    for (uint64_t keys = 2; keys <= 8; keys++) {
        for (int i = 0; i < 4; i++) {
            uint64_t counts[8] = {0};
            double shares[8], skew = (double[]){0.3, 1, 1.2, 2}[i];
            struct sim_zipf few;
            struct sim_chance chance = sim_chance_of(keys, SIM_OF_REQUEST, (uint64_t)i);
            sim_zipf_init(&few, keys, skew);
            for (int draw = 0; draw < DRAWS / 10; draw++) {
                counts[sim_zipf_draw(&few, &chance) - 1]++;
            }
            for (uint64_t rank = 1; rank <= keys; rank++) {
                shares[rank - 1] = pow((double)rank, -skew);
            }
            assert_true(law_fits(counts, shares, keys));
        }
    }
}

/* One key is always that one; and there may be very many. */
static void zipf_corners(void **state) {
    (void)state;
    struct sim_zipf one, many;
    struct sim_chance chance = sim_chance_of(11, SIM_OF_REQUEST, 1);
    sim_zipf_init(&one, 1, 1.1);
    sim_zipf_init(&many, 1000000000, 0.9);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sim_zipf_draw(&one, &chance), 1);
        assert_in_range(sim_zipf_draw(&many, &chance), 1, 1000000000);
    }
}

/* ---- streams ---- */

/* What request 17 is does not depend on how many were drawn before, and no two streams are alike. */
static void streams_are_apart(void **state) {
    (void)state;
    struct sim_chance first = sim_chance_of(1, SIM_OF_REQUEST, 17), again = sim_chance_of(1, SIM_OF_REQUEST, 17);
    assert_true(sim_bits(&first) == sim_bits(&again));
    uint64_t seen = sim_bits(&first);
    assert_true(seen != sim_bits(&(struct sim_chance){sim_chance_of(1, SIM_OF_REQUEST, 18).state}));
    assert_true(seen != sim_bits(&(struct sim_chance){sim_chance_of(1, SIM_OF_TRY, 17).state}));
    assert_true(seen != sim_bits(&(struct sim_chance){sim_chance_of(2, SIM_OF_REQUEST, 17).state}));
    assert_true(seen == sim_bits(&again));
}

/* The first numbers of streams that follow one another are as good as those of one stream. */
static void streams_do_not_resemble(void **state) {
    (void)state;
    enum { SIDE = 16 };
    uint64_t counts[SIDE * SIDE] = {0};
    double shares[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        shares[i] = 1;
    }
    for (uint64_t number = 0; number < DRAWS; number++) {
        struct sim_chance one = sim_chance_of(3, SIM_OF_REQUEST, number),
                          next = sim_chance_of(3, SIM_OF_REQUEST, number + 1);
        counts[sim_below(&one, SIDE) * SIDE + sim_below(&next, SIDE)]++;
    }
    assert_true(law_fits(counts, shares, SIDE * SIDE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_exact),
        cmocka_unit_test(distributions),
        cmocka_unit_test(means),
        cmocka_unit_test(empirical_values),
        cmocka_unit_test(zipf),
        cmocka_unit_test(zipf_of_few),
        cmocka_unit_test(zipf_corners),
        cmocka_unit_test(streams_are_apart),
        cmocka_unit_test(streams_do_not_resemble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
