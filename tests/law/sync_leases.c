/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The law of leases: what a fleet uses stays within the limits, whatever the processes do and whenever they sync, and
 * under full demand comes near them.
 *
 *   sliding   in no stretch of the window more than the limit, plus debts
 *   gcra      in no stretch of t more than burst + limit x (t + lease) / window, plus debts
 *
 * Every grant is written down with its time, a refund is taken off again, and all stretches are looked at.
 */
#include "../unit/sync_convoy.h"

enum { USES = 1 << 18, FLEET = 5 };

static convoy c;
static struct {
    uint64_t at;
    int64_t amount; /* as it was settled */
} uses[USES];
static uint32_t used;

static uint64_t chance_state;

static uint64_t chance(uint64_t below) {
    chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance_state >> 33) % below;
}

/* ---- the book of uses ---- */

static void note_use(uint64_t amount) {
    assert_true(used < USES);
    uses[used].at = c.book.now;
    uses[used++].amount = (int64_t)amount;
}

/* More than the limit within a window anywhere? */
static uint64_t most_in_a_window(uint64_t window) {
    uint64_t most = 0;
    int64_t sum = 0;
    for (uint32_t first = 0, last = 0; last < used; last++) {
        sum += uses[last].amount;
        while (uses[last].at - uses[first].at >= window) {
            sum -= uses[first++].amount;
        }
        most = sum > (int64_t)most ? (uint64_t)sum : most;
    }
    return most;
}

/* The least b with: in any stretch t at most b + rate x t. As of a bucket that is filled when something is used. */
static double deepest_bucket(double rate) {
    double level = 0, most = 0;
    for (uint32_t i = 0; i < used; i++) {
        double drained = i > 0 ? rate * (double)(uses[i].at - uses[i - 1].at) : 0;
        level = (level > drained ? level - drained : 0) + (double)uses[i].amount;
        most = level > most ? level : most;
    }
    return most;
}

static void begin(uint32_t kind, uint64_t window, uint64_t limit, uint64_t burst) {
    convoy_open(&c);
    convoy_limit(&c, kind, window, limit, burst);
    c.quiet = true;
    used = 0;
}

/* ---- full demand ---- */

/* All take whatever there is, all the time. Returns the share of the limit that was used. */
static double run_full(uint32_t ships, uint64_t interval, uint64_t lease, uint32_t windows) {
    uint64_t step = interval / 4, total = 0, window = c.dimension.window;
    c.sync.interval = interval;
    c.sync.lease = lease;
    convoy_launch_all(&c, ships);
    uint64_t begin_at = c.book.now;
    for (uint64_t t = 0; t < (windows + 2) * window; t += step) {
        for (uint32_t i = 0; i < ships; i++) {
            if (t / step % 4 == i % 4) { /* they do not sync together */
                ship_sync(&c.ship[i], LW_OK);
            }
            uint64_t got = ship_use(&c.ship[i], 1, UINT64_MAX);
            total += c.book.now - begin_at >= 2 * window ? got : 0;
            if (got > 0) {
                note_use(got);
            }
        }
        c.book.now += step;
    }
    return (double)total / (double)windows / (double)c.limit.limit;
}

/* What a window of 20 buckets allows is 20 / 21 of the limit. */
static void test_full_sliding(void **state) {
    static const struct {
        uint32_t ships;
        uint64_t interval, lease;
        double least; /* of what the kind allows */
    } cases[] = {
        {1, SECOND, 0, 0.9},
        {3, SECOND, 0, 0.9},
        {10, SECOND, 0, 0.9},
        {4, 500 * MS, 0, 0.9},
        {4, 2 * SECOND, 6 * SECOND, 0.86}, /* the longest lease that there may be */
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(LW_QUOTA_SLIDING, MINUTE, 3000, 0);
        double share = run_full(cases[i].ships, cases[i].interval, cases[i].lease, 40) / (20.0 / 21);
        print_message("sliding, %u processes: %.3f of what the window allows\n", cases[i].ships, share);
        assert_true(share >= cases[i].least && share <= 1.03);
        assert_true(most_in_a_window(MINUTE) <= 3000);
        convoy_close(&c);
    }
}

static void test_full_gcra(void **state) {
    static const uint32_t ships[] = {1, 3, 10};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        begin(LW_QUOTA_GCRA, MINUTE, 6000, 1000);
        double share = run_full(ships[i], SECOND, 0, 40);
        print_message("gcra, %u processes: %.3f of the rate\n", ships[i], share);
        assert_true(share >= 0.9 && share <= 1.01);
        assert_true(deepest_bucket(6000.0 / (double)MINUTE) <= 1000 + 6000 * 3.0 / 60);
        convoy_close(&c);
    }
}

/* ---- the worst that can be done ---- */

enum { WHOLE = 400 };

/* Leases all that there is at one moment, spends it at the last moment, and then whatever it gets as soon as it gets
   it. The moment goes through a bucket of the window, in particular just before its end. */
