/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Node id -> record: open addressing over pointers, at most half full with its tombstones, read without a lock.
 *
 * A slot goes from free to a record to a tombstone and never back; when too many are used up, a new directory is made
 * and published with one store. Records and old directories wait for their last reader by the epochs of base/lanes.h.
 * Cost: find is a read section and one or two probes; add and forget take the lock, and now and then copy the
 * directory, which is O(1) spread over the calls.
 */
#include "base/registry.h"
#include "base/random.h"

#include <inttypes.h>
#include <loadwise/error.h>

enum { FIRST_SLOTS = 16, LINE = 64, LINES_AHEAD = 2 };

struct lw__directory {
    struct lw__directory *newer; /* in the queue of old ones */
    uint32_t retired_in;
    uint32_t used; /* slots with a record or a tombstone */
    uint64_t mask;
    struct lw__record *slots[];
};

/* Only its address counts. */
static struct lw__record tombstone;

static struct lw__record *slot_record(const struct lw__directory *directory, uint64_t at) {
    return __atomic_load_n(&directory->slots[at], __ATOMIC_ACQUIRE);
}

static bool is_record(const struct lw__record *record) { return record != NULL && record != &tombstone; }

/* The record, or NULL; and its slot, or the free one where the search ended. Looks at each slot once: at the second
   look another thread may have made of it what it likes. */
static struct lw__record *search(const struct lw__directory *directory, uint64_t id, uint64_t *slot) {
    for (uint64_t at = lw__mix(id);; at++) {
        struct lw__record *record = slot_record(directory, at & directory->mask);
        if (record == NULL || (is_record(record) && record->id == id)) {
            *slot = at & directory->mask;
            return record;
        }
    }
}

static struct lw__directory *directory_new(const lw_env *env, uint64_t slots) {
    struct lw__directory *directory = lw__alloc(env, sizeof *directory + slots * sizeof(struct lw__record *));
    if (directory != NULL) {
        directory->mask = slots - 1;
    }
    return directory;
}

int lw__registry_init(struct lw__registry *registry, const lw_env *env, const struct lw__registry_kind *kind,
                      void *owner, uint32_t max) {
    registry->env = env;
    registry->kind = kind;
    registry->owner = owner;
    registry->max = max;
    lw__lanes_init(&registry->lanes, env->seed);
    registry->directory = directory_new(env, FIRST_SLOTS);
    if (registry->directory == NULL) {
        return LW_NOMEM;
    }
    if (pthread_mutex_init(&registry->changing, NULL) != 0) {
        lw__release(env, registry->directory);
        return LW_NOMEM;
    }
    return LW_OK;
}

static void drop_record(struct lw__registry *registry, struct lw__record *record) {
    if (registry->kind->drop != NULL) {
        registry->kind->drop(registry->owner, record);
    }
    lw__release(registry->env, record);
}

/* ---- reading ---- */

static const struct lw__directory *enter(struct lw__registry *registry, struct lw__reading *reading) {
    reading->lane = lw__lane_of(&registry->lanes);
    reading->parity = lw__read_begin(&registry->lanes, reading->lane);
    return __atomic_load_n(&registry->directory, __ATOMIC_SEQ_CST);
}

void *lw__registry_find(struct lw__registry *registry, uint64_t id, struct lw__reading *reading) {
    uint64_t slot;
    return search(enter(registry, reading), id, &slot);
}

/* Asks for the record in the first slot of the search, which is most likely the right one, and does not wait for it. */
static void fetch_ahead(const struct lw__directory *directory, uint64_t id) {
    const struct lw__record *record = slot_record(directory, lw__mix(id) & directory->mask);
    for (size_t line = 0; line < LINES_AHEAD && is_record(record); line++) {
        __builtin_prefetch((const char *)record + line * LINE);
    }
}

void *lw__registry_find_when(struct lw__registry *registry, uint64_t id, struct lw__reading *reading,
                             const uint64_t *given, uint64_t *now) {
    const struct lw__directory *directory = enter(registry, reading);
    uint64_t slot;
    if (given != NULL) {
        *now = *given;
    } else {
        fetch_ahead(directory, id);
        *now = lw__now(registry->env);
    }
    return search(directory, id, &slot);
}

void lw__registry_leave(struct lw__registry *registry, struct lw__reading *reading) {
    (void)registry;
    lw__read_end(reading->lane, reading->parity);
}

int lw__registry_each(struct lw__registry *registry, int (*each)(void *user, struct lw__record *record), void *user) {
    struct lw__reading reading;
    const struct lw__directory *directory = enter(registry, &reading);
    int answer = 0;
    for (uint64_t at = 0; at <= directory->mask && answer == 0; at++) {
        struct lw__record *record = slot_record(directory, at);
        if (is_record(record)) {
            answer = each(user, record);
        }
    }
    lw__registry_leave(registry, &reading);
    return answer;
}

/* The count is written after the slot: who sees the bound reached can find every record that reached it. */
static bool is_full(const struct lw__registry *registry) {
    return __atomic_load_n(&registry->count, __ATOMIC_ACQUIRE) >= registry->max;
}

void *lw__registry_find_or_add(struct lw__registry *registry, uint64_t id, struct lw__reading *reading, int *error) {
    *error = LW_OK;
    for (;;) {
        void *record = lw__registry_find(registry, id, reading);
        if (record != NULL) {
            *error = LW_OK;
            return record;
        }
        if (*error != LW_OK) {
            return NULL;
        }
        lw__registry_leave(registry, reading);
        *error = is_full(registry) ? LW_FULL : lw__registry_add(registry, id);
    }
}

