/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The health tracker: one machine per node id (node.c), found through the registry.
 *
 * How many nodes were forgotten before a node was made is the number of its life, by which what comes late from an
 * earlier life of the same id is told apart. Cost: the machine's, plus one look-up.
 */
#include "base/registry.h"
#include "health/health.h"

struct health_record {
    struct lw__record head;
    struct lw__health_node node;
    uint64_t buckets[LW__HEALTH_BUCKETS];
};

struct lw_health {
    lw_env env;
    struct lw__health_rules rules;
    struct lw__registry registry;
    uint32_t forgotten; /* nodes so far */
};

static uint32_t life_now(const lw_health *health) { return __atomic_load_n(&health->forgotten, __ATOMIC_RELAXED); }

static int record_init(void *owner, struct lw__record *head) {
    struct health_record *record = (struct health_record *)head;
    lw__health_node_init(&record->node, life_now(owner), record->buckets);
    return LW_OK;
}

static const struct lw__registry_kind health_kind = {.record_size = sizeof(struct health_record), .init = record_init};

static int make_tracker(const lw_env *env, const lw_health_options *options, lw_health *health) {
    health->env = *env;
    int error = lw__health_rules_init(&health->rules, env, options);
    if (error != LW_OK) {
        return error;
    }
    return lw__registry_init(&health->registry, &health->env, &health_kind, health, health->rules.options.max_nodes);
}

int lw_health_new(lw_health **out, const lw_env *given, const lw_health_options *options) {
    lw_env env;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_health *health = lw__alloc(&env, sizeof *health);
    if (health == NULL) {
        return LW_NOMEM;
    }
    error = make_tracker(&env, options, health);
    if (error != LW_OK) {
        lw__release(&env, health);
        return error;
    }
    *out = health;
    return LW_OK;
}

void lw_health_free(lw_health *health) {
    if (health != NULL) {
        lw_env env = health->env;
        lw__registry_close(&health->registry);
        lw__release(&env, health);
    }
}

/* ---- asking and reporting ---- */

/* given: the time, or NULL for that of the clock; likewise below. */
static int admit_when(lw_health *health, uint64_t node, const uint64_t *given, lw_health_permit *permit) {
    struct lw__reading reading;
    uint64_t now;
    struct health_record *record = lw__registry_find_when(&health->registry, node, &reading, given, &now);
    int answer = 1;
    if (record != NULL) {
        answer = lw__health_admit(&health->rules, &record->node, node, now, permit);
    } else {
        *permit = lw__health_first_permit(life_now(health));
    }
    lw__registry_leave(&health->registry, &reading);
    return answer;
}

int lw_health_admit_at(lw_health *health, uint64_t node, uint64_t now, lw_health_permit *permit) {
    return admit_when(health, node, &now, permit);
}

int lw_health_admit(lw_health *health, uint64_t node, lw_health_permit *permit) {
    return admit_when(health, node, NULL, permit);
}

/* The record of a node that is reported, made where that is allowed; or NULL and the error, which the log was told.
   Leave the reading in any case. */
static struct health_record *reported(lw_health *health, uint64_t node, struct lw__reading *reading, int *error) {
    struct health_record *record;
    if (health->rules.options.auto_create != 0) {
        record = lw__registry_find_or_add(&health->registry, node, reading, error);
    } else {
        record = lw__registry_find(&health->registry, node, reading);
        *error = record != NULL ? LW_OK : LW_UNKNOWN;
    }
    if (record == NULL) {
        lw__registry_fail(&health->registry, node, *error);
    }
    return record;
}

static int report_when(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit,
                       const uint64_t *given) {
    struct lw__reading reading;
    uint64_t now;
    int answer;
    if (outcome >= sizeof health->rules.options.effects) {
        return lw__fail(&health->env, LW_INVALID, "health: outcome %u is not an enum lw_outcome", outcome);
    }
    struct health_record *record = lw__registry_find_when(&health->registry, node, &reading, given, &now);
    if (record == NULL) {
        lw__registry_leave(&health->registry, &reading);
        record = reported(health, node, &reading, &answer);
    }
    if (record != NULL) {
        answer = lw__health_report(&health->rules, &record->node, node, outcome, permit, now);
    }
    lw__registry_leave(&health->registry, &reading);
    return answer;
}

int lw_health_report_at(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit,
                        uint64_t now) {
    return report_when(health, node, outcome, permit, &now);
}

int lw_health_report(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit) {
    return report_when(health, node, outcome, permit, NULL);
}

int lw_health_verdict(lw_health *health, uint64_t node, uint32_t verdict) {
    struct lw__reading reading;
    int error;
    if (verdict > LW_VERDICT_DOWN) {
        return lw__fail(&health->env, LW_INVALID, "health: verdict %u is not an enum lw_verdict", verdict);
    }
    struct health_record *record = reported(health, node, &reading, &error);
    if (record != NULL) {
        lw__health_verdict(&health->rules, &record->node, node, verdict);
    }
    lw__registry_leave(&health->registry, &reading);
    return error;
}

uint32_t lw_health_status(lw_health *health, uint64_t node) {
    struct lw__reading reading;
    const struct health_record *record = lw__registry_find(&health->registry, node, &reading);
    uint32_t status = record == NULL ? (uint32_t)LW_HEALTHY : lw__health_status(&record->node);
    lw__registry_leave(&health->registry, &reading);
    return status;
}

