/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Making a ledger, its nodes and their limits; what it tells of itself.
 * Cost: per node some 100 bytes, 56 per dimension and what a quota tracker keeps; per reservation 24 bytes a dimension
 * on top of the tracker's. Making allocates, so do new nodes; nothing else does.
 */
#include "fleet/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 65536, RESERVATIONS = 4096, NODE_ALIGN = 64 };

#define LEDGER_SECOND (UINT64_C(1000) * 1000000)
#define LEDGER_TTL (600 * LEDGER_SECOND)
#define LEDGER_STALE (10 * LEDGER_SECOND)
#define LEDGER_HEARTBEAT (5 * LEDGER_SECOND)
#define HEARTBEAT_MOST (86400 * LEDGER_SECOND)

/* ---- options ---- */

static lw_ledger_options options_with_defaults(const lw_ledger_options *given) {
    lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    options.max_nodes = options.max_nodes != 0 ? options.max_nodes : NODES;
    options.max_reservations = options.max_reservations != 0 ? options.max_reservations : RESERVATIONS;
    options.ttl = options.ttl != 0 ? options.ttl : LEDGER_TTL;
    options.stale = options.stale != 0 ? options.stale : LEDGER_STALE;
    options.instances = options.instances != 0 ? options.instances : 1;
    options.heartbeat = options.heartbeat != 0 ? options.heartbeat : LEDGER_HEARTBEAT;
    return options;
}

static int options_check(const lw_env *env, const lw_ledger_options *options) {
    if (options->outage > LW_OUTAGE_STALE) {
        return lw__fail(env, LW_INVALID, "ledger: outage=%u must be below %d", options->outage, LW_OUTAGE_STALE + 1);
    }
    if (options->heartbeat < LEDGER_SECOND / 1000 || options->heartbeat > HEARTBEAT_MOST) {
        return lw__fail(env, LW_RANGE, "ledger: heartbeat=%" PRIu64 " ns is not from 1 ms to 1 day",
                        options->heartbeat);
    }
    return LW_OK;
}

/* ---- the ledger ---- */

static int ledger_node_init(void *owner, struct lw__record *record) {
    lw_ledger *ledger = owner;
    struct lw__ledger_node *node = (struct lw__ledger_node *)record;
    node->incarnation = ++ledger->incarnations;
    snprintf(node->key, sizeof node->key, "%s{%016" PRIx64 "}/quota", ledger->names.prefix, record->id);
    lw__quota_limits(&ledger->plan, lw__ledger_quota(ledger, node), NULL, 0, false);
    return pthread_mutex_init(&node->lock, NULL) == 0 ? LW_OK : LW_NOMEM;
}

static void ledger_node_drop(void *owner, struct lw__record *record) {
    (void)owner;
    pthread_mutex_destroy(&((struct lw__ledger_node *)record)->lock);
}

static void ledger_settings(lw_ledger *ledger, lw_store *store, const lw_ledger_options *options) {
    const lw_observer *observer = options->observer;
    ledger->store = store;
    ledger->options = *options;
    ledger->instances = options->instances;
    if (observer != NULL) {
        memcpy(&ledger->observer, observer,
               observer->size < sizeof ledger->observer ? observer->size : sizeof ledger->observer);
    }
    ledger->options.dimensions = NULL; /* what is borrowed is not kept */
    ledger->options.prefix = ledger->options.instance = NULL;
    ledger->options.observer = NULL;
}

static int ledger_plan(lw_ledger *ledger, const lw_ledger_options *options) {
    lw_quota_options quota = LW_QUOTA_OPTIONS_INIT;
    quota.dimensions = options->dimensions;
    quota.dimension_count = options->dimension_count;
    return lw__quota_plan_init_counted(&ledger->plan, &ledger->env, &quota);
}

static int ledger_slots(lw_ledger *ledger, const lw_ledger_options *options) {
    uint32_t count = options->max_reservations;
    ledger->stub_size = sizeof(struct lw__ledger_stub) + ledger->plan.count * sizeof(struct lw__ledger_charged);
    ledger->stubs = lw__alloc(&ledger->env, count * ledger->stub_size);
    int error = ledger->stubs != NULL ? lw__quota_slots_init(&ledger->slots, &ledger->env, count, ledger->plan.count)
                                      : LW_NOMEM;
    if (error != LW_OK) {
        lw__release(&ledger->env, ledger->stubs);
    }
    return error;
}

