/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A yard: a pool whose clock stands until the test moves it, with nodes n0, n1, ... and one route.
 *
 * The yard keeps the specifications, so that a law changes one of them and says yard_update. Times start far from 0,
 * where nothing can be taken for "never".
 */
#ifndef LOADWISE_TESTS_POOL_YARD_H
#define LOADWISE_TESTS_POOL_YARD_H

#include "laws.h"

#define MS UINT64_C(1000000)
#define SECOND (UINT64_C(1000) * MS)
#define YARD_START (UINT64_C(1000000) * SECOND)

enum { YARD_MOST = 64, YARD_HELD = 512 };

typedef struct yard {
    lw_pool *pool;
    uint32_t route;
    uint64_t now;
    uint32_t count;
    char name[YARD_MOST][16];
    lw_node_spec spec[YARD_MOST];
} yard;

static inline uint64_t yard_clock(void *user) { return ((const yard *)user)->now; }

static inline uint64_t yard_id(const yard *y, uint32_t index) { return lw_id(y->name[index], strlen(y->name[index])); }

static inline uint32_t yard_index(const yard *y, uint64_t id) {
    for (uint32_t i = 0; i < YARD_MOST; i++) {
        if (y->name[i][0] != '\0' && yard_id(y, i) == id) {
            return i;
        }
    }
    fail_msg("a node that was never in the yard");
    return 0;
}

/* Makes specs [0, YARD_MOST): weight 1, nothing else; the first `count` of them are in the next update. */
static inline void yard_specs(yard *y, uint32_t count) {
    for (uint32_t i = 0; i < YARD_MOST; i++) {
        snprintf(y->name[i], sizeof y->name[i], "n%u", (unsigned)i);
        y->spec[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        y->spec[i].name = y->name[i];
    }
    y->count = count;
}

static inline lw_update_report yard_update(yard *y) {
    lw_update_report report = LW_UPDATE_REPORT_INIT;
    assert_int_equal(lw_pool_update(y->pool, y->spec, y->count, LW_UPDATE_ALLOW_EMPTY, &report), LW_OK);
    return report;
}

/* A pool without nodes or routes. */
static inline void yard_found(yard *y, const lw_pool_options *options, uint64_t seed) {
    lw_env env = LW_ENV_INIT;
    memset(y, 0, sizeof *y);
    y->now = YARD_START;
    yard_specs(y, 0);
    env.user = y;
    env.now = yard_clock;
    env.seed = seed;
    assert_int_equal(lw_pool_new(&y->pool, &env, options), LW_OK);
}

static inline void yard_strategy(yard *y, const char *spec) {
    assert_int_equal(lw_pool_route(y->pool, "default", spec, NULL, &y->route), LW_OK);
}

static inline void yard_open(yard *y, const lw_pool_options *options, const char *spec, uint32_t count, uint64_t seed) {
    yard_found(y, options, seed);
    yard_strategy(y, spec);
    y->count = count;
    yard_update(y);
}

static inline void yard_close(yard *y) { lw_pool_free(y->pool); }

/* ---- reading ---- */

static inline lw_pool_stats yard_stats(yard *y) {
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_stats_read(y->pool, y->now, &stats), LW_OK);
    return stats;
}

static inline lw_node_info yard_info(yard *y, uint32_t index) {
    lw_node_info info = {.size = sizeof info};
    assert_int_equal(lw_pool_node(y->pool, yard_id(y, index), y->now, &info), LW_OK);
    return info;
}

/* ---- picking ---- */

static inline int yard_try(yard *y, const lw_request *request, lw_ticket *ticket) {
    return lw_pick_at(y->pool, y->route, request, y->now, ticket);
}

/* A pick that must succeed. */
static inline lw_ticket yard_pick(yard *y, const lw_request *request) {
    lw_ticket ticket;
    int answer = yard_try(y, request, &ticket);
    if (answer != LW_OK) {
        fail_msg("refused: %s", lw_error_name(answer));
    }
    return ticket;
}

/* A pick that must be refused for this reason. */
static inline lw_ticket yard_refused(yard *y, const lw_request *request, int reason) {
    lw_ticket ticket;
    int answer = yard_try(y, request, &ticket);
    if (answer != reason || ticket.reason != reason) {
        fail_msg("%s, and the ticket says %s, in place of %s", lw_error_name(answer), lw_error_name(ticket.reason),
                 lw_error_name(reason));
    }
    return ticket;
}

static inline void yard_done(yard *y, const lw_ticket *ticket, uint32_t outcome, uint64_t latency) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.latency = latency;
    sample.now = y->now;
    assert_int_equal(lw_done(y->pool, ticket, &sample), LW_OK);
}

static inline void yard_cancel(yard *y, const lw_ticket *ticket) {
    assert_int_equal(lw_cancel_at(y->pool, ticket, y->now), LW_OK);
}

/* Picks exactly this node, by excluding the others. */
static inline lw_ticket yard_pick_node(yard *y, uint32_t index) {
    uint64_t others[YARD_MOST];
    lw_request request = law_excluding(others, 0);
    for (uint32_t i = 0; i < y->count; i++) {
        if (i != index) {
            others[request.exclude_count++] = yard_id(y, i);
        }
    }
    lw_ticket ticket = yard_pick(y, &request);
    assert_int_equal(yard_index(y, ticket.node), index);
    return ticket;
}

/* Adds so many picks to counts; each is undone at once. */
static inline void yard_tally(yard *y, const lw_request *request, size_t picks, uint64_t *counts) {
    for (size_t i = 0; i < picks; i++) {
        lw_ticket ticket = yard_pick(y, request);
        counts[yard_index(y, ticket.node)]++;
        yard_cancel(y, &ticket);
    }
}

#endif
