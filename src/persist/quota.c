/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Quotas in records: ns that the node stays marked, number of dimensions, and for each: lw_id of its name, ns until all
 * of it has come back, number of uses, age and amount of each use, oldest first. Dimensions go by name, so a program
 * that numbers them otherwise reads them. With the time until all is back, a process whose clock is younger than the
 * uses does not take them for new ones.
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

/* LW_QUOTA_NEVER stays what it is. */
static uint64_t span_until(const struct lw__persist *persist, uint64_t time) {
    uint64_t now = persist->where.now;
    return time == LW_QUOTA_NEVER ? time : time > now ? time - now : 0;
}

static void save_dimension(struct saving *saving, uint64_t node, uint32_t dimension, uint64_t back_at) {
    struct lw__persist *persist = &saving->persist;
    const char *name = lw_quota_dimension_name(saving->quota, dimension);
    int count = lw_quota_history(saving->quota, node, dimension, persist->where.now, saving->uses, USES);
    lw__record_word(persist, lw_id(name, strlen(name)));
    lw__record_word(persist, span_until(persist, back_at));
    lw__record_word(persist, count > 0 ? (uint64_t)count : 0);
    for (int i = 0; i < count; i++) {
        lw__record_age(persist, saving->uses[i].at);
        lw__record_word(persist, saving->uses[i].amount);
    }
}

static int save_node(void *user, const lw_quota_snapshot *snapshot) {
    struct saving *saving = user;
    lw__record_begin(&saving->persist, LW__RECORD_QUOTA, snapshot->node);
    lw__record_word(&saving->persist, span_until(&saving->persist, snapshot->exhausted_until));
    lw__record_word(&saving->persist, snapshot->count);
    for (uint32_t d = 0; d < snapshot->count; d++) {
        save_dimension(saving, snapshot->node, d, snapshot->readings[d].reset_at);
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

/* One use. Amount 0 changes nothing, but is refused where a real one would be. */
static int read_use(lw_quota *quota, struct lw__reader *reader, uint32_t dimension, bool record) {
    uint64_t at = lw__read_time(reader);
    lw_amount amount = {dimension, lw__read_word(reader)};
    amount.amount = record ? amount.amount : 0;
    int answer = lw_quota_record_at(quota, reader->node, &amount, 1, at);
    return answer < 0 ? answer : LW_OK;
}

/* One dimension: only looked through, or recorded too, unless all of it has come back by now. */
static int read_dimension(lw_quota *quota, struct lw__reader *reader, bool record) {
    int dimension = find_dimension(quota, lw__read_word(reader)), error = LW_OK;
    bool counts = lw__read_word(reader) > reader->elapsed;
    uint64_t uses = lw__read_word(reader);
    if (reader->short_of || uses > USES || 2 * uses > reader->words) {
        return LW_CORRUPT;
    }
    if (dimension < 0) {
        return dimension;
    }
    for (uint64_t i = 0; i < uses && error == LW_OK; i++) {
        error = read_use(quota, reader, (uint32_t)dimension, record && counts);
    }
    return error;
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
    return lw__read_all(reader) ? LW_OK : LW_CORRUPT;
}

/* Looked through whole before anything of it is recorded. A node that is not registered keeps no record, also where
 * the tracker overlooks that. */
static int take_node(void *user, struct lw__reader *reader) {
    lw_quota *quota = user;
    struct lw__reader again = *reader;
    int error = reader->kind == LW__RECORD_QUOTA ? read_record(quota, reader, false) : LW_CORRUPT;
    if (error == LW_OK) {
        int known = lw_quota_record_at(quota, reader->node, NULL, 0, reader->now);
        error = known == 1 ? read_record(quota, &again, true) : LW_UNKNOWN;
    }
    return error;
}

int lw_persist_load_quota(const lw_persist *where, lw_quota *quota) {
    return lw__persist_load(where, "quota/", take_node, quota);
}
