/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A convoy: pools of several processes over one store, all in the hands of a test. One clock, which stands until it is
 * moved; that of the store is ahead by an epoch, so that mistaking one for the other shows. Between the pools and the
 * store in memory stands a gate, which can be shut, swallow answers, or lie.
 *
 * Each pool keeps a diary, one word an event: "judged:0@p1", "out:0f" and "in:0f" for ejections with their cause (f of
 * the fleet, o as an outlier), "away", "back", "gone:0", "spent:rpm", "freed:rpm".
 */
#ifndef LOADWISE_TESTS_SYNC_CONVOY_H
#define LOADWISE_TESTS_SYNC_CONVOY_H

#include "diary.h"
#include "ledger.h"

#include <loadwise/loadwise.h>
#include <loadwise/sync.h>

#define MS UINT64_C(1000000)
#define SECOND (UINT64_C(1000) * MS)
#define MINUTE (UINT64_C(60) * SECOND)
#define CONVOY_START (UINT64_C(1000000) * SECOND)
#define CONVOY_EPOCH (UINT64_C(1700000000) * SECOND)

enum { CONVOY_MOST = 16, CONVOY_NODES = 32 };

typedef enum gate_mood {
    GATE_OPEN,
    GATE_SHUT,     /* does nothing, answers nothing */
    GATE_MUTE,     /* does it, and no answer comes */
    GATE_HALF,     /* does the first half of the steps, and then goes away */
    GATE_ODD,      /* does what is not about nodes of odd ids: a cluster that lacks a master */
    GATE_REFUSING, /* LW_DENIED to all */
    GATE_LYING,    /* answers with numbers that cannot be, does nothing */
    GATE_READING,  /* does what adds, LW_DENIED to what sets */
} gate_mood;

typedef struct gate {
    lw_store store;
    lw_store *inner;
    gate_mood mood;
    uint64_t batches, steps;
    void (*meanwhile)(void); /* called once, in the middle of a batch; or NULL */
} gate;

typedef struct ship {
    struct convoy *convoy;
    lw_pool *pool;
    uint32_t route;
    lw_observer observer;
    char name[8];
    char diary[DIARY];
} ship;

typedef struct convoy {
    ledger book;
    lw_env env;
    gate gate;
    lw_pool_options options; /* of the pools that are made next, as are these */
    lw_sync_options sync;
    lw_quota_dimension dimension;
    lw_quota_limit limit;
    const char *spec;
    uint32_t nodes, ships;
    bool quiet; /* no diaries */
    char node_name[CONVOY_NODES][8];
    lw_node_spec node[CONVOY_NODES];
    ship ship[CONVOY_MOST];
} convoy;

/* ---- the gate ---- */

static inline void gate_lie(lw_store_step *step) {
    step->answer = step->op == LW_STORE_GET ? (ptrdiff_t)step->room + 7 : LW_OK;
    step->sum = INT64_MIN;
    for (uint32_t i = 0; step->posting != NULL && i < step->posting->count; i++) {
        lw_charge *charge = &step->posting->charges[i];
        charge->granted = charge->used = charge->retry = UINT64_MAX - 1;
        charge->stamp[0] = charge->stamp[1] = UINT64_MAX;
    }
}

static inline int gate_odd(gate *g, lw_store_step *steps, size_t count, uint64_t deadline) {
    int answer = LW_OK;
    for (size_t i = 0; i < count; i++) {
        const char *tag = strchr(steps[i].key, '}');
        if (tag != NULL && strchr("13579bdf", tag[-1]) != NULL) {
            steps[i].answer = answer = LW_UNAVAILABLE;
        } else {
            lw_store_batch(g->inner, &steps[i], 1, deadline);
        }
    }
    return answer;
}

static inline int gate_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    gate *g = (gate *)store;
    gate_mood mood = __atomic_load_n(&g->mood, __ATOMIC_RELAXED);
    size_t done = mood == GATE_HALF                                                ? count / 2
                  : mood == GATE_OPEN || mood == GATE_MUTE || mood == GATE_READING ? count
                                                                                   : 0;
    __atomic_fetch_add(&g->batches, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&g->steps, count, __ATOMIC_RELAXED);
    if (g->meanwhile != NULL) {
        g->meanwhile();
        g->meanwhile = NULL;
    }
    if (mood == GATE_ODD) {
        return gate_odd(g, steps, count, deadline);
    }
    if (mood == GATE_READING && steps->op == LW_STORE_COMPARE_AND_SET) {
        steps->answer = LW_DENIED;
        return lw_store_batch(g->inner, steps + 1, count - 1, deadline);
    }
    int answer = lw_store_batch(g->inner, steps, done, deadline);
    for (size_t i = mood == GATE_MUTE ? 0 : done; i < count; i++) {
        steps[i].answer = mood == GATE_REFUSING ? LW_DENIED : LW_UNAVAILABLE;
        if (mood == GATE_LYING) {
            gate_lie(&steps[i]);
        }
    }
    return mood != GATE_SHUT && mood != GATE_MUTE && mood != GATE_HALF ? answer : LW_UNAVAILABLE;
}

