/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Accounts against a slow model: long random lives, step by step. The model keeps every charge that was ever made and
 * counts them all anew for each answer; it knows no buckets that leave, no level that drains and no bytes.
 *
 * When a posting is told to wait, it is tried again 1 µs before that time, when it must still be refused, and at that
 * time, when it must be granted. What gcra gives back is held against the life in which so much less was charged: at no
 * time may the account count less than it would have counted there.
 */
#include "../unit/ledger.h"

#include <loadwise/store.h>

enum { PAST = 600, LIVES = 1000, STEPS = 400, DIMENSIONS = 3 };

#define SECOND UINT64_C(1000000000)
#define EPOCH (UINT64_C(1800000000) * SECOND + 12345000)
#define PARTS 1048576 /* of a µs, in which the model of gcra counts time; a second is less than 2^40 of them */

/* One charge of the past. left: what has not been given back. */
struct past {
    uint64_t at, last; /* µs; last: when it may be used last */
    uint64_t amount, left;
    uint64_t stamp[2];
};

/* Givings back are kept apart, for gcra, where they happen in the middle of the life. */
struct model {
    struct past past[PAST];
    uint32_t count;
    struct {
        uint64_t at, amount;
        uint32_t before; /* charges made before it */
    } back[PAST];
    uint32_t backs;
};

static lw_store *store;
static ledger book;
static lw_charge dimension[DIMENSIONS];
static struct model model[DIMENSIONS];
static uint64_t now, latest, chance; /* µs; latest: of the last change */

static uint64_t draw(uint64_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

/* ---- what the model says ---- */

static uint64_t width(const lw_charge *d) { return (d->window / 1000 + d->resolution - 1) / d->resolution; }

static uint64_t sliding_used(const lw_charge *d, const struct model *m, uint64_t at) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        bool counts = at / width(d) <= m->past[i].last / width(d) + d->resolution;
        sum += counts ? m->past[i].left : 0;
    }
    return sum;
}

static uint64_t price(const lw_charge *d) {
    uint64_t units = d->window / 1000 * PARTS;
    return (units + d->limit - 1) / d->limit;
}

static uint64_t after(uint64_t level, uint64_t from, uint64_t to) {
    uint64_t drained = (to - from) * PARTS;
    return level > drained ? level - drained : 0;
}

/* The level of gcra. less: of the life in which what was given back had never been charged. */
static uint64_t level_of(const lw_charge *d, const struct model *m, uint64_t at, bool less) {
    uint64_t level = 0, then = 0;
    uint32_t back = 0;
    for (uint32_t i = 0; i <= m->count; i++) {
        for (; !less && back < m->backs && m->back[back].before == i; back++) {
            level = after(level, then, m->back[back].at) - m->back[back].amount * price(d);
            then = m->back[back].at;
        }
        if (i < m->count) {
            level = after(level, then, m->past[i].at) + (less ? m->past[i].left : m->past[i].amount) * price(d);
            then = m->past[i].at;
        }
    }
    return after(level, then, at);
}

static uint64_t model_used(uint32_t i) {
    const lw_charge *d = &dimension[i];
    return d->kind == LW_QUOTA_SLIDING ? sliding_used(d, &model[i], now)
                                       : (level_of(d, &model[i], now, false) + price(d) - 1) / price(d);
}

static uint64_t model_room(uint32_t i, uint32_t mode) {
    const lw_charge *d = &dimension[i];
    if (mode == LW_POSTING_FORCE) {
        return UINT64_MAX;
    }
    if (d->kind == LW_QUOTA_SLIDING) {
        uint64_t used = sliding_used(d, &model[i], now);
        return used < d->limit ? d->limit - used : 0;
    }
    uint64_t level = level_of(d, &model[i], now, false), most = d->burst * price(d);
    return level < most ? (most - level) / price(d) : 0;
}

static uint64_t model_most(uint32_t i) {
    return dimension[i].kind == LW_QUOTA_GCRA ? dimension[i].burst : dimension[i].limit;
}

/* ---- one posting, in both ---- */

/* A time that comes to the same: when something has changed just now and counts, an older one. */
static uint64_t some_time(void) {
    bool counts = model_used(0) + model_used(1) + model_used(2) > 0;
    return counts && latest == now && draw(2) == 0 ? now - draw(1000000) : now;
}

static ptrdiff_t post(lw_charge *charges, uint32_t mode, uint64_t at, uint64_t hold, uint64_t *time) {
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = charges;
    posting.count = DIMENSIONS;
    posting.mode = mode;
    posting.now = at * 1000 + draw(1000);
    posting.hold = hold * 1000;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "node", .posting = &posting};
    assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
    *time = posting.time;
    return step.answer;
}

static void remember(const lw_charge *charges, uint64_t hold) {
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        struct model *m = &model[i];
        if (charges[i].granted > 0) {
            latest = now;
            assert_true(m->count < PAST);
            m->past[m->count] = (struct past){now, now + hold, charges[i].granted, charges[i].granted, {0, 0}};
            m->past[m->count].stamp[0] = charges[i].stamp[0];
            m->past[m->count++].stamp[1] = charges[i].stamp[1];
        }
    }
}

