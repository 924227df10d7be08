/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls; see call.h. Cost: one exchange where all goes well. */
#include "call.h"
#include "reply.h"

#include <string.h>
#include <unistd.h>

enum {
    LEGS = 32,     /* servers a turn; what is for others waits for the next */
    REDIRECTS = 4, /* so many are followed without a pause */
};
#define FIRST_PAUSE UINT64_C(1000000)
#define LAST_PAUSE UINT64_C(50000000)

struct turn {
    struct lw__redis *redis;
    struct lw__redis_leg legs[LEGS];
    size_t count;
    uint64_t version; /* of the map that it goes by */
    uint64_t deadline;
    bool map_wanted; /* a server is away, or a slot has none */
    bool pause;      /* some server asked for time */
    bool late;
    bool *told;    /* has the log been told something in this call? */
    int map_error; /* of reading it */
};

/* Tells the log what a server says, once a call. */
static void tell(struct turn *turn, int error, const char *what, const redisReply *reply) {
    if (!*turn->told) {
        *turn->told = true;
        (void)lw__host_fail(&turn->redis->common.env, error, "redis: %s: %.200s", what, reply->str);
    }
}

static void fail(struct lw__redis_command *command, int error) {
    command->state = LW__REDIS_FAILED;
    command->error = error;
}

/* ---- where commands go ---- */

/* Keeps legs in the order of their servers; see lw__redis_exchange. False when there are too many. */
static bool add_to_leg(struct turn *turn, struct lw__redis_command *command, struct lw__redis_server *server) {
    size_t at = 0;
    while (at < turn->count && (uintptr_t)turn->legs[at].server < (uintptr_t)server) {
        at++;
    }
    if (at == turn->count || turn->legs[at].server != server) {
        if (turn->count == LEGS) {
            return false;
        }
        memmove(&turn->legs[at + 1], &turn->legs[at], (turn->count - at) * sizeof *turn->legs);
        turn->legs[at] = (struct lw__redis_leg){.server = server};
        turn->count++;
    } else {
        lw__redis_map_let_go(&turn->redis->map, server); /* the leg holds it already */
    }
    lw__redis_queue_add(&turn->legs[at].queue, command);
    return true;
}

static void assign(struct turn *turn, struct lw__redis_command *commands, size_t count) {
    struct lw__redis_map *map = &turn->redis->map;
    for (size_t i = 0; i < count; i++) {
        struct lw__redis_command *command = &commands[i];
        command->asked = NULL;
        if (command->state != LW__REDIS_WAITING) {
            continue;
        }
        struct lw__redis_server *server = lw__redis_map_hold(map, command->server);
        if (server == NULL) {
            server = lw__redis_map_server(map, command->slot, &turn->version);
        }
        if (server == NULL) {
            turn->map_wanted = true;
            turn->pause |= turn->version > 0; /* there is a map, and a gap in it */
        } else if (add_to_leg(turn, command, server)) {
            command->asked = server;
        } else {
            lw__redis_map_let_go(map, server);
        }
    }
}

/* ---- what has become of them ---- */

/* It is to be sent again, unless that would change the order of what is done to its key. */
static void again(struct turn *turn, struct lw__redis_command *command) {
    if (command->later != NULL && command->later->state != LW__REDIS_WAITING) {
        fail(command, LW_UNAVAILABLE);
        return;
    }
    if (command->reply != NULL) {
        freeReplyObject(command->reply);
        command->reply = NULL;
    }
    command->state = LW__REDIS_WAITING;
    lw__redis_count(&turn->redis->common.counts.retries, 1);
}

static void let_go_of_server(struct turn *turn, struct lw__redis_command *command) {
    if (command->asking) {
        lw__redis_map_let_go(&turn->redis->map, command->server);
        command->server = NULL;
        command->asking = false;
    }
}

