/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The store in memory: lw_store_ops over the entries of entries.h. Every write is one decision about what is there,
 * taken under its lock. Cost: O(log n) a call, a listing O(log n) an entry.
 */
#include "store/memory.h"
#include "store/counter.h"

#include <loadwise/store.h>
#include <string.h>

enum {
    DEFAULT_PAGE = 128,
    STRIDE = 16, /* entries looked at for each one of a page */
};

/* ---- reading ---- */

static ptrdiff_t memory_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    struct lw__memory_store *memory = lw__memory_of(store);
    (void)deadline;
    if (key == NULL || (out == NULL && room > 0)) {
        return lw__fail(&memory->env, LW_INVALID, "store: no key, or no room where some is promised");
    }
    struct lw__entry *entry = lw__entries_find(&memory->entries, LW__VALUE, key);
    if (entry == NULL) {
        return LW_UNKNOWN;
    }
    size_t size = entry->value_size, copied = size < room ? size : room;
    if (copied > 0) {
        memcpy(out, lw__entry_value(entry), copied);
    }
    lw__entry_let_go(&memory->entries, entry);
    return (ptrdiff_t)size;
}

static int memory_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each,
                       void *user, uint64_t deadline) {
    struct lw__memory_store *memory = lw__memory_of(store);
    (void)deadline;
    if (prefix == NULL || cursor == NULL || each == NULL) {
        return lw__fail(&memory->env, LW_INVALID, "store: a listing takes a prefix, a cursor and a function");
    }
    uint64_t now = lw__entries_time(&memory->entries), most = page != 0 && page <= INT32_MAX ? page : DEFAULT_PAGE;
    uint64_t given = 0, looked_at = 0, last = 0;
    size_t prefix_size = strlen(prefix);
    bool stopped = false;
    struct lw__entry *entry = lw__entries_next(&memory->entries, *cursor, NULL);
    /* Entries of one place stay on one page: the cursor could not part them. */
    while (entry != NULL && ((!stopped && given < most && looked_at < most * STRIDE) || entry->place == last)) {
        if (lw__entry_kind(entry) == LW__VALUE && !lw__entry_due(entry, now) &&
            strncmp(entry->bytes, prefix, prefix_size) == 0) {
            stopped |= each(user, entry->bytes, lw__entry_value(entry), entry->value_size) != 0;
            given++;
        }
        looked_at++;
        last = entry->place;
        struct lw__entry *next = lw__entries_next(&memory->entries, entry->place, entry->bytes);
        lw__entry_let_go(&memory->entries, entry);
        entry = next;
    }
    *cursor = entry != NULL ? entry->place : 0;
    if (entry != NULL) {
        lw__entry_let_go(&memory->entries, entry);
    }
    return (int)given;
}

/* ---- writing ---- */

int lw__memory_full(const struct lw__memory_store *memory) {
    return lw__fail(&memory->env, LW_FULL, "store: the bound of %llu entries or %llu bytes is reached",
                    (unsigned long long)memory->entries.max_entries, (unsigned long long)memory->entries.max_bytes);
}

static uint64_t due_after(uint64_t now, uint64_t ttl) {
    return ttl == 0 || ttl > LW__NEVER - now ? LW__NEVER : now + ttl;
}

/* Carries a change through: makes the entry, asks for the decision, tells the log about bounds. */
static int carry_out(struct lw__memory_store *memory, struct lw__change *change, const char *key, const void *value,
                     size_t size, size_t spare, uint64_t ttl) {
    int answer;
    if (key == NULL || (value == NULL && size > 0)) {
        return lw__fail(&memory->env, LW_INVALID, "store: no key, or no value of %zu bytes", size);
    }
    change->fresh = lw__entry_new(&memory->entries, LW__VALUE, key, size, spare, &answer);
    if (change->fresh != NULL) {
        if (size > 0) {
            memcpy(lw__entry_room(change->fresh), value, size);
        }
        change->now = lw__entries_time(&memory->entries);
        change->due = due_after(change->now, ttl);
        answer = lw__entries_change(&memory->entries, change);
    }
    return answer != LW_FULL ? answer : lw__memory_full(memory);
}

static int decide_always(struct lw__change *change, const struct lw__entry *old) {
    (void)change, (void)old;
    return 1;
}

