/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lending connections; see server.h. Cost: a lock and one look at the socket a loan. */
#include "server.h"

#include <string.h>
#include <time.h>

/* ---- birth and end ---- */

static bool make_locks(struct lw__redis_server *server) {
    pthread_condattr_t monotonic;
    if (pthread_mutex_init(&server->lock, NULL) != 0) {
        return false;
    }
    bool made = pthread_condattr_init(&monotonic) == 0;
    if (made) {
        made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&server->changed, &monotonic) == 0;
        pthread_condattr_destroy(&monotonic);
    }
    if (!made) {
        pthread_mutex_destroy(&server->lock);
    }
    return made;
}

struct lw__redis_server *lw__redis_server_new(struct lw__redis_common *common, const struct lw__redis_address *address,
                                              uint32_t count) {
    struct lw__redis_server *server = lw__redis_alloc(&common->env, sizeof *server);
    if (server == NULL || !make_locks(server)) {
        lw__redis_release(&common->env, server);
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
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    lw__redis_release(&env, server);
}

void lw__redis_server_after_fork(struct lw__redis_server *server) {
    /* Whoever held the lock or had connections lent is not in this process. What was lent out stays open and unused:
       its owner may have been changing it when the process was copied. */
    (void)make_locks(server);
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

/* Waits for a change, with the lock held; false when the deadline has come. */
static bool wait_for_change(struct lw__redis_server *server, uint64_t deadline) {
    uint64_t now = lw__redis_now(&server->common->env);
    if (now >= deadline) {
        return false;
    }
    uint64_t until = lw__redis_after(lw__redis_clock(), deadline - now), second = UINT64_C(1000000000);
    struct timespec time = {(time_t)(until / second), (long)(until % second)};
    return pthread_cond_timedwait(&server->changed, &server->lock, &time) == 0;
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

int lw__redis_server_borrow(struct lw__redis_server *server, uint64_t deadline, struct lw__redis_connection **out) {
    int go = 0;
    pthread_mutex_lock(&server->lock);
    while ((*out = take_idle(server)) == NULL && (go = may_dial(server)) == 0) {
        if (!wait_for_change(server, deadline)) {
            go = LW_UNAVAILABLE;
            break;
        }
    }
    if (*out == NULL && go == 1) {
        *out = lw__redis_connection_new(&server->common->env);
        go = *out != NULL ? 1 : LW_NOMEM;
        if (server->failures > 0) {
            pause_dialling(server); /* one tries; the others need not wait for it */
        }
    }
    server->lent += *out != NULL;
    pthread_mutex_unlock(&server->lock);
    return *out != NULL ? LW_OK : go;
}

void lw__redis_server_give_back(struct lw__redis_server *server, struct lw__redis_connection *connection, bool sound) {
    pthread_mutex_lock(&server->lock);
    server->lent--;
    if (sound) {
        connection->proven = true;
        server->failures = 0;
        __atomic_store_n(&server->suspect, false, __ATOMIC_RELAXED);
        connection->next = server->idle;
        server->idle = connection;
        server->idles++;
        pthread_cond_signal(&server->changed);
    } else {
        server->greeted -= connection->greeted;
        pthread_cond_broadcast(&server->changed); /* perhaps there is nothing to wait for any more */
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

bool lw__redis_server_is_open(struct lw__redis_server *server) {
    pthread_mutex_lock(&server->lock);
    bool open = server->idles > 0 || may_dial(server) >= 0;
    pthread_mutex_unlock(&server->lock);
    return open;
}
