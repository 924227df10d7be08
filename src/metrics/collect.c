/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting: the observer's hooks. Cost: a look-up and one to three relaxed additions per event. */
#include "metrics/metrics.h"

enum { DEFAULT_NODES = 4096 };

#define MS UINT64_C(1000000)

const struct lw__bucket lw__buckets[LW__BUCKETS - 1] = {
    {1 * MS, "0.001"},  {5 * MS / 2, "0.0025"}, {5 * MS, "0.005"},  {10 * MS, "0.01"},  {25 * MS, "0.025"},
    {50 * MS, "0.05"},  {100 * MS, "0.1"},      {250 * MS, "0.25"}, {500 * MS, "0.5"},  {1000 * MS, "1"},
    {2500 * MS, "2.5"}, {5000 * MS, "5"},       {10000 * MS, "10"}, {30000 * MS, "30"}, {60000 * MS, "60"},
};

static void add(uint64_t *counter, uint64_t amount) { __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED); }

static void take_one(uint64_t *gauge) {
    uint64_t seen = lw__count(gauge);
    while (seen > 0 && !__atomic_compare_exchange_n(gauge, &seen, seen - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* The node's counters, made if the event begins its series; the common ones at the bound or without memory. */
static struct lw__node_metrics *counters_of(lw_metrics *metrics, uint64_t node, struct lw__reading *reading) {
    int error;
    struct lw__node_metrics *found = lw__registry_find_or_add(&metrics->registry, node, reading, &error);
    return found != NULL ? found : &metrics->other;
}

/* The same for an event that ends something, and so begins nothing. */
static struct lw__node_metrics *known_counters_of(lw_metrics *metrics, uint64_t node, struct lw__reading *reading) {
    struct lw__node_metrics *found = lw__registry_find(&metrics->registry, node, reading);
    return found != NULL ? found : &metrics->other;
}

static void count_selected(void *user, uint64_t node, const char *strategy) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    struct lw__node_metrics *counters = counters_of(metrics, node, &reading);
    add(&counters->selections, 1);
    add(&counters->in_flight, 1);
    lw__registry_leave(&metrics->registry, &reading);
    add(lw__strategy_counter(metrics, strategy), 1);
}

static void count_refused(void *user, int reason) {
    lw_metrics *metrics = user;
    add(&metrics->refusals[reason < 0 && reason > -LW__REASONS ? -reason : 0], 1);
}

static uint32_t bucket_of(uint64_t latency) {
    uint32_t bucket = 0;
    while (bucket < LW__BUCKETS - 1 && latency > lw__buckets[bucket].ns) {
        bucket++;
    }
    return bucket;
}

static void count_finished(void *user, uint64_t node, const lw_sample *sample) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    struct lw__node_metrics *counters = known_counters_of(metrics, node, &reading);
    take_one(&counters->in_flight);
    if (sample->outcome < LW__OUTCOMES) {
        add(&counters->outcomes[sample->outcome], 1);
    }
    if (sample->latency > 0) {
        add(&counters->durations[bucket_of(sample->latency)], 1);
        add(&counters->duration_sum, sample->latency);
    }
    lw__registry_leave(&metrics->registry, &reading);
}

static void count_health(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    (void)cause;
    if (from < LW__STATUSES && to < LW__STATUSES) {
        struct lw__node_metrics *counters = counters_of(metrics, node, &reading);
        add(&counters->health_left[from], 1);
        add(&counters->health_entered[to], 1);
        __atomic_store_n(&counters->health_latest, to, __ATOMIC_RELAXED);
        lw__registry_leave(&metrics->registry, &reading);
    }
}

static void count_exhausted(void *user, uint64_t node, const char *dimension, uint64_t until) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    (void)dimension, (void)until;
    add(&counters_of(metrics, node, &reading)->exhaustions, 1);
    lw__registry_leave(&metrics->registry, &reading);
}

static void count_released(void *user, uint64_t node, const char *dimension) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    (void)dimension;
    add(&known_counters_of(metrics, node, &reading)->releases, 1);
    lw__registry_leave(&metrics->registry, &reading);
}

