/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A tree of 16 branches over the leaves. A leaf holds what is in flight, or that it is absent; each word above holds
 * the least of its 16 children, and how many leaves below have it:
 *
 *     63           32 31            0
 *     [    least     |    leaves    ]      absent: the greatest number, and 0 leaves
 *
 * The highest level has at most 16 words: 16 leaves need no word above them, 256 need one level. To find a leaf, draw
 * one of those that have the least, by its rank, and follow the rank down.
 *
 * Why nothing stale survives. Let all calls have returned.
 *   A leaf agrees with the truth. Every change of the truth is followed by an exchange of the leaf by its author. Take
 *   the last exchange. It acquires what those before it released, hence its author's look at the truth afterwards saw
 *   every change; and what it saw agreed with what it had stored, or another exchange would have followed.
 *   A parent agrees with its children. All operations on the tree are sequentially consistent, so speak of before and
 *   after. Whoever changes a child then stores the parent; and whoever stores the parent then reads all children, and
 *   stores it again until they agree with what it stored. Hence the last store of the parent is after the last
 *   change of a child, and its author read all children after it: they agreed.
 *   Two may leave the parent alone. Who stored what was there already: whoever stored it first does not. And who
 *   changed a child from more to more than the least of the parent, read after the change: what the parent says does
 *   not depend on such a child, and if it comes to say something else, that is a store, and its author reads the child
 *   after it.
 *
 * A reader may follow a word whose author has not come to the parent yet, and find all leaves there absent. It cannot
 * wait for the author, who may sleep, and looks through all leaves instead.
 *
 * Cost: setting stores a leaf, and where that matters its parent, by an exchange each, and reads the 16 leaves; so much
 * more for each level above 256 leaves. Finding reads 16 leaves, and 16 words for each level.
 */
#include "pool/tally.h"

#include <stdbool.h>

enum { WIDTH = 16, LEVELS_MOST = 7, LINE = 64, LINES_OF_WORDS = 2 };

#define ABSENT_LEAF UINT32_MAX
#define ABSENT_WORD ((uint64_t)ABSENT_LEAF << 32)

struct lw__tally {
    uint32_t levels;             /* of words */
    uint32_t groups;             /* of 16 leaves, a line each */
    uint32_t first[LEVELS_MOST]; /* line where the words of a level begin, counted from here */
};

/* Of 16 children: the least of all, and how many leaves have it before each child, and in all. */
struct lw__tally_share {
    uint32_t least;
    uint64_t upto[WIDTH + 1];
};

static void *line_of(const struct lw__tally *tally, size_t line) { return (void *)((const char *)tally + LINE * line); }

static uint32_t *leaves_of(const struct lw__tally *tally, uint32_t group) { return line_of(tally, 1 + (size_t)group); }

static uint64_t *words_of(const struct lw__tally *tally, uint32_t level, uint32_t group) {
    return line_of(tally, tally->first[level] + (size_t)LINES_OF_WORDS * group);
}

static uint64_t word_of(uint32_t least, uint64_t leaves) { return (uint64_t)least << 32 | leaves; }

/* ---- made ---- */

static uint32_t groups_for(uint32_t count) { return count / WIDTH + (count % WIDTH != 0); }

/* Returns the number of lines. */
static size_t lay_out(struct lw__tally *tally, uint32_t count) {
    tally->groups = groups_for(count > 0 ? count : 1);
    tally->levels = 0;
    size_t lines = 1 + (size_t)tally->groups;
    for (uint32_t words = tally->groups; words > 1; words = groups_for(words)) {
        tally->first[tally->levels++] = (uint32_t)lines;
        lines += LINES_OF_WORDS * (size_t)groups_for(words);
    }
    return lines;
}

size_t lw__tally_size(uint32_t count) {
    struct lw__tally tally;
    return lay_out(&tally, count) * LINE;
}

void lw__tally_init(struct lw__tally *tally, uint32_t count) {
    size_t lines = lay_out(tally, count);
    uint32_t *leaf = leaves_of(tally, 0);
    for (size_t i = 0; i < (size_t)tally->groups * WIDTH; i++) {
        leaf[i] = ABSENT_LEAF;
    }
    uint64_t *word = line_of(tally, 1 + (size_t)tally->groups);
    for (size_t i = 0; i < (lines - 1 - tally->groups) * (LINE / sizeof *word); i++) {
        word[i] = ABSENT_WORD;
    }
}

/* ---- read ---- */

static inline uint32_t read_leaf(const uint32_t *leaf) { return __atomic_load_n(leaf, __ATOMIC_SEQ_CST); }

