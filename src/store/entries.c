/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The entries of the store in memory; see entries.h for the idea. */
#include "store/entries.h"
#include "base/random.h"

#include <loadwise/error.h>
#include <loadwise/id.h>
#include <string.h>

enum {
    SHARD_SHIFT = 60,
    SWEEP = 4,        /* expired entries that a write clears out on its way; it brings in one at most */
    GREAT_SWEEP = 64, /* and at a time, at the bound */
};

static uint64_t place_of(const struct lw__entries *entries, enum lw__entry_kind kind, const char *key, size_t size) {
    return (lw__mix(lw_id(key, size) ^ entries->env->seed) & ~(uint64_t)LW__KIND_BITS) | kind;
}

static struct lw__shard *shard_of(struct lw__entries *entries, uint64_t place) {
    return &entries->shard[place >> SHARD_SHIFT];
}

uint64_t lw__entries_time(struct lw__entries *entries) { return lw__now_forward(entries->env, &entries->latest); }

/* ---- one entry ---- */

static uint64_t size_of_entry(const struct lw__entry *entry) { return entry->key_size + entry->value_size; }

struct lw__entry *lw__entry_new(const struct lw__entries *entries, enum lw__entry_kind kind, const char *key,
                                size_t size, size_t spare, int *error) {
    size_t key_size = strlen(key), others = sizeof(struct lw__entry) + key_size + 1 + spare;
    *error = LW_FULL;
    if (key_size > entries->max_bytes || size > entries->max_bytes - key_size) {
        return NULL;
    }
    *error = LW_NOMEM;
    struct lw__entry *entry = size <= SIZE_MAX - others ? lw__alloc(entries->env, others + size) : NULL;
    if (entry != NULL) {
        entry->holders = 1;
        entry->place = place_of(entries, kind, key, key_size);
        entry->key_size = key_size;
        entry->value_size = size;
        memcpy(entry->bytes, key, key_size + 1);
    }
    return entry;
}

static void hold(struct lw__entry *entry) {
    if (entry != NULL) {
        __atomic_add_fetch(&entry->holders, 1, __ATOMIC_RELAXED);
    }
}

void lw__entry_let_go(const struct lw__entries *entries, struct lw__entry *entry) {
    if (__atomic_sub_fetch(&entry->holders, 1, __ATOMIC_ACQ_REL) == 0) {
        lw__release(entries->env, entry);
    }
}

/* ---- taking out ---- */

static void take_out(struct lw__entries *entries, struct lw__shard *shard, struct lw__entry *entry) {
    lw__tree_remove(&shard->tree, entry);
    __atomic_sub_fetch(&entries->count, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&entries->bytes, size_of_entry(entry), __ATOMIC_RELAXED);
    lw__entry_let_go(entries, entry);
}

/* Takes out up to so many expired entries and returns how many. */
static uint32_t sweep(struct lw__entries *entries, struct lw__shard *shard, uint64_t now, uint32_t most) {
    uint32_t count = 0;
    while (count < most && shard->tree != NULL && lw__entry_due(shard->tree, now)) {
        take_out(entries, shard, shard->tree);
        count++;
    }
    return count;
}

static uint64_t sweep_all(struct lw__entries *entries, uint64_t now) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < LW__SHARDS; i++) {
        uint32_t count;
        do {
            pthread_mutex_lock(&entries->shard[i].lock);
            count = sweep(entries, &entries->shard[i], now, GREAT_SWEEP);
            pthread_mutex_unlock(&entries->shard[i].lock);
            total += count;
        } while (count == GREAT_SWEEP);
    }
    return total;
}

/* The entry of this key, with the lock held; what has expired is not there. */
static struct lw__entry *find_live(struct lw__entries *entries, struct lw__shard *shard, uint64_t place,
                                   const char *key, uint64_t now) {
    struct lw__entry *entry = lw__tree_find(shard->tree, place, key);
    if (entry != NULL && lw__entry_due(entry, now)) {
        take_out(entries, shard, entry);
        return NULL;
    }
    return entry;
}

