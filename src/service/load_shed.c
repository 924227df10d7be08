/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Load shedding: asks what is inside before it hands anything on. Cost: a call of ready. */
#include "service/gate.h"

#include <loadwise/load_shed.h>

struct shed_layer {
    struct lw__gate gate;
    lw_load_shed_options options;
    uint64_t under_way;
};

static struct shed_layer *shed_of(struct lw__layer *layer) { return (struct shed_layer *)(void *)layer; }

static struct lw__verdict shed_ready(struct lw__layer *layer, uint64_t now) {
    const struct shed_layer *shed = shed_of(layer);
    bool full = shed->options.most != 0 && shed->under_way >= shed->options.most;
    (void)now;
    return (struct lw__verdict){full ? LW_SHED : LW_OK, UINT64_MAX};
}

static struct lw__verdict shed_enter(struct lw__layer *layer, struct lw__gate_call *call, uint64_t now) {
    struct lw__verdict verdict = shed_ready(layer, now);
    if (verdict.reason == LW_OK) {
        verdict.reason = lw_service_ready(layer->inner, &call->call.inner, &verdict.retry_at, NULL);
    }
    shed_of(layer)->under_way += verdict.reason == LW_OK;
    return verdict;
}

static void shed_left(struct lw__layer *layer, const struct lw__gate_call *call, uint64_t now) {
    (void)call, (void)now;
    shed_of(layer)->under_way--;
}

static const struct lw__gate_ops shed_gate = {shed_ready, shed_enter, shed_left};

static const lw_service_ops shed_ops = {
    .size = sizeof shed_ops,
    .name = "load_shed",
    .ready = lw__gate_ready,
    .call = lw__gate_call,
    .cancel = lw__layer_cancel,
    .free = lw__layer_free,
};

/* ---- birth ---- */

int lw_load_shed_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                     const lw_load_shed_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_load_shed,
        .ops = &shed_ops,
        .size = sizeof(struct shed_layer),
        .options = offsetof(struct shed_layer, options),
        .call_size = sizeof(struct lw__gate_call),
    };
    int error;
    struct shed_layer *shed = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (shed != NULL) {
        shed->gate.gate = &shed_gate;
    }
    *out = shed != NULL ? &shed->gate.layer.service : NULL;
    return error;
}

static int shed_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_load_shed_new(out, env, clock, inner, options);
}

#define SHED_PARAM(member, type, fallback, min, max, help)                                                             \
    { #member, type, offsetof(lw_load_shed_options, member), fallback, min, max, NULL, help }

static const lw_param shed_params[] = {
    SHED_PARAM(most, LW_PARAM_U64, "0", "0", "1000000000", "Exchanges under way; 0: only what is inside decides."),
};

const lw_layer lw__layer_load_shed = {
    sizeof(lw_layer),
    "load_shed",
    "Refuses at once what would have to wait.",
    shed_params,
    sizeof shed_params / sizeof *shed_params,
    sizeof(lw_load_shed_options),
    shed_make,
    NULL,
};