static const lw_store_ops gate_ops = {.size = sizeof gate_ops, .batch = gate_batch};

/* ---- diaries ---- */

static inline uint64_t convoy_id(const convoy *c, uint32_t node) {
    return lw_id(c->node_name[node], strlen(c->node_name[node]));
}

static inline unsigned convoy_index(const convoy *c, uint64_t id) {
    unsigned i = 0;
    while (i < CONVOY_NODES && convoy_id(c, i) != id) {
        i++;
    }
    assert_true(i < CONVOY_NODES);
    return i;
}

static inline void ship_changed(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    ship *s = user;
    (void)from;
    if (cause == LW_CAUSE_FLEET || cause == LW_CAUSE_OUTLIER) {
        diary_write(s->diary, "%s:%u%c ", to == LW_UNHEALTHY ? "out" : "in", convoy_index(s->convoy, node),
                    cause == LW_CAUSE_FLEET ? 'f' : 'o');
    }
}

static inline void ship_judged(void *user, uint64_t node, const char *who, const char *why, uint64_t until) {
    ship *s = user;
    assert_true(why[0] != 0 && until > s->convoy->book.now);
    diary_write(s->diary, "judged:%u@%s ", convoy_index(s->convoy, node), who);
}

static inline void ship_outage(void *user, int begins) {
    ship *s = user;
    diary_write(s->diary, begins ? "away " : "back ");
}

static inline void ship_forgotten(void *user, uint64_t node) {
    ship *s = user;
    diary_write(s->diary, "gone:%u ", convoy_index(s->convoy, node));
}

static inline void ship_spent(void *user, uint64_t node, const char *dimension, uint64_t until) {
    ship *s = user;
    (void)node, (void)until;
    diary_write(s->diary, "spent:%s ", dimension);
}

static inline void ship_freed(void *user, uint64_t node, const char *dimension) {
    ship *s = user;
    (void)node;
    diary_write(s->diary, "freed:%s ", dimension);
}

/* ---- begin and end ---- */

static inline uint64_t convoy_time(void *user) { return CONVOY_EPOCH + ledger_now(user); }

/* Change the options before the first launch. */
static inline void convoy_open(convoy *c) {
    memset(c, 0, sizeof *c);
    ledger_open(&c->book);
    c->book.now = CONVOY_START;
    c->env = ledger_env(&c->book, 7);
    lw_env env = c->env;
    env.now = convoy_time;
    c->gate.store.ops = &gate_ops;
    assert_int_equal(lw_store_memory_new(&c->gate.inner, &env, NULL), LW_OK);
    c->options = (lw_pool_options)LW_POOL_OPTIONS_INIT;
    c->options.max_tickets = 4096;
    c->sync = (lw_sync_options)LW_SYNC_OPTIONS_INIT;
    c->spec = "random";
    c->nodes = 1;
    for (uint32_t i = 0; i < CONVOY_NODES; i++) {
        snprintf(c->node_name[i], sizeof c->node_name[i], "n%u", (unsigned)i);
        c->node[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        c->node[i].name = c->node_name[i];
    }
}

/* One shared dimension on all nodes, what a request names of it. */
static inline void convoy_limit(convoy *c, uint32_t kind, uint64_t window, uint64_t limit, uint64_t burst) {
    c->dimension =
        (lw_quota_dimension){.size = sizeof c->dimension, .name = "rpm", .kind = kind, .window = window, .shared = 1};
    c->limit = (lw_quota_limit){.limit = limit, .burst = burst};
    c->options.dimensions = &c->dimension;
    c->options.dimension_count = 1;
    for (uint32_t i = 0; i < CONVOY_NODES; i++) {
        c->node[i].limits = &c->limit;
        c->node[i].limit_count = 1;
    }
}

static inline void ship_observe(ship *s) {
    s->observer = (lw_observer)LW_OBSERVER_INIT;
    s->observer.user = s;
    s->observer.health_changed = ship_changed;
    s->observer.judged = ship_judged;
    s->observer.outage = ship_outage;
    s->observer.forgotten = ship_forgotten;
    s->observer.quota_exhausted = ship_spent;
    s->observer.quota_released = ship_freed;
}

/* One more pool with all nodes, named p0, p1, ... */
static inline ship *convoy_launch(convoy *c) {
    ship *s = &c->ship[c->ships];
    assert_true(c->ships < CONVOY_MOST);
    snprintf(s->name, sizeof s->name, "p%u", (unsigned)c->ships++);
    s->convoy = c;
    ship_observe(s);
    c->sync.instance = s->name;
    c->options.sync = &c->sync;
    c->options.observer = c->quiet ? NULL : &s->observer;
    assert_int_equal(lw_pool_new(&s->pool, &c->env, &c->options), LW_OK);
    assert_int_equal(lw_pool_route(s->pool, "default", c->spec, NULL, &s->route), LW_OK);
    assert_int_equal(lw_pool_update(s->pool, c->node, c->nodes, 0, NULL), LW_OK);
    return s;
}

static inline void convoy_launch_all(convoy *c, uint32_t ships) {
    for (uint32_t i = 0; i < ships; i++) {
        convoy_launch(c);
    }
}

static inline void convoy_close(convoy *c) {
    for (uint32_t i = 0; i < c->ships; i++) {
        lw_pool_free(c->ship[i].pool);
    }
    lw_store_free(c->gate.inner);
    ledger_close(&c->book);
}

/* ---- syncs and requests ---- */

static inline lw_sync_report ship_sync(ship *s, int answer) {
    lw_sync_report report = LW_SYNC_REPORT_INIT;
    int given = lw_pool_sync(s->pool, &s->convoy->gate.store, 0, &report);
    if (given != answer) {
        fail_msg("%s in place of %s: %s", lw_error_name(given), lw_error_name(answer), s->convoy->book.message);
    }
    return report;
}

static inline void convoy_sync(convoy *c) {
    for (uint32_t i = 0; i < c->ships; i++) {
        ship_sync(&c->ship[i], LW_OK);
    }
}

/* All sync, each interval, for so long. */
static inline void convoy_sail(convoy *c, uint64_t span, uint64_t interval) {
    for (uint64_t end = c->book.now + span; c->book.now < end;) {
        c->book.now += interval;
        convoy_sync(c);
    }
}

static inline int ship_try(ship *s, uint64_t amount, lw_ticket *ticket) {
    lw_amount one = {0, amount};
    lw_request request = LW_REQUEST_INIT;
    request.amounts = &one;
    request.amount_count = amount > 0;
    return lw_pick_at(s->pool, s->route, &request, s->convoy->book.now, ticket);
}

static inline void ship_end(ship *s, const lw_ticket *ticket, uint32_t outcome, uint64_t latency) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.latency = latency;
    sample.now = s->convoy->book.now;
    assert_int_equal(lw_done(s->pool, ticket, &sample), LW_OK);
}

