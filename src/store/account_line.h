/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One dimension of an account, as its bytes say it, and what each kind of dimension makes of its words. */
#ifndef LW_STORE_ACCOUNT_LINE_H
#define LW_STORE_ACCOUNT_LINE_H

#include "store/account.h"
#include "store/words.h"

enum { LW__LINE_HEAD = 2 * LW__WORD };

/* Not changed. count 0: nothing is counted, and there is no such line in the bytes. */
struct lw__line {
    const struct lw__line_kind *kind;
    uint64_t window; /* µs */
    uint32_t resolution;
    uint32_t name_size;
    const char *name;
    uint32_t count; /* of words */
    const unsigned char *words;
};

static inline uint64_t lw__line_word(const struct lw__line *line, uint32_t i) {
    return lw__word_at(line->words + (size_t)i * LW__WORD);
}

/* A posting under way, for one of its charges. */
struct lw__post {
    lw_charge *charge;
    uint64_t time, hold; /* µs */
    bool force;
};

/* Times in µs. */
struct lw__line_kind {
    uint32_t most_words; /* that a charge adds */
    /* Could this kind have written these words, with no time in them after `latest`? */
    bool (*sound)(const struct lw__line *line, uint64_t latest);
    /* Until when something of it counts. */
    uint64_t (*until)(const struct lw__line *line);
    /* How much a charge could take, or how much of it can be given back, by its sign. */
    uint64_t (*room)(const struct lw__line *line, const struct lw__post *post);
    uint64_t (*used)(const struct lw__line *line, const struct lw__post *post);
    /* How long until all of it would fit, in µs; LW_QUOTA_NEVER. */
    uint64_t (*retry)(const struct lw__line *line, const struct lw__post *post, uint64_t asked);
    /* Writes the words after what charge->granted says was charged or given back, and its stamp; returns where the next
       one goes. post->charge NULL: drops what no longer counts. */
    unsigned char *(*write)(const struct lw__line *line, const struct lw__post *post, unsigned char *to);
};

extern const struct lw__line_kind lw__line_sliding, lw__line_gcra;

/* gcra: units to a µs, as a power of two, and the price of one of an amount. */
uint32_t lw__gcra_scale(uint64_t window);
uint64_t lw__gcra_price(uint64_t window, uint64_t limit);

#define LW__GCRA_PRICE_LEAST UINT64_C(1024)
#define LW__GCRA_BURST_MOST (UINT64_C(1) << 50) /* of burst x price */

/* The dimension of a charge, with nothing counted in it. */
struct lw__line lw__line_of(const lw_charge *charge);
bool lw__line_same(const struct lw__line *a, const struct lw__line *b);

/* |amount|, or the most that counts. */
static inline uint64_t lw__asked(int64_t amount) {
    uint64_t asked = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    return asked < LW__ASKED_MOST ? asked : LW__ASKED_MOST;
}

#endif
