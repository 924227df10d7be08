/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The verdict on contests that are made up, so that the right answer is known: who wins, who is as good, which marks
 * stand in the table, and which sentences are said.
 */
#include "laws.h"

#include "sim/contest.h"
#include "sim/figures.h"
#include "sim/verdict.h"

#include <math.h>
#include <string.h>

enum { ENTRIES = 3, SEEDS = 4, NODES = 4 };

struct made_up {
    struct sim_scenario scenario;
    struct sim_node nodes[NODES];
    struct sim_event event;
    struct sim_entry entries[ENTRIES];
    double values[ENTRIES][SEEDS * SIM_FIGURE_COUNT];
    struct sim_result results[ENTRIES][SEEDS];
    struct sim_tally tallies[ENTRIES][SEEDS][NODES];
    struct sim_contest contest;
};

static const char *const names[ENTRIES] = {"first", "second", "third"};

static void set(struct made_up *made, size_t entry, enum sim_figure figure, const double *by_seed) {
    for (size_t s = 0; s < SEEDS; s++) {
        made->values[entry][s * SIM_FIGURE_COUNT + figure] = by_seed[s];
    }
    made->entries[entry].figures[figure].known = true;
    sim_contest_estimate(&made->contest);
}

static void set_all(struct made_up *made, size_t entry, enum sim_figure figure, double value) {
    set(made, entry, figure, (const double[SEEDS]){value, value, value, value});
}

static void forget(struct made_up *made, size_t entry, enum sim_figure figure) {
    set_all(made, entry, figure, 0);
    made->entries[entry].figures[figure].known = false;
}

/* Three strategies alike: p99 100 ms, mean 10 ms, nothing lost. */
static struct made_up *made_open(void) {
    struct made_up *made = calloc(1, sizeof *made);
    assert_non_null(made);
    sim_scenario_init(&made->scenario);
    made->scenario.nodes = made->nodes;
    made->scenario.node_count = NODES;
    for (size_t i = 0; i < NODES; i++) {
        made->nodes[i].name = (const char *[]){"web-1", "web-2", "web-3", "web-4"}[i];
    }
    made->contest = (struct sim_contest){&made->scenario, made->entries, ENTRIES, 1, SEEDS};
    for (size_t i = 0; i < ENTRIES; i++) {
        made->entries[i].strategy = names[i];
        made->entries[i].values = made->values[i];
        made->entries[i].results = made->results[i];
        for (size_t s = 0; s < SEEDS; s++) {
            made->results[i][s].nodes = made->tallies[i][s];
            made->results[i][s].node_count = NODES;
        }
    }
    for (size_t i = 0; i < ENTRIES; i++) {
        set_all(made, i, SIM_FIGURE_failed, 0);
        set_all(made, i, SIM_FIGURE_refused, 0);
        set_all(made, i, SIM_FIGURE_limited, 0);
        set_all(made, i, SIM_FIGURE_idle, 0);
        set_all(made, i, SIM_FIGURE_p99, 100);
        set_all(made, i, SIM_FIGURE_mean, 10);
    }
    return made;
}

static void expect_good(const struct made_up *made, size_t winner, bool first, bool second, bool third) {
    struct sim_verdict verdict = sim_verdict_of(&made->contest);
    assert_int_equal(verdict.winner, winner);
    assert_int_equal(verdict.good[0], first);
    assert_int_equal(verdict.good[1], second);
    assert_int_equal(verdict.good[2], third);
}

