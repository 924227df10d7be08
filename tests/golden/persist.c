/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Records of trackers, byte for byte: written so on every platform, and read back into trackers that write the same.
 * The layout is that of docs/api/persist.md; a record of today is to be read by every later version.
 */
#include "golden.h"

#include <loadwise/persist.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define NOW (100 * SECOND)
#define WALL UINT64_C(0x1122334455667788)
#define NODE UINT64_C(0xfedcba9876543210)

enum { RECORD_SIZE = 256 };

static const struct golden_record {
    const char *key, *hex;
} records[] = {
    {"golden/health/fedcba9876543210",
     "6c777374010100001032547698badcfe8877665544332211020000000000000003000000000000000000000000000000"
     "0100000000000000000000000000000000f2052a0100000000e40b5402000000474500f0d4346af7"},
    {"golden/latency/fedcba9876543210",
     "6c777374010200001032547698badcfe8877665544332211000000286bee0000000000286bee00000100000000000000"
     "00e89a3b00000000ef7e3f89453dbb90"},
    {"golden/latency/group/0000000000000000",
     "6c7773740103000000000000000000008877665544332211000000286bee0000576d484bcb0204b0"},
    {"golden/quota/fedcba9876543210",
     "6c777374010400001032547698badcfe887766554433221100863ba10100000002000000000000006337d17f99d9a812"
     "00ec7c6f0e000000020000000000000001ba1dd205000000020100000000000000000000000000000201000000000000"
     "4bdf2c44081e79b88017b42c000000000100000000000000000000000000000003000000000000000b7cf3cf8f5ef2ac"},
};

static void read_hex(const struct golden_record *record, unsigned char *bytes, size_t *size) {
    unsigned byte;
    *size = 0;
    for (const char *at = record->hex; *size < RECORD_SIZE && sscanf(at, "%2x", &byte) == 1; at += 2) {
        bytes[(*size)++] = (unsigned char)byte;
    }
}

struct trackers {
    lw_health *health;
    lw_latency *latency;
    lw_quota *quota;
};

static struct trackers make_trackers(void) {
    struct trackers made = {NULL, NULL, NULL};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_dimension dimensions[] = {
        {sizeof(lw_quota_dimension), "tpm", LW_QUOTA_SLIDING, LW_QUOTA_EXACT, 60 * SECOND, 20, LW_QUOTA_COVER_FULL, 0,
         0},
        {sizeof(lw_quota_dimension), "rps", LW_QUOTA_GCRA, LW_QUOTA_EXACT, SECOND, 0, LW_QUOTA_COVER_FULL, 0, 0},
    };
    lw_quota_limit limits[] = {{0, 0, 1000, 0}, {1, 0, 4, 8}};
    options.dimensions = dimensions;
    options.dimension_count = 2;
    if (lw_health_new(&made.health, NULL, NULL) != LW_OK || lw_latency_new(&made.latency, NULL, NULL) != LW_OK ||
        lw_quota_new(&made.quota, NULL, &options) != LW_OK ||
        lw_quota_register(made.quota, NODE, limits, 2, 0) != LW_OK) {
        exit(EXIT_FAILURE);
    }
    return made;
}

static void free_trackers(struct trackers *made) {
    lw_health_free(made->health);
    lw_latency_free(made->latency);
    lw_quota_free(made->quota);
}

static void use_trackers(struct trackers *made) {
    lw_amount tokens = {0, 258}, request = {1, 3};
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = SECOND / 4;
    GOLDEN_CHECK(lw_health_report_at(made->health, NODE, LW_OUTCOME_OK, NULL, 90 * SECOND) == 1);
    for (int i = 0; i < 3; i++) {
        GOLDEN_CHECK(lw_health_report_at(made->health, NODE, LW_OUTCOME_FAILURE, NULL, 95 * SECOND) == 1);
    }
    GOLDEN_CHECK(lw_latency_observe_at(made->latency, NODE, &sample, 99 * SECOND) == 1);
    GOLDEN_CHECK(lw_quota_record_at(made->quota, NODE, &tokens, 1, 72 * SECOND) == 1);
    GOLDEN_CHECK(lw_quota_record_at(made->quota, NODE, &tokens, 1, 99 * SECOND) == 1);
    GOLDEN_CHECK(lw_quota_record_at(made->quota, NODE, &request, 1, 100 * SECOND) == 1);
    GOLDEN_CHECK(lw_quota_mark_exhausted_at(made->quota, NODE, 7 * SECOND, 100 * SECOND) == LW_OK);
}

static void check_written(lw_store *store) {
    unsigned char expected[RECORD_SIZE], found[RECORD_SIZE];
    for (size_t i = 0; i < GOLDEN_COUNT(records); i++) {
        size_t size;
        read_hex(&records[i], expected, &size);
        ptrdiff_t given = lw_store_get(store, records[i].key, found, sizeof found, 0);
        GOLDEN_CHECK(given == (ptrdiff_t)size && memcmp(found, expected, size) == 0);
    }
}

static void clear(lw_store *store) {
    for (size_t i = 0; i < GOLDEN_COUNT(records); i++) {
        GOLDEN_CHECK(lw_store_remove(store, records[i].key, 0) == 1);
    }
}

static void save(const lw_persist *where, struct trackers *made) {
    GOLDEN_CHECK(lw_persist_save_health(where, made->health) == 1);
    GOLDEN_CHECK(lw_persist_save_latency(where, made->latency) == 2);
    GOLDEN_CHECK(lw_persist_save_quota(where, made->quota) == 1);
}

static void lay_out(lw_store *store) {
    unsigned char bytes[RECORD_SIZE];
    for (size_t i = 0; i < GOLDEN_COUNT(records); i++) {
        size_t size;
        read_hex(&records[i], bytes, &size);
        GOLDEN_CHECK(lw_store_put(store, records[i].key, bytes, size, 0, 0) == LW_OK);
    }
}

static void load(const lw_persist *where, struct trackers *made) {
    GOLDEN_CHECK(lw_persist_load_health(where, made->health) == 1);
    GOLDEN_CHECK(lw_persist_load_latency(where, made->latency) == 2);
    GOLDEN_CHECK(lw_persist_load_quota(where, made->quota) == 1);
}

int main(void) {
    lw_persist where = LW_PERSIST_INIT;
    struct trackers first = make_trackers(), second = make_trackers();
    if (lw_store_memory_new(&where.store, NULL, NULL) != LW_OK) {
        return EXIT_FAILURE;
    }
    where.prefix = "golden/";
    where.now = NOW;
    where.wall = WALL;
    use_trackers(&first);
    save(&where, &first);
    check_written(where.store);
    clear(where.store);
    lay_out(where.store);
    load(&where, &second);
    clear(where.store);
    save(&where, &second);
    check_written(where.store);
    free_trackers(&first);
    free_trackers(&second);
    lw_store_free(where.store);
    return golden_verdict();
}
