/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A real redis-server on a free loopback port, for one test program: started, hurt and stopped by it.
 *
 *     struct server server;
 *     server_start(&server, "maxmemory 8mb");
 *     ... redis://127.0.0.1:<server.port> ...
 *     server_stop(&server);
 *
 * The program is the one that the environment variable REDIS_SERVER names, or redis-server. It keeps nothing (save "")
 * in a folder of its own, and both are gone when the test is, however it ends. What the rig itself cannot do ends the
 * program with a message: nothing is wrong with loadwise then.
 */
#ifndef LOADWISE_TESTS_RIG_SERVER_H
#define LOADWISE_TESTS_RIG_SERVER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SERVER_PATH = 64, SERVER_LINES = 512 };

struct server {
    pid_t pid;                /* 0: it does not run */
    int life;                 /* read end of a pipe that ends with the server */
    pid_t keeper_pid;         /* removes the folder when its pipe ends */
    int keeper;               /* write end of that pipe */
    uint32_t port, bus;       /* bus: of a cluster */
    char folder[SERVER_PATH]; /* "log" in it is what the server has said */
    char lines[SERVER_LINES];
    redisContext *line; /* the test's own connection, see server_ask */
};

/* Starts one and waits until it answers. lines: more configuration, ended by '\n' each but the last; or NULL. Only from
   the main thread, since the server dies with the thread that started it. */
void server_start(struct server *server, const char *lines);

/* Again, on the same port and with the same configuration, after server_kill. */
void server_restart(struct server *server);

void server_kill(struct server *server); /* kill -9, and gone when this returns */
void server_freeze(struct server *server);
void server_thaw(struct server *server);

/* Kills it if it runs, and removes its folder. */
void server_stop(struct server *server);

/* Sends a command by the test's own connection. The reply, never an error, is to be freed with freeReplyObject. */
redisReply *server_ask(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, where the answer does not matter, or is a number. */
void server_tell(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));
long long server_count(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits until the server ends, at most so many ms: for loops that wait for something that only asking can show. */
void server_wait(const struct server *server, int ms);

/* Ends the program with a message. */
_Noreturn void rig_fail(const char *what);

/* The same, when something that the rig needs does not hold. */
static inline void rig_need(bool holds, const char *what) {
    if (!holds) {
        rig_fail(what);
    }
}

/* A loopback port that nobody else uses as long as this process lives, below those that the system gives to
   connections. */
uint32_t rig_port(void);

/* Monotonic ns. */
uint64_t rig_now(void);

/* ns that this thread was ready to run so far, and others ran in its place: what is late by that is not to blame. */
uint64_t rig_kept_waiting(void);

#endif