static char *said(const struct made_up *made) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    sim_verdict_write(&made->contest, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect_said(const struct made_up *made, const char *words, bool wanted) {
    char *text = said(made);
    if ((strstr(text, words) != NULL) != wanted) {
        fail_msg("%s: \"%s\" in:\n%s", wanted ? "missing" : "too much", words, text);
    }
    free(text);
}

static void losing_counts_first(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set_all(made, 0, SIM_FIGURE_failed, 1);
    set_all(made, 0, SIM_FIGURE_p99, 5);
    set_all(made, 1, SIM_FIGURE_refused, 0.04);
    set_all(made, 1, SIM_FIGURE_mean, 8);
    expect_good(made, 1, false, true, false);
    expect_said(made, "Take `second` for this: of those answered, 99 of 100 were within 100 ms, the mean is 8.00 ms",
                true);
    expect_said(made, "and 0.04 % of the requests are lost", true);
    expect_said(made, "`first` loses most: 1 % of its requests fail or are refused", true);
    expect_said(made, "As good", false);
    free(made);
}

static void tail_counts_before_mean(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set_all(made, 0, SIM_FIGURE_p99, 1000);
    set_all(made, 0, SIM_FIGURE_mean, 1);
    set_all(made, 2, SIM_FIGURE_mean, 9.5);
    expect_good(made, 2, false, true, true);
    expect_said(made, "As good, as far as users notice and these runs can tell: `second`.", true);
    expect_said(made, "With `first`, 99 of 100 are answered only within 1.00 s, 10 times as long.", true);
    free(made);
}

static void what_nobody_notices_is_no_difference(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set_all(made, 0, SIM_FIGURE_p99, 104);
    set_all(made, 1, SIM_FIGURE_mean, 10.4);
    expect_good(made, 0, true, true, true);
    expect_said(made, "Users notice no difference between these strategies", true);
    expect_said(made, "Take", false);
    free(made);
}

/* Seeds differ far more than strategies do; apart they tell nothing, in pairs they tell all. */
static void seeds_are_compared_in_pairs(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set(made, 0, SIM_FIGURE_p99, (const double[SEEDS]){50, 100, 200, 400});
    set(made, 1, SIM_FIGURE_p99, (const double[SEEDS]){70, 121, 219, 420});
    set(made, 2, SIM_FIGURE_p99, (const double[SEEDS]){90, 190, 100, 400});
    struct sim_estimate more = sim_contest_difference(&made->contest, 1, 0, SIM_FIGURE_BIT(SIM_FIGURE_p99));
    assert_true(fabs(more.mean - 20) < 1e-9);
    /* 20, 21, 19, 20: deviation sqrt(2/3), t of 3 degrees of freedom 3.182, over the root of 4 */
    assert_true(fabs(more.half - 3.182 * sqrt(2.0 / 3) / 2) < 1e-9);
    assert_true(made->entries[0].figures[SIM_FIGURE_p99].half > 100);
    /* `first` has a mean of 187.5, `third` of 195, with differences all over; `second` is behind for certain. */
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_p99), 1 | 1 << 2);
    expect_good(made, 0, true, false, true);
    free(made);
}

static void best_is_nobody_where_all_are_level(void **state) {
    (void)state;
    struct made_up *made = made_open();
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_p99), 0);
    set_all(made, 1, SIM_FIGURE_p99, 101); /* less than a histogram tells */
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_p99), 0);
    set_all(made, 1, SIM_FIGURE_p99, 102);
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_p99), 1 | 1 << 2);
    set_all(made, 0, SIM_FIGURE_hits, 60);
    set_all(made, 1, SIM_FIGURE_hits, 90); /* more is better; the third has no cache */
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_hits), 1 << 1);
    set_all(made, 1, SIM_FIGURE_idle, 3); /* neither is */
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_idle), 0);
    free(made);
}

/* The event lasts for the middle half of the run. */
static void send_during(struct made_up *made, size_t entry, uint32_t there, uint32_t elsewhere) {
    for (size_t s = 0; s < SEEDS; s++) {
        for (size_t n = 0; n < NODES; n++) {
            for (size_t i = 0; i < SIM_SLICES; i++) {
                bool within = i >= SIM_SLICES / 4 && i < 3 * SIM_SLICES / 4;
                made->tallies[entry][s][n].sent[i] = !within ? 1000 : n == 1 ? there : elsewhere;
            }
        }
    }
}

