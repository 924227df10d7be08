/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records that are not what was written: damaged, cut, newer, moved; and stores that fail. */
#include "persist_shelf.h"

enum { HEALTH, LATENCY, GROUP, QUOTA, KINDS, NODE = 7, WORD = 8 };

static const char *const keys[KINDS] = {"t/health/0000000000000007", "t/latency/0000000000000007",
                                        "t/latency/group/0000000000000000", "t/quota/0000000000000007"};

struct trackers {
    lw_health *health;
    lw_latency *latency;
    lw_quota *quota;
};

static struct trackers trackers_new(void) {
    struct trackers made;
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "tpm", .window = 60 * SHELF_SECOND};
    lw_quota_limit limit = {0, 0, 1000, 0};
    options.dimensions = &dimension;
    options.dimension_count = 1;
    assert_int_equal(lw_health_new(&made.health, NULL, NULL), LW_OK);
    assert_int_equal(lw_latency_new(&made.latency, NULL, NULL), LW_OK);
    assert_int_equal(lw_quota_new(&made.quota, NULL, &options), LW_OK);
    assert_int_equal(lw_quota_register(made.quota, NODE, &limit, 1, 0), LW_OK);
    return made;
}

static void trackers_free(struct trackers *made) {
    lw_health_free(made->health);
    lw_latency_free(made->latency);
    lw_quota_free(made->quota);
}

static void trackers_use(struct trackers *made) {
    lw_sample sample = LW_SAMPLE_INIT;
    lw_amount amount = {0, 100};
    sample.latency = SHELF_MS;
    assert_int_equal(lw_health_report_at(made->health, NODE, LW_OUTCOME_FAILURE, NULL, SHELF_NOW), 1);
    assert_int_equal(lw_latency_observe_at(made->latency, NODE, &sample, SHELF_NOW), 1);
    assert_int_equal(lw_quota_record_at(made->quota, NODE, &amount, 1, SHELF_NOW), 1);
    assert_int_equal(lw_quota_mark_exhausted_at(made->quota, NODE, SHELF_SECOND, SHELF_NOW), LW_OK);
}

static int save(shelf *own, struct trackers *made, int kind) {
    switch (kind) {
    case HEALTH: return lw_persist_save_health(&own->where, made->health);
    case QUOTA: return lw_persist_save_quota(&own->where, made->quota);
    default: return lw_persist_save_latency(&own->where, made->latency);
    }
}

static int load(shelf *own, struct trackers *made, int kind) {
    switch (kind) {
    case HEALTH: return lw_persist_load_health(&own->where, made->health);
    case QUOTA: return lw_persist_load_quota(&own->where, made->quota);
    default: return lw_persist_load_latency(&own->where, made->latency);
    }
}

/* As trackers_new made them. */
static void assert_fresh(struct trackers *made) {
    lw_health_info health = {.size = sizeof health};
    lw_latency_info latency = {.size = sizeof latency};
    lw_quota_reading reading = LW_QUOTA_READING_INIT;
    uint64_t until;
    assert_int_equal(lw_health_get(made->health, NODE, &health), LW_UNKNOWN);
    assert_int_equal(lw_latency_get(made->latency, NODE, &latency), LW_UNKNOWN);
    assert_int_equal(lw_latency_group(made->latency), LW_LATENCY_ONE);
    assert_int_equal(lw_quota_read_at(made->quota, NODE, 0, SHELF_NOW, &reading), LW_OK);
    assert_int_equal(reading.used, 0);
    assert_int_equal(lw_quota_exhausted_until_at(made->quota, NODE, SHELF_NOW, &until), LW_OK);
    assert_int_equal(until, 0);
}

/* One record of this kind, alone in the store, and trackers that know nothing. */
struct bench {
    shelf own;
    struct trackers fresh;
    unsigned char bytes[SHELF_RECORD];
    size_t size;
    int kind;
};

