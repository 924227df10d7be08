/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Health in records: status, consecutive failures, consecutive successes, ejections, verdict, ages of the last failure
 * and success. */
#include "persist/record.h"

static int save_node(void *user, const lw_health_info *info) {
    struct lw__persist *persist = user;
    lw__record_begin(persist, LW__RECORD_HEALTH, info->node);
    lw__record_word(persist, info->state.status);
    lw__record_word(persist, info->state.consecutive_failures);
    lw__record_word(persist, info->state.consecutive_successes);
    lw__record_word(persist, info->state.ejections);
    lw__record_word(persist, info->verdict_down);
    lw__record_age(persist, info->state.last_failure);
    lw__record_age(persist, info->state.last_success);
    return lw__record_put(persist);
}

int lw_persist_save_health(const lw_persist *where, lw_health *health) {
    struct lw__persist persist;
    int error = lw__persist_begin(&persist, where, "health/");
    if (error != LW_OK) {
        return error;
    }
    lw_health_each_at(health, where->now, save_node, &persist);
    return lw__persist_end(&persist);
}

static int take_node(void *user, struct lw__reader *reader) {
    lw_health_info info = {.size = sizeof info, .node = reader->node};
    info.state.status = lw__read_small(reader);
    info.state.consecutive_failures = lw__read_small(reader);
    info.state.consecutive_successes = lw__read_small(reader);
    info.state.ejections = lw__read_small(reader);
    info.verdict_down = lw__read_small(reader);
    info.state.last_failure = lw__read_time(reader);
    info.state.last_success = lw__read_time(reader);
    bool whole = reader->kind == LW__RECORD_HEALTH && lw__read_all(reader);
    return whole ? lw_health_restore_at(user, &info, reader->now) : LW_CORRUPT;
}

int lw_persist_load_health(const lw_persist *where, lw_health *health) {
    return lw__persist_load(where, "health/", take_node, health);
}