static void reasons_follow_the_figures(void **state) {
    (void)state;
    struct made_up *made = made_open();
    made->event = (struct sim_event){.at = made->scenario.duration / 4,
                                     .length = made->scenario.duration / 2,
                                     .action = SIM_SLOW,
                                     .first = 1,
                                     .count = 1,
                                     .factor = 5};
    made->scenario.events = &made->event;
    made->scenario.event_count = 1;
    send_during(made, 0, 3, 99);
    send_during(made, 1, 100, 100);
    send_during(made, 2, 50, 100);
    assert_true(fabs(sim_figure_sent_during(&made->contest, 0, &made->event) - 1) < 1e-9);
    assert_true(fabs(sim_figure_sent_during(&made->contest, 1, &made->event) - 25) < 1e-9);
    for (size_t i = 1; i < ENTRIES; i++) {
        set_all(made, i, SIM_FIGURE_p99, 300);
    }
    set_all(made, 0, SIM_FIGURE_max_mean, 1.1);
    set_all(made, 1, SIM_FIGURE_max_mean, 4.2);
    set_all(made, 0, SIM_FIGURE_waited, 2);
    set_all(made, 2, SIM_FIGURE_waited, 40);
    set_all(made, 0, SIM_FIGURE_hits, 80);
    set_all(made, 1, SIM_FIGURE_hits, 90);
    set_all(made, 2, SIM_FIGURE_hits, 20);
    set_all(made, 2, SIM_FIGURE_limited, 3);
    expect_good(made, 0, true, false, false);
    expect_said(made,
                "While `web-2` was slow, `first` sent it 1 % of its requests, `second` 25 %; an even share is 25 %.",
                true);
    expect_said(made, "Its busiest node carried 1.10 times the mean load; with `second`, 4.20 times.", true);
    expect_said(made, "At their nodes, 2 % of its requests had to wait; with `third`, 40 %.", true);
    expect_said(made, "found their key in a cache: with `first` 80 %, with `second` 90 %, with `third` 20 %.", true);
    expect_said(made, "Nodes answered 429 to 3 % of the tries of `third`, to none of `first`.", true);
    expect_said(made, "idle", false);
    free(made);
}

static void rarest_and_idle_are_told(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set_all(made, 2, SIM_FIGURE_mean, 9);
    set_all(made, 2, SIM_FIGURE_p999, 900);
    set_all(made, 1, SIM_FIGURE_p999, 450);
    set_all(made, 0, SIM_FIGURE_p999, 950);
    set_all(made, 0, SIM_FIGURE_p99, 700);
    expect_said(made, "`second` answers 999 of 1000 within 450 ms, `third` within 900 ms.", true);
    set_all(made, 1, SIM_FIGURE_failed, 1); /* who loses requests is no help */
    expect_said(made, "answers 999 of 1000", false);
    set_all(made, 1, SIM_FIGURE_failed, 0);
    set_all(made, 1, SIM_FIGURE_idle, 2);
    expect_said(made, "without work", false); /* its mean is not as good */
    set_all(made, 1, SIM_FIGURE_mean, 9.5);
    expect_said(made, "`second` leaves 2.0 of 4 without work.", true);
    free(made);
}

/* Who answers nothing has no latency, whatever number stands in its place. */
static void silence_is_not_fast(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set_all(made, 0, SIM_FIGURE_failed, 100);
    forget(made, 0, SIM_FIGURE_p99);
    forget(made, 0, SIM_FIGURE_mean);
    set_all(made, 1, SIM_FIGURE_failed, 97);
    set_all(made, 2, SIM_FIGURE_failed, 98);
    assert_int_equal(sim_contest_best(&made->contest, SIM_FIGURE_mean), 0); /* the other two are level */
    expect_good(made, 1, false, true, false);
    expect_said(made, "Take `second` for this: 97 % of the requests are lost; of those answered, 99 of 100 were within",
                true);
    set_all(made, 1, SIM_FIGURE_failed, 99.99); /* so little more that nobody would notice */
    set_all(made, 2, SIM_FIGURE_failed, 99.99);
    expect_good(made, 1, false, true, true);
    expect_said(made, "No strategy gets even one of 100 requests answered here.\n", true);
    expect_said(made, "Take", false);
    free(made);
}

/* What is lost is said before how fast the rest is. */
static void loss_is_said_first(void **state) {
    (void)state;
    struct made_up *made = made_open();
    for (size_t i = 0; i < ENTRIES; i++) {
        set_all(made, i, SIM_FIGURE_refused, 5 + 20 * (double)i);
    }
    set_all(made, 2, SIM_FIGURE_p99, 700);
    expect_said(made, "Take `first` for this: 5 % of the requests are lost; of those answered, 99 of 100 were within",
                true);
    expect_said(made, "With `third`, 99 of 100 of those answered were only within 700 ms", true);
    free(made);
}

