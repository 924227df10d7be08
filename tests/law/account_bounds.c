/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What accounts promise about the worst stretch of time, against the adversary of adversary.h, who takes for some time,
 * too. It must come to the bound and not beyond.
 */
#include "../unit/ledger.h"
#include "adversary.h"

#include <loadwise/store.h>

#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define EPOCH (UINT64_C(1800000000) * SECOND)

/* ---- an account under attack ---- */

static ledger book;
static lw_store *account_store;
static lw_charge charges[ATTACK_MOVES];

static void account_begin(const struct attack *attack) {
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_store_memory_new(&account_store, &env, NULL), LW_OK);
    for (uint32_t i = 0; i < ATTACK_MOVES; i++) {
        charges[i] = (lw_charge)LW_CHARGE_INIT;
        charges[i].name = "tpm";
        charges[i].kind = attack->kind;
        charges[i].window = attack->window;
        charges[i].resolution = attack->resolution;
        charges[i].limit = attack->limit;
        charges[i].burst = attack->burst;
    }
}

static void post(lw_charge *charge, uint32_t mode, uint64_t now, uint64_t hold) {
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = charge;
    posting.count = 1;
    posting.mode = mode;
    posting.now = now;
    posting.hold = hold;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "node", .posting = &posting};
    assert_int_equal(lw_store_batch(account_store, &step, 1, 0), LW_OK);
    assert_int_equal(step.answer, LW_OK);
}

static uint64_t account_take(const struct attack *attack, uint32_t number) {
    const struct attack_move *move = &attack->moves[number];
    uint64_t most = attack->burst > 0 ? attack->burst : attack->limit;
    lw_charge *charge = &charges[number];
    post(charge, LW_POSTING_ALL, move->at, 0);
    uint64_t room = charge->used < most ? most - charge->used : 0;
    charge->amount = (int64_t)(room * move->share / 256);
    post(charge, LW_POSTING_ALL, move->at, move->hold);
    return charge->granted;
}

static void account_give_back(uint32_t number, uint64_t unused, uint64_t used, uint64_t now) {
    (void)used;
    charges[number].amount = -(int64_t)unused;
    post(&charges[number], LW_POSTING_FORCE, now, 0);
}

static void account_end(void) { lw_store_free(account_store); }

static uint64_t worst_found(uint32_t kind, uint32_t resolution, uint64_t burst, uint64_t hold) {
    static const struct attack_target target = {account_begin, account_take, account_give_back, account_end};
    struct attack attack = {.target = &target, .kind = kind, .resolution = resolution, .window = MINUTE};
    attack.limit = 1000;
    attack.burst = burst;
    attack.epoch = EPOCH;
    attack.grain = 1000;
    attack.most_hold = hold;
    ledger_open(&book);
    uint64_t worst = attack_search(&attack);
    ledger_close(&book);
    return worst;
}

static void sliding_holds_the_limit_in_any_window(void **state) {
    static const uint32_t resolutions[] = {1, 6, 20};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(worst_found(LW_QUOTA_SLIDING, resolutions[i], 0, 0), 1000);
    }
}

static void sliding_holds_the_limit_of_what_is_used_later(void **state) {
    static const uint64_t holds[] = {1000, 5 * SECOND, MINUTE};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(worst_found(LW_QUOTA_SLIDING, 6, 0, holds[i]), 1000);
    }
}

static void gcra_holds_burst_and_rate_in_any_stretch(void **state) {
    static const uint64_t bursts[] = {1, 50, 1000, 5000};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(worst_found(LW_QUOTA_GCRA, 0, bursts[i], 0), bursts[i]);
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
