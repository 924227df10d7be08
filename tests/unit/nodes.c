/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* lw_nodes: every layout of a column reads what was written, identity follows its rules, and the fingerprint tells
 * apart exactly what makes a plan different. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <loadwise/loadwise.h>
#include <math.h>

enum { BACKENDS = 5 };

struct backend {
    char padding[3]; /* so that no member stands where a careless offset would find it */
    const char *name;
    uint64_t id;
    uint32_t weight;
    double load, remaining;
    uint32_t health, inflight, capacity, priority;
    char *zone;
    const char *tags;
};

static struct backend backends[BACKENDS];
static struct backend *pointers[BACKENDS];

static int fill_backends(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    static char east[] = "east", west[] = "west";
    for (uint32_t i = 0; i < BACKENDS; i++) {
        backends[i] = (struct backend){
            .name = names[i],
            .id = UINT64_MAX - i,
            .weight = UINT32_MAX - i,
            .load = 0.25 * i - 0.5,
            .remaining = 1.0 - 0.125 * i,
            .health = i % 4,
            .inflight = 10 + i,
            .capacity = 20 + i,
            .priority = 30 + i,
            .zone = i % 2 ? east : west,
            .tags = i == 3 ? NULL : "gpu=a100",
        };
        pointers[i] = &backends[BACKENDS - 1 - i];
    }
    return 0;
}

/* Node i of `nodes` is this backend, in every column. */
static void assert_reads(const lw_nodes *nodes, uint32_t i, const struct backend *b) {
    assert_string_equal(lw_string_at(&nodes->name, i), b->name);
    assert_true(lw_u64_at(&nodes->id, i) == b->id);
    assert_int_equal(lw_u32_at(&nodes->weight, i), b->weight);
    assert_true(lw_f64_at(&nodes->load, i, 7) == b->load);
    assert_true(lw_f64_at(&nodes->remaining, i, 7) == b->remaining);
    assert_int_equal(lw_u32_at(&nodes->health, i), b->health);
    assert_int_equal(lw_u32_at(&nodes->inflight, i), b->inflight);
    assert_int_equal(lw_u32_at(&nodes->capacity, i), b->capacity);
    assert_int_equal(lw_u32_at(&nodes->priority, i), b->priority);
    assert_ptr_equal(lw_string_at(&nodes->zone, i), b->zone);
    assert_ptr_equal(lw_string_at(&nodes->tags, i), b->tags);
}

static const uint32_t every_column = (UINT32_C(1) << LW_COLUMN_COUNT) - 1;

static void test_init_sets_nothing(void **state) {
    (void)state;
    lw_nodes nodes;
    memset(&nodes, 0xff, sizeof nodes);
    lw_nodes_init(&nodes, 42);
    assert_int_equal(nodes.size, sizeof nodes);
    assert_int_equal(nodes.count, 42);
    assert_int_equal(nodes.present, 0);
    assert_true(nodes.set == 0 && nodes.version == 0);
    assert_null(nodes.eligible);
    assert_null(nodes.eligible_blocks);
}

#define SET_EVERY(set, nodes, array)                                                                                   \
    do {                                                                                                               \
        set(nodes, name, array, name);                                                                                 \
        set(nodes, id, array, id);                                                                                     \
        set(nodes, weight, array, weight);                                                                             \
        set(nodes, load, array, load);                                                                                 \
        set(nodes, remaining, array, remaining);                                                                       \
        set(nodes, health, array, health);                                                                             \
        set(nodes, inflight, array, inflight);                                                                         \
        set(nodes, capacity, array, capacity);                                                                         \
        set(nodes, priority, array, priority);                                                                         \
        set(nodes, zone, array, zone);                                                                                 \
        set(nodes, tags, array, tags);                                                                                 \
    } while (0)

static void test_strided(void **state) {
    (void)state;
    lw_nodes plain, atomic;
    lw_nodes_init(&plain, BACKENDS);
    lw_nodes_init(&atomic, BACKENDS);
    SET_EVERY(LW_SET, plain, backends);
    SET_EVERY(LW_SET_ATOMIC, atomic, backends);
    assert_int_equal(plain.present, every_column);
    assert_int_equal(atomic.present, every_column);
    assert_int_equal(plain.load.at.atomic, 0);
    assert_int_not_equal(atomic.load.at.atomic, 0);
    for (uint32_t i = 0; i < BACKENDS; i++) {
        assert_reads(&plain, i, &backends[i]);
        assert_reads(&atomic, i, &backends[i]);
    }
}

static void test_pointers(void **state) {
    (void)state;
    lw_nodes plain, atomic;
    lw_nodes_init(&plain, BACKENDS);
    lw_nodes_init(&atomic, BACKENDS);
    SET_EVERY(LW_SET_POINTERS, plain, pointers);
    SET_EVERY(LW_SET_ATOMIC_POINTERS, atomic, pointers);
    assert_int_equal(plain.present, every_column);
    assert_int_equal(atomic.present, every_column);
    assert_int_equal(plain.id.at.atomic, 0);
    assert_int_not_equal(atomic.id.at.atomic, 0);
    for (uint32_t i = 0; i < BACKENDS; i++) {
        assert_reads(&plain, i, pointers[i]);
        assert_reads(&atomic, i, pointers[i]);
    }
}

