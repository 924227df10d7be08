/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Values made of 64-bit words, little-endian wherever they are written, and ended by a checksum of all before. */
#ifndef LW_STORE_WORDS_H
#define LW_STORE_WORDS_H

#include <loadwise/id.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LW__WORD = 8 };

/* Little-endian from this machine's order, and back. */
static inline uint64_t lw__word_turned(uint64_t word) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

static inline uint64_t lw__word_at(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return lw__word_turned(word);
}

/* Returns where the next one goes. */
static inline unsigned char *lw__word_put(unsigned char *to, uint64_t word) {
    word = lw__word_turned(word);
    memcpy(to, &word, sizeof word);
    return to + LW__WORD;
}

/* Bytes that a text takes in whole words. */
static inline size_t lw__words_of(size_t size) { return (size + LW__WORD - 1) / LW__WORD * LW__WORD; }

/* A text, and zeroes up to the next word. */
static inline unsigned char *lw__text_put(unsigned char *to, const void *text, size_t size) {
    size_t room = lw__words_of(size);
    if (room > 0) {
        memset(to + room - LW__WORD, 0, LW__WORD);
        memcpy(to, text, size);
    }
    return to + room;
}

/* Ends a value; returns its size. */
static inline size_t lw__words_seal(unsigned char *value, const unsigned char *end) {
    size_t size = (size_t)(end - value);
    lw__word_put(value + size, lw_id(value, size));
    return size + LW__WORD;
}

/* Is this a whole value of at least so many bytes, the checksum aside, that begins with this word? */
static inline bool lw__words_sound(const unsigned char *value, size_t size, uint64_t head, size_t least) {
    return size >= least + LW__WORD && size % LW__WORD == 0 && lw__word_at(value) == head &&
           lw__word_at(value + size - LW__WORD) == lw_id(value, size - LW__WORD);
}

#endif
