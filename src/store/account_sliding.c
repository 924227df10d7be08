/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sliding dimensions of an account: the buckets that count, oldest first, each two words: its number and what it holds.
 *
 * A stretch of one window touches at most resolution + 1 buckets, so that what holds for every row of so many holds for
 * every window. An amount that may be used until `hold` later lands in the bucket of that moment, and all buckets from
 * the oldest that counts to the latest are counted, so it counts from the charge until a window after its last use.
 * Source: the bucketed window of src/quota/sliding.c, for one writer at a time. Cost: O(buckets).
 */
#include "store/account_line.h"

enum { PAIR = 2 };

static uint64_t width_of(const struct lw__line *line) {
    return (line->window + line->resolution - 1) / line->resolution;
}

/* The first bucket that counts. */
static uint64_t first_at(const struct lw__line *line, uint64_t time) {
    uint64_t bucket = time / width_of(line);
    return bucket > line->resolution ? bucket - line->resolution : 0;
}

static uint64_t number_at(const struct lw__line *line, uint32_t i) { return lw__line_word(line, i); }
static uint64_t amount_at(const struct lw__line *line, uint32_t i) { return lw__line_word(line, i + 1); }

/* When a bucket stops counting. */
static uint64_t end_of(const struct lw__line *line, uint64_t number) {
    return (number + line->resolution + 1) * width_of(line);
}

static bool sliding_sound(const struct lw__line *line, uint64_t latest) {
    uint64_t sum = 0, last = (latest + lw__micros(LW__POSTING_MOST)) / width_of(line);
    if (line->count == 0 || line->count % PAIR != 0) {
        return false;
    }
    for (uint32_t i = 0; i < line->count; i += PAIR) {
        uint64_t amount = amount_at(line, i);
        if (amount == 0 || amount > LW__COUNT_MOST - sum || number_at(line, i) > last ||
            (i > 0 && number_at(line, i) <= number_at(line, i - PAIR))) {
            return false;
        }
        sum += amount;
    }
    return true;
}

static uint64_t sliding_until(const struct lw__line *line) {
    return line->count > 0 ? end_of(line, number_at(line, line->count - PAIR)) : 0;
}

static uint64_t sliding_used(const struct lw__line *line, const struct lw__post *post) {
    uint64_t first = first_at(line, post->time), sum = 0;
    for (uint32_t i = 0; i < line->count; i += PAIR) {
        sum += number_at(line, i) >= first ? amount_at(line, i) : 0;
    }
    return sum;
}

/* What the bucket still counts that a charge went to. */
static uint64_t held_by(const struct lw__line *line, uint64_t number, uint64_t time) {
    for (uint32_t i = 0; i < line->count && number >= first_at(line, time); i += PAIR) {
        if (number_at(line, i) == number) {
            return amount_at(line, i);
        }
    }
    return 0;
}

static uint64_t limit_for(const struct lw__post *post) {
    return post->force || post->charge->limit == LW_QUOTA_UNLIMITED ? LW__COUNT_MOST : post->charge->limit;
}

static uint64_t sliding_room(const struct lw__line *line, const struct lw__post *post) {
    if (post->charge->amount < 0) {
        return held_by(line, post->charge->stamp[0], post->time);
    }
    uint64_t most = limit_for(post), used = sliding_used(line, post);
    return used < most ? most - used : 0;
}

static uint64_t sliding_retry(const struct lw__line *line, const struct lw__post *post, uint64_t asked) {
    uint64_t used = sliding_used(line, post), most = limit_for(post), first = first_at(line, post->time),
             at = post->time;
    if (asked > most) {
        return LW_QUOTA_NEVER;
    }
    for (uint32_t i = 0; i < line->count && used + asked > most; i += PAIR) {
        if (number_at(line, i) >= first) {
            used -= amount_at(line, i);
            at = end_of(line, number_at(line, i));
        }
    }
    return at - post->time;
}

static unsigned char *put_bucket(unsigned char *to, uint64_t number, uint64_t amount) {
    return amount > 0 ? lw__word_put(lw__word_put(to, number), amount) : to;
}

/* Copies what counts, and adds to one bucket, or takes from it, on the way. */
static unsigned char *sliding_write(const struct lw__line *line, const struct lw__post *post, unsigned char *to) {
    lw_charge *charge = post->charge;
    uint64_t first = first_at(line, post->time), number = 0, amount = 0;
    if (charge != NULL && charge->amount >= 0 && charge->granted > 0) {
        charge->stamp[0] = (post->time + post->hold) / width_of(line);
        charge->stamp[1] = 0;
    }
    if (charge != NULL && charge->granted > 0) {
        number = charge->stamp[0];
        amount = charge->amount >= 0 ? charge->granted : 0 - charge->granted;
    }
    for (uint32_t i = 0; i < line->count; i += PAIR) {
        uint64_t own = number_at(line, i);
        if (amount != 0 && own >= number) {
            to = put_bucket(to, number, amount + (own == number ? amount_at(line, i) : 0));
            amount = 0;
            if (own == number) {
                continue;
            }
        }
        to = own >= first ? put_bucket(to, own, amount_at(line, i)) : to;
    }
    return put_bucket(to, number, amount);
}

const struct lw__line_kind lw__line_sliding = {
    .most_words = PAIR,
    .sound = sliding_sound,
    .until = sliding_until,
    .room = sliding_room,
    .used = sliding_used,
    .retry = sliding_retry,
    .write = sliding_write,
};
