/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From steps to commands. Entries, accounts and meetings have keys of their own: prefix, a letter, ':', the key.
 *
 *     GET key                 SET key value [PX ms]           DEL key
 *     EVALSHA sha1 1 key ...  for what Redis has no command for; scripts/README.md has the arguments
 *
 * Cost: two allocations a command, one of them hiredis'; one copy of the value.
 */
#include "command.h"
#include "slots.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    HEAD_WORDS = 8,
    CHARGE_WORDS = 9,
    WORDS = HEAD_WORDS + CHARGE_WORDS * LW_ACCOUNT_CHARGES,
    DIGITS = 21, /* of a 64-bit number, its sign and NUL */
};
#define LARGEST (UINT64_C(512) << 20)       /* what Redis takes as one word */
#define NO_LIMIT ((UINT64_C(1) << 53) - 1)  /* how scripts say LW_QUOTA_UNLIMITED */
#define ASKED_MOST (LW_QUOTA_LIMIT_MAX + 1) /* larger amounts count as this */
#define MICROSECOND UINT64_C(1000)

/* The words of a command as they are put together. */
struct words {
    int count;
    const char *at[WORDS];
    size_t size[WORDS];
    char digits[WORDS * DIGITS];
    size_t used;
};

static void add_bytes(struct words *words, const void *bytes, size_t size) {
    words->at[words->count] = size > 0 ? bytes : "";
    words->size[words->count++] = size;
}

static void add_text(struct words *words, const char *text) { add_bytes(words, text, strlen(text)); }

static void add_number(struct words *words, uint64_t number) {
    char *digits = words->digits + words->used;
    int size = snprintf(digits, DIGITS, "%" PRIu64, number);
    words->used += DIGITS;
    add_bytes(words, digits, (size_t)size);
}

static void add_signed(struct words *words, int64_t number) {
    char *digits = words->digits + words->used;
    int size = snprintf(digits, DIGITS, "%" PRId64, number);
    words->used += DIGITS;
    add_bytes(words, digits, (size_t)size);
}

/* Rounded up: 0 means for ever, and nothing may go before its time. */
static uint64_t units_of(uint64_t ns, uint64_t unit) { return ns / unit + (ns % unit != 0); }

static void add_script(struct words *words, const struct lw__redis_script *script, bool whole) {
    add_text(words, whole ? "EVAL" : "EVALSHA");
    add_bytes(words, whole ? script->text : script->sha1, whole ? script->size : 40);
    add_text(words, "1");
}

/* ---- steps ---- */

static void add_put(struct words *words, const lw_store_step *step) {
    add_bytes(words, step->value, step->value_size);
    if (step->ttl != 0) {
        add_text(words, "PX");
        add_number(words, units_of(step->ttl, 1000 * MICROSECOND));
    }
}

static void add_comparison(struct words *words, const lw_store_step *step) {
    add_bytes(words, step->value, step->value_size);
    add_number(words, units_of(step->ttl, 1000 * MICROSECOND));
    if (step->expected != NULL) {
        add_bytes(words, step->expected, step->expected_size);
    }
}

static void add_charge(struct words *words, const lw_charge *charge) {
    int64_t most = (int64_t)ASKED_MOST;
    add_text(words, charge->name);
    add_number(words, charge->kind);
    add_number(words, units_of(charge->window, MICROSECOND));
    bool sliding = charge->kind == LW_QUOTA_SLIDING;
    add_number(words, !sliding ? 0 : charge->resolution != 0 ? charge->resolution : 20);
    add_number(words, charge->limit != LW_QUOTA_UNLIMITED ? charge->limit : NO_LIMIT);
    add_number(words, sliding ? 0 : charge->burst);
    add_signed(words, charge->amount > most ? most : charge->amount < -most ? -most : charge->amount);
    add_number(words, charge->stamp[0]);
    add_number(words, charge->stamp[1]);
}

static void add_posting(struct words *words, const lw_posting *posting) {
    add_number(words, posting->mode);
    add_number(words, units_of(posting->hold, MICROSECOND));
    add_number(words, posting->now / MICROSECOND);
    for (uint32_t i = 0; i < posting->count; i++) {
        add_charge(words, &posting->charges[i]);
    }
}

static void add_member(struct words *words, const lw_store_step *step) {
    add_bytes(words, step->value, step->value_size);
    add_signed(words, step->amount);
    add_number(words, units_of(step->ttl, MICROSECOND));
}

