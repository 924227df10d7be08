/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Retry: one inner exchange per try, one after the other. The call remembers which nodes had it, as the exclusions of
 * the next try, behind those that the caller brought. Once all nodes are excluded a pool lends the only one left or
 * refuses with LW_EXCLUDED; then the nodes are forgotten once and the round begins anew.
 *
 * The answer of the last try that reached a node is kept: a refusal afterwards says less to the caller than it.
 * Cost: per try a pick, per retry a timer; nothing else.
 */
#include "service/budget.h"
#include "service/layer.h"

#include "base/random.h"

#include <loadwise/retry.h>
#include <string.h>

enum { RETRY_EXCLUSIONS = 128 }; /* as LW_POOL_EXCLUDE, of the caller's and ours together */

struct retry_layer {
    struct lw__layer layer;
    lw_retry_options options;
    struct lw__budget budget;
    lw_retry_stats stats;
    uint64_t drawn; /* random numbers so far */
};

struct retry_call {
    struct lw__call call;
    lw_timer timer;     /* between two tries */
    lw_exchange latest; /* as the last try that reached a node was answered */
    lw_request pick;
    uint64_t excluded[RETRY_EXCLUSIONS];
    uint32_t tries;
    uint32_t given; /* exclusions that the caller brought */
    bool cancelled;
};

static struct retry_layer *retry_of(lw_service *service) { return (struct retry_layer *)(void *)service; }

static struct retry_call *retry_call_of(lw_timer *timer) {
    return (struct retry_call *)(void *)((char *)timer - offsetof(struct retry_call, timer));
}

/* ---- may it be tried again, and when? ---- */

static bool is_worth_it(const lw_exchange *inner) {
    if (inner->reason != LW_OK || (inner->flags & (LW_EXCHANGE_SPENT | LW_EXCHANGE_BEGUN)) != 0) {
        return false;
    }
    switch (inner->sample.outcome) {
    case LW_OUTCOME_CONNECT_FAILURE:
    case LW_OUTCOME_RATE_LIMITED:
    case LW_OUTCOME_OVERLOAD: return true;
    case LW_OUTCOME_FAILURE:
    case LW_OUTCOME_TIMEOUT: return (inner->flags & LW_EXCHANGE_SAFE) != 0;
    default: return false;
    }
}

static uint64_t draw_backoff(struct retry_layer *retry, uint32_t tries) {
    const lw_retry_options *options = &retry->options;
    uint64_t most = options->backoff << (tries - 1);
    most = most > options->max_backoff || tries > 32 ? options->max_backoff : most;
    return lw__seed(retry->layer.env.seed, retry->drawn++) % (most + 1);
}

/* In time for the deadline. */
static bool retry_waits(struct retry_call *again, uint64_t until) {
    uint64_t deadline = again->call.inner.deadline;
    if (deadline != 0 && until >= deadline) {
        return false;
    }
    retry_of(&again->call.layer->service)->stats.waiting++;
    lw_timer_start(again->call.layer->clock, &again->timer, until);
    return true;
}

/* Nodes that had it go to the exclusions. */
static void exclude_node(struct retry_call *again, uint64_t node) {
    if (node != 0 && again->pick.exclude_count < RETRY_EXCLUSIONS) {
        again->excluded[again->pick.exclude_count++] = node;
        again->call.inner.pick = &again->pick;
    }
}

static bool plan_retry(struct retry_call *again) {
    struct retry_layer *retry = retry_of(&again->call.layer->service);
    const lw_exchange *inner = &again->call.inner;
    if (again->cancelled || again->tries >= retry->options.max || !is_worth_it(inner)) {
        return false;
    }
    uint64_t now = lw_clock_now(retry->layer.clock);
    if (!lw__budget_take(&retry->budget, now)) {
        retry->stats.unfunded++;
        return false;
    }
    exclude_node(again, inner->node);
    return retry_waits(again, lw__after(now, draw_backoff(retry, again->tries)));
}

/* A refusal: waits until it may be asked again, where that is soon. */
static bool plan_patience(struct retry_call *again) {
    struct retry_layer *retry = retry_of(&again->call.layer->service);
    const lw_exchange *inner = &again->call.inner;
    uint64_t now = lw_clock_now(retry->layer.clock);
    if (again->cancelled || inner->reason == LW_OK || !lw_is_refusal(inner->reason)) {
        return false;
    }
    if (inner->reason == LW_EXCLUDED && again->pick.exclude_count > again->given) {
        again->pick.exclude_count = again->given;
        return retry_waits(again, now);
    }
    bool soon = inner->retry == LW_RETRY_AT && inner->retry_at <= lw__after(now, retry->options.patience);
    return soon && retry_waits(again, inner->retry_at > now ? inner->retry_at : now + 1);
}

/* ---- a try ---- */

static void retry_completed(lw_exchange *inner);

static void retry_try(struct retry_call *again) {
    struct lw__layer *layer = again->call.layer;
    lw_exchange *inner = &again->call.inner;
    uint64_t deadline = inner->deadline;
    const lw_request *pick = inner->pick;
    int (*begins)(lw_exchange *) = inner->begins;
    lw_exchange_derive(inner, again->call.outer);
    inner->deadline = deadline;
    inner->pick = pick;
    inner->begins = begins;
    inner->completed = retry_completed;
    inner->user = again;
    lw_service_call(layer->inner, inner);
}

static void retry_fired(lw_timer *timer) {
    struct retry_call *again = retry_call_of(timer);
    struct retry_layer *retry = retry_of(&again->call.layer->service);
    retry->stats.waiting--;
    retry->stats.retries += again->tries > 0;
    retry_try(again);
}