static int ledger_registry(lw_ledger *ledger, const lw_ledger_options *options) {
    size_t head = sizeof(struct lw__ledger_node) + ledger->plan.count * sizeof(struct lw__ledger_count);
    ledger->quota_at = (head + NODE_ALIGN - 1) / NODE_ALIGN * NODE_ALIGN;
    ledger->kind.record_size = ledger->quota_at + ledger->plan.node_size;
    ledger->kind.init = ledger_node_init;
    ledger->kind.drop = ledger_node_drop;
    return lw__registry_init(&ledger->registry, &ledger->env, &ledger->kind, ledger, options->max_nodes);
}

/* What was made before a failure goes again. */
static int ledger_open(lw_ledger *ledger, lw_store *store, const lw_ledger_options *options) {
    int error = lw__fleet_names_take(&ledger->names, &ledger->env, "ledger", options->prefix, options->instance);
    error = error == LW_OK ? options_check(&ledger->env, options) : error;
    error = error == LW_OK ? ledger_plan(ledger, options) : error;
    if (error != LW_OK) {
        return error;
    }
    error = ledger_slots(ledger, options);
    if (error == LW_OK) {
        error = ledger_registry(ledger, options);
        if (error == LW_OK) {
            ledger_settings(ledger, store, options);
            return LW_OK;
        }
        lw__quota_slots_free(&ledger->slots, &ledger->env);
        lw__release(&ledger->env, ledger->stubs);
    }
    lw__quota_plan_free(&ledger->plan, &ledger->env);
    return error;
}

int lw_ledger_new(lw_ledger **out, const lw_env *given, lw_store *store, const lw_ledger_options *given_options) {
    lw_env env;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error == LW_OK && store == NULL) {
        error = lw__fail(&env, LW_INVALID, "ledger: there is no store");
    }
    if (error != LW_OK) {
        return error;
    }
    lw_ledger *ledger = lw__alloc(&env, sizeof *ledger);
    if (ledger == NULL) {
        return LW_NOMEM;
    }
    ledger->env = env;
    lw_ledger_options options = options_with_defaults(given_options);
    error = ledger_open(ledger, store, &options);
    if (error != LW_OK) {
        lw__release(&env, ledger);
        return error;
    }
    *out = ledger;
    return LW_OK;
}

void lw_ledger_free(lw_ledger *ledger) {
    if (ledger != NULL) {
        lw_env env = ledger->env;
        lw__registry_close(&ledger->registry);
        lw__quota_slots_free(&ledger->slots, &env);
        lw__release(&env, ledger->stubs);
        lw__quota_plan_free(&ledger->plan, &env);
        lw__release(&env, ledger);
    }
}

/* ---- nodes ---- */

static void limits_set(const lw_ledger *ledger, struct lw__ledger_node *node, const lw_quota_limit *limits,
                       size_t count) {
    pthread_mutex_lock(&node->lock);
    for (uint32_t i = 0; i < ledger->plan.count; i++) {
        node->counts[i].limit = node->counts[i].burst = 0;
    }
    for (size_t i = 0; i < count; i++) {
        node->counts[limits[i].dimension].limit = limits[i].limit;
        node->counts[limits[i].dimension].burst = limits[i].burst;
    }
    lw__quota_limits(&ledger->plan, lw__ledger_quota(ledger, node), limits, count, true);
    node->limited = true;
    pthread_mutex_unlock(&node->lock);
}

int lw_ledger_limits(lw_ledger *ledger, uint64_t id, const lw_quota_limit *limits, size_t count) {
    struct lw__reading reading;
    int error = lw__quota_limits_check(&ledger->plan, &ledger->env, limits, count);
    if (error != LW_OK) {
        return error;
    }
    struct lw__ledger_node *node = lw__registry_find_or_add(&ledger->registry, id, &reading, &error);
    if (node != NULL) {
        limits_set(ledger, node, limits, count);
        error = LW_OK;
    }
    lw__registry_leave(&ledger->registry, &reading);
    return error == LW_OK ? LW_OK : lw__registry_fail(&ledger->registry, id, error);
}

int lw_ledger_forget(lw_ledger *ledger, uint64_t id) {
    struct lw__reading reading;
    lw__registry_find(&ledger->registry, 0, &reading); /* what is forgotten stays until it is left */
    struct lw__ledger_node *node = lw__registry_forget(&ledger->registry, id);
    if (node != NULL) {
        lw__ledger_gone(ledger, node);
    }
    lw__registry_leave(&ledger->registry, &reading);
    return node != NULL;
}
