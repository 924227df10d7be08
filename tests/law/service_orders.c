/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every order of events of small cases, one after the other: calls, answers of each kind, beginnings of answers,
 * refusals, cancellations, time that passes; with nodes that answer at once, and callers that call, cancel and give up
 * from inside of their callbacks. After each event the law of exchanges holds, and the pool has as many tickets out as
 * nodes have exchanges.
 *
 * A path is a list of choices. It is played from the beginning in a new world each time; then its last choice that can
 * be raised is raised, and what follows it forgotten, until none can.
 */
#include "../executor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NODES = 3, CALLS = 3, DEPTH = 512 };
#define MS UINT64_C(1000000)

/* ---- choices ---- */

static struct {
    unsigned taken[DEPTH], of[DEPTH];
    unsigned length, at;
} path;

static unsigned choose(unsigned of) {
    assert_true(of > 0 && path.at < DEPTH);
    if (path.at == path.length) {
        path.taken[path.at] = 0;
        path.of[path.at] = of;
        path.length++;
    }
    assert_int_equal(path.of[path.at], of); /* the same choices lead to the same place */
    return path.taken[path.at++];
}

/* False: that was the last path. */
static int path_next(void) {
    while (path.length > 0 && path.taken[path.length - 1] + 1 == path.of[path.length - 1]) {
        path.length--;
    }
    if (path.length == 0) {
        return 0;
    }
    path.taken[path.length - 1]++;
    path.at = 0;
    return 1;
}

/* ---- the world ---- */

/* What callers do inside of their callbacks, and nodes inside of a call. */
enum manner { MANNER_PLAIN, MANNER_CALL_AGAIN, MANNER_CANCEL_OTHER, MANNER_CANCEL_BEGUN, MANNERS };
enum mood { MOOD_LATER, MOOD_GOOD, MOOD_FAILS, MOOD_REFUSES, MOODS };

struct site;

struct party {
    lw_exchange exchange;
    struct site *site;
    unsigned calls, completed;
    int busy, again;
    unsigned nodes;  /* that have had it since all had it, by number */
    int said;        /* it must not go to any node any more */
    lw_request pick; /* with a node excluded */
};

struct site {
    const struct scene *scene;
    enum manner manner;
    enum mood mood;
    lw_clock *clock;
    lw_pool *pool; /* NULL: the stack is around one executor */
    lw_stack *stack;
    struct executor node[NODES];
    struct party party[CALLS];
    uint64_t banned; /* id of a node that the requests exclude; 0: none */
};

/* A case: a stack, and how much is played with it. */
struct scene {
    const char *spec;
    unsigned nodes; /* 0: around one executor, without a pool */
    unsigned calls, steps;
    int safe, excludes;
    unsigned manners, moods;
};

static lw_service *top(const struct site *site) { return lw_stack_service(site->stack); }

static void party_call(struct party *party);

static void party_cancel(struct party *party) {
    unsigned completed = party->completed;
    lw_service_cancel(top(party->site), &party->exchange, LW_OUTCOME_CANCELLED);
    assert_true(party->completed > completed); /* and may have been called again */
}

static void party_completed(lw_exchange *exchange) {
    struct party *party = (struct party *)(void *)exchange;
    struct site *site = party->site;
    assert_int_equal(party->busy, 1);
    assert_int_equal(party->completed + 1, party->calls);
    assert_null(exchange->holder);
    assert_true(exchange->reason <= LW_OK && exchange->sample.outcome <= LW_OUTCOME_CANCELLED);
    assert_true(exchange->reason == LW_OK || exchange->tries == 0 || lw_is_refusal(exchange->reason));
    party->completed++;
    party->busy = 0;
    if (site->manner == MANNER_CALL_AGAIN && !party->again) {
        party->again = 1;
        party_call(party);
    }
    struct party *other = &site->party[(size_t)(party - site->party + 1) % site->scene->calls];
    if (site->manner == MANNER_CANCEL_OTHER && other != party && other->busy) {
        party_cancel(other);
    }
}

static int party_begins(lw_exchange *exchange) {
    struct party *party = (struct party *)(void *)exchange;
    assert_int_equal(party->busy, 1);
    if (party->site->manner == MANNER_CANCEL_BEGUN) {
        party_cancel(party);
        return 0;
    }
    party->said = 1;
    return 1;
}

