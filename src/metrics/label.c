/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Label values: what may be one, and how the text format writes it. A single byte that is not UTF-8 would make
 * Prometheus refuse the whole page, so it is kept out here. Cost: O(bytes), once per name.
 */
#include "metrics/metrics.h"

static bool is_trail(unsigned char byte) { return (byte & 0xc0) == 0x80; }

/* Bytes of the UTF-8 sequence that begins here, 1 to 4; 0 when none does. The byte after the last is readable. */
static size_t sequence_size(const unsigned char *at) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    uint32_t point = size <= 1 ? at[0] : at[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if (!is_trail(at[i])) {
            return 0;
        }
        point = point << 6 | (at[i] & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least[size] || point > 0x10ffff || surrogate ? 0 : size;
}

/* A first "#" marks the values that the library makes. */
bool lw__label_is_fit(const char *text, size_t size) {
    if (size == 0 || size >= LW__LABEL_SIZE || text[0] == '#') {
        return false;
    }
    for (size_t at = 0, step; at < size; at += step) {
        step = sequence_size((const unsigned char *)text + at);
        if (step == 0) {
            return false;
        }
    }
    return true;
}

void lw__label_escape(const char *text, size_t size, char *out) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\' || text[i] == '"' || text[i] == '\n') {
            *out++ = '\\';
        }
        *out++ = text[i] == '\n' ? 'n' : text[i];
    }
    *out = '\0';
}

void lw__label_hex(uint64_t id, char out[LW__HEX_SIZE]) {
    *out++ = '#';
    for (int shift = 60; shift >= 0; shift -= 4) {
        *out++ = "0123456789abcdef"[id >> shift & 15];
    }
    *out = '\0';
}
