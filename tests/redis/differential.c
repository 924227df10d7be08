/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The memory store and Redis answer alike, to the µs: the same long random sequences of steps go to both, in batches,
 * with the caller's clock, and every number that comes back is compared. Entries, meetings and accounts are all there;
 * postings in all modes, with holds, refunds by the stamps of earlier charges, limits that change, clocks that jump and
 * step back, and values past what is allowed.
 *
 * What fails is told as short as it can be: steps are left out, one after the other, as long as it still fails.
 */
#include "site.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STEPS = 120, CASES = 100, CHARGES = 4, BATCH = 9, VALUE = 24, KEYS = 3 };

/* One step as it was drawn; what it is on a store is made anew for each. */
struct move {
    uint32_t op, key, count;
    int64_t amount;
    uint64_t ttl;
    char value[VALUE], expected[VALUE];
    bool has_expected, left_out;
    lw_posting posting;
    lw_charge charges[CHARGES];
    uint32_t of;    /* refunds: the move whose charges are given back; else the move itself */
    uint32_t share; /* refunds: percent of what was granted */
};

struct play {
    struct move moves[STEPS];
    uint32_t count;
};

/* The answers of one store. */
struct record {
    lw_store_step steps[STEPS];
    lw_posting postings[STEPS];
    lw_charge charges[STEPS][CHARGES];
    char outs[STEPS][VALUE];
    char keys[STEPS][64];
};

static struct server differential_server;
static lw_store *differential_redis;
static uint32_t differential_runs;
static char differential_fault[256];

static uint64_t differential_clock(void *user) {
    (void)user;
    return SITE_SECOND;
}

/* ---- drawing ---- */

