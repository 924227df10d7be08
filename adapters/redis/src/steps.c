/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From steps to answers. The commands of a batch know the next one with the same key, by a table of keys that is made
 * for the batch: it keeps their order when some have to be sent again. A script with such a follower goes as its whole
 * text at once, since a server that has not the script would carry out the follower before it.
 *
 * Cost: an exchange per server; about 200 bytes and two allocations a step.
 */
#include "steps.h"
#include "reply.h"

#include <loadwise/id.h>
#include <string.h>

/* ---- the order of keys ---- */

static bool same_key(const lw_store_step *a, const lw_store_step *b) {
    bool account = a->op == LW_STORE_CHARGE, meeting = a->op == LW_STORE_MEET;
    return account == (b->op == LW_STORE_CHARGE) && meeting == (b->op == LW_STORE_MEET) && strcmp(a->key, b->key) == 0;
}

/* Links each command to the next one of its key, walking from the last to the first. LW_OK, LW_NOMEM. */
static int link_keys(struct lw__redis *redis, struct lw__redis_command *commands, size_t count) {
    size_t room = 16;
    while (room < 2 * count) {
        room *= 2;
    }
    struct lw__redis_command **table = lw__host_alloc(&redis->common.env, room * sizeof *table);
    if (table == NULL) {
        return LW_NOMEM;
    }
    for (size_t i = count; i-- > 0;) {
        const lw_store_step *step = commands[i].step;
        if (step->key == NULL) {
            continue;
        }
        size_t at = (size_t)lw_id(step->key, strlen(step->key)) & (room - 1);
        while (table[at] != NULL && !same_key(table[at]->step, step)) {
            at = (at + 1) & (room - 1);
        }
        commands[i].later = table[at];
        commands[i].whole = table[at] != NULL;
        table[at] = &commands[i];
    }
    lw__host_release(&redis->common.env, table);
    return LW_OK;
}

/* ---- before and after ---- */

static void write_command(struct lw__redis *redis, struct lw__redis_command *command) {
    int error = lw__redis_command_step(command, &redis->common.config, &redis->common.env);
    if (error != LW_OK) {
        command->state = LW__REDIS_FAILED;
        command->error = error;
    }
}

/* What an answer is when there is none. */
static void answer_error(lw_store_step *step, int error) {
    step->answer = error;
    for (uint32_t i = 0; step->op == LW_STORE_CHARGE && step->posting != NULL && i < step->posting->count; i++) {
        lw_charge *charge = step->posting->charges != NULL ? &step->posting->charges[i] : NULL;
        if (charge != NULL) {
            charge->granted = 0;
        }
    }
}

static void read_answer(struct lw__redis *redis, struct lw__redis_command *command) {
    if (command->state == LW__REDIS_FAILED) {
        answer_error(command->step, command->error);
    } else if (!lw__redis_read(command->reply, command->step)) {
        answer_error(command->step, lw__host_fail(&redis->common.env, LW_CORRUPT,
                                                  "redis: what came is no answer to operation %u", command->step->op));
    }
    lw__redis_command_end(command);
}

/* ---- one, and many ---- */

ptrdiff_t lw__redis_take_step(struct lw__redis *redis, lw_store_step *step, uint64_t deadline) {
    struct lw__redis_command command = {.step = step};
    write_command(redis, &command);
    if (command.state == LW__REDIS_WAITING) {
        if (lw__redis_begin(redis, &deadline)) {
            lw__redis_carry_out(redis, &command, 1, deadline);
        } else {
            command.state = LW__REDIS_FAILED;
            command.error = LW_UNAVAILABLE;
        }
    }
    read_answer(redis, &command);
    return step->answer;
}

int lw__redis_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    struct lw__redis *redis = (struct lw__redis *)store;
    bool begun = lw__redis_begin(redis, &deadline);
    struct lw__redis_command *commands = NULL;
    if (begun && count <= SIZE_MAX / 4 / sizeof *commands) {
        commands = lw__host_alloc(&redis->common.env, count * sizeof *commands + 1);
    }
    for (size_t i = 0; i < count && commands != NULL; i++) {
        commands[i].step = &steps[i];
    }
    if (commands == NULL || link_keys(redis, commands, count) != LW_OK) {
        for (size_t i = 0; i < count; i++) {
            answer_error(&steps[i], begun ? LW_NOMEM : LW_UNAVAILABLE);
        }
        lw__host_release(&redis->common.env, commands);
        return begun ? LW_NOMEM : LW_UNAVAILABLE;
    }
    for (size_t i = 0; i < count; i++) {
        write_command(redis, &commands[i]);
    }
    lw__redis_carry_out(redis, commands, count, deadline);
    int answer = LW_OK;
    for (size_t i = 0; i < count; i++) {
        read_answer(redis, &commands[i]);
        answer = steps[i].answer == LW_UNAVAILABLE ? LW_UNAVAILABLE : answer;
    }
    lw__host_release(&redis->common.env, commands);
    return answer;
}
