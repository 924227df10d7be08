/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Hedge: up to two inner exchanges of one call. The second begins when the timer fires and the budget allows, with the
 * node of the first among its exclusions; so the inner service has to tell in exchange->node whom it chose while the
 * exchange is still under way, as balance does.
 *
 * Whoever first begins or ends with what is to be the answer is the winner; the other is cancelled. When both are out
 * and one fails, the other is waited for. What the loser had taken counts as a sample too, since the true latency is no
 * shorter; without it the percentile would sink with every hedge.
 *
 * To cancel a try is to let others run: a node becomes free, whoever waited for it goes on, and may end this very call.
 * So whoever cancels one looks afterwards whether the call is still there.
 * Cost: a timer per call, a record of two exchanges.
 */
#include "service/budget.h"
#include "service/layer.h"
#include "service/percentile.h"

#include <loadwise/hedge.h>
#include <string.h>

enum { HEDGE_TRIES = 2, HEDGE_EXCLUSIONS = 32 };

struct hedge_layer {
    struct lw__layer layer;
    lw_hedge_options options;
    struct lw__budget budget;
    struct lw__percentile latencies;
    lw_hedge_stats stats;
};

struct hedge_try {
    lw_exchange exchange;
    uint64_t began;
    bool out; /* under way */
};

struct hedge_call {
    struct lw__call call; /* its inner exchange is not used */
    lw_timer timer;
    struct hedge_try try[HEDGE_TRIES];
    lw_request pick;          /* of the second */
    struct hedge_try *winner; /* NULL: not decided */
    bool *gone;               /* of who cancels one of its tries right now: to be told of its end */
    uint64_t excluded[HEDGE_EXCLUSIONS];
};

static struct hedge_layer *hedge_of(const struct hedge_call *hedged) {
    return (struct hedge_layer *)(void *)hedged->call.layer;
}

static struct hedge_call *hedge_call_of(lw_timer *timer) {
    return (struct hedge_call *)(void *)((char *)timer - offsetof(struct hedge_call, timer));
}

static struct hedge_try *hedge_other(struct hedge_call *hedged, const struct hedge_try *one) {
    return &hedged->try[one == hedged->try];
}

/* ---- the end ---- */

static void hedge_learn(struct hedge_call *hedged, const struct hedge_try *one) {
    struct hedge_layer *hedge = hedge_of(hedged);
    uint64_t ended = one->exchange.sample.now, now = ended != 0 ? ended : lw_clock_now(hedge->layer.clock);
    lw__percentile_add(&hedge->latencies, now > one->began ? now - one->began : 0, now);
}

/* The try is the answer; nothing else is under way. */
static void hedge_answer(struct hedge_call *hedged, struct hedge_try *one) {
    struct hedge_layer *hedge = hedge_of(hedged);
    lw_timer_stop(hedge->layer.clock, &hedged->timer);
    if (lw__exchange_is_good(&one->exchange)) {
        hedge_learn(hedged, one);
        hedge->stats.won += one != hedged->try;
    }
    if (hedged->gone != NULL) {
        *hedged->gone = true;
    }
    lw_exchange_copy_answer(hedged->call.outer, &one->exchange);
    lw_exchange_complete(lw__call_end(&hedged->call));
}

/* True: the call is still there. */
static bool hedge_cancel_try(struct hedge_call *hedged, struct hedge_try *one, uint32_t why) {
    bool gone = false, *around = hedged->gone;
    if (!one->out) {
        return true;
    }
    hedged->gone = &gone;
    lw_service_cancel(hedged->call.layer->inner, &one->exchange, why);
    if (!gone) {
        hedged->gone = around;
    } else if (around != NULL) {
        *around = true;
    }
    return !gone;
}

/* It is the winner. True: the call is still there. */
static bool hedge_decide(struct hedge_call *hedged, struct hedge_try *winner) {
    struct hedge_try *loser = hedge_other(hedged, winner);
    hedged->winner = winner;
    lw_timer_stop(hedged->call.layer->clock, &hedged->timer);
    if (loser->out && loser->exchange.tries > 0) {
        hedge_learn(hedged, loser);
    }
    return hedge_cancel_try(hedged, loser, LW_OUTCOME_CANCELLED);
}

