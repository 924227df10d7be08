/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One unit of a strategy tree: checks the ops table that it is given, as strictly for a built-in as for a stranger's,
 * fills the config with the declared defaults, and makes the memories the table asks for.
 */
#include "strategy/unit.h"

#include "base/random.h"
#include <string.h>

enum { NAME_SIZE = 32 };

static bool name_is_good(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t size = name == NULL ? 0 : strlen(name);
    return size > 0 && size < NAME_SIZE && strspn(name, allowed) == size && name[0] >= 'a';
}

static bool params_are_good(const lw_strategy_ops *ops) {
    for (uint32_t i = 0; i < ops->param_count; i++) {
        const lw_param *param = &ops->params[i];
        bool bounded = param->type != LW_PARAM_BOOL && param->type != LW_PARAM_CHOICE;
        if (param->name == NULL || param->fallback == NULL || param->type > LW_PARAM_PERCENTILE ||
            param->offset > ops->config_size || ops->config_size - param->offset < sizeof(uint64_t) ||
            param->offset % sizeof(uint64_t) != 0 || (bounded && (param->min == NULL || param->max == NULL)) ||
            (param->type == LW_PARAM_CHOICE && param->choices == NULL)) {
            return false;
        }
    }
    return true;
}

/* The parameter metric means something to the engine, so it may not mean something else. */
static bool metric_is_good(const lw_strategy_ops *ops) {
    const lw_param *param = lw__param_find(ops->params, ops->param_count, "metric", strlen("metric"));
    return param == NULL || (param->type == LW_PARAM_CHOICE && strcmp(param->choices, LW_SIGNAL_NAMES) == 0);
}

static const char *ops_fault(const lw_strategy_ops *ops) {
    if (!name_is_good(ops->name)) {
        return "name must be [a-z][a-z0-9_]*, at most 31 characters";
    }
    if (ops->pick == NULL) {
        return "pick is required";
    }
    if ((ops->needs & LW_NEEDS_PLAN) != 0 && ops->plan_build == NULL) {
        return "plan_build is required with LW_NEEDS_PLAN";
    }
    if (ops->lane_size > LW_LANE_SIZE) {
        return "lane_size is at most 64";
    }
    if (ops->config_size > LW_CONFIG_SIZE) {
        return "config_size is at most 256";
    }
    if (ops->children_min > ops->children_max || ops->children_max > LW_CHILDREN) {
        return "children_min <= children_max <= 16 is required";
    }
    if (ops->counter_count > 0 && (ops->counters == NULL || ops->counter == NULL)) {
        return "counters without their names or values";
    }
    if (!params_are_good(ops)) {
        return "a parameter lacks its name, default, range or place in the config";
    }
    return metric_is_good(ops) ? NULL : "a parameter metric is a choice of " LW_SIGNAL_NAMES;
}

int lw__ops_read(const lw_env *env, const lw_strategy_ops *given, lw_strategy_ops *ops) {
    *ops = (lw_strategy_ops){0};
    memcpy(ops, given, given->size < sizeof *ops ? given->size : sizeof *ops);
    const char *fault = ops_fault(ops);
    if (fault != NULL) {
        return lw__fail(env, LW_INVALID, "ops of %.31s: %s",
                        ops->name != NULL ? ops->name : "a strategy without a name", fault);
    }
    return LW_OK;
}

static int set_defaults(const lw_env *env, struct lw__unit *unit) {
    for (uint32_t i = 0; i < unit->ops.param_count; i++) {
        const lw_param *param = &unit->ops.params[i];
        int error =
            lw__param_set(env, unit->ops.name, param, unit->config, param->fallback, strlen(param->fallback), 0);
        if (error != LW_OK) {
            return error;
        }
    }
    return LW_OK;
}

