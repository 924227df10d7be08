/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * No event is lost where an update publishes beside it: in every round each thread takes a node of its own out and lets
 * it in again, in one of the ways there are, while one more thread replaces the snapshot. Whoever is out is not picked,
 * from the moment that the call has returned; whoever is in again is picked on every route once the update is over.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/loadwise.h>

enum { OWNERS = 3, EXTRAS = 4, NODES = OWNERS + EXTRAS, ROUTES = 3, ROUNDS = 4000, PAUSE = 10 };

static ledger book;
static lw_pool *pool;
static crew hands;
static uint32_t route[ROUTES];
static char names[NODES][8];
static pthread_barrier_t updated, judged, ended; /* three times in a round */

static uint64_t id_of(uint32_t node) { return lw_id(names[node], strlen(names[node])); }

static int update_to(uint64_t version) {
    lw_node_spec specs[NODES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        if (i < OWNERS || (version >> (i - OWNERS) & 1) != 0) {
            lw_node_spec *spec = &specs[count++];
            *spec = (lw_node_spec)LW_NODE_SPEC_INIT;
            spec->name = names[i];
            spec->max_inflight = i < OWNERS ? 1 : 0;
            spec->weight = 1 + (uint32_t)(version % 5);
            spec->tags = "kind=any";
        }
    }
    return lw_pool_update(pool, specs, count, 0, NULL);
}

/* Asks for this node and no other. */
static int ask(uint32_t r, uint32_t node, uint64_t now, lw_ticket *ticket) {
    uint64_t others[NODES];
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.exclude = others;
    for (uint32_t i = 0; i < NODES; i++) {
        others[request.exclude_count] = id_of(i);
        request.exclude_count += i != node;
    }
    return lw_pick_at(pool, route[r], &request, now, ticket);
}

static bool is_out(uint32_t r, uint32_t node, uint64_t now) {
    lw_ticket ticket;
    return lw_is_refusal(ask(r, node, now, &ticket));
}

static bool is_in(uint32_t r, uint32_t node, uint64_t now) {
    lw_ticket ticket;
    return ask(r, node, now, &ticket) == LW_OK && ticket.node == id_of(node) &&
           lw_cancel_at(pool, &ticket, now) == LW_OK;
}

/* ---- out and in again ---- */

static void by_admin(crew_hand *hand, uint32_t r, uint64_t now) {
    uint64_t id = id_of(hand->number);
    uint32_t state = crew_random(hand) % 2 ? LW_ADMIN_DRAINING : LW_ADMIN_DISABLED;
    CREW_EXPECT(hand, lw_pool_admin(pool, id, state, 0) == LW_OK);
    CREW_EXPECT(hand, is_out(r, hand->number, now));
    CREW_EXPECT(hand, lw_pool_admin(pool, id, LW_ADMIN_ACTIVE, 0) == LW_OK);
}

static void by_verdict(crew_hand *hand, uint32_t r, uint64_t now) {
    uint64_t id = id_of(hand->number);
    CREW_EXPECT(hand, lw_pool_verdict(pool, id, LW_VERDICT_DOWN, now) == LW_OK);
    CREW_EXPECT(hand, is_out(r, hand->number, now));
    CREW_EXPECT(hand, lw_pool_verdict(pool, id, LW_VERDICT_UP, now) == LW_OK);
}

static void by_saturation(crew_hand *hand, uint32_t r, uint64_t now) {
    lw_ticket ticket;
    if (ask(r, hand->number, now, &ticket) == LW_OK) { /* not while an update is bringing its hints up to date */
        CREW_EXPECT(hand, is_out(r, hand->number, now));
        CREW_EXPECT(hand, lw_done(pool, &ticket, NULL) == LW_OK);
    }
}

/* It comes in again by the time that passes before the round is judged. */
static void by_waiting(crew_hand *hand, uint32_t r, uint64_t now) {
    CREW_EXPECT(hand, lw_pool_cool(pool, id_of(hand->number), now + PAUSE, now) == LW_OK);
    CREW_EXPECT(hand, is_out(r, hand->number, now));
}

/* ---- rounds ---- */

static void own(crew_hand *hand) {
    static void (*const ways[])(crew_hand *, uint32_t, uint64_t) = {by_admin, by_verdict, by_saturation, by_waiting};
    ways[crew_random(hand) % 4](hand, (uint32_t)crew_random(hand) % ROUTES, book.now);
    pthread_barrier_wait(&updated);
    pthread_barrier_wait(&judged);
    for (uint32_t r = 0; r < ROUTES; r++) {
        CREW_EXPECT(hand, is_in(r, hand->number, book.now));
    }
}

static void publish(crew_hand *hand, uint64_t round) {
    CREW_EXPECT(hand, update_to(round) == LW_OK);
    CREW_EXPECT(hand, round % 3 != 0 || update_to(round / 3) == LW_OK);
    pthread_barrier_wait(&updated);
    book.now += PAUSE;
    CREW_EXPECT(hand, lw_pool_tick(pool, book.now, NULL) == LW_OK);
    pthread_barrier_wait(&judged);
}

static void work(crew_hand *hand) {
    for (uint32_t round = 0; round < ROUNDS * crew_factor(); round++) {
        if (hand->number == OWNERS) {
            publish(hand, round);
        } else {
            own(hand);
        }
        pthread_barrier_wait(&ended);
    }
}

static int open_pool(void **state) {
    static const char *const specs[ROUTES] = {"round_robin", "least_load metric=inflight", "ring vnodes=4"};
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    (void)state;
    ledger_open(&book);
    book.now = 1000000;
    lw_env env = ledger_env(&book, 5);
    options.max_tickets = 64;
    options.panic = LW_PANIC_FAIL_CLOSED;
    options.reuse = LW_REUSE_NEVER;
    assert_int_equal(lw_pool_new(&pool, &env, &options), LW_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", (unsigned)i);
    }
    for (uint32_t i = 0; i < ROUTES; i++) {
        char name[] = {'r', (char)('0' + i), '\0'};
        assert_int_equal(lw_pool_route(pool, name, specs[i], NULL, &route[i]), LW_OK);
    }
    assert_int_equal(update_to(UINT64_MAX), LW_OK);
    return 0;
}

static int close_pool(void **state) {
    (void)state;
    lw_pool_free(pool);
    ledger_close(&book);
    return 0;
}

static void test_no_event_is_lost(void **state) {
    (void)state;
    pthread_barrier_init(&updated, NULL, OWNERS + 1);
    pthread_barrier_init(&judged, NULL, OWNERS + 1);
    pthread_barrier_init(&ended, NULL, OWNERS + 1);
    crew_run(&hands, OWNERS + 1, work);
    pthread_barrier_destroy(&updated);
    pthread_barrier_destroy(&judged);
    pthread_barrier_destroy(&ended);
}

#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, open_pool, close_pool)

int main(void) {
    const struct CMUnitTest tests[] = {WITH_POOL(test_no_event_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
