/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of AnchorHash against the invariants that its paper proves, over long random histories. */
#include "strategy/anchor_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { MOST = 200, KEYS = 3000, STEPS = 400 };

/* A table, and what its history says that it should be. */
struct story {
    struct lw__anchor table;
    uint32_t memory[LW__ANCHOR_ARRAYS * MOST];
    uint32_t gone[MOST]; /* buckets that are out, in the order in which they went */
    uint32_t then[MOST]; /* by bucket: how many worked after it went */
    uint32_t heir[MOST]; /* by bucket: who was the last in the list of those that worked when it went */
    bool works[MOST];
    uint64_t chance;
};

static uint64_t chance_of(struct story *story) { return lw__mix(story->chance += LW__GOLDEN); }

static void story_open(struct story *story, uint32_t capacity, uint64_t seed) {
    memset(story, 0, sizeof *story);
    story->chance = seed;
    lw__anchor_init(&story->table, capacity, story->memory);
    for (uint32_t b = 0; b < capacity; b++) {
        story->gone[b] = capacity - 1 - b;
        story->then[b] = story->heir[b] = b;
    }
}

static void remove_one(struct story *story, uint32_t bucket) {
    story->heir[bucket] = story->table.working[story->table.live - 1];
    lw__anchor_remove(&story->table, bucket);
    story->works[bucket] = false;
    story->gone[story->table.capacity - story->table.live - 1] = bucket;
    story->then[bucket] = story->table.live;
}

static uint32_t add_one(struct story *story) {
    uint32_t expected = story->gone[story->table.capacity - story->table.live - 1];
    uint32_t bucket = lw__anchor_add(&story->table);
    assert_int_equal(bucket, expected);
    assert_false(story->works[bucket]);
    story->works[bucket] = true;
    return bucket;
}

static void assert_consistent(const struct story *story) {
    const struct lw__anchor *table = &story->table;
    uint32_t working = 0;
    for (uint32_t b = 0; b < table->capacity; b++) {
        working += story->works[b];
        if (table->live > 0) {
            assert_int_equal(table->left[b], story->works[b] ? 0 : story->then[b]);
        }
        assert_int_equal(table->next[b], story->works[b] ? b : story->heir[b]);
    }
    assert_int_equal(working, table->live);
    for (uint32_t i = 0; i < table->live; i++) { /* W holds those that work, once each */
        assert_true(story->works[table->working[i]]);
        assert_int_equal(table->place[table->working[i]], i);
    }
    for (uint32_t i = 0; i < table->capacity - table->live; i++) {
        assert_int_equal(table->removed[i], story->gone[i]);
    }
}

static void find_all(const struct lw__anchor *table, uint32_t *owners) {
    for (uint64_t key = 0; key < KEYS; key++) {
        owners[key] = lw__anchor_find(table, lw__mix(key));
    }
}

/* The paper's theorem: a bucket that goes moves its keys only, one that comes is all that keys move to. */
static void test_histories(void **state) {
    (void)state;
    static const uint32_t capacities[] = {2, 3, 17, MOST};
    static uint32_t before[KEYS], after[KEYS];
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
        struct story story;
        story_open(&story, capacities[c], 5 + c);
        add_one(&story);
        assert_consistent(&story);
        find_all(&story.table, before);
        for (uint32_t step = 0; step < STEPS; step++) {
            const struct lw__anchor *table = &story.table;
            bool grow = table->live == 1 || (table->live < table->capacity && chance_of(&story) % 2 == 0);
            uint32_t moved = grow ? add_one(&story) : table->working[chance_of(&story) % table->live];
            if (!grow) {
                remove_one(&story, moved);
            }
            assert_consistent(&story);
            find_all(table, after);
            for (uint32_t key = 0; key < KEYS; key++) {
                assert_true(story.works[after[key]]);
                if (grow) {
                    assert_true(after[key] == before[key] || after[key] == moved);
                } else {
                    assert_true(before[key] == moved ? after[key] != moved : after[key] == before[key]);
                }
            }
            memcpy(before, after, sizeof before);
        }
    }
}

/* Even, whatever the history: chi-square for 39 degrees of freedom exceeds 91 once in 100,000 times. */
static void test_balance(void **state) {
    (void)state;
    for (uint64_t history = 0; history < 20; history++) {
        struct story story;
        uint32_t counts[MOST] = {0};
        double statistic = 0;
        story_open(&story, MOST, 100 + history);
        while (story.table.live < MOST - history) {
            add_one(&story);
        }
        while (story.table.live > 40) {
            remove_one(&story, story.table.working[chance_of(&story) % story.table.live]);
        }
        for (uint64_t key = 0; key < 40000; key++) {
            counts[lw__anchor_find(&story.table, lw__mix(key))]++;
        }
        for (uint32_t b = 0; b < MOST; b++) {
            assert_true(story.works[b] || counts[b] == 0);
            statistic += story.works[b] ? (counts[b] - 1000.0) * (counts[b] - 1000.0) / 1000 : 0;
        }
        assert_true(statistic < 91);
    }
}

/* What goes and comes back leaves no trace, in all of the table; also where the last one went. */
static void test_return(void **state) {
    (void)state;
    struct story story;
    static uint32_t memory[LW__ANCHOR_ARRAYS * MOST], first[KEYS], second[KEYS];
    struct lw__anchor copy;
    story_open(&story, MOST, 7);
    for (uint32_t i = 0; i < 60; i++) {
        add_one(&story);
    }
    for (uint32_t i = 0; i < 30; i++) {
        remove_one(&story, story.table.working[chance_of(&story) % story.table.live]);
    }
    find_all(&story.table, first);
    for (uint32_t depth = 1; depth <= 30; depth++) {
        lw__anchor_copy(&copy, &story.table, memory);
        for (uint32_t i = 0; i < depth; i++) {
            lw__anchor_remove(&copy, copy.working[chance_of(&story) % copy.live]);
        }
        assert_int_equal(copy.live, 30 - depth);
        for (uint32_t i = 0; i < depth; i++) {
            lw__anchor_add(&copy);
        }
        find_all(&copy, second);
        assert_memory_equal(first, second, sizeof first);
        assert_memory_equal(copy.left, story.table.left, MOST * sizeof(uint32_t));
        assert_memory_equal(copy.next, story.table.next, MOST * sizeof(uint32_t));
    }
    assert_consistent(&story);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_return),
    };
    return cmocka_run_group_tests_name("anchor_table", tests, NULL, NULL);
}