int lw__unit_add(lw_strategy *strategy, const lw_strategy_ops *ops, struct lw__unit **out) {
    struct lw__unit *unit = lw__alloc(&strategy->env, sizeof *unit);
    if (unit == NULL) {
        return LW_NOMEM;
    }
    unit->env = &strategy->env;
    unit->index = strategy->unit_count;
    strategy->units[strategy->unit_count++] = unit;
    *out = unit;
    int error = lw__ops_read(&strategy->env, ops, &unit->ops);
    return error == LW_OK ? set_defaults(&strategy->env, unit) : error;
}

/* The value of a parameter that means something to the engine, where it is declared. */
static uint32_t engine_param(const struct lw__unit *unit, const char *name, uint64_t otherwise) {
    const lw_param *param = lw__param_find(unit->ops.params, unit->ops.param_count, name, strlen(name));
    if (param != NULL) {
        memcpy(&otherwise, unit->config + param->offset, sizeof otherwise);
    }
    return (uint32_t)otherwise;
}

void lw__unit_start(struct lw__unit *unit, uint64_t seed) {
    for (uint32_t i = 0; i <= unit->memory.lane_mask && unit->memory.lanes != NULL; i++) {
        unsigned char *lane = unit->memory.lanes + (size_t)i * LW_LANE_SIZE;
        memset(lane, 0, LW_LANE_SIZE);
        if (unit->ops.lane_init != NULL) {
            unit->ops.lane_init(unit->config, lane, i, lw__seed(seed, ((uint64_t)unit->index + 1) * 2 * LW_LANES + i));
        }
    }
}

static int make_lanes(lw_strategy *strategy, struct lw__unit *unit) {
    uint32_t lanes = engine_param(unit, "lanes", LW_LANES);
    if (lanes == 0 || lanes > LW_LANES || (lanes & (lanes - 1)) != 0) {
        return lw__fail(&strategy->env, LW_RANGE, "%s: lanes=%u must be a power of two from 1 to %d", unit->ops.name,
                        lanes, LW_LANES);
    }
    unit->memory.lane_mask = lanes - 1;
    if (unit->ops.lane_size == 0) {
        return LW_OK;
    }
    unit->memory.lanes = lw__alloc(&strategy->env, (size_t)lanes * LW_LANE_SIZE);
    if (unit->memory.lanes == NULL) {
        return LW_NOMEM;
    }
    lw__unit_start(unit, strategy->env.seed);
    return LW_OK;
}

static size_t state_size(const struct lw__unit *unit) {
    size_t more = unit->ops.state_size_of != NULL ? unit->ops.state_size_of(unit->config) : 0;
    return unit->ops.state_size + more;
}

int lw__unit_finish(lw_strategy *strategy, struct lw__unit *unit) {
    unit->memory.config = unit->config;
    unit->memory.signal = engine_param(unit, "metric", LW_SIGNAL_LOAD);
    unit->needs = unit->ops.needs;
    if (unit->ops.needs_of != NULL) {
        unit->needs |= unit->ops.needs_of(unit->config);
    }
    if (unit->memory.signal != LW_SIGNAL_LOAD) {
        unit->needs = (unit->needs & ~LW_HAS(load)) | LW_HAS_SIGNALS;
    }
    if (state_size(unit) > 0 && (unit->memory.state = lw__alloc(&strategy->env, state_size(unit))) == NULL) {
        return LW_NOMEM;
    }
    return make_lanes(strategy, unit);
}

void lw__unit_free(lw_strategy *strategy, struct lw__unit *unit) {
    lw__release(&strategy->env, unit->memory.state);
    lw__release(&strategy->env, unit->memory.lanes);
    lw__release(&strategy->env, unit);
}

uint64_t lw_memory_lane_sum(const lw_memory *memory, size_t offset) {
    uint64_t sum = 0;
    for (size_t i = 0; memory->lanes != NULL && i <= memory->lane_mask; i++) {
        const unsigned char *counter = memory->lanes + i * LW_LANE_SIZE + offset;
        sum += __atomic_load_n((const uint64_t *)(const void *)counter, __ATOMIC_RELAXED);
    }
    return sum;
}
