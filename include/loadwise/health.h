/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Health: who may serve, learnt from how requests end.
 *
 *     healthy --ceil(t/2) failures--> degraded --t failures in a row--> unhealthy --success--> recovering --r
 * successes--> healthy degraded --success--> healthy        recovering --failure--> unhealthy, the timer restarted
 *
 * t = failure_threshold (3), r = recovery_successes (2; the one that led to recovering counts). t = 1 skips degraded.
 * An unhealthy node may be probed once probe_interval has passed since its last failure. While unhealthy or recovering,
 * at most `probes` requests are let through at a time (half-open): lw_health_admit gives each a permit, and the report
 * that brings it back counts only if the node's epoch is still the permit's: results that come late change nothing.
 *
 * Time is lazy: there is no thread and no timer; a node's state follows from its reports and the time asked about. A
 * node that was never reported is healthy.
 *
 * Source: loadwise 0.1.0 (states, defaults), Finagle and Linkerd failure accrual (rate, back-off), Envoy (active
 * checks).
 *
 * Threads: every function, any thread, at any time, except lw_health_free, which is the last. Reads, admissions and
 * reports of known nodes take no lock and allocate nothing; the first report of a node does both once. Time: monotonic
 * ns; the calls without `now` read env->now once. A step back of the time counts as standing still.
 */
#ifndef LOADWISE_HEALTH_H
#define LOADWISE_HEALTH_H

#include <loadwise/env.h>
#include <loadwise/filter.h>
#include <loadwise/observer.h>

LW_BEGIN

/* What an outcome does to health. */
enum lw_health_effect { LW_EFFECT_NONE = 0, LW_EFFECT_SUCCESS = 1, LW_EFFECT_FAILURE = 2 };

/* All that a policy may judge by. Counters saturate: failures at 65535, successes at 4095, ejections at 255. */
typedef struct lw_health_state {
    uint32_t status; /* enum lw_status */
    uint32_t consecutive_failures, consecutive_successes;
    uint32_t ejections;                     /* times it turned unhealthy since it was last healthy */
    uint64_t last_failure, last_success;    /* monotonic ns, 0: never */
    uint32_t window_total, window_failures; /* inside the window of the options; 0 without one */
} lw_health_state;

/*
 * A policy of your own: says which status follows. Each function is pure: it sees one state and the time, changes
 * state->status, and may be called more than once for one report when threads race. NULL: as the built-in policy does.
 */
typedef struct lw_health_policy_ops {
    size_t size;      /* sizeof(lw_health_policy_ops), so that the struct can grow */
    const void *user; /* handed to each function; must outlive the tracker */
    /* The counters and times of the state already hold this report. */
    void (*on_success)(const void *user, lw_health_state *state, uint64_t now);
    void (*on_failure)(const void *user, lw_health_state *state, uint64_t now);
    /* Instead of the two above, for every outcome that has an effect: sees which it was (enum lw_outcome). */
    void (*on_outcome)(const void *user, lw_health_state *state, uint32_t outcome, uint64_t now);
    /* May an unhealthy node be probed now? */
    bool (*should_probe)(const void *user, const lw_health_state *state, uint64_t now);
} lw_health_policy_ops;

enum lw_health_policy {
    LW_HEALTH_CONSECUTIVE = 0, /* failures in a row, as above */
    LW_HEALTH_RATE = 1, /* unhealthy when at least rate_percent of at least rate_volume reports in the window failed;
                           degraded at half that share; recovers as above */
};

typedef struct lw_health_options {
    size_t size; /* sizeof(lw_health_options), so that the struct can grow */

    uint32_t policy;             /* enum lw_health_policy */
    uint32_t failure_threshold;  /* 1 to 65535; default 3 */
    uint32_t recovery_successes; /* 1 to 4095; default 2 */
    uint32_t rate_percent;       /* 1 to 100; default 20 (Finagle: success below 80 %) */
    uint32_t rate_volume;        /* 1 to 1048575; default 5 */
    uint64_t window;             /* ns, at least 10; default 30 s with LW_HEALTH_RATE, else 0: none is kept */

    /* Until the next probe: probe_interval x (backoff_percent / 100)^(ejections - 1), at most probe_interval_max, plus
       up to jitter_percent of itself, drawn from the seed, the node and its epoch. */
    uint64_t probe_interval;     /* ns; default 10 s */
    uint64_t probe_interval_max; /* ns; default 300 s */
    uint32_t backoff_percent;    /* 100 to 1000; default 100: no back-off, as in loadwise 0.1.0 */
    uint32_t jitter_percent;     /* 0 to 100; default 0 */

    uint32_t probes;        /* permits at a time, 1 to 255; default 1 */
    uint64_t probe_timeout; /* ns; a permit not brought back by then is void; default 60 s */

    /* What each outcome does, indexed by enum lw_outcome. Default: failure, connect failure, timeout and overload
       are failures; rate-limited, caller's fault and cancelled say nothing. */
    uint8_t effects[8];

    uint32_t max_nodes;   /* default 65536 */
    uint32_t auto_create; /* a report makes an unknown node known; default 1 */

    const lw_health_policy_ops *policy_ops; /* of your own, or NULL; copied */
    const lw_observer *observer;            /* or NULL; copied */
} lw_health_options;

