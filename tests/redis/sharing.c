/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One store for many: threads that outnumber the connections by far, and processes that come from a fork. */
#include "site.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARING_THREADS = 16, SHARING_ADDS = 300, SHARING_FORKS = 8 };

static lw_store *sharing_store(const struct server *server, uint32_t connections) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_store *store = NULL;
    options.port = server->port;
    options.connections = connections;
    options.timeout = 60 * SITE_SECOND;
    options.connect_timeout = 60 * SITE_SECOND;
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    return store;
}

/* ---- threads ---- */

struct sharing_thread {
    pthread_t thread;
    lw_store *store;
    int failures;
};

static void *sharing_add(void *user) {
    struct sharing_thread *self = user;
    for (int i = 0; i < SHARING_ADDS; i++) {
        self->failures += lw_store_add(self->store, "sum", 1, 0, NULL, 0) != LW_OK;
    }
    return NULL;
}

/* All are served, by no more connections than were allowed. */
static void test_few_connections(void **state) {
    (void)state;
    static struct sharing_thread threads[SHARING_THREADS];
    struct server server;
    int64_t sum = 0;
    server_start(&server, NULL);
    lw_store *store = sharing_store(&server, 2);
    for (int i = 0; i < SHARING_THREADS; i++) {
        threads[i] = (struct sharing_thread){.store = store};
    }
    for (int i = 0; i < SHARING_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i].thread, NULL, sharing_add, &threads[i]), 0);
    }
    for (int i = 0; i < SHARING_THREADS; i++) {
        pthread_join(threads[i].thread, NULL);
        assert_int_equal(threads[i].failures, 0);
    }
    assert_int_equal(lw_store_add(store, "sum", 0, 0, &sum, 0), LW_OK);
    assert_int_equal(sum, SHARING_THREADS * SHARING_ADDS);
    assert_in_range(site_stats(store).connects, 1, 2);
    lw_store_free(store);
    server_stop(&server);
}

/* ---- processes ---- */

/* In the child: the store works, by a connection of its own, and its end is not that of the parent's. */
static int sharing_child(lw_store *store) {
    lw_redis_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    int64_t sum = 0;
    char value[8];
    lw_store_redis_stats(store, &before);
    bool good = lw_store_get(store, "parent", value, sizeof value, 0) == 2 && memcmp(value, "is", 2) == 0 &&
                lw_store_add(store, "children", 1, 0, &sum, 0) == LW_OK;
    lw_store_redis_stats(store, &after);
    lw_store_free(store);
    return good && after.connects == before.connects + 1 ? 0 : 1;
}

static void test_forks(void **state) {
    (void)state;
    struct server server;
    char value[8];
    server_start(&server, NULL);
    lw_store *store = sharing_store(&server, 1);
    assert_int_equal(lw_store_put(store, "parent", "is", 2, 0, 0), LW_OK);
    for (int i = 0; i < SHARING_FORKS; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            _exit(sharing_child(store));
        }
        assert_int_equal(lw_store_get(store, "parent", value, sizeof value, 0), 2); /* beside it */
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_int_equal(lw_store_get(store, "children", value, sizeof value, 0), 1);
    assert_memory_equal(value, "8", 1);
    assert_int_equal(site_stats(store).connects, 1);
    lw_store_free(store);
    server_stop(&server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_connections),
        cmocka_unit_test(test_forks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