/* The request has its answer: it went well, or the caller is to blame, which another node would say too. */
static bool is_final(const lw_exchange *exchange) {
    return exchange->reason == LW_OK &&
           (exchange->sample.outcome == LW_OUTCOME_OK || exchange->sample.outcome == LW_OUTCOME_CALLER_FAULT);
}

static void hedge_completed(lw_exchange *exchange) {
    struct hedge_call *hedged = lw__call_of(exchange);
    struct hedge_try *one = (struct hedge_try *)(void *)exchange, *other = hedge_other(hedged, one);
    one->out = false;
    if (one != hedged->try && exchange->tries == 0) {
        hedge_of(hedged)->stats.hedges--; /* there was no other node */
    }
    bool spent = (exchange->flags & LW_EXCHANGE_SPENT) != 0 && other->exchange.tries == 0; /* too late for the other */
    if (hedged->winner == NULL && (is_final(exchange) || spent) && !hedge_decide(hedged, one)) {
        return;
    }
    bool lost = hedged->winner != NULL && hedged->winner != one;
    if (lost || other->out) {
        return; /* the other one answers, or may still go well */
    }
    bool refused = hedged->winner == NULL && exchange->reason != LW_OK && other->exchange.tries > 0;
    hedge_answer(hedged, refused ? other : one);
}

/* ---- tries ---- */

static int hedge_begins(lw_exchange *exchange) {
    struct hedge_call *hedged = lw__call_of(exchange);
    struct hedge_try *one = (struct hedge_try *)(void *)exchange;
    if (hedged->winner == NULL) {
        bool may_fail = !is_final(exchange) && hedge_other(hedged, one)->out;
        if (may_fail || !hedge_decide(hedged, one)) {
            return 0;
        }
    }
    hedged->call.outer->sample = exchange->sample;
    return hedged->winner == one ? lw_exchange_begins(hedged->call.outer) : 0;
}

static void hedge_try(struct hedge_call *hedged, struct hedge_try *one, uint64_t now) {
    lw_exchange_derive(&one->exchange, hedged->call.outer);
    if (one != hedged->try) {
        one->exchange.pick = &hedged->pick;
        one->exchange.flags |= LW_EXCHANGE_ELSEWHERE;
    }
    one->exchange.completed = hedge_completed;
    one->exchange.begins = hedge_begins;
    one->exchange.user = hedged;
    one->began = now;
    one->out = true;
    lw_service_call(hedged->call.layer->inner, &one->exchange);
}

/* The request with one exclusion more; false: there is no room for it. */
static bool hedge_exclude(struct hedge_call *hedged, uint64_t node) {
    const lw_request *given = hedged->call.outer->pick;
    hedged->pick = given != NULL ? *given : (lw_request)LW_REQUEST_INIT;
    size_t count = hedged->pick.exclude_count;
    if (count >= HEDGE_EXCLUSIONS) {
        return false;
    }
    if (count > 0) {
        memcpy(hedged->excluded, hedged->pick.exclude, count * sizeof *hedged->excluded);
    }
    hedged->excluded[count] = node;
    hedged->pick.exclude = hedged->excluded;
    hedged->pick.exclude_count = count + 1;
    return true;
}

static void hedge_fired(lw_timer *timer) {
    struct hedge_call *hedged = hedge_call_of(timer);
    struct hedge_layer *hedge = hedge_of(hedged);
    const lw_exchange *first = &hedged->try[0].exchange;
    uint64_t now = lw_clock_now(hedge->layer.clock), retry_at;
    bool said = (hedged->call.outer->flags & (LW_EXCHANGE_SPENT | LW_EXCHANGE_BEGUN)) != 0;
    if (said || first->node == 0 || !hedge_exclude(hedged, first->node)) {
        return;
    }
    if (lw_service_ready(hedge->layer.inner, first, &retry_at, NULL) != LW_OK) {
        return;
    }
    if (!lw__budget_take(&hedge->budget, now)) {
        hedge->stats.unfunded++;
        return;
    }
    hedge->stats.hedges++;
    hedge_try(hedged, &hedged->try[1], now);
}

/* ---- the service ---- */

