/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading replies. Nothing is believed: types, counts, ranges and digits are looked at before anything is written to a
 * step. Errors are known by their first word. Cost: O(length).
 */
#include "reply.h"
#include "slots.h"

#include <string.h>

/* ---- errors ---- */

struct meaning {
    const char *word;
    enum lw__redis_kind kind;
    int error;
};

static const struct meaning meanings[] = {
    {"NOAUTH", LW__REDIS_REFUSED, LW_DENIED},
    {"WRONGPASS", LW__REDIS_REFUSED, LW_DENIED},
    {"NOPERM", LW__REDIS_REFUSED, LW_DENIED},
    {"ERR Protocol error: unauthenticated", LW__REDIS_REFUSED, LW_DENIED}, /* more words than a stranger may say */
    {"DENIED", LW__REDIS_REFUSED, LW_DENIED},                              /* protected mode */
    {"OOM", LW__REDIS_REFUSED, LW_FULL},
    {"WRONGTYPE", LW__REDIS_REFUSED, LW_INVALID},
    {"INVALID", LW__REDIS_REFUSED, LW_INVALID}, /* this and the next two are of our scripts */
    {"RANGE", LW__REDIS_REFUSED, LW_RANGE},
    {"CORRUPT", LW__REDIS_REFUSED, LW_CORRUPT},
    {"MISCONF", LW__REDIS_REFUSED, LW_UNAVAILABLE}, /* it cannot save, and refuses writes until it can */
    {"NOREPLICAS", LW__REDIS_REFUSED, LW_UNAVAILABLE},
    {"ERR max number of clients", LW__REDIS_TURNED_OFF, LW_UNAVAILABLE},
    {"LOADING", LW__REDIS_LATER, LW_UNAVAILABLE},
    {"BUSY", LW__REDIS_LATER, LW_UNAVAILABLE},
    {"TRYAGAIN", LW__REDIS_LATER, LW_UNAVAILABLE},
    {"CLUSTERDOWN", LW__REDIS_LATER, LW_UNAVAILABLE},
    {"MASTERDOWN", LW__REDIS_LATER, LW_UNAVAILABLE},
    {"NOSCRIPT", LW__REDIS_NO_SCRIPT, LW_UNAVAILABLE},
    {"READONLY", LW__REDIS_ONLY_READS, LW_DENIED},
    {"MOVED", LW__REDIS_MOVED, LW_UNSUPPORTED},
    {"ASK", LW__REDIS_ASK, LW_UNSUPPORTED},
};

static bool begins_with(const redisReply *reply, const char *word) {
    size_t size = strlen(word);
    return reply->len >= size && memcmp(reply->str, word, size) == 0 && (reply->len == size || reply->str[size] == ' ');
}