static uint64_t draw_of(uint64_t *chance, const uint64_t *list, size_t count) {
    return list[site_below(chance, count)];
}
#define DRAW(chance, ...)                                                                                              \
    draw_of(chance, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Dimensions that a case works with; each posting takes some of them, perhaps with another limit. */
static void draw_dimension(uint64_t *chance, lw_charge *charge) {
    static const char *const names[] = {"rpm", "tpm", "a", "a-rather-long-name.of_a/dimension"};
    *charge = (lw_charge)LW_CHARGE_INIT;
    charge->name = names[site_below(chance, 4)];
    charge->kind = site_below(chance, 3) == 0 ? LW_QUOTA_GCRA : LW_QUOTA_SLIDING;
    charge->window = DRAW(chance, SITE_MS, 7 * SITE_MS + 1, SITE_SECOND, SITE_SECOND + 999, 60 * SITE_SECOND,
                          60 * SITE_SECOND, 3600 * SITE_SECOND, 86400 * SITE_SECOND, 365 * 86400 * SITE_SECOND);
    charge->resolution = (uint32_t)DRAW(chance, 0, 1, 2, 3, 7, 20, 60, 1000);
    charge->limit = DRAW(chance, 1, 5, 100, 997, 1000000, LW_QUOTA_LIMIT_MAX);
    if (charge->kind == LW_QUOTA_GCRA) {
        charge->resolution = 0;
        charge->burst = DRAW(chance, 1, 5, 100, 1000, 1000000);
        charge->limit = DRAW(chance, 1, 5, 100, 997, 1000000);
    } else if (site_below(chance, 8) == 0) {
        charge->limit = LW_QUOTA_UNLIMITED;
    }
}

static uint64_t draw_size(const lw_charge *charge) {
    uint64_t size = charge->kind == LW_QUOTA_GCRA ? charge->burst : charge->limit;
    return size == LW_QUOTA_UNLIMITED ? 1000 : size;
}

static void draw_amount(uint64_t *chance, lw_charge *charge, uint32_t mode) {
    uint64_t size = draw_size(charge), dice = site_below(chance, 20);
    uint64_t most = dice < 14 ? size / 7 + 2 : dice < 18 ? size + 2 : 2 * size + 2;
    charge->amount = (int64_t)site_below(chance, most);
    if (mode == LW_POSTING_FORCE && dice == 19) {
        charge->amount = (int64_t)LW_QUOTA_LIMIT_MAX;
    }
    if (site_below(chance, 8) == 0) { /* limits may change at any time */
        bool rate = charge->kind == LW_QUOTA_GCRA && site_below(chance, 2) == 0;
        uint64_t *changed = charge->kind == LW_QUOTA_SLIDING || rate ? &charge->limit : &charge->burst;
        *changed = *changed == LW_QUOTA_UNLIMITED ? 1000 : *changed / 3 + 1;
    }
}

/* Now and then something that no store takes. */
static void draw_mistake(uint64_t *chance, struct move *move) {
    lw_charge *charge = &move->charges[site_below(chance, move->count)];
    switch (site_below(chance, 300)) {
    case 0: move->posting.hold = charge->window + 1; break;
    case 1: charge->burst = charge->kind == LW_QUOTA_GCRA ? 0 : 7; break;
    case 2: charge->kind = LW_QUOTA_CONCURRENCY; break;
    case 3: charge->resolution = LW_QUOTA_RESOLUTION + 1; break;
    case 4: charge->amount = -1; break;
    case 5: charge->name = "a:b"; break;
    case 6: charge->window = SITE_MS - 1; break;
    case 7: charge->limit = LW_QUOTA_LIMIT_MAX + 1; break;
    case 8: charge->limit = 0; break;
    case 9: move->charges[0] = move->charges[move->count - 1]; break;
    case 10: move->posting.mode = 3; break;
    case 11: charge->burst = LW_QUOTA_LIMIT_MAX; break;
    default: break;
    }
}

static uint64_t draw_time(uint64_t *chance, uint64_t now, uint64_t window) {
    switch (site_below(chance, 10)) {
    case 0: return now + window;
    case 1: return now + window + window / 3;
    case 2: return now + window / 20;
    case 3: return now + site_below(chance, window + 1);
    case 4: return now - site_below(chance, window + 1); /* a step back */
    case 5: return now + 1;
    case 6: return now + 1000;
    case 7: return now + site_below(chance, window / 50 + 1);
    default: return now;
    }
}

static void draw_charge(uint64_t *chance, struct play *play, struct move *move, const lw_charge *dimensions,
                        uint64_t *now) {
    uint64_t shortest = UINT64_MAX;
    uint32_t self = (uint32_t)(move - play->moves);
    move->posting = (lw_posting)LW_POSTING_INIT;
    move->posting.mode = (uint32_t)site_below(chance, 3);
    move->count = 1 + (uint32_t)site_below(chance, CHARGES);
    move->of = self;
    for (uint32_t i = 0; i < move->count; i++) {
        move->charges[i] = dimensions[i];
        shortest = move->charges[i].window < shortest ? move->charges[i].window : shortest;
        draw_amount(chance, &move->charges[i], move->posting.mode);
    }
    if (self > 0 && site_below(chance, 4) == 0) {
        const struct move *other = &play->moves[site_below(chance, self)];
        if (other->op == LW_STORE_CHARGE && other->of == (uint32_t)(other - play->moves)) {
            move->of = (uint32_t)(other - play->moves);
            move->share = (uint32_t)DRAW(chance, 10, 50, 100, 100, 150);
            move->posting.mode = LW_POSTING_FORCE;
            move->count = other->count;
            memcpy(move->charges, other->charges, sizeof move->charges);
            move->key = other->key;
        }
    }
    *now = draw_time(chance, *now, dimensions[site_below(chance, move->count)].window);
    move->posting.now = *now;
    move->posting.hold = DRAW(chance, 0, 0, 0, shortest / 10, shortest / 3 + 7, shortest);
    draw_mistake(chance, move);
}

static void draw_entry(uint64_t *chance, struct move *move) {
    static const char *const values[] = {"1", "-7", "41", "x", "", "9223372036854775807", "007"};
    move->op =
        (uint32_t)DRAW(chance, LW_STORE_GET, LW_STORE_PUT, LW_STORE_REMOVE, LW_STORE_ADD, LW_STORE_COMPARE_AND_SET);
    snprintf(move->value, VALUE, "%s", values[site_below(chance, 7)]);
    snprintf(move->expected, VALUE, "%s", values[site_below(chance, 3)]);
    move->has_expected = site_below(chance, 3) > 0;
    move->amount = (int64_t)site_below(chance, 50) - 25;
    move->ttl = DRAW(chance, 0, 3600 * SITE_SECOND, UINT64_MAX);
}

static void draw_meeting(uint64_t *chance, struct move *move) {
    static const char *const members[] = {"one", "two", "three", "a fourth: with colon", ""};
    move->op = LW_STORE_MEET;
    move->key = 0; /* all in one */
    snprintf(move->value, VALUE, "%s", members[site_below(chance, 5)]);
    move->ttl = DRAW(chance, 0, 3600 * SITE_SECOND, 7200 * SITE_SECOND);
    move->amount = (int64_t)DRAW(chance, 1, 1000, (uint64_t)-5, (uint64_t)1 << 40, ((uint64_t)1 << 40) + 1,
                                 (uint64_t) - ((int64_t)1 << 40), (uint64_t)INT64_MAX, (uint64_t)INT64_MIN);
}

static void draw_play(struct play *play, uint64_t seed) {
    uint64_t chance = seed, now[KEYS];
    lw_charge dimensions[CHARGES];
    memset(play, 0, sizeof *play);
    play->count = STEPS;
    for (uint32_t i = 0; i < CHARGES; i++) {
        bool again = true;
        while (again) { /* a posting names each dimension once */
            again = false;
            draw_dimension(&chance, &dimensions[i]);
            for (uint32_t k = 0; k < i; k++) {
                again = again || strcmp(dimensions[k].name, dimensions[i].name) == 0;
            }
        }
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        now[i] = SITE_BORN + site_below(&chance, SITE_SECOND);
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        struct move *move = &play->moves[i];
        uint64_t dice = site_below(&chance, 10);
        move->key = (uint32_t)site_below(&chance, KEYS);
        move->of = i;
        if (dice < 7) {
            move->op = LW_STORE_CHARGE;
            draw_charge(&chance, play, move, dimensions, &now[move->key]);
        } else if (dice < 9) {
            draw_entry(&chance, move);
        } else {
            draw_meeting(&chance, move);
        }
    }
}

/* ---- playing ---- */

/* A refund takes the stamps and a share of what was granted; what was not granted is not given back. */
static void record_refund(struct record *record, uint32_t number, const struct move *move) {
    for (uint32_t i = 0; i < move->count; i++) {
        const lw_charge *from = &record->charges[move->of][i];
        lw_charge *charge = &record->charges[number][i];
        memcpy(charge->stamp, from->stamp, sizeof charge->stamp);
        charge->amount = -(int64_t)(from->granted / 100 * move->share + from->granted % 100 * move->share / 100);
    }
}

static void record_step(struct record *record, uint32_t number, const struct move *move, uint32_t run) {
    lw_store_step *step = &record->steps[number];
    snprintf(record->keys[number], sizeof record->keys[number], "differential/%u/{%u}/%s", run, move->key,
             move->op == LW_STORE_CHARGE ? "account"
             : move->op == LW_STORE_MEET ? "meeting"
                                         : "entry");
    memset(record->outs[number], 0, VALUE);
    *step = (lw_store_step){.op = move->op,
                            .key = record->keys[number],
                            .value = move->value,
                            .ttl = move->ttl,
                            .value_size = strlen(move->value),
                            .amount = move->amount,
                            .out = record->outs[number],
                            .room = VALUE};
    if (move->has_expected) {
        step->expected = move->expected;
        step->expected_size = strlen(move->expected);
    }
    if (move->op == LW_STORE_CHARGE) {
        memcpy(record->charges[number], move->charges, sizeof move->charges);
        record->postings[number] = move->posting;
        record->postings[number].charges = record->charges[number];
        record->postings[number].count = move->count;
        step->posting = &record->postings[number];
        if (move->of != number) {
            record_refund(record, number, move);
        }
    }
}

/* A refund needs the answer to its charge, so a batch ends before it. */
static uint32_t play_length(const struct play *play, uint32_t from, uint32_t most) {
    uint32_t length = 1;
    while (length < most && from + length < play->count && play->moves[from + length].of >= from) {
        length++;
    }
    return length;
}

static void play_on(lw_store *store, const struct play *play, uint32_t most, uint32_t run, struct record *record) {
    memset(record, 0, sizeof *record);
    for (uint32_t i = 0, length; i < play->count; i += length) {
        lw_store_step batch[BATCH];
        uint32_t count = 0, places[BATCH];
        length = play_length(play, i, most);
        for (uint32_t k = i; k < i + length; k++) {
            record_step(record, k, &play->moves[k], run);
            if (!play->moves[k].left_out) {
                places[count] = k;
                batch[count++] = record->steps[k];
            }
        }
        int code = count > 0 ? lw_store_batch(store, batch, count, 0) : LW_OK;
        for (uint32_t k = 0; k < count; k++) {
            record->steps[places[k]] = batch[k];
            record->steps[places[k]].answer = code == LW_OK ? batch[k].answer : code;
        }
    }
}

/* ---- comparing ---- */

#define DIFFER(what, ours, theirs)                                                                                     \
    do {                                                                                                               \
        if ((ours) != (theirs)) {                                                                                      \
            snprintf(differential_fault, sizeof differential_fault, "%s: %" PRId64 " in memory, %" PRId64 " in Redis", \
                     what, (int64_t)(ours), (int64_t)(theirs));                                                        \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static bool same_posting(const lw_posting *ours, const lw_posting *theirs, ptrdiff_t answer) {
    static char what[3][32];
    if (answer != LW_OK && answer != LW_OVER_QUOTA) {
        return true;
    }
    DIFFER("posting.time", ours->time, theirs->time);
    for (uint32_t i = 0; i < ours->count; i++) {
        snprintf(what[0], sizeof *what, "charge %u granted", i);
        snprintf(what[1], sizeof *what, "charge %u used", i);
        snprintf(what[2], sizeof *what, "charge %u retry", i);
        DIFFER(what[0], ours->charges[i].granted, theirs->charges[i].granted);
        DIFFER(what[1], ours->charges[i].used, theirs->charges[i].used);
        DIFFER(what[2], ours->charges[i].retry, theirs->charges[i].retry);
    }
    return true;
}

static bool same_step(const lw_store_step *ours, const lw_store_step *theirs) {
    DIFFER("answer", ours->answer, theirs->answer);
    switch (ours->op) {
    case LW_STORE_GET: DIFFER("bytes", memcmp(ours->out, theirs->out, VALUE), 0); break;
    case LW_STORE_ADD:
        if (ours->answer == LW_OK) {
            DIFFER("sum", ours->sum, theirs->sum);
        }
        break;
    case LW_STORE_MEET:
        if (ours->answer >= 0) {
            DIFFER("sum", ours->sum, theirs->sum);
        }
        break;
    case LW_STORE_CHARGE: return same_posting(ours->posting, theirs->posting, ours->answer);
    default: break;
    }
    return true;
}

/* The first move that the two answer differently, or count. */
static uint32_t play_compare(const struct play *play, uint32_t most) {
    static struct record ours, theirs;
    lw_store *memory = NULL;
    lw_env env = LW_ENV_INIT;
    uint32_t at = 0, run = differential_runs++;
    env.now = differential_clock; /* stands still: nothing expires */
    assert_int_equal(lw_store_memory_new(&memory, &env, NULL), LW_OK);
    play_on(memory, play, most, run, &ours);
    play_on(differential_redis, play, most, run, &theirs);
    lw_store_free(memory);
    while (at < play->count && (play->moves[at].left_out || same_step(&ours.steps[at], &theirs.steps[at]))) {
        at++;
    }
    return at;
}

/* ---- telling ---- */

static void tell_move(const struct play *play, uint32_t number) {
    const struct move *move = &play->moves[number];
    print_message("  %3u op %u key %u", number, move->op, move->key);
    if (move->op != LW_STORE_CHARGE) {
        print_message(" value '%s' expected '%s' amount %" PRId64 " ttl %" PRIu64 "\n", move->value,
                      move->has_expected ? move->expected : "(none)", move->amount, move->ttl);
        return;
    }
    print_message(" mode %u now born+%" PRId64 " hold %" PRIu64 "\n", move->posting.mode,
                  (int64_t)(move->posting.now - SITE_BORN), move->posting.hold);
    for (uint32_t i = 0; i < move->count; i++) {
        const lw_charge *charge = &move->charges[i];
        print_message("      %s kind %u window %" PRIu64 " resolution %u limit %" PRIu64 " burst %" PRIu64,
                      charge->name, charge->kind, charge->window, charge->resolution, charge->limit, charge->burst);
        if (move->of != number) {
            print_message(" gives back %u %% of move %u\n", move->share, move->of);
        } else {
            print_message(" amount %" PRId64 "\n", charge->amount);
        }
    }
}

static void play_shrink(struct play *play, uint32_t most, uint32_t fails_at) {
    play->count = fails_at + 1;
    for (uint32_t left = 1; left > 0;) {
        left = 0;
        for (uint32_t i = 0; i < play->count - 1; i++) {
            if (!play->moves[i].left_out) {
                play->moves[i].left_out = true;
                bool fails = play_compare(play, most) < play->count;
                play->moves[i].left_out = fails;
                left += fails;
            }
        }
    }
}

/* Redis forgets an account after real time, which may pass without us on a busy machine: then it is played again. */
static uint32_t play_in_time(const struct play *play, uint32_t most) {
    for (int i = 0; i < 50; i++) {
        uint64_t began = rig_now();
        uint32_t at = play_compare(play, most);
        if (at == play->count || rig_now() - began < 900 * SITE_MS) {
            return at;
        }
    }
    fail_msg("this machine has no second to spare");
    return 0;
}

static void differential_case(uint64_t seed, uint32_t most) {
    static struct play play;
    draw_play(&play, seed);
    uint32_t at = play_in_time(&play, most);
    if (at == play.count) {
        return;
    }
    play_shrink(&play, most, at);
    at = play_compare(&play, most);
    print_message("seed %" PRIu64 ", batches of %u: move %u differs in %s; what it takes:\n", seed, most, at,
                  differential_fault);
    for (uint32_t i = 0; i < play.count; i++) {
        if (!play.moves[i].left_out) {
            tell_move(&play, i);
        }
    }
    fail_msg("memory and Redis differ in %s", differential_fault);
}

/* ---- the tests ---- */

static void test_one_by_one(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        differential_case(seed, 1);
    }
}

static void test_in_batches(void **state) {
    (void)state;
    for (uint64_t seed = 1001; seed <= 1000 + CASES; seed++) {
        differential_case(seed, BATCH);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_by_one), cmocka_unit_test(test_in_batches)};
    server_start(&differential_server, NULL);
    differential_redis = site_store(&differential_server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lw_store_free(differential_redis);
    server_stop(&differential_server);
    return failed;
}
