/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lending connections; see server.h. Cost: a lock and one look at the socket a loan. */
#include "server.h"

#include <string.h>
#include <time.h>

/* ---- birth and end ---- */

struct waiter {
    struct waiter *next;
    pthread_cond_t woken;
    struct lw__redis_connection *given;
};

static bool make_waiter(struct waiter *waiter) {
    pthread_condattr_t monotonic;
    waiter->next = NULL;
    waiter->given = NULL;
    if (pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&waiter->woken, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

struct lw__redis_server *lw__redis_server_new(struct lw__redis_common *common, const struct lw__redis_address *address,
                                              uint32_t count) {
    struct lw__redis_server *server = lw__host_alloc(&common->env, sizeof *server);
    if (server == NULL || pthread_mutex_init(&server->lock, NULL) != 0) {
        lw__host_release(&common->env, server);
        return NULL;
    }
    server->common = common;
    server->holders = 1;
    memcpy(server->address, address, count * sizeof *address);
    server->addresses = count;
    return server;
}

static void drop_idle(struct lw__redis_server *server) {
    while (server->idle != NULL) {
        struct lw__redis_connection *connection = server->idle;
        server->idle = connection->next;
        lw__redis_connection_free(connection, &server->common->env);
    }
    server->idles = 0;
}

void lw__redis_server_free(struct lw__redis_server *server) {
    lw_env env = server->common->env;
    drop_idle(server);
    pthread_mutex_destroy(&server->lock);
    lw__host_release(&env, server);
}

void lw__redis_server_after_fork(struct lw__redis_server *server) {
    /* Whoever held the lock or had connections lent is not in this process. What was lent out stays open and unused:
       its owner may have been changing it when the process was copied. */
    (void)pthread_mutex_init(&server->lock, NULL);
    server->waiting = NULL;
    drop_idle(server);
    server->lent = server->greeted = server->failures = 0;
    server->again_at = 0;
}

void lw__redis_server_move(struct lw__redis_server *server, const struct lw__redis_address *address, uint32_t count) {
    pthread_mutex_lock(&server->lock);
    memcpy(server->address, address, count * sizeof *address);
    server->addresses = count;
    server->good = 0;
    server->again_at = 0;
    pthread_mutex_unlock(&server->lock);
}

/* ---- lending ---- */

/* Takes the connection that came back last, unless it has ended meanwhile. With the lock held. */
static struct lw__redis_connection *take_idle(struct lw__redis_server *server) {
    while (server->idle != NULL) {
        struct lw__redis_connection *connection = server->idle;
        server->idle = connection->next;
        server->idles--;
        if (lw__redis_connection_is_quiet(connection)) {
            return connection;
        }
        server->greeted--;
        lw__redis_connection_free(connection, &server->common->env);
    }
    return NULL;
}

/* Waits for news, with the lock held; false when the deadline has come. */
static bool wait_for_news(struct lw__redis_server *server, struct waiter *waiter, uint64_t deadline) {
    uint64_t now = lw__redis_now(&server->common->env);
    if (now >= deadline) {
        return false;
    }
    uint64_t until = lw__redis_after(lw__redis_clock(), deadline - now), second = UINT64_C(1000000000);
    struct timespec time = {(time_t)(until / second), (long)(until % second)};
    return pthread_cond_timedwait(&waiter->woken, &server->lock, &time) == 0;
}

/* 1: go and dial; 0: wait for one that is lent out; LW_UNAVAILABLE. With the lock held. */
static int may_dial(struct lw__redis_server *server) {
    bool paused = server->failures > 0 && lw__redis_now(&server->common->env) < server->again_at;
    if (!paused && server->lent + server->idles < server->common->config.connections) {
        return 1;
    }
    return paused && server->greeted == 0 ? LW_UNAVAILABLE : 0;
}

/* How long a server is left alone after so many failures. */
static uint64_t pause_after(struct lw__redis_server *server) {
    const struct lw__redis_config *config = &server->common->config;
    uint64_t most = config->backoff;
    for (uint32_t i = 1; i < server->failures && most < config->max_backoff; i++) {
        most = most <= config->max_backoff / 2 ? most * 2 : config->max_backoff;
    }
    uint64_t seed = server->common->env.seed ^ (uint64_t)(uintptr_t)server;
    uint64_t drawn = lw__redis_draw(seed, server->draws++);
    return most < UINT64_MAX ? drawn % (most + 1) : drawn;
}

static void pause_dialling(struct lw__redis_server *server) {
    server->again_at = lw__redis_after(lw__redis_now(&server->common->env), pause_after(server));
}

/* Stands in line until a connection is given, may be dialled, or there is no more hope; with the lock held. */
static int stand_in_line(struct lw__redis_server *server, uint64_t deadline, struct lw__redis_connection **out) {
    struct waiter waiter, **end = &server->waiting;
    int go = 0;
    if (!make_waiter(&waiter)) {
        return LW_NOMEM;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = &waiter;
    while (waiter.given == NULL && go == 0) {
        bool in_time = wait_for_news(server, &waiter, deadline);
        if (waiter.given == NULL) {
            go = in_time ? may_dial(server) : LW_UNAVAILABLE;
        }
    }
    if (waiter.given == NULL) {
        for (end = &server->waiting; *end != &waiter; end = &(*end)->next) {
        }
        *end = waiter.next;
    }
    *out = waiter.given;
    pthread_cond_destroy(&waiter.woken);
    return go;
}

int lw__redis_server_borrow(struct lw__redis_server *server, uint64_t deadline, struct lw__redis_connection **out) {
    int go = 0;
    pthread_mutex_lock(&server->lock);
    *out = take_idle(server);
    server->lent += *out != NULL;
    if (*out == NULL) {
        go = may_dial(server);
    }
    if (*out == NULL && go == 0) {
        go = stand_in_line(server, deadline, out);
    }
    if (*out == NULL && go == 1) {
        *out = lw__redis_connection_new(&server->common->env);
        server->lent += *out != NULL;
        go = *out != NULL ? 1 : LW_NOMEM;
        if (server->failures > 0) {
            pause_dialling(server); /* one tries; the others need not wait for it */
        }
    }
    pthread_mutex_unlock(&server->lock);
    return *out != NULL ? LW_OK : go;
}

/* Gives it to who has waited longest, or lays it aside; with the lock held. */
static void hand_on(struct lw__redis_server *server, struct lw__redis_connection *connection) {
    struct waiter *first = server->waiting;
    if (first != NULL) {
        server->waiting = first->next;
        first->given = connection;
        pthread_cond_signal(&first->woken);
        return;
    }
    connection->next = server->idle;
    server->idle = connection;
    server->idles++;
    server->lent--;
}

static void wake_all(struct lw__redis_server *server) {
    for (struct waiter *waiter = server->waiting; waiter != NULL; waiter = waiter->next) {
        pthread_cond_signal(&waiter->woken);
    }
}

void lw__redis_server_give_back(struct lw__redis_server *server, struct lw__redis_connection *connection, bool sound) {
    pthread_mutex_lock(&server->lock);
    if (sound) {
        connection->proven = true;
        server->failures = 0;
        __atomic_store_n(&server->suspect, false, __ATOMIC_RELAXED);
        hand_on(server, connection);
    } else {
        server->lent--;
        server->greeted -= connection->greeted;
        wake_all(server); /* there is room for another, or nothing to wait for any more */
    }
    pthread_mutex_unlock(&server->lock);
    if (!sound) {
        lw__redis_connection_free(connection, &server->common->env);
    }
}

/* ---- what is known of the server ---- */

void lw__redis_server_greeted(struct lw__redis_server *server, struct lw__redis_connection *connection, uint32_t good) {
    connection->greeted = true;
    pthread_mutex_lock(&server->lock);
    server->greeted++;
    server->good = good;
    pthread_mutex_unlock(&server->lock);
}

void lw__redis_server_failed(struct lw__redis_server *server) {
    pthread_mutex_lock(&server->lock);
    server->failures += server->failures < 64;
    pause_dialling(server);
    pthread_mutex_unlock(&server->lock);
}
