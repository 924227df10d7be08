/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A table of words: numbers, and four that are text. */
#include "behaviour.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    size_t offset;
} behaviour_numbers[] = {
    {"port", offsetof(struct behaviour, port)},       {"ms", offsetof(struct behaviour, ms)},
    {"spread", offsetof(struct behaviour, spread)},   {"share", offsetof(struct behaviour, share)},
    {"status", offsetof(struct behaviour, status)},   {"bytes", offsetof(struct behaviour, bytes)},
    {"drip", offsetof(struct behaviour, drip)},       {"header", offsetof(struct behaviour, header)},
    {"garbage", offsetof(struct behaviour, garbage)}, {"cut", offsetof(struct behaviour, cut)},
    {"crowd", offsetof(struct behaviour, crowd)},
};

static const char *const behaviour_ends[] = {"keep", "close", "reset", "half", "hang"};

void behaviour_plain(struct behaviour *behaviour) {
    *behaviour = (struct behaviour){.name = "ok", .host = "127.0.0.1", .share = 100, .status = 200, .cut = -1};
}

static bool set_number(struct behaviour *behaviour, const char *word, const char *value) {
    char *end;
    long number = strtol(value, &end, 10);
    for (size_t i = 0; i < sizeof behaviour_numbers / sizeof *behaviour_numbers; i++) {
        if (strcmp(behaviour_numbers[i].word, word) == 0) {
            memcpy((char *)behaviour + behaviour_numbers[i].offset, &number, sizeof number);
            return *value != '\0' && *end == '\0' && number >= -1 && number <= BEHAVIOUR_MOST;
        }
    }
    return false;
}

static bool set_end(struct behaviour *behaviour, const char *value) {
    for (int i = END_KEEP; i <= END_HANG; i++) {
        if (strcmp(behaviour_ends[i], value) == 0) {
            behaviour->end = (enum behaviour_end)i;
            return true;
        }
    }
    return false;
}

/* '+' is a blank, as in every query. */
static bool set_text(char *text, const char *value) {
    size_t i = 0;
    for (; value[i] != '\0' && i + 1 < BEHAVIOUR_TEXT; i++) {
        text[i] = (char)(value[i] == '+' ? ' ' : value[i]);
    }
    text[i] = '\0';
    return value[i] == '\0';
}

static bool set_word(struct behaviour *behaviour, const char *word, const char *value) {
    if (strcmp(word, "name") == 0) {
        return set_text(behaviour->name, value);
    }
    if (strcmp(word, "retry_after") == 0) {
        return set_text(behaviour->retry_after, value);
    }
    if (strcmp(word, "host") == 0) {
        return set_text(behaviour->host, value);
    }
    return strcmp(word, "end") == 0 ? set_end(behaviour, value) : set_number(behaviour, word, value);
}

bool behaviour_read(struct behaviour *behaviour, const char *text, size_t size) {
    char word[2 * BEHAVIOUR_TEXT];
    for (const char *at = text, *end = text + size; at < end;) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        if (length >= sizeof word) {
            return false;
        }
        memcpy(word, at, length);
        word[length] = '\0';
        char *equals = strchr(word, '=');
        if (equals == NULL) {
            return false;
        }
        *equals = '\0';
        if (!set_word(behaviour, word, equals + 1)) {
            return false;
        }
        at += length + 1;
    }
    return true;
}