static void retry_answer(struct retry_call *again) {
    struct retry_layer *retry = retry_of(&again->call.layer->service);
    uint32_t tries = again->tries;
    if (again->call.inner.reason != LW_OK && tries > 0) {
        lw_exchange_copy_answer(&again->call.inner, &again->latest);
    }
    retry->stats.rescued += tries > 1 && lw__exchange_is_good(&again->call.inner);
    lw__call_answer(&again->call);
}

static void retry_completed(lw_exchange *inner) {
    struct retry_call *again = lw__call_of(inner);
    if (inner->reason == LW_OK) {
        again->tries++;
        lw_exchange_copy_answer(&again->latest, inner);
        if (plan_retry(again)) {
            return;
        }
    } else if (plan_patience(again)) {
        return;
    }
    retry_answer(again);
}

/* An answer that will be tried again is not heard. */
static int retry_begins(lw_exchange *inner) {
    struct retry_call *again = lw__call_of(inner);
    const struct retry_layer *retry = retry_of(&again->call.layer->service);
    if (again->tries + 1 < retry->options.max && is_worth_it(inner)) {
        return 0;
    }
    again->call.outer->sample = inner->sample;
    inner->flags |= LW_EXCHANGE_BEGUN;
    return lw_exchange_begins(again->call.outer);
}

/* ---- the service ---- */

static void retry_call(lw_service *service, lw_exchange *exchange) {
    struct retry_layer *retry = retry_of(service);
    struct retry_call *again = lw__call_new(&retry->layer, exchange, retry_completed);
    if (again == NULL) {
        return;
    }
    again->timer.fired = retry_fired;
    again->call.inner.begins = retry_begins;
    if (exchange->pick != NULL) {
        again->pick = *exchange->pick;
    } else {
        again->pick = (lw_request)LW_REQUEST_INIT;
    }
    again->given =
        (uint32_t)(again->pick.exclude_count < RETRY_EXCLUSIONS ? again->pick.exclude_count : RETRY_EXCLUSIONS);
    if (again->given > 0) {
        memcpy(again->excluded, again->pick.exclude, again->given * sizeof *again->excluded);
    }
    again->pick.exclude = again->excluded;
    retry->stats.requests++;
    lw__budget_request(&retry->budget, lw_clock_now(retry->layer.clock));
    retry_try(again);
}

static void retry_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct retry_call *again = exchange->holder;
    again->cancelled = true;
    if (!lw_timer_runs(&again->timer)) {
        lw__layer_cancel(service, exchange, why);
        return;
    }
    lw_timer_stop(retry_of(service)->layer.clock, &again->timer);
    retry_of(service)->stats.waiting--;
    again->call.inner.reason = LW_OK;
    again->call.inner.sample = (lw_sample)LW_SAMPLE_INIT;
    again->call.inner.sample.outcome = why;
    retry_answer(again);
}

static const lw_service_ops retry_ops = {
    .size = sizeof retry_ops,
    .name = "retry",
    .ready = lw__layer_ready,
    .call = retry_call,
    .cancel = retry_cancel,
    .free = lw__layer_free,
};

int lw_retry_stats_of(const lw_service *service, lw_retry_stats *stats) {
    if (service == NULL || service->ops != &retry_ops || stats->size < sizeof stats->size) {
        return LW_INVALID;
    }
    size_t size = stats->size < sizeof *stats ? stats->size : sizeof *stats;
    memcpy(stats, &((const struct retry_layer *)(const void *)service)->stats, size);
    stats->size = size;
    return LW_OK;
}

/* ---- birth ---- */

static const char *retry_misfit(const void *given) {
    const lw_retry_options *options = given;
    return options->max_backoff < options->backoff ? "max_backoff is less than backoff" : NULL;
}

int lw_retry_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                 const lw_retry_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_retry,
        .ops = &retry_ops,
        .size = sizeof(struct retry_layer),
        .options = offsetof(struct retry_layer, options),
        .call_size = sizeof(struct retry_call),
        .misfit = retry_misfit,
    };
    int error;
    struct retry_layer *retry = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (retry != NULL) {
        const lw_retry_options *o = &retry->options;
        lw__budget_init(&retry->budget, o->budget, o->floor, o->budget_window);
    }
    *out = retry != NULL ? &retry->layer.service : NULL;
    return error;
}

static int retry_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_retry_new(out, env, clock, inner, options);
}

#define RETRY_PARAM(member, type, fallback, min, max, help)                                                            \
    { #member, type, offsetof(lw_retry_options, member), fallback, min, max, NULL, help }

static const lw_param retry_params[] = {
    RETRY_PARAM(max, LW_PARAM_U64, "3", "1", "16", "Tries in all."),
    RETRY_PARAM(backoff, LW_PARAM_TIME, "25ms", "0", "1h", "Most time before the first retry; doubles with each."),
    RETRY_PARAM(max_backoff, LW_PARAM_TIME, "250ms", "0", "1h", "Most time before any retry."),
    RETRY_PARAM(patience, LW_PARAM_TIME, "1s", "0", "1h", "How long a refusal that says when is waited for."),
    RETRY_PARAM(budget, LW_PARAM_U64, "20", "0", "1000", "Percent of the requests that retries may add."),
    RETRY_PARAM(floor, LW_PARAM_U64, "10", "0", "1000000", "Retries a second that are always allowed."),
    RETRY_PARAM(budget_window, LW_PARAM_TIME, "10s", "1s", "1h", "Time over which the budget is counted."),
};

const lw_layer lw__layer_retry = {
    sizeof(lw_layer),
    "retry",
    "Tries again on another node, within a budget.",
    retry_params,
    sizeof retry_params / sizeof *retry_params,
    sizeof(lw_retry_options),
    retry_make,
};
