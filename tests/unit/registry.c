/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The registry from inside: what is added is found, what is forgotten is not, nothing that a reader holds is freed, and
 * memory stays flat however much comes and goes.
 */
#include "base/registry.h"
#include "../stress/crew.h"
#include "ledger.h"

#include <loadwise/error.h>

enum { NO_MORE = 8, CHURN = 1000000 };

struct thing {
    struct lw__record head;
    uint64_t mark;
    uint64_t made; /* by init, how many before it */
};

/* The owner: how many things were made and dropped. */
struct owner {
    ledger book;
    lw_env env;
    struct lw__registry registry;
    uint64_t made, dropped, dropped_id;
    int error; /* what init answers */
};

static struct owner all;

static int make_thing(void *owner, struct lw__record *record) {
    struct owner *of = owner;
    struct thing *thing = (struct thing *)record;
    if (of->error != LW_OK) {
        return of->error;
    }
    thing->made = __atomic_fetch_add(&of->made, 1, __ATOMIC_RELAXED);
    thing->mark += record->id + 1; /* of zeroed memory */
    return LW_OK;
}

static void drop_thing(void *owner, struct lw__record *record) {
    struct owner *of = owner;
    struct thing *thing = (struct thing *)record;
    thing->mark = 0;
    of->dropped++;
    of->dropped_id = record->id;
}

static const struct lw__registry_kind things = {sizeof(struct thing), make_thing, drop_thing};
static const struct lw__registry_kind bare = {.record_size = sizeof(struct thing)};

static void open_registry(const struct lw__registry_kind *kind, uint32_t max) {
    memset(&all, 0, sizeof all);
    ledger_open(&all.book);
    all.env = ledger_env(&all.book, 5);
    assert_int_equal(lw__registry_init(&all.registry, &all.env, kind, &all, max), LW_OK);
}

static void close_registry(void) {
    lw__registry_close(&all.registry);
    assert_int_equal(all.made, all.dropped);
    ledger_close(&all.book);
}

static bool has(uint64_t id) {
    struct lw__reading reading;
    const struct thing *thing = lw__registry_find(&all.registry, id, &reading);
    bool found = thing != NULL;
    if (found && all.registry.kind == &things) {
        assert_int_equal(thing->head.id, id);
        assert_int_equal(thing->mark, id + 1);
    }
    lw__registry_leave(&all.registry, &reading);
    return found;
}

static int add(uint64_t id) { return lw__registry_add(&all.registry, id); }
static int forget(uint64_t id) { return lw__registry_forget(&all.registry, id) != NULL; }

static void test_add_find_forget(void **state) {
    (void)state;
    open_registry(&things, 100);
    assert_false(has(0));
    assert_int_equal(forget(0), 0);
    static const uint64_t ids[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, 16, 32};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(add(ids[i]), LW_OK);
        assert_int_equal(add(ids[i]), LW_OK);
        assert_int_equal(all.registry.count, i + 1);
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_true(has(ids[i]));
        assert_int_equal(forget(ids[i]), 1);
        assert_false(has(ids[i]));
        assert_int_equal(forget(ids[i]), 0);
    }
    assert_int_equal(all.registry.count, 0);
    assert_int_equal(add(16), LW_OK);
    assert_true(has(16));
    assert_int_equal(all.made, 7);
    close_registry();
}

static void test_kind_without_functions(void **state) {
    (void)state;
    open_registry(&bare, 3);
    assert_int_equal(add(9), LW_OK);
    assert_true(has(9));
    assert_int_equal(forget(9), 1);
    assert_int_equal(add(9), LW_OK);
    close_registry();
}

/* Every directory size up to some thousands, and nothing is lost on the way up. */
static void test_growth(void **state) {
    (void)state;
    open_registry(&things, UINT32_MAX);
    for (uint64_t id = 0; id < 5000; id++) {
        assert_int_equal(add(id * 1024), LW_OK);
        assert_true(has(id * 1024));
        assert_true(has(id / 2 * 1024));
        assert_false(has(id * 1024 + 1));
    }
    for (uint64_t id = 0; id < 5000; id++) {
        assert_true(has(id * 1024));
    }
    close_registry();
}

static void test_bound(void **state) {
    (void)state;
    open_registry(&things, 3);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(add(id), LW_OK);
    }
    assert_int_equal(add(4), LW_FULL);
    assert_int_equal(add(2), LW_OK);
    assert_int_equal(all.registry.count, 3);
    assert_int_equal(forget(2), 1);
    assert_int_equal(add(4), LW_OK);
    assert_int_equal(add(2), LW_FULL);
    close_registry();
}