int lw__registry_fail(const struct lw__registry *registry, uint64_t id, int error) {
    switch (error) {
    case LW_FULL:
        return lw__fail(registry->env, error, "max_nodes=%u are known, node %016" PRIx64 " would be one more",
                        registry->max, id);
    case LW_UNKNOWN: return lw__fail(registry->env, error, "node %016" PRIx64 " is not known", id);
    default: return error;
    }
}

/* ---- changing, under the lock ---- */

/* May go: the epoch has moved on twice since. Queues are in the order of retirement, so the first that may not ends
   the search. */
static bool is_over(uint32_t epoch, uint32_t retired_in) { return epoch - retired_in >= 2; }

static void reclaim(struct lw__registry *registry) {
    struct lw__record *record;
    struct lw__directory *directory;
    if (registry->retired == NULL && registry->old == NULL) {
        return;
    }
    uint32_t epoch = lw__epoch_advance(&registry->lanes);
    while ((record = registry->retired) != NULL && is_over(epoch, record->retired_in)) {
        registry->retired = record->retired_next;
        drop_record(registry, record);
    }
    while ((directory = registry->old) != NULL && is_over(epoch, directory->retired_in)) {
        registry->old = directory->newer;
        lw__release(registry->env, directory);
    }
}

static void retire_record(struct lw__registry *registry, struct lw__record *record) {
    record->retired_in = registry->lanes.epoch;
    *(registry->retired != NULL ? &registry->retired_last->retired_next : &registry->retired) = record;
    registry->retired_last = record;
}

static void retire_directory(struct lw__registry *registry, struct lw__directory *directory) {
    directory->retired_in = registry->lanes.epoch;
    *(registry->old != NULL ? &registry->old_last->newer : &registry->old) = directory;
    registry->old_last = directory;
}

/* Makes room for one more: a fresh directory, four times as large as what it holds, once half of this one is used up.
 */
static int make_room(struct lw__registry *registry) {
    struct lw__directory *old = registry->directory;
    if ((uint64_t)(old->used + 1) * 2 <= old->mask + 1) {
        return LW_OK;
    }
    uint64_t slots = FIRST_SLOTS;
    while (slots < ((uint64_t)registry->count + 1) * 4) {
        slots *= 2;
    }
    struct lw__directory *fresh = directory_new(registry->env, slots);
    if (fresh == NULL) {
        return LW_NOMEM;
    }
    for (uint64_t at = 0; at <= old->mask; at++) {
        struct lw__record *record = old->slots[at];
        if (is_record(record)) {
            uint64_t slot;
            search(fresh, record->id, &slot);
            fresh->slots[slot] = record;
            fresh->used++;
        }
    }
    __atomic_store_n(&registry->directory, fresh, __ATOMIC_SEQ_CST);
    retire_directory(registry, old);
    return LW_OK;
}

static int record_new(struct lw__registry *registry, uint64_t id, struct lw__record **out) {
    struct lw__record *record = lw__alloc(registry->env, registry->kind->record_size);
    if (record == NULL) {
        return LW_NOMEM;
    }
    record->id = id;
    int error = registry->kind->init != NULL ? registry->kind->init(registry->owner, record) : LW_OK;
    if (error != LW_OK) {
        lw__release(registry->env, record);
        return error;
    }
    *out = record;
    return LW_OK;
}

static int add_locked(struct lw__registry *registry, uint64_t id) {
    struct lw__record *record;
    uint64_t slot;
    if (search(registry->directory, id, &slot) != NULL) {
        return LW_OK;
    }
    if (is_full(registry)) {
        return LW_FULL;
    }
    int error = make_room(registry);
    if (error == LW_OK) {
        error = record_new(registry, id, &record);
    }
    if (error != LW_OK) {
        return error;
    }
    search(registry->directory, id, &slot); /* perhaps another directory now */
    __atomic_store_n(&registry->directory->slots[slot], record, __ATOMIC_RELEASE);
    registry->directory->used++;
    __atomic_store_n(&registry->count, registry->count + 1, __ATOMIC_RELEASE);
    return LW_OK;
}

int lw__registry_add(struct lw__registry *registry, uint64_t id) {
    pthread_mutex_lock(&registry->changing);
    int error = add_locked(registry, id);
    reclaim(registry);
    pthread_mutex_unlock(&registry->changing);
    return error;
}

void *lw__registry_forget(struct lw__registry *registry, uint64_t id) {
    pthread_mutex_lock(&registry->changing);
    uint64_t slot;
    struct lw__record *record = search(registry->directory, id, &slot);
    if (record != NULL) {
        __atomic_store_n(&registry->directory->slots[slot], &tombstone, __ATOMIC_SEQ_CST);
        __atomic_store_n(&registry->count, registry->count - 1, __ATOMIC_RELEASE);
        retire_record(registry, record);
    }
    reclaim(registry);
    pthread_mutex_unlock(&registry->changing);
    return record;
}

void lw__registry_close(struct lw__registry *registry) {
    for (uint64_t at = 0; at <= registry->directory->mask; at++) {
        struct lw__record *record = registry->directory->slots[at];
        if (is_record(record)) {
            drop_record(registry, record);
        }
    }
    reclaim(registry); /* no reader is left, so everything goes */
    lw__release(registry->env, registry->directory);
    pthread_mutex_destroy(&registry->changing);
}
