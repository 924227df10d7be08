/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The circuit breaker: the machine of health.h, for the one node that is inside. Cost: an admit and a report. */
#include "service/gate.h"

#include <loadwise/circuit_breaker.h>
#include <loadwise/health.h>
#include <string.h>

enum { BREAKER_NODE = 1 };

struct breaker_layer {
    struct lw__gate gate;
    lw_circuit_breaker_options options;
    lw_health *health;
};

static struct breaker_layer *breaker_of(struct lw__layer *layer) { return (struct breaker_layer *)(void *)layer; }

static struct lw__verdict breaker_refuses(struct breaker_layer *breaker, uint64_t now) {
    return (struct lw__verdict){LW_ALL_UNHEALTHY, lw_health_next_due(breaker->health, now)};
}

/* A permit that is given back unused says nothing. */
static struct lw__verdict breaker_ready(struct lw__layer *layer, uint64_t now) {
    struct breaker_layer *breaker = breaker_of(layer);
    lw_health_permit permit;
    if (!lw_health_admit_at(breaker->health, BREAKER_NODE, now, &permit)) {
        return breaker_refuses(breaker, now);
    }
    lw_health_report_at(breaker->health, BREAKER_NODE, LW_OUTCOME_CANCELLED, &permit, now);
    return (struct lw__verdict){LW_OK, 0};
}

static struct lw__verdict breaker_enter(struct lw__layer *layer, struct lw__gate_call *call, uint64_t now) {
    struct breaker_layer *breaker = breaker_of(layer);
    lw_health_permit permit;
    if (!lw_health_admit_at(breaker->health, BREAKER_NODE, now, &permit)) {
        return breaker_refuses(breaker, now);
    }
    memcpy(call->pass, &permit, sizeof permit);
    return (struct lw__verdict){LW_OK, 0};
}

static void breaker_left(struct lw__layer *layer, const struct lw__gate_call *call, uint64_t now) {
    const lw_exchange *inner = &call->call.inner;
    lw_health_permit permit;
    uint32_t outcome = inner->reason == LW_OK ? inner->sample.outcome : (uint32_t)LW_OUTCOME_CANCELLED;
    memcpy(&permit, call->pass, sizeof permit);
    lw_health_report_at(breaker_of(layer)->health, BREAKER_NODE, outcome, &permit, now);
}

static const struct lw__gate_ops breaker_gate = {breaker_ready, breaker_enter, breaker_left};

static void breaker_free(lw_service *service) {
    lw_health *health = breaker_of(lw__layer_of(service))->health;
    lw__layer_free(service);
    lw_health_free(health);
}

static int breaker_tracker(struct breaker_layer *breaker) {
    const lw_circuit_breaker_options *options = &breaker->options;
    lw_health_options wanted = LW_HEALTH_OPTIONS_INIT;
    wanted.failure_threshold = (uint32_t)options->failures;
    wanted.recovery_successes = (uint32_t)options->successes;
    wanted.probe_interval = options->pause;
    wanted.probe_interval_max = options->max_pause;
    wanted.backoff_percent = 200;
    wanted.probes = (uint32_t)options->permits;
    wanted.max_nodes = 1;
    int error = lw_health_new(&breaker->health, &breaker->gate.layer.env, &wanted);
    return error == LW_OK ? lw_health_add(breaker->health, BREAKER_NODE) : error;
}

static const char *breaker_misfit(const void *given) {
    const lw_circuit_breaker_options *options = given;
    return options->max_pause < options->pause ? "max_pause is less than pause" : NULL;
}

_Static_assert(sizeof(lw_health_permit) <= sizeof((struct lw__gate_call *)0)->pass, "a permit fits into a pass");

static const lw_service_ops breaker_ops = {
    .size = sizeof breaker_ops,
    .name = "circuit_breaker",
    .ready = lw__gate_ready,
    .call = lw__gate_call,
    .cancel = lw__layer_cancel,
    .free = breaker_free,
};

/* ---- birth ---- */

int lw_circuit_breaker_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                           const lw_circuit_breaker_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_circuit_breaker,
        .ops = &breaker_ops,
        .size = sizeof(struct breaker_layer),
        .options = offsetof(struct breaker_layer, options),
        .call_size = sizeof(struct lw__gate_call),
    };
    int error;
    struct breaker_layer *breaker = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (breaker != NULL) {
        breaker->gate.gate = &breaker_gate;
        error = breaker_tracker(breaker);
    }
    if (error != LW_OK && breaker != NULL) {
        lw_service_free(&breaker->gate.layer.service);
        breaker = NULL;
    }
    *out = breaker != NULL ? &breaker->gate.layer.service : NULL;
    return error;
}

static int breaker_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_circuit_breaker_new(out, env, clock, inner, options);
}

#define BREAKER_PARAM(member, type, fallback, min, max, help)                                                          \
    { #member, type, offsetof(lw_circuit_breaker_options, member), fallback, min, max, NULL, help }

static const lw_param breaker_params[] = {
    BREAKER_PARAM(failures, LW_PARAM_U64, "5", "1", "4095", "Failures in a row that open it."),
    BREAKER_PARAM(successes, LW_PARAM_U64, "2", "1", "4095", "Successes in a row that close it."),
    BREAKER_PARAM(pause, LW_PARAM_TIME, "5s", "1ms", "24h",
                  "How long it is open at first; doubles with each failed trial."),
    BREAKER_PARAM(max_pause, LW_PARAM_TIME, "60s", "1ms", "24h", "How long it is open at most."),
    BREAKER_PARAM(permits, LW_PARAM_U64, "1", "1", "255", "Trials at a time while half open."),
};

const lw_layer lw__layer_circuit_breaker = {
    sizeof(lw_layer),
    "circuit_breaker",
    "Lets nothing in after failures in a row, then single trials.",
    breaker_params,
    sizeof breaker_params / sizeof *breaker_params,
    sizeof(lw_circuit_breaker_options),
    breaker_make,
    breaker_misfit,
};
