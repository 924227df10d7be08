/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Health and quotas by id. The forms that end in _at are given the time; the others read the clock, as peers do. */
#include "ours.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
enum { STEP = 1000 /* ns between two picks that are given the time */ };

struct trackers {
    const struct scene *scene;
    struct supply supply;
    lw_health *health;
    lw_quota *quota;
    uint64_t *ids;
    struct {
        _Alignas(128) uint64_t now;
    } thread[2];
};

static int quota_register(const struct trackers *trackers, uint64_t node) {
    static const lw_quota_limit limit = {0, 0, LW_QUOTA_LIMIT_MAX, 0};
    return lw_quota_register(trackers->quota, node, &limit, 1, 0);
}

static int quota_open(struct trackers *trackers, const lw_env *env) {
    lw_quota_dimension dimension = {
        .size = sizeof dimension, .name = "requests", .kind = LW_QUOTA_SLIDING, .window = 60 * SECOND};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    options.dimensions = &dimension;
    options.dimension_count = 1;
    int code = lw_quota_new(&trackers->quota, env, &options);
    for (uint32_t i = 0; i < trackers->scene->fleet.count && code == LW_OK; i++) {
        code = quota_register(trackers, trackers->ids[i]);
    }
    return code;
}

static int health_open(struct trackers *trackers, const lw_env *env) {
    int code = lw_health_new(&trackers->health, env, NULL);
    for (uint32_t i = 0; i < trackers->scene->fleet.count && code == LW_OK; i++) {
        code = lw_health_add(trackers->health, trackers->ids[i]);
    }
    return code;
}

static void *trackers_open(const struct scene *scene, const char **why,
                           int (*fill)(struct trackers *, const lw_env *)) {
    struct trackers *trackers = aligned_alloc(128, sizeof *trackers);
    if (trackers == NULL) {
        return NULL;
    }
    *trackers = (struct trackers){.scene = scene, .thread = {{SECOND}, {SECOND}}};
    trackers->ids = calloc(scene->fleet.count, sizeof *trackers->ids);
    for (uint32_t i = 0; i < scene->fleet.count && trackers->ids != NULL; i++) {
        trackers->ids[i] = lw_id(scene->fleet.names[i], strlen(scene->fleet.names[i]));
    }
    lw_env env = supply_env(&trackers->supply);
    int code = trackers->ids != NULL ? fill(trackers, &env) : LW_NOMEM;
    if (code != LW_OK) {
        *why = lw_error_message(code);
        ours_trackers_close(trackers);
        return NULL;
    }
    return trackers;
}

void *ours_health_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)kind;
    return trackers_open(scene, why, health_open);
}

void *ours_quota_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)kind;
    return trackers_open(scene, why, quota_open);
}

void ours_trackers_close(void *subject) {
    struct trackers *trackers = subject;
    lw_health_free(trackers->health);
    lw_quota_free(trackers->quota);
    free(trackers->ids);
    free(trackers);
}

size_t ours_trackers_bytes(const void *subject) { return ((const struct trackers *)subject)->supply.bytes; }

int ours_health_change(void *subject) {
    const struct trackers *trackers = subject;
    uint64_t node = trackers->ids[trackers->scene->fleet.count / 2];
    return lw_health_forget(trackers->health, node) == 1 ? lw_health_add(trackers->health, node) : LW_UNKNOWN;
}

int ours_quota_change(void *subject) {
    const struct trackers *trackers = subject;
    uint64_t node = trackers->ids[trackers->scene->fleet.count / 2];
    return lw_quota_forget(trackers->quota, node) == 1 ? quota_register(trackers, node) : LW_UNKNOWN;
}

/* ---- picks ---- */

/* A loop from the one call that it repeats, an expression of `trackers`, `node` and `now`. */
#define TRACKER_LOOP(name, call)                                                                                       \
    uint64_t name(void *subject, uint32_t thread, uint64_t picks) {                                                    \
        struct trackers *trackers = subject;                                                                           \
        uint64_t now = trackers->thread[thread].now, sum = 0;                                                          \
        for (uint64_t i = 0; i < picks; i++) {                                                                         \
            uint64_t node = trackers->ids[ours_turn(trackers->scene, i)];                                              \
            now += STEP;                                                                                               \
            sum += (uint64_t)(call);                                                                                   \
        }                                                                                                              \
        trackers->thread[thread].now = now;                                                                            \
        return sum;                                                                                                    \
    }

static const lw_amount one = {0, 1};

static inline uint64_t left_at(const struct trackers *trackers, uint64_t node, uint64_t now) {
    uint64_t remaining;
    lw_quota_remaining_at(trackers->quota, node, 0, now, &remaining);
    return remaining;
}

static inline uint64_t left_now(const struct trackers *trackers, uint64_t node) {
    uint64_t remaining;
    lw_quota_remaining(trackers->quota, node, 0, &remaining);
    return remaining;
}

TRACKER_LOOP(ours_health_report, lw_health_report(trackers->health, node, LW_OUTCOME_OK, NULL))
TRACKER_LOOP(ours_health_report_at, lw_health_report_at(trackers->health, node, LW_OUTCOME_OK, NULL, now))
TRACKER_LOOP(ours_health_status, lw_health_status(trackers->health, node))
TRACKER_LOOP(ours_quota_record, lw_quota_record(trackers->quota, node, &one, 1))
TRACKER_LOOP(ours_quota_record_at, lw_quota_record_at(trackers->quota, node, &one, 1, now))
TRACKER_LOOP(ours_quota_remaining, left_now(trackers, node))
TRACKER_LOOP(ours_quota_remaining_at, left_at(trackers, node, now))
