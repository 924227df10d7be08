/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stand: one pool whose memory, clock and log are in a ledger, with nodes n0, n1, ..., one route, and a diary in
 * which its observer writes down what it was told.
 *
 * The diary holds one word an event: "drained:0", "lost:0@5" with the age in ns, "panic+1" and "panic-1" with the
 * priority, "gone:0", "H>U:0r" for a change of health of node 0 with its cause (report, external, restored, outlier).
 * The clock stands until a test moves it. It starts far from 0, where nothing can be taken for "never".
 */
#ifndef LOADWISE_TESTS_POOL_STAND_H
#define LOADWISE_TESTS_POOL_STAND_H

#include "diary.h"
#include "ledger.h"

#include <loadwise/loadwise.h>
#include <math.h>

#define MS UINT64_C(1000000)
#define SECOND (UINT64_C(1000) * MS)
#define STAND_START (UINT64_C(1000000) * SECOND)

#define STAND_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { STAND_MOST = 64 };

typedef struct stand {
    ledger book;
    lw_env env;
    lw_pool_options options;
    lw_observer observer;
    lw_pool *pool;
    uint32_t route;
    uint32_t count;
    char name[STAND_MOST][16];
    lw_node_spec spec[STAND_MOST];
    lw_quota_dimension dimension; /* of stand_limit */
    lw_quota_limit limit;
    char diary[DIARY];
} stand;

static inline uint64_t stand_id(const stand *s, uint32_t index) {
    return lw_id(s->name[index], strlen(s->name[index]));
}

static inline uint32_t stand_index(const stand *s, uint64_t id) {
    for (uint32_t i = 0; i < STAND_MOST; i++) {
        if (stand_id(s, i) == id) {
            return i;
        }
    }
    fail_msg("a node that was never on the stand");
    return 0;
}

/* ---- the diary ---- */

static inline void stand_changed(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    stand *s = user;
    assert_true(from < 4 && to < 4 && cause < 4);
    diary_write(s->diary, "%c>%c:%u%c ", "HDUR"[from], "HDUR"[to], (unsigned)stand_index(s, node), "rxso"[cause]);
}

static inline void stand_forgot(void *user, uint64_t node) {
    stand *s = user;
    diary_write(s->diary, "gone:%u ", (unsigned)stand_index(s, node));
}

static inline void stand_drained(void *user, uint64_t node) {
    stand *s = user;
    diary_write(s->diary, "drained:%u ", (unsigned)stand_index(s, node));
}

static inline void stand_lost(void *user, uint64_t node, uint64_t age) {
    stand *s = user;
    diary_write(s->diary, "lost:%u@%llu ", (unsigned)stand_index(s, node), (unsigned long long)age);
}

static inline void stand_panic(void *user, uint32_t route, uint32_t priority, int begins) {
    stand *s = user;
    assert_int_equal(route, s->route);
    diary_write(s->diary, "panic%c%u ", begins ? '+' : '-', (unsigned)priority);
}

/* ---- begin and end ---- */

/* The defaults, with the observer; change s->options before stand_found. */
static inline void stand_open(stand *s, uint64_t seed) {
    memset(s, 0, sizeof *s);
    ledger_open(&s->book);
    s->book.now = STAND_START;
    s->env = ledger_env(&s->book, seed);
    s->options = (lw_pool_options)LW_POOL_OPTIONS_INIT;
    s->observer = (lw_observer)LW_OBSERVER_INIT;
    s->observer.user = s;
    s->observer.health_changed = stand_changed;
    s->observer.forgotten = stand_forgot;
    s->observer.drained = stand_drained;
    s->observer.panic = stand_panic;
    s->observer.lost = stand_lost;
    s->options.observer = &s->observer;
    for (uint32_t i = 0; i < STAND_MOST; i++) {
        snprintf(s->name[i], sizeof s->name[i], "n%u", (unsigned)i);
        s->spec[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        s->spec[i].name = s->name[i];
    }
}

static inline lw_update_report stand_update(stand *s, uint32_t count) {
    lw_update_report report = LW_UPDATE_REPORT_INIT;
    s->count = count;
    assert_int_equal(lw_pool_update(s->pool, s->spec, count, LW_UPDATE_ALLOW_EMPTY, &report), LW_OK);
    return report;
}

/* A pool of `count` nodes, and a route of this strategy. */
static inline void stand_found(stand *s, const char *spec, uint32_t count) {
    assert_int_equal(lw_pool_new(&s->pool, &s->env, &s->options), LW_OK);
    assert_int_equal(lw_pool_route(s->pool, "default", spec, NULL, &s->route), LW_OK);
    stand_update(s, count);
}

static inline void stand_close(stand *s) {
    lw_pool_free(s->pool);
    ledger_close(&s->book);
}

/* ---- reading ---- */

static inline lw_pool_stats stand_stats(stand *s) {
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_stats_read(s->pool, s->book.now, &stats), LW_OK);
    return stats;
}

static inline lw_node_info stand_info(stand *s, uint32_t index) {
    lw_node_info info = {.size = sizeof info};
    assert_int_equal(lw_pool_node(s->pool, stand_id(s, index), s->book.now, &info), LW_OK);
    return info;
}

/* ---- picks ---- */

static inline int stand_try(stand *s, const lw_request *request, lw_ticket *ticket) {
    return lw_pick_at(s->pool, s->route, request, s->book.now, ticket);
}

