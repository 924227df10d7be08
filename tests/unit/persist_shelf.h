/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A shelf: a store in memory, the lw_persist that goes with it, and notes of what was refused.
 *
 * Two trackers stand for two processes: what the first one saves at NOW by its clock, the second one loads LATER by the
 * wall clock, when its own monotonic clock, which began elsewhere, says THEN.
 */
#ifndef LOADWISE_TESTS_PERSIST_SHELF_H
#define LOADWISE_TESTS_PERSIST_SHELF_H

#include "ledger.h"

#include <inttypes.h>
#include <loadwise/id.h>
#include <loadwise/persist.h>

#define SHELF_MS UINT64_C(1000000)
#define SHELF_SECOND (UINT64_C(1000) * SHELF_MS)
#define SHELF_NOW (1000 * SHELF_SECOND)
#define SHELF_WALL (UINT64_C(1700000000) * SHELF_SECOND)
#define SHELF_LATER (3 * SHELF_SECOND)
#define SHELF_THEN (5000 * SHELF_SECOND)

enum { SHELF_RECORD = 512 };

typedef struct shelf {
    lw_store *store;
    lw_persist where;
    int refused, why; /* how many, and why the last one */
    char key[256];    /* the last one */
} shelf;

static inline void shelf_refused(void *user, const char *key, int why) {
    shelf *own = user;
    own->refused++;
    own->why = why;
    snprintf(own->key, sizeof own->key, "%s", key);
}

static inline void shelf_open(shelf *own) {
    memset(own, 0, sizeof *own);
    assert_int_equal(lw_store_memory_new(&own->store, NULL, NULL), LW_OK);
    own->where = (lw_persist)LW_PERSIST_INIT;
    own->where.store = own->store;
    own->where.prefix = "t/";
    own->where.now = SHELF_NOW;
    own->where.wall = SHELF_WALL;
    own->where.refused = shelf_refused;
    own->where.user = own;
}

static inline void shelf_close(shelf *own) { lw_store_free(own->store); }

/* The next process, `later` ns on, with a clock that says `now`. */
static inline void shelf_wake(shelf *own, uint64_t later, uint64_t now) {
    own->where.wall = SHELF_WALL + later;
    own->where.now = now;
}

static inline size_t shelf_take(shelf *own, const char *key, unsigned char *bytes) {
    ptrdiff_t size = lw_store_get(own->store, key, bytes, SHELF_RECORD, 0);
    assert_true(size > 0 && size <= SHELF_RECORD);
    return (size_t)size;
}

static inline void shelf_lay(shelf *own, const char *key, const void *bytes, size_t size) {
    assert_int_equal(lw_store_put(own->store, key, bytes, size, 0, 0), LW_OK);
}

/* Makes the checksum right again. */
static inline void shelf_seal(unsigned char *bytes, size_t size) {
    uint64_t sum = lw_id(bytes, size - 8);
    for (int i = 0; i < 8; i++) {
        bytes[size - 8 + (size_t)i] = (unsigned char)(sum >> (8 * i));
    }
}

/* Exactly one record is refused, for this reason, and none is taken. */
#define assert_refuses(own, loaded, reason)                                                                            \
    do {                                                                                                               \
        (own)->refused = 0;                                                                                            \
        assert_int_equal(loaded, 0);                                                                                   \
        assert_int_equal((own)->refused, 1);                                                                           \
        assert_int_equal((own)->why, reason);                                                                          \
    } while (0)

#endif