static void hedge_call(lw_service *service, lw_exchange *exchange) {
    struct hedge_layer *hedge = (struct hedge_layer *)(void *)service;
    uint64_t now = lw_clock_now(hedge->layer.clock), delay;
    struct hedge_call *hedged = lw__call_new(&hedge->layer, exchange, hedge_completed);
    if (hedged == NULL) {
        return;
    }
    hedge->stats.requests++;
    lw__budget_request(&hedge->budget, now);
    delay = lw__percentile_read(&hedge->latencies, now);
    if (delay != 0 && (exchange->flags & LW_EXCHANGE_SAFE) != 0) {
        hedged->timer.fired = hedge_fired;
        delay = delay > hedge->options.least ? delay : hedge->options.least;
        lw_timer_start(hedge->layer.clock, &hedged->timer, lw__after(now, delay));
    }
    hedge_try(hedged, &hedged->try[0], now);
}

static void hedge_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct lw__layer *layer = lw__layer_of(service);
    struct hedge_call *hedged = exchange->holder;
    lw_timer_stop(layer->clock, &hedged->timer);
    if (hedged->winner != NULL && !hedged->winner->out) {
        hedge_answer(hedged, hedged->winner); /* it just has ended, and the other one is on its way out */
    } else if (hedge_cancel_try(hedged, &hedged->try[0], why)) {
        hedge_cancel_try(hedged, &hedged->try[1], why);
    }
}

static const lw_service_ops hedge_ops = {
    .size = sizeof hedge_ops,
    .name = "hedge",
    .ready = lw__layer_ready,
    .call = hedge_call,
    .cancel = hedge_cancel,
    .free = lw__layer_free,
};

int lw_hedge_stats_of(lw_service *service, lw_hedge_stats *stats) {
    if (service == NULL || service->ops != &hedge_ops || stats->size < sizeof stats->size) {
        return LW_INVALID;
    }
    struct hedge_layer *hedge = (struct hedge_layer *)(void *)service;
    size_t size = stats->size < sizeof *stats ? stats->size : sizeof *stats;
    hedge->stats.delay = lw__percentile_read(&hedge->latencies, lw_clock_now(hedge->layer.clock));
    memcpy(stats, &hedge->stats, size);
    stats->size = size;
    return LW_OK;
}

/* ---- birth ---- */

int lw_hedge_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                 const lw_hedge_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_hedge,
        .ops = &hedge_ops,
        .size = sizeof(struct hedge_layer),
        .options = offsetof(struct hedge_layer, options),
        .call_size = sizeof(struct hedge_call),
        .call_zeroed = offsetof(struct hedge_call, excluded),
    };
    int error;
    struct hedge_layer *hedge = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (hedge != NULL) {
        const lw_hedge_options *o = &hedge->options;
        lw__budget_init(&hedge->budget, o->budget, 0, o->window);
        lw__percentile_init(&hedge->latencies, o->percentile, o->window, o->min_samples);
    }
    *out = hedge != NULL ? &hedge->layer.service : NULL;
    return error;
}

static int hedge_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_hedge_new(out, env, clock, inner, options);
}

#define HEDGE_PARAM(member, type, fallback, min, max, help)                                                            \
    { #member, type, offsetof(lw_hedge_options, member), fallback, min, max, NULL, help }

static const lw_param hedge_params[] = {
    HEDGE_PARAM(percentile, LW_PARAM_PERCENTILE, "p95", "p50", "p99.99",
                "Of the latencies before, after which to send a second."),
    HEDGE_PARAM(least, LW_PARAM_TIME, "1ms", "0", "1h", "Never sooner than that."),
    HEDGE_PARAM(window, LW_PARAM_TIME, "30s", "1s", "1h", "Time over which latencies and the budget are counted."),
    HEDGE_PARAM(min_samples, LW_PARAM_U64, "20", "1", "1000000", "Latencies that it takes to hedge at all."),
    HEDGE_PARAM(budget, LW_PARAM_U64, "10", "0", "100", "Percent of the requests that may be hedged."),
};

const lw_layer lw__layer_hedge = {
    sizeof(lw_layer),
    "hedge",
    "Sends a second try to another node when the first takes longer than most.",
    hedge_params,
    sizeof hedge_params / sizeof *hedge_params,
    sizeof(lw_hedge_options),
    hedge_make,
    NULL,
};
