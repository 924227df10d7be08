/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Exchanges: one loop over one poll, which every wait for a server happens in. The time is looked at after each, and
 * where it stands still, a wait that ran out counts as the deadline. Cost: a call of the kernel each to send, to wait
 * and to receive, for as many commands as fit.
 */
#define _GNU_SOURCE /* ppoll, strerror_r */
#include "exchange.h"
#include "reply.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

enum { LEGS = 64 };

/* ---- how a leg ends ---- */

static void end_leg(struct lw__redis_leg *leg, int error) {
    leg->error = error;
    for (uint32_t i = 0; i < leg->server->common->greetings; i++) {
        leg->greetings[i].bytes = NULL; /* the store's */
        lw__redis_command_end(&leg->greetings[i]);
    }
    if (leg->connection != NULL) {
        lw__redis_server_give_back(leg->server, leg->connection, error == 0);
        leg->connection = NULL;
    }
}

/* The server cannot be reached, or will not have us. */
static void end_away(struct lw__redis_leg *leg, int error) {
    lw__redis_count(&leg->server->common->counts.failed_connects, 1);
    if (error == LW_UNAVAILABLE || error == LW_CORRUPT) {
        lw__redis_server_failed(leg->server);
    }
    leg->away = true;
    end_leg(leg, error);
}

/* It ended in the middle of something. */
static void end_broken(struct lw__redis_leg *leg, int error) {
    lw__redis_count(&leg->server->common->counts.broken, 1);
    if (!leg->connection->proven && error != LW_NOMEM) {
        lw__redis_server_failed(leg->server);
    }
    end_leg(leg, error);
}

static void end_late(struct lw__redis_leg *leg) {
    __atomic_store_n(&leg->server->suspect, true, __ATOMIC_RELAXED);
    if (leg->phase == LW__REDIS_WORKING) {
        end_broken(leg, LW_UNAVAILABLE);
    } else {
        end_away(leg, LW_UNAVAILABLE);
    }
}

/* ---- working ---- */

static void work(struct lw__redis_leg *leg) {
    struct lw__redis_common *common = leg->server->common;
    uint64_t sent = 0;
    int error = lw__redis_connection_send(leg->connection, &leg->queue, &sent);
    lw__redis_count(&common->counts.commands, sent);
    if (error == 0) {
        error = lw__redis_connection_receive(leg->connection, &leg->queue);
    }
    if (error != 0) {
        if (error == LW_CORRUPT) {
            (void)lw__host_fail(&common->env, error, "redis: what came is no answer of Redis'");
        }
        end_broken(leg, error);
    } else if (leg->queue.unanswered == NULL) {
        end_leg(leg, 0);
    }
}

/* ---- greeting ---- */

static void begin_work(struct lw__redis_leg *leg) {
    lw__redis_count(&leg->server->common->counts.connects, 1);
    lw__redis_server_greeted(leg->server, leg->connection, leg->address);
    leg->phase = LW__REDIS_WORKING;
    work(leg);
}

/* 0, or why the server will not have us. */
static int judge_greeting(const struct lw__redis_leg *leg) {
    const struct lw__redis_common *common = leg->server->common;
    for (uint32_t i = 0; i < common->greetings; i++) {
        const redisReply *reply = leg->greetings[i].reply;
        struct lw__redis_verdict verdict = lw__redis_judge(reply);
        if (verdict.kind != LW__REDIS_DONE) {
            /* Whatever else is said to AUTH and SELECT: they name what this server does not have. */
            int error = verdict.kind == LW__REDIS_REFUSED ? LW_DENIED : verdict.error;
            return lw__host_fail(&common->env, error, "redis: the server says: %.200s", reply->str);
        }
        if (reply->type != REDIS_REPLY_STATUS) {
            return lw__host_fail(&common->env, LW_CORRUPT, "redis: what came is no answer of Redis'");
        }
    }
    return 0;
}

static void greet(struct lw__redis_leg *leg) {
    uint64_t sent = 0;
    int error = lw__redis_connection_send(leg->connection, &leg->greeting, &sent);
    if (error == 0) {
        error = lw__redis_connection_receive(leg->connection, &leg->greeting);
    }
    if (error != 0) {
        end_away(leg, error);
    } else if (leg->greeting.unanswered == NULL) {
        error = judge_greeting(leg);
        if (error != 0) {
            end_away(leg, error);
        } else {
            begin_work(leg);
        }
    }
}

static void begin_greeting(struct lw__redis_leg *leg) {
    struct lw__redis_common *common = leg->server->common;
    if (common->greetings == 0) {
        begin_work(leg);
        return;
    }
    for (uint32_t i = 0; i < common->greetings; i++) {
        leg->greetings[i] = common->greeting[i];
        lw__redis_queue_add(&leg->greeting, &leg->greetings[i]);
    }
    leg->phase = LW__REDIS_GREETING;
    greet(leg);
}

/* ---- dialling ---- */

