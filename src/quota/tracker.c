/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Making a quota tracker, its nodes and their limits. Cost of a look-up: base/registry.c. */
#include "quota/tracker.h"

#include <string.h>

enum { DEFAULT_NODES = 65536, DEFAULT_RESERVATIONS = 4096 };

#define DEFAULT_TTL (UINT64_C(600) * 1000000000)

/* Zeroes are an empty history, which is kept: to drop it would go through all buckets. */
static int entry_init(void *owner, struct lw__record *record) {
    lw_quota *quota = owner;
    struct lw__quota_entry *entry = (struct lw__quota_entry *)record;
    entry->incarnation = ++quota->incarnations;
    lw__quota_limits(&quota->plan, &entry->node, quota->limits, quota->limit_count, true);
    return LW_OK;
}

/* ---- the tracker ---- */

static lw_quota_options tracker_options(const lw_quota_options *given) {
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    options.max_nodes = options.max_nodes != 0 ? options.max_nodes : DEFAULT_NODES;
    options.max_reservations = options.max_reservations != 0 ? options.max_reservations : DEFAULT_RESERVATIONS;
    options.ttl = options.ttl != 0 ? options.ttl : DEFAULT_TTL;
    return options;
}

static void tracker_settings(lw_quota *quota, const lw_quota_options *options) {
    const lw_observer *observer = options->observer;
    quota->lenient = (options->flags & LW_QUOTA_LENIENT) != 0;
    quota->ttl = options->ttl;
    if (observer != NULL) {
        memcpy(&quota->observer, observer,
               observer->size < sizeof quota->observer ? observer->size : sizeof quota->observer);
    }
    quota->hooks = quota->observer.quota_exhausted != NULL || quota->observer.quota_released != NULL;
}

static int tracker_registry(lw_quota *quota, uint32_t max_nodes) {
    quota->kind.record_size = offsetof(struct lw__quota_entry, node) + quota->plan.node_size;
    quota->kind.init = entry_init;
    int error = lw__registry_init(&quota->registry, &quota->env, &quota->kind, quota, max_nodes);
    if (error == LW_OK && pthread_mutex_init(&quota->registering, NULL) != 0) {
        lw__registry_close(&quota->registry);
        error = LW_NOMEM;
    }
    return error;
}

/* What was made before a failure goes again. */
static int tracker_open(lw_quota *quota, const lw_quota_options *options) {
    tracker_settings(quota, options);
    int error = lw__quota_plan_init(&quota->plan, &quota->env, options);
    if (error != LW_OK) {
        return error;
    }
    error = lw__quota_slots_init(&quota->slots, &quota->env, options->max_reservations, quota->plan.count);
    if (error == LW_OK) {
        error = tracker_registry(quota, options->max_nodes);
        if (error == LW_OK) {
            return LW_OK;
        }
        lw__quota_slots_free(&quota->slots, &quota->env);
    }
    lw__quota_plan_free(&quota->plan, &quota->env);
    return error;
}

int lw_quota_new(lw_quota **out, const lw_env *given, const lw_quota_options *given_options) {
    lw_env env;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_quota *quota = lw__alloc(&env, sizeof *quota);
    if (quota == NULL) {
        return LW_NOMEM;
    }
    quota->env = env;
    lw_quota_options options = tracker_options(given_options);
    error = tracker_open(quota, &options);
    if (error != LW_OK) {
        lw__release(&env, quota);
        return error;
    }
    *out = quota;
    return LW_OK;
}

void lw_quota_free(lw_quota *quota) {
    if (quota != NULL) {
        lw_env env = quota->env;
        lw__registry_close(&quota->registry);
        pthread_mutex_destroy(&quota->registering);
        lw__quota_slots_free(&quota->slots, &env);
        lw__quota_plan_free(&quota->plan, &env);
        lw__release(&env, quota);
    }
}

int lw_quota_dimension_number(const lw_quota *quota, const char *name) {
    int number = lw__quota_plan_find(&quota->plan, name);
    return number >= 0 ? number : lw__fail(&quota->env, LW_UNKNOWN, "quota: there is no dimension '%s'", name);
}

const char *lw_quota_dimension_name(const lw_quota *quota, uint32_t dimension) {
    if (dimension == LW_QUOTA_ALL) {
        return "all";
    }
    return dimension < quota->plan.count ? quota->plan.dimension[dimension].name : NULL;
}

/* ---- nodes ---- */

static int register_locked(lw_quota *quota, uint64_t node, const lw_quota_limit *limits, size_t count, bool keep) {
    struct lw__quota_visit visit = lw__quota_enter(quota, node);
    if (visit.entry != NULL) {
        lw__quota_limits(&quota->plan, &visit.entry->node, limits, count, keep);
    }
    lw__registry_leave(&quota->registry, &visit.reading);
    if (visit.entry != NULL) {
        return LW_OK;
    }
    quota->limits = limits;
    quota->limit_count = count;
    return lw__registry_add(&quota->registry, node);
}

int lw_quota_register(lw_quota *quota, uint64_t node, const lw_quota_limit *limits, size_t count, int keep_history) {
    int error = lw__quota_limits_check(&quota->plan, &quota->env, limits, count);
    if (error != LW_OK) {
        return error;
    }
    pthread_mutex_lock(&quota->registering);
    error = register_locked(quota, node, limits, count, keep_history != 0);
    pthread_mutex_unlock(&quota->registering);
    return error;
}

int lw_quota_forget(lw_quota *quota, uint64_t node) {
    pthread_mutex_lock(&quota->registering);
    int found = lw__registry_forget(&quota->registry, node) != NULL;
    pthread_mutex_unlock(&quota->registering);
    if (found && quota->observer.forgotten != NULL) {
        quota->observer.forgotten(quota->observer.user, node);
    }
    return found;
}

/* ---- visits ---- */

struct lw__quota_visit lw__quota_enter(lw_quota *quota, uint64_t node) {
    struct lw__quota_visit visit = {.quota = quota};
    visit.entry = lw__registry_find(&quota->registry, node, &visit.reading);
    return visit;
}

struct lw__quota_visit lw__quota_enter_when(lw_quota *quota, uint64_t node, const uint64_t *given, uint64_t *now) {
    struct lw__quota_visit visit = {.quota = quota};
    visit.entry = lw__registry_find_when(&quota->registry, node, &visit.reading, given, now);
    return visit;
}

static void leave_telling(struct lw__quota_visit *visit, uint64_t now, const lw_quota_refusal *refusal) {
    lw_quota *quota = visit->quota;
    struct lw__quota_news news;
    uint64_t node = visit->entry->record.id;
    lw__quota_notice(&quota->plan, &visit->entry->node, now, refusal, &news);
    lw__registry_leave(&quota->registry, &visit->reading);
    lw__quota_tell(&quota->plan, &quota->observer, node, &news);
}

void lw__quota_leave(struct lw__quota_visit *visit, uint64_t now, const lw_quota_refusal *refusal) {
    if (visit->quota->hooks && visit->entry != NULL) {
        leave_telling(visit, now, refusal);
    } else {
        lw__registry_leave(&visit->quota->registry, &visit->reading);
    }
}

int lw__quota_stranger(struct lw__quota_visit *visit, uint64_t node) {
    lw__registry_leave(&visit->quota->registry, &visit->reading);
    if (visit->quota->lenient) {
        return LW_OK;
    }
    return lw__fail(&visit->quota->env, LW_UNKNOWN, "quota: node %016llx is not registered", (unsigned long long)node);
}
