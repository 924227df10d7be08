/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One record: "lwst", version, kind, two zero bytes, then 64-bit little-endian words, the last of which is the XXH3-64
 * of all before. The first two words are the node's id and the wall time of saving.
 */
#ifndef LW_PERSIST_RECORD_H
#define LW_PERSIST_RECORD_H

#include "base/env.h"

#include <loadwise/persist.h>
#include <stdbool.h>

enum lw__record_kind {
    LW__RECORD_HEALTH = 1,
    LW__RECORD_LATENCY = 2,
    LW__RECORD_LATENCY_GROUP = 3,
    LW__RECORD_QUOTA = 4
};

#define LW__NEVER UINT64_MAX /* an age */

/* A saving or loading under way. */
struct lw__persist {
    lw_persist where;
    lw_env env;
    const char *room; /* "health/" */
    int error;        /* why it stopped, or 0 */
    int count;
    unsigned char *bytes; /* of the record being written */
    size_t size, capacity;
};

int lw__persist_begin(struct lw__persist *persist, const lw_persist *where, const char *room);

/* Frees what it holds; the count, or why it stopped. */
int lw__persist_end(struct lw__persist *persist);

/* ---- writing: begin, words, put ---- */
void lw__record_begin(struct lw__persist *persist, enum lw__record_kind kind, uint64_t node);
void lw__record_word(struct lw__persist *persist, uint64_t word);
/* Time as age; 0: LW__NEVER. What came after `now` has just been. */
void lw__record_age(struct lw__persist *persist, uint64_t time);
/* Stores it; 0 to go on with the next. */
int lw__record_put(struct lw__persist *persist);

/* ---- reading ---- */
struct lw__reader {
    const unsigned char *at;
    size_t words;  /* left */
    bool short_of; /* asked for more than there were */
    uint64_t node;
    enum lw__record_kind kind;
    uint64_t elapsed; /* ns since it was saved */
    uint64_t now;
};

uint64_t lw__read_word(struct lw__reader *reader);
/* A word that must fit 32 bits; else the record is damaged. */
uint32_t lw__read_small(struct lw__reader *reader);
/* An age as a time of today, at least 1; 0: never. */
uint64_t lw__read_time(struct lw__reader *reader);
/* True when exactly everything was read. */
bool lw__read_all(const struct lw__reader *reader);

/* Reads every record of the room and hands it to `take`, which answers LW_OK, or why it is refused. */
typedef int lw__record_take(void *user, struct lw__reader *reader);
int lw__persist_load(const lw_persist *where, const char *room, lw__record_take *take, void *user);

#endif
