/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What each kind promises about the worst stretch of time, against an adversary who knows how it counts.
 *
 * The adversary takes all there is at some chosen times, holds some of it and gives it back at others; the search
 * changes the times and keeps what makes the worst stretch worse. It must come to the bound and not beyond; that it
 * comes to twice the limit where the seed's way of counting is asked for shows that it can find what is there. All
 * short histories are tried besides.
 */
#include "../unit/quota_desk.h"

enum { MOVES = 24, CLIMBS = 1500, SEARCHES = 12 };

/* One move: at this time, take `share` 256ths of what is there, and give back `refund` 256ths of it before move
   number `until`. */
struct move {
    uint64_t at;
    uint32_t share, refund, until;
};

/* What was taken, when, and how much of it has not been given back. */
struct taken {
    uint64_t at, amount;
    lw_reservation reservation;
};

struct attack {
    lw_quota_dimension dimension;
    uint64_t limit, burst;
    struct move moves[MOVES];
    struct taken taken[MOVES];
};

static uint64_t chance;

static uint64_t draw(uint64_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

/* ---- how bad it gets ---- */

/* Most in a stretch of one window, both ends included. */
static uint64_t worst_window(const struct attack *attack, uint32_t moves) {
    uint64_t worst = 0;
    for (uint32_t first = 0; first < moves; first++) {
        uint64_t sum = 0;
        for (uint32_t i = first; i < moves; i++) {
            bool inside = attack->taken[i].at - attack->taken[first].at <= attack->dimension.window;
            sum += inside ? attack->taken[i].amount : 0;
        }
        worst = sum > worst ? sum : worst;
    }
    return worst;
}

/* Most in any stretch, beyond what the rate allows in it. */
static uint64_t worst_excess(const struct attack *attack, uint32_t moves) {
    uint64_t worst = 0, interval = attack->dimension.window / attack->limit;
    for (uint32_t first = 0; first < moves; first++) {
        uint64_t sum = 0;
        for (uint32_t i = first; i < moves; i++) {
            uint64_t rate = (attack->taken[i].at - attack->taken[first].at) / interval;
            sum += attack->taken[i].amount;
            worst = sum > rate && sum - rate > worst ? sum - rate : worst;
        }
    }
    return worst;
}

static uint64_t how_bad(const struct attack *attack, uint32_t moves) {
    return attack->dimension.kind == LW_QUOTA_GCRA ? worst_excess(attack, moves) : worst_window(attack, moves);
}

static void give_back(struct attack *attack, lw_quota *quota, uint32_t until, uint64_t now) {
    for (uint32_t i = 0; i < until; i++) {
        struct taken *taken = &attack->taken[i];
        if (attack->moves[i].until == until && taken->amount > 0) {
            taken->amount -= taken->amount * attack->moves[i].refund / 256;
            desk_commit(quota, &taken->reservation, taken->amount, now);
        }
    }
}

static uint64_t carry_out(struct attack *attack) {
    uint64_t worst = 0;
    lw_quota *quota = desk_open(attack->dimension, attack->limit, attack->burst);
    for (uint32_t i = 0; i < MOVES; i++) {
        uint64_t now = attack->moves[i].at;
        give_back(attack, quota, i, now);
        uint64_t amount = desk_remaining(quota, 0, now) * attack->moves[i].share / 256;
        attack->taken[i] = (struct taken){.at = now, .amount = amount};
        if (amount > 0) {
            attack->taken[i].reservation = desk_reserve(quota, amount, now);
        }
        uint64_t bad = how_bad(attack, i + 1);
        worst = bad > worst ? bad : worst;
    }
    lw_quota_free(quota);
    return worst;
}

/* ---- the search ---- */

/* Near the borders of buckets more often than not. */
static uint64_t some_time(const struct attack *attack) {
    uint64_t window = attack->dimension.window, border = draw(4 * 20) * (window / 20);
    static const uint64_t off[] = {0, 1};
    return draw(3) == 0 ? draw(4 * window) : border - (border > 0 ? off[draw(2)] : 0);
}

static void some_move(const struct attack *attack, struct move *move, uint32_t number) {
    move->at = some_time(attack);
    move->share = draw(2) == 0 ? 256 : (uint32_t)draw(257);
    move->refund = draw(2) == 0 ? 256 : (uint32_t)draw(257);
    move->until = number + (uint32_t)draw(MOVES);
}

static void in_order(struct move *moves) {
    for (uint32_t i = 1; i < MOVES; i++) {
        for (uint32_t k = i; k > 0 && moves[k - 1].at > moves[k].at; k--) {
            uint64_t at = moves[k].at;
            moves[k].at = moves[k - 1].at;
            moves[k - 1].at = at;
        }
    }
}

static uint64_t search(struct attack *attack) {
    uint64_t most = 0;
    for (uint64_t seed = 1; seed <= SEARCHES; seed++) {
        chance = seed;
        for (uint32_t i = 0; i < MOVES; i++) {
            some_move(attack, &attack->moves[i], i);
        }
        in_order(attack->moves);
        uint64_t worst = carry_out(attack);
        for (uint32_t climb = 0; climb < CLIMBS; climb++) {
            struct attack other = *attack;
            for (uint64_t changes = 1 + draw(3); changes > 0; changes--) {
                uint32_t number = (uint32_t)draw(MOVES);
                some_move(&other, &other.moves[number], number);
            }
            in_order(other.moves);
            uint64_t bad = carry_out(&other);
            if (bad >= worst) {
                worst = bad;
                *attack = other;
            }
        }
        most = worst > most ? worst : most;
    }
    return most;
}

static void sliding_holds_the_limit_in_any_window(void **state) {
    static const uint32_t resolutions[] = {1, 2, 6, 20};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct attack attack = {.dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE), .limit = 1000};
        attack.dimension.resolution = resolutions[i];
        assert_int_equal(search(&attack), 1000);
    }
}