static int memory_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                      uint64_t deadline) {
    struct lw__change change = {.decide = decide_always};
    (void)deadline;
    int answer = carry_out(lw__memory_of(store), &change, key, value, size, 0, ttl);
    return answer == 1 ? LW_OK : answer;
}

struct comparison {
    struct lw__change change;
    const void *expected;
    size_t size;
};

static int decide_by_value(struct lw__change *change, const struct lw__entry *old) {
    const struct comparison *with = (const struct comparison *)change;
    if (with->expected == NULL || old == NULL) {
        return with->expected == NULL && old == NULL;
    }
    return old->value_size == with->size &&
           (with->size == 0 || memcmp(lw__entry_value(old), with->expected, with->size) == 0);
}

static int memory_compare_and_set(lw_store *store, const char *key, const void *expected, size_t expected_size,
                                  const void *value, size_t size, uint64_t ttl, uint64_t deadline) {
    struct comparison with = {.change.decide = decide_by_value, .expected = expected, .size = expected_size};
    (void)deadline;
    return carry_out(lw__memory_of(store), &with.change, key, value, size, 0, ttl);
}

struct addition {
    struct lw__change change;
    int64_t amount, sum;
};

static int decide_by_sum(struct lw__change *change, const struct lw__entry *old) {
    struct addition *addition = (struct addition *)change;
    int64_t value = 0;
    if (old != NULL && !lw__counter_read(lw__entry_value(old), old->value_size, &value)) {
        return LW_INVALID;
    }
    if (__builtin_add_overflow(value, addition->amount, &addition->sum)) {
        return LW_INVALID;
    }
    change->fresh->value_size = lw__counter_write(lw__entry_room(change->fresh), addition->sum);
    if (old != NULL) {
        change->fresh->due = old->due;
    }
    return 1;
}

static int memory_add(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum, uint64_t deadline) {
    struct lw__memory_store *memory = lw__memory_of(store);
    struct addition addition = {.change.decide = decide_by_sum, .amount = amount};
    (void)deadline;
    int answer = carry_out(memory, &addition.change, key, NULL, 0, LW__COUNTER_ROOM, ttl);
    if (answer == LW_INVALID && key != NULL) {
        return lw__fail(&memory->env, LW_INVALID, "store: %s is no counter, or would overflow", key);
    }
    if (answer == 1 && sum != NULL) {
        *sum = addition.sum;
    }
    return answer == 1 ? LW_OK : answer;
}

static int memory_remove(lw_store *store, const char *key, uint64_t deadline) {
    struct lw__memory_store *memory = lw__memory_of(store);
    (void)deadline;
    if (key == NULL) {
        return lw__fail(&memory->env, LW_INVALID, "store: no key");
    }
    return lw__entries_remove(&memory->entries, LW__VALUE, key);
}

/* ---- birth and end ---- */

static void memory_free(lw_store *store) {
    struct lw__memory_store *memory = lw__memory_of(store);
    lw_env env = memory->env;
    lw__entries_close(&memory->entries);
    lw__release(&env, memory);
}

static const lw_store_ops memory_ops = {
    .size = sizeof memory_ops,
    .get = memory_get,
    .put = memory_put,
    .remove = memory_remove,
    .list = memory_list,
    .add = memory_add,
    .compare_and_set = memory_compare_and_set,
    .free = memory_free,
    .batch = lw__memory_batch,
};

int lw_store_memory_new(lw_store **out, const lw_env *given, const lw_store_memory_options *options) {
    lw_env env;
    lw_store_memory_options wanted = LW_STORE_MEMORY_OPTIONS_INIT;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    if (options != NULL) {
        memcpy(&wanted, options, options->size < sizeof wanted ? options->size : sizeof wanted);
    }
    struct lw__memory_store *memory = lw__alloc(&env, sizeof *memory);
    if (memory == NULL) {
        return LW_NOMEM;
    }
    memory->store.ops = &memory_ops;
    memory->env = env;
    error = lw__entries_open(&memory->entries, &memory->env, wanted.max_entries != 0 ? wanted.max_entries : 65536,
                             wanted.max_bytes != 0 ? wanted.max_bytes : UINT64_C(64) << 20);
    if (error != LW_OK) {
        lw__release(&env, memory);
        return error;
    }
    *out = &memory->store;
    return LW_OK;
}
