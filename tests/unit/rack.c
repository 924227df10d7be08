/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The rack from inside: every slot is lent to one at a time, all of them can be, what was never lent was never written,
 * and nobody ends what is not there; one thread, many, and after a fork.
 */
#include "base/rack.h"
#include "../stress/crew.h"
#include "ledger.h"

#include <loadwise/error.h>

enum { STRIDE = 72, MOST = 4096, HANDS = 4, ROUNDS = 100, HELD = 12, STACKS = 2, WAYS = 4, SNATCHES = 1000000 };

/* What the ledger's memory is full of, read as a generation: an odd one. */
#define RUBBISH UINT64_C(0xa5a5a5a5a5a5a5a5)

struct thing {
    struct lw__rack_slot head;
    uint64_t mark;
};

static ledger book;
static lw_env env;
static struct lw__rack rack;
static struct lw__rack_stack stacks[STACKS];
static uint32_t owner[MOST]; /* number of the hand that has the slot + 1 */

static void open_rack(uint32_t count, uint64_t seed) {
    memset(&rack, 0, sizeof rack);
    memset(stacks, 0, sizeof stacks);
    memset(owner, 0, sizeof owner);
    ledger_open(&book);
    env = ledger_env(&book, seed);
    assert_int_equal(lw__rack_init(&rack, &env, count, STRIDE), LW_OK);
}

static void close_rack(void) {
    lw__rack_free(&rack, &env);
    ledger_close(&book);
}

static struct thing *thing(uint32_t number) { return (struct thing *)lw__rack_at(&rack, number); }

/* From the stack, else one that was never lent; -1 when there is none. */
static int64_t take(struct lw__rack_stack *stack) {
    uint32_t number;
    bool got = lw__rack_get(&rack, stack, &number, 1) == 1 || lw__rack_open(&rack, &number, 1) == 1;
    return got ? (int64_t)number : -1;
}

static uint64_t begin(uint32_t number) {
    return __atomic_add_fetch(&thing(number)->head.generation, 1, __ATOMIC_SEQ_CST);
}

/* ---- slots that were never lent ---- */

static bool is_rubbish(uint32_t number) {
    bool all = true;
    for (size_t i = 0; i < STRIDE; i++) {
        all = all && (unsigned char)rack.memory[number * rack.stride + i] == 0xa5;
    }
    return all;
}

static void assert_opened(uint32_t number) {
    assert_true(lw__rack_is_open(&rack, number));
    assert_int_equal(thing(number)->head.generation & 1, 0);
    assert_int_equal(thing(number)->head.next, 0);
    assert_int_equal(thing(number)->mark, 0);
    assert_true(lw__rack_held(&rack, number) == 0);
}

static void test_only_what_is_lent_is_written(void **state) {
    (void)state;
    static const uint32_t wants[] = {1, 16, 0, 63, 64, 65, 7, 1000, 3, 5000, 1};
    open_rack(MOST, 5);
    uint32_t numbers[5000], lent = 0;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        uint32_t left = MOST - lent, got = lw__rack_open(&rack, numbers, wants[i]);
        assert_int_equal(got, wants[i] < left ? wants[i] : left); /* all that there are, and no more */
        for (uint32_t k = 0; k < got; k++) {
            assert_int_equal(numbers[k], lent + k);
            assert_opened(numbers[k]);
        }
        lent += got;
        assert_int_equal(lw__rack_lent(&rack), lent);
        for (uint32_t number = lent; number < MOST; number++) {
            assert_true(is_rubbish(number));
            assert_false(lw__rack_is_open(&rack, number));
        }
    }
    assert_int_equal(lent, MOST);
    close_rack();
}

/* Rubbish that looks like something held is nothing, nor are numbers that there are not. */
static void test_strangers(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 64, 100, 128};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        open_rack(counts[i], 5);
        assert_int_equal(take(&stacks[0]), 0);
        for (uint32_t number = 1; number < counts[i] + 200; number++) {
            assert_true(lw__rack_held(&rack, number) == 0);
            assert_false(lw__rack_end(&rack, number, RUBBISH));
        }
        assert_false(lw__rack_end(&rack, UINT32_MAX, RUBBISH));
        close_rack();
    }
}

/* Racks of other seeds lend other generations, as far as two numbers of 63 bits can differ. */
static void test_generations(void **state) {
    (void)state;
    uint64_t seen[64];
    for (uint64_t seed = 1; seed <= 64; seed++) {
        open_rack(1, seed);
        assert_int_equal(take(&stacks[0]), 0);
        seen[seed - 1] = begin(0);
        for (uint64_t other = 1; other < seed; other++) {
            assert_false(lw__rack_end(&rack, 0, seen[other - 1]));
        }
        close_rack();
    }
}

