/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What each kind promises about the worst stretch of time, against an adversary who knows how it counts.
 *
 * The adversary of adversary.h must come to the bound and not beyond; that it comes to twice the limit where the seed's
 * way of counting is asked for shows that it can find what is there. All short histories are tried besides.
 */
#include "../unit/quota_desk.h"
#include "adversary.h"

/* ---- a tracker under attack ---- */

static lw_quota *attacked;
static lw_reservation attacked_holds[ATTACK_MOVES];
static uint32_t attacked_cover;

static void tracker_begin(const struct attack *attack) {
    lw_quota_dimension dimension = desk_dimension("tpm", attack->kind, attack->window);
    dimension.resolution = attack->resolution;
    dimension.cover = attacked_cover;
    attacked = desk_open(dimension, attack->limit, attack->burst);
}

static uint64_t tracker_take(const struct attack *attack, uint32_t number) {
    const struct attack_move *move = &attack->moves[number];
    uint64_t amount = desk_remaining(attacked, 0, move->at) * move->share / 256;
    if (amount > 0) {
        attacked_holds[number] = desk_reserve(attacked, amount, move->at);
    }
    return amount;
}

static void tracker_give_back(uint32_t number, uint64_t unused, uint64_t used, uint64_t now) {
    (void)unused;
    desk_commit(attacked, &attacked_holds[number], used, now);
}

static void tracker_end(void) { lw_quota_free(attacked); }

static uint64_t worst_found(uint32_t kind, uint32_t resolution, uint64_t burst, uint32_t cover) {
    static const struct attack_target target = {tracker_begin, tracker_take, tracker_give_back, tracker_end};
    struct attack attack = {.target = &target, .kind = kind, .resolution = resolution, .window = MINUTE, .grain = 1};
    attack.limit = 1000;
    attack.burst = burst;
    attacked_cover = cover;
    return attack_search(&attack);
}

static void sliding_holds_the_limit_in_any_window(void **state) {
    static const uint32_t resolutions[] = {1, 2, 6, 20};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(worst_found(LW_QUOTA_SLIDING, resolutions[i], 0, LW_QUOTA_COVER_FULL), 1000);
    }
}

static void the_search_finds_twice_the_limit_with_the_cover_of_the_seed(void **state) {
    (void)state;
    assert_int_equal(worst_found(LW_QUOTA_SLIDING, 20, 0, LW_QUOTA_COVER_SEED), 2000);
}

static void gcra_holds_burst_and_rate_in_any_stretch(void **state) {
    static const uint64_t bursts[] = {1, 50, 1000, 5000};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(worst_found(LW_QUOTA_GCRA, 0, bursts[i], LW_QUOTA_COVER_FULL), bursts[i]);
    }
}

/* ---- all short histories: a limit of 2 or 3, time in halves of a bucket ---- */

enum { STEPS = 7, CHOICES = 6 };

struct short_story {
    lw_quota *quota;
    uint64_t now;
    uint32_t count;
    struct attack attack;
    lw_reservation reservation[STEPS];
    bool open[STEPS];
};

static void short_reserve(struct short_story *story, uint64_t amount) {
    lw_amount one = {0, amount};
    lw_reservation *reservation = &story->reservation[story->count];
    story->attack.taken[story->count] = (struct attack_taken){story->now, story->now, amount};
    if (lw_quota_reserve_at(story->quota, NODE, &one, 1, story->now, reservation, NULL) == LW_OK) {
        story->open[story->count++] = true;
    }
}

/* Ends the oldest or the newest reservation: with nothing used, or 1. */
static void short_end(struct short_story *story, bool oldest, uint64_t actual) {
    for (uint32_t k = 0; k < story->count; k++) {
        uint32_t i = oldest ? k : story->count - 1 - k;
        if (story->open[i]) {
            story->open[i] = false;
            story->attack.taken[i].amount = actual;
            desk_commit(story->quota, &story->reservation[i], actual, story->now);
            return;
        }
    }
}

static void short_step(struct short_story *story, uint32_t choice, uint64_t tick) {
    switch (choice) {
    case 0: story->now += tick; break;
    case 1: story->now += 3 * tick; break;
    case 2: short_reserve(story, 1); break;
    case 3: short_reserve(story, 2); break;
    case 4: short_end(story, true, 1); break;
    default: short_end(story, false, 0); break;
    }
}

static void every_short_history(lw_quota_dimension dimension, uint64_t limit, uint64_t burst, uint64_t tick) {
    uint32_t histories = 1;
    lw_quota_limit one = desk_limit(0, limit, burst);
    lw_quota *quota = desk_open(dimension, limit, burst);
    for (uint32_t i = 0; i < STEPS; i++) {
        histories *= CHOICES;
    }
    for (uint32_t history = 0; history < histories; history++) {
        struct short_story story = {.quota = quota, .now = 10 * MINUTE};
        story.attack.kind = dimension.kind;
        story.attack.window = dimension.window;
        story.attack.limit = limit;
        assert_int_equal(lw_quota_forget(quota, NODE), 1);
        assert_int_equal(lw_quota_register(quota, NODE, &one, 1, 0), LW_OK);
        uint32_t rest = history;
        for (uint32_t i = 0; i < STEPS; i++, rest /= CHOICES) {
            short_step(&story, rest % CHOICES, tick);
            assert_in_range(attack_harm(&story.attack, story.count), 0, burst > 0 ? burst : limit);
        }
        for (uint32_t i = 0; i < story.count; i++) {
            lw_quota_cancel_at(quota, &story.reservation[i], story.now);
        }
    }
    lw_quota_free(quota);
}

static void no_short_history_breaks_sliding(void **state) {
    (void)state;
    for (uint32_t resolution = 1; resolution <= 3; resolution++) {
        lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, 6 * SECOND);
        dimension.resolution = resolution;
        every_short_history(dimension, 2, 0, 3 * SECOND / resolution);
        every_short_history(dimension, 3, 0, 3 * SECOND / resolution);
    }
}

static void no_short_history_breaks_gcra(void **state) {
    (void)state;
    for (uint64_t burst = 1; burst <= 3; burst++) {
        every_short_history(desk_dimension("tpm", LW_QUOTA_GCRA, 6 * SECOND), 3, burst, SECOND);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sliding_holds_the_limit_in_any_window),
        cmocka_unit_test(the_search_finds_twice_the_limit_with_the_cover_of_the_seed),
        cmocka_unit_test(gcra_holds_burst_and_rate_in_any_stretch),
        cmocka_unit_test(no_short_history_breaks_sliding),
        cmocka_unit_test(no_short_history_breaks_gcra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