static void count_probe(void *user, uint64_t node, int begins) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    if (begins) {
        add(&counters_of(metrics, node, &reading)->probes, 1);
        lw__registry_leave(&metrics->registry, &reading);
    }
}

static void count_drained(void *user, uint64_t node) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    add(&counters_of(metrics, node, &reading)->drains, 1);
    lw__registry_leave(&metrics->registry, &reading);
}

static void count_panic(void *user, uint32_t route, uint32_t priority, int begins) {
    struct lw__level_metrics *counters = lw__level_counters(user, route, priority);
    add(begins ? &counters->panics : &counters->ends, 1);
}

static void count_lost(void *user, uint64_t node, uint64_t age) {
    lw_metrics *metrics = user;
    struct lw__reading reading;
    (void)age;
    add(&known_counters_of(metrics, node, &reading)->losses, 1);
    lw__registry_leave(&metrics->registry, &reading);
}

static void drop_node(void *user, uint64_t node) {
    lw_metrics *metrics = user;
    lw__registry_forget(&metrics->registry, node);
}

/* ---- making and freeing ---- */

static int init_counters(void *owner, struct lw__record *record) {
    struct lw__node_metrics *counters = (struct lw__node_metrics *)record;
    counters->born = lw__birth(owner);
    lw__label_hex(record->id, counters->hex);
    return LW_OK;
}

static void drop_counters(void *owner, struct lw__record *record) {
    lw_metrics *metrics = owner;
    lw__release(&metrics->env, ((struct lw__node_metrics *)record)->name);
}

static const struct lw__registry_kind metrics_kind = {
    .record_size = sizeof(struct lw__node_metrics),
    .init = init_counters,
    .drop = drop_counters,
};

static void connect(lw_metrics *metrics) {
    metrics->observer = (lw_observer){
        .size = sizeof(lw_observer),
        .user = metrics,
        .selected = count_selected,
        .refused = count_refused,
        .finished = count_finished,
        .health_changed = count_health,
        .quota_exhausted = count_exhausted,
        .quota_released = count_released,
        .probe = count_probe,
        .forgotten = drop_node,
        .drained = count_drained,
        .panic = count_panic,
        .lost = count_lost,
    };
}

static int check_options(const lw_env *env, const lw_metrics_options *options, uint32_t *max_nodes) {
    *max_nodes = DEFAULT_NODES;
    if (options != NULL && options->size < sizeof *options) {
        return lw__fail(env, LW_INVALID, "metrics: options: size=%zu, is it LW_METRICS_OPTIONS_INIT?", options->size);
    }
    if (options != NULL && options->max_nodes > 0) {
        *max_nodes = options->max_nodes;
    }
    return LW_OK;
}

static int open_metrics(lw_metrics *metrics, const lw_env *env, uint32_t max_nodes) {
    metrics->env = *env;
    if (pthread_mutex_init(&metrics->naming, NULL) != 0) {
        return LW_NOMEM;
    }
    int error = lw__registry_init(&metrics->registry, &metrics->env, &metrics_kind, metrics, max_nodes);
    if (error != LW_OK) {
        pthread_mutex_destroy(&metrics->naming);
        return error;
    }
    connect(metrics);
    return LW_OK;
}

int lw_metrics_new(lw_metrics **out, const lw_env *given, const lw_metrics_options *options) {
    lw_env env;
    uint32_t max_nodes;
    *out = NULL;
    int error = lw__env_init(&env, given);
    if (error == LW_OK) {
        error = check_options(&env, options, &max_nodes);
    }
    if (error != LW_OK) {
        return error;
    }
    lw_metrics *metrics = lw__alloc(&env, sizeof *metrics);
    if (metrics == NULL) {
        return LW_NOMEM;
    }
    error = open_metrics(metrics, &env, max_nodes);
    if (error != LW_OK) {
        lw__release(&env, metrics);
        return error;
    }
    *out = metrics;
    return LW_OK;
}

void lw_metrics_free(lw_metrics *metrics) {
    if (metrics != NULL) {
        lw_env env = metrics->env;
        lw__registry_close(&metrics->registry);
        pthread_mutex_destroy(&metrics->naming);
        lw__release(&env, metrics);
    }
}

const lw_observer *lw_metrics_observer(lw_metrics *metrics) { return &metrics->observer; }