/* Tries the addresses one after the other, the one that worked last first, each for its share of the time. */
static void dial(struct lw__redis_leg *leg, int error, uint64_t now) {
    struct lw__redis_server *server = leg->server;
    struct lw__redis_address address;
    while (leg->dialled < LW__REDIS_ADDRESSES) {
        pthread_mutex_lock(&server->lock);
        bool more = leg->dialled < server->addresses;
        uint32_t left = server->addresses - leg->dialled;
        leg->address = (server->good + (more ? leg->dialled : 0)) % server->addresses;
        address = server->address[leg->address];
        pthread_mutex_unlock(&server->lock);
        if (!more) {
            break;
        }
        leg->dialled++;
        leg->dial_until = lw__redis_after(now, lw__redis_left(leg->greet_until, now) / left);
        error = lw__redis_connection_dial(leg->connection, &address);
        if (error == 0) {
            return;
        }
    }
    char name[LW__REDIS_NAME], reason[128];
    lw__redis_address_text(&address, name);
    (void)lw__host_fail(&server->common->env, LW_UNAVAILABLE, "redis: %s: %s", name,
                        strerror_r(error, reason, sizeof reason));
    end_away(leg, LW_UNAVAILABLE);
}

static void begin_leg(struct lw__redis_leg *leg, uint64_t deadline) {
    struct lw__redis_common *common = leg->server->common;
    int error = lw__redis_server_borrow(leg->server, deadline, &leg->connection);
    if (error != LW_OK) {
        leg->away = true;
        end_leg(leg, error);
    } else if (leg->connection->greeted) {
        leg->phase = LW__REDIS_WORKING;
        work(leg);
    } else {
        uint64_t now = lw__redis_now(&common->env), last = lw__redis_after(now, common->config.connect_timeout);
        leg->phase = LW__REDIS_DIALLING;
        leg->greet_until = last < deadline ? last : deadline;
        dial(leg, 0, now);
    }
}

/* ---- all of them ---- */

static struct timespec timespec_of(uint64_t span) {
    const uint64_t second = UINT64_C(1000000000), most = UINT64_C(86400);
    return (struct timespec){(time_t)(span / second < most ? span / second : most), (long)(span % second)};
}

void lw__redis_wait(const lw_env *env, uint64_t span, uint64_t deadline) {
    uint64_t left = lw__redis_left(deadline, lw__redis_now(env));
    struct timespec time = timespec_of(span < left ? span : left);
    (void)ppoll(NULL, 0, &time, NULL);
}

/* Until when nothing happens by itself. */
static uint64_t next_event(const struct lw__redis_leg *leg, uint64_t soonest) {
    uint64_t until = leg->phase == LW__REDIS_DIALLING   ? leg->dial_until
                     : leg->phase == LW__REDIS_GREETING ? leg->greet_until
                                                        : UINT64_MAX;
    return until < soonest ? until : soonest;
}

static struct pollfd watch(const struct lw__redis_leg *leg) {
    const struct lw__redis_queue *queue = leg->phase == LW__REDIS_GREETING ? &leg->greeting : &leg->queue;
    short events = leg->phase == LW__REDIS_DIALLING ? POLLOUT : (short)(POLLIN | (queue->unsent != NULL ? POLLOUT : 0));
    return (struct pollfd){leg->connection->socket, events, 0};
}

/* Something has happened on the connection of a leg. */
static void step(struct lw__redis_leg *leg, uint64_t now) {
    if (leg->phase == LW__REDIS_WORKING) {
        work(leg);
    } else if (leg->phase == LW__REDIS_GREETING) {
        greet(leg);
    } else {
        int error = lw__redis_connection_outcome(leg->connection);
        if (error == 0) {
            begin_greeting(leg);
        } else {
            dial(leg, error, now);
        }
    }
}

static void step_late(struct lw__redis_leg *leg, uint64_t now) {
    if (leg->phase == LW__REDIS_DIALLING && now >= leg->dial_until) {
        dial(leg, ETIMEDOUT, now);
    } else if (leg->phase == LW__REDIS_GREETING && now >= leg->greet_until) {
        end_late(leg);
    }
}

/* Waits for the legs under way and goes on with those for which something has happened. How many are under way. */
static size_t turn(const lw_env *env, struct lw__redis_leg *legs, size_t count, uint64_t deadline, uint64_t *now) {
    struct pollfd polled[LEGS];
    struct lw__redis_leg *under_way[LEGS];
    size_t active = 0;
    uint64_t until = deadline;
    for (size_t i = 0; i < count; i++) {
        if (legs[i].connection != NULL) {
            until = next_event(&legs[i], until);
            polled[active] = watch(&legs[i]);
            under_way[active++] = &legs[i];
        }
    }
    if (active == 0) {
        return 0;
    }
    struct timespec time = timespec_of(lw__redis_left(until, *now));
    int ready = ppoll(polled, active, &time, NULL);
    *now = lw__redis_now(env);
    if (ready == 0 && *now < until) {
        *now = until; /* we have waited as long as that */
    }
    for (size_t i = 0; i < active; i++) {
        if (ready > 0 && polled[i].revents != 0) {
            step(under_way[i], *now);
        } else {
            step_late(under_way[i], *now);
        }
    }
    return active;
}

bool lw__redis_exchange(struct lw__redis_common *common, struct lw__redis_leg *legs, size_t count, uint64_t deadline) {
    for (size_t i = 0; i < count; i++) {
        begin_leg(&legs[i], deadline);
    }
    uint64_t now = lw__redis_now(&common->env);
    while (now < deadline && turn(&common->env, legs, count, deadline, &now) > 0) {
    }
    bool late = false;
    for (size_t i = 0; i < count; i++) {
        if (legs[i].connection != NULL) {
            late = true;
            end_late(&legs[i]);
        }
    }
    return late;
}