static void redirect(struct turn *turn, struct lw__redis_command *command, const struct lw__redis_verdict *verdict) {
    struct lw__redis *redis = turn->redis;
    bool moved = verdict->kind == LW__REDIS_MOVED;
    lw__redis_count(moved ? &redis->common.counts.moved : &redis->common.counts.asked, 1);
    if (!redis->common.config.cluster || command->server != NULL) {
        tell(turn, LW_UNSUPPORTED, "the server belongs to a cluster, and the store was not told so", command->reply);
        fail(command, LW_UNSUPPORTED);
        return;
    }
    struct lw__redis_server *server = lw__redis_map_find(&redis->map, verdict->host, verdict->port, command->asked);
    if (server == NULL) {
        turn->map_wanted = turn->pause = true;
    } else if (moved) {
        lw__redis_map_correct(&redis->map, verdict->slot, server);
        lw__redis_map_let_go(&redis->map, server);
    } else {
        command->server = server;
        command->asking = true;
    }
    turn->pause |= ++command->redirects > REDIRECTS;
    again(turn, command);
}

static void read_only(struct turn *turn, struct lw__redis_command *command) {
    if (turn->redis->common.config.cluster) {
        turn->map_wanted = turn->pause = true;
        again(turn, command);
    } else {
        tell(turn, LW_DENIED, "the server says", command->reply);
        fail(command, LW_DENIED);
    }
}

static void judge_answer(struct turn *turn, struct lw__redis_command *command) {
    struct lw__redis_common *common = &turn->redis->common;
    struct lw__redis_verdict verdict = lw__redis_judge(command->reply);
    let_go_of_server(turn, command);
    switch (verdict.kind) {
    case LW__REDIS_DONE: break;
    case LW__REDIS_REFUSED:
        tell(turn, verdict.error, "the server says", command->reply);
        fail(command, verdict.error);
        break;
    case LW__REDIS_NO_SCRIPT:
        lw__redis_count(&common->counts.scripts, 1);
        again(turn, command);
        if (command->state == LW__REDIS_WAITING &&
            lw__redis_command_whole(command, &common->config, &common->env) != LW_OK) {
            fail(command, LW_NOMEM);
        }
        break;
    case LW__REDIS_MOVED:
    case LW__REDIS_ASK: redirect(turn, command, &verdict); break;
    case LW__REDIS_ONLY_READS: read_only(turn, command); break;
    case LW__REDIS_TURNED_OFF:
        tell(turn, verdict.error, "the server says", command->reply);
        lw__redis_server_failed(command->asked);
        again(turn, command);
        break;
    case LW__REDIS_LATER:
        turn->pause = true;
        turn->map_wanted |= common->config.cluster;
        again(turn, command);
        break;
    }
}

/* Sent and not answered. */
static void judge_silence(struct turn *turn, struct lw__redis_command *command, const struct lw__redis_leg *leg) {
    let_go_of_server(turn, command);
    if (leg->error == LW_UNAVAILABLE && command->repeatable &&
        command->repeats++ < turn->redis->common.config.retries && !turn->late) {
        again(turn, command);
    } else {
        fail(command, leg->error);
    }
}

/* Not sent. It may go to another server, if there is one for it; that is seen when the map has been read. */
static void judge_unsent(struct turn *turn, struct lw__redis_command *command, const struct lw__redis_leg *leg) {
    let_go_of_server(turn, command);
    if (leg->error != LW_UNAVAILABLE) {
        fail(command, leg->error);
    } else if (leg->away) {
        turn->map_wanted = true;
        command->away = true;
    }
}

static const struct lw__redis_leg *leg_of(const struct turn *turn, const struct lw__redis_command *command) {
    size_t i = 0;
    while (turn->legs[i].server != command->asked) {
        i++;
    }
    return &turn->legs[i];
}

/* From the last to the first, so that each knows what became of those behind it. */
static void judge(struct turn *turn, struct lw__redis_command *commands, size_t count) {
    for (size_t i = count; i-- > 0;) {
        struct lw__redis_command *command = &commands[i];
        if (command->asked == NULL) {
            continue;
        }
        if (command->state == LW__REDIS_ANSWERED) {
            judge_answer(turn, command);
        } else if (command->state == LW__REDIS_SENT) {
            judge_silence(turn, command, leg_of(turn, command));
        } else {
            judge_unsent(turn, command, leg_of(turn, command));
        }
    }
}

/* ---- turns ---- */