static void test_values(void **state) {
    (void)state;
    static const char *const names[] = {"x", "y"};
    static const uint64_t ids[] = {1, UINT64_MAX};
    static const uint32_t weights[] = {0, UINT32_MAX};
    static const double loads[] = {-0.0, 1e300};
    lw_nodes nodes;
    lw_nodes_init(&nodes, 2);
    LW_SET_VALUES(nodes, name, names);
    LW_SET_VALUES(nodes, id, ids);
    LW_SET_VALUES(nodes, weight, weights);
    LW_SET_VALUES(nodes, load, loads);
    assert_int_equal(nodes.present, LW_HAS(name) | LW_HAS(id) | LW_HAS(weight) | LW_HAS(load));
    for (uint32_t i = 0; i < 2; i++) {
        assert_ptr_equal(lw_string_at(&nodes.name, i), names[i]);
        assert_true(lw_u64_at(&nodes.id, i) == ids[i]);
        assert_int_equal(lw_u32_at(&nodes.weight, i), weights[i]);
        assert_true(lw_f64_at(&nodes.load, i, 0) == loads[i]);
    }
}

static double index_and_time(const void *user, size_t index, uint64_t now) {
    return *(const double *)user + (double)index * 1000 + (double)now;
}

static void test_computed(void **state) {
    (void)state;
    static const double base = 0.5;
    lw_nodes nodes;
    lw_nodes_init(&nodes, BACKENDS);
    LW_SET_COMPUTED(nodes, load, index_and_time, &base);
    assert_int_equal(nodes.present, LW_HAS(load));
    assert_true(lw_f64_at(&nodes.load, 3, 20) == 3020.5);
}

static void test_setting_again_replaces(void **state) {
    (void)state;
    static const double base = 0;
    lw_nodes nodes;
    lw_nodes_init(&nodes, BACKENDS);
    LW_SET_POINTERS(nodes, load, pointers, load);
    LW_SET_COMPUTED(nodes, load, index_and_time, &base);
    assert_true(lw_f64_at(&nodes.load, 2, 1) == 2001);
    LW_SET(nodes, load, backends, load);
    assert_true(lw_f64_at(&nodes.load, 2, 1) == backends[2].load);
}

/* Only one shape may be scanned as an array. */
static void test_dense(void **state) {
    (void)state;
    static const double loads[BACKENDS];
    static struct { double load; } alone[BACKENDS];
    lw_nodes nodes;
    lw_nodes_init(&nodes, BACKENDS);
    LW_SET_VALUES(nodes, load, loads);
    assert_ptr_equal(lw_f64_dense(&nodes.load), loads);
    LW_SET(nodes, load, alone, load); /* a struct of one double is an array of doubles */
    assert_ptr_equal(lw_f64_dense(&nodes.load), alone);
    LW_SET_ATOMIC(nodes, load, alone, load);
    assert_null(lw_f64_dense(&nodes.load));
    LW_SET(nodes, load, backends, load);
    assert_null(lw_f64_dense(&nodes.load));
    LW_SET_POINTERS(nodes, load, pointers, load);
    assert_null(lw_f64_dense(&nodes.load));
    LW_SET_COMPUTED(nodes, load, index_and_time, NULL);
    assert_null(lw_f64_dense(&nodes.load));
}

static void test_identity(void **state) {
    (void)state;
    lw_nodes nodes;
    lw_nodes_init(&nodes, BACKENDS);
    assert_true(lw_nodes_id(&nodes, 3) == 3);
    LW_SET(nodes, name, backends, name);
    assert_true(lw_nodes_id(&nodes, 0) == UINT64_C(0xa941cc443f3c577d)); /* of "a", as in id.c */
    assert_true(lw_nodes_id(&nodes, 3) == lw_id("d", 1));
    LW_SET(nodes, id, backends, id);
    assert_true(lw_nodes_id(&nodes, 3) == UINT64_MAX - 3);
}

static lw_nodes weighted_backends(void) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, BACKENDS);
    LW_SET(nodes, id, backends, id);
    LW_SET(nodes, weight, backends, weight);
    return nodes;
}

static void test_fingerprint_of_equal_content(void **state) {
    (void)state;
    uint64_t ids[BACKENDS];
    uint32_t weights[BACKENDS];
    lw_nodes nodes = weighted_backends(), copy;
    for (uint32_t i = 0; i < BACKENDS; i++) {
        ids[i] = backends[i].id;
        weights[i] = backends[i].weight;
    }
    lw_nodes_init(&copy, BACKENDS);
    LW_SET_VALUES(copy, id, ids);
    LW_SET_VALUES(copy, weight, weights);
    copy.set = 5;
    copy.version = 6;
    LW_SET(nodes, load, backends, load);
    assert_true(lw_nodes_fingerprint(&nodes) == lw_nodes_fingerprint(&copy));
    backends[1].load = 99;
    assert_true(lw_nodes_fingerprint(&nodes) == lw_nodes_fingerprint(&copy));
}

