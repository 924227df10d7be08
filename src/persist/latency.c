/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Latency in records: mean, peak, samples, age of the last sample; and one more for the group's cost. */
#include "persist/record.h"

static int save_node(void *user, const lw_latency_info *info) {
    struct lw__persist *persist = user;
    lw__record_begin(persist, LW__RECORD_LATENCY, info->node);
    lw__record_word(persist, info->mean);
    lw__record_word(persist, info->peak);
    lw__record_word(persist, info->samples);
    lw__record_age(persist, info->last != 0 ? info->last : 1); /* a clock that began just now says 0 */
    return lw__record_put(persist);
}

int lw_persist_save_latency(const lw_persist *where, lw_latency *latency) {
    struct lw__persist persist;
    int error = lw__persist_begin(&persist, where, "latency/");
    if (error != LW_OK) {
        return error;
    }
    lw_latency_each(latency, save_node, &persist);
    if (persist.error == LW_OK && persist.count > 0) {
        lw__record_begin(&persist, LW__RECORD_LATENCY_GROUP, 0);
        lw__record_word(&persist, lw_latency_group(latency));
        lw__record_put(&persist);
    }
    return lw__persist_end(&persist);
}

static int take_group(lw_latency *latency, struct lw__reader *reader) {
    uint64_t cost = lw__read_word(reader);
    return lw__read_all(reader) ? lw_latency_restore_group(latency, cost, reader->now) : LW_CORRUPT;
}

static int take_node(void *user, struct lw__reader *reader) {
    if (reader->kind == LW__RECORD_LATENCY_GROUP) {
        return take_group(user, reader);
    }
    lw_latency_info info = {.size = sizeof info, .node = reader->node};
    info.mean = lw__read_word(reader);
    info.peak = lw__read_word(reader);
    info.samples = lw__read_small(reader);
    info.last = lw__read_time(reader);
    bool whole = reader->kind == LW__RECORD_LATENCY && lw__read_all(reader);
    return whole ? lw_latency_restore(user, &info) : LW_CORRUPT;
}

int lw_persist_load_latency(const lw_persist *where, lw_latency *latency) {
    return lw__persist_load(where, "latency/", take_node, latency);
}