static inline uint64_t read_word(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

static inline uint32_t lesser_leaf(uint32_t a, uint32_t b) { return a < b ? a : b; }

static inline uint64_t lesser_word(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* In four strands, so that no comparison waits for all those before it. */
static inline uint32_t least_of_leaves(const uint32_t *leaf) {
    uint32_t a = ABSENT_LEAF, b = ABSENT_LEAF, c = ABSENT_LEAF, d = ABSENT_LEAF;
    for (uint32_t i = 0; i < WIDTH; i += 4) {
        a = lesser_leaf(a, read_leaf(&leaf[i]));
        b = lesser_leaf(b, read_leaf(&leaf[i + 1]));
        c = lesser_leaf(c, read_leaf(&leaf[i + 2]));
        d = lesser_leaf(d, read_leaf(&leaf[i + 3]));
    }
    return lesser_leaf(lesser_leaf(a, b), lesser_leaf(c, d));
}

static inline uint32_t least_of_words(const uint64_t *word) {
    uint64_t a = ABSENT_WORD, b = ABSENT_WORD, c = ABSENT_WORD, d = ABSENT_WORD;
    for (uint32_t i = 0; i < WIDTH; i += 4) {
        a = lesser_word(a, read_word(&word[i]));
        b = lesser_word(b, read_word(&word[i + 1]));
        c = lesser_word(c, read_word(&word[i + 2]));
        d = lesser_word(d, read_word(&word[i + 3]));
    }
    return (uint32_t)(lesser_word(lesser_word(a, b), lesser_word(c, d)) >> 32);
}

/* Both read each child twice, and it may change in between: see the callers. Without jumps: which children share the
   least cannot be predicted. Return how many leaves there are in all. */
static inline uint64_t share_of_leaves(struct lw__tally_share *share, const uint32_t *leaf) {
    uint32_t least = least_of_leaves(leaf), present = least != ABSENT_LEAF;
    uint64_t leaves = 0;
    for (uint32_t i = 0; i < WIDTH; i++) {
        leaves += (read_leaf(&leaf[i]) == least) & present;
        share->upto[i + 1] = leaves;
    }
    share->upto[0] = 0;
    share->least = least;
    return leaves;
}

static inline uint64_t share_of_words(struct lw__tally_share *share, const uint64_t *word) {
    uint64_t leaves = 0, least = least_of_words(word);
    for (uint32_t i = 0; i < WIDTH; i++) {
        uint64_t value = read_word(&word[i]);
        leaves += (uint32_t)value & (0 - (uint64_t)(value >> 32 == least));
        share->upto[i + 1] = leaves;
    }
    share->upto[0] = 0;
    share->least = (uint32_t)least;
    return leaves;
}

/* What the parent should hold. */
static inline uint64_t sum_of_leaves(const uint32_t *leaf) {
    struct lw__tally_share share;
    uint64_t leaves = share_of_leaves(&share, leaf);
    return word_of(share.least, leaves);
}

static inline uint64_t sum_of_words(const uint64_t *word) {
    struct lw__tally_share share;
    uint64_t leaves = share_of_words(&share, word);
    return word_of(share.least, leaves);
}

/* Does it? The same in one pass. A least that no leaf has was read while leaves changed: it is none. */
static inline bool is_sum_of_leaves(uint64_t sum, const uint32_t *leaf) {
    uint32_t least = (uint32_t)(sum >> 32), leaves = 0, less = 0;
    for (uint32_t i = 0; i < WIDTH; i++) {
        uint32_t value = read_leaf(&leaf[i]);
        leaves += value == least;
        less += value < least;
    }
    return less == 0 && (least == ABSENT_LEAF || (leaves != 0 && leaves == (uint32_t)sum));
}

static inline bool is_sum_of_words(uint64_t sum, const uint64_t *word) {
    uint64_t floor = sum >> 32 << 32, leaves = 0, less = 0;
    for (uint32_t i = 0; i < WIDTH; i++) {
        uint64_t value = read_word(&word[i]);
        leaves += (uint32_t)value & (0 - (uint64_t)(value - floor <= UINT32_MAX));
        less += value < floor;
    }
    return less == 0 && leaves == (uint32_t)sum && (leaves != 0 || floor == ABSENT_WORD);
}

/* ---- set ---- */

static inline uint32_t true_value(const uint64_t *traffic, const uint32_t *reasons) {
    if (__atomic_load_n(reasons, __ATOMIC_SEQ_CST) != 0) {
        return ABSENT_LEAF;
    }
    uint32_t value = (uint32_t)__atomic_load_n(traffic, __ATOMIC_SEQ_CST);
    return value < ABSENT_LEAF ? value : ABSENT_LEAF - 1;
}

/* What one call did to a child, which is a word or a leaf written as one. */
struct lw__tally_change {
    uint64_t from, to; /* the last time */
    uint32_t low;      /* the least that it ever was */
    bool any;
};

static inline void note_change(struct lw__tally_change *change, uint64_t from, uint64_t to) {
    uint32_t low = (uint32_t)((from < to ? from : to) >> 32);
    change->low = low < change->low ? low : change->low;
    change->any |= from != to;
    change->from = from;
    change->to = to;
}

static inline uint64_t leaf_word(uint32_t value) { return word_of(value, value != ABSENT_LEAF); }

static inline struct lw__tally_change set_leaf(uint32_t *leaf, const uint64_t *traffic, const uint32_t *reasons) {
    struct lw__tally_change change = {0, 0, UINT32_MAX, false};
    uint32_t value = true_value(traffic, reasons), stored;
    do {
        stored = value;
        uint32_t found = __atomic_exchange_n(leaf, stored, __ATOMIC_SEQ_CST);
        note_change(&change, leaf_word(found), leaf_word(stored));
        value = true_value(traffic, reasons);
    } while (value != stored);
    return change;
}

/* What the parent becomes by a change of one child, if nobody else changes any; 0: that must be looked up. */
static inline uint64_t guessed(uint64_t parent, uint64_t from, uint64_t to) {
    uint32_t least = (uint32_t)(parent >> 32), before = (uint32_t)(from >> 32), after = (uint32_t)(to >> 32);
    if (after < least) {
        return to;
    }
    uint32_t leaves = (uint32_t)parent;
    leaves -= before == least ? (uint32_t)from : 0;
    leaves += after == least ? (uint32_t)to : 0;
    return leaves != 0 ? word_of(least, leaves) : 0;
}

static inline uint64_t sum_of(const void *children, bool of_leaves) {
    return of_leaves ? sum_of_leaves(children) : sum_of_words(children);
}

static inline bool is_sum(uint64_t sum, const void *children, bool of_leaves) {
    return of_leaves ? is_sum_of_leaves(sum, children) : is_sum_of_words(sum, children);
}

/* What is stored first is a guess, which the look afterwards confirms nearly always. */
static inline struct lw__tally_change set_parent(uint64_t *parent, const void *children, bool of_leaves,
                                                 const struct lw__tally_change *below) {
    struct lw__tally_change change = {0, 0, UINT32_MAX, false};
    uint64_t word = read_word(parent);
    if (below->low > word >> 32) {
        return change;
    }
    word = guessed(word, below->from, below->to);
    word = word != 0 ? word : sum_of(children, of_leaves);
    note_change(&change, __atomic_exchange_n(parent, word, __ATOMIC_SEQ_CST), word);
    while (!is_sum(word, children, of_leaves)) {
        word = sum_of(children, of_leaves);
        note_change(&change, __atomic_exchange_n(parent, word, __ATOMIC_SEQ_CST), word);
    }
    return change;
}

void lw__tally_set(struct lw__tally *tally, uint32_t leaf, const uint64_t *traffic, const uint32_t *reasons) {
    uint32_t at = leaf / WIDTH;
    uint32_t *leaves = leaves_of(tally, at);
    struct lw__tally_change change = set_leaf(&leaves[leaf % WIDTH], traffic, reasons);
    if (!change.any || tally->levels == 0) {
        return;
    }
    change = set_parent(&words_of(tally, 0, 0)[at], leaves, true, &change);
    for (uint32_t level = 1; level < tally->levels && change.any; level++) {
        at /= WIDTH;
        change = set_parent(&words_of(tally, level, 0)[at], words_of(tally, level - 1, at), false, &change);
    }
}

/* ---- found ---- */

/* The child that has the leaf of this rank below it; the rank is then counted from its first leaf. */
static inline uint32_t child_at(const struct lw__tally_share *share, uint64_t *rank) {
    uint32_t child = 0;
    for (uint32_t i = 1; i <= WIDTH; i++) {
        child += share->upto[i] <= *rank;
    }
    *rank -= share->upto[child];
    return child;
}

/* Uniform below a bound, but for 2^-64 of it. */
static inline uint64_t drawn(uint64_t random, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)random * bound >> 64);
}

