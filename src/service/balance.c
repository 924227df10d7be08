/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Balance: from a pool to the service of one of its nodes. A call has a ticket exactly while its inner exchange is
 * under way; every path that ends the one ends the other, with the sample as the report, or without one where no node
 * took it.
 *
 * Those that wait are a list in the order of coming. Whatever may have changed the pool's mind (an exchange ended, the
 * time that the pool named, the poll) makes the eldest ask again, and as long as it is served, the next one.
 * Cost: a pick and a done; one timer for all that wait.
 */
#include "service/layer.h"

#include <loadwise/balance.h>
#include <loadwise/ticket.h>
#include <string.h>

enum { BALANCE_EXCLUSIONS = LW_POOL_EXCLUDE };

struct balance {
    struct lw__layer layer; /* without an inner service: the nodes have theirs */
    lw_balance_options options;
    lw_pool *pool;
    uint32_t route;
    bool asking; /* those that wait */
    uint64_t waiting;
    struct balance_call *eldest, *youngest;
    int refused; /* why the latest call was; LW_OK: it was not, or something has ended since */
    uint64_t refused_until;
    lw_timer ask; /* when those that wait are asked again */
    lw_waiters waiters;
};

struct balance_call {
    struct lw__call call;
    lw_ticket ticket;
    lw_service *node; /* that has it; NULL: it waits */
    struct balance_call *older, *younger;
    lw_timer patience;
};

static struct balance *balance_of(lw_service *service) { return (struct balance *)(void *)service; }

static struct balance *balance_of_call(const struct balance_call *placed) {
    return (struct balance *)(void *)placed->call.layer;
}

/* ---- choosing ---- */

/* The request with the nodes left out that would not take it. */
struct balance_choice {
    lw_request pick;
    uint64_t excluded[BALANCE_EXCLUSIONS];
    lw_ticket ticket;
};

/* More exclusions than a pool takes are handed to it as they are, for it to refuse. */
static void choice_begin(struct balance_choice *choice, const lw_exchange *exchange) {
    choice->pick = exchange->pick != NULL ? *exchange->pick : (lw_request)LW_REQUEST_INIT;
    if (choice->pick.exclude_count <= BALANCE_EXCLUSIONS) {
        if (choice->pick.exclude_count > 0) {
            memcpy(choice->excluded, choice->pick.exclude, choice->pick.exclude_count * sizeof *choice->excluded);
        }
        choice->pick.exclude = choice->excluded;
    }
}

/* Gives the ticket back and leaves the node out. */
static bool choice_leave_out(struct balance *balance, struct balance_choice *choice, uint64_t now) {
    lw_cancel_at(balance->pool, &choice->ticket, now);
    if (choice->pick.exclude_count == BALANCE_EXCLUSIONS) {
        return false;
    }
    choice->excluded[choice->pick.exclude_count++] = choice->ticket.node;
    return true;
}

/* The answer is this one, and there is no ticket. */
static lw_service *choice_refuse(struct balance_choice *choice, int reason, uint64_t retry_at) {
    choice->ticket.reason = reason;
    choice->ticket.retry = lw__retry_of(retry_at);
    choice->ticket.retry_at = retry_at;
    return NULL;
}

/* Nodes were picked that were not ready, and the pool has no other: then their reason counts, and the earliest time. */
static lw_service *choice_busy(struct balance_choice *choice, int busy, uint64_t soonest) {
    lw_ticket *ticket = &choice->ticket;
    if (ticket->reason == LW_OK || ticket->reason == LW_EXCLUDED) {
        return choice_refuse(choice, busy, soonest);
    }
    if (lw_is_refusal(ticket->reason) && ticket->retry == LW_RETRY_NEVER) {
        ticket->retry = lw__retry_of(soonest);
        ticket->retry_at = soonest;
    } else if (lw_is_refusal(ticket->reason) && ticket->retry == LW_RETRY_AT && soonest < ticket->retry_at) {
        ticket->retry_at = soonest;
    }
    return NULL;
}

