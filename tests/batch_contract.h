/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every store must do with batches and meetings: a part of store_contract.h, which runs it. Each check ends with
 * meetings that nobody is at, which is to say with none.
 */
#ifndef LOADWISE_TESTS_BATCH_CONTRACT_H
#define LOADWISE_TESTS_BATCH_CONTRACT_H

#include <loadwise/store.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

#define BATCH "contract/batch/"
#define BATCH_SECOND UINT64_C(1000000000)
#define BATCH_HOUR (3600 * BATCH_SECOND)

enum { BATCH_MANY = 300 };

/* ---- batches of the plain operations ---- */

static inline lw_store_step batch_step(uint32_t op, const char *key) {
    lw_store_step step = {.op = op, .key = key};
    step.answer = -999;
    return step;
}

static inline lw_store_step batch_put(const char *key, const char *value) {
    lw_store_step step = batch_step(LW_STORE_PUT, key);
    step.value = value;
    step.value_size = value != NULL ? strlen(value) : 0;
    return step;
}

static inline lw_store_step batch_get(const char *key, char *out, size_t room) {
    lw_store_step step = batch_step(LW_STORE_GET, key);
    step.out = out;
    step.room = room;
    return step;
}

static inline lw_store_step batch_add(const char *key, int64_t amount) {
    lw_store_step step = batch_step(LW_STORE_ADD, key);
    step.amount = amount;
    return step;
}

static inline lw_store_step batch_swap(const char *key, const char *expected, const char *value) {
    lw_store_step step = batch_put(key, value);
    step.op = LW_STORE_COMPARE_AND_SET;
    step.expected = expected;
    step.expected_size = expected != NULL ? strlen(expected) : 0;
    return step;
}

static inline void batch_run(lw_store *store, lw_store_step *steps, size_t count) {
    assert_int_equal(lw_store_batch(store, steps, count, 0), LW_OK);
}

static inline void batch_empty(lw_store *store) {
    assert_int_equal(lw_store_batch(store, NULL, 0, 0), LW_OK);
    assert_int_equal(lw_store_batch(store, NULL, 1, 0), LW_INVALID);
}

/* Steps on one key happen in order. */
static inline void batch_mixed(lw_store *store) {
    static const char a[] = BATCH "a", b[] = BATCH "b";
    char first[8] = "", second[8] = "", third[8] = "-------";
    lw_store_step steps[] = {
        batch_get(a, first, sizeof first),
        batch_put(a, "one"),
        batch_get(a, first, sizeof first),
        batch_swap(a, "one", "two"),
        batch_swap(a, "one", "six"),
        batch_get(a, second, sizeof second),
        batch_swap(b, NULL, "40"),
        batch_swap(b, NULL, "50"),
        batch_add(b, 2),
        batch_step(LW_STORE_REMOVE, a),
        batch_get(a, third, 0),
        batch_step(LW_STORE_REMOVE, a),
        batch_get(b, third, 1),
        batch_add(b, -100),
        batch_put(a, ""),
        batch_get(a, third, sizeof third),
        batch_step(LW_STORE_REMOVE, a),
        batch_step(LW_STORE_REMOVE, b),
    };
    static const ptrdiff_t answers[] = {LW_UNKNOWN, 0, 3, 1, 0, 3, 1, 0, 0, 1, LW_UNKNOWN, 0, 2, 0, 0, 0, 1, 1};
    const size_t count = sizeof steps / sizeof *steps;
    batch_run(store, steps, count);
    for (size_t i = 0; i < count; i++) {
        if (steps[i].answer != answers[i]) {
            fail_msg("step %zu answers %td, not %td", i, steps[i].answer, answers[i]);
        }
    }
    assert_string_equal(first, "one");
    assert_string_equal(second, "two");
    assert_memory_equal(third, "4------", 7);
    assert_int_equal(steps[8].sum, 42);
    assert_int_equal(steps[13].sum, -58);
}