static inline lw_ticket stand_pick(stand *s, const lw_request *request) {
    lw_ticket ticket;
    int answer = stand_try(s, request, &ticket);
    if (answer != LW_OK || ticket.reason != LW_OK) {
        fail_msg("refused: %s", lw_error_name(answer));
    }
    return ticket;
}

static inline lw_ticket stand_refused(stand *s, const lw_request *request, int reason) {
    lw_ticket ticket;
    int answer = stand_try(s, request, &ticket);
    if (answer != reason || ticket.reason != reason) {
        fail_msg("%s, and the ticket says %s, in place of %s", lw_error_name(answer), lw_error_name(ticket.reason),
                 lw_error_name(reason));
    }
    return ticket;
}

static inline lw_request stand_keyed(uint64_t key) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key;
    return request;
}

/* Gives the first nodes so many tokens an hour each, before they are updated or founded. */
static inline void stand_limit(stand *s, uint32_t count, uint64_t tokens) {
    s->dimension = (lw_quota_dimension){.size = sizeof s->dimension, .name = "tpm", .window = 3600 * SECOND};
    s->limit = (lw_quota_limit){.limit = tokens};
    s->options.dimensions = &s->dimension;
    s->options.dimension_count = 1;
    for (uint32_t i = 0; i < count; i++) {
        s->spec[i].limits = &s->limit;
        s->spec[i].limit_count = 1;
    }
}

/* All nodes but this one, as the exclusions of a request; `others` has room for STAND_MOST. */
static inline lw_request stand_only(const stand *s, uint32_t index, uint64_t *others) {
    lw_request request = LW_REQUEST_INIT;
    request.exclude = others;
    for (uint32_t i = 0; i < s->count; i++) {
        if (i != index) {
            others[request.exclude_count++] = stand_id(s, i);
        }
    }
    return request;
}

/* A ticket of exactly this node. */
static inline lw_ticket stand_pick_node(stand *s, uint32_t index) {
    uint64_t others[STAND_MOST];
    lw_request request = stand_only(s, index, others);
    lw_ticket ticket = stand_pick(s, &request);
    assert_int_equal(stand_index(s, ticket.node), index);
    return ticket;
}

static inline void stand_done(stand *s, const lw_ticket *ticket, uint32_t outcome) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.now = s->book.now;
    assert_int_equal(lw_done(s->pool, ticket, &sample), LW_OK);
}

static inline void stand_cancel(stand *s, const lw_ticket *ticket) {
    assert_int_equal(lw_cancel_at(s->pool, ticket, s->book.now), LW_OK);
}

/* One request to this node, from begin to end, after so many ns. */
static inline void stand_serve(stand *s, uint32_t index, uint32_t outcome, uint64_t latency) {
    lw_sample sample = LW_SAMPLE_INIT;
    lw_ticket ticket = stand_pick_node(s, index);
    sample.outcome = outcome;
    sample.latency = latency;
    sample.now = s->book.now;
    assert_int_equal(lw_done(s->pool, &ticket, &sample), LW_OK);
}

static inline void stand_serve_times(stand *s, uint32_t index, uint32_t outcome, uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        stand_serve(s, index, outcome, 0);
    }
}

/* Adds so many picks to counts, one per node; each is undone at once. */
static inline void stand_tally(stand *s, const lw_request *request, uint32_t picks, uint64_t *counts) {
    for (uint32_t i = 0; i < picks; i++) {
        lw_ticket ticket = stand_pick(s, request);
        counts[stand_index(s, ticket.node)]++;
        stand_cancel(s, &ticket);
    }
}

static inline uint64_t stand_tick(stand *s) {
    uint64_t next;
    assert_int_equal(lw_pool_tick(s->pool, s->book.now, &next), LW_OK);
    return next;
}

static inline void stand_verdict(stand *s, uint32_t index, uint32_t verdict) {
    assert_int_equal(lw_pool_verdict(s->pool, stand_id(s, index), verdict, s->book.now), LW_OK);
}

static inline void stand_admin(stand *s, uint32_t index, uint32_t admin, uint64_t deadline) {
    assert_int_equal(lw_pool_admin(s->pool, stand_id(s, index), admin, deadline), LW_OK);
}

/* ---- chance ---- */

/* Values of chi-square that chance alone exceeds once in 100,000 times, for 1 to 8 degrees of freedom. */
static const double stand_chi_limits[] = {0, 19.51, 23.03, 25.90, 28.47, 30.86, 33.11, 35.26, 37.33};

/* Do the counts follow these shares? Where a share is 0 the count must be. */
static inline void assert_shares(const uint64_t *counts, const double *shares, uint32_t classes) {
    double total = 0, whole = 0, statistic = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < classes; i++) {
        total += (double)counts[i];
        whole += shares[i];
    }
    for (uint32_t i = 0; i < classes; i++) {
        double expected = total * shares[i] / whole;
        if (expected > 0) {
            statistic += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
            used++;
        } else {
            assert_int_equal(counts[i], 0);
        }
    }
    double limit = used >= 2 && used <= STAND_COUNT(stand_chi_limits) ? stand_chi_limits[used - 1] : -1;
    if (statistic > limit) {
        fail_msg("chi-square %.1f exceeds %.1f", statistic, limit);
    }
}

#endif