static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t fail = 1; fail <= 2; fail++) {
        memset(&rack, 0, sizeof rack);
        ledger_open(&book);
        book.fail_at = fail;
        env = ledger_env(&book, 5);
        assert_int_equal(lw__rack_init(&rack, &env, 100, STRIDE), LW_NOMEM);
        ledger_close(&book);
    }
}

/* ---- lent and given back ---- */

/* Against a stack that is an array. */
static void test_stack(void **state) {
    (void)state;
    uint32_t model[100] = {0}, held[100], some[10] = {0}, height = 0, out;
    crew_hand dice = {.chance = 11};
    open_rack(100, 5);
    out = lw__rack_open(&rack, held, 100);
    for (int step = 0; step < 20000; step++) {
        uint32_t count = (uint32_t)(crew_random(&dice) % 10);
        if (crew_random(&dice) % 2 == 0 && out > count) {
            count++;
            for (uint32_t i = 0; i < count; i++) { /* from anywhere among them */
                uint32_t at = (uint32_t)(crew_random(&dice) % out);
                some[i] = held[at];
                held[at] = held[--out];
            }
            lw__rack_put(&rack, &stacks[0], some, count);
            while (count > 0) {
                model[height++] = some[--count];
            }
        } else {
            uint32_t got = lw__rack_get(&rack, &stacks[0], some, count);
            assert_int_equal(got, count < height ? count : height);
            for (uint32_t i = 0; i < got; i++) {
                assert_int_equal(some[i], model[--height]);
                held[out++] = some[i];
            }
        }
    }
    close_rack();
}

static void test_ends_once(void **state) {
    (void)state;
    open_rack(10, 5);
    uint32_t number = (uint32_t)take(&stacks[0]);
    uint64_t before = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t generation = begin(number);
        assert_true(lw__rack_held(&rack, number) == generation);
        assert_false(lw__rack_end(&rack, number, before));
        assert_false(lw__rack_end(&rack, number, generation + 1));
        assert_true(lw__rack_end(&rack, number, generation));
        assert_false(lw__rack_end(&rack, number, generation));
        assert_true(lw__rack_held(&rack, number) == 0);
        before = generation;
    }
    close_rack();
}

/* Some are free, some held, some in the hands of threads that are gone, one was just being opened. */
static void test_reset(void **state) {
    (void)state;
    uint64_t generations[50];
    uint32_t numbers[100];
    open_rack(100, 5);
    assert_int_equal(lw__rack_open(&rack, numbers, 50), 50);
    for (uint32_t i = 0; i < 50; i++) {
        generations[i] = i % 2 == 0 ? begin(numbers[i]) : thing(numbers[i])->head.generation;
    }
    lw__rack_put(&rack, &stacks[0], (uint32_t[]){41, 31, 21}, 3);
    rack.lent++;
    lw__rack_reset(&rack, &stacks[0]);
    assert_opened(50);
    for (uint32_t i = 0; i < 50; i++) {
        assert_true(lw__rack_held(&rack, i) == 0);
        assert_true(thing(i)->head.generation == generations[i] + (i % 2 == 0));
        assert_false(lw__rack_end(&rack, i, generations[i]));
    }
    assert_int_equal(lw__rack_get(&rack, &stacks[0], numbers, 100), 51);
    for (uint32_t i = 0; i < 51; i++) {
        assert_int_equal(owner[numbers[i]]++, 0);
    }
    assert_int_equal(lw__rack_open(&rack, numbers, 100), 49);
    assert_int_equal(numbers[0], 51);
    close_rack();
}

/* ---- threads ---- */

/* Has the slot to itself from here on, or had it until now. */
static void own(crew_hand *hand, uint32_t number, bool begins) {
    uint32_t was = __atomic_exchange_n(&owner[number], begins ? hand->number + 1 : 0, __ATOMIC_RELAXED);
    CREW_EXPECT(hand, was == (begins ? 0 : hand->number + 1));
}

static void hold(crew_hand *hand, uint32_t number, uint64_t *generation) {
    own(hand, number, true);
    CREW_EXPECT(hand, lw__rack_held(&rack, number) == 0);
    thing(number)->mark += 1; /* no two threads at once */
    *generation = begin(number);
}