static inline void batch_of_many(lw_store *store) {
    lw_store_step steps[BATCH_MANY];
    char keys[BATCH_MANY][32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BATCH_MANY; i++) {
            snprintf(keys[i], sizeof keys[i], BATCH "%d", i / 2);
            steps[i] = round < 2 ? batch_add(keys[i], i) : batch_step(LW_STORE_REMOVE, keys[i]);
        }
        batch_run(store, steps, BATCH_MANY);
        for (int i = 0; i < BATCH_MANY; i++) {
            int before = round * (i / 2 * 4 + 1), expected = before + (i % 2 == 0 ? i : 2 * i - 1);
            assert_int_equal(steps[i].answer, round < 2 ? LW_OK : i % 2 == 0);
            assert_true(round == 2 || steps[i].sum == expected);
        }
    }
}

/* A step that is refused has its answer, and the others theirs. */
static inline void batch_refusals(lw_store *store) {
    static const char a[] = BATCH "refused";
    lw_store_step steps[] = {
        batch_put(a, "x"),
        batch_put(NULL, "y"),
        batch_add(a, 1),
        batch_step(LW_STORE_PUT, a),
        batch_get(NULL, NULL, 0),
        batch_step(LW_STORE_REMOVE, NULL),
        batch_add(NULL, 1),
        batch_swap(NULL, NULL, "z"),
        batch_step(LW_STORE_CHARGE, a),
        batch_step(LW_STORE_CHARGE, NULL),
        batch_step(LW_STORE_MEET, NULL),
        batch_step(LW_STORE_MEET, a),
        batch_step(LW_STORE_REMOVE, a),
    };
    const size_t count = sizeof steps / sizeof *steps;
    steps[3].value_size = 1; /* of nothing */
    steps[11].value_size = 1;
    batch_run(store, steps, count);
    assert_int_equal(steps[0].answer, LW_OK);
    for (size_t i = 1; i < count - 1; i++) {
        assert_int_equal(steps[i].answer, LW_INVALID);
    }
    assert_int_equal(steps[count - 1].answer, 1);
}

static inline void batch_of_a_step_that_is_none(lw_store *store) {
    static const uint32_t none[] = {0, LW_STORE_MEET + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        lw_store_step steps[] = {batch_put(BATCH "none", "x"), batch_step(none[i], BATCH "none")};
        assert_int_equal(lw_store_batch(store, steps, 2, 0), LW_INVALID);
        assert_int_equal(lw_store_get(store, BATCH "none", NULL, 0, 0), LW_UNKNOWN);
    }
}

/* ---- meetings ---- */

/* What a store has under a prefix. */
static inline int batch_note(void *user, const char *key, const void *value, size_t size) {
    (void)key, (void)value, (void)size;
    ++*(int *)user;
    return 0;
}

static inline int batch_count(lw_store *store, const char *prefix) {
    uint64_t cursor = 0;
    int count = 0;
    do {
        assert_true(lw_store_list(store, prefix, &cursor, 0, batch_note, &count, 0) >= 0);
    } while (cursor != 0);
    return count;
}

static inline lw_store_step batch_meeting(const char *key, const char *name, uint64_t ttl, int64_t amount) {
    lw_store_step step = batch_put(key, name);
    step.op = LW_STORE_MEET;
    step.ttl = ttl;
    step.amount = amount;
    return step;
}

static inline lw_store_step batch_meet(lw_store *store, const char *key, const char *name, uint64_t ttl,
                                       int64_t amount) {
    lw_store_step step = batch_meeting(key, name, ttl, amount);
    batch_run(store, &step, 1);
    return step;
}

#define BATCH_MEETS(step, alive, bring)                                                                                \
    do {                                                                                                               \
        lw_store_step batch_met = step;                                                                                \
        assert_int_equal(batch_met.answer, alive);                                                                     \
        assert_true(batch_met.sum == (bring));                                                                         \
    } while (0)

