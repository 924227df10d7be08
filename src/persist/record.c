/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Records: built in a buffer of 64-bit little-endian words, sealed with a checksum, put under their key; and the way
 * back, where nothing is believed before the checksum, the version, the length and the key are right. A store may list
 * an entry twice; the keys that were read are kept until the end, so that no use counts twice.
 *
 * Cost: one call of the store per node when saving, one per page of 64 when loading; some 150 bytes per record for the
 * time of loading.
 */
#include "persist/record.h"
#include "base/registry.h"

#include <inttypes.h>
#include <loadwise/id.h>
#include <stdio.h>
#include <string.h>

enum { WORD = 8, HEAD = 8, VERSION = 1, PREFIX_MAX = 200, KEY_SIZE = 256, PAGE = 64 };

static const char magic[4] = {'l', 'w', 's', 't'};

static void store_word(unsigned char *to, uint64_t word) {
    for (int i = 0; i < WORD; i++) {
        to[i] = (unsigned char)(word >> (8 * i));
    }
}

static uint64_t load_word(const unsigned char *from) {
    uint64_t word = 0;
    for (int i = 0; i < WORD; i++) {
        word |= (uint64_t)from[i] << (8 * i);
    }
    return word;
}

/* ---- begin and end ---- */

int lw__persist_begin(struct lw__persist *persist, const lw_persist *where, const char *room) {
    *persist = (struct lw__persist){.where = LW_PERSIST_INIT, .room = room};
    if (where->size < sizeof *where || where->store == NULL) {
        return LW_INVALID;
    }
    persist->where = *where;
    if (where->prefix == NULL) {
        persist->where.prefix = "";
    }
    int error = lw__env_init(&persist->env, where->env);
    if (error == LW_OK && strlen(persist->where.prefix) > PREFIX_MAX) {
        return lw__fail(&persist->env, LW_RANGE, "persist: the prefix has %zu bytes; at most %d are allowed",
                        strlen(persist->where.prefix), PREFIX_MAX);
    }
    return error;
}

int lw__persist_end(struct lw__persist *persist) {
    lw__release(&persist->env, persist->bytes);
    return persist->error != LW_OK ? persist->error : persist->count;
}

/* ---- writing ---- */

static bool make_room(struct lw__persist *persist, size_t more) {
    if (persist->size + more <= persist->capacity) {
        return true;
    }
    size_t capacity = 2 * (persist->size + more);
    unsigned char *bytes = lw__alloc(&persist->env, capacity);
    if (bytes == NULL) {
        persist->error = LW_NOMEM;
        return false;
    }
    if (persist->size > 0) {
        memcpy(bytes, persist->bytes, persist->size);
    }
    lw__release(&persist->env, persist->bytes);
    persist->bytes = bytes;
    persist->capacity = capacity;
    return true;
}

void lw__record_word(struct lw__persist *persist, uint64_t word) {
    if (make_room(persist, WORD)) {
        store_word(persist->bytes + persist->size, word);
        persist->size += WORD;
    }
}

void lw__record_begin(struct lw__persist *persist, enum lw__record_kind kind, uint64_t node) {
    persist->size = 0;
    if (make_room(persist, HEAD)) {
        memset(persist->bytes, 0, HEAD);
        memcpy(persist->bytes, magic, sizeof magic);
        persist->bytes[4] = VERSION;
        persist->bytes[5] = (unsigned char)kind;
        persist->size = HEAD;
    }
    lw__record_word(persist, node);
    lw__record_word(persist, persist->where.wall);
}

void lw__record_age(struct lw__persist *persist, uint64_t time) {
    uint64_t now = persist->where.now;
    lw__record_word(persist, time == 0 ? LW__NEVER : time < now ? now - time : 0);
}

static void write_key(const struct lw__persist *persist, unsigned kind, uint64_t node, char key[KEY_SIZE]) {
    const char *group = kind == LW__RECORD_LATENCY_GROUP ? "group/" : "";
    snprintf(key, KEY_SIZE, "%s%s%s%016" PRIx64, persist->where.prefix, persist->room, group, node);
}

int lw__record_put(struct lw__persist *persist) {
    char key[KEY_SIZE];
    if (persist->error == LW_OK) {
        lw__record_word(persist, lw_id(persist->bytes, persist->size));
    }
    if (persist->error == LW_OK) {
        write_key(persist, persist->bytes[5], load_word(persist->bytes + HEAD), key);
        lw_store *store = persist->where.store;
        persist->error =
            store->ops->put(store, key, persist->bytes, persist->size, persist->where.ttl, persist->where.deadline);
    }
    persist->count += persist->error == LW_OK;
    return persist->error;
}