static void test_fingerprint_of_names_is_that_of_their_ids(void **state) {
    (void)state;
    lw_nodes named, numbered;
    lw_nodes_init(&named, BACKENDS);
    lw_nodes_init(&numbered, BACKENDS);
    LW_SET(named, name, backends, name);
    LW_SET(numbered, id, backends, id);
    for (uint32_t i = 0; i < BACKENDS; i++) {
        backends[i].id = lw_id(backends[i].name, 1);
    }
    assert_true(lw_nodes_fingerprint(&named) == lw_nodes_fingerprint(&numbered));
}

static void test_fingerprint_tells_changes_apart(void **state) {
    (void)state;
    lw_nodes nodes = weighted_backends();
    uint64_t first = lw_nodes_fingerprint(&nodes);
    for (uint32_t i = 0; i < BACKENDS; i++) {
        backends[i].id ^= 1;
        assert_true(lw_nodes_fingerprint(&nodes) != first);
        backends[i].id ^= 1;
        backends[i].weight ^= 1;
        assert_true(lw_nodes_fingerprint(&nodes) != first);
        backends[i].weight ^= 1;
    }
    assert_true(lw_nodes_fingerprint(&nodes) == first);
    nodes.count--;
    assert_true(lw_nodes_fingerprint(&nodes) != first);
    nodes.count++;
    struct backend moved = backends[0];
    backends[0] = backends[4];
    backends[4] = moved;
    assert_true(lw_nodes_fingerprint(&nodes) != first);
}

/* A node may keep its id and get another name, from which some strategies build. */
static void test_fingerprint_sees_names_beside_ids(void **state) {
    (void)state;
    lw_nodes nodes = weighted_backends();
    uint64_t nameless = lw_nodes_fingerprint(&nodes), named;
    LW_SET(nodes, name, backends, name);
    named = lw_nodes_fingerprint(&nodes);
    assert_true(named != nameless);
    for (uint32_t i = 0; i < BACKENDS; i++) {
        const char *before = backends[i].name;
        backends[i].name = "renamed";
        assert_true(lw_nodes_fingerprint(&nodes) != named);
        backends[i].name = NULL;
        assert_true(lw_nodes_fingerprint(&nodes) != named);
        backends[i].name = before;
    }
    const char *first = backends[0].name;
    backends[0].name = backends[1].name;
    backends[1].name = first;
    assert_true(lw_nodes_fingerprint(&nodes) != named);
    backends[1].name = backends[0].name;
    backends[0].name = first;
    assert_true(lw_nodes_fingerprint(&nodes) == named);
}

static void test_fingerprint_is_never_zero(void **state) {
    (void)state;
    lw_nodes nodes;
    for (uint32_t count = 0; count < 100; count++) {
        lw_nodes_init(&nodes, count);
        assert_true(lw_nodes_fingerprint(&nodes) != 0);
    }
}

static void test_column_names(void **state) {
    (void)state;
    static const char *const names[] = {"name",     "id",       "weight",   "load", "remaining", "health",
                                        "inflight", "capacity", "priority", "zone", "tags"};
    assert_int_equal(LW_COLUMN_COUNT, sizeof names / sizeof *names);
    for (uint32_t i = 0; i < LW_COLUMN_COUNT; i++) {
        assert_string_equal(lw_column_name(i), names[i]);
    }
    assert_int_equal(LW_HAS(weight), 1 << 2);
    assert_null(lw_column_name(LW_COLUMN_COUNT));
    assert_null(lw_column_name(UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_init_sets_nothing, fill_backends),
        cmocka_unit_test_setup(test_strided, fill_backends),
        cmocka_unit_test_setup(test_pointers, fill_backends),
        cmocka_unit_test_setup(test_values, fill_backends),
        cmocka_unit_test_setup(test_computed, fill_backends),
        cmocka_unit_test_setup(test_setting_again_replaces, fill_backends),
        cmocka_unit_test_setup(test_dense, fill_backends),
        cmocka_unit_test_setup(test_identity, fill_backends),
        cmocka_unit_test_setup(test_fingerprint_of_equal_content, fill_backends),
        cmocka_unit_test_setup(test_fingerprint_of_names_is_that_of_their_ids, fill_backends),
        cmocka_unit_test_setup(test_fingerprint_tells_changes_apart, fill_backends),
        cmocka_unit_test_setup(test_fingerprint_sees_names_beside_ids, fill_backends),
        cmocka_unit_test_setup(test_fingerprint_is_never_zero, fill_backends),
        cmocka_unit_test_setup(test_column_names, fill_backends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
