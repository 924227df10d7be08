/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Accounts as bytes: the lines in them, and a posting over these; see account.h for the rules. */
#include "store/account_line.h"

#include <loadwise/error.h>

enum { VERSION = 1, HEAD = 2 * LW__WORD, DEFAULT_RESOLUTION = 20, MOST_COUNT = 1 << 20 };

#define SECOND UINT64_C(1000000000)

/* "lwac" and the version, as a word. */
#define ACCOUNT_MARK (UINT64_C(0x6361776c) | (uint64_t)VERSION << 32)

static const struct lw__line_kind *const kinds[] = {
    [LW_QUOTA_SLIDING] = &lw__line_sliding,
    [LW_QUOTA_GCRA] = &lw__line_gcra,
};

/* ---- one line: kind, size of the name, resolution, count of words; window; name; words ---- */

struct lw__line lw__line_of(const lw_charge *charge) {
    uint32_t resolution = charge->resolution != 0 ? charge->resolution : DEFAULT_RESOLUTION;
    return (struct lw__line){.kind = kinds[charge->kind],
                             .window = lw__micros(charge->window),
                             .resolution = charge->kind == LW_QUOTA_SLIDING ? resolution : 0,
                             .name = charge->name,
                             .name_size = (uint32_t)strlen(charge->name)};
}

bool lw__line_same(const struct lw__line *a, const struct lw__line *b) {
    return a->kind == b->kind && a->window == b->window && a->resolution == b->resolution &&
           a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0;
}

static uint64_t line_head(const struct lw__line *line, uint64_t count) {
    return (line->kind == &lw__line_gcra) | (uint64_t)line->name_size << 8 | (uint64_t)line->resolution << 16 |
           count << 32;
}

/* Reads the line at `at` and returns where the next one is; NULL when it runs over the end or is no line. */
static const unsigned char *line_read(struct lw__line *line, const unsigned char *at, const unsigned char *end) {
    if ((size_t)(end - at) < LW__LINE_HEAD) {
        return NULL;
    }
    uint64_t head = lw__word_at(at);
    uint32_t kind = head & 0xff;
    *line = (struct lw__line){.window = lw__word_at(at + LW__WORD),
                              .name_size = head >> 8 & 0xff,
                              .resolution = head >> 16 & 0xffff,
                              .count = (uint32_t)(head >> 32)};
    at += LW__LINE_HEAD;
    size_t name_room = lw__words_of(line->name_size);
    if (kind > LW_QUOTA_GCRA || line->name_size > LW_ACCOUNT_NAME || line->count > MOST_COUNT ||
        (size_t)(end - at) < name_room + (size_t)line->count * LW__WORD) {
        return NULL;
    }
    line->kind = kinds[kind];
    line->name = (const char *)at;
    line->words = at + name_room;
    return line->words + (size_t)line->count * LW__WORD;
}

static bool line_sound(const struct lw__line *line, uint64_t latest) {
    bool sliding = line->kind == &lw__line_sliding;
    return line->name_size > 0 && line->window >= lw__micros(LW__POSTING_LEAST) &&
           line->window <= lw__micros(LW__POSTING_MOST) && line->resolution <= LW_QUOTA_RESOLUTION &&
           (line->resolution > 0) == sliding && line->kind->sound(line, latest);
}

/* Writes a line as it is after the posting; nothing when nothing of it counts. */
static unsigned char *line_write(const struct lw__line *line, const struct lw__post *post, unsigned char *to) {
    unsigned char *words = lw__text_put(to + LW__LINE_HEAD, line->name, line->name_size);
    unsigned char *end = line->kind->write(line, post, words);
    if (end == words) {
        return to;
    }
    lw__word_put(lw__word_put(to, line_head(line, (uint64_t)(end - words) / LW__WORD)), line->window);
    return end;
}

/* ---- an account ---- */

/* Lies in somebody's bytes. */
struct account {
    uint64_t latest;
    const unsigned char *begin, *end; /* of the lines */
};

/* The line at *at, which goes on behind it; false at the end, and where there is no line. */
static bool line_next(const struct account *account, const unsigned char **at, struct lw__line *line) {
    if (*at == account->end) {
        return false;
    }
    *at = line_read(line, *at, account->end);
    return *at != NULL;
}

/* Does no line before it count the same dimension? */
static bool line_first(const struct account *account, const struct lw__line *line) {
    struct lw__line other;
    for (const unsigned char *at = account->begin; line_next(account, &at, &other) && other.words != line->words;) {
        if (lw__line_same(&other, line)) {
            return false;
        }
    }
    return true;
}

static bool account_read(struct account *account, const void *value, size_t size) {
    const unsigned char *bytes = value;
    *account = (struct account){0};
    if (size == 0) {
        return true;
    }
    if (!lw__words_sound(bytes, size, ACCOUNT_MARK, HEAD)) {
        return false;
    }
    *account = (struct account){lw__word_at(bytes + LW__WORD), bytes + HEAD, bytes + size - LW__WORD};
    bool sound = account->latest <= LW__TIME_MOST;
    struct lw__line line;
    const unsigned char *at = account->begin;
    while (sound && line_next(account, &at, &line)) {
        sound = line_sound(&line, account->latest) && line_first(account, &line);
    }
    return sound && at != NULL;
}

