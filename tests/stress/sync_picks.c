/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Picks never wait for a sync: while a store keeps a batch, others pick, end, update and tick. And syncs beside
 * everything else: threads pick from pools of a fleet whose limits no window exceeds, while one thread syncs, one
 * updates, and the store goes away now and then.
 */
#include "../unit/sync_convoy.h"
#include "crew.h"

static convoy c;

/* ---- a store that keeps a batch ---- */

static struct {
    lw_store store;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool inside, open;
} keeper;

static int keeper_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    (void)store;
    pthread_mutex_lock(&keeper.lock);
    keeper.inside = true;
    pthread_cond_broadcast(&keeper.moved);
    while (!keeper.open) {
        pthread_cond_wait(&keeper.moved, &keeper.lock);
    }
    pthread_mutex_unlock(&keeper.lock);
    return lw_store_batch(c.gate.inner, steps, count, deadline);
}

static const lw_store_ops keeper_ops = {.size = sizeof keeper_ops, .batch = keeper_batch};

static void *sync_at_the_keeper(void *user) {
    ship *s = user;
    return lw_pool_sync(s->pool, &keeper.store, 0, NULL) == LW_OK ? s : NULL;
}

static void test_nobody_waits(void **state) {
    (void)state;
    pthread_t thread;
    void *well = NULL;
    uint64_t next;
    convoy_open(&c);
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, 1000, 0);
    ship *s = convoy_launch(&c);
    ship_sync(s, LW_OK);
    keeper.store.ops = &keeper_ops;
    pthread_mutex_init(&keeper.lock, NULL);
    pthread_cond_init(&keeper.moved, NULL);
    assert_int_equal(pthread_create(&thread, NULL, sync_at_the_keeper, s), 0);
    pthread_mutex_lock(&keeper.lock);
    while (!keeper.inside) {
        pthread_cond_wait(&keeper.moved, &keeper.lock);
    }
    pthread_mutex_unlock(&keeper.lock);
    assert_int_equal(ship_use(s, 1, 100), 100);
    assert_int_equal(lw_pool_sync(s->pool, &c.gate.store, 0, NULL), LW_BUSY);
    assert_int_equal(lw_pool_tick(s->pool, c.book.now, &next), LW_OK);
    assert_int_equal(lw_pool_update(s->pool, c.node, 5, 0, NULL), LW_OK); /* nodes that the batch does not know */
    assert_int_equal(lw_pool_update(s->pool, c.node + 1, 5, 0, NULL), LW_OK);
    pthread_mutex_lock(&keeper.lock);
    keeper.open = true;
    pthread_cond_broadcast(&keeper.moved);
    pthread_mutex_unlock(&keeper.lock);
    assert_int_equal(pthread_join(thread, &well), 0);
    assert_non_null(well);
    ship_sync(s, LW_OK);
    assert_int_equal(ship_use(s, 1, 10), 10);
    convoy_close(&c);
    pthread_cond_destroy(&keeper.moved);
    pthread_mutex_destroy(&keeper.lock);
}

/* ---- all at once ---- */

enum { POOLS = 2, PICKERS = 3, HANDS = POOLS + PICKERS + 1, MOVES = 3000, SLOTS = 1 << 12, LIMIT = 500 };

static uint64_t granted[SLOTS]; /* in each 10 ms of the virtual time, on the first node */
static uint64_t seen[HANDS];    /* the time at which each of them is */
static uint32_t finished;

static uint64_t slot_now(uint64_t now) { return (now - CONVOY_START) / (10 * MS) % SLOTS; }

static uint64_t look_at_clock(const crew_hand *hand) {
    uint64_t now = __atomic_load_n(&c.book.now, __ATOMIC_SEQ_CST);
    __atomic_store_n(&seen[hand->number], now, __ATOMIC_SEQ_CST);
    return now;
}