/* ---- the nodes that are known ---- */

int lw_health_get_at(lw_health *health, uint64_t node, uint64_t now, lw_health_info *info) {
    struct lw__reading reading;
    if (info->size < sizeof *info) {
        return lw__fail(&health->env, LW_INVALID, "health: info: size=%zu, is it set?", info->size);
    }
    const struct health_record *record = lw__registry_find(&health->registry, node, &reading);
    if (record != NULL) {
        lw__health_info(&health->rules, &record->node, node, now, info);
    }
    lw__registry_leave(&health->registry, &reading);
    return record != NULL ? LW_OK : LW_UNKNOWN;
}

int lw_health_get(lw_health *health, uint64_t node, lw_health_info *info) {
    return lw_health_get_at(health, node, lw__now(&health->env), info);
}

int lw_health_add(lw_health *health, uint64_t node) {
    return lw__registry_fail(&health->registry, node, lw__registry_add(&health->registry, node));
}

int lw_health_restore_at(lw_health *health, const lw_health_info *info, uint64_t now) {
    struct lw__reading reading;
    int error = lw__health_info_check(&health->env, info);
    if (error != LW_OK) {
        return error;
    }
    struct health_record *record = lw__registry_find_or_add(&health->registry, info->node, &reading, &error);
    if (record != NULL) {
        lw__health_restore(&health->rules, &record->node, info, now);
    }
    lw__registry_leave(&health->registry, &reading);
    return record != NULL ? LW_OK : lw__registry_fail(&health->registry, info->node, error);
}

int lw_health_restore(lw_health *health, const lw_health_info *info) {
    return lw_health_restore_at(health, info, lw__now(&health->env));
}

static bool is_known(lw_health *health, uint64_t node) {
    struct lw__reading reading;
    bool known = lw__registry_find(&health->registry, node, &reading) != NULL;
    lw__registry_leave(&health->registry, &reading);
    return known;
}

int lw_health_forget(lw_health *health, uint64_t node) {
    if (!is_known(health, node)) {
        return 0;
    }
    /* First the count, or the next life of the node could have this one's number. */
    __atomic_fetch_add(&health->forgotten, 1, __ATOMIC_RELAXED);
    int found = lw__registry_forget(&health->registry, node) != NULL;
    if (found && health->rules.observer.forgotten != NULL) {
        health->rules.observer.forgotten(health->rules.observer.user, node);
    }
    return found;
}

/* ---- walking ---- */

struct walk {
    const struct lw__health_rules *rules;
    uint64_t now;
    int (*each)(void *user, const lw_health_info *info);
    void *user;
    uint64_t due;
};

static int tell_info(void *user, struct lw__record *head) {
    const struct walk *walk = user;
    lw_health_info info;
    lw__health_info(walk->rules, &((struct health_record *)head)->node, head->id, walk->now, &info);
    return walk->each(walk->user, &info);
}

int lw_health_each_at(lw_health *health, uint64_t now, int (*each)(void *user, const lw_health_info *info),
                      void *user) {
    struct walk walk = {&health->rules, now, each, user, 0};
    return lw__registry_each(&health->registry, tell_info, &walk);
}

int lw_health_each(lw_health *health, int (*each)(void *user, const lw_health_info *info), void *user) {
    return lw_health_each_at(health, lw__now(&health->env), each, user);
}

static int keep_earliest(void *user, struct lw__record *head) {
    struct walk *walk = user;
    uint64_t due = lw__health_due(walk->rules, &((struct health_record *)head)->node, head->id, walk->now);
    walk->due = due < walk->due ? due : walk->due;
    return 0;
}

uint64_t lw_health_next_due(lw_health *health, uint64_t now) {
    struct walk walk = {&health->rules, now, NULL, NULL, UINT64_MAX};
    lw__registry_each(&health->registry, keep_earliest, &walk);
    return walk.due;
}

/* ---- as a filter ---- */

static bool tracker_allows(const lw_filter *self, const lw_nodes *nodes, uint32_t index, const lw_request *request,
                           uint64_t now) {
    const lw_health_tracker_filter *filter = (const lw_health_tracker_filter *)self;
    lw_health *health = filter->health;
    uint64_t id = lw_nodes_id(nodes, index);
    struct lw__reading reading;
    (void)request;
    const struct health_record *record = lw__registry_find(&health->registry, id, &reading);
    uint32_t status = record == NULL ? (uint32_t)LW_HEALTHY : lw__health_status(&record->node);
    bool allowed = (filter->statuses & LW_STATUS_BIT(status)) != 0;
    if (!allowed && (status == LW_UNHEALTHY || status == LW_RECOVERING)) {
        allowed = lw__health_would_admit(&health->rules, &record->node, id, now);
    }
    lw__registry_leave(&health->registry, &reading);
    return allowed;
}

lw_health_tracker_filter lw_filter_health_tracker(lw_health *health, uint32_t statuses) {
    lw_filter filter = {sizeof filter, 0, tracker_allows};
    return (lw_health_tracker_filter){filter, health, statuses};
}