static void add_step(struct words *words, const lw_store_step *step, const char *key, size_t size, bool whole) {
    switch (step->op) {
    case LW_STORE_GET: add_text(words, "GET"); break;
    case LW_STORE_PUT: add_text(words, "SET"); break;
    case LW_STORE_REMOVE: add_text(words, "DEL"); break;
    case LW_STORE_ADD: add_script(words, &lw__redis_add, whole); break;
    case LW_STORE_COMPARE_AND_SET: add_script(words, &lw__redis_compare_and_set, whole); break;
    case LW_STORE_CHARGE: add_script(words, &lw__redis_charge, whole); break;
    default: add_script(words, &lw__redis_meet, whole); break;
    }
    add_bytes(words, key, size);
    switch (step->op) {
    case LW_STORE_PUT: add_put(words, step); break;
    case LW_STORE_ADD:
        add_signed(words, step->amount);
        add_number(words, units_of(step->ttl, 1000 * MICROSECOND));
        break;
    case LW_STORE_COMPARE_AND_SET: add_comparison(words, step); break;
    case LW_STORE_CHARGE: add_posting(words, step->posting); break;
    case LW_STORE_MEET: add_member(words, step); break;
    default: break;
    }
}

/* ---- bytes ---- */

static int format(struct lw__redis_command *command, int count, const char **words, const size_t *sizes) {
    char *bytes = NULL;
    int size = redisFormatCommandArgv(&bytes, count, words, sizes);
    if (size < 0) {
        return LW_NOMEM;
    }
    redisFreeCommand(command->bytes);
    command->bytes = bytes;
    command->size = (size_t)size;
    return LW_OK;
}

static int write_step(struct lw__redis_command *command, const struct lw__redis_config *config, const lw_env *env) {
    const lw_store_step *step = command->step;
    char letter = step->op == LW_STORE_CHARGE ? 'a' : step->op == LW_STORE_MEET ? 'm' : 'e', small[256], *key = small;
    size_t prefix_size = strlen(config->prefix), key_size = strlen(step->key), size = prefix_size + 2 + key_size;
    struct words words;
    words.count = 0;
    words.used = 0;
    if (size > sizeof small && (key = lw__host_alloc(env, size)) == NULL) {
        return LW_NOMEM;
    }
    memcpy(key, config->prefix, prefix_size);
    key[prefix_size] = letter;
    key[prefix_size + 1] = ':';
    memcpy(key + prefix_size + 2, step->key, key_size);
    command->slot = lw__redis_slot(key, size);
    add_step(&words, step, key, size, command->whole);
    int error = format(command, words.count, words.at, words.size);
    if (key != small) {
        lw__host_release(env, key);
    }
    return error;
}

static bool fits(const lw_store_step *step) {
    return strlen(step->key) <= LARGEST - LW__REDIS_PREFIX - 2 && step->value_size <= LARGEST &&
           (step->expected == NULL || step->expected_size <= LARGEST);
}

int lw__redis_command_step(struct lw__redis_command *command, const struct lw__redis_config *config,
                           const lw_env *env) {
    const lw_store_step *step = command->step;
    int error = lw_store_step_check(env, step);
    if (error != LW_OK) {
        return error;
    }
    if (!fits(step)) {
        return lw__host_fail(env, LW_FULL, "redis: a key or value has more than the %llu bytes that Redis takes",
                             (unsigned long long)LARGEST);
    }
    command->repeatable = step->op == LW_STORE_GET || step->op == LW_STORE_PUT;
    return write_step(command, config, env);
}

int lw__redis_command_whole(struct lw__redis_command *command, const struct lw__redis_config *config,
                            const lw_env *env) {
    command->whole = true;
    return write_step(command, config, env);
}

int lw__redis_command_words(struct lw__redis_command *command, int count, const char *const *words) {
    const char *at[HEAD_WORDS];
    size_t size[HEAD_WORDS];
    for (int i = 0; i < count; i++) {
        at[i] = words[i];
        size[i] = strlen(words[i]);
    }
    return format(command, count, at, size);
}

void lw__redis_command_end(struct lw__redis_command *command) {
    redisFreeCommand(command->bytes);
    command->bytes = NULL;
    if (command->reply != NULL) {
        freeReplyObject(command->reply);
        command->reply = NULL;
    }
}
