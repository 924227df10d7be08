/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What accounts promise about the worst stretch of time, against an adversary who knows how they count.
 *
 * As in quota_bounds.c the adversary takes shares of what there is at chosen times, gives some of it back later, and
 * the search keeps what makes the worst stretch worse. What was taken with a hold is used at whichever moment of the
 * hold is worst, so it lies in every stretch that touches [charge, charge + hold]. The search must come to the bound,
 * which shows that it finds what is there, and not beyond.
 */
#include "../unit/ledger.h"

#include <loadwise/store.h>

enum { MOVES = 24, CLIMBS = 1200, SEARCHES = 8 };

#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define EPOCH (UINT64_C(1800000000) * SECOND)

/* At this time, take `share` 256ths of what is there for `hold`, and give back `refund` 256ths of it before move
   number `until`. */
struct move {
    uint64_t at, hold;
    uint32_t share, refund, until;
};

struct taken {
    uint64_t at, end, amount;
    lw_charge charge;
};

struct attack {
    lw_charge dimension;
    uint64_t most_hold;
    struct move moves[MOVES];
    struct taken taken[MOVES];
};

static uint64_t chance;

static uint64_t draw(uint64_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

/* ---- how bad it gets ---- */

/* Most that can have been used in a stretch of one window, both ends included. Worst ones begin at the end of a hold.
 */
static uint64_t worst_window(const struct attack *attack, uint32_t moves) {
    uint64_t worst = 0, window = attack->dimension.window;
    for (uint32_t first = 0; first < moves; first++) {
        uint64_t sum = 0, begin = attack->taken[first].end;
        for (uint32_t i = 0; i < moves; i++) {
            const struct taken *taken = &attack->taken[i];
            sum += taken->at <= begin + window && taken->end >= begin ? taken->amount : 0;
        }
        worst = sum > worst ? sum : worst;
    }
    return worst;
}

/* Most in any stretch, beyond what the rate allows in it. */
static uint64_t worst_excess(const struct attack *attack, uint32_t moves) {
    uint64_t worst = 0, interval = attack->dimension.window / attack->dimension.limit;
    for (uint32_t first = 0; first < moves; first++) {
        uint64_t sum = 0;
        for (uint32_t i = first; i < moves; i++) {
            uint64_t rate = (attack->taken[i].at - attack->taken[first].at) / interval;
            sum += attack->taken[i].amount;
            worst = sum > rate && sum - rate > worst ? sum - rate : worst;
        }
    }
    return worst;
}

static uint64_t how_bad(const struct attack *attack, uint32_t moves) {
    return attack->dimension.kind == LW_QUOTA_GCRA ? worst_excess(attack, moves) : worst_window(attack, moves);
}

static void post(lw_store *store, lw_charge *charge, uint32_t mode, uint64_t now, uint64_t hold) {
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = charge;
    posting.count = 1;
    posting.mode = mode;
    posting.now = now;
    posting.hold = hold;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "node", .posting = &posting};
    assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
    assert_int_equal(step.answer, LW_OK);
}

static void give_back(struct attack *attack, lw_store *store, uint32_t until, uint64_t now) {
    for (uint32_t i = 0; i < until; i++) {
        struct taken *taken = &attack->taken[i];
        if (attack->moves[i].until == until && taken->amount > 0) {
            uint64_t unused = taken->amount * attack->moves[i].refund / 256;
            taken->charge.amount = -(int64_t)unused;
            post(store, &taken->charge, LW_POSTING_FORCE, now, 0);
            taken->amount -= unused;
        }
    }
}

static uint64_t carry_out(struct attack *attack, ledger *book) {
    uint64_t worst = 0, most = attack->dimension.burst > 0 ? attack->dimension.burst : attack->dimension.limit;
    lw_store *store;
    lw_env env = ledger_env(book, 1);
    assert_int_equal(lw_store_memory_new(&store, &env, NULL), LW_OK);
    for (uint32_t i = 0; i < MOVES; i++) {
        const struct move *move = &attack->moves[i];
        struct taken *taken = &attack->taken[i];
        give_back(attack, store, i, move->at);
        *taken = (struct taken){.at = move->at, .end = move->at + move->hold, .charge = attack->dimension};
        post(store, &taken->charge, LW_POSTING_ALL, move->at, 0);
        uint64_t room = taken->charge.used < most ? most - taken->charge.used : 0;
        taken->charge.amount = (int64_t)(room * move->share / 256);
        post(store, &taken->charge, LW_POSTING_ALL, move->at, move->hold);
        taken->amount = taken->charge.granted;
        uint64_t bad = how_bad(attack, i + 1);
        worst = bad > worst ? bad : worst;
    }
    lw_store_free(store);
    return worst;
}