/* The line of a charge: as it is in the account, or an empty one. */
static struct lw__line account_line(const struct account *account, const lw_charge *charge) {
    struct lw__line wanted = lw__line_of(charge), line;
    for (const unsigned char *at = account->begin; line_next(account, &at, &line);) {
        if (lw__line_same(&line, &wanted)) {
            return line;
        }
    }
    return wanted;
}

static lw_charge *charge_of(const lw_posting *posting, const struct lw__line *line) {
    for (uint32_t i = 0; i < posting->count; i++) {
        struct lw__line own = lw__line_of(&posting->charges[i]);
        if (lw__line_same(&own, line)) {
            return &posting->charges[i];
        }
    }
    return NULL;
}

size_t lw__account_room(size_t size, const lw_posting *posting) {
    size_t room = size != 0 ? size : HEAD + LW__WORD;
    for (uint32_t i = 0; i < posting->count; i++) {
        struct lw__line line = lw__line_of(&posting->charges[i]);
        room += LW__LINE_HEAD + lw__words_of(line.name_size) + (size_t)line.kind->most_words * LW__WORD;
    }
    return room;
}

/* ---- a posting ---- */

/* Says what each charge is granted. False when all of them were to be, and are not. */
static bool decide_charges(const struct account *account, const lw_posting *posting, struct lw__post *post) {
    bool fits = true;
    for (uint32_t i = 0; i < posting->count; i++) {
        lw_charge *charge = post->charge = &posting->charges[i];
        struct lw__line line = account_line(account, charge);
        uint64_t asked = lw__asked(charge->amount), room = asked > 0 ? line.kind->room(&line, post) : 0;
        charge->granted = asked < room ? asked : room;
        fits &= charge->granted == asked;
    }
    return fits || posting->mode != LW_POSTING_ALL;
}

static bool changes_anything(const lw_posting *posting) {
    for (uint32_t i = 0; i < posting->count; i++) {
        if (posting->charges[i].granted > 0) {
            return true;
        }
    }
    return false;
}

/* Writes the account after the posting: the lines that it had, then those that it gains. */
static size_t account_write(const struct account *account, const lw_posting *posting, struct lw__post *post,
                            unsigned char *out) {
    unsigned char *to = lw__word_put(lw__word_put(out, ACCOUNT_MARK), post->time);
    struct lw__line line;
    for (const unsigned char *at = account->begin; line_next(account, &at, &line);) {
        post->charge = charge_of(posting, &line);
        to = line_write(&line, post, to);
    }
    for (uint32_t i = 0; i < posting->count; i++) {
        post->charge = &posting->charges[i];
        line = account_line(account, post->charge);
        to = line.count == 0 ? line_write(&line, post, to) : to;
    }
    return lw__words_seal(out, to);
}

/* Says how things stand after the posting. */
static void report_charges(const struct account *account, const lw_posting *posting, struct lw__post *post) {
    for (uint32_t i = 0; i < posting->count; i++) {
        lw_charge *charge = post->charge = &posting->charges[i];
        struct lw__line line = account_line(account, charge);
        uint64_t asked = lw__asked(charge->amount);
        bool waits = posting->mode != LW_POSTING_FORCE && charge->granted < asked;
        uint64_t retry = waits ? line.kind->retry(&line, post, asked) : 0;
        charge->used = line.kind->used(&line, post);
        charge->retry = retry == LW_QUOTA_NEVER ? LW_QUOTA_NEVER : retry * 1000;
    }
}

/* How long something of the account counts, in ns from `now`, which may be behind t. */
static uint64_t lasting(const struct account *account, const lw_posting *posting, uint64_t time, uint64_t now) {
    uint64_t until = time, longest = 0;
    struct lw__line line;
    for (const unsigned char *at = account->begin; line_next(account, &at, &line);) {
        uint64_t own = line.kind->until(&line);
        until = own > until ? own : until;
        longest = line.window > longest ? line.window : longest;
    }
    if (until == time) {
        return 0;
    }
    if (posting->now == 0) {
        return until * 1000 > now ? until * 1000 - now : 1;
    }
    return (until - time + longest) * 1000 + SECOND;
}

int lw__account_post(const void *value, size_t size, lw_posting *posting, uint64_t now, void *out,
                     struct lw__rewrite *rewrite) {
    struct account account;
    if (!account_read(&account, value, size)) {
        return LW_CORRUPT;
    }
    uint64_t time = (posting->now != 0 ? posting->now : now) / 1000;
    time = time < LW__TIME_MOST ? time : LW__TIME_MOST;
    time = time > account.latest ? time : account.latest;
    posting->time = time * 1000;
    struct lw__post post = {NULL, time, lw__micros(posting->hold), posting->mode == LW_POSTING_FORCE};
    bool fits = decide_charges(&account, posting, &post);
    if (!fits) {
        lw__posting_void(posting);
    }
    rewrite->changed = changes_anything(posting);
    if (rewrite->changed) {
        const unsigned char *bytes = out;
        rewrite->size = account_write(&account, posting, &post, out);
        account = (struct account){time, bytes + HEAD, bytes + rewrite->size - LW__WORD};
        rewrite->lasts = lasting(&account, posting, time, now);
    }
    report_charges(&account, posting, &post);
    return fits ? LW_OK : LW_OVER_QUOTA;
}