/* Lent by the pool as the only one left, for a request that would rather have none. */
static bool is_unwanted(const struct balance_choice *choice, const lw_exchange *exchange) {
    return (choice->ticket.flags & LW_TICKET_REUSED) != 0 && (exchange->flags & LW_EXCHANGE_ELSEWHERE) != 0;
}

/* Another try of the same request has spent part of it meanwhile. */
static bool is_spent(const lw_exchange *exchange) {
    while (exchange != NULL && (exchange->flags & LW_EXCHANGE_SPENT) == 0) {
        exchange = exchange->parent;
    }
    return exchange != NULL;
}

/* A node that is ready, with a ticket; NULL: the ticket says why not, and when to ask again. */
static lw_service *choose_among(struct balance *balance, struct balance_choice *choice, const lw_exchange *exchange,
                                uint64_t now) {
    uint64_t soonest = UINT64_MAX, retry_at = UINT64_MAX;
    const lw_env *env = &balance->layer.env;
    int busy = LW_OK;
    choice_begin(choice, exchange);
    if (is_spent(exchange)) {
        return choice_refuse(choice, LW_SHED, 0);
    }
    for (uint64_t tries = 0; tries < balance->options.tries; tries++) {
        if (lw_pick_at(balance->pool, balance->route, &choice->pick, now, &choice->ticket) != LW_OK) {
            break;
        }
        lw_service *node = choice->ticket.user;
        if (node == NULL) {
            lw_cancel_at(balance->pool, &choice->ticket, now);
            return choice_refuse(choice, lw__fail(env, LW_INVALID, "balance: the node has no service"), 0);
        }
        if (is_unwanted(choice, exchange)) {
            lw_cancel_at(balance->pool, &choice->ticket, now);
            return choice_refuse(choice, LW_EXCLUDED, 0);
        }
        int reason = lw_service_ready(node, exchange, &retry_at, NULL);
        if (reason == LW_OK) {
            return node;
        }
        busy = reason;
        soonest = retry_at < soonest ? retry_at : soonest;
        if ((choice->ticket.flags & LW_TICKET_REUSED) != 0) {
            lw_cancel_at(balance->pool, &choice->ticket, now);
            break;
        }
        if (!choice_leave_out(balance, choice, now)) {
            break;
        }
    }
    return busy != LW_OK ? choice_busy(choice, busy, soonest) : NULL;
}

/* When the pool said, and now and then for what other threads give back. */
static uint64_t ask_again_at(const struct balance *balance, const lw_ticket *refused, uint64_t now) {
    uint64_t poll = lw__after(now, balance->options.poll);
    bool sooner = refused->retry == LW_RETRY_AT && refused->retry_at > now && refused->retry_at < poll;
    return sooner ? refused->retry_at : poll;
}

/* The same; balance_ready goes by what the latest was told, but for those that exclude nodes or ask for too much. */
static lw_service *choose(struct balance *balance, struct balance_choice *choice, const lw_exchange *exchange,
                          uint64_t now) {
    lw_service *node = choose_among(balance, choice, exchange, now);
    bool for_all = exchange->pick == NULL || exchange->pick->exclude_count == 0;
    if (node != NULL) {
        balance->refused = LW_OK;
    } else if (for_all && lw_is_refusal(choice->ticket.reason) && choice->ticket.retry != LW_RETRY_NEVER) {
        balance->refused = choice->ticket.reason;
        balance->refused_until = ask_again_at(balance, &choice->ticket, now);
    }
    return node;
}

/* ---- waiting ---- */

static void balance_ask(struct balance *balance);

static void queue_leave(struct balance *balance, struct balance_call *placed) {
    *(placed->older != NULL ? &placed->older->younger : &balance->eldest) = placed->younger;
    *(placed->younger != NULL ? &placed->younger->older : &balance->youngest) = placed->older;
    placed->older = placed->younger = NULL;
    balance->waiting--;
    lw_timer_stop(balance->layer.clock, &placed->patience);
}