/* ---- the search ---- */

/* Near the borders of buckets more often than not. */
static uint64_t some_time(const struct attack *attack) {
    uint64_t window = attack->dimension.window, border = draw(4 * 20) * (window / 20);
    return EPOCH + (draw(3) == 0 ? draw(4 * window) / 1000 * 1000 : border - (border > 0 ? draw(2) * 1000 : 0));
}

static void some_move(const struct attack *attack, struct move *move, uint32_t number) {
    move->at = some_time(attack);
    move->hold = draw(2) == 0 ? attack->most_hold : draw(attack->most_hold / 1000 + 1) * 1000;
    move->share = draw(2) == 0 ? 256 : (uint32_t)draw(257);
    move->refund = draw(2) == 0 ? 256 : (uint32_t)draw(257);
    move->until = number + (uint32_t)draw(MOVES);
}

static void in_order(struct move *moves) {
    for (uint32_t i = 1; i < MOVES; i++) {
        for (uint32_t k = i; k > 0 && moves[k - 1].at > moves[k].at; k--) {
            uint64_t at = moves[k].at;
            moves[k].at = moves[k - 1].at;
            moves[k - 1].at = at;
        }
    }
}

static uint64_t search(struct attack *attack) {
    uint64_t most = 0;
    ledger book;
    ledger_open(&book);
    for (uint64_t seed = 1; seed <= SEARCHES; seed++) {
        chance = seed;
        for (uint32_t i = 0; i < MOVES; i++) {
            some_move(attack, &attack->moves[i], i);
        }
        in_order(attack->moves);
        uint64_t worst = carry_out(attack, &book);
        for (uint32_t climb = 0; climb < CLIMBS; climb++) {
            struct attack other = *attack;
            for (uint64_t changes = 1 + draw(3); changes > 0; changes--) {
                uint32_t number = (uint32_t)draw(MOVES);
                some_move(&other, &other.moves[number], number);
            }
            in_order(other.moves);
            uint64_t bad = carry_out(&other, &book);
            if (bad >= worst) {
                worst = bad;
                *attack = other;
            }
        }
        most = worst > most ? worst : most;
    }
    ledger_close(&book);
    return most;
}

static struct attack attack_on(uint32_t kind, uint32_t resolution, uint64_t burst, uint64_t hold) {
    struct attack attack = {.most_hold = hold};
    attack.dimension = (lw_charge)LW_CHARGE_INIT;
    attack.dimension.name = "tpm";
    attack.dimension.kind = kind;
    attack.dimension.window = MINUTE;
    attack.dimension.resolution = resolution;
    attack.dimension.limit = 1000;
    attack.dimension.burst = burst;
    return attack;
}

static void sliding_holds_the_limit_in_any_window(void **state) {
    static const uint32_t resolutions[] = {1, 6, 20};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct attack attack = attack_on(LW_QUOTA_SLIDING, resolutions[i], 0, 0);
        assert_int_equal(search(&attack), 1000);
    }
}

static void sliding_holds_the_limit_of_what_is_used_later(void **state) {
    static const uint64_t holds[] = {1000, 5 * SECOND, MINUTE};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct attack attack = attack_on(LW_QUOTA_SLIDING, 6, 0, holds[i]);
        assert_int_equal(search(&attack), 1000);
    }
}

static void gcra_holds_burst_and_rate_in_any_stretch(void **state) {
    static const uint64_t bursts[] = {1, 50, 1000, 5000};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct attack attack = attack_on(LW_QUOTA_GCRA, 0, bursts[i], 0);
        assert_int_equal(search(&attack), bursts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sliding_holds_the_limit_in_any_window),
        cmocka_unit_test(sliding_holds_the_limit_of_what_is_used_later),
        cmocka_unit_test(gcra_holds_burst_and_rate_in_any_stretch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
