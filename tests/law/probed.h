/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the laws of prequal: a set whose wishes to hear of nodes are noted, and answers to them. */
#ifndef LOADWISE_TESTS_PROBED_H
#define LOADWISE_TESTS_PROBED_H

#include "answers.h"

enum { ASKED_MOST = 100000 };

/* The wishes of a strategy, by id. */
static struct probed_wishes {
    uint64_t id[ASKED_MOST];
    size_t count;
} wishes;

static inline void probed_note(void *user, uint64_t id) {
    struct probed_wishes *list = user;
    assert_true(list->count < ASKED_MOST);
    list->id[list->count++] = id;
}

static inline answers *probed_open(const char *spec, uint32_t count, uint64_t seed) {
    answers *a = answers_open("random", count, 1);
    lw_env env = LW_ENV_INIT;
    lw_strategy_free(a->strategy);
    env.seed = seed;
    env.user = &wishes;
    env.probe = probed_note;
    wishes.count = 0;
    assert_int_equal(lw_strategy_new(&a->strategy, &env, spec), LW_OK);
    return a;
}

static inline void say(answers *a, uint32_t node, uint32_t inflight, uint64_t latency) {
    lw_probe probe = LW_PROBE_INIT;
    probe.inflight = inflight;
    probe.latency = latency;
    probe.now = a->now;
    assert_int_equal(lw_probed(a->strategy, &a->set->nodes, node, &probe), LW_OK);
}

/* What the next pick would be; nothing moves on. */
static inline uint32_t foretold(answers *a) {
    lw_request trial = LW_REQUEST_INIT;
    trial.flags = LW_REQUEST_TRIAL;
    return answers_pick(a, &trial);
}

/* A request that goes to a node which has not answered. */
static inline void place_elsewhere(answers *a, uint32_t node) {
    law_set_none(a->set);
    lw_bitmap_set(a->set->words, node);
    assert_int_equal(answers_pick(a, NULL), node);
    a->set->nodes.eligible = NULL;
}

#endif
