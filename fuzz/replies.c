/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Any bytes as what a Redis server answers. They go through a socket, in pieces, to commands that wait for answers of
 * all kinds. Each command is answered, refused with a documented error, or still waits; nothing is written beyond the
 * room that a step has, and no number that comes out is beyond what store.h and account.h allow.
 *
 * The first byte says how long the pieces are, the second which command comes first.
 */
#include "connection.h"
#include "reply.h"
#include "slots.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLIES_COMMANDS = 8, REPLIES_ROOM = 5, REPLIES_CHARGES = 2, REPLIES_RANGES = 64, REPLIES_MOST = 4096 };

#define REPLIES_COUNT_MOST (UINT64_C(1) << 53)

static void replies_check(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- commands that wait ---- */

struct replies_command {
    struct lw__redis_command command;
    lw_store_step step;
    lw_posting posting;
    lw_charge charges[REPLIES_CHARGES];
    char out[REPLIES_ROOM + 1]; /* the last one is not the step's */
};

static void replies_ask(struct replies_command *asked, uint32_t op) {
    memset(asked, 0, sizeof *asked);
    asked->out[REPLIES_ROOM] = '!';
    asked->posting = (lw_posting)LW_POSTING_INIT;
    asked->posting.charges = asked->charges;
    asked->posting.count = REPLIES_CHARGES;
    for (int i = 0; i < REPLIES_CHARGES; i++) {
        asked->charges[i] = (lw_charge)LW_CHARGE_INIT;
        asked->charges[i].amount = 1 - 2 * i;
    }
    asked->step =
        (lw_store_step){.op = op, .key = "key", .out = asked->out, .room = REPLIES_ROOM, .posting = &asked->posting};
    asked->command.step = &asked->step;
    asked->command.state = LW__REDIS_SENT;
    asked->command.asking = op == LW_STORE_GET;
}

/* ---- what came of it ---- */

static void replies_check_step(struct replies_command *asked, bool good) {
    const lw_store_step *step = &asked->step;
    replies_check(asked->out[REPLIES_ROOM] == '!');
    replies_check(good == (step->answer != LW_CORRUPT));
    replies_check(step->answer >= 0 || step->answer == LW_CORRUPT || step->answer == LW_UNKNOWN ||
                  step->answer == LW_OVER_QUOTA);
    replies_check(step->op == LW_STORE_GET || step->answer != LW_UNKNOWN);
    replies_check(step->op == LW_STORE_CHARGE || step->answer != LW_OVER_QUOTA);
    for (int i = 0; step->op == LW_STORE_CHARGE && good && i < REPLIES_CHARGES; i++) {
        const lw_charge *charge = &asked->charges[i];
        replies_check(charge->granted <= REPLIES_COUNT_MOST && charge->used <= REPLIES_COUNT_MOST);
        replies_check(charge->retry == LW_QUOTA_NEVER || charge->retry % 1000 == 0);
    }
}

/* The same reply taken for an answer about servers. */
static void replies_check_servers(const redisReply *reply) {
    uint64_t cursor = 0;
    struct lw__redis_range range;
    const redisReply *keys = lw__redis_read_scan(reply, &cursor);
    replies_check(keys == NULL || keys->type == REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < REPLIES_RANGES && lw__redis_read_range(reply, i, &range); i++) {
        replies_check(range.first <= range.last && range.last < LW__REDIS_SLOTS && range.port > 0);
        replies_check(range.port < 65536 && strlen(range.host) < REPLIES_MOST);
        replies_check(range.number == NULL || strlen(range.number) < REPLIES_MOST);
    }
}

static void replies_check_answer(struct replies_command *asked) {
    const redisReply *reply = asked->command.reply;
    struct lw__redis_verdict verdict = lw__redis_judge(reply);
    if (verdict.kind == LW__REDIS_DONE) {
        replies_check_step(asked, lw__redis_read(reply, &asked->step));
        replies_check_servers(reply);
        return;
    }
    replies_check(verdict.error < 0 && strcmp(lw_error_name(verdict.error), "LW_?") != 0);
    if (verdict.kind == LW__REDIS_MOVED || verdict.kind == LW__REDIS_ASK) {
        replies_check(verdict.slot < LW__REDIS_SLOTS && verdict.port > 0 && verdict.port < 65536);
        replies_check(memchr(verdict.host, 0, sizeof verdict.host) != NULL);
    }
}

/* ---- through the socket ---- */

static int replies_feed(struct lw__redis_connection *connection, struct lw__redis_queue *queue, int server,
                        const uint8_t *bytes, size_t size, size_t piece) {
    int error = 0;
    for (size_t sent = 0; sent < size && error == 0; sent += piece) {
        size_t now = size - sent < piece ? size - sent : piece;
        replies_check(send(server, bytes + sent, now, MSG_DONTWAIT) == (ssize_t)now);
        error = lw__redis_connection_receive(connection, queue);
    }
    replies_check(error == 0 || error == LW_CORRUPT || error == LW_NOMEM);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct replies_command asked[REPLIES_COMMANDS];
    struct lw__redis_queue queue = {0};
    lw_env env = LW_ENV_INIT;
    int ends[2];
    if (size < 2 || size > REPLIES_MOST) {
        return 0;
    }
    struct lw__redis_connection *connection = lw__redis_connection_new(&env);
    replies_check(connection != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    connection->socket = ends[0];
    for (uint32_t i = 0; i < REPLIES_COMMANDS; i++) {
        replies_ask(&asked[i], (bytes[1] + i) % LW_STORE_MEET + 1);
        lw__redis_queue_add(&queue, &asked[i].command);
    }
    queue.unsent = NULL;
    replies_feed(connection, &queue, ends[1], bytes + 2, size - 2, (size_t)bytes[0] + 1);
    for (uint32_t i = 0; i < REPLIES_COMMANDS; i++) {
        if (asked[i].command.state == LW__REDIS_ANSWERED) {
            replies_check_answer(&asked[i]);
            freeReplyObject(asked[i].command.reply);
        }
        replies_check(i == 0 || asked[i].command.state != LW__REDIS_ANSWERED ||
                      asked[i - 1].command.state == LW__REDIS_ANSWERED);
    }
    lw__redis_connection_free(connection, &env);
    close(ends[1]);
    return 0;
}
