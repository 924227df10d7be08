/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Quotas in records: ns that the node stays marked, number of dimensions, and for each: lw_id of its name, number of
 * uses, age and amount of each use, oldest first. Dimensions go by name, so a program that numbers them otherwise reads
 * them.
 */
#include "persist/record.h"

#include <loadwise/id.h>
#include <string.h>

enum { USES = LW_QUOTA_RESOLUTION + 1 };

struct saving {
    struct lw__persist persist;
    lw_quota *quota;
    lw_quota_use *uses; /* room for one dimension */
};

static void save_dimension(struct saving *saving, uint64_t node, uint32_t dimension) {
    struct lw__persist *persist = &saving->persist;
    const char *name = lw_quota_dimension_name(saving->quota, dimension);
    int count = lw_quota_history(saving->quota, node, dimension, persist->where.now, saving->uses, USES);
    lw__record_word(persist, lw_id(name, strlen(name)));
    lw__record_word(persist, count > 0 ? (uint64_t)count : 0);
    for (int i = 0; i < count; i++) {
        lw__record_age(persist, saving->uses[i].at);
        lw__record_word(persist, saving->uses[i].amount);
    }
}

static int save_node(void *user, const lw_quota_snapshot *snapshot) {
    struct saving *saving = user;
    uint64_t now = saving->persist.where.now, until = snapshot->exhausted_until;
    lw__record_begin(&saving->persist, LW__RECORD_QUOTA, snapshot->node);
    lw__record_word(&saving->persist, until > now ? until - now : 0);
    lw__record_word(&saving->persist, snapshot->count);
    for (uint32_t d = 0; d < snapshot->count; d++) {
        save_dimension(saving, snapshot->node, d);
    }
    return lw__record_put(&saving->persist);
}

int lw_persist_save_quota(const lw_persist *where, lw_quota *quota) {
    struct saving saving = {.quota = quota};
    int error = lw__persist_begin(&saving.persist, where, "quota/");
    if (error != LW_OK) {
        return error;
    }
    saving.uses = lw__alloc(&saving.persist.env, USES * sizeof *saving.uses);
    if (saving.uses == NULL) {
        return LW_NOMEM;
    }
    lw_quota_each_at(quota, where->now, save_node, &saving);
    lw__release(&saving.persist.env, saving.uses);
    return lw__persist_end(&saving.persist);
}

/* ---- reading ---- */

static int find_dimension(const lw_quota *quota, uint64_t name) {
    for (uint32_t d = 0; d < LW_QUOTA_DIMENSIONS; d++) {
        const char *own = lw_quota_dimension_name(quota, d);
        if (own != NULL && lw_id(own, strlen(own)) == name) {
            return (int)d;
        }
    }
    return LW_UNKNOWN;
}

/* One dimension: only looked through, or recorded too. */
static int read_dimension(lw_quota *quota, struct lw__reader *reader, bool record) {
    int dimension = find_dimension(quota, lw__read_word(reader));
    uint64_t uses = lw__read_word(reader);
    if (reader->short_of || uses > USES) {
        return LW_CORRUPT;
    }
    for (uint64_t i = 0; i < uses; i++) {
        uint64_t at = lw__read_time(reader);
        lw_amount amount = {(uint32_t)dimension, lw__read_word(reader)};
        if (record) {
            lw_quota_record_at(quota, reader->node, &amount, 1, at != 0 ? at : 1);
        }
    }
    return dimension < 0 ? dimension : LW_OK;
}

static int read_record(lw_quota *quota, struct lw__reader *reader, bool record) {
    uint64_t marked = lw__read_word(reader);
    uint32_t dimensions = lw__read_small(reader);
    for (uint32_t d = 0; d < dimensions; d++) {
        int error = read_dimension(quota, reader, record);
        if (error != LW_OK) {
            return error;
        }
    }
    if (record && marked > reader->elapsed) {
        lw_quota_mark_exhausted_at(quota, reader->node, marked - reader->elapsed, reader->now);
    }
    return reader->kind == LW__RECORD_QUOTA && lw__read_all(reader) ? LW_OK : LW_CORRUPT;
}

/* Looked through whole before anything of it is recorded. */
static int take_node(void *user, struct lw__reader *reader) {
    lw_quota *quota = user;
    struct lw__reader again = *reader;
    uint64_t until;
    int error = read_record(quota, reader, false);
    if (error == LW_OK) {
        error = lw_quota_exhausted_until_at(quota, reader->node, reader->now, &until);
    }
    return error == LW_OK ? read_record(quota, &again, true) : error;
}

int lw_persist_load_quota(const lw_persist *where, lw_quota *quota) {
    return lw__persist_load(where, "quota/", take_node, quota);
}
