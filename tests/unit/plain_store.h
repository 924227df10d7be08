/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A store as they were before there were batches: another one, without its last operation. */
#ifndef LOADWISE_TESTS_PLAIN_STORE_H
#define LOADWISE_TESTS_PLAIN_STORE_H

#include <loadwise/store.h>
#include <stddef.h>

typedef struct plain_store {
    lw_store store;
    lw_store_ops ops;
    lw_store *inner;
    int lost_swaps; /* so many times somebody else is faster */
    int away_after; /* calls until the store cannot be asked; 0: never */
    int calls;
} plain_store;

static inline int plain_away(plain_store *plain) {
    return plain->away_after != 0 && plain->calls++ >= plain->away_after - 1;
}

static inline lw_store *plain_inner(lw_store *store) { return ((plain_store *)store)->inner; }

static inline ptrdiff_t plain_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    return plain_away((plain_store *)store) ? LW_UNAVAILABLE
                                            : lw_store_get(plain_inner(store), key, out, room, deadline);
}

static inline int plain_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                            uint64_t deadline) {
    return plain_away((plain_store *)store) ? LW_UNAVAILABLE
                                            : lw_store_put(plain_inner(store), key, value, size, ttl, deadline);
}

static inline int plain_remove(lw_store *store, const char *key, uint64_t deadline) {
    return lw_store_remove(plain_inner(store), key, deadline);
}

static inline int plain_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each,
                             void *user, uint64_t deadline) {
    return lw_store_list(plain_inner(store), prefix, cursor, page, each, user, deadline);
}

static inline int plain_add(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum,
                            uint64_t deadline) {
    return lw_store_add(plain_inner(store), key, amount, ttl, sum, deadline);
}

static inline int plain_compare_and_set(lw_store *store, const char *key, const void *expected, size_t expected_size,
                                        const void *value, size_t size, uint64_t ttl, uint64_t deadline) {
    plain_store *plain = (plain_store *)store;
    if (plain->lost_swaps > 0) {
        plain->lost_swaps--;
        return 0;
    }
    return lw_store_compare_and_set(plain->inner, key, expected, expected_size, value, size, ttl, deadline);
}

static inline void plain_open(plain_store *plain, lw_store *inner) {
    *plain = (plain_store){.inner = inner};
    plain->store.ops = &plain->ops;
    plain->ops.size = offsetof(lw_store_ops, batch);
    plain->ops.get = plain_get;
    plain->ops.put = plain_put;
    plain->ops.remove = plain_remove;
    plain->ops.list = plain_list;
    plain->ops.add = plain_add;
    plain->ops.compare_and_set = plain_compare_and_set;
}

#endif
