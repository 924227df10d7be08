/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ejections by the fleet. Whose failures bring the fleet's sums to
 *
 *     failed x 100 >= failure_percent x (ok + failed)   and   ok + failed >= failure_volume
 *
 * writes a record beside the node, if there is none, and everybody who finds one obeys it, once, as long as it says but
 * no longer than its own `ejection`. The record is text, for people too, and goes by itself when the ejection ends:
 *
 *     loadwise ejection 1
 *     until 1764000000000000        us since 1970, by the clock of the store
 *     by gateway-3
 *     why 12 of 20 requests failed
 *
 * The failures that led to it are out of the window when it ends, for an ejection is no shorter; the window's last
 * bucket may be, and so the fleet is not judged anew before a tenth of the window more has passed.
 * Cost: a second batch, and only when somebody was judged.
 */
#include "pool/sync.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VERDICT_STEPS = 2, WHY = 128 };

static const char record_head[] = "loadwise ejection 1\n";

struct verdict {
    uint64_t until; /* us, by the store's clock */
    char who[LW__SYNC_NAME + 1], why[WHY];
};

/* ---- records ---- */

/* One line "word text\n" from *at on; false where it is another one, not printable, or too long. */
static bool read_line(const char **at, const char *word, char *text, size_t room) {
    size_t size = strlen(word), length = 0;
    if (strncmp(*at, word, size) != 0 || (*at)[size] != ' ') {
        return false;
    }
    const char *from = *at + size + 1;
    while (from[length] >= ' ' && from[length] <= '~') {
        length++;
    }
    if (from[length] != '\n' || length == 0 || length >= room) {
        return false;
    }
    memcpy(text, from, length);
    text[length] = 0;
    *at = from + length + 1;
    return true;
}