/* Until nobody has come between the two times that it reads: whoever did has got on. */
static inline uint64_t look_at_leaves(struct lw__tally_share *share, const uint32_t *leaf) {
    uint64_t leaves;
    do {
        leaves = share_of_leaves(share, leaf);
    } while (leaves == 0 && share->least != ABSENT_LEAF);
    return leaves;
}

/* The tree was in motion, or all are absent. From a random place on, so that nobody is first in line. */
static ptrdiff_t least_of_all(const struct lw__tally *tally, uint64_t random) {
    ptrdiff_t found = -1;
    uint32_t lowest = ABSENT_LEAF, group = (uint32_t)drawn(random, tally->groups);
    for (uint32_t i = 0; i < tally->groups; i++) {
        struct lw__tally_share share;
        uint64_t rank = drawn(random, look_at_leaves(&share, leaves_of(tally, group)));
        if (share.least < lowest) {
            lowest = share.least;
            found = (ptrdiff_t)group * WIDTH + child_at(&share, &rank);
        }
        group = group + 1 < tally->groups ? group + 1 : 0;
    }
    return found;
}

ptrdiff_t lw__tally_least(const struct lw__tally *tally, uint64_t random) {
    struct lw__tally_share share;
    uint32_t at = 0;
    uint64_t rank = UINT64_MAX;
    for (uint32_t level = tally->levels;; level--) {
        uint64_t leaves = level > 0 ? share_of_words(&share, words_of(tally, level - 1, at))
                                    : look_at_leaves(&share, leaves_of(tally, at));
        if (leaves == 0) {
            return least_of_all(tally, random);
        }
        rank = rank < leaves ? rank : drawn(random, leaves); /* the first time, or the parent was stale */
        at = at * WIDTH + child_at(&share, &rank);
        if (level == 0) {
            return (ptrdiff_t)at;
        }
    }
}