static void queue_join(struct balance *balance, struct balance_call *placed, uint64_t now) {
    uint64_t until = lw__after(now, balance->options.wait), deadline = placed->call.inner.deadline;
    placed->older = balance->youngest;
    *(placed->older != NULL ? &placed->older->younger : &balance->eldest) = placed;
    balance->youngest = placed;
    balance->waiting++;
    lw_timer_start(balance->layer.clock, &placed->patience, deadline != 0 && deadline < until ? deadline : until);
}

static void ask_later(struct balance *balance, const lw_ticket *refused, uint64_t now) {
    uint64_t when = ask_again_at(balance, refused, now);
    if (!lw_timer_runs(&balance->ask) || when < balance->ask.due) {
        lw_timer_start(balance->layer.clock, &balance->ask, when);
    }
}

static void refuse_call(struct balance_call *placed, const lw_ticket *refused) {
    lw_ticket ticket = *refused; /* which may be in the call */
    lw_exchange_refuse(lw__call_end(&placed->call), ticket.reason, ticket.retry, ticket.retry_at);
}

static void patience_fired(lw_timer *timer) {
    struct balance_call *placed =
        (struct balance_call *)(void *)((char *)timer - offsetof(struct balance_call, patience));
    struct balance *balance = balance_of_call(placed);
    queue_leave(balance, placed);
    refuse_call(placed, &placed->ticket);
}

/* ---- placing ---- */

/* A report that the pool does not understand leaves the ticket; then it is as if nothing had been said. */
static void ticket_end(struct balance *balance, const lw_ticket *ticket, const lw_exchange *inner) {
    lw_sample sample = inner->sample;
    sample.now = sample.now != 0 ? sample.now : lw_clock_now(balance->layer.clock);
    int error = inner->reason == LW_OK ? lw_done(balance->pool, ticket, &sample) : LW_INVALID;
    if (error != LW_OK && error != LW_ALREADY) {
        lw_cancel_at(balance->pool, ticket, sample.now);
    }
}

static void balance_completed(lw_exchange *inner) {
    struct balance_call *placed = lw__call_of(inner);
    struct balance *balance = balance_of_call(placed);
    ticket_end(balance, &placed->ticket, inner);
    balance->refused = LW_OK;
    lw__call_answer(&placed->call);
    balance_ask(balance);
    lw_waiters_tell(&balance->waiters);
}

static void place_call(struct balance_call *placed, lw_service *node, const lw_ticket *ticket) {
    placed->ticket = *ticket;
    placed->node = node;
    lw_exchange_chosen(&placed->call.inner, ticket->node); /* before, so that a hedge knows it at once */
    lw_service_call(node, &placed->call.inner);
}

/* The eldest asks again; false: it has to go on waiting. */
static bool ask_for_eldest(struct balance *balance) {
    struct balance_choice choice;
    struct balance_call *placed = balance->eldest;
    uint64_t now = lw_clock_now(balance->layer.clock);
    lw_service *node = choose(balance, &choice, &placed->call.inner, now);
    if (node == NULL && lw_is_refusal(choice.ticket.reason)) {
        placed->ticket = choice.ticket;
        ask_later(balance, &choice.ticket, now);
        return false;
    }
    queue_leave(balance, placed);
    if (node != NULL) {
        place_call(placed, node, &choice.ticket);
    } else {
        refuse_call(placed, &choice.ticket);
    }
    return true;
}

/* Not one inside the other: an exchange may end before its call has returned. */
static void balance_ask(struct balance *balance) {
    if (balance->asking || balance->layer.ending) {
        return;
    }
    balance->asking = true;
    while (balance->eldest != NULL && ask_for_eldest(balance)) {
    }
    balance->asking = false;
}

static void ask_fired(lw_timer *timer) {
    balance_ask((struct balance *)(void *)((char *)timer - offsetof(struct balance, ask)));
}