static void charge_some(uint32_t mode, uint64_t hold) {
    lw_charge charges[DIMENSIONS];
    uint64_t expected[DIMENSIONS], time;
    bool fits = true;
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        charges[i] = dimension[i];
        uint64_t amount = draw(4) == 0 ? 0 : draw(model_most(i) / (mode == LW_POSTING_FORCE ? 4 : 1) + 2);
        uint64_t room = model_room(i, mode);
        charges[i].amount = (int64_t)amount;
        expected[i] = amount < room ? amount : room;
        fits &= amount <= room;
    }
    bool refused = mode == LW_POSTING_ALL && !fits;
    ptrdiff_t answer = post(charges, mode, some_time(), hold, &time);
    assert_int_equal(answer, refused ? LW_OVER_QUOTA : LW_OK);
    assert_true(time == now * 1000);
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        assert_int_equal(charges[i].granted, refused ? 0 : expected[i]);
    }
    remember(charges, hold);
    uint64_t longest = 0;
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        bool all = charges[i].granted == (uint64_t)charges[i].amount;
        assert_int_equal(charges[i].used, model_used(i));
        assert_true(!all || charges[i].retry == 0);
        assert_true((charges[i].retry == LW_QUOTA_NEVER) ==
                    (mode != LW_POSTING_FORCE && (uint64_t)charges[i].amount > model_most(i)));
        longest = charges[i].retry > longest ? charges[i].retry : longest;
    }
    if (refused && longest != LW_QUOTA_NEVER) {
        assert_true(longest > 0 && longest % 1000 == 0);
        assert_int_equal(post(charges, mode, now + longest / 1000 - 1, hold, &time), LW_OVER_QUOTA);
        assert_int_equal(post(charges, mode, now + longest / 1000, hold, &time), LW_OK);
        now += longest / 1000;
        remember(charges, hold);
    }
}

/* Gives back some of one charge of the past, in one dimension, at a time that may be long after. */
static void give_some_back(uint32_t i) {
    struct model *m = &model[i];
    lw_charge charges[DIMENSIONS];
    uint64_t time, full = model_used(i);
    if (m->count == 0) {
        return;
    }
    struct past *past = &m->past[m->count - 1 - draw(m->count < 6 ? m->count : 6)];
    memcpy(charges, dimension, sizeof charges);
    charges[i].amount = -(int64_t)draw(past->left + 1);
    memcpy(charges[i].stamp, past->stamp, sizeof past->stamp);
    assert_int_equal(post(charges, LW_POSTING_FORCE, now, 0, &time), LW_OK);
    uint64_t given = charges[i].granted;
    assert_in_range(given, 0, (uint64_t)-charges[i].amount);
    past->left -= given;
    if (dimension[i].kind == LW_QUOTA_SLIDING) {
        bool counts = now / width(&dimension[i]) <= past->last / width(&dimension[i]) + dimension[i].resolution;
        assert_int_equal(given, counts ? (uint64_t)-charges[i].amount : 0);
    } else {
        m->back[m->backs].at = now;
        m->back[m->backs].amount = given;
        m->back[m->backs++].before = m->count;
        assert_true(past != &m->past[m->count - 1] || m->backs > 1 || now != past->at ||
                    given == (uint64_t)-charges[i].amount); /* just now: all of it */
    }
    assert_int_equal(charges[i].used, model_used(i));
    assert_true(charges[i].used <= full);
}

static void check_against_the_lesser_life(void) {
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        if (dimension[i].kind == LW_QUOTA_GCRA) {
            assert_true(level_of(&dimension[i], &model[i], now, false) >=
                        level_of(&dimension[i], &model[i], now, true));
        }
    }
}

/* ---- lives ---- */

static void begin_life(uint64_t seed) {
    static const uint64_t windows[] = {SECOND, SECOND - 1000, 700001000, 1000000};
    chance = seed;
    now = EPOCH / 1000 + draw(1000000);
    memset(model, 0, sizeof model);
    for (uint32_t i = 0; i < DIMENSIONS; i++) {
        static const char *const names[] = {"requests", "t", "rate"};
        dimension[i] = (lw_charge)LW_CHARGE_INIT;
        dimension[i].name = names[i];
        dimension[i].kind = i == 2 ? LW_QUOTA_GCRA : LW_QUOTA_SLIDING;
        dimension[i].window = i == 2 ? SECOND : windows[draw(4)];
        dimension[i].resolution = 1 + (uint32_t)draw(draw(2) == 0 ? 7 : 1000);
        dimension[i].limit = 1 + draw(draw(2) == 0 ? 5 : 1000);
        dimension[i].burst = i == 2 ? 1 + draw(2 * dimension[i].limit) : 0;
    }
    lw_env env = ledger_env(&book, seed);
    assert_int_equal(lw_store_memory_new(&store, &env, NULL), LW_OK);
}

static void live(uint64_t seed) {
    begin_life(seed);
    uint64_t pace = 1 + draw(draw(2) == 0 ? 1000 : 200000);
    for (uint32_t i = 0; i < STEPS; i++) {
        now += draw(3) == 0 ? 0 : draw(pace);
        uint64_t hold = draw(3) == 0 ? draw(1000) : 0;
        switch (draw(8)) {
        case 0: charge_some(LW_POSTING_FORCE, hold); break;
        case 1:
        case 2: charge_some(LW_POSTING_PART, hold); break;
        case 3:
        case 4: give_some_back((uint32_t)draw(DIMENSIONS)); break;
        default: charge_some(LW_POSTING_ALL, hold); break;
        }
        check_against_the_lesser_life();
    }
    lw_store_free(store);
}

static void test_accounts_count_as_the_model_does(void **state) {
    (void)state;
    ledger_open(&book);
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        live(seed);
    }
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts_count_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
