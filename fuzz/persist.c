/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Any bytes as a record. The first byte says under which key, and whether the rest is the whole record or only its
 * body, which then gets the right head and checksum, as from a hostile writer. Either the record is taken, and what the
 * tracker then knows can be saved, or it is refused once with a documented error and the tracker knows what it knew.
 */
#include <loadwise/id.h>
#include <loadwise/persist.h>
#include <stdlib.h>
#include <string.h>

enum { PERSIST_RECORD = 4096, PERSIST_KINDS = 4, PERSIST_HEAD = 24, PERSIST_WHOLE = 0x80, PERSIST_DIARY = 65536 };

#define PERSIST_SECOND UINT64_C(1000000000)
#define PERSIST_NODE UINT64_C(7)

static const struct persist_kind {
    const char *key;
    uint64_t node;
} persist_kinds[PERSIST_KINDS] = {
    {"health/0000000000000007", PERSIST_NODE},
    {"latency/0000000000000007", PERSIST_NODE},
    {"latency/group/0000000000000000", 0},
    {"quota/0000000000000007", PERSIST_NODE},
};

static void persist_check(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- the trackers ---- */

struct persist_trackers {
    lw_health *health;
    lw_latency *latency;
    lw_quota *quota;
};

static uint64_t persist_clock(void *user) {
    (void)user;
    return 1000 * PERSIST_SECOND;
}

static lw_env persist_env(void) {
    lw_env env = LW_ENV_INIT;
    env.now = persist_clock;
    env.seed = 1;
    return env;
}

static void persist_open(struct persist_trackers *made) {
    lw_env env = persist_env();
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_dimension dimensions[] = {
        {sizeof(lw_quota_dimension), "tpm", LW_QUOTA_SLIDING, 0, 60 * PERSIST_SECOND, 0, 0, 0, 0},
        {sizeof(lw_quota_dimension), "rps", LW_QUOTA_GCRA, 0, PERSIST_SECOND, 0, 0, 0, 0},
        {sizeof(lw_quota_dimension), "flying", LW_QUOTA_CONCURRENCY, 0, 0, 0, 0, 0, 0},
    };
    lw_quota_limit limits[] = {{0, 0, 1000, 0}, {1, 0, 10, 20}, {2, 0, 3, 0}};
    lw_sample sample = LW_SAMPLE_INIT;
    lw_amount amount = {0, 10};
    options.dimensions = dimensions;
    options.dimension_count = 3;
    persist_check(lw_health_new(&made->health, &env, NULL) == LW_OK);
    persist_check(lw_latency_new(&made->latency, &env, NULL) == LW_OK);
    persist_check(lw_quota_new(&made->quota, &env, &options) == LW_OK);
    persist_check(lw_quota_register(made->quota, PERSIST_NODE, limits, 3, 0) == LW_OK);
    sample.latency = PERSIST_SECOND;
    lw_health_report(made->health, PERSIST_NODE, LW_OUTCOME_FAILURE, NULL);
    lw_latency_observe(made->latency, PERSIST_NODE, &sample);
    lw_quota_record(made->quota, PERSIST_NODE, &amount, 1);
}

static void persist_close(struct persist_trackers *made) {
    lw_health_free(made->health);
    lw_latency_free(made->latency);
    lw_quota_free(made->quota);
}

static int persist_save(const lw_persist *where, struct persist_trackers *made, int kind) {
    switch (kind) {
    case 0: return lw_persist_save_health(where, made->health);
    case 3: return lw_persist_save_quota(where, made->quota);
    default: return lw_persist_save_latency(where, made->latency);
    }
}

static int persist_load(const lw_persist *where, struct persist_trackers *made, int kind) {
    switch (kind) {
    case 0: return lw_persist_load_health(where, made->health);
    case 3: return lw_persist_load_quota(where, made->quota);
    default: return lw_persist_load_latency(where, made->latency);
    }
}

/* ---- what a tracker knows: its records, one after the other ---- */

struct persist_diary {
    size_t size;
    unsigned char bytes[PERSIST_DIARY];
};

/* Of one node and one group there are two records, which come in any order: they are added up. */
static int persist_note(void *user, const char *key, const void *value, size_t size) {
    struct persist_diary *diary = user;
    const unsigned char *bytes = value;
    (void)key;
    persist_check(size <= PERSIST_DIARY);
    for (size_t i = 0; i < size; i++) {
        diary->bytes[i] = (unsigned char)(diary->bytes[i] + bytes[i]);
    }
    diary->size += size;
    return 0;
}

static void persist_write(const lw_persist *where, struct persist_trackers *made, int kind,
                          struct persist_diary *diary) {
    lw_persist own = *where;
    lw_env env = persist_env();
    uint64_t cursor = 0;
    memset(diary, 0, sizeof *diary);
    persist_check(lw_store_memory_new(&own.store, &env, NULL) == LW_OK);
    persist_check(persist_save(&own, made, kind) >= 1);
    do {
        lw_store_list(own.store, "", &cursor, 0, persist_note, diary, 0);
    } while (cursor != 0);
    lw_store_free(own.store);
}

/* ---- the record ---- */

static void persist_word(unsigned char *to, uint64_t word) {
    for (int i = 0; i < 8; i++) {
        to[i] = (unsigned char)(word >> (8 * i));
    }
}

static size_t persist_record(const uint8_t *bytes, size_t size, int kind, int whole, unsigned char *record) {
    static const unsigned char head[5] = {'l', 'w', 's', 't', 1};
    size = size < PERSIST_RECORD - PERSIST_HEAD - 8 ? size : PERSIST_RECORD - PERSIST_HEAD - 8;
    memset(record, 0, PERSIST_HEAD);
    if (whole) {
        memcpy(record, bytes, size);
        return size;
    }
    size -= size % 8;
    memcpy(record, head, sizeof head);
    record[5] = (unsigned char)(kind + 1);
    persist_word(record + 8, persist_kinds[kind].node);
    memcpy(record + PERSIST_HEAD, bytes, size);
    persist_word(record + PERSIST_HEAD + size, lw_id(record, PERSIST_HEAD + size));
    return PERSIST_HEAD + size + 8;
}

static void persist_refused(void *user, const char *key, int why) {
    int *refused = user;
    (void)key;
    ++*refused;
    persist_check(why == LW_CORRUPT || why == LW_RANGE || why == LW_UNKNOWN || why == LW_UNSUPPORTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct persist_diary before, after;
    static unsigned char record[PERSIST_RECORD];
    struct persist_trackers made;
    int refused = 0, kind = size > 0 ? bytes[0] % PERSIST_KINDS : 0;
    lw_persist where = LW_PERSIST_INIT;
    lw_env env = persist_env();
    if (size == 0) {
        return 0;
    }
    where.now = persist_clock(NULL);
    where.refused = persist_refused;
    where.user = &refused;
    persist_check(lw_store_memory_new(&where.store, &env, NULL) == LW_OK);
    size_t length = persist_record(bytes + 1, size - 1, kind, bytes[0] & PERSIST_WHOLE, record);
    persist_check(lw_store_put(where.store, persist_kinds[kind].key, record, length, 0, 0) == LW_OK);
    persist_open(&made);
    persist_write(&where, &made, kind, &before);
    int taken = persist_load(&where, &made, kind);
    persist_check(taken + refused == 1);
    persist_write(&where, &made, kind, &after);
    persist_check(taken == 1 || memcmp(&before, &after, sizeof before) == 0);
    persist_close(&made);
    lw_store_free(where.store);
    return 0;
}