static bool read_number(const char *text, uint64_t *number) {
    *number = 0;
    for (size_t i = 0; text[i] != 0; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= 16) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

static bool read_record(const char *record, struct verdict *verdict) {
    char until[32];
    size_t head = sizeof record_head - 1;
    if (strncmp(record, record_head, head) != 0) {
        return false;
    }
    record += head;
    return read_line(&record, "until", until, sizeof until) && read_number(until, &verdict->until) &&
           read_line(&record, "by", verdict->who, sizeof verdict->who) &&
           read_line(&record, "why", verdict->why, sizeof verdict->why);
}

/* ---- judging ---- */

/* Is it out already, or back for so short a time that what led to it may still be counted? */
static bool is_past(const struct lw__sync *sync, const struct lw__node *node) {
    uint64_t judged = node->sync->judged_until;
    return judged != 0 && sync->now < lw__after(judged, sync->options.window / 10);
}

void lw__sync_judge(lw_pool *pool, struct lw__sync_entry *entry, const struct lw__node *node) {
    const struct lw__sync *sync = pool->sync;
    uint64_t good = entry->counts[0].used, failed = entry->counts[1].used, all = good + failed;
    bool own = (uint32_t)entry->ended != 0;
    if (own && !sync->leaving && !is_past(sync, node) && all >= sync->options.failure_volume &&
        failed * 100 >= all * sync->options.failure_percent) {
        uint64_t until = (entry->health.time + sync->options.ejection) / 1000;
        entry->judged = true;
        snprintf(entry->own, sizeof entry->own, "%suntil %llu\nby %s\nwhy %llu of %llu requests failed\n", record_head,
                 (unsigned long long)until, sync->instance, (unsigned long long)failed, (unsigned long long)all);
    }
}

/* ---- telling ---- */

static void add_verdict(struct lw__sync *sync, struct lw__sync_entry *entry) {
    const char *key = sync->memory.steps[entry->part[LW__PART_STATUS]].key;
    lw_store_step *step = &sync->memory.steps[sync->steps];
    step[0] = (lw_store_step){.op = LW_STORE_COMPARE_AND_SET,
                              .key = key,
                              .value = entry->own,
                              .value_size = strlen(entry->own),
                              .ttl = sync->options.ejection};
    step[1] = (lw_store_step){.op = LW_STORE_GET, .key = key, .out = entry->record, .room = LW__SYNC_RECORD};
    step[0].answer = step[1].answer = LW_UNAVAILABLE;
    sync->steps += VERDICT_STEPS;
}

/* Whoever was first has the say; where that cannot be asked, it is this process. */
static void take_verdict(const struct lw__sync *sync, struct lw__sync_entry *entry, const lw_store_step *asked) {
    ptrdiff_t *answer = &sync->memory.steps[entry->part[LW__PART_STATUS]].answer;
    *answer = asked[1].answer;
    if (*answer < 0) {
        memcpy(entry->record, entry->own, sizeof entry->own);
        *answer = (ptrdiff_t)strlen(entry->own);
    }
}

/* The steps of the first batch that were not asked for a status are behind us: those of the verdicts take their place
   after the last one. */
int lw__sync_tell_verdicts(lw_pool *pool, lw_store *store, uint64_t deadline) {
    struct lw__sync *sync = pool->sync;
    uint32_t first = sync->steps, next = first;
    for (uint32_t i = 0; i < sync->count; i++) {
        if (sync->memory.entries[i].judged) {
            add_verdict(sync, &sync->memory.entries[i]);
        }
    }
    if (sync->steps == first) {
        return LW_OK;
    }
    int error = lw_store_batch(store, &sync->memory.steps[first], sync->steps - first, deadline);
    for (uint32_t i = 0; i < sync->count; i++) {
        if (sync->memory.entries[i].judged) {
            take_verdict(sync, &sync->memory.entries[i], &sync->memory.steps[next]);
            next += VERDICT_STEPS;
        }
    }
    return error;
}

/* ---- obeying ---- */

static void tell_judged(const lw_pool *pool, const struct lw__node *node, const struct verdict *verdict,
                        uint64_t until) {
    const lw_observer *observer = &pool->rules.observer;
    if (observer->judged != NULL) {
        lw__telling_begin();
        observer->judged(observer->user, node->id, verdict->who, verdict->why, until);
        lw__telling_end();
    }
}

/* False when the cap does not allow it now; it may at the next sync. */
static bool obey(lw_pool *pool, struct lw__node *node, uint64_t until) {
    struct lw__sync *sync = pool->sync;
    if (lw__outlier_eject(pool, node, until, LW_CAUSE_FLEET, sync->now)) {
        sync->ejected++;
        return true;
    }
    bool out = lw__node_time(&node->ejected_until) > sync->now;
    if (out) { /* as an outlier; then for the longer of both */
        lw__raise(&node->ejected_until, until);
        lw__node_settle(pool, node, sync->now);
    }
    return out;
}

void lw__sync_obey(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node) {
    struct lw__sync *sync = pool->sync;
    struct verdict verdict;
    ptrdiff_t size = lw__sync_answer(sync, entry, LW__PART_STATUS);
    uint64_t store_time = sync->clock.time / 1000;
    if (size < 0 || store_time == 0) {
        return;
    }
    entry->record[size < LW__SYNC_RECORD ? size : LW__SYNC_RECORD - 1] = 0;
    if (size >= LW__SYNC_RECORD || strlen(entry->record) != (size_t)size || !read_record(entry->record, &verdict)) {
        lw__fail(&pool->env, LW_CORRUPT, "sync: the record of an ejection of %.100s is damaged, and ignored",
                 node->name);
        return;
    }
    if (verdict.until <= store_time || verdict.until == node->sync->verdict) {
        return;
    }
    uint64_t span = (verdict.until - store_time) * 1000, most = sync->options.ejection;
    uint64_t until = lw__after(sync->now, span < most ? span : most);
    if (obey(pool, node, until)) {
        node->sync->verdict = verdict.until;
        __atomic_store_n(&node->sync->judged_until, until, __ATOMIC_RELAXED);
        tell_judged(pool, node, &verdict, until);
    }
}
