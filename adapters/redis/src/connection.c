/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sockets. Commands leave as they are, many in one sendmsg, with no copy; replies go through hiredis' reader, which
 * gives them to the commands in the order in which these were sent.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIECES = 64,
    CHUNK = 16384,
    LARGE_BUFFER = 4 * CHUNK,
    ELEMENTS = 1 << 20, /* no array that we ask for has more elements */
};

static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
enum { ASKING_SIZE = sizeof asking - 1 };

/* ---- birth and end ---- */

/* hiredis makes room for as many elements as a reply announces, and walks through them when it is freed: gigabytes and
   seconds, for a few bytes of nonsense. */
static void *create_array(const redisReadTask *task, int elements) {
    struct lw__redis_connection *connection = task->privdata;
    if (elements > ELEMENTS) {
        connection->absurd = true;
        return NULL;
    }
    return connection->hiredis->createArray(task, elements);
}

/* One that never gives its buffer back by itself, which it would not survive when memory runs out. */
static redisReader *new_reader(struct lw__redis_connection *connection) {
    redisReader *reader = redisReaderCreate();
    if (reader != NULL) {
        connection->hiredis = reader->fn;
        connection->functions = *reader->fn;
        connection->functions.createArray = create_array;
        reader->fn = &connection->functions;
        reader->privdata = connection;
        reader->maxbuf = 0;
    }
    return reader;
}

/* After a large reply, between replies: a new reader, if there is memory for one. */
static void drop_large_buffer(struct lw__redis_connection *connection) {
    redisReader *fresh = sdsavail(connection->reader->buf) > LARGE_BUFFER ? new_reader(connection) : NULL;
    if (fresh != NULL) {
        redisReaderFree(connection->reader);
        connection->reader = fresh;
    }
}

struct lw__redis_connection *lw__redis_connection_new(const lw_env *env) {
    struct lw__redis_connection *connection = lw__host_alloc(env, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->socket = -1;
    connection->reader = new_reader(connection);
    if (connection->reader == NULL) {
        lw__host_release(env, connection);
        return NULL;
    }
    return connection;
}

static void hang_up(struct lw__redis_connection *connection) {
    if (connection->socket >= 0) {
        close(connection->socket);
        connection->socket = -1;
    }
}

void lw__redis_connection_free(struct lw__redis_connection *connection, const lw_env *env) {
    hang_up(connection);
    redisReaderFree(connection->reader);
    lw__host_release(env, connection);
}

int lw__redis_connection_dial(struct lw__redis_connection *connection, const struct lw__redis_address *address) {
    const int yes = 1;
    hang_up(connection);
    int family = address->is.any.sa_family;
    connection->socket = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->socket < 0) {
        return errno;
    }
    if (family != AF_UNIX) { /* no batch waits for its last piece; a peer that is gone is noticed at last */
        (void)setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        (void)setsockopt(connection->socket, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    }
    if (connect(connection->socket, &address->is.any, address->size) == 0 || errno == EINPROGRESS || errno == EINTR) {
        return 0;
    }
    return errno;
}

int lw__redis_connection_outcome(const struct lw__redis_connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(connection->socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

bool lw__redis_connection_is_quiet(const struct lw__redis_connection *connection) {
    char byte;
    return recv(connection->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && would_block(errno);
}

/* ---- sending ---- */

void lw__redis_queue_add(struct lw__redis_queue *queue, struct lw__redis_command *command) {
    command->follow = NULL;
    if (queue->last == NULL) {
        *queue = (struct lw__redis_queue){command, 0, command, command, false};
    } else {
        queue->last->follow = command;
        queue->last = command;
    }
}

static size_t whole_size(const struct lw__redis_command *command) {
    return command->size + (command->asking ? ASKING_SIZE : 0);
}

static void add_piece(struct iovec *pieces, int *count, const char *bytes, size_t size, size_t *skipped) {
    if (*skipped >= size) {
        *skipped -= size;
        return;
    }
    /* sendmsg does not write to it, but its type does not say so. */
    memcpy(&pieces[*count].iov_base, &bytes, sizeof bytes);
    pieces[*count].iov_base = (char *)pieces[*count].iov_base + *skipped;
    pieces[(*count)++].iov_len = size - *skipped;
    *skipped = 0;
}

static void note_sent(struct lw__redis_queue *queue, size_t size, uint64_t *count) {
    queue->sent += size;
    while (queue->unsent != NULL && queue->sent >= whole_size(queue->unsent)) {
        queue->sent -= whole_size(queue->unsent);
        queue->unsent->state = LW__REDIS_SENT;
        queue->unsent = queue->unsent->follow;
        ++*count;
    }
}

int lw__redis_connection_send(struct lw__redis_connection *connection, struct lw__redis_queue *queue,
                              uint64_t *commands) {
    while (queue->unsent != NULL) {
        struct iovec pieces[PIECES + 1];
        int count = 0;
        size_t skipped = queue->sent;
        for (struct lw__redis_command *c = queue->unsent; c != NULL && count < PIECES; c = c->follow) {
            if (c->asking) {
                add_piece(pieces, &count, asking, ASKING_SIZE, &skipped);
            }
            add_piece(pieces, &count, c->bytes, c->size, &skipped);
        }
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(connection->socket, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            return would_block(errno) ? 0 : LW_UNAVAILABLE;
        }
        note_sent(queue, (size_t)sent, commands);
    }
    return 0;
}

/* ---- receiving ---- */

/* Gives a reply to the command that waits for it. */
static int hand_over(struct lw__redis_queue *queue, redisReply *reply) {
    struct lw__redis_command *command = queue->unanswered;
    if (command == NULL || command->state != LW__REDIS_SENT) {
        freeReplyObject(reply);
        return LW_CORRUPT; /* nothing was asked */
    }
    if (command->asking && !queue->allowed) {
        freeReplyObject(reply);
        queue->allowed = true;
        return 0;
    }
    command->reply = reply;
    command->state = LW__REDIS_ANSWERED;
    queue->allowed = false;
    queue->unanswered = command->follow;
    return 0;
}

static int read_replies(struct lw__redis_connection *connection, struct lw__redis_queue *queue) {
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(connection->reader, &reply) != REDIS_OK) {
            return connection->reader->err == REDIS_ERR_OOM && !connection->absurd ? LW_NOMEM : LW_CORRUPT;
        }
        if (reply == NULL) {
            return 0;
        }
        int error = hand_over(queue, reply);
        if (error != 0) {
            return error;
        }
    }
}

int lw__redis_connection_receive(struct lw__redis_connection *connection, struct lw__redis_queue *queue) {
    char chunk[CHUNK];
    for (;;) {
        ssize_t size = recv(connection->socket, chunk, sizeof chunk, 0);
        if (size <= 0) {
            return size < 0 && would_block(errno) ? 0 : LW_UNAVAILABLE;
        }
        if (redisReaderFeed(connection->reader, chunk, (size_t)size) != REDIS_OK) {
            return LW_NOMEM;
        }
        int error = read_replies(connection, queue);
        if (error == 0 && queue->unanswered == NULL && connection->reader->len == 0) {
            drop_large_buffer(connection);
        }
        if (error != 0 || (size_t)size < sizeof chunk) {
            return error;
        }
    }
}
