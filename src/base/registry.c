/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Node id -> record: open addressing over pointers, at most half full with its tombstones, read without a lock.
 *
 * A slot goes from free to a record to a tombstone and never back; when too many are used up, a new directory is made
 * and published with one store. Records and old directories wait for their last reader by the epochs of base/lanes.h.
 * Cost: find is a read section and one or two probes; add and forget take the lock, and now and then copy the
 * directory.
 */
#include "base/registry.h"
#include "base/random.h"

#include <loadwise/error.h>

enum { FIRST_SLOTS = 16 };

struct lw__directory {
    struct lw__directory *older;
    uint32_t retired_in;
    uint32_t used; /* slots with a record or a tombstone */
    uint64_t mask;
    struct lw__record *slots[];
};

#define TOMBSTONE ((struct lw__record *)(uintptr_t)1) /* never followed */

static struct lw__record *slot_record(const struct lw__directory *directory, uint64_t at) {
    return __atomic_load_n(&directory->slots[at & directory->mask], __ATOMIC_ACQUIRE);
}

/* Where the record is, or the free slot where the search ended. */
static uint64_t slot_at(const struct lw__directory *directory, uint64_t id) {
    for (uint64_t at = lw__mix(id);; at++) {
        const struct lw__record *record = slot_record(directory, at);
        if (record == NULL || (record != TOMBSTONE && record->id == id)) {
            return at & directory->mask;
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
    const struct lw__directory *directory = enter(registry, reading);
    return slot_record(directory, slot_at(directory, id));
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
        if (record != NULL && record != TOMBSTONE) {
            answer = each(user, record);
        }
    }
    lw__registry_leave(registry, &reading);
    return answer;
}

/* ---- changing, under the lock ---- */

static void reclaim_records(struct lw__registry *registry, uint32_t epoch) {
    for (struct lw__record **link = &registry->retired; *link != NULL;) {
        struct lw__record *record = *link;
        if (epoch - record->retired_in >= 2) {
            *link = record->retired_next;
            drop_record(registry, record);
        } else {
            link = &record->retired_next;
        }
    }
}

static void reclaim(struct lw__registry *registry) {
    if (registry->retired == NULL && registry->old == NULL) {
        return;
    }
    uint32_t epoch = lw__epoch_advance(&registry->lanes);
    reclaim_records(registry, epoch);
    for (struct lw__directory **link = &registry->old; *link != NULL;) {
        struct lw__directory *directory = *link;
        if (epoch - directory->retired_in >= 2) {
            *link = directory->older;
            lw__release(registry->env, directory);
        } else {
            link = &directory->older;
        }
    }
}

/* Makes room for one more: a fresh directory, four times as large as what it holds, once half of this one is used up.
 */
static int make_room(struct lw__registry *registry) {
    struct lw__directory *old = registry->directory;
    if ((uint64_t)(old->used + 1) * 2 <= old->mask + 1) {
        return LW_OK;
    }
    uint64_t slots = FIRST_SLOTS;
    while (slots < (uint64_t)(registry->count + 1) * 4) {
        slots *= 2;
    }
    struct lw__directory *fresh = directory_new(registry->env, slots);
    if (fresh == NULL) {
        return LW_NOMEM;
    }
    for (uint64_t at = 0; at <= old->mask; at++) {
        struct lw__record *record = old->slots[at];
        if (record != NULL && record != TOMBSTONE) {
            fresh->slots[slot_at(fresh, record->id)] = record;
            fresh->used++;
        }
    }
    __atomic_store_n(&registry->directory, fresh, __ATOMIC_SEQ_CST);
    old->retired_in = registry->lanes.epoch;
    old->older = registry->old;
    registry->old = old;
    return LW_OK;
}

static int add_locked(struct lw__registry *registry, uint64_t id) {
    if (slot_record(registry->directory, slot_at(registry->directory, id)) != NULL) {
        return LW_OK;
    }
    if (registry->count >= registry->max) {
        return LW_FULL;
    }
    int error = make_room(registry);
    struct lw__record *record = error == LW_OK ? lw__alloc(registry->env, registry->kind->record_size) : NULL;
    if (record == NULL) {
        return LW_NOMEM;
    }
    record->id = id;
    error = registry->kind->init != NULL ? registry->kind->init(registry->owner, record) : LW_OK;
    if (error != LW_OK) {
        lw__release(registry->env, record);
        return error;
    }
    uint64_t at = slot_at(registry->directory, id);
    registry->directory->used++;
    registry->count++;
    __atomic_store_n(&registry->directory->slots[at], record, __ATOMIC_RELEASE);
    return LW_OK;
}

int lw__registry_add(struct lw__registry *registry, uint64_t id) {
    pthread_mutex_lock(&registry->changing);
    int error = add_locked(registry, id);
    reclaim(registry);
    pthread_mutex_unlock(&registry->changing);
    return error;
}

int lw__registry_forget(struct lw__registry *registry, uint64_t id) {
    pthread_mutex_lock(&registry->changing);
    uint64_t at = slot_at(registry->directory, id);
    struct lw__record *record = registry->directory->slots[at];
    if (record != NULL) {
        __atomic_store_n(&registry->directory->slots[at], TOMBSTONE, __ATOMIC_SEQ_CST);
        registry->count--;
        record->retired_in = registry->lanes.epoch;
        record->retired_next = registry->retired;
        registry->retired = record;
    }
    reclaim(registry);
    pthread_mutex_unlock(&registry->changing);
    return record != NULL;
}

void lw__registry_close(struct lw__registry *registry) {
    for (uint64_t at = 0; at <= registry->directory->mask; at++) {
        struct lw__record *record = registry->directory->slots[at];
        if (record != NULL && record != TOMBSTONE) {
            drop_record(registry, record);
        }
    }
    reclaim(registry); /* no reader is left, so everything goes */
    lw__release(registry->env, registry->directory);
    pthread_mutex_destroy(&registry->changing);
}