static void bench_open(struct bench *b, int kind) {
    struct trackers used = trackers_new();
    trackers_use(&used);
    shelf_open(&b->own);
    assert_true(save(&b->own, &used, kind) > 0);
    b->kind = kind;
    b->size = shelf_take(&b->own, keys[kind], b->bytes);
    for (int i = 0; i < KINDS; i++) {
        lw_store_remove(b->own.store, keys[i], 0);
    }
    trackers_free(&used);
    b->fresh = trackers_new();
}

static void bench_close(struct bench *b) {
    trackers_free(&b->fresh);
    shelf_close(&b->own);
}

static void bench_refuses(struct bench *b, const void *bytes, size_t size) {
    shelf_lay(&b->own, keys[b->kind], bytes, size);
    assert_refuses(&b->own, load(&b->own, &b->fresh, b->kind), LW_CORRUPT);
    assert_string_equal(b->own.key, keys[b->kind]);
    assert_fresh(&b->fresh);
}

/* The record is good, so that the refusals before had the reasons that they were meant to have. */
static void bench_takes(struct bench *b) {
    shelf_lay(&b->own, keys[b->kind], b->bytes, b->size);
    b->own.refused = 0;
    assert_int_equal(load(&b->own, &b->fresh, b->kind), 1);
    assert_int_equal(b->own.refused, 0);
}

static void test_every_wrong_byte_is_found(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct bench b;
        bench_open(&b, kind);
        for (size_t at = 0; at < b.size; at++) {
            for (unsigned flip = 1; flip < 256; flip++) { /* among them each single bit */
                b.bytes[at] ^= (unsigned char)flip;
                bench_refuses(&b, b.bytes, b.size);
                b.bytes[at] ^= (unsigned char)flip;
            }
        }
        bench_takes(&b);
        bench_close(&b);
    }
}

static void test_every_cut_is_found(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct bench b;
        unsigned char longer[SHELF_RECORD + WORD] = {0};
        bench_open(&b, kind);
        for (size_t size = 0; size < b.size; size++) {
            bench_refuses(&b, b.bytes, size);
            bench_refuses(&b, b.bytes + size + 1, b.size - size - 1);
        }
        memcpy(longer, b.bytes, b.size);
        for (size_t more = 1; more <= WORD; more++) {
            bench_refuses(&b, longer, b.size + more);
        }
        bench_takes(&b);
        bench_close(&b);
    }
}

/* The same with a checksum that is right: what is missing or too much is found all the same. */
static void test_lengths_that_a_checksum_does_not_tell(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct bench b;
        unsigned char changed[SHELF_RECORD + WORD];
        bench_open(&b, kind);
        for (size_t size = 2 * WORD; size < b.size; size += WORD) {
            memcpy(changed, b.bytes, b.size);
            shelf_seal(changed, size);
            bench_refuses(&b, changed, size);
        }
        memcpy(changed, b.bytes, b.size);
        for (size_t more = 1; more <= WORD; more++) {
            memcpy(changed, b.bytes, b.size);
            shelf_seal(changed, b.size + more);
            bench_refuses(&b, changed, b.size + more);
        }
        bench_takes(&b);
        bench_close(&b);
    }
}

/* Each byte of the head, sealed anew: the magic, any other version, kinds that are unknown or another's, spare bytes.
 */
static void test_heads_of_other_records(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct bench b;
        bench_open(&b, kind);
        for (size_t at = 0; at < WORD; at++) {
            unsigned char own = b.bytes[at];
            for (unsigned byte = 0; byte < 256; byte++) {
                if (byte != own) {
                    b.bytes[at] = (unsigned char)byte;
                    shelf_seal(b.bytes, b.size);
                    bench_refuses(&b, b.bytes, b.size);
                }
            }
            b.bytes[at] = own;
        }
        shelf_seal(b.bytes, b.size);
        bench_takes(&b);
        bench_close(&b);
    }
}

