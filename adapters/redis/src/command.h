/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A command for a server: its bytes, where it goes, what has become of it, and the reply. hiredis writes the bytes and
 * reads the replies, so both are malloc's.
 *
 * A command of a step is written from the step, once more if it has to go as a script's whole text.
 */
#ifndef LW_REDIS_COMMAND_H
#define LW_REDIS_COMMAND_H

#include "config.h"
#include "scripts.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>

enum lw__redis_state {
    LW__REDIS_WAITING,  /* to be sent, perhaps again: it was not carried out, or may be repeated */
    LW__REDIS_SENT,     /* all of it, and not answered */
    LW__REDIS_ANSWERED, /* reply */
    LW__REDIS_FAILED,   /* error */
};

struct lw__redis_command {
    char *bytes;
    size_t size;
    redisReply *reply;
    lw_store_step *step;              /* or NULL */
    struct lw__redis_server *server;  /* where it has to go, whatever its slot; held. Or NULL */
    struct lw__redis_server *asked;   /* whom it was sent to in this turn, or NULL */
    struct lw__redis_command *follow; /* the one behind it on the same connection */
    struct lw__redis_command *later;  /* the next one with the same key */
    uint32_t slot;                    /* of the key */
    uint32_t repeats, redirects;
    int error;
    uint8_t state;   /* enum lw__redis_state */
    bool away;       /* whom it was sent to was not reached */
    bool repeatable; /* to do it twice is to do it once */
    bool whole;      /* a script goes as text, not by its SHA-1 */
    bool asking;     /* ASKING goes before it */
};

/* Writes the command of a step, with what follows from it. LW_OK, LW_INVALID (no such step), LW_FULL (more than Redis
   takes), LW_NOMEM. */
int lw__redis_command_step(struct lw__redis_command *command, const struct lw__redis_config *config, const lw_env *env);

/* The same step with the whole text of its script. LW_OK, LW_NOMEM. */
int lw__redis_command_whole(struct lw__redis_command *command, const struct lw__redis_config *config,
                            const lw_env *env);

/* Writes a command of plain words, "SCAN 0 ...". LW_OK, LW_NOMEM. */
int lw__redis_command_words(struct lw__redis_command *command, int count, const char *const *words);

/* Drops bytes and reply. */
void lw__redis_command_end(struct lw__redis_command *command);

#endif
