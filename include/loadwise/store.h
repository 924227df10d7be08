/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stores: where state outlives a process or is shared between processes. Keys are text, values are bytes.
 *
 * lw_store is an interface; lw_store_memory_new makes one in memory, adapters make others (Redis). No pick ever calls
 * a store: only save, restore and sync do. Every call has a deadline and answers in one of three ways: done (0 or
 * positive), refused (a negative error that says why, asking again will not help) or LW_UNAVAILABLE (the store could
 * not be asked in time: nothing is known).
 *
 * Threads: any, at the same time. Ownership: keys and values are borrowed for the call; what a call returns goes
 * through a callback or into the caller's buffer.
 */
#ifndef LOADWISE_STORE_H
#define LOADWISE_STORE_H

#include <loadwise/env.h>
#include <loadwise/error.h>

LW_BEGIN

typedef struct lw_store lw_store;

/* Called for each entry of a listing; returns 0 to go on. key ends with NUL; the value lives for the call. */
typedef int lw_store_each(void *user, const char *key, const void *value, size_t size);

typedef struct lw_store_ops {
    size_t size; /* sizeof(lw_store_ops), so that the struct can grow */

    /* Copies up to `room` bytes of the value to `out` and returns its whole size; LW_UNKNOWN when there is no such key.
       deadline: monotonic ns by which the call has answered; 0: the store's own default. */
    ptrdiff_t (*get)(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline);
    /* Sets the value. ttl in ns, 0: for ever. */
    int (*put)(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl, uint64_t deadline);
    /* Removes; 1 when there was one, 0 when not. */
    int (*remove)(lw_store *store, const char *key, uint64_t deadline);
    /* Entries whose key begins with prefix, about `page` at a time from *cursor (0 at the start, 0 again at the end).
       An entry that stays throughout is seen at least once. Returns how many were given. */
    int (*list)(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each, void *user,
                uint64_t deadline);
    /* Adds to a signed counter (0 where absent; stored as decimal text) and tells the sum. ttl is set when it is new.
     */
    int (*add)(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum, uint64_t deadline);
    /* Sets `value` if the value now is `expected` (NULL: if absent). 1 when set, 0 when something else is there. */
    int (*compare_and_set)(lw_store *store, const char *key, const void *expected, size_t expected_size,
                           const void *value, size_t size, uint64_t ttl, uint64_t deadline);
    void (*free)(lw_store *store);
} lw_store_ops;

/* A store is a struct that begins so. */
struct lw_store {
    const lw_store_ops *ops;
};

/* Calls ops->free. NULL-safe. */
LW_API void lw_store_free(lw_store *store);

typedef struct lw_store_memory_options {
    size_t size;          /* sizeof(lw_store_memory_options), so that the struct can grow */
    uint64_t max_entries; /* 0: 65536. At the bound a new key is LW_FULL */
    uint64_t max_bytes;   /* of keys and values together; 0: 64 MiB */
} lw_store_memory_options;

#define LW_STORE_MEMORY_OPTIONS_INIT                                                                                   \
    { sizeof(lw_store_memory_options), 0, 0 }

/*
 * A store in memory, for one process and for tests. Expiry goes by env->now. options may be NULL.
 * Errors: LW_NOMEM, LW_INVALID.
 */
LW_API int lw_store_memory_new(lw_store **out, const lw_env *env, const lw_store_memory_options *options);

LW_END

#endif
