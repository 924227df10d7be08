/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Answers of a tracker, and the tracker as a filter. Each first returns what reservations hold that have expired. */
#include "quota/tracker.h"

#include <string.h>

/* Enters, or leaves again and tells: LW_UNKNOWN, or 0 for what is to be overlooked; then visit->entry is NULL.
   given: the time, or NULL for that of the clock; *now is told. */
static int readout_enter_when(lw_quota *quota, uint64_t node, const uint64_t *given, uint64_t *now,
                              struct lw__quota_visit *visit) {
    *visit = lw__quota_enter_when(quota, node, given, now);
    if (lw__quota_expires(quota, *now)) {
        lw__registry_leave(&quota->registry, &visit->reading);
        lw__quota_reap(quota, *now);
        *visit = lw__quota_enter(quota, node);
    }
    return visit->entry != NULL ? LW_OK : lw__quota_stranger(visit, node);
}

static int readout_enter(lw_quota *quota, uint64_t node, uint64_t now, struct lw__quota_visit *visit) {
    return readout_enter_when(quota, node, &now, &now, visit);
}

/* The same, for calls about one dimension. */
static int readout_dimension(lw_quota *quota, uint64_t node, uint32_t dimension, const uint64_t *given, uint64_t *now,
                             struct lw__quota_visit *visit) {
    visit->entry = NULL;
    if (dimension >= quota->plan.count) {
        return quota->lenient ? LW_OK : lw__fail(&quota->env, LW_UNKNOWN, "quota: there is no dimension %u", dimension);
    }
    return readout_enter_when(quota, node, given, now, visit);
}

static int remaining_when(lw_quota *quota, uint64_t node, uint32_t dimension, const uint64_t *given,
                          uint64_t *remaining) {
    struct lw__quota_visit visit;
    uint64_t now;
    int error = readout_dimension(quota, node, dimension, given, &now, &visit);
    *remaining = error == LW_OK ? LW_QUOTA_UNLIMITED : 0;
    if (visit.entry == NULL) {
        return error;
    }
    *remaining = lw__quota_left(&quota->plan, &visit.entry->node, dimension, now);
    lw__quota_leave(&visit, now, NULL);
    return LW_OK;
}

int lw_quota_remaining_at(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t now, uint64_t *remaining) {
    return remaining_when(quota, node, dimension, &now, remaining);
}

int lw_quota_remaining(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t *remaining) {
    return remaining_when(quota, node, dimension, NULL, remaining);
}

double lw_quota_ratio_at(lw_quota *quota, uint64_t node, uint64_t now) {
    struct lw__quota_visit visit;
    if (readout_enter(quota, node, now, &visit) != LW_OK) {
        return __builtin_nan("");
    }
    if (visit.entry == NULL) {
        return 1;
    }
    double ratio = lw__quota_ratio(&quota->plan, &visit.entry->node, now);
    lw__quota_leave(&visit, now, NULL);
    return ratio;
}

double lw_quota_ratio(lw_quota *quota, uint64_t node) { return lw_quota_ratio_at(quota, node, lw__now(&quota->env)); }

int lw_quota_exhausted_until_at(lw_quota *quota, uint64_t node, uint64_t now, uint64_t *until) {
    struct lw__quota_visit visit;
    *until = 0;
    int error = readout_enter(quota, node, now, &visit);
    if (visit.entry != NULL) {
        *until = lw__quota_marked_until(&visit.entry->node, now);
        lw__quota_leave(&visit, now, NULL);
    }
    return error;
}

int lw_quota_exhausted_until(lw_quota *quota, uint64_t node, uint64_t *until) {
    return lw_quota_exhausted_until_at(quota, node, lw__now(&quota->env), until);
}

/* ---- in full ---- */

static void read_entry(const lw_quota *quota, struct lw__quota_entry *entry, uint32_t dimension, uint64_t now,
                       lw_quota_reading *reading) {
    lw__quota_reading_of(&quota->plan, &entry->node, dimension, now, reading);
    reading->reserved = lw__quota_slots_reserved(&quota->slots, entry->incarnation, dimension);
}

int lw_quota_read_at(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t now, lw_quota_reading *reading) {
    struct lw__quota_visit visit;
    size_t size = reading->size;
    if (size < offsetof(lw_quota_reading, burst)) {
        return lw__fail(&quota->env, LW_INVALID, "quota: reading.size is %zu", size);
    }
    lw_quota_reading whole = {.limit = LW_QUOTA_UNLIMITED,
                              .remaining = LW_QUOTA_UNLIMITED,
                              .more_at = LW_QUOTA_NEVER,
                              .reset_at = LW_QUOTA_NEVER};
    int error = readout_dimension(quota, node, dimension, &now, &now, &visit);
    if (visit.entry != NULL) {
        read_entry(quota, visit.entry, dimension, now, &whole);
        lw__quota_leave(&visit, now, NULL);
    }
    whole.size = size < sizeof whole ? size : sizeof whole;
    if (error == LW_OK) {
        memcpy(reading, &whole, whole.size);
    }
    return error;
}

