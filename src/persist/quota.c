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

/* The uses of one dimension, the next one first. */
struct uses {
    struct lw__reader reader; /* behind the next one */
    uint64_t left;            /* the next one too */
    uint64_t at;
    lw_amount amount;
};

static void next_use(struct uses *uses) {
    uses->at = lw__read_time(&uses->reader);
    uses->amount.amount = lw__read_word(&uses->reader);
}

/* Amount 0 at time 0 changes nothing, but is refused where a real one would be. */
static int try_use(lw_quota *quota, uint64_t node, lw_amount amount) {
    amount.amount = 0;
    int answer = lw_quota_record_at(quota, node, &amount, 1, 0);
    return answer == 0 ? LW_UNKNOWN : answer < 0 ? answer : LW_OK;
}

/* Finds the uses of one dimension and leaves the reader behind them. None are left if all have come back by now. */
static int find_uses(lw_quota *quota, struct lw__reader *reader, struct uses *uses) {
    int dimension = find_dimension(quota, lw__read_word(reader));
    bool counts = lw__read_word(reader) > reader->elapsed;
    uint64_t count = lw__read_word(reader);
    if (reader->short_of || count > USES || 2 * count > reader->words) {
        return LW_CORRUPT;
    }
    if (dimension < 0) {
        return dimension;
    }
    *uses = (struct uses){.reader = *reader, .left = counts ? count : 0, .amount.dimension = (uint32_t)dimension};
    next_use(uses);
    for (uint64_t i = 0; i < count; i++) {
        lw__read_time(reader);
        lw__read_word(reader);
    }
    return count > 0 ? try_use(quota, reader->node, uses->amount) : LW_OK;
}

/* Oldest first over all dimensions: the tracker's time does not step back. */
static void record_uses(lw_quota *quota, uint64_t node, struct uses *uses, uint32_t count) {
    for (;;) {
        struct uses *oldest = NULL;
        for (struct uses *one = uses; one < uses + count; one++) {
            if (one->left > 0 && (oldest == NULL || one->at < oldest->at)) {
                oldest = one;
            }
        }
        if (oldest == NULL) {
            return;
        }
        lw_quota_record_at(quota, node, &oldest->amount, 1, oldest->at);
        oldest->left--;
        next_use(oldest);
    }
}

/* Looked through whole before anything of it is recorded. A node that is not registered keeps no record, also where
 * the tracker overlooks that. */
static int take_node(void *user, struct lw__reader *reader) {
    lw_quota *quota = user;
    struct uses uses[LW_QUOTA_DIMENSIONS];
    uint64_t marked = lw__read_word(reader);
    uint32_t count = lw__read_small(reader);
    if (reader->kind != LW__RECORD_QUOTA || count > LW_QUOTA_DIMENSIONS) {
        return LW_CORRUPT;
    }
    for (uint32_t d = 0; d < count; d++) {
        int error = find_uses(quota, reader, &uses[d]);
        if (error != LW_OK) {
            return error;
        }
    }
    if (!lw__read_all(reader)) {
        return LW_CORRUPT;
    }
    if (lw_quota_record_at(quota, reader->node, NULL, 0, 0) != 1) {
        return LW_UNKNOWN;
    }
    record_uses(quota, reader->node, uses, count);
    if (marked > reader->elapsed) {
        lw_quota_mark_exhausted_at(quota, reader->node, marked - reader->elapsed, reader->now);
    }
    return LW_OK;
}

int lw_persist_load_quota(const lw_persist *where, lw_quota *quota) {
    return lw__persist_load(where, "quota/", take_node, quota);
}
