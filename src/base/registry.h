/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Registry: node id -> record, for trackers that are used without a pool. Records never move and are found without a
 * lock; making and forgetting one takes a lock. What was forgotten is freed when no thread can still hold it.
 *
 *     struct lw__reading reading;
 *     struct my_record *record = lw__registry_find(&registry, id, &reading);
 *     if (record != NULL) { ... }
 *     lw__registry_leave(&registry, &reading);      // always, also after NULL
 *
 * Read sections nest, the inner one ending first, and inside one everything is allowed but closing: what is forgotten
 * meanwhile stays until the outermost section ends.
 */
#ifndef LW_BASE_REGISTRY_H
#define LW_BASE_REGISTRY_H

#include "base/env.h"
#include "base/lanes.h"

#include <pthread.h>

/* Begins every record. */
struct lw__record {
    uint64_t id;
    struct lw__record *retired_next;
    uint32_t retired_in;
};

struct lw__registry_kind {
    size_t record_size;
    int (*init)(void *owner, struct lw__record *record);  /* of the zeroed rest; optional; called with the lock held */
    void (*drop)(void *owner, struct lw__record *record); /* frees what init made; optional; with the lock held */
};

struct lw__reading {
    struct lw__lane *lane;
    uint32_t parity;
};

struct lw__registry {
    const lw_env *env; /* the owner's */
    const struct lw__registry_kind *kind;
    void *owner;
    uint32_t max;
    uint32_t count;
    pthread_mutex_t changing;
    struct lw__directory *directory;           /* the slots that are searched */
    struct lw__record *retired, *retired_last; /* what awaits its last reader, oldest first */
    struct lw__directory *old, *old_last;
    struct lw__lanes lanes;
};

/* max: most records at a time, at least 1. Returns LW_NOMEM or LW_OK. */
int lw__registry_init(struct lw__registry *registry, const lw_env *env, const struct lw__registry_kind *kind,
                      void *owner, uint32_t max);
void lw__registry_close(struct lw__registry *registry);

/* The record, or NULL. Lock-free. Begins a read section in which the record stays; leave it in any case. */
void *lw__registry_find(struct lw__registry *registry, uint64_t id, struct lw__reading *reading);
/* The same for a call that needs the time: *now is what is given, or, where that is NULL, what the clock says, which is
   read while the record comes from memory: with many nodes that takes as long. */
void *lw__registry_find_when(struct lw__registry *registry, uint64_t id, struct lw__reading *reading,
                             const uint64_t *given, uint64_t *now);
void lw__registry_leave(struct lw__registry *registry, struct lw__reading *reading);

/* The record, made if there was none, in a read section as above; or NULL and an error as from lw__registry_add. Takes
   the lock only to make one: not for a record that is there, nor at the bound. */
void *lw__registry_find_or_add(struct lw__registry *registry, uint64_t id, struct lw__reading *reading, int *error);

/* Makes the record unless there is one. LW_FULL at the bound, LW_NOMEM, or what init answered. */
int lw__registry_add(struct lw__registry *registry, uint64_t id);

/* Returns the error, after telling the log what words can add: which bound, which node. */
int lw__registry_fail(const struct lw__registry *registry, uint64_t id, int error);

/* The record that there was, which goes once nobody reads it; or NULL. */
void *lw__registry_forget(struct lw__registry *registry, uint64_t id);

/* Calls each for the records of the moment, in no order, inside one read section; stops when it answers not 0 and
   returns that. */
int lw__registry_each(struct lw__registry *registry, int (*each)(void *user, struct lw__record *record), void *user);

#endif