int lw_quota_read(lw_quota *quota, uint64_t node, uint32_t dimension, lw_quota_reading *reading) {
    return lw_quota_read_at(quota, node, dimension, lw__now(&quota->env), reading);
}

int lw_quota_history(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t now, lw_quota_use *uses,
                     size_t room) {
    struct lw__quota_visit visit;
    size_t found = 0;
    int error = readout_dimension(quota, node, dimension, &now, &now, &visit);
    if (visit.entry != NULL) {
        const struct lw__quota_dimension *d = &quota->plan.dimension[dimension];
        struct lw__quota_count *count = lw__quota_count_of(&quota->plan, &visit.entry->node, dimension);
        if (d->kind->history != NULL && lw__word(&count->limit) != LW_QUOTA_UNLIMITED) {
            found = d->kind->history(d, count, now, uses, room);
        }
        lw__quota_leave(&visit, now, NULL);
    }
    return error != LW_OK ? error : (int)found;
}

/* ---- walking ---- */

struct quota_walk {
    lw_quota *quota;
    uint64_t now, due;
    int (*each)(void *user, const lw_quota_snapshot *snapshot);
    void *user;
};

static int walk_snapshot(void *user, struct lw__record *record) {
    const struct quota_walk *walk = user;
    const lw_quota *quota = walk->quota;
    struct lw__quota_entry *entry = (struct lw__quota_entry *)record;
    lw_quota_reading readings[LW_QUOTA_DIMENSIONS];
    for (uint32_t i = 0; i < quota->plan.count; i++) {
        read_entry(quota, entry, i, walk->now, &readings[i]);
    }
    lw_quota_snapshot snapshot = {.size = sizeof snapshot,
                                  .node = record->id,
                                  .exhausted_until = lw__quota_marked_until(&entry->node, walk->now),
                                  .ratio = lw__quota_ratio(&quota->plan, &entry->node, walk->now),
                                  .readings = readings,
                                  .count = quota->plan.count};
    return walk->each(walk->user, &snapshot);
}

int lw_quota_each_at(lw_quota *quota, uint64_t now, int (*each)(void *user, const lw_quota_snapshot *snapshot),
                     void *user) {
    struct quota_walk walk = {quota, now, 0, each, user};
    lw__quota_reap(quota, now);
    return lw__registry_each(&quota->registry, walk_snapshot, &walk);
}

int lw_quota_each(lw_quota *quota, int (*each)(void *user, const lw_quota_snapshot *snapshot), void *user) {
    return lw_quota_each_at(quota, lw__now(&quota->env), each, user);
}

static int walk_due(void *user, struct lw__record *record) {
    struct quota_walk *walk = user;
    uint64_t due = lw__quota_node_due(&walk->quota->plan, &((struct lw__quota_entry *)record)->node, walk->now);
    walk->due = due < walk->due ? due : walk->due;
    return 0;
}

uint64_t lw_quota_next_due(lw_quota *quota, uint64_t now) {
    struct quota_walk walk = {quota, now, LW_QUOTA_NEVER, NULL, NULL};
    lw__quota_reap(quota, now);
    lw__registry_each(&quota->registry, walk_due, &walk);
    uint64_t expiry = lw__quota_slots_due(&quota->slots, now);
    return expiry < walk.due ? expiry : walk.due;
}

/* ---- as a filter ---- */

static bool filter_would_grant(lw_quota *quota, struct lw__quota_entry *entry, const lw_request *request,
                               uint64_t now) {
    uint64_t amounts[LW_QUOTA_DIMENSIONS];
    uint32_t named;
    lw_quota_refusal refusal;
    if (request->amount_count == 0) {
        return true;
    }
    if (lw__quota_spread(&quota->plan, &quota->env, request->amounts, request->amount_count, quota->lenient, amounts,
                         &named) != LW_OK) {
        return false;
    }
    named = lw__quota_estimate(&quota->plan, amounts, named);
    return lw__quota_fits(&quota->plan, &entry->node, amounts, named, now, &refusal);
}

static bool quota_allows(const lw_filter *self, const lw_nodes *nodes, uint32_t index, const lw_request *request,
                         uint64_t now) {
    const lw_quota_filter *filter = (const lw_quota_filter *)self;
    lw_quota *quota = filter->quota;
    now = now != 0 ? now : lw__now(&quota->env);
    lw__quota_reap(quota, now);
    struct lw__quota_visit visit = lw__quota_enter(quota, lw_nodes_id(nodes, index));
    bool allows = quota->lenient;
    if (visit.entry != NULL) {
        allows = lw__quota_ratio(&quota->plan, &visit.entry->node, now) >= filter->at_least &&
                 filter_would_grant(quota, visit.entry, request, now);
    }
    lw__quota_leave(&visit, now, NULL);
    return allows;
}

lw_quota_filter lw_filter_quota(lw_quota *quota, double at_least) {
    return (lw_quota_filter){{sizeof(lw_filter), 0, quota_allows}, quota, at_least};
}
