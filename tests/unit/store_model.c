/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The store in memory against a model that is nothing but a list: 10^5 random operations on few keys, with tight bounds
 * and a clock that runs, stands still and steps back. Every answer, and now and then the whole content, must agree.
 */
#include "ledger.h"

#include <loadwise/store.h>

enum { STEPS = 100000, KEYS = 24, MOST_ENTRIES = 12, MOST_BYTES = 120, VALUE = 64 };

struct item {
    char value[VALUE];
    size_t size;
    uint64_t due; /* UINT64_MAX: never */
    bool there;
};

static struct item model[KEYS];
static uint64_t model_now, chance;
static lw_store *store;
static ledger book;

static uint64_t draw(uint64_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

static const char *key_of(uint64_t number) {
    static char key[16];
    snprintf(key, sizeof key, "%c/%llu", "abc"[number % 3], (unsigned long long)number);
    return key;
}

/* ---- the model ---- */

static void model_expire(void) {
    model_now = book.now > model_now ? book.now : model_now;
    for (int i = 0; i < KEYS; i++) {
        model[i].there &= model[i].due > model_now;
    }
}

static bool model_fits(uint64_t key, size_t size) {
    uint64_t entries = 1, bytes = strlen(key_of(key)) + size;
    for (uint64_t i = 0; i < KEYS; i++) {
        if (model[i].there && i != key) {
            entries++;
            bytes += strlen(key_of(i)) + model[i].size;
        }
    }
    return entries <= MOST_ENTRIES && bytes <= MOST_BYTES;
}

static int model_set(uint64_t key, const char *value, size_t size, uint64_t due) {
    if (!model_fits(key, size)) {
        return LW_FULL;
    }
    memcpy(model[key].value, value, size);
    model[key].size = size;
    model[key].due = due;
    model[key].there = true;
    return 1;
}

static int model_add(uint64_t key, int64_t amount, uint64_t due, int64_t *sum) {
    struct item *item = &model[key];
    char text[VALUE], *end;
    int64_t value = 0;
    if (item->there) {
        snprintf(text, sizeof text, "%.*s", (int)item->size, item->value);
        value = strtoll(text, &end, 10);
        if (item->size == 0 || *end != '\0' || strchr(" +", text[0]) != NULL) {
            return LW_INVALID;
        }
        due = item->due;
    }
    *sum = value + amount; /* the amounts are small */
    return model_set(key, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)*sum), due);
}

static uint64_t model_due(uint64_t ttl) { return ttl == 0 ? UINT64_MAX : model_now + ttl; }

/* ---- one step of both ---- */

static size_t some_value(char value[VALUE]) {
    if (draw(3) == 0) {
        return (size_t)snprintf(value, VALUE, "%lld", (long long)draw(2000) - 1000);
    }
    size_t size = draw(5) == 0 ? draw(VALUE) : draw(8);
    for (size_t i = 0; i < size; i++) {
        value[i] = (char)('p' + draw(3));
    }
    return size;
}

static void step_put(uint64_t key, uint64_t ttl) {
    char value[VALUE];
    size_t size = some_value(value);
    int expected = model_set(key, value, size, model_due(ttl));
    assert_int_equal(lw_store_put(store, key_of(key), value, size, ttl, 0), expected == 1 ? LW_OK : expected);
}

static void step_add(uint64_t key, uint64_t ttl) {
    int64_t amount = (int64_t)draw(200) - 100, sum = -1, expected_sum = -1;
    int expected = model_add(key, amount, model_due(ttl), &expected_sum);
    assert_int_equal(lw_store_add(store, key_of(key), amount, ttl, &sum, 0), expected == 1 ? LW_OK : expected);
    assert_true(expected != 1 || sum == expected_sum);
}

static void step_compare_and_set(uint64_t key, uint64_t ttl) {
    char value[VALUE], wrong[VALUE];
    size_t size = some_value(value), wrong_size = some_value(wrong);
    const struct item before = model[key];
    const char *expected = draw(3) == 0 ? NULL : draw(3) == 0 ? wrong : before.value;
    size_t expected_size = expected == before.value ? before.size : wrong_size;
    bool same = expected == NULL ? !before.there
                                 : before.there && before.size == expected_size &&
                                       memcmp(before.value, expected, expected_size) == 0;
    int answer = same ? model_set(key, value, size, model_due(ttl)) : 0;
    assert_int_equal(lw_store_compare_and_set(store, key_of(key), expected, expected_size, value, size, ttl, 0),
                     answer);
}

static void step_get(uint64_t key) {
    char out[VALUE];
    ptrdiff_t size = lw_store_get(store, key_of(key), out, sizeof out, 0);
    if (model[key].there) {
        assert_int_equal(size, model[key].size);
        assert_memory_equal(out, model[key].value, model[key].size);
    } else {
        assert_int_equal(size, LW_UNKNOWN);
    }
}

static int check_off(void *user, const char *key, const void *value, size_t size) {
    bool *seen = user;
    for (uint64_t i = 0; i < KEYS; i++) {
        if (strcmp(key, key_of(i)) == 0) {
            assert_true(model[i].there && !seen[i] && size == model[i].size);
            assert_memory_equal(value, model[i].value, size);
            seen[i] = true;
            return 0;
        }
    }
    fail_msg("%s was never put", key);
    return 1;
}

static void step_list(void) {
    bool seen[KEYS] = {false};
    uint64_t cursor = 0, which = draw(4);
    const char *prefix = which < 3 ? (const char *[]){"a/", "b/", "c/"}[which] : "";
    do {
        assert_true(lw_store_list(store, prefix, &cursor, 1 + (uint32_t)draw(5), check_off, seen, 0) >= 0);
    } while (cursor != 0);
    for (uint64_t i = 0; i < KEYS; i++) {
        assert_int_equal(seen[i], model[i].there && (which == 3 || i % 3 == which));
    }
}

static void let_time_go(void) {
    uint64_t jump = draw(10) == 0 ? draw(100) : draw(2);
    book.now = draw(20) == 0 && book.now > 50 ? book.now - 50 : book.now + jump;
    model_expire();
}

static void step(void) {
    uint64_t key = draw(KEYS), ttl = draw(3) == 0 ? 0 : 1 + draw(60);
    let_time_go();
    switch (draw(12)) {
    case 0:
    case 1:
    case 2: step_put(key, ttl); break;
    case 3:
    case 4: step_add(key, ttl); break;
    case 5:
    case 6: step_compare_and_set(key, ttl); break;
    case 7: step_list(); break;
    case 8:
        assert_int_equal(lw_store_remove(store, key_of(key), 0), model[key].there);
        model[key].there = false;
        break;
    default: step_get(key);
    }
}

static void test_the_store_is_a_list(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 3);
    const lw_store_memory_options options = {sizeof options, MOST_ENTRIES, MOST_BYTES};
    assert_int_equal(lw_store_memory_new(&store, &env, &options), LW_OK);
    chance = 99;
    for (int i = 0; i < STEPS; i++) {
        step();
    }
    assert_true(book.told > STEPS / 100); /* refusals were part of it */
    lw_store_free(store);
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_store_is_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