/* Digits up to `end`, at most `most`. */
static bool read_digits(const char *digits, const char *end, uint64_t most, uint64_t *number) {
    uint64_t value = 0;
    if (digits == end) {
        return false;
    }
    for (; digits < end; digits++) {
        uint64_t digit = (uint64_t)(unsigned char)*digits - '0';
        if (digit > 9 || value > (most - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

static bool read_port(const char *digits, const char *end, uint32_t *port) {
    uint64_t number;
    if (!read_digits(digits, end, 65535, &number) || number == 0) {
        return false;
    }
    *port = (uint32_t)number;
    return true;
}

/* "MOVED slot host:port", where an IPv6 host has colons too. */
static bool read_redirection(const redisReply *reply, struct lw__redis_verdict *verdict) {
    const char *end = reply->str + reply->len, *slot = memchr(reply->str, ' ', reply->len), *host, *colon;
    uint64_t number;
    if (slot == NULL || (host = memchr(slot + 1, ' ', (size_t)(end - slot - 1))) == NULL ||
        !read_digits(slot + 1, host, LW__REDIS_SLOTS - 1, &number)) {
        return false;
    }
    verdict->slot = (uint32_t)number;
    for (host++, colon = end; colon > host && colon[-1] != ':'; colon--) {
    }
    if (colon == host || (size_t)(colon - host) > sizeof verdict->host || !read_port(colon, end, &verdict->port)) {
        return false;
    }
    size_t size = (size_t)(colon - host) - 1;
    memcpy(verdict->host, host, size);
    verdict->host[size] = 0;
    return memchr(verdict->host, 0, size) == NULL;
}

struct lw__redis_verdict lw__redis_judge(const redisReply *reply) {
    struct lw__redis_verdict verdict = {.kind = LW__REDIS_DONE};
    if (reply->type != REDIS_REPLY_ERROR) {
        return verdict;
    }
    verdict.kind = LW__REDIS_REFUSED;
    verdict.error = LW_UNSUPPORTED;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (begins_with(reply, meanings[i].word)) {
            verdict.kind = meanings[i].kind;
            verdict.error = meanings[i].error;
            break;
        }
    }
    if ((verdict.kind == LW__REDIS_MOVED || verdict.kind == LW__REDIS_ASK) && !read_redirection(reply, &verdict)) {
        verdict.kind = LW__REDIS_REFUSED;
        verdict.error = LW_CORRUPT;
    }
    return verdict;
}

/* ---- answers to steps ---- */

static bool is_count(const redisReply *reply, long long most) {
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= most;
}

/* A decimal int64 as text. */
static bool read_sum(const redisReply *reply, int64_t *sum) {
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        return false;
    }
    const char *end = reply->str + reply->len;
    bool negative = *reply->str == '-';
    uint64_t size;
    if (!read_digits(reply->str + negative, end, (uint64_t)INT64_MAX + negative, &size)) {
        return false;
    }
    *sum = negative && size > 0 ? -(int64_t)(size - 1) - 1 : (int64_t)size;
    return true;
}

static bool read_value(const redisReply *reply, lw_store_step *step) {
    if (reply->type == REDIS_REPLY_NIL) {
        step->answer = LW_UNKNOWN;
        return true;
    }
    if (reply->type != REDIS_REPLY_STRING) {
        return false;
    }
    size_t copied = reply->len < step->room ? reply->len : step->room;
    if (copied > 0) {
        memcpy(step->out, reply->str, copied);
    }
    step->answer = (ptrdiff_t)reply->len;
    return true;
}

static bool read_meeting(const redisReply *reply, lw_store_step *step) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !is_count(reply->element[0], INT32_MAX) ||
        !read_sum(reply->element[1], &step->sum)) {
        return false;
    }
    step->answer = (ptrdiff_t)reply->element[0]->integer;
    return true;
}

enum { POSTING_HEAD = 2, CHARGE_NUMBERS = 5, RETRY = 2 };

/* done time (granted used retry stamp0 stamp1)... */
static bool is_posting_answer(const redisReply *reply, uint32_t count) {
    const long long most = 1LL << 53;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != POSTING_HEAD + (size_t)count * CHARGE_NUMBERS ||
        !is_count(reply->element[0], 1) || !is_count(reply->element[1], most)) {
        return false;
    }
    for (size_t i = POSTING_HEAD; i < reply->elements; i++) {
        const redisReply *number = reply->element[i];
        bool never = (i - POSTING_HEAD) % CHARGE_NUMBERS == RETRY && number->type == REDIS_REPLY_INTEGER &&
                     number->integer == -1;
        if (!never && !is_count(number, most)) {
            return false;
        }
    }
    return true;
}

static uint64_t number_at(const redisReply *reply, size_t index) { return (uint64_t)reply->element[index]->integer; }

static uint64_t ns_of(uint64_t micros) { return micros <= UINT64_MAX / 1000 ? micros * 1000 : UINT64_MAX; }

