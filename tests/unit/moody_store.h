/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A store that answers what it is told to: for those who stand in front of stores. */
#ifndef LOADWISE_TESTS_MOODY_STORE_H
#define LOADWISE_TESTS_MOODY_STORE_H

#include <loadwise/store.h>

typedef struct moody_store {
    lw_store store;
    int answer;        /* of every call */
    uint64_t calls;    /* that came through */
    uint64_t deadline; /* of the last one */
    /* Called in the middle of every call, with what the test likes; or NULL. */
    void (*meanwhile)(void *user);
    void *user;
} moody_store;

static inline int moody_call(lw_store *store, uint64_t deadline) {
    moody_store *moody = (moody_store *)store;
    __atomic_add_fetch(&moody->calls, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&moody->deadline, deadline, __ATOMIC_RELAXED);
    int answer = __atomic_load_n(&moody->answer, __ATOMIC_RELAXED);
    if (moody->meanwhile != NULL) {
        moody->meanwhile(moody->user);
    }
    return answer;
}

static inline ptrdiff_t moody_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    (void)key, (void)out, (void)room;
    return moody_call(store, deadline);
}

static inline int moody_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                            uint64_t deadline) {
    (void)key, (void)value, (void)size, (void)ttl;
    return moody_call(store, deadline);
}

static inline int moody_remove(lw_store *store, const char *key, uint64_t deadline) {
    (void)key;
    return moody_call(store, deadline);
}

static inline int moody_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each,
                             void *user, uint64_t deadline) {
    (void)prefix, (void)cursor, (void)page, (void)each, (void)user;
    return moody_call(store, deadline);
}

static inline int moody_add(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum,
                            uint64_t deadline) {
    (void)key, (void)amount, (void)ttl, (void)sum;
    return moody_call(store, deadline);
}

static inline int moody_compare_and_set(lw_store *store, const char *key, const void *expected, size_t expected_size,
                                        const void *value, size_t size, uint64_t ttl, uint64_t deadline) {
    (void)key, (void)expected, (void)expected_size, (void)value, (void)size, (void)ttl;
    return moody_call(store, deadline);
}

static inline int moody_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    int answer = moody_call(store, deadline);
    for (size_t i = 0; i < count; i++) {
        steps[i].answer = answer;
    }
    return answer;
}

static inline void moody_free(lw_store *store) { (void)store; }

static const lw_store_ops moody_ops = {
    .size = sizeof(lw_store_ops),
    .get = moody_get,
    .put = moody_put,
    .remove = moody_remove,
    .list = moody_list,
    .add = moody_add,
    .compare_and_set = moody_compare_and_set,
    .free = moody_free,
    .batch = moody_batch,
};

static inline void moody_open(moody_store *moody) { *moody = (moody_store){.store.ops = &moody_ops}; }

#endif
