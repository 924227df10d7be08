/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Meetings as bytes; see meeting.h for the rules. */
#include "store/meeting.h"
#include "store/account.h"
#include "store/words.h"

#include <loadwise/error.h>

enum { VERSION = 1, MEMBER_HEAD = 3 * LW__WORD };

#define MEETING_MARK (UINT64_C(0x656d776c) | (uint64_t)VERSION << 32) /* "lwme" and the version, as a word */
#define MOST_TIME ((UINT64_C(1) << 53) - 1)

struct member {
    const unsigned char *name;
    uint64_t name_size;
    int64_t brings;
    uint64_t until; /* µs */
};

int lw__meeting_check(const lw_env *env, const lw_store_step *step) {
    if (step->value == NULL && step->value_size > 0) {
        return lw__fail(env, LW_INVALID, "meeting: no name of %zu bytes", step->value_size);
    }
    if (step->value_size > LW__MEMBER_NAME) {
        return lw__fail(env, LW_RANGE, "meeting: a name of %zu bytes; at most %d are allowed", step->value_size,
                        LW__MEMBER_NAME);
    }
    if (step->amount < -LW__MEMBER_BRINGS || step->amount > LW__MEMBER_BRINGS) {
        return lw__fail(env, LW_RANGE, "meeting: amount %lld is not from -2^40 to 2^40", (long long)step->amount);
    }
    return LW_OK;
}

static const unsigned char *member_read(struct member *member, const unsigned char *at, const unsigned char *end) {
    if (end - at < MEMBER_HEAD) {
        return NULL;
    }
    *member = (struct member){at + MEMBER_HEAD, lw__word_at(at), (int64_t)lw__word_at(at + LW__WORD),
                              lw__word_at(at + 2 * LW__WORD)};
    if (member->name_size > LW__MEMBER_NAME || lw__words_of(member->name_size) > (size_t)(end - member->name) ||
        member->brings < -LW__MEMBER_BRINGS || member->brings > LW__MEMBER_BRINGS || member->until > MOST_TIME) {
        return NULL;
    }
    return member->name + lw__words_of(member->name_size);
}

static unsigned char *member_put(const struct member *member, unsigned char *to) {
    to = lw__word_put(to, member->name_size);
    to = lw__word_put(to, (uint64_t)member->brings);
    to = lw__word_put(to, member->until);
    return lw__text_put(to, member->name, member->name_size);
}

/* The sum is of at most 2^63 / 2^40 members, and so many have no room in any memory. */
static bool meeting_sound(const unsigned char *value, size_t size) {
    if (!lw__words_sound(value, size, MEETING_MARK, LW__WORD)) {
        return false;
    }
    struct member member;
    const unsigned char *at = value + LW__WORD, *end = value + size - LW__WORD;
    while (at != NULL && at != end) {
        at = member_read(&member, at, end);
    }
    return at != NULL;
}

size_t lw__meeting_room(size_t size, const lw_store_step *step) {
    return (size != 0 ? size : 2 * LW__WORD) + MEMBER_HEAD + lw__words_of(step->value_size);
}

static struct member member_of(const lw_store_step *step, uint64_t time) {
    static const unsigned char nothing[1];
    uint64_t ttl = lw__micros(step->ttl);
    return (struct member){step->value_size > 0 ? step->value : nothing, step->value_size, step->amount,
                           ttl < MOST_TIME - time ? time + ttl : MOST_TIME};
}

static bool same_name(const struct member *a, const struct member *b) {
    return a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0;
}

/* A meeting being written. */
struct meeting {
    unsigned char *to;
    ptrdiff_t alive;
    int64_t sum;
    uint64_t until;
};

static void meeting_add(struct meeting *meeting, const struct member *member) {
    meeting->to = member_put(member, meeting->to);
    meeting->alive++;
    meeting->sum += member->brings;
    meeting->until = member->until > meeting->until ? member->until : meeting->until;
}

ptrdiff_t lw__meeting_meet(const void *value, size_t size, lw_store_step *step, uint64_t now, void *out,
                           struct lw__rewrite *rewrite) {
    if (size > 0 && !meeting_sound(value, size)) {
        return LW_CORRUPT;
    }
    uint64_t time = now / 1000 < LW__TIME_MOST ? now / 1000 : LW__TIME_MOST;
    struct member own = member_of(step, time), member = own;
    struct meeting meeting = {.to = lw__word_put(out, MEETING_MARK), .until = time};
    bool was_there = false;
    if (size > 0) {
        const unsigned char *at = (const unsigned char *)value + LW__WORD;
        const unsigned char *end = (const unsigned char *)value + size - LW__WORD;
        while (at != end) {
            at = member_read(&member, at, end);
            if (same_name(&member, &own)) {
                was_there = true;
            } else if (member.until > time) {
                meeting_add(&meeting, &member);
            }
        }
    }
    if (step->ttl > 0) {
        meeting_add(&meeting, &own);
    }
    step->sum = meeting.sum;
    *rewrite = (struct lw__rewrite){.changed = step->ttl > 0 || was_there,
                                    .size = lw__words_seal(out, meeting.to),
                                    .lasts = (meeting.until - time) * 1000};
    return meeting.alive;
}