/* Writes the defaults above. */
LW_API void lw_health_options_init(lw_health_options *options);

typedef struct lw_health lw_health;

/* options may be NULL. Errors: LW_NOMEM, LW_RANGE (the log names the option and its range), LW_INVALID. */
LW_API int lw_health_new(lw_health **out, const lw_env *env, const lw_health_options *options);

/* NULL-safe. */
LW_API void lw_health_free(lw_health *health);

/* Permission for one request; comes back with its report. By value, no resource behind it. */
typedef struct lw_health_permit {
    uint32_t epoch;
    uint32_t flags; /* LW_PERMIT_PROBE: this request tries out an unhealthy or recovering node */
} lw_health_permit;
enum { LW_PERMIT_PROBE = 1 };

/*
 * May a request go to this node now? 1 and a permit, or 0: unhealthy and no probe is due, or every permit is out.
 * Errors: none.
 */
LW_API int lw_health_admit(lw_health *health, uint64_t node, lw_health_permit *permit);
LW_API int lw_health_admit_at(lw_health *health, uint64_t node, uint64_t now, lw_health_permit *permit);

/*
 * How a request to the node ended. permit: from lw_health_admit, or NULL for a plain report, which always counts.
 * Returns 1 when it counted, 0 when it changed nothing (no effect, or late). Errors: LW_INVALID (outcome), LW_UNKNOWN
 * (node, without auto_create), LW_FULL (max_nodes), LW_NOMEM.
 */
LW_API int lw_health_report(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit);
LW_API int lw_health_report_at(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit,
                               uint64_t now);

/* A judgement from outside: an active check, an administrator. */
enum lw_verdict {
    LW_VERDICT_NONE = 0, /* no opinion: what was learnt from reports holds */
    LW_VERDICT_UP = 1,   /* it is well: what was learnt is cleared, the node is healthy; later reports count as ever */
    LW_VERDICT_DOWN = 2, /* it is down: unhealthy, and never probed, until another verdict */
};

/* Errors: LW_INVALID (verdict), LW_UNKNOWN, LW_FULL, LW_NOMEM. */
LW_API int lw_health_verdict(lw_health *health, uint64_t node, uint32_t verdict);

/* The status, enum lw_status; healthy for a node that is not known. Errors: none. */
LW_API uint32_t lw_health_status(lw_health *health, uint64_t node);

/* What is known of one node. */
typedef struct lw_health_info {
    size_t size; /* sizeof(lw_health_info), so that the struct can grow; set by the caller */
    uint64_t node;
    lw_health_state state; /* as learnt from reports */
    uint32_t status;       /* with the verdict: enum lw_status */
    uint32_t verdict_down; /* not 0: LW_VERDICT_DOWN holds */
    uint32_t probes_out;   /* permits not yet back */
    uint32_t epoch;
    uint64_t probe_at; /* monotonic ns from which a probe is due; 0 unless unhealthy */
} lw_health_info;

/* Errors: LW_UNKNOWN, LW_INVALID (size). */
LW_API int lw_health_get(lw_health *health, uint64_t node, lw_health_info *info);

/* Calls for each known node, in no order, until the function answers not 0; returns that. info lives for the call; the
   function must not call back into this tracker except for reading. */
LW_API int lw_health_each(lw_health *health, int (*each)(void *user, const lw_health_info *info), void *user);

/* Sets what is known of a node, as lw_health_get gave it; for restoring. Errors: LW_RANGE, LW_FULL, LW_NOMEM. */
LW_API int lw_health_restore(lw_health *health, const lw_health_info *info);

/* Drops all that is known. 1 when there was something, 0 when not. Takes the lock that makes nodes known. */
LW_API int lw_health_forget(lw_health *health, uint64_t node);

/* The earliest time after now at which a node may be probed; UINT64_MAX when there is none. O(nodes). */
LW_API uint64_t lw_health_next_due(lw_health *health, uint64_t now);

/*
 * The tracker as a filter: a node passes when its status is in the set, or when it is unhealthy or recovering and
 * lw_health_admit would answer 1. Nodes are told apart by lw_nodes_id. Borrows the tracker.
 */
typedef struct lw_health_tracker_filter {
    lw_filter filter;
    lw_health *health;
    uint32_t statuses;
} lw_health_tracker_filter;
LW_API lw_health_tracker_filter lw_filter_health_tracker(lw_health *health, uint32_t statuses);

LW_END

#endif