/* ---- reading ---- */

uint64_t lw__read_word(struct lw__reader *reader) {
    if (reader->words == 0) {
        reader->short_of = true;
        return 0;
    }
    uint64_t word = load_word(reader->at);
    reader->at += WORD;
    reader->words--;
    return word;
}

uint32_t lw__read_small(struct lw__reader *reader) {
    uint64_t word = lw__read_word(reader);
    reader->short_of |= word > UINT32_MAX;
    return (uint32_t)word;
}

uint64_t lw__read_time(struct lw__reader *reader) {
    uint64_t age = lw__read_word(reader);
    if (age == LW__NEVER) {
        return 0;
    }
    age = age > UINT64_MAX - reader->elapsed ? UINT64_MAX : age + reader->elapsed;
    return age < reader->now ? reader->now - age : 1;
}

bool lw__read_all(const struct lw__reader *reader) { return !reader->short_of && reader->words == 0; }

/* Opens a record: head, checksum, then the two words that all kinds begin with. */
static bool open_record(struct lw__reader *reader, const lw_persist *where, const unsigned char *bytes, size_t size) {
    if (size < HEAD + 3 * WORD || size % WORD != 0 || memcmp(bytes, magic, sizeof magic) != 0 || bytes[4] != VERSION ||
        bytes[6] != 0 || bytes[7] != 0 || load_word(bytes + size - WORD) != lw_id(bytes, size - WORD)) {
        return false;
    }
    *reader = (struct lw__reader){.at = bytes + HEAD, .words = (size - HEAD) / WORD - 1};
    reader->now = where->now != 0 ? where->now : 1; /* trackers take a time of 0 for "never" */
    reader->kind = (enum lw__record_kind)bytes[5];
    reader->node = lw__read_word(reader);
    uint64_t saved = lw__read_word(reader);
    reader->elapsed = saved != 0 && where->wall > saved ? where->wall - saved : 0;
    return true;
}

struct loading {
    struct lw__persist *persist;
    lw__record_take *take;
    void *user;
    struct lw__registry seen; /* lw_id of each key */
};

static const struct lw__registry_kind seen_key = {.record_size = sizeof(struct lw__record)};

/* 1 when the store has given this key before, else 0 or LW_NOMEM. */
static int see_key(struct loading *loading, const char *key) {
    uint64_t id = lw_id(key, strlen(key));
    struct lw__reading reading;
    bool before = lw__registry_find(&loading->seen, id, &reading) != NULL;
    lw__registry_leave(&loading->seen, &reading);
    return before ? 1 : lw__registry_add(&loading->seen, id);
}

static int take_record(const struct loading *loading, const char *key, const void *value, size_t size) {
    struct lw__reader reader;
    char own[KEY_SIZE];
    if (!open_record(&reader, &loading->persist->where, value, size)) {
        return LW_CORRUPT;
    }
    write_key(loading->persist, reader.kind, reader.node, own);
    return strcmp(key, own) == 0 ? loading->take(loading->user, &reader) : LW_CORRUPT;
}

static int load_record(void *user, const char *key, const void *value, size_t size) {
    struct loading *loading = user;
    const lw_persist *where = &loading->persist->where;
    int seen = see_key(loading, key);
    if (seen != 0) {
        loading->persist->error = seen < 0 ? seen : LW_OK;
        return seen < 0;
    }
    int why = take_record(loading, key, value, size);
    if (why == LW_OK) {
        loading->persist->count++;
    } else if (where->refused != NULL) {
        where->refused(where->user, key, why);
    }
    return 0;
}

static void load_pages(struct loading *loading) {
    struct lw__persist *persist = loading->persist;
    lw_store *store = persist->where.store;
    char prefix[KEY_SIZE];
    uint64_t cursor = 0;
    snprintf(prefix, sizeof prefix, "%s%s", persist->where.prefix, persist->room);
    do {
        int given = store->ops->list(store, prefix, &cursor, PAGE, load_record, loading, persist->where.deadline);
        persist->error = given < 0 ? given : persist->error;
    } while (persist->error == LW_OK && cursor != 0);
}

int lw__persist_load(const lw_persist *where, const char *room, lw__record_take *take, void *user) {
    struct lw__persist persist;
    struct loading loading = {.persist = &persist, .take = take, .user = user};
    int error = lw__persist_begin(&persist, where, room);
    if (error == LW_OK) {
        error = lw__registry_init(&loading.seen, &persist.env, &seen_key, NULL, UINT32_MAX);
    }
    if (error != LW_OK) {
        return error;
    }
    load_pages(&loading);
    lw__registry_close(&loading.seen);
    return lw__persist_end(&persist);
}