static void spend_late(uint32_t kind, uint64_t begins, uint64_t window, uint64_t lease) {
    lw_ticket ticket;
    begin(kind, window, WHOLE, kind == LW_QUOTA_GCRA ? WHOLE : 0);
    c.sync.lease = lease;
    c.sync.interval = lease / 2;
    c.sync.lease_percent = 100;
    ship *s = convoy_launch(&c);
    c.book.now += begins;
    assert_int_equal(ship_try(s, WHOLE, &ticket), LW_OVER_QUOTA);
    ship_sync(s, LW_OK);
    c.book.now += lease - 1;
    for (uint64_t end = c.book.now + 2 * window; c.book.now < end; c.book.now += 10 * MS) {
        uint64_t got = ship_use(s, 1, UINT64_MAX);
        if (got > 0) {
            note_use(got);
        }
        ship_sync(s, LW_OK);
        got = ship_use(s, 1, UINT64_MAX);
        if (got > 0) {
            note_use(got);
        }
    }
}

static void test_late_sliding(void **state) {
    (void)state;
    for (uint64_t begins = 0; begins <= 600 * MS; begins += 50 * MS) { /* a bucket is 500 ms */
        spend_late(LW_QUOTA_SLIDING, begins > 0 ? begins - 1 : 0, 10 * SECOND, SECOND);
        assert_int_equal(uses[0].amount, WHOLE);
        assert_true(used > 1);
        assert_int_equal(most_in_a_window(10 * SECOND), WHOLE);
        convoy_close(&c);
    }
}

/* Gcra comes to its bound, and not beyond. */
static void test_late_gcra(void **state) {
    (void)state;
    spend_late(LW_QUOTA_GCRA, 0, 10 * SECOND, SECOND);
    double deepest = deepest_bucket((double)WHOLE / (10.0 * SECOND)), bound = WHOLE + WHOLE * 1.0 / 10;
    assert_true(deepest <= bound && deepest >= bound - 2);
    convoy_close(&c);
}

/* ---- anything at all ---- */

enum { FLYING = 64 };

static struct {
    lw_ticket ticket;
    uint32_t ship, use;
    uint64_t amount;
} flying[FLYING];
static uint32_t flights;

static void land(uint32_t which, bool may_owe, uint64_t *debts) {
    uint64_t amount = flying[which].amount, actual = chance(amount + 1);
    ship *s = &c.ship[flying[which].ship];
    if (may_owe && chance(8) == 0) {
        actual = amount + chance(20);
    }
    if (chance(5) == 0) {
        assert_int_equal(lw_cancel_at(s->pool, &flying[which].ticket, c.book.now), LW_OK);
        actual = 0;
    } else {
        ship_settle(s, &flying[which].ticket, actual);
    }
    *debts += actual > amount ? actual - amount : 0;
    uses[flying[which].use].amount = (int64_t)(actual < amount ? actual : amount);
    flying[which] = flying[--flights];
}

static void act(uint32_t ships, bool may_owe, uint64_t *debts) {
    ship *s = &c.ship[chance(ships)];
    uint64_t amount = 1 + chance(chance(10) == 0 ? 200 : 12);
    if (flights == FLYING || (flights > 0 && chance(2) == 0)) {
        land((uint32_t)chance(flights), may_owe, debts);
    } else if (ship_try(s, amount, &flying[flights].ticket) == LW_OK) {
        flying[flights].ship = (uint32_t)(s - c.ship);
        flying[flights].amount = amount;
        flying[flights++].use = used;
        note_use(amount);
    }
}

static void step_time(uint64_t lease) {
    switch (chance(40)) {
    case 0: c.book.now += chance(3 * lease); break; /* longer than a lease */
    case 1: break;
    default: c.book.now += chance(lease / 20 + 1);
    }
}

/* Requests of all sizes that end whenever they like, syncs that come early, late or not at all, lost answers. Debts
   are owed to nobody: each is counted as what was reserved. */
static void run_wild(uint32_t kind, uint64_t seed, bool may_owe) {
    uint64_t lease = 3 * SECOND, debts = 0;
    chance_state = seed;
    begin(kind, MINUTE, 900, kind == LW_QUOTA_GCRA ? 300 : 0);
    c.sync.interval = SECOND;
    c.sync.lease = lease;
    c.sync.outage = LW_OUTAGE_CLOSED;
    convoy_launch_all(&c, FLEET);
    flights = 0;
    for (uint32_t turn = 0; turn < 40000; turn++) {
        if (chance(6) == 0) {
            uint64_t mood = chance(30);
            c.gate.mood = mood == 0 ? GATE_MUTE : mood == 1 ? GATE_SHUT : mood == 2 ? GATE_HALF : GATE_OPEN;
            ship_sync(&c.ship[chance(FLEET)], c.gate.mood == GATE_OPEN ? LW_OK : LW_UNAVAILABLE);
        }
        act(FLEET, may_owe, &debts);
        step_time(lease);
    }
    while (flights > 0) {
        land(0, false, &debts);
    }
    if (kind == LW_QUOTA_SLIDING) {
        assert_true(most_in_a_window(MINUTE) <= 900);
    } else {
        assert_true(deepest_bucket(900.0 / (double)MINUTE) <= 300 + 900 * 3.0 / 60 + 1e-6);
    }
    assert_true(used > 2000);
    convoy_close(&c);
}

static void test_wild_sliding(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_wild(LW_QUOTA_SLIDING, seed, seed % 3 == 0);
    }
}

static void test_wild_gcra(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_wild(LW_QUOTA_GCRA, seed, seed % 3 == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_sliding), cmocka_unit_test(test_full_gcra),    cmocka_unit_test(test_late_sliding),
        cmocka_unit_test(test_late_gcra),    cmocka_unit_test(test_wild_sliding), cmocka_unit_test(test_wild_gcra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