static void let_go(crew_hand *hand, uint32_t number, uint64_t generation, struct lw__rack_stack *stack) {
    CREW_EXPECT(hand, lw__rack_end(&rack, number, generation));
    CREW_EXPECT(hand, !lw__rack_end(&rack, number, generation));
    own(hand, number, false);
    lw__rack_put(&rack, stack, &number, 1);
}

/* Looks at slots as they are opened: rubbish is never taken for something that is held. */
static void look(crew_hand *hand) {
    while (lw__rack_lent(&rack) < rack.count) {
        for (uint32_t number = lw__rack_lent(&rack); number-- > 0;) {
            uint64_t held = lw__rack_held(&rack, number);
            CREW_EXPECT(hand, held != RUBBISH && (held == 0 || (held & 1) == 1));
            CREW_EXPECT(hand, !lw__rack_end(&rack, number, RUBBISH));
        }
    }
}

/* One from a stack, or now and then one that was never lent, though there are others. */
static bool borrow_one(crew_hand *hand, uint32_t *number, uint64_t *generation) {
    int64_t got = crew_random(hand) % WAYS == 0 && lw__rack_open(&rack, number, 1) == 1
                      ? (int64_t)*number
                      : take(&stacks[crew_random(hand) % STACKS]);
    if (got >= 0) {
        *number = (uint32_t)got;
        hold(hand, *number, generation);
    }
    return got >= 0;
}

/* Takes and gives back, by either stack, until all slots were lent. */
static void borrow(crew_hand *hand) {
    uint32_t held[HELD], count = 0;
    uint64_t generations[HELD];
    if (hand->number == 0) {
        look(hand);
        return;
    }
    for (uint32_t turn = 0; lw__rack_lent(&rack) < rack.count || turn % 256 != 0; turn++) {
        if (count < HELD && crew_random(hand) % 2 == 0) {
            count += borrow_one(hand, &held[count], &generations[count]);
        } else if (count > 0) {
            count--;
            let_go(hand, held[count], generations[count], &stacks[crew_random(hand) % STACKS]);
        }
    }
    while (count > 0) {
        count--;
        let_go(hand, held[count], generations[count], &stacks[0]);
    }
}

static void test_threads(void **state) {
    static crew c;
    uint32_t all[MOST];
    (void)state;
    for (uint32_t round = 0; round < ROUNDS * crew_factor(); round++) {
        uint32_t count = HANDS * HELD + round * 97 % 500;
        open_rack(count, round + 1);
        crew_run(&c, HANDS, borrow);
        uint32_t got = lw__rack_get(&rack, &stacks[0], all, MOST);
        got += lw__rack_get(&rack, &stacks[1], all + got, MOST - got);
        assert_int_equal(got, count); /* none is lost, none is there twice */
        for (uint32_t i = 0; i < got; i++) {
            assert_int_equal(owner[all[i]]++, 0);
        }
        close_rack();
    }
}

static void put_back(crew_hand *hand, uint32_t number) {
    own(hand, number, false);
    lw__rack_put(&rack, &stacks[0], &number, 1);
}

/* Takes two and gives the first back at once, the other after the next two: so that heads come back while what was
   behind them is elsewhere. Whoever takes such a head for one that stayed lends a slot twice. */
static void snatch(crew_hand *hand) {
    uint32_t pair[2], kept[2], keeps = 0;
    for (uint32_t i = 0; i < SNATCHES * crew_factor(); i++) {
        uint32_t got = lw__rack_get(&rack, &stacks[0], pair, 2);
        for (uint32_t k = 0; k < got; k++) {
            own(hand, pair[k], true);
        }
        if (got == 2) {
            kept[keeps++] = pair[1];
        }
        if (got > 0) {
            put_back(hand, pair[0]);
        }
        if (keeps == 2) {
            put_back(hand, kept[0]);
            kept[0] = kept[--keeps];
        }
    }
    while (keeps > 0) {
        put_back(hand, kept[--keeps]);
    }
}

static void test_snatching(void **state) {
    static crew c;
    uint32_t all[16];
    (void)state;
    open_rack(9, 5);
    assert_int_equal(lw__rack_open(&rack, all, 16), 9);
    lw__rack_put(&rack, &stacks[0], all, 9);
    crew_run(&c, HANDS, snatch);
    assert_int_equal(lw__rack_get(&rack, &stacks[0], all, 16), 9);
    close_rack();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_lent_is_written),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_stack),
        cmocka_unit_test(test_ends_once),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_snatching),
    };
    return cmocka_run_group_tests_name("rack", tests, NULL, NULL);
}
