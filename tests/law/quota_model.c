/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Quotas against models that know nothing of how they are kept: a list of all that happened, asked anew each time.
 *
 * Sliding: the sum over a row of buckets; every answer must be equal. Gcra: the list is replayed with what was really
 * settled; whatever was granted must be allowed in the replay, and the library must never think itself freer.
 */
#include "../unit/quota_desk.h"

#include <stdio.h>

enum { MOST_EVENTS = 200 };

/* One charge, and what is left of it. */
struct event {
    uint64_t at, amount;
    lw_reservation reservation;
    bool open;
};

struct story {
    lw_quota *quota;
    lw_quota_dimension dimension;
    uint64_t limit, burst, now, chance;
    uint32_t count;
    struct event event[MOST_EVENTS];
};

static uint64_t draw(struct story *story, uint64_t below) {
    story->chance = story->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (story->chance >> 33) % below;
}

static void story_begin(struct story *story, lw_quota_dimension dimension, uint64_t limit, uint64_t burst,
                        uint64_t seed) {
    story->quota = desk_open(dimension, limit, burst);
    story->dimension = dimension;
    story->limit = limit;
    story->burst = burst;
    story->now = 1000 * SECOND;
    story->chance = seed;
    story->count = 0;
}

static struct event *story_event(struct story *story, uint64_t amount) {
    struct event *event = &story->event[story->count++];
    *event = (struct event){.at = story->now, .amount = amount};
    return event;
}

static struct event *any_open(struct story *story) {
    for (uint32_t tries = 0; tries < 8 && story->count > 0; tries++) {
        struct event *event = &story->event[draw(story, story->count)];
        if (event->open) {
            return event;
        }
    }
    return NULL;
}

/* ---- sliding ---- */

static uint64_t bucket_of(const struct story *story, uint64_t time) {
    uint64_t resolution = story->dimension.resolution;
    return time / ((story->dimension.window + resolution - 1) / resolution);
}

static uint64_t span_of(const struct story *story) {
    return story->dimension.resolution + (story->dimension.cover == LW_QUOTA_COVER_FULL ? 1 : 0);
}

static uint64_t model_used(const struct story *story, uint64_t time) {
    uint64_t used = 0, bucket = bucket_of(story, time);
    for (uint32_t i = 0; i < story->count; i++) {
        used += bucket - bucket_of(story, story->event[i].at) < span_of(story) ? story->event[i].amount : 0;
    }
    return used;
}

static bool model_fits(const struct story *story, uint64_t amount, uint64_t time) {
    return model_used(story, time) + amount <= story->limit;
}

/* Looks through all borders of buckets to come. */
static uint64_t model_retry_at(const struct story *story, uint64_t amount) {
    uint64_t resolution = story->dimension.resolution;
    uint64_t width = (story->dimension.window + resolution - 1) / resolution;
    uint64_t border = (story->now / width + 1) * width;
    if (amount > story->limit) {
        return LW_QUOTA_NEVER;
    }
    while (!model_fits(story, amount, border)) {
        border += width;
    }
    return border;
}

static void tell_reserve(struct story *story) {
    uint64_t amount = 1 + draw(story, draw(story, 8) == 0 ? story->limit + 2 : story->limit / 4 + 1);
    lw_amount one = {0, amount};
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    int answer = lw_quota_reserve_at(story->quota, NODE, &one, 1, story->now, &reservation, &refusal);
    assert_int_equal(answer, model_fits(story, amount, story->now) ? LW_OK : LW_OVER_QUOTA);
    if (answer == LW_OK) {
        struct event *event = story_event(story, amount);
        event->reservation = reservation;
        event->open = true;
    } else {
        assert_int_equal(refusal.retry_at, model_retry_at(story, amount));
    }
}

static void tell_commit(struct story *story) {
    struct event *event = any_open(story);
    if (event == NULL) {
        return;
    }
    uint64_t actual = draw(story, event->amount * 3 / 2 + 1), charged = event->amount;
    desk_commit(story->quota, &event->reservation, actual, story->now);
    event->open = false;
    event->amount = actual < charged ? actual : charged;
    if (actual > charged) {
        story_event(story, actual - charged);
    }
}

static void tell_cancel(struct story *story) {
    struct event *event = any_open(story);
    if (event != NULL) {
        desk_cancel(story->quota, &event->reservation, story->now);
        event->open = false;
        event->amount = 0;
    }
}

static void tell_record(struct story *story) {
    uint64_t amount = draw(story, 3);
    desk_record(story->quota, amount, story->now);
    story_event(story, amount);
}

static void time_passes(struct story *story) {
    uint64_t window = story->dimension.window;
    static const uint64_t parts[] = {1000, 40, 7, 1};
    story->now += draw(story, window / parts[draw(story, 4)] + 1);
}

static void tell_something(struct story *story) {
    switch (draw(story, 8)) {
    case 0:
    case 1:
    case 2: tell_reserve(story); break;
    case 3:
    case 4: tell_commit(story); break;
    case 5: tell_cancel(story); break;
    case 6: tell_record(story); break;
    default: time_passes(story); break;
    }
}

static void assert_like_the_model(struct story *story) {
    uint64_t used = model_used(story, story->now), reserved = 0;
    lw_quota_reading reading = desk_read(story->quota, 0, story->now);
    for (uint32_t i = 0; i < story->count; i++) {
        reserved += story->event[i].open ? story->event[i].amount : 0;
    }
    assert_int_equal(reading.used, used);
    assert_int_equal(reading.remaining, used < story->limit ? story->limit - used : 0);
    assert_int_equal(reading.reserved, reserved);
    assert_int_equal(desk_remaining(story->quota, 0, story->now), reading.remaining);
    assert_true(lw_quota_ratio_at(story->quota, NODE, story->now) == (double)reading.remaining / (double)story->limit);
}