/* Ends it with what was really used. */
static inline void ship_settle(ship *s, const lw_ticket *ticket, uint64_t actual) {
    lw_amount one = {0, actual};
    lw_sample sample = LW_SAMPLE_INIT;
    sample.amounts = &one;
    sample.amount_count = 1;
    sample.now = s->convoy->book.now;
    assert_int_equal(lw_done(s->pool, ticket, &sample), LW_OK);
}

/* As many requests of this amount as are granted, at most so many; each is over at once. */
static inline uint64_t ship_use(ship *s, uint64_t amount, uint64_t most) {
    uint64_t granted = 0;
    lw_ticket ticket;
    while (granted < most && ship_try(s, amount, &ticket) == LW_OK) {
        ship_end(s, &ticket, LW_OUTCOME_OK, 0);
        granted++;
    }
    return granted;
}

/* One request to this very node, from begin to end. */
static inline void ship_serve(ship *s, uint32_t node, uint32_t outcome, uint64_t latency) {
    uint64_t others[CONVOY_NODES];
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    request.exclude = others;
    for (uint32_t i = 0; i < s->convoy->nodes; i++) {
        if (i != node) {
            others[request.exclude_count++] = convoy_id(s->convoy, i);
        }
    }
    assert_int_equal(lw_pick_at(s->pool, s->route, &request, s->convoy->book.now, &ticket), LW_OK);
    assert_int_equal(ticket.node, convoy_id(s->convoy, node));
    ship_end(s, &ticket, outcome, latency);
}

static inline lw_node_info ship_info(ship *s, uint32_t node) {
    lw_node_info info = {.size = sizeof info};
    assert_int_equal(lw_pool_node(s->pool, convoy_id(s->convoy, node), s->convoy->book.now, &info), LW_OK);
    return info;
}

/* What the store counts of the dimension, on the first node. */
static inline uint64_t convoy_used(convoy *c) {
    char key[64];
    lw_charge charge = LW_CHARGE_INIT;
    lw_posting posting = LW_POSTING_INIT;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = key, .posting = &posting};
    snprintf(key, sizeof key, "loadwise/{%016llx}/quota", (unsigned long long)convoy_id(c, 0));
    charge.name = c->dimension.name;
    charge.kind = c->dimension.kind;
    charge.window = c->dimension.window;
    charge.resolution = c->dimension.resolution;
    charge.limit = c->limit.limit;
    charge.burst = c->limit.burst;
    posting.charges = &charge;
    posting.count = 1;
    assert_int_equal(lw_store_batch(c->gate.inner, &step, 1, 0), LW_OK);
    assert_int_equal(step.answer, LW_OK);
    return charge.used;
}

#endif
