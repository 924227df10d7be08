/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stores: where state outlives a process or is shared between processes. Keys are text, values are bytes.
 *
 *     lw_store *store;
 *     lw_store_memory_new(&store, NULL, NULL);
 *     lw_store_put(store, "node/7", bytes, size, 0, 0);
 *     ptrdiff_t size = lw_store_get(store, "node/7", out, sizeof out, 0);
 *
 * lw_store is an interface; lw_store_memory_new makes one in memory, adapters make others (Redis). No pick ever calls
 * a store: only save, restore and sync do. Every call has a deadline and answers in one of three ways: done (0 or
 * positive), refused (a negative error that says why; asking again will not help) or LW_UNAVAILABLE (the store could
 * not be asked in time: nothing is known, also not whether a change was made).
 *
 * What every store refuses alike: LW_INVALID for a NULL key, for a NULL value of a size above 0, and for adding to what
 * is not a number. Each change is atomic: others see all of it or nothing.
 *
 * Threads: any, at the same time, except free, which is the last. Ownership: keys and values are borrowed for the call;
 * what a call returns goes through a callback or into the caller's buffer.
 */
#ifndef LOADWISE_STORE_H
#define LOADWISE_STORE_H

#include <loadwise/account.h>
#include <loadwise/env.h>
#include <loadwise/error.h>

LW_BEGIN

typedef struct lw_store lw_store;

/* What a step of a batch does. */
enum lw_store_op {
    LW_STORE_GET = 1,
    LW_STORE_PUT = 2,
    LW_STORE_REMOVE = 3,
    LW_STORE_ADD = 4,
    LW_STORE_COMPARE_AND_SET = 5,
    LW_STORE_CHARGE = 6, /* an account, see account.h: LW_OK, or LW_OVER_QUOTA when LW_POSTING_ALL does not fit */
    LW_STORE_MEET = 7,   /* a meeting: `value` is the name of a member (at most 255 bytes) that is alive for ttl and
                            brings `amount` (-2^40 to 2^40). The answer is how many members are alive, sum what all of
                            them bring. ttl 0: it leaves */
};

/* One step: the arguments of the call of that name in lw_store_ops, as far as it has them, and its answer. Accounts and
   meetings have keys of their own: no other operation sees them. */
typedef struct lw_store_step {
    uint32_t op;      /* enum lw_store_op */
    uint32_t spare;   /* 0 */
    ptrdiff_t answer; /* written */
    const char *key;
    const void *value;
    size_t value_size;
    const void *expected;
    size_t expected_size;
    void *out;
    size_t room;
    uint64_t ttl;
    int64_t amount;
    int64_t sum; /* written */
    lw_posting *posting;
} lw_store_step;

/* Called for each entry of a listing; returns 0 to go on. The key ends with NUL; key and value live for the call. The
   function may call the store. */
typedef int lw_store_each(void *user, const char *key, const void *value, size_t size);

/*
 * What a store does. Every entry is required, but for batch.
 * key: any text, the empty one too. ttl: ns after which the entry is gone, 0: never. deadline: monotonic ns by which
 * the call has answered, 0: the store's own default.
 */
typedef struct lw_store_ops {
    size_t size; /* sizeof(lw_store_ops), so that the struct can grow */

    /* Copies up to `room` bytes of the value to `out` (which may be NULL when room is 0) and returns its whole size;
       LW_UNKNOWN when there is no such key. */
    ptrdiff_t (*get)(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline);

    /* Sets the value and the ttl, whatever was there. LW_FULL at the store's bound: the old value stays. */
    int (*put)(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl, uint64_t deadline);

    /* Removes; 1 when there was one, 0 when not. */
    int (*remove)(lw_store *store, const char *key, uint64_t deadline);

    /* Entries whose key begins with `prefix`, about `page` of them (0: as many as the store likes), from *cursor on: 0
       at the start; 0 again means the end. Returns how many were given, which may be more or fewer than `page`, and
       none before the end. An entry that stays from the first call to the last is seen at least once, whatever else
       comes and goes; one that comes or goes meanwhile may be seen or not. When `each` answers not 0 the call ends, and
       *cursor goes on behind that entry. */
    int (*list)(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each, void *user,
                uint64_t deadline);

    /* Adds to a counter and tells the sum; an absent one counts as 0 and gets the ttl, a present one keeps its own. A
       counter is its value as text: an optional '-' and decimal digits, no leading zero, within int64_t. LW_INVALID
       when the value is something else or the sum would overflow, LW_FULL; then nothing changes. sum may be NULL. */
    int (*add)(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum, uint64_t deadline);

    /* Sets value and ttl if the value now is `expected` (NULL: if there is none). 1 when set, 0 when something else is
       there. LW_FULL as for put. */
    int (*compare_and_set)(lw_store *store, const char *key, const void *expected, size_t expected_size,
                           const void *value, size_t size, uint64_t ttl, uint64_t deadline);

    /* No call is under way and none follows. */
    void (*free)(lw_store *store);

    /* Carries out the steps, each atomic by itself and in the order of the array for each key, with as few round trips
       as it can. LW_OK when every step has its answer, be it an error; LW_UNAVAILABLE when some could not be asked in
       time, which then have that answer. NULL: not offered; see lw_store_batch. */
    int (*batch)(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline);
} lw_store_ops;

