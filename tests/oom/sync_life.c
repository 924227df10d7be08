/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out in the life of a pool that syncs: a whole life with allocation 1, 2, 3 ... failing until it gets
 * through. A sync that fails for it is LW_NOMEM, has told nothing and lost nothing: the next one does it all.
 */
#include "../unit/sync_convoy.h"

enum { MOST_PLACES = 2000 };

static convoy c;
static uint32_t shortages;

static bool is_short(int answer) {
    if (answer != LW_NOMEM) {
        assert_int_equal(answer, LW_OK);
        return false;
    }
    shortages++;
    c.book.fail_at = 0;
    return true;
}

#define RETRIED(call)                                                                                                  \
    do {                                                                                                               \
        if (is_short(call)) {                                                                                          \
            assert_int_equal(call, LW_OK);                                                                             \
        }                                                                                                              \
    } while (0)

/* The store has memory of its own, which does not run out. */
static void live(uint64_t place) {
    ship *s = &c.ship[0];
    convoy_open(&c);
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, 1000, 0);
    lw_store_free(c.gate.inner);
    assert_int_equal(lw_store_memory_new(&c.gate.inner, NULL, NULL), LW_OK);
    ship_observe(s);
    s->convoy = &c;
    c.ships = 1;
    c.sync.time = convoy_time;
    c.sync.time_user = &c.book;
    c.sync.instance = "p0";
    c.options.sync = &c.sync;
    c.options.observer = &s->observer;
    c.book.fail_at = c.book.asked + place;
    RETRIED(lw_pool_new(&s->pool, &c.env, &c.options));
    RETRIED(lw_pool_route(s->pool, "default", "random", NULL, &s->route));
    RETRIED(lw_pool_update(s->pool, c.node, 1, 0, NULL));
    RETRIED(lw_pool_sync(s->pool, &c.gate.store, 0, NULL));
    assert_int_equal(ship_use(s, 1, 30), 30);
    RETRIED(lw_pool_update(s->pool, c.node, CONVOY_NODES, 0, NULL));
    c.book.now += SECOND;
    RETRIED(lw_pool_sync(s->pool, &c.gate.store, 0, NULL));
    assert_int_equal(s->pool != NULL && ship_info(s, 0).leased > 0, 1);
    RETRIED(lw_pool_sync_leave(s->pool, &c.gate.store, 0));
    lw_pool_free(s->pool);
    c.book.fail_at = 0;
    c.ships = 0;
    convoy_close(&c);
}

static void test_a_whole_life(void **state) {
    (void)state;
    uint64_t place = 0;
    do {
        shortages = 0;
        live(++place);
        assert_true(place < MOST_PLACES);
    } while (shortages > 0);
    assert_true(place > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_whole_life)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