static int find_or_add(uint64_t id) {
    struct lw__reading reading;
    int error = 99;
    const struct thing *thing = lw__registry_find_or_add(&all.registry, id, &reading, &error);
    assert_int_equal(thing != NULL, error == LW_OK);
    assert_true(thing == NULL || thing->head.id == id);
    lw__registry_leave(&all.registry, &reading);
    return error;
}

static void test_find_or_add(void **state) {
    (void)state;
    open_registry(&things, 2);
    assert_int_equal(find_or_add(1), LW_OK);
    assert_int_equal(find_or_add(1), LW_OK);
    assert_int_equal(all.made, 1);
    all.error = LW_RANGE;
    assert_int_equal(find_or_add(2), LW_RANGE);
    assert_false(has(2));
    all.error = LW_OK;
    all.book.fail_at = all.book.asked + 1;
    assert_int_equal(find_or_add(2), LW_NOMEM);
    assert_int_equal(find_or_add(2), LW_OK);
    assert_int_equal(find_or_add(3), LW_FULL);
    assert_int_equal(all.made, 2);
    close_registry();
}

/* At the bound a look-up neither takes the lock, which is held here, nor allocates. */
static void test_no_lock_at_the_bound(void **state) {
    (void)state;
    open_registry(&things, 1);
    assert_int_equal(find_or_add(1), LW_OK);
    pthread_mutex_lock(&all.registry.changing);
    uint64_t asked = all.book.asked;
    assert_int_equal(find_or_add(1), LW_OK);
    assert_int_equal(find_or_add(2), LW_FULL);
    assert_int_equal(all.book.asked, asked);
    pthread_mutex_unlock(&all.registry.changing);
    close_registry();
}

static void test_the_log_is_told(void **state) {
    (void)state;
    open_registry(&things, 7);
    assert_int_equal(lw__registry_fail(&all.registry, 0xabc, LW_FULL), LW_FULL);
    assert_told(&all.book, LW_FULL, "max_nodes=7");
    assert_told(&all.book, LW_FULL, "node 0000000000000abc");
    assert_int_equal(lw__registry_fail(&all.registry, 0xdef, LW_UNKNOWN), LW_UNKNOWN);
    assert_told(&all.book, LW_UNKNOWN, "node 0000000000000def");
    assert_int_equal(lw__registry_fail(&all.registry, 1, LW_NOMEM), LW_NOMEM);
    assert_int_equal(lw__registry_fail(&all.registry, 1, LW_OK), LW_OK);
    assert_int_equal(all.book.told, 2);
    close_registry();
}

/* What a reader holds stays, though it was forgotten and others come and go; when the reader leaves, it goes. */
static void test_a_reader_holds(void **state) {
    (void)state;
    struct lw__reading reading;
    open_registry(&things, 1000);
    assert_int_equal(add(1), LW_OK);
    const struct thing *thing = lw__registry_find(&all.registry, 1, &reading);
    assert_int_equal(forget(1), 1);
    for (uint64_t id = 2; id < 500; id++) {
        assert_int_equal(add(id), LW_OK);
        assert_int_equal(forget(id), 1);
    }
    assert_int_equal(all.dropped, 0);
    assert_int_equal(thing->mark, 2);
    assert_int_equal(add(1), LW_OK);
    assert_true(has(1));
    lw__registry_leave(&all.registry, &reading);
    assert_int_equal(forget(1), 1);
    assert_int_equal(all.dropped, 500);
    assert_int_equal(all.dropped_id, 1);
    close_registry();
}

/* Sections nest: what the inner one ends, the outer one still holds. */
static void test_a_section_inside_another(void **state) {
    (void)state;
    struct lw__reading outer, inner;
    open_registry(&things, 10);
    for (uint64_t id = 0; id < 4; id++) {
        assert_int_equal(add(id), LW_OK);
    }
    const struct thing *zero = lw__registry_find(&all.registry, 0, &outer);
    assert_int_equal(forget(0), 1);
    const struct thing *one = lw__registry_find(&all.registry, 1, &inner);
    assert_int_equal(forget(1), 1);
    assert_int_equal(one->mark, 2);
    lw__registry_leave(&all.registry, &inner);
    assert_int_equal(forget(2), 1);
    assert_int_equal(all.dropped, 0);
    assert_int_equal(zero->mark, 1);
    lw__registry_leave(&all.registry, &outer);
    assert_int_equal(forget(3), 1);
    assert_int_equal(all.dropped, 4);
    assert_int_equal(all.dropped_id, 3); /* the oldest first */
    close_registry();
}