int lw__entries_remove(struct lw__entries *entries, enum lw__entry_kind kind, const char *key) {
    uint64_t place = place_of(entries, kind, key, strlen(key)), now = lw__entries_time(entries);
    struct lw__shard *shard = shard_of(entries, place);
    pthread_mutex_lock(&shard->lock);
    struct lw__entry *entry = find_live(entries, shard, place, key, now);
    if (entry != NULL) {
        take_out(entries, shard, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry != NULL;
}

/* ---- reading ---- */

struct lw__entry *lw__entries_find(struct lw__entries *entries, enum lw__entry_kind kind, const char *key) {
    uint64_t place = place_of(entries, kind, key, strlen(key)), now = lw__entries_time(entries);
    struct lw__shard *shard = shard_of(entries, place);
    pthread_mutex_lock(&shard->lock);
    struct lw__entry *entry = find_live(entries, shard, place, key, now);
    hold(entry);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

struct lw__entry *lw__entries_next(struct lw__entries *entries, uint64_t place, const char *key) {
    struct lw__entry *entry = NULL;
    for (uint64_t i = place >> SHARD_SHIFT; i < LW__SHARDS && entry == NULL; i++) {
        struct lw__shard *shard = &entries->shard[i];
        pthread_mutex_lock(&shard->lock);
        entry = lw__tree_next(shard->tree, place, key);
        hold(entry);
        pthread_mutex_unlock(&shard->lock);
    }
    return entry;
}

/* ---- putting in ---- */

static bool charge_count(uint64_t *count, uint64_t amount, uint64_t most) {
    uint64_t value = __atomic_load_n(count, __ATOMIC_RELAXED);
    do {
        if (amount > most - value) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(count, &value, value + amount, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

/* Both are charged as if the old one stayed, less what it gives back; false when the bounds forbid it. */
static bool swap_in(struct lw__entries *entries, struct lw__shard *shard, struct lw__entry *old,
                    struct lw__entry *fresh) {
    uint64_t given_back = old != NULL ? size_of_entry(old) : 0, size = size_of_entry(fresh);
    uint64_t grown = size > given_back ? size - given_back : 0;
    if (old == NULL && !charge_count(&entries->count, 1, entries->max_entries)) {
        return false;
    }
    if (!charge_count(&entries->bytes, grown, entries->max_bytes)) {
        __atomic_sub_fetch(&entries->count, old == NULL, __ATOMIC_RELAXED);
        return false;
    }
    if (old != NULL) {
        lw__tree_remove(&shard->tree, old);
        __atomic_sub_fetch(&entries->bytes, given_back + grown - size, __ATOMIC_RELAXED);
        lw__entry_let_go(entries, old);
    }
    lw__tree_insert(&shard->tree, fresh);
    return true;
}

static int attempt(struct lw__entries *entries, struct lw__change *change) {
    struct lw__shard *shard = shard_of(entries, change->fresh->place);
    pthread_mutex_lock(&shard->lock);
    sweep(entries, shard, change->now, SWEEP);
    struct lw__entry *old = find_live(entries, shard, change->fresh->place, change->fresh->bytes, change->now);
    change->fresh->due = change->due;
    int answer = change->decide(change, old);
    if (answer == 1 && lw__entry_due(change->fresh, change->now)) { /* what is over when it begins does not go in */
        if (old != NULL) {
            take_out(entries, shard, old);
        }
        lw__entry_let_go(entries, change->fresh);
    } else if (answer == 1 && !swap_in(entries, shard, old, change->fresh)) {
        answer = LW_FULL;
    }
    pthread_mutex_unlock(&shard->lock);
    return answer;
}

int lw__entries_change(struct lw__entries *entries, struct lw__change *change) {
    int answer = attempt(entries, change);
    if (answer == LW_FULL && sweep_all(entries, change->now) > 0) {
        answer = attempt(entries, change);
    }
    if (answer != 1) {
        lw__entry_let_go(entries, change->fresh);
    }
    return answer;
}

/* ---- birth and end ---- */

static void close_shards(struct lw__entries *entries, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        while (entries->shard[i].tree != NULL) {
            take_out(entries, &entries->shard[i], entries->shard[i].tree);
        }
        pthread_mutex_destroy(&entries->shard[i].lock);
    }
}

void lw__entries_close(struct lw__entries *entries) { close_shards(entries, LW__SHARDS); }

int lw__entries_open(struct lw__entries *entries, const lw_env *env, uint64_t max_entries, uint64_t max_bytes) {
    entries->env = env;
    entries->max_entries = max_entries;
    entries->max_bytes = max_bytes;
    for (uint32_t i = 0; i < LW__SHARDS; i++) {
        if (pthread_mutex_init(&entries->shard[i].lock, NULL) != 0) {
            close_shards(entries, i);
            return LW_NOMEM;
        }
    }
    return LW_OK;
}