/* A store is a struct that begins so. */
struct lw_store {
    const lw_store_ops *ops;
};

/* The operations as calls; see lw_store_ops. */
static inline ptrdiff_t lw_store_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    return store->ops->get(store, key, out, room, deadline);
}
static inline int lw_store_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                               uint64_t deadline) {
    return store->ops->put(store, key, value, size, ttl, deadline);
}
static inline int lw_store_remove(lw_store *store, const char *key, uint64_t deadline) {
    return store->ops->remove(store, key, deadline);
}
static inline int lw_store_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page,
                                lw_store_each *each, void *user, uint64_t deadline) {
    return store->ops->list(store, prefix, cursor, page, each, user, deadline);
}
static inline int lw_store_add(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum,
                               uint64_t deadline) {
    return store->ops->add(store, key, amount, ttl, sum, deadline);
}
static inline int lw_store_compare_and_set(lw_store *store, const char *key, const void *expected, size_t expected_size,
                                           const void *value, size_t size, uint64_t ttl, uint64_t deadline) {
    return store->ops->compare_and_set(store, key, expected, expected_size, value, size, ttl, deadline);
}

/*
 * Carries out steps; see lw_store_ops.batch. With a store that has no batches they are carried out one by one, until
 * one is LW_UNAVAILABLE; accounts and meetings are then entries under "account/" and "meeting/" and their key, changed
 * by comparing and setting, and their clock is that of this machine (CLOCK_REALTIME). Errors: LW_UNAVAILABLE;
 * LW_INVALID (no steps, or one with an op that is none: no step was carried out), LW_NOMEM.
 */
LW_API int lw_store_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline);

/*
 * May a store carry out this step? What every store refuses alike, for those who make one: a store calls it for each
 * step of a batch before it does anything, and gives the step what it answers. env (or NULL) is told the charge or
 * member, the value and what is allowed. LW_OK; LW_INVALID (an op that is none, no key, no value of a size above 0, no
 * posting, a name, two charges of one dimension, giving back without LW_POSTING_FORCE) or LW_RANGE.
 */
LW_API int lw_store_step_check(const lw_env *env, const lw_store_step *step);

/* Calls ops->free. NULL-safe. */
LW_API void lw_store_free(lw_store *store);

typedef struct lw_store_memory_options {
    size_t size;          /* sizeof(lw_store_memory_options), so that the struct can grow */
    uint64_t max_entries; /* 0: 65536. At the bound a new key is LW_FULL */
    uint64_t max_bytes;   /* of keys and values together; 0: 64 MiB. Each entry costs some 200 bytes besides */
} lw_store_memory_options;

#define LW_STORE_MEMORY_OPTIONS_INIT                                                                                   \
    { sizeof(lw_store_memory_options), 0, 0 }

/*
 * A store in memory, for one process and for tests; to be freed with lw_store_free. Expiry goes by env->now. Entries
 * that have expired never stand in the way: LW_FULL means that the bound is reached without them. env and options are
 * copied; either may be NULL. It waits for nothing but other callers' microseconds, so deadlines are not looked at and
 * no call answers LW_UNAVAILABLE. env->alloc and release are called from every thread that calls the store.
 * Errors: LW_NOMEM, LW_INVALID.
 */
LW_API int lw_store_memory_new(lw_store **out, const lw_env *env, const lw_store_memory_options *options);

LW_END

#endif
