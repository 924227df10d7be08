/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ward: one health tracker with its ledger, and a diary in which its observer writes down what it was told.
 *
 * The diary holds one word an event: "H>D" for a change from healthy to degraded, "p+" and "p-" for a probe, "gone";
 * behind the change stands r, x or s for its cause (report, external, restored).
 */
#ifndef LOADWISE_TESTS_HEALTH_WARD_H
#define LOADWISE_TESTS_HEALTH_WARD_H

#include "diary.h"
#include "ledger.h"

#include <loadwise/error.h>
#include <loadwise/health.h>

enum { NODE = 7 };

#define SECONDS(count) ((uint64_t)(count)*UINT64_C(1000000000))

typedef struct ward {
    ledger book;
    lw_env env;
    lw_health_options options;
    lw_observer observer;
    lw_health *health;
    uint64_t now;
    char diary[DIARY];
} ward;

static inline void ward_write(ward *w, uint64_t node, const char *words) {
    if (node != NODE) {
        diary_write(w->diary, "%d:", (int)node);
    }
    diary_write(w->diary, "%s ", words);
}

static inline void ward_changed(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    const char letters[] = "HDUR", causes[] = "rxs";
    char words[8];
    assert_true(from < 4 && to < 4 && cause < 3);
    snprintf(words, sizeof words, "%c>%c%c", letters[from], letters[to], causes[cause]);
    ward_write(user, node, words);
}

static inline void ward_probed(void *user, uint64_t node, int begins) { ward_write(user, node, begins ? "p+" : "p-"); }
static inline void ward_forgotten(void *user, uint64_t node) { ward_write(user, node, "gone"); }

/* The defaults; change w->options before ward_admit. */
static inline void ward_open(ward *w) {
    memset(w, 0, sizeof *w);
    ledger_open(&w->book);
    w->env = ledger_env(&w->book, 3);
    w->options = (lw_health_options)LW_HEALTH_OPTIONS_INIT;
    w->observer = (lw_observer)LW_OBSERVER_INIT;
    w->observer.user = w;
    w->observer.health_changed = ward_changed;
    w->observer.probe = ward_probed;
    w->observer.forgotten = ward_forgotten;
    w->options.observer = &w->observer;
}

static inline void ward_found(ward *w) {
    assert_int_equal(lw_health_new(&w->health, &w->env, &w->options), LW_OK);
    memset(&w->observer, 0xee, sizeof w->observer); /* they were copied */
    memset(&w->options, 0xee, sizeof w->options);
}

static inline void ward_close(ward *w) {
    lw_health_free(w->health);
    ledger_close(&w->book);
}

static inline int ward_report(ward *w, uint32_t outcome) {
    return lw_health_report_at(w->health, NODE, outcome, NULL, w->now);
}

static inline int ward_fail(ward *w) { return ward_report(w, LW_OUTCOME_FAILURE); }
static inline int ward_succeed(ward *w) { return ward_report(w, LW_OUTCOME_OK); }

static inline void ward_fail_times(ward *w, int times) {
    for (int i = 0; i < times; i++) {
        assert_int_equal(ward_fail(w), 1);
    }
}

static inline char ward_status(ward *w) { return "HDUR?"[lw_health_status(w->health, NODE)]; }

static inline lw_health_info ward_info(ward *w) {
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get_at(w->health, NODE, w->now, &info), LW_OK);
    return info;
}

/* Would a request be let through at this time? Asks without taking, by the filter. */
static inline bool ward_opens(ward *w, uint64_t now) {
    lw_nodes nodes;
    uint64_t id = NODE, words[1];
    lw_health_tracker_filter filter = lw_filter_health_tracker(w->health, 0);
    lw_nodes_init(&nodes, 1);
    LW_SET_VALUES(nodes, id, &id);
    return lw_filter_apply(&filter.filter, &nodes, NULL, now, words) == 1;
}

static inline bool ward_admits(ward *w, lw_health_permit *permit) {
    return lw_health_admit_at(w->health, NODE, w->now, permit) == 1;
}

static inline int ward_return(ward *w, const lw_health_permit *permit, uint32_t outcome) {
    return lw_health_report_at(w->health, NODE, outcome, permit, w->now);
}

#endif