static void the_search_finds_twice_the_limit_with_the_cover_of_the_seed(void **state) {
    (void)state;
    struct attack attack = {.dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE), .limit = 1000};
    attack.dimension.resolution = 20;
    attack.dimension.cover = LW_QUOTA_COVER_SEED;
    assert_int_equal(search(&attack), 2000);
}

static void gcra_holds_burst_and_rate_in_any_stretch(void **state) {
    static const uint64_t bursts[] = {1, 50, 1000, 5000};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct attack attack = {.dimension = desk_dimension("tpm", LW_QUOTA_GCRA, MINUTE), .limit = 1000};
        attack.burst = bursts[i];
        assert_int_equal(search(&attack), bursts[i]);
    }
}

/* ---- all short histories: a limit of 2 or 3, time in halves of a bucket ---- */

enum { STEPS = 7, CHOICES = 6 };

struct short_story {
    lw_quota *quota;
    uint64_t now;
    uint32_t count;
    struct attack attack;
    bool open[STEPS];
};

static void short_reserve(struct short_story *story, uint64_t amount) {
    lw_amount one = {0, amount};
    struct taken *taken = &story->attack.taken[story->count];
    *taken = (struct taken){.at = story->now, .amount = amount};
    if (lw_quota_reserve_at(story->quota, NODE, &one, 1, story->now, &taken->reservation, NULL) == LW_OK) {
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
            desk_commit(story->quota, &story->attack.taken[i].reservation, actual, story->now);
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
        story.attack.dimension = dimension;
        story.attack.limit = limit;
        assert_int_equal(lw_quota_forget(quota, NODE), 1);
        assert_int_equal(lw_quota_register(quota, NODE, &one, 1, 0), LW_OK);
        uint32_t rest = history;
        for (uint32_t i = 0; i < STEPS; i++, rest /= CHOICES) {
            short_step(&story, rest % CHOICES, tick);
            assert_in_range(how_bad(&story.attack, story.count), 0, burst > 0 ? burst : limit);
        }
        for (uint32_t i = 0; i < story.count; i++) {
            lw_quota_cancel_at(quota, &story.attack.taken[i].reservation, story.now);
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