static void pick_some(crew_hand *hand, uint32_t turns) {
    for (uint32_t i = 0; i < turns; i++) {
        ship *s = &c.ship[crew_random(hand) % POOLS];
        lw_amount one = {0, 1 + crew_random(hand) % 3};
        lw_request request = LW_REQUEST_INIT;
        lw_ticket ticket;
        request.amounts = &one;
        request.amount_count = 1;
        uint64_t now = look_at_clock(hand);
        int answer = lw_pick_at(s->pool, s->route, &request, now, &ticket);
        CREW_EXPECT(hand, answer == LW_OK || lw_is_refusal(answer));
        if (answer == LW_OK) {
            bool back = crew_random(hand) % 4 == 0;
            if (ticket.node == convoy_id(&c, 0) && !back) {
                __atomic_fetch_add(&granted[slot_now(now)], one.amount, __ATOMIC_RELAXED);
            }
            if (back) {
                CREW_EXPECT(hand, lw_cancel_at(s->pool, &ticket, now) == LW_OK);
            } else {
                lw_sample sample = LW_SAMPLE_INIT;
                sample.now = now;
                sample.latency = MS;
                sample.outcome = crew_random(hand) % 50 == 0 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK;
                CREW_EXPECT(hand, lw_done(s->pool, &ticket, &sample) == LW_OK);
            }
        }
    }
}

/* Nobody falls behind by more than half a second: a pick that is given an old time is charged at it. Syncs stay within
   what a lease lasts, or there would be none most of the time. */
static void move_clock(void) {
    uint64_t now = __atomic_load_n(&c.book.now, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < HANDS; i++) {
        uint64_t behind = i < POOLS ? 200 * MS : 500 * MS;
        while (__atomic_load_n(&seen[i], __ATOMIC_SEQ_CST) + behind < now) {
            sched_yield();
        }
    }
    __atomic_fetch_add(&c.book.now, 10 * MS, __ATOMIC_SEQ_CST);
}

static void work(crew_hand *hand) {
    uint32_t picks = 10 * crew_factor();
    if (hand->number < POOLS) {
        while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < PICKERS) {
            look_at_clock(hand);
            int answer = lw_pool_sync(c.ship[hand->number].pool, &c.gate.store, 0, NULL);
            CREW_EXPECT(hand, answer == LW_OK || answer == LW_UNAVAILABLE);
            sched_yield();
        }
    } else if (hand->number < POOLS + PICKERS) {
        for (uint32_t i = 0; i < MOVES; i++) {
            pick_some(hand, picks);
            if (hand->number == POOLS) { /* one of them moves the clock */
                move_clock();
            }
        }
        __atomic_store_n(&seen[hand->number], UINT64_MAX / 2, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    } else {
        while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < PICKERS) {
            look_at_clock(hand);
            uint32_t count = 1 + (uint32_t)(crew_random(hand) % 4);
            CREW_EXPECT(hand, lw_pool_update(c.ship[0].pool, c.node, count, 0, NULL) == LW_OK);
            uint64_t mood = crew_random(hand) % 8;
            __atomic_store_n(&c.gate.mood, mood == 0 ? GATE_SHUT : mood == 1 ? GATE_ODD : GATE_OPEN, __ATOMIC_RELAXED);
            sched_yield();
        }
    }
}

/* Threads lag behind the clock that one of them moves, so sums are over the window less a second. */
static void test_all_at_once(void **state) {
    static crew hands;
    (void)state;
    memset(granted, 0, sizeof granted);
    finished = 0;
    for (uint32_t i = 0; i < HANDS; i++) {
        seen[i] = CONVOY_START;
    }
    convoy_open(&c);
    convoy_limit(&c, LW_QUOTA_SLIDING, 5 * SECOND, LIMIT, 0);
    c.quiet = true;
    c.nodes = 4;
    c.sync.interval = 100 * MS;
    c.sync.outage = LW_OUTAGE_CLOSED;
    convoy_launch_all(&c, POOLS);
    crew_run(&hands, HANDS, work);
    uint64_t sum = 0, most = 0, all = 0;
    enum { WINDOW = 400 }; /* slots of 10 ms */
    for (uint32_t i = 0; i < SLOTS; i++) {
        all += granted[i];
        sum += granted[i] - (i >= WINDOW ? granted[i - WINDOW] : 0);
        most = sum > most ? sum : most;
    }
    print_message("%llu granted, %llu at most in a window\n", (unsigned long long)all, (unsigned long long)most);
    assert_true(all > LIMIT);
    assert_true(most <= LIMIT);
    convoy_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits),
        cmocka_unit_test(test_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
