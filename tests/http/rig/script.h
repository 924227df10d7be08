/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server on a thread of the test that answers byte for byte as it is told, be it HTTP or not.
 *
 *     static const struct script_answer answers[] = {
 *         {.target = "/short", .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .end = SCRIPT_CLOSE},
 *         {.target = "/", .text = SCRIPT_OK},
 *     };
 *     script_start(&script, answers, 2);
 *
 * server.c is its greater sister, a program with behaviours that have names.
 */
#ifndef TESTS_HTTP_SCRIPT_H
#define TESTS_HTTP_SCRIPT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum { SCRIPT_CONNECTIONS = 128, SCRIPT_ROOM = 1 << 20 };

/* What follows the last byte. */
enum script_end {
    SCRIPT_KEEP,
    SCRIPT_CLOSE,
    SCRIPT_RESET,
    SCRIPT_HALF, /* nothing more is sent, and the client hears of it; what it sends is read */
    SCRIPT_HANG, /* nothing at all, and it hears of nothing */
};

struct script_answer {
    const char *target; /* of requests that begin so; the first answer that fits and is not used up counts */
    const char *text;   /* NULL: nothing */
    size_t filler;      /* bytes 'x' after it */
    const char *tail;   /* after these; NULL: nothing */
    enum script_end end;
    unsigned times; /* that it is given; 0: always */
    bool early;     /* without having read the body of the request */
    bool held;      /* not before script_release */
};

struct script_connection {
    int fd;
    size_t size; /* of what came */
    const struct script_answer *held;
    bool silent;
    char *bytes;
};

struct script {
    const struct script_answer *answers;
    size_t count;
    unsigned given[64];
    char base[64]; /* "http://127.0.0.1:PORT" */
    int listener, wake[2];
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    bool stopping, released;
    size_t connections, requests; /* that came */
    char last[SCRIPT_ROOM];       /* the last whole request */
    size_t last_size;
    struct script_connection connection[SCRIPT_CONNECTIONS];
};

void script_start(struct script *script, const struct script_answer *answers, size_t count);
void script_release(struct script *script);
void script_stop(struct script *script);

/* How many came. */
size_t script_requests(struct script *script);
size_t script_connections(struct script *script);

/* Is it in the last whole request? */
bool script_heard(struct script *script, const char *text);

#endif