struct visit {
    uint64_t sum, count, stop_at;
};

static int visit_thing(void *user, struct lw__record *record) {
    struct visit *visit = user;
    visit->sum += record->id;
    return ++visit->count == visit->stop_at ? 42 : 0;
}

static void test_each(void **state) {
    (void)state;
    struct visit visit = {0};
    open_registry(&things, 1000);
    assert_int_equal(lw__registry_each(&all.registry, visit_thing, &visit), 0);
    assert_int_equal(visit.count, 0);
    for (uint64_t id = 1; id <= 100; id++) {
        assert_int_equal(add(id), LW_OK);
    }
    assert_int_equal(forget(50), 1);
    assert_int_equal(lw__registry_each(&all.registry, visit_thing, &visit), 0);
    assert_int_equal(visit.count, 99);
    assert_int_equal(visit.sum, 5050 - 50);
    visit = (struct visit){.stop_at = 7};
    assert_int_equal(lw__registry_each(&all.registry, visit_thing, &visit), 42);
    assert_int_equal(visit.count, 7);
    close_registry();
}

static int turn_over(void *user, struct lw__record *record) {
    struct visit *visit = user;
    assert_int_equal(((struct thing *)record)->mark, record->id + 1);
    visit->count++;
    assert_int_equal(forget(record->id), 1);
    assert_int_equal(((struct thing *)record)->mark, record->id + 1);
    assert_int_equal(add(record->id + 1000), LW_OK);
    return 0;
}

/* The function may change the registry that it walks; what it forgets stays until it is done. */
static void test_each_changes(void **state) {
    (void)state;
    struct visit visit = {0};
    open_registry(&things, 1000);
    for (uint64_t id = 0; id < 8; id++) {
        assert_int_equal(add(id), LW_OK);
    }
    assert_int_equal(lw__registry_each(&all.registry, turn_over, &visit), 0);
    assert_in_range(visit.count, 8, 1000);
    assert_int_equal(all.registry.count, 8);
    assert_int_equal(all.dropped, 0);
    close_registry();
}

/* Failing allocations in turn leave the registry as it was. */
static void test_without_memory(void **state) {
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        uint64_t added = 0;
        memset(&all, 0, sizeof all);
        ledger_open(&all.book);
        all.book.fail_at = fail_at;
        all.env = ledger_env(&all.book, 5);
        int error = lw__registry_init(&all.registry, &all.env, &things, &all, 100);
        if (error != LW_OK) {
            assert_int_equal(error, LW_NOMEM);
            ledger_close(&all.book);
            continue;
        }
        for (uint64_t id = 0; id < 40; id++) {
            error = add(id);
            assert_true(error == LW_OK || error == LW_NOMEM);
            assert_int_equal(has(id), error == LW_OK);
            added += error == LW_OK;
        }
        assert_int_equal(all.registry.count, added);
        bool failed = all.book.asked >= fail_at;
        assert_int_equal(added, failed ? 39 : 40);
        close_registry();
        if (!failed) {
            assert_in_range(fail_at, 40, 100);
            return;
        }
    }
}

/* A million come and go; the memory is that of the few that are there at a time. */
static void test_churn(void **state) {
    (void)state;
    uint64_t most = 0;
    open_registry(&things, 64);
    for (uint64_t i = 0; i < CHURN; i++) {
        assert_int_equal(add(i), LW_OK);
        assert_int_equal(forget(i - NO_MORE), i >= NO_MORE);
        most = all.book.live_bytes > most ? all.book.live_bytes : most;
        if (i == 1000) {
            most = 0;
        }
    }
    assert_int_equal(all.registry.count, NO_MORE);
    assert_in_range(most, 1, (uint64_t)(NO_MORE + 4) * (sizeof(struct thing) + 80) + 2 * (64 * 8 + 120));
    close_registry();
}

/* ---- threads ---- */

enum { SHARED = 64, ROUNDS = 4000 };

static crew hands;