static void party_call(struct party *party) {
    struct site *site = party->site;
    party->exchange = (lw_exchange)LW_EXCHANGE_INIT;
    party->exchange.request = party;
    party->exchange.completed = party_completed;
    party->exchange.begins = party_begins;
    party->exchange.flags = site->scene->safe ? LW_EXCHANGE_SAFE : 0;
    party->pick = (lw_request)LW_REQUEST_INIT;
    if (site->scene->excludes) {
        party->pick.exclude = &site->banned;
        party->pick.exclude_count = 1;
        party->exchange.pick = &party->pick;
    }
    party->calls++;
    party->busy = 1;
    party->nodes = 0;
    party->said = 0;
    lw_service_call(top(site), &party->exchange);
}

/* ---- nodes ---- */

static void leaf_ends(struct executor *node, size_t which, unsigned how);

static unsigned nodes_of(const struct scene *scene) { return scene->nodes > 0 ? scene->nodes : 1; }

/* A node gets a request: it may, and has not got it now, and not before all the others. */
static void leaf_arrived(struct executor *node, lw_exchange *exchange) {
    struct site *site = node->user;
    struct party *party = exchange->request;
    unsigned number = (unsigned)(node - site->node), bit = 1U << number;
    unsigned all = (1U << nodes_of(site->scene)) - 1;
    assert_int_equal(party->busy, 1);
    assert_int_equal(party->said, 0);
    assert_true(exchange->deadline == 0 || exchange->deadline > executor_time);
    if (site->scene->excludes) {
        assert_int_not_equal(number, 0);
        all &= ~1U;
    }
    if ((party->nodes & bit) != 0) {
        assert_int_equal(party->nodes, all);
        party->nodes = 0;
    }
    party->nodes |= bit;
    for (size_t i = 0; i + 1 < node->count; i++) {
        assert_ptr_not_equal(node->out[i]->request, party);
    }
    enum mood mood = site->mood;
    site->mood = MOOD_LATER; /* the first one only */
    if (mood != MOOD_LATER) {
        leaf_ends(node, node->count - 1, mood == MOOD_GOOD ? 0 : mood == MOOD_FAILS ? 1 : 4);
    }
}

enum { LEAF_ENDS = 5, LEAF_BEGINS = 2 };

/* Well; not reached; wrongly; wrongly, with part of the request gone; refused. */
static void leaf_ends(struct executor *node, size_t which, unsigned how) {
    static const uint32_t outcomes[LEAF_ENDS] = {LW_OUTCOME_OK, LW_OUTCOME_CONNECT_FAILURE, LW_OUTCOME_FAILURE,
                                                 LW_OUTCOME_CONNECT_FAILURE, LW_OUTCOME_OK};
    lw_exchange *exchange = node->out[which];
    struct party *party = exchange->request;
    if (how == 4) {
        executor_refuse(node, which, LW_SATURATED);
        return;
    }
    if (how == 3) {
        lw_exchange_mark(exchange, LW_EXCHANGE_SPENT);
    }
    party->said |= how == 3 || (outcomes[how] == LW_OUTCOME_FAILURE && (exchange->flags & LW_EXCHANGE_SAFE) == 0);
    executor_end(node, which, outcomes[how]);
}

/* ---- events ---- */

static unsigned leaves_out(const struct site *site) {
    unsigned count = 0;
    for (size_t n = 0; n < nodes_of(site->scene); n++) {
        count += (unsigned)site->node[n].count;
    }
    return count;
}

static void event_leaf(struct site *site, unsigned which, unsigned how) {
    struct executor *node = site->node;
    for (; which >= node->count; node++) {
        which -= (unsigned)node->count;
    }
    if (how < LEAF_ENDS) {
        leaf_ends(node, which, how);
        return;
    }
    lw_exchange *exchange = node->out[which];
    exchange->sample.outcome = how == LEAF_ENDS ? LW_OUTCOME_OK : LW_OUTCOME_FAILURE;
    lw_exchange_begins(exchange);
}

static void event_time(struct site *site) {
    uint64_t next = lw_clock_next(site->clock);
    executor_time = next > executor_time ? next : executor_time;
    lw_clock_run(site->clock);
}

