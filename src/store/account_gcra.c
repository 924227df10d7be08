/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * GCRA dimensions of an account: a level that drains by itself, in units of 2^-k µs; account.h has the rules.
 *
 * Time is in whole µs and a µs in whole units, so draining rounds nothing. Only the price of one is rounded, up, which
 * slows the rate by at most a thousandth. So in any stretch of t at most burst + limit t / window is granted: each unit
 * granted raises the level by its price, it drains 2^k a µs, and it is nowhere above burst x price.
 * Source: src/quota/gcra.c, for one writer at a time. Cost: O(1).
 */
#include "store/account_line.h"

#include "base/raise.h"

enum { SCALED_WINDOW_BITS = 40 };

#define GCRA_LEVEL_MOST (LW__COUNT_MOST - 1)
#define GCRA_REFUNDS_MOST LW__COUNT_MOST

enum gcra_word { LEVEL, AT, LATEST, REFUNDS, BORN, LOW, GCRA_WORDS };

/* level: as of `at`. low: the lowest price since it was born. */
struct gcra_state {
    uint64_t level, at, latest, refunds, born, low;
};

uint32_t lw__gcra_scale(uint64_t window) {
    uint32_t scale = 0;
    while (window << (scale + 1) < UINT64_C(1) << SCALED_WINDOW_BITS) {
        scale++;
    }
    return scale;
}

uint64_t lw__gcra_price(uint64_t window, uint64_t limit) {
    uint64_t units = window << lw__gcra_scale(window);
    return units / limit + (units % limit != 0);
}

static struct gcra_state state_in(const struct lw__line *line) {
    return (struct gcra_state){lw__line_word(line, LEVEL),   lw__line_word(line, AT),   lw__line_word(line, LATEST),
                               lw__line_word(line, REFUNDS), lw__line_word(line, BORN), lw__line_word(line, LOW)};
}

/* So many µs in units, or more than any level. */
static uint64_t units_of(const struct lw__line *line, uint64_t span) {
    uint32_t scale = lw__gcra_scale(line->window);
    return span > GCRA_LEVEL_MOST >> scale ? LW__COUNT_MOST : span << scale;
}

/* And the other way round, rounded up. */
static uint64_t span_of(const struct lw__line *line, uint64_t units) {
    uint32_t scale = lw__gcra_scale(line->window);
    return (units >> scale) + ((units & ((UINT64_C(1) << scale) - 1)) != 0);
}

/* The state at a time, which is that of no state once the level has drained. */
static struct gcra_state state_at(const struct lw__line *line, uint64_t time) {
    struct gcra_state state = {0};
    if (line->count > 0) {
        state = state_in(line);
        uint64_t drained = units_of(line, time - state.at);
        state.level = state.level > drained ? state.level - drained : 0;
        state.at = time;
    }
    return state.level > 0 ? state : (struct gcra_state){.at = time, .born = time};
}

static bool gcra_sound(const struct lw__line *line, uint64_t latest) {
    if (line->count != GCRA_WORDS) {
        return false;
    }
    struct gcra_state state = state_in(line);
    return state.level > 0 && state.level <= GCRA_LEVEL_MOST && state.at <= latest && state.latest <= state.at &&
           state.born <= state.at + 1 && state.refunds < GCRA_REFUNDS_MOST && state.low > 0 &&
           state.low <= LW__COUNT_MOST;
}

static uint64_t gcra_until(const struct lw__line *line) {
    return line->count > 0 ? lw__line_word(line, AT) + span_of(line, lw__line_word(line, LEVEL)) : 0;
}

static uint64_t price_for(const struct lw__line *line, const struct lw__post *post) {
    return lw__gcra_price(line->window, post->charge->limit);
}

static uint64_t gcra_lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t gcra_less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* How many can be given back of the charge that had this stamp, at the price that a refund goes by. */
static uint64_t refundable(const struct lw__line *line, const struct gcra_state *state, const uint64_t stamp[2],
                           uint64_t price) {
    if (state->level == 0 || stamp[1] < state->born || stamp[1] > state->latest) {
        return 0;
    }
    uint64_t left = gcra_less(gcra_less(stamp[0], state->refunds), units_of(line, state->latest - stamp[1]));
    return gcra_lesser(left, state->level) / price;
}

static uint64_t gcra_room(const struct lw__line *line, const struct lw__post *post) {
    struct gcra_state state = state_at(line, post->time);
    uint64_t price = price_for(line, post);
    if (post->charge->amount < 0) {
        return state.level > 0 ? refundable(line, &state, post->charge->stamp, gcra_lesser(price, state.low)) : 0;
    }
    return gcra_less(post->force ? GCRA_LEVEL_MOST : post->charge->burst * price, state.level) / price;
}

static uint64_t gcra_used(const struct lw__line *line, const struct lw__post *post) {
    uint64_t level = state_at(line, post->time).level, price = price_for(line, post);
    return level / price + (level % price != 0);
}

static uint64_t gcra_retry(const struct lw__line *line, const struct lw__post *post, uint64_t asked) {
    uint64_t level = state_at(line, post->time).level, price = price_for(line, post), burst = post->charge->burst;
    return asked > burst ? LW_QUOTA_NEVER : span_of(line, gcra_less(level, (burst - asked) * price));
}

/* ---- writing ---- */

static void gcra_charge(struct gcra_state *state, const struct lw__line *line, const struct lw__post *post) {
    uint64_t price = price_for(line, post);
    state->low = state->level > 0 ? gcra_lesser(state->low, price) : price;
    state->level += post->charge->granted * price;
    state->latest = post->time;
    post->charge->stamp[0] = state->level + state->refunds;
    post->charge->stamp[1] = post->time;
}

static void gcra_refund(struct gcra_state *state, const struct lw__line *line, const struct lw__post *post) {
    uint64_t given = post->charge->granted * gcra_lesser(price_for(line, post), state->low);
    state->level -= given;
    state->refunds += given;
    if (state->refunds >= GCRA_REFUNDS_MOST) {
        state->refunds = 0;
        state->born = post->time + 1;
    }
}

static unsigned char *gcra_write(const struct lw__line *line, const struct lw__post *post, unsigned char *to) {
    struct gcra_state state = state_at(line, post->time);
    if (post->charge != NULL && post->charge->granted > 0) {
        (post->charge->amount > 0 ? gcra_charge : gcra_refund)(&state, line, post);
    }
    if (state.level == 0) {
        return to;
    }
    const uint64_t words[GCRA_WORDS] = {state.level, state.at, state.latest, state.refunds, state.born, state.low};
    for (uint32_t i = 0; i < GCRA_WORDS; i++) {
        to = lw__word_put(to, words[i]);
    }
    return to;
}

const struct lw__line_kind lw__line_gcra = {
    .most_words = GCRA_WORDS,
    .sound = gcra_sound,
    .until = gcra_until,
    .room = gcra_room,
    .used = gcra_used,
    .retry = gcra_retry,
    .write = gcra_write,
};