/* Adds, finds and forgets among a few ids that all threads share; whatever is found is whole. */
static void mingle(crew_hand *hand) {
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        struct lw__reading reading, second;
        uint64_t id = crew_random(hand) % SHARED;
        int error;
        switch (crew_random(hand) % 4) {
        case 0: CREW_EXPECT(hand, add(id) == LW_OK); break;
        case 1: forget(id); break;
        default: {
            const struct thing *thing = lw__registry_find_or_add(&all.registry, id, &reading, &error);
            CREW_EXPECT(hand, error == LW_OK);
            CREW_EXPECT(hand, thing != NULL && thing->head.id == id && thing->mark == id + 1);
            lw__registry_find(&all.registry, id + 1, &second);
            lw__registry_leave(&all.registry, &second);
            CREW_EXPECT(hand, thing != NULL && thing->mark == id + 1);
            lw__registry_leave(&all.registry, &reading);
        }
        }
    }
}

static void test_threads_mingle(void **state) {
    (void)state;
    open_registry(&things, SHARED + 1);
    crew_run(&hands, 6, mingle);
    close_registry();
}

/* Two look, two add and forget so that the same few slots are taken and left all the time: what is found is what was
   looked for, or nothing. */
static uint64_t stirrers; /* still at work */

static void look_or_stir(crew_hand *hand) {
    for (uint64_t i = 0; hand->number >= 2 && i < 20 * ROUNDS * crew_factor(); i++) {
        uint64_t id = crew_random(hand) % 4;
        if (i % 2) {
            add(id);
        } else {
            forget(id);
        }
    }
    if (hand->number >= 2) {
        __atomic_sub_fetch(&stirrers, 1, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&stirrers, __ATOMIC_ACQUIRE) > 0) {
        struct lw__reading reading;
        uint64_t id = crew_random(hand) % 4;
        const struct thing *thing = lw__registry_find(&all.registry, id, &reading);
        CREW_EXPECT(hand, thing == NULL || (thing->head.id == id && thing->mark == id + 1));
        lw__registry_leave(&all.registry, &reading);
    }
}

static void test_finding_among_changes(void **state) {
    (void)state;
    stirrers = 2;
    open_registry(&things, SHARED);
    crew_run(&hands, 4, look_or_stir);
    close_registry();
}

static uint64_t grown; /* ids below are there */

static void watch_growth(crew_hand *hand) {
    struct lw__reading reading;
    uint64_t below;
    while ((below = __atomic_load_n(&grown, __ATOMIC_ACQUIRE)) < 20000) {
        uint64_t id = below > 0 ? crew_random(hand) % below : 0;
        const struct thing *thing = lw__registry_find(&all.registry, id, &reading);
        CREW_EXPECT(hand, below == 0 || (thing != NULL && thing->mark == id + 1));
        lw__registry_leave(&all.registry, &reading);
    }
}

/* Readers find everything that is there while the directory is replaced under them, time and again. */
static void test_finding_while_it_grows(void **state) {
    (void)state;
    grown = 0;
    open_registry(&things, UINT32_MAX);
    crew_start(&hands, 3, watch_growth);
    for (uint64_t id = 0; id < 20000; id++) {
        assert_int_equal(add(id), LW_OK);
        __atomic_store_n(&grown, id + 1, __ATOMIC_RELEASE);
    }
    crew_join(&hands);
    close_registry();
}

static void fill_up(crew_hand *hand) {
    for (uint64_t i = 0; i < 200; i++) {
        struct lw__reading reading;
        int error;
        const void *found = lw__registry_find_or_add(&all.registry, i * 8 + hand->number, &reading, &error);
        CREW_EXPECT(hand, error == (found != NULL ? LW_OK : LW_FULL));
        lw__registry_leave(&all.registry, &reading);
    }
}

/* However many ask at once, the bound holds, and it is reached. */
static void test_the_bound_under_threads(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        open_registry(&things, 100);
        crew_run(&hands, 8, fill_up);
        assert_int_equal(all.registry.count, 100);
        assert_int_equal(all.made, 100);
        close_registry();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_find_forget),
        cmocka_unit_test(test_kind_without_functions),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_find_or_add),
        cmocka_unit_test(test_no_lock_at_the_bound),
        cmocka_unit_test(test_the_log_is_told),
        cmocka_unit_test(test_a_reader_holds),
        cmocka_unit_test(test_a_section_inside_another),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_each_changes),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_threads_mingle),
        cmocka_unit_test(test_finding_among_changes),
        cmocka_unit_test(test_finding_while_it_grows),
        cmocka_unit_test(test_the_bound_under_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