static void sliding_is_the_sum_over_its_buckets(void **state) {
    static const uint32_t resolutions[] = {1, 2, 6, 20, 31, 32, 1000};
    static struct story story;
    (void)state;
    for (uint64_t seed = 1; seed <= 210; seed++) {
        lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE + seed % 5);
        dimension.resolution = resolutions[seed % 7];
        dimension.cover = seed % 3 == 0 ? LW_QUOTA_COVER_SEED : LW_QUOTA_COVER_FULL;
        story_begin(&story, dimension, 1 + seed % 50, 0, seed);
        while (story.count < MOST_EVENTS - 1) {
            tell_something(&story);
            assert_like_the_model(&story);
        }
        lw_quota_free(story.quota);
    }
}

/* What was saved and told to a fresh tracker leaves it as the old one was, then and later. */
static void history_restores_a_window(void **state) {
    static struct story story;
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
        lw_quota_use uses[21];
        dimension.resolution = 20;
        story_begin(&story, dimension, 40, 0, seed);
        while (story.count < 60) {
            tell_something(&story);
        }
        lw_quota *fresh = desk_open(dimension, 40, 0);
        int count = lw_quota_history(story.quota, NODE, 0, story.now, uses, 21);
        assert_in_range(count, 0, 21);
        for (int i = 0; i < count; i++) {
            assert_true(i == 0 || uses[i].at > uses[i - 1].at);
            desk_record(fresh, uses[i].amount, uses[i].at);
        }
        for (uint64_t at = story.now; at < story.now + 2 * MINUTE; at += SECOND) {
            assert_int_equal(desk_used(fresh, 0, at), desk_used(story.quota, 0, at));
        }
        lw_quota_free(fresh);
        lw_quota_free(story.quota);
    }
}

/* ---- gcra: an interval of exactly 1 ms, so that the replay is in whole numbers ---- */

enum { RATE = 1000 };

/* Works off the list. limit: each charge must meet a backlog that leaves it within the burst. */
static uint64_t replay(const struct story *story, bool limit) {
    uint64_t tat = 0;
    for (uint32_t i = 0; i < story->count; i++) {
        const struct event *event = &story->event[i];
        if (event->amount > 0) {
            tat = (tat > event->at ? tat : event->at) + event->amount * MS;
            assert_true(!limit || tat - event->at <= story->burst * MS);
        }
    }
    return tat > story->now ? tat - story->now : 0;
}

static void reserve_of_gcra(struct story *story) {
    uint64_t amount = 1 + draw(story, story->burst);
    lw_amount one = {0, amount};
    lw_reservation reservation;
    if (lw_quota_reserve_at(story->quota, NODE, &one, 1, story->now, &reservation, NULL) == LW_OK) {
        struct event *event = story_event(story, amount);
        event->reservation = reservation;
        event->open = true;
    }
}

static void settle_of_gcra(struct story *story) {
    struct event *event = any_open(story);
    if (event != NULL) {
        event->amount = draw(story, event->amount + 1);
        event->open = false;
        desk_commit(story->quota, &event->reservation, event->amount, story->now);
    }
}

/* What the library holds used beyond what the replay says, in units. */
static uint64_t lost_in_refunds(struct story *story) {
    uint64_t backlog = replay(story, true), used = desk_used(story->quota, 0, story->now);
    assert_true(used >= backlog / MS);
    return used - (backlog + MS - 1) / MS;
}

static void gcra_never_grants_what_its_history_would_not(void **state) {
    static struct story story;
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        story_begin(&story, desk_dimension("rps", LW_QUOTA_GCRA, SECOND), RATE, 1 + seed % 60, seed);
        uint64_t hurry = 1 + seed % 7;
        while (story.count < 150) {
            switch (draw(&story, 3)) {
            case 0: reserve_of_gcra(&story); break;
            case 1: settle_of_gcra(&story); break;
            default: story.now += draw(&story, hurry * 10 * MS) * draw(&story, 2); break;
            }
            lost_in_refunds(&story);
        }
        lw_quota_free(story.quota);
    }
}

/* Refunds are whole whatever the order in which a burst of reservations ends, if none came in between. */
static void gcra_refunds_are_whole_in_any_order(void **state) {
    static struct story story;
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        story_begin(&story, desk_dimension("rps", LW_QUOTA_GCRA, SECOND), RATE, 1000, seed);
        for (int i = 0; i < 50; i++) {
            struct event *event = story_event(&story, 20);
            event->reservation = desk_reserve(story.quota, 20, story.now);
            event->open = true;
        }
        for (int left = 50; left > 0;) {
            struct event *event = any_open(&story);
            if (event != NULL) {
                event->amount = draw(&story, 3);
                event->open = false;
                desk_commit(story.quota, &event->reservation, event->amount, story.now);
                left--;
            }
        }
        assert_int_equal(lost_in_refunds(&story), 0);
        lw_quota_free(story.quota);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sliding_is_the_sum_over_its_buckets),
        cmocka_unit_test(history_restores_a_window),
        cmocka_unit_test(gcra_never_grants_what_its_history_would_not),
        cmocka_unit_test(gcra_refunds_are_whole_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