/* Good records under keys that are not theirs: another kind's, another node's, an older copy under a longer key. */
static void test_records_under_other_keys(void **state) {
    (void)state;
    static const char *const others[KINDS] = {"t/health/0000000000000008", "t/latency/0000000000000070",
                                              "t/latency/0000000000000000", "t/quota/0000000000000007.bak"};
    for (int kind = 0; kind < KINDS; kind++) {
        struct bench b;
        bench_open(&b, kind);
        for (int other = 0; other < KINDS; other++) {
            if (other != kind) {
                b.kind = other;
                bench_refuses(&b, b.bytes, b.size);
                lw_store_remove(b.own.store, keys[other], 0);
            }
        }
        b.kind = kind;
        shelf_lay(&b.own, others[kind], b.bytes, b.size);
        assert_refuses(&b.own, load(&b.own, &b.fresh, kind), LW_CORRUPT);
        assert_string_equal(b.own.key, others[kind]);
        assert_fresh(&b.fresh);
        bench_close(&b);
    }
}

/* Numbers of a quota that cannot be, sealed: no count makes the reader run on. */
static void test_counts_of_a_quota_that_cannot_be(void **state) {
    (void)state;
    struct bench b;
    const size_t counts[] = {4 * WORD, 7 * WORD}; /* of dimensions, of uses */
    const uint64_t wrong[] = {0, 2, 33, 1002, UINT32_MAX, UINT64_C(1) << 32 | 1, UINT64_C(1) << 63, UINT64_MAX};
    bench_open(&b, QUOTA);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b.bytes[counts[i]], 1);
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            unsigned char changed[SHELF_RECORD];
            memcpy(changed, b.bytes, b.size);
            for (int byte = 0; byte < WORD; byte++) {
                changed[counts[i] + (size_t)byte] = (unsigned char)(wrong[k] >> (8 * byte));
            }
            shelf_seal(changed, b.size);
            bench_refuses(&b, changed, b.size);
        }
    }
    bench_takes(&b);
    bench_close(&b);
}

/* The one dimension of the record, without its uses, so many times. */
static size_t repeat_dimension(const struct bench *b, size_t times, unsigned char *record) {
    const size_t head = 5 * WORD, dimension = 3 * WORD;
    memcpy(record, b->bytes, head);
    record[4 * WORD] = (unsigned char)times;
    for (size_t i = 0; i < times; i++) {
        memcpy(record + head + i * dimension, b->bytes + head, dimension);
        record[head + i * dimension + 2 * WORD] = 0;
    }
    size_t size = head + times * dimension + WORD;
    shelf_seal(record, size);
    return size;
}

static void test_more_dimensions_than_there_can_be(void **state) {
    (void)state;
    struct bench b;
    unsigned char record[1024];
    bench_open(&b, QUOTA);
    bench_refuses(&b, record, repeat_dimension(&b, LW_QUOTA_DIMENSIONS + 1, record));
    bench_refuses(&b, record, repeat_dimension(&b, 40, record));
    shelf_lay(&b.own, keys[QUOTA], record, repeat_dimension(&b, LW_QUOTA_DIMENSIONS, record));
    assert_int_equal(load(&b.own, &b.fresh, QUOTA), 1);
    bench_close(&b);
}

/* An age that would wrap around with the time between: older than the clock. */
static void test_the_largest_age(void **state) {
    (void)state;
    struct bench b;
    lw_health_info info = {.size = sizeof info};
    bench_open(&b, HEALTH);
    memset(b.bytes + 8 * WORD, 0xff, WORD);
    b.bytes[8 * WORD] = 0xfe;
    shelf_seal(b.bytes, b.size);
    shelf_wake(&b.own, SHELF_LATER, SHELF_THEN);
    bench_takes(&b);
    assert_int_equal(lw_health_get(b.fresh.health, NODE, &info), LW_OK);
    assert_int_equal(info.state.last_failure, 1);
    bench_close(&b);
}