static void nothing_measured_is_said(void **state) {
    (void)state;
    struct made_up *made = made_open();
    for (size_t i = 0; i < ENTRIES; i++) {
        for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
            forget(made, i, (enum sim_figure)f);
        }
    }
    expect_said(made, "Nothing was measured", true);
    expect_said(made, "Take", false);
    expect_said(made, "difference", false);
    free(made);
}

/* A load that grows evenly to so much at the end of the run, or of the part that was played. */
static void grow(struct made_up *made, size_t entry, double most, uint64_t end) {
    for (size_t s = 0; s < SEEDS; s++) {
        made->results[entry][s].end = end;
        for (size_t i = 0; i < SIM_SLICES; i++) {
            double share = (double)i * (double)made->scenario.duration / SIM_SLICES / (double)end;
            made->tallies[entry][s][0].load[i] = (float)(share < 1 ? most * share : 0);
        }
    }
}

static void falling_behind_is_said(void **state) {
    (void)state;
    struct made_up *made = made_open();
    for (size_t i = 0; i < NODES; i++) {
        made->nodes[i].slots = 10;
    }
    set_all(made, 1, SIM_FIGURE_p99, 300);
    expect_said(made, "keep up", false);
    grow(made, 1, 1000, made->scenario.duration);
    grow(made, 2, 1000, made->scenario.duration / 2);
    expect_said(made, "The nodes cannot keep up with `second` and `third`: more and more", true);
    grow(made, 2, 150, made->scenario.duration); /* twice their slots, and no more */
    expect_said(made, "The nodes cannot keep up with `second`: more and more", true);
    for (size_t i = 0; i < SIM_SLICES; i++) {
        made->tallies[1][3][0].load[i] = 1000; /* with one seed it is steady */
    }
    expect_said(made, "keep up", false);
    for (size_t i = 0; i < ENTRIES; i++) {
        grow(made, i, 1000, made->scenario.duration);
    }
    expect_said(made, "The nodes cannot keep up: more and more requests wait", true);
    made->nodes[0].slots = 0; /* there nobody waits */
    expect_said(made, "keep up", false);
    free(made);
}

static void idle_has_to_be_worth_it(void **state) {
    (void)state;
    struct made_up *made = made_open();
    set_all(made, 1, SIM_FIGURE_idle, 1);
    expect_said(made, "`second` leaves 1.0 of 4 without work.", true);
    made->scenario.node_count = 11; /* a tenth of them is more */
    expect_said(made, "without work", false);
    made->scenario.node_count = NODES;
    set(made, 1, SIM_FIGURE_idle, (const double[SEEDS]){0, 0, 4, 0});
    expect_said(made, "without work", false);
    set_all(made, 1, SIM_FIGURE_idle, 1);
    for (size_t i = 0; i < ENTRIES; i++) {
        set_all(made, i, SIM_FIGURE_refused, 20);
    }
    expect_said(made, "without work", false);
    free(made);
}

static void few_have_little_to_say(void **state) {
    (void)state;
    struct made_up *made = made_open();
    made->contest.entry_count = 1;
    expect_said(made, "Only `first` was played; two or more can be compared.", true);
    made->contest.entry_count = ENTRIES;
    made->contest.seeds = 1;
    sim_contest_estimate(&made->contest);
    expect_said(made, "One run cannot tell differences from chance", true);
    for (size_t i = 0; i < ENTRIES; i++) {
        set_all(made, i, SIM_FIGURE_failed, 100);
    }
    expect_said(made, "No strategy gets a request answered here.\n", true);
    expect_said(made, "Take", false);
    free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losing_counts_first),
        cmocka_unit_test(tail_counts_before_mean),
        cmocka_unit_test(what_nobody_notices_is_no_difference),
        cmocka_unit_test(seeds_are_compared_in_pairs),
        cmocka_unit_test(best_is_nobody_where_all_are_level),
        cmocka_unit_test(reasons_follow_the_figures),
        cmocka_unit_test(rarest_and_idle_are_told),
        cmocka_unit_test(silence_is_not_fast),
        cmocka_unit_test(loss_is_said_first),
        cmocka_unit_test(nothing_measured_is_said),
        cmocka_unit_test(falling_behind_is_said),
        cmocka_unit_test(idle_has_to_be_worth_it),
        cmocka_unit_test(few_have_little_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