/* Those whose server is away wait on only if a new map names another. */
static void leave_behind(struct turn *turn, struct lw__redis_command *commands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct lw__redis_command *command = &commands[i];
        bool waits = command->state == LW__REDIS_WAITING && (command->away || command->asked == NULL);
        if (!waits) {
            continue;
        }
        struct lw__redis_server *now = NULL;
        if (command->server == NULL) {
            now = lw__redis_map_server(&turn->redis->map, command->slot, &turn->version);
        }
        if (command->away && (now == NULL || now == command->asked)) {
            fail(command, LW_UNAVAILABLE);
        } else if (now == NULL && turn->version == 0) {
            fail(command, turn->map_error);
        }
        lw__redis_map_let_go(&turn->redis->map, now);
        command->away = false;
    }
}

static bool some_wait(const struct lw__redis_command *commands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (commands[i].state == LW__REDIS_WAITING) {
            return true;
        }
    }
    return false;
}

/* One turn. False when none follows. */
static bool take_turn(struct turn *turn, struct lw__redis_command *commands, size_t count) {
    struct lw__redis *redis = turn->redis;
    assign(turn, commands, count);
    turn->late = lw__redis_exchange(&redis->common, turn->legs, turn->count, turn->deadline);
    judge(turn, commands, count);
    if (turn->late) {
        lw__redis_map_doubt(&redis->map);
    }
    bool go_on = some_wait(commands, count);
    if (go_on && turn->map_wanted) {
        turn->map_error = lw__redis_map_read(&redis->map, turn->version, turn->deadline);
        leave_behind(turn, commands, count);
        go_on = some_wait(commands, count);
    }
    for (size_t i = 0; i < turn->count; i++) {
        lw__redis_map_let_go(&redis->map, turn->legs[i].server);
    }
    return go_on;
}

void lw__redis_carry_out(struct lw__redis *redis, struct lw__redis_command *commands, size_t count, uint64_t deadline) {
    uint64_t pause = FIRST_PAUSE;
    bool late = false, go_on = true, unanswered = false, told = false;
    uint64_t patience = lw__redis_left(deadline, lw__redis_now(&redis->common.env)); /* for where time stands still */
    lw__redis_map_refresh(&redis->map, deadline);
    while (go_on && !late) {
        struct turn turn;
        turn.redis = redis;
        turn.told = &told;
        turn.count = 0;
        turn.version = 0;
        turn.deadline = deadline;
        turn.map_wanted = turn.pause = turn.late = false;
        go_on = take_turn(&turn, commands, count);
        if (go_on && turn.pause && !turn.late) {
            lw__redis_wait(&redis->common.env, pause, deadline);
            patience = lw__redis_left(patience, pause);
            pause = pause < LAST_PAUSE / 2 ? pause * 2 : LAST_PAUSE;
        }
        late = turn.late || (go_on && (patience == 0 || lw__redis_now(&redis->common.env) >= deadline));
    }
    for (size_t i = 0; i < count; i++) {
        if (commands[i].state == LW__REDIS_WAITING) {
            fail(&commands[i], LW_UNAVAILABLE);
        }
        unanswered = unanswered || commands[i].error == LW_UNAVAILABLE;
    }
    late = unanswered && (late || lw__redis_now(&redis->common.env) >= deadline);
    lw__redis_count(&redis->common.counts.timeouts, late);
}

/* ---- how a call begins ---- */

/* After a fork the store is the child's, who begins with no connection. */
static void take_over(struct lw__redis *redis, int32_t process) {
    pthread_mutex_lock(&redis->fork_lock);
    if (__atomic_load_n(&redis->process, __ATOMIC_RELAXED) != process) {
        lw__redis_map_after_fork(&redis->map);
        __atomic_store_n(&redis->process, process, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&redis->fork_lock);
}

bool lw__redis_begin(struct lw__redis *redis, uint64_t *deadline) {
    int32_t process = (int32_t)getpid();
    uint64_t now = lw__redis_now(&redis->common.env);
    lw__redis_count(&redis->common.counts.calls, 1);
    if (__atomic_load_n(&redis->process, __ATOMIC_ACQUIRE) != process) {
        take_over(redis, process);
    }
    if (*deadline == 0) {
        *deadline = lw__redis_after(now, redis->common.config.timeout);
    }
    if (now < *deadline) {
        return true;
    }
    lw__redis_count(&redis->common.counts.timeouts, 1);
    return false;
}
