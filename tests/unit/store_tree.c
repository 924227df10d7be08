/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tree of the store: in order by place, a heap by expiry, not deep, also where places collide. */
#include "base/random.h"
#include "store/tree.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { MOST = 2000 };

static struct lw__entry *tree, *all[MOST];
static uint32_t count;
static uint64_t chance;

static uint64_t draw(uint64_t below) { return lw__mix(chance += LW__GOLDEN) % below; }

static struct lw__entry *make(uint64_t place, uint64_t due, const char *key) {
    struct lw__entry *entry = calloc(1, sizeof *entry + strlen(key) + 1);
    assert_non_null(entry);
    entry->place = place;
    entry->due = due;
    entry->key_size = strlen(key);
    memcpy(entry->bytes, key, strlen(key) + 1);
    return entry;
}

static int open_tree(void **state) {
    (void)state;
    tree = NULL;
    count = 0;
    chance = 1;
    return 0;
}

static int close_tree(void **state) {
    (void)state;
    while (count > 0) {
        free(all[--count]);
    }
    return 0;
}

static struct lw__entry *put_in(uint64_t place, uint64_t due, const char *key) {
    struct lw__entry *entry = make(place, due, key);
    assert_true(count < MOST);
    lw__tree_insert(&tree, entry);
    return all[count++] = entry;
}

static void take_out(uint32_t at) {
    lw__tree_remove(&tree, all[at]);
    free(all[at]);
    all[at] = all[--count];
}

static bool comes_before(const struct lw__entry *a, const struct lw__entry *b) {
    return a->place != b->place ? a->place < b->place : strcmp(a->bytes, b->bytes) < 0;
}

/* Checks a subtree and returns how many entries it has; *depth: the deepest of them. */
static uint32_t check(const struct lw__entry *at, uint32_t level, uint32_t *depth) {
    if (at == NULL) {
        return 0;
    }
    *depth = level > *depth ? level : *depth;
    assert_true(at->before == NULL || (comes_before(at->before, at) && at->before->due >= at->due));
    assert_true(at->after == NULL || (comes_before(at, at->after) && at->after->due >= at->due));
    return 1 + check(at->before, level + 1, depth) + check(at->after, level + 1, depth);
}

/* The walk by lw__tree_next is in order and complete, which the local checks alone do not say. */
static uint32_t check_all(void) {
    uint32_t depth = 0, steps = 0;
    assert_int_equal(check(tree, 1, &depth), count);
    const struct lw__entry *last = NULL;
    for (struct lw__entry *at = lw__tree_next(tree, 0, NULL); at != NULL;
         at = lw__tree_next(tree, at->place, at->bytes)) {
        assert_true(last == NULL || comes_before(last, at));
        assert_ptr_equal(lw__tree_find(tree, at->place, at->bytes), at);
        last = at;
        steps++;
    }
    assert_int_equal(steps, count);
    return depth;
}

static void fill(uint32_t entries, uint64_t places, uint64_t dues) {
    for (uint32_t i = 0; i < entries; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        put_in(1 + draw(places), draw(2) == 0 ? LW__NEVER : draw(dues), key);
    }
}

static void churn(uint64_t places) {
    fill(300, places, 50);
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "new %d", i);
        if (draw(2) == 0 || count == 0) {
            put_in(1 + draw(places), draw(2) == 0 ? LW__NEVER : draw(50), key);
        } else {
            take_out((uint32_t)draw(count));
        }
        if (i % 50 == 0) {
            check_all();
        }
    }
}

static void test_shape(void **state) {
    (void)state;
    churn(UINT64_MAX);
}

static void test_shape_where_places_collide(void **state) {
    (void)state;
    churn(10);
}

static void test_not_there(void **state) {
    (void)state;
    assert_null(lw__tree_find(tree, 5, "a"));
    assert_null(lw__tree_next(tree, 0, NULL));
    struct lw__entry *b = put_in(5, 9, "b");
    assert_null(lw__tree_find(tree, 5, "a"));
    assert_null(lw__tree_find(tree, 5, "c"));
    assert_null(lw__tree_find(tree, 4, "b"));
    assert_null(lw__tree_find(tree, 6, "b"));
    assert_ptr_equal(lw__tree_next(tree, 5, NULL), b);
    assert_ptr_equal(lw__tree_next(tree, 5, "a"), b);
    assert_null(lw__tree_next(tree, 5, "b"));
    assert_null(lw__tree_next(tree, 6, NULL));
}

/* 2 ln n is 15 on average and the deepest about twice that; whatever the pattern of expiry. */
static void test_depth(void **state) {
    (void)state;
    for (int pattern = 0; pattern < 4; pattern++) {
        for (uint64_t i = 0; i < MOST; i++) {
            char key[16];
            const uint64_t due[] = {LW__NEVER, i, MOST - i, i % 2 == 0 ? 5 : LW__NEVER};
            snprintf(key, sizeof key, "%u", (unsigned)i);
            put_in(lw__mix(i + 1), due[pattern], key);
        }
        assert_in_range(check_all(), 11, 40);
        close_tree(NULL);
        tree = NULL;
    }
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, open_tree, close_tree)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TREE(test_shape),
        WITH_TREE(test_shape_where_places_collide),
        WITH_TREE(test_not_there),
        WITH_TREE(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
