/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The health tracker: one machine per node id (node.c), found through the registry. Cost: the machine's, plus one
 * look-up. */
#include "base/registry.h"
#include "health/health.h"

struct record {
    struct lw__record head;
    struct lw__health_node node;
};

struct lw_health {
    lw_env env;
    struct lw__health_rules rules;
    struct lw__registry registry;
};

static const struct lw__registry_kind health_kind = {.record_size = sizeof(struct record)};

static int make_tracker(const lw_env *env, const lw_health_options *options, lw_health *health) {
    health->env = *env;
    const char *fault = lw__health_rules_init(&health->rules, options, env->seed);
    if (fault != NULL) {
        return lw__fail(env, LW_RANGE, "health: %s", fault);
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

/* Finds the node's machine, making it first where that is allowed; leave the reading after success. */
static int find_or_make(lw_health *health, uint64_t node, bool may_make, struct lw__reading *reading,
                        struct record **out) {
    for (;;) {
        *out = lw__registry_find(&health->registry, node, reading);
        if (*out != NULL) {
            return LW_OK;
        }
        lw__registry_leave(&health->registry, reading);
        int error = may_make ? lw__registry_add(&health->registry, node) : LW_UNKNOWN;
        if (error != LW_OK) {
            return error;
        }
    }
}

int lw_health_admit_at(lw_health *health, uint64_t node, uint64_t now, lw_health_permit *permit) {
    struct lw__reading reading;
    struct record *record = lw__registry_find(&health->registry, node, &reading);
    *permit = (lw_health_permit){0, 0};
    int answer = record == NULL ? 1 : lw__health_admit(&health->rules, &record->node, node, now, permit);
    lw__registry_leave(&health->registry, &reading);
    return answer;
}

int lw_health_admit(lw_health *health, uint64_t node, lw_health_permit *permit) {
    return lw_health_admit_at(health, node, lw__now(&health->env), permit);
}

int lw_health_report_at(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit,
                        uint64_t now) {
    struct lw__reading reading;
    struct record *record;
    if (outcome >= sizeof health->rules.options.effects) {
        return lw__fail(&health->env, LW_INVALID, "health: outcome %u is not an enum lw_outcome", outcome);
    }
    int answer = find_or_make(health, node, health->rules.options.auto_create != 0, &reading, &record);
    if (answer == LW_OK) {
        answer = lw__health_report(&health->rules, &record->node, node, outcome, permit, now);
        lw__registry_leave(&health->registry, &reading);
    }
    return answer;
}

int lw_health_report(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit) {
    return lw_health_report_at(health, node, outcome, permit, lw__now(&health->env));
}

int lw_health_verdict(lw_health *health, uint64_t node, uint32_t verdict) {
    struct lw__reading reading;
    struct record *record;
    if (verdict > LW_VERDICT_DOWN) {
        return lw__fail(&health->env, LW_INVALID, "health: verdict %u is not an enum lw_verdict", verdict);
    }
    int error = find_or_make(health, node, health->rules.options.auto_create != 0, &reading, &record);
    if (error == LW_OK) {
        lw__health_verdict(&health->rules, &record->node, node, verdict);
        lw__registry_leave(&health->registry, &reading);
    }
    return error;
}

uint32_t lw_health_status(lw_health *health, uint64_t node) {
    struct lw__reading reading;
    const struct record *record = lw__registry_find(&health->registry, node, &reading);
    uint32_t status = record == NULL ? (uint32_t)LW_HEALTHY : lw__health_status(&record->node);
    lw__registry_leave(&health->registry, &reading);
    return status;
}

int lw_health_get(lw_health *health, uint64_t node, lw_health_info *info) {
    struct lw__reading reading;
    struct record *record;
    if (info->size < sizeof *info) {
        return lw__fail(&health->env, LW_INVALID, "health: info.size=%zu is too small", info->size);
    }
    int error = find_or_make(health, node, false, &reading, &record);
    if (error == LW_OK) {
        lw__health_info(&health->rules, &record->node, node, lw__now(&health->env), info);
        lw__registry_leave(&health->registry, &reading);
    }
    return error;
}

int lw_health_restore(lw_health *health, const lw_health_info *info) {
    struct lw__reading reading;
    struct record *record;
    int error = find_or_make(health, info->node, true, &reading, &record);
    if (error == LW_OK) {
        error = lw__health_restore(&health->rules, &record->node, info);
        lw__registry_leave(&health->registry, &reading);
    }
    return error;
}

int lw_health_forget(lw_health *health, uint64_t node) {
    int found = lw__registry_forget(&health->registry, node);
    if (found && health->rules.observer.forgotten != NULL) {
        health->rules.observer.forgotten(health->rules.observer.user, node);
    }
    return found;
}

/* ---- walking ---- */

struct walk {
    lw_health *health;
    uint64_t now;
    int (*each)(void *user, const lw_health_info *info);
    void *user;
    uint64_t due;
};

static int walk_each(void *user, struct lw__record *head) {
    struct walk *walk = user;
    lw_health_info info;
    lw__health_info(&walk->health->rules, &((struct record *)head)->node, head->id, walk->now, &info);
    return walk->each(walk->user, &info);
}

int lw_health_each(lw_health *health, int (*each)(void *user, const lw_health_info *info), void *user) {
    struct walk walk = {health, lw__now(&health->env), each, user, 0};
    return lw__registry_each(&health->registry, walk_each, &walk);
}

static int earliest(void *user, const lw_health_info *info) {
    struct walk *walk = user;
    if (info->probe_at > walk->now && info->probe_at < walk->due) {
        walk->due = info->probe_at;
    }
    return 0;
}

uint64_t lw_health_next_due(lw_health *health, uint64_t now) {
    struct walk walk = {health, now, earliest, NULL, UINT64_MAX};
    walk.user = &walk;
    lw__registry_each(&health->registry, walk_each, &walk);
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
    const struct record *record = lw__registry_find(&health->registry, id, &reading);
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