static bool read_posting(const redisReply *reply, lw_store_step *step) {
    lw_posting *posting = step->posting;
    if (!is_posting_answer(reply, posting->count)) {
        return false;
    }
    step->answer = reply->element[0]->integer != 0 ? LW_OK : LW_OVER_QUOTA;
    posting->time = ns_of(number_at(reply, 1));
    for (uint32_t i = 0; i < posting->count; i++) {
        lw_charge *charge = &posting->charges[i];
        size_t at = POSTING_HEAD + (size_t)i * CHARGE_NUMBERS;
        charge->granted = number_at(reply, at);
        charge->used = number_at(reply, at + 1);
        charge->retry = reply->element[at + RETRY]->integer < 0 ? LW_QUOTA_NEVER : ns_of(number_at(reply, at + RETRY));
        if (charge->amount > 0 && charge->granted > 0) {
            charge->stamp[0] = number_at(reply, at + 3);
            charge->stamp[1] = number_at(reply, at + 4);
        }
    }
    return true;
}

bool lw__redis_read(const redisReply *reply, lw_store_step *step) {
    bool good = false;
    switch (step->op) {
    case LW_STORE_GET: good = read_value(reply, step); break;
    case LW_STORE_PUT:
        good = reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0;
        step->answer = LW_OK;
        break;
    case LW_STORE_REMOVE:
    case LW_STORE_COMPARE_AND_SET:
        good = is_count(reply, 1);
        step->answer = (ptrdiff_t)reply->integer;
        break;
    case LW_STORE_ADD:
        good = read_sum(reply, &step->sum);
        step->answer = LW_OK;
        break;
    case LW_STORE_CHARGE: good = read_posting(reply, step); break;
    case LW_STORE_MEET: good = read_meeting(reply, step); break;
    default: break;
    }
    if (!good) {
        step->answer = LW_CORRUPT;
    }
    return good;
}

/* ---- answers about servers ---- */

static bool is_text(const redisReply *reply) {
    return reply->type == REDIS_REPLY_STRING && memchr(reply->str, 0, reply->len) == NULL;
}

/* The word behind "ip" in what Redis 7 tells besides. */
static const char *number_among(const redisReply *more) {
    for (size_t i = 0; more->type == REDIS_REPLY_ARRAY && i + 1 < more->elements; i += 2) {
        if (is_text(more->element[i]) && strcmp(more->element[i]->str, "ip") == 0 && is_text(more->element[i + 1])) {
            return more->element[i + 1]->str;
        }
    }
    return NULL;
}

bool lw__redis_read_range(const redisReply *reply, size_t index, struct lw__redis_range *range) {
    if (reply->type != REDIS_REPLY_ARRAY || index >= reply->elements) {
        return false;
    }
    const redisReply *entry = reply->element[index];
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements < 3 || !is_count(entry->element[0], LW__REDIS_SLOTS - 1) ||
        !is_count(entry->element[1], LW__REDIS_SLOTS - 1) || entry->element[2]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    const redisReply *master = entry->element[2];
    if (master->elements < 2 || !is_count(master->element[1], 65535) ||
        (master->element[0]->type != REDIS_REPLY_NIL && !is_text(master->element[0]))) {
        return false;
    }
    range->first = (uint32_t)entry->element[0]->integer;
    range->last = (uint32_t)entry->element[1]->integer;
    range->host = master->element[0]->type == REDIS_REPLY_NIL ? "" : master->element[0]->str;
    range->port = (uint32_t)master->element[1]->integer;
    range->number = master->elements > 3 ? number_among(master->element[3]) : NULL;
    return range->first <= range->last && range->port > 0;
}

const redisReply *lw__redis_read_scan(const redisReply *reply, uint64_t *cursor) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }
    const redisReply *number = reply->element[0], *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        if (keys->element[i]->type != REDIS_REPLY_STRING) {
            return NULL;
        }
    }
    return read_digits(number->str, number->str + number->len, UINT64_MAX, cursor) ? keys : NULL;
}
