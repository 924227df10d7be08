/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The latency tracker: one record per node id (estimate.c), found through the registry, and the group they share.
 * Cost: the record's, plus one look-up. */
#include "base/registry.h"
#include "latency/latency.h"

struct latency_record {
    struct lw__record head;
    struct lw__latency_node node;
};

struct lw_latency {
    lw_env env;
    struct lw__latency_group group;
    struct lw__registry registry;
};

static const struct lw__registry_kind latency_kind = {.record_size = sizeof(struct latency_record)};

static int latency_init(lw_latency *latency, const lw_latency_options *given) {
    lw_latency_options options;
    const char *fault = lw__latency_options_take(&options, given);
    if (fault != NULL) {
        return lw__fail(&latency->env, LW_RANGE, "latency: %s", fault);
    }
    lw__latency_init(&latency->group, &options);
    return lw__registry_init(&latency->registry, &latency->env, &latency_kind, latency, options.max_nodes);
}

int lw_latency_new(lw_latency **out, const lw_env *given, const lw_latency_options *options) {
    lw_env env;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_latency *latency = lw__alloc(&env, sizeof *latency);
    if (latency == NULL) {
        return LW_NOMEM;
    }
    latency->env = env;
    error = latency_init(latency, options);
    if (error != LW_OK) {
        lw__release(&env, latency);
        return error;
    }
    *out = latency;
    return LW_OK;
}

void lw_latency_free(lw_latency *latency) {
    if (latency != NULL) {
        lw_env env = latency->env;
        lw__registry_close(&latency->registry);
        lw__release(&env, latency);
    }
}

static bool has_latency(lw_latency *latency, uint64_t node) {
    struct lw__reading reading;
    bool known = lw__registry_find(&latency->registry, node, &reading) != NULL;
    lw__registry_leave(&latency->registry, &reading);
    return known;
}

int lw_latency_observe_at(lw_latency *latency, uint64_t node, const lw_sample *sample, uint64_t now) {
    struct lw__reading reading;
    int answer;
    if (sample->size < sizeof *sample || sample->outcome > LW_OUTCOME_CANCELLED) {
        return lw__fail(&latency->env, LW_INVALID, "latency: sample.size=%zu, outcome=%u", sample->size,
                        sample->outcome);
    }
    if (!lw__latency_introduces(sample->outcome, sample->latency) && !has_latency(latency, node)) {
        return 0;
    }
    struct latency_record *record = lw__registry_find_or_add(&latency->registry, node, &reading, &answer);
    if (record != NULL) {
        answer = lw__latency_observe(&latency->group, &record->node, sample->outcome, sample->latency, now);
    }
    lw__registry_leave(&latency->registry, &reading);
    return answer < 0 ? lw__registry_fail(&latency->registry, node, answer) : answer;
}

int lw_latency_observe(lw_latency *latency, uint64_t node, const lw_sample *sample) {
    uint64_t now = sample->size >= sizeof *sample ? sample->now : 0;
    return lw_latency_observe_at(latency, node, sample, now != 0 ? now : lw__now(&latency->env));
}

static uint64_t cost_at(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t now) {
    struct lw__reading reading;
    const struct latency_record *record = lw__registry_find(&latency->registry, node, &reading);
    uint64_t cost = lw__latency_cost(&latency->group, record != NULL ? &record->node : NULL, kind, now);
    lw__registry_leave(&latency->registry, &reading);
    return cost;
}

uint64_t lw_latency_estimate_at(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t now) {
    uint64_t units = (cost_at(latency, node, kind, now) + LW_LATENCY_ONE / 2) / LW_LATENCY_ONE;
    return units != 0 ? units : 1;
}

uint64_t lw_latency_estimate(lw_latency *latency, uint64_t node, uint32_t kind) {
    return lw_latency_estimate_at(latency, node, kind, lw__now(&latency->env));
}

uint64_t lw_latency_score_at(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t in_flight, uint64_t now) {
    return lw__latency_score(cost_at(latency, node, kind, now), in_flight);
}

uint64_t lw_latency_score(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t in_flight) {
    return lw_latency_score_at(latency, node, kind, in_flight, lw__now(&latency->env));
}

uint64_t lw_latency_group(const lw_latency *latency) { return lw__latency_group_cost(&latency->group); }

int lw_latency_get(lw_latency *latency, uint64_t node, lw_latency_info *info) {
    struct lw__reading reading;
    if (info->size < sizeof *info) {
        return lw__fail(&latency->env, LW_INVALID, "latency: info.size=%zu is too small", info->size);
    }
    const struct latency_record *record = lw__registry_find(&latency->registry, node, &reading);
    bool known = record != NULL && lw__latency_info(&record->node, info);
    lw__registry_leave(&latency->registry, &reading);
    info->node = node;
    return known ? LW_OK : LW_UNKNOWN;
}

struct latency_visit {
    int (*each)(void *user, const lw_latency_info *info);
    void *user;
};

static int visit_latency(void *user, struct lw__record *head) {
    const struct latency_visit *visit = user;
    lw_latency_info info = {.size = sizeof info, .node = head->id};
    bool known = lw__latency_info(&((struct latency_record *)head)->node, &info);
    return known ? visit->each(visit->user, &info) : 0;
}

int lw_latency_each(lw_latency *latency, int (*each)(void *user, const lw_latency_info *info), void *user) {
    struct latency_visit visit = {each, user};
    return lw__registry_each(&latency->registry, visit_latency, &visit);
}

static bool is_cost(uint64_t cost) { return cost != 0 && cost <= LW__LATENCY_MOST * LW_LATENCY_ONE; }

int lw_latency_restore(lw_latency *latency, const lw_latency_info *info) {
    struct lw__reading reading;
    int error;
    if (info->size < sizeof *info) {
        return lw__fail(&latency->env, LW_INVALID, "latency: info.size=%zu is too small", info->size);
    }
    if (info->samples == 0 || info->samples > LW__LATENCY_SAMPLES || !is_cost(info->mean) || !is_cost(info->peak)) {
        return lw__fail(&latency->env, LW_RANGE, "latency: no node can have this state");
    }
    struct latency_record *record = lw__registry_find_or_add(&latency->registry, info->node, &reading, &error);
    if (record != NULL) {
        lw__latency_restore(&latency->group, &record->node, info);
    }
    lw__registry_leave(&latency->registry, &reading);
    return error < 0 ? lw__registry_fail(&latency->registry, info->node, error) : LW_OK;
}

int lw_latency_restore_group(lw_latency *latency, uint64_t cost, uint64_t now) {
    if (!is_cost(cost)) {
        return lw__fail(&latency->env, LW_RANGE, "latency: no group can have this cost");
    }
    lw__latency_restore_group(&latency->group, cost, now);
    return LW_OK;
}

int lw_latency_forget(lw_latency *latency, uint64_t node) {
    return lw__registry_forget(&latency->registry, node) != NULL;
}
