/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Trackers are saved and loaded again and again while they are in use: whatever is saved is whole, and loads. */
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <loadwise/persist.h>

enum { THREADS = 3, NODES = 20, ROUNDS = 200 };

static lw_health *health;
static lw_latency *latency;
static uint32_t over;
static uint64_t seeds[THREADS];

static void *work(void *seed) {
    uint64_t state = *(const uint64_t *)seed;
    for (uint64_t now = 1; __atomic_load_n(&over, __ATOMIC_RELAXED) == 0; now++) {
        lw_sample sample = LW_SAMPLE_INIT;
        uint64_t node = (state = state * UINT64_C(6364136223846793005) + 1) >> 33;
        sample.outcome = node % 3 == 0 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK;
        sample.latency = 1000 + node % 1000;
        lw_health_report_at(health, node % NODES, sample.outcome, NULL, now);
        lw_latency_observe_at(latency, node % NODES, &sample, now);
        if (now % 1000 == 0) {
            lw_health_forget(health, node % NODES);
            lw_latency_forget(latency, node % NODES);
        }
    }
    return NULL;
}

static void count_refused(void *user, const char *key, int why) {
    (void)key, (void)why;
    ++*(int *)user;
}

static void test_saving_and_loading_in_use(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    int refused = 0;
    lw_persist where = LW_PERSIST_INIT;
    where.refused = count_refused;
    where.user = &refused;
    assert_int_equal(lw_store_memory_new(&where.store, NULL, NULL), LW_OK);
    assert_int_equal(lw_health_new(&health, NULL, NULL), LW_OK);
    assert_int_equal(lw_latency_new(&latency, NULL, NULL), LW_OK);
    for (uint64_t node = 0; node < NODES; node++) { /* the threads may begin late */
        lw_sample sample = LW_SAMPLE_INIT;
        sample.latency = 1000;
        assert_int_equal(lw_health_add(health, node), LW_OK);
        assert_int_equal(lw_latency_observe_at(latency, node, &sample, 1), 1);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &seeds[i]), 0);
    }
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        where.now = round * 1000;
        assert_true(lw_persist_save_health(&where, health) >= 0); /* a node that is forgotten and comes back is two */
        assert_true(lw_persist_save_latency(&where, latency) >= 0);
        assert_in_range(lw_persist_load_health(&where, health), 0, NODES);
        assert_in_range(lw_persist_load_latency(&where, latency), 0, NODES + 1);
    }
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(refused, 0);
    assert_true(lw_persist_load_health(&where, health) > 0);
    assert_true(lw_persist_load_latency(&where, latency) > 0);
    lw_health_free(health);
    lw_latency_free(latency);
    lw_store_free(where.store);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_saving_and_loading_in_use)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