static inline void batch_meetings(lw_store *store) {
    static const char key[] = BATCH "{meeting}", other[] = BATCH "{other}";
    const int64_t most = INT64_C(1) << 40;
    BATCH_MEETS(batch_meet(store, key, "a", 0, 5), 0, 0); /* looks, or leaves: nobody is there */
    BATCH_MEETS(batch_meet(store, key, "a", BATCH_HOUR, 5), 1, 5);
    BATCH_MEETS(batch_meet(store, key, "b", BATCH_HOUR, -7), 2, -2);
    BATCH_MEETS(batch_meet(store, key, "a", BATCH_HOUR, 6), 2, -1); /* not twice, and the latest counts */
    BATCH_MEETS(batch_meet(store, key, "", UINT64_MAX, most), 3, most - 1);
    BATCH_MEETS(batch_meet(store, key, "A", BATCH_HOUR, -most), 4, -1);
    BATCH_MEETS(batch_meet(store, other, "a", 0, 0), 0, 0);
    BATCH_MEETS(batch_meet(store, key, "nobody", 0, 9), 4, -1);
    BATCH_MEETS(batch_meet(store, key, "A", 0, 0), 3, most - 1);
    BATCH_MEETS(batch_meet(store, key, "", 0, 0), 2, -1);
    BATCH_MEETS(batch_meet(store, key, "a", 0, 0), 1, -7);
    BATCH_MEETS(batch_meet(store, key, "b", 0, 0), 0, 0);
}

static inline void batch_large_meeting(lw_store *store) {
    static const char key[] = BATCH "{large}";
    lw_store_step steps[BATCH_MANY];
    char names[BATCH_MANY][256];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BATCH_MANY; i++) {
            memset(names[i], 'x', sizeof names[i]);
            snprintf(names[i], sizeof names[i], "%d", i);
            steps[i] = batch_meeting(key, names[i], round == 0 ? BATCH_HOUR : 0, 1);
            steps[i].value_size = 255; /* the number, NUL, and x */
        }
        batch_run(store, steps, BATCH_MANY);
        for (int i = 0; i < BATCH_MANY; i++) {
            BATCH_MEETS(steps[i], round == 0 ? i + 1 : BATCH_MANY - 1 - i, steps[i].answer);
        }
    }
}

static inline void batch_bad_meetings(lw_store *store) {
    static const char key[] = BATCH "{bad meeting}";
    char name[257];
    memset(name, 'x', sizeof name);
    name[256] = 0;
    assert_int_equal(batch_meet(store, key, name, BATCH_HOUR, 0).answer, LW_RANGE);
    assert_int_equal(batch_meet(store, key, "a", BATCH_HOUR, (INT64_C(1) << 40) + 1).answer, LW_RANGE);
    assert_int_equal(batch_meet(store, key, "a", BATCH_HOUR, INT64_MIN).answer, LW_RANGE);
    BATCH_MEETS(batch_meet(store, key, "a", 0, 0), 0, 0);
}

/* pass is that of store_contract. */
static inline void batch_ends_of_meetings(lw_store *store, void (*pass)(void *user, uint64_t ns), void *user) {
    static const char key[] = BATCH "{ending}";
    BATCH_MEETS(batch_meet(store, key, "a", BATCH_SECOND, 1), 1, 1);
    BATCH_MEETS(batch_meet(store, key, "b", 3 * BATCH_SECOND, 2), 2, 3);
    pass(user, BATCH_SECOND);
    BATCH_MEETS(batch_meet(store, key, "c", 0, 0), 1, 2);
    BATCH_MEETS(batch_meet(store, key, "a", 10 * BATCH_SECOND, 4), 2, 6);
    pass(user, 2 * BATCH_SECOND);
    BATCH_MEETS(batch_meet(store, key, "c", 0, 0), 1, 4);
    pass(user, 8 * BATCH_SECOND);
    BATCH_MEETS(batch_meet(store, key, "c", 0, 0), 0, 0);
}

static inline void batch_contract(lw_store *store, void (*pass)(void *user, uint64_t ns), void *user) {
    batch_empty(store);
    batch_mixed(store);
    batch_of_many(store);
    batch_refusals(store);
    batch_of_a_step_that_is_none(store);
    batch_meetings(store);
    batch_large_meeting(store);
    batch_bad_meetings(store);
    if (pass != NULL) {
        batch_ends_of_meetings(store, pass, user);
    }
}

#endif