/* One of all that can happen now; false: nothing can. */
static int event(struct site *site) {
    const struct scene *scene = site->scene;
    unsigned leaves = leaves_out(site) * (LEAF_ENDS + LEAF_BEGINS), busy = 0, fresh = scene->calls;
    for (unsigned i = 0; i < scene->calls; i++) {
        busy += (unsigned)site->party[i].busy;
        fresh = site->party[i].calls == 0 && i < fresh ? i : fresh; /* they come in order */
    }
    unsigned calls = fresh < scene->calls, timers = lw_clock_next(site->clock) != UINT64_MAX;
    if (leaves + busy + calls + timers == 0) {
        return 0;
    }
    unsigned what = choose(leaves + busy + calls + timers);
    if (what < leaves) {
        event_leaf(site, what / (LEAF_ENDS + LEAF_BEGINS), what % (LEAF_ENDS + LEAF_BEGINS));
    } else if (what < leaves + busy) {
        unsigned nth = what - leaves;
        for (struct party *party = site->party;; party++) {
            if (party->busy && nth-- == 0) {
                party_cancel(party);
                break;
            }
        }
    } else if (what < leaves + busy + calls) {
        party_call(&site->party[fresh]);
    } else {
        event_time(site);
    }
    return 1;
}

/* ---- a path ---- */

static void site_nodes(struct site *site) {
    lw_node_spec specs[NODES] = {0};
    static const char *const names[NODES] = {"a", "b", "c"};
    for (unsigned i = 0; i < site->scene->nodes; i++) {
        lw_service *service;
        assert_int_equal(lw_stack_node(site->stack, &site->node[i].service, &service), LW_OK);
        specs[i] = (lw_node_spec){.size = sizeof *specs, .name = names[i], .weight = 1, .user = service};
    }
    assert_int_equal(lw_pool_update(site->pool, specs, site->scene->nodes, 0, NULL), LW_OK);
    site->banned = lw_id(names[0], 1);
}

static void site_open(struct site *site, const struct scene *scene) {
    lw_env env = LW_ENV_INIT;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_stack_options around = LW_STACK_OPTIONS_INIT;
    env.now = executor_now;
    env.seed = 7;
    options.max_tickets = 64;
    executor_time = 1000 * MS;
    *site = (struct site){.scene = scene};
    site->manner = (enum manner)choose(scene->manners);
    site->mood = (enum mood)choose(scene->moods);
    for (int i = 0; i < NODES; i++) {
        executor_init(&site->node[i]);
        site->node[i].arrived = leaf_arrived;
        site->node[i].user = site;
    }
    for (int i = 0; i < CALLS; i++) {
        site->party[i].site = site;
    }
    assert_int_equal(lw_clock_new(&site->clock, &env, NULL, NULL), LW_OK);
    if (scene->nodes > 0) {
        assert_int_equal(lw_pool_new(&site->pool, &env, &options), LW_OK);
    } else {
        around.inner = &site->node[0].service;
    }
    assert_int_equal(lw_stack_new(&site->stack, &env, site->clock, site->pool, scene->spec, &around), LW_OK);
    if (scene->nodes > 0) {
        site_nodes(site);
    }
}

static void site_check(const struct site *site) {
    lw_pool_stats stats = {.size = sizeof stats};
    for (unsigned i = 0; i < site->scene->calls; i++) {
        const struct party *party = &site->party[i];
        assert_int_equal(party->calls, party->completed + (unsigned)party->busy);
        assert_true((party->exchange.holder != NULL) == party->busy);
    }
    if (site->pool != NULL) {
        assert_int_equal(lw_pool_stats_read(site->pool, executor_time, &stats), LW_OK);
        assert_int_equal(stats.tickets, leaves_out(site));
        assert_int_equal(stats.already, 0);
    }
}

static void site_close(struct site *site) {
    lw_stack_free(site->stack);
    for (unsigned i = 0; i < site->scene->calls; i++) {
        assert_int_equal(site->party[i].busy, 0);
        assert_int_equal(site->party[i].completed, site->party[i].calls);
    }
    assert_int_equal(leaves_out(site), 0);
    for (unsigned i = 0; i < nodes_of(site->scene); i++) {
        assert_int_equal(site->node[i].freed, 1);
    }
    if (site->pool != NULL) {
        lw_pool_stats stats = {.size = sizeof stats};
        assert_int_equal(lw_pool_stats_read(site->pool, executor_time, &stats), LW_OK);
        assert_int_equal(stats.tickets, 0);
        lw_pool_free(site->pool);
    }
    assert_true(lw_clock_next(site->clock) == UINT64_MAX);
    lw_clock_free(site->clock);
}

