/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Retry: one inner exchange per try, one after the other. The call notes every node that is chosen, also those that a
 * hedge chose, and has them among the exclusions of the next try, behind those that the caller brought. Once all nodes
 * are excluded a pool lends the only one left or refuses with LW_EXCLUDED; then they are forgotten and the round begins
 * anew.
 *
 * The answer of the last try that reached a node is kept: a refusal afterwards says less to the caller than it.
 * Cost: per try a pick, per retry a timer; nothing else.
 */
#include "service/budget.h"
#include "service/layer.h"

#include "base/random.h"

#include <loadwise/retry.h>
#include <string.h>

enum {
    RETRY_EXCLUSIONS = 128, /* as LW_POOL_EXCLUDE, of the caller's and ours together */
    RETRY_PAUSE = 1000000,  /* least time before a refused try is made again */
};

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
    size_t given; /* exclusions that the caller brought */
    uint32_t tries;
    bool cancelled, crowded; /* crowded: a node did not find room among the exclusions */
    uint64_t patient_until;  /* 0: not refused yet */
    uint64_t excluded[RETRY_EXCLUSIONS];
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

/* Full jitter. */
static uint64_t draw_backoff(struct retry_layer *retry, uint32_t tries) {
    const lw_retry_options *options = &retry->options;
    uint64_t most = options->backoff << (tries - 1); /* of an hour and 16 tries: no overflow */
    most = most > options->max_backoff ? options->max_backoff : most;
    return lw__seed(retry->layer.env.seed, retry->drawn++) % (most + 1);
}

static bool is_in_time(const struct retry_call *again, uint64_t until) {
    return again->call.inner.deadline == 0 || until < again->call.inner.deadline;
}

static bool retry_waits(struct retry_call *again, uint64_t until) {
    if (!is_in_time(again, until)) {
        return false;
    }
    retry_of(&again->call.layer->service)->stats.waiting++;
    lw_timer_start(again->call.layer->clock, &again->timer, until);
    return true;
}

/* Where no node was chosen there is only what is inside, and it is left alone for as long as it asked. */
static uint64_t retry_delay(struct retry_call *again, struct retry_layer *retry) {
    const lw_exchange *inner = &again->call.inner;
    uint64_t delay = draw_backoff(retry, again->tries);
    return inner->node == 0 && inner->sample.retry_after > delay ? inner->sample.retry_after : delay;
}

static bool plan_retry(struct retry_call *again) {
    struct retry_layer *retry = retry_of(&again->call.layer->service);
    if (again->cancelled || again->crowded || again->tries >= retry->options.max || !is_worth_it(&again->call.inner)) {
        return false;
    }
    uint64_t now = lw_clock_now(retry->layer.clock), delay = retry_delay(again, retry);
    bool asked_too_much = delay > retry->options.max_backoff && delay > retry->options.patience;
    if (asked_too_much || !is_in_time(again, lw__after(now, delay))) {
        return false;
    }
    if (!lw__budget_take(&retry->budget, now)) {
        retry->stats.unfunded++;
        return false;
    }
    return retry_waits(again, lw__after(now, delay));
}

/* A refusal: waits until it may be asked again, where that is soon. */
static bool plan_patience(struct retry_call *again) {
    struct retry_layer *retry = retry_of(&again->call.layer->service);
    const lw_exchange *inner = &again->call.inner;
    uint64_t now = lw_clock_now(retry->layer.clock);
    if (again->cancelled || !lw_is_refusal(inner->reason)) {
        return false;
    }
    if (inner->reason == LW_EXCLUDED && again->pick.exclude_count > again->given) {
        again->pick.exclude_count = again->given;
        return retry_waits(again, now);
    }
    if (again->patient_until == 0) {
        again->patient_until = lw__after(now, retry->options.patience);
    }
    uint64_t until = inner->retry_at > lw__after(now, RETRY_PAUSE) ? inner->retry_at : lw__after(now, RETRY_PAUSE);
    return inner->retry == LW_RETRY_AT && until <= again->patient_until && retry_waits(again, until);
}

/* ---- a try ---- */

/* The node goes to the exclusions of the next try. */
static void retry_chosen(lw_exchange *inner, uint64_t node) {
    struct retry_call *again = lw__call_of(inner);
    if (again->pick.exclude_count >= RETRY_EXCLUSIONS) {
        again->crowded = true;
        return;
    }
    again->excluded[again->pick.exclude_count++] = node;
    again->pick.exclude = again->excluded;
}

static void retry_try(struct retry_call *again) {
    if (again->pick.exclude_count > again->given) {
        again->call.inner.pick = &again->pick;
    }
    lw_service_call(again->call.layer->inner, &again->call.inner);
}

static void retry_fired(lw_timer *timer) {
    struct retry_call *again = retry_call_of(timer);
    retry_of(&again->call.layer->service)->stats.waiting--;
    lw__call_renew(&again->call);
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
        retry_of(&again->call.layer->service)->stats.retries += again->tries > 1;
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
    lw_exchange_mark(inner, LW_EXCHANGE_BEGUN);
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
    again->call.inner.chosen = retry_chosen;
    again->pick = exchange->pick != NULL ? *exchange->pick : (lw_request)LW_REQUEST_INIT;
    again->given = again->pick.exclude_count;
    if (again->given > 0 && again->given <= RETRY_EXCLUSIONS) {
        memcpy(again->excluded, again->pick.exclude, again->given * sizeof *again->excluded);
    }
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
        .call_zeroed = offsetof(struct retry_call, excluded),
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
    retry_misfit,
};