/* A refusal without a hook changes nothing else, and the good records beside it are taken. */
static void test_the_others_go_on(void **state) {
    (void)state;
    struct bench b;
    lw_health_info info = {.size = sizeof info};
    bench_open(&b, HEALTH);
    shelf_lay(&b.own, keys[HEALTH], b.bytes, b.size);
    shelf_lay(&b.own, "t/health/0", "", 0);
    shelf_lay(&b.own, "t/health/zebra", "junk", 4);
    b.own.where.refused = NULL;
    assert_int_equal(load(&b.own, &b.fresh, HEALTH), 1);
    assert_int_equal(lw_health_get(b.fresh.health, NODE, &info), LW_OK);
    bench_close(&b);
}

/* ---- arguments ---- */

static void test_arguments(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct bench b;
        ledger book;
        char prefix[202];
        ledger_open(&book);
        bench_open(&b, kind);
        lw_env env = ledger_env(&book, 1), half = env;
        lw_persist good = b.own.where;
        memset(prefix, 'p', sizeof prefix);
        prefix[201] = '\0';
        b.own.where.env = &env;
        b.own.where.prefix = prefix;
        assert_int_equal(save(&b.own, &b.fresh, kind), LW_RANGE);
        assert_told(&book, LW_RANGE, "200");
        assert_int_equal(load(&b.own, &b.fresh, kind), LW_RANGE);
        prefix[200] = '\0';
        trackers_use(&b.fresh);
        int saved = save(&b.own, &b.fresh, kind);
        assert_true(saved > 0);
        assert_int_equal(load(&b.own, &b.fresh, kind), saved);
        half.release = NULL;
        b.own.where.env = &half;
        assert_int_equal(save(&b.own, &b.fresh, kind), LW_INVALID);
        assert_int_equal(load(&b.own, &b.fresh, kind), LW_INVALID);
        b.own.where = good;
        b.own.where.size--;
        assert_int_equal(save(&b.own, &b.fresh, kind), LW_INVALID);
        assert_int_equal(load(&b.own, &b.fresh, kind), LW_INVALID);
        b.own.where = good;
        b.own.where.store = NULL;
        assert_int_equal(save(&b.own, &b.fresh, kind), LW_INVALID);
        assert_int_equal(load(&b.own, &b.fresh, kind), LW_INVALID);
        bench_close(&b);
        ledger_close(&book);
    }
}

/* No prefix is an empty one; records of others, and of a longer prefix, are not seen or not taken. */
static void test_prefixes_keep_apart(void **state) {
    (void)state;
    struct bench b;
    struct trackers used = trackers_new();
    trackers_use(&used);
    bench_open(&b, HEALTH);
    b.own.where.prefix = "b/";
    assert_int_equal(save(&b.own, &used, HEALTH), 1);
    b.own.where.prefix = "a/health/"; /* its records are at a/health/health/... */
    assert_int_equal(save(&b.own, &used, HEALTH), 1);
    b.own.where.prefix = "a/";
    assert_refuses(&b.own, load(&b.own, &b.fresh, HEALTH), LW_CORRUPT);
    b.own.where.prefix = NULL;
    assert_int_equal(load(&b.own, &b.fresh, HEALTH), 0);
    assert_int_equal(save(&b.own, &used, HEALTH), 1);
    assert_int_equal(load(&b.own, &b.fresh, HEALTH), 1);
    assert_int_equal(lw_store_get(b.own.store, "health/0000000000000007", NULL, 0, 0), (ptrdiff_t)b.size);
    trackers_free(&used);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wrong_byte_is_found),
        cmocka_unit_test(test_every_cut_is_found),
        cmocka_unit_test(test_lengths_that_a_checksum_does_not_tell),
        cmocka_unit_test(test_heads_of_other_records),
        cmocka_unit_test(test_records_under_other_keys),
        cmocka_unit_test(test_counts_of_a_quota_that_cannot_be),
        cmocka_unit_test(test_more_dimensions_than_there_can_be),
        cmocka_unit_test(test_the_largest_age),
        cmocka_unit_test(test_the_others_go_on),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_prefixes_keep_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