/* What a hedge is to learn from, so that there are hedges at all: one good answer, which took 10 ms. */
static void site_teach(struct site *site) {
    enum manner manner = site->manner;
    enum mood mood = site->mood;
    site->manner = MANNER_PLAIN;
    site->mood = MOOD_LATER;
    party_call(&site->party[0]);
    executor_time += 10 * MS;
    for (unsigned n = 0; n < nodes_of(site->scene); n++) {
        if (site->node[n].count > 0) {
            executor_end(&site->node[n], 0, LW_OUTCOME_OK);
        }
    }
    assert_int_equal(site->party[0].completed, 1);
    site->party[0] = (struct party){.site = site};
    site->manner = manner;
    site->mood = mood;
}

static unsigned long play_all(const struct scene *scene) {
    static struct site site;
    unsigned long paths = 0;
    path.length = path.at = 0;
    do {
        site_open(&site, scene);
        site_teach(&site);
        for (unsigned step = 0; step < scene->steps && event(&site); step++) {
            site_check(&site);
        }
        site_close(&site);
        paths++;
    } while (path_next());
    return paths;
}

/* ---- the cases ---- */

static void play_scenes(const struct scene *scenes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        unsigned long paths = play_all(&scenes[i]);
        print_message("%8lu orders: %s\n", paths, scenes[i].spec);
        assert_true(paths > 100);
    }
}

static void each_layer_alone(void **state) {
    static const struct scene scenes[] = {
        {"timeout 5ms", 0, 2, 5, 1, 0, MANNERS, MOODS},
        {"retry max=3 budget=1000", 0, 2, 5, 1, 0, MANNERS, MOODS},
        {"retry max=3 budget=1000", 0, 2, 4, 0, 0, MANNERS, MOODS},
        {"buffer room=1 patience=5ms", 0, 3, 4, 1, 0, MANNERS, MOODS},
        {"concurrency_limit initial=1", 0, 2, 5, 1, 0, MANNERS, MOODS},
        {"circuit_breaker failures=1 pause=1s", 0, 2, 4, 1, 0, MANNERS, MOODS},
        {"rate_limit 100 burst=2", 0, 2, 4, 1, 0, MANNERS, MOODS},
        {"load_shed 1", 0, 2, 4, 1, 0, MANNERS, MOODS},
        {"adaptive_throttle", 0, 2, 4, 1, 0, MANNERS, MOODS},
        {"balance round_robin", 2, 2, 4, 1, 0, MANNERS, MOODS},
    };
    (void)state;
    play_scenes(scenes, sizeof scenes / sizeof *scenes);
}

static void pairs(void **state) {
    static const struct scene scenes[] = {
        {"buffer room=2 patience=5ms | concurrency_limit initial=1", 0, 3, 5, 1, 0, MANNERS, 2},
        {"balance wait=5ms round_robin | concurrency_limit initial=1", 1, 3, 5, 1, 0, MANNERS, MOODS},
        {"retry max=3 budget=1000 | balance round_robin", 3, 1, 6, 1, 0, 2, MOODS},
        {"retry max=3 budget=1000 | balance round_robin", 3, 1, 5, 1, 1, 1, MOODS},
        {"hedge min_samples=1 budget=100 least=0 | balance round_robin", 2, 2, 4, 1, 0, MANNERS, MOODS},
        {"timeout 8ms | retry max=2 budget=1000 | balance round_robin", 2, 2, 4, 1, 0, MANNERS, 1},
    };
    (void)state;
    play_scenes(scenes, sizeof scenes / sizeof *scenes);
}

static void threes(void **state) {
    static const struct scene scenes[] = {
        {"retry max=4 budget=1000 | hedge min_samples=1 budget=100 least=0 | balance round_robin", 3, 1, 6, 1, 0, 2, 2},
        {"hedge min_samples=1 budget=100 least=0 | balance wait=5ms round_robin | concurrency_limit initial=1", 2, 2, 5,
         1, 0, MANNERS, 1},
        {"buffer room=2 patience=5ms | balance round_robin | concurrency_limit initial=1", 1, 3, 5, 1, 0, MANNERS, 1},
    };
    (void)state;
    play_scenes(scenes, sizeof scenes / sizeof *scenes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_layer_alone),
        cmocka_unit_test(pairs),
        cmocka_unit_test(threes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