static bool may_wait(const struct balance *balance, const lw_ticket *refused) {
    return balance->options.wait > 0 && balance->waiting < balance->options.room && lw_is_refusal(refused->reason) &&
           refused->retry != LW_RETRY_NEVER;
}

static void balance_call(lw_service *service, lw_exchange *exchange) {
    struct balance *balance = balance_of(service);
    struct balance_choice choice;
    struct balance_call *placed = lw__call_new(&balance->layer, exchange, balance_completed);
    if (placed == NULL) {
        return;
    }
    uint64_t now = lw_clock_now(balance->layer.clock);
    lw_service *node = NULL;
    if (balance->eldest == NULL) {
        node = choose(balance, &choice, &placed->call.inner, now);
    } else { /* who waits goes first */
        choice.ticket = balance->eldest->ticket;
    }
    if (node != NULL) {
        place_call(placed, node, &choice.ticket);
        return;
    }
    placed->ticket = choice.ticket;
    if (may_wait(balance, &choice.ticket)) {
        placed->patience.fired = patience_fired;
        queue_join(balance, placed, now);
        ask_later(balance, &choice.ticket, now);
    } else {
        refuse_call(placed, &choice.ticket);
    }
}

static void balance_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct balance_call *placed = exchange->holder;
    if (placed->node != NULL) {
        lw_service_cancel(placed->node, &placed->call.inner, why);
        return;
    }
    queue_leave(balance_of(service), placed);
    lw__call_give_up(&placed->call, why);
}

/* A pick would move the strategy on, so this goes by what the last call was told, until something may have changed. */
static int balance_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    struct balance *balance = balance_of(service);
    (void)exchange;
    if (balance->refused == LW_OK || balance->refused_until <= lw_clock_now(balance->layer.clock)) {
        return LW_OK;
    }
    *retry_at = balance->refused_until;
    lw_waiters_add(&balance->waiters, waiter);
    return balance->refused;
}

static void balance_free(lw_service *service) {
    struct balance *balance = balance_of(service);
    lw__layer_end(&balance->layer);
    lw_timer_stop(balance->layer.clock, &balance->ask);
    lw__layer_free(service);
}

static const lw_service_ops balance_ops = {
    .size = sizeof balance_ops,
    .name = "balance",
    .ready = balance_ready,
    .call = balance_call,
    .cancel = balance_cancel,
    .free = balance_free,
};

/* ---- birth ---- */

int lw_balance_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_pool *pool, uint32_t route,
                   const lw_balance_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_balance,
        .ops = &balance_ops,
        .size = sizeof(struct balance),
        .options = offsetof(struct balance, options),
        .call_size = sizeof(struct balance_call),
        .innermost = true,
    };
    int error;
    struct balance *balance = lw__layer_new(&plan, env, clock, NULL, options, &error);
    if (balance != NULL) {
        balance->pool = pool;
        balance->route = route;
        balance->ask.fired = ask_fired;
    }
    *out = balance != NULL ? &balance->layer.service : NULL;
    return error;
}

#define BALANCE_PARAM(member, type, fallback, min, max, help)                                                          \
    { #member, type, offsetof(lw_balance_options, member), fallback, min, max, NULL, help }

static const lw_param balance_params[] = {
    BALANCE_PARAM(wait, LW_PARAM_TIME, "0", "0", "24h", "How long to wait for a node when there is none."),
    BALANCE_PARAM(room, LW_PARAM_U64, "1024", "1", "1000000", "Most exchanges that wait."),
    BALANCE_PARAM(poll, LW_PARAM_TIME, "10ms", "1ms", "1m", "Time after which those that wait ask again in any case."),
    BALANCE_PARAM(tries, LW_PARAM_U64, "4", "1", "16", "Nodes that are asked whether they are ready."),
};

const lw_layer lw__layer_balance = {
    sizeof(lw_layer),
    "balance",
    "Picks a node of a pool for each exchange, and reports how it went.",
    balance_params,
    sizeof balance_params / sizeof *balance_params,
    sizeof(lw_balance_options),
    NULL,
    NULL,
};
