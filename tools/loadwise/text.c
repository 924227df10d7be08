/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Strict numbers: what strtod and strtoull let through (blanks, signs, 0x, inf, trailing junk) is kept out first. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

bool text_to_count(const char *text, size_t size, uint64_t most, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text[i] - '0';
        if (digit > 9 || digit > most || value > (most - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return size > 0;
}

bool text_to_real(const char *text, double least, double most, double *out) {
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0') {
        return false;
    }
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= least && *out <= most;
}

static bool text_is_control(char byte) { return (unsigned char)byte < 0x20 || (unsigned char)byte == 0x7f; }

bool text_has_controls(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text_is_control(text[i])) {
            return true;
        }
    }
    return false;
}

/* The longest prefix of at most `size` bytes that does not end inside a UTF-8 character. */
static size_t text_whole_characters(const char *text, size_t size) {
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

void text_show(char *out, size_t room, const char *text, size_t size) {
    bool cut = size > room - 1;
    size_t kept = cut ? text_whole_characters(text, room - 4) : size;
    for (size_t i = 0; i < kept; i++) {
        out[i] = text_is_control(text[i]) ? '?' : text[i];
    }
    memcpy(out + kept, cut ? "..." : "", cut ? 4 : 1);
}

struct shown text_shown(const char *text, size_t size) {
    struct shown shown;
    text_show(shown.text, sizeof shown.text, text, size);
    return shown;
}

size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}
