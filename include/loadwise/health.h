/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Health: who may serve, learnt from how requests end.
 *
 *     status      after a failure                      after a success
 *     healthy     degraded at ceil(t/2) in a row       healthy
 *     degraded    unhealthy at t in a row              healthy
 *     unhealthy   unhealthy, the timer starts again    recovering; healthy after r in a row
 *     recovering  unhealthy, the timer starts again    healthy after r in a row
 *
 * t = failure_threshold (3), r = recovery_successes (2). t = 1 skips degraded, r = 1 skips recovering. A node of which
 * nothing is known is healthy.
 *
 * An unhealthy node may be tried out once probe_interval has passed since its last failure. While it is unhealthy or
 * recovering, at most `probes` requests are let through at a time (half-open): lw_health_admit gives each a permit, and
 * its report brings the permit back. A permit carries the epoch of the node, which is a new one whenever the node
 * turned unhealthy or healthy again: results that come late, from an earlier epoch, change nothing.
 *
 * Time is lazy: no thread, no timer. Reports move the status; time only opens the gate for probes, which
 * lw_health_next_due foretells. Monotonic ns, by env->now or as `now` of the calls that end in _at. Time that steps
 * back never counts as a span: for the windows and times of a node it stands still.
 *
 * Threads: every function, any thread, at any time, except lw_health_free, which is the last. Reading, admitting and
 * reporting a known node takes no lock and allocates nothing; only making a node known and forgetting it do.
 *
 * Source: loadwise 0.1.0 (states, defaults), Finagle and Linkerd failure accrual (rate, back-off), Envoy (verdicts).
 */
#ifndef LOADWISE_HEALTH_H
#define LOADWISE_HEALTH_H

#include <loadwise/env.h>
#include <loadwise/filter.h>
#include <loadwise/observer.h>

LW_BEGIN

/* What an outcome does to health. */
enum lw_health_effect { LW_EFFECT_NONE = 0, LW_EFFECT_SUCCESS = 1, LW_EFFECT_FAILURE = 2 };

/* All that a policy may judge by. The counters stay at their largest value: in a row 4095, ejections 255. A row is of
   failures or of successes: the other is 0, and where a state that is restored has both, the failures count. */
typedef struct lw_health_state {
    uint32_t status; /* enum lw_status */
    uint32_t consecutive_failures, consecutive_successes;
    uint32_t ejections;                     /* times it turned unhealthy, or failed a probe, since it was healthy */
    uint64_t last_failure, last_success;    /* monotonic ns; 0: never */
    uint32_t window_total, window_failures; /* reports inside the window of the options; 0 without one */
} lw_health_state;

/*
 * A policy of your own: decides which status follows. Each function looks at one state and the time and writes
 * state->status; nothing else of what it writes is kept. It may be called more than once for one report when threads
 * race, so it must not count by itself. A member that is NULL means the built-in rule.
 */
typedef struct lw_health_policy_ops {
    size_t size;      /* sizeof(lw_health_policy_ops), so that the struct can grow */
    const void *user; /* handed to each function; must outlive the tracker */
    /* The counters and times of the state hold this report already. */
    void (*on_success)(const void *user, lw_health_state *state, uint64_t now);
    void (*on_failure)(const void *user, lw_health_state *state, uint64_t now);
    /* In place of both, for every outcome (enum lw_outcome), also those whose effect is none. */
    void (*on_outcome)(const void *user, lw_health_state *state, uint32_t outcome, uint64_t now);
    /* May an unhealthy node be probed now? lw_health_next_due cannot foretell its answer. */
    bool (*should_probe)(const void *user, const lw_health_state *state, uint64_t now);
} lw_health_policy_ops;

enum lw_health_policy {
    LW_HEALTH_CONSECUTIVE = 0, /* failures in a row, the table above */
    LW_HEALTH_RATE = 1, /* unhealthy at a failure that makes rate_percent of at least rate_volume reports in the window,
                           degraded while half that share; recovers by the table, and then the window starts empty */
};

typedef struct lw_health_options {
    size_t size; /* sizeof(lw_health_options), so that the struct can grow */

    uint32_t policy;             /* enum lw_health_policy */
    uint32_t failure_threshold;  /* 1 to 4095; default 3 */
    uint32_t recovery_successes; /* 1 to 4095; default 2 */
    uint32_t rate_percent;       /* 1 to 100; default 20 (Finagle: success below 80 %) */
    uint32_t rate_volume;        /* 1 to 1048575; default 5 */
    uint64_t window; /* ns, at least 10; default 0: 30 s with LW_HEALTH_RATE, else none. Kept in ten parts, so that it
                        reaches back between nine tenths and the whole */

    /* From the last failure to the next probe: probe_interval x (backoff_percent / 100)^(ejections - 1), at most
       probe_interval_max, and on top up to jitter_percent of that, drawn from the seed, the node and its epoch. */
    uint64_t probe_interval;     /* ns, at most probe_interval_max; default 10 s */
    uint64_t probe_interval_max; /* ns; default 300 s */
    uint32_t backoff_percent;    /* 100 to 1000; default 100: no back-off, as in loadwise 0.1.0 */
    uint32_t jitter_percent;     /* 0 to 100; default 0 */

    uint32_t probes;        /* permits at a time, 1 to 255; default 1 */
    uint64_t probe_timeout; /* ns, above 0; default 60 s. When all permits are out and the latest has been for so long,
                               they are void: new ones are given, what the old ones report changes nothing */

    /* What each outcome does, in the order of enum lw_outcome: enum lw_health_effect. Default: failure, connect
       failure, timeout and overload are failures; rate-limited, caller's fault and cancelled say nothing. */
    uint8_t effects[8];

    uint32_t max_nodes;   /* at least 1; default 65536 */
    uint32_t auto_create; /* default 1: a report or verdict makes an unknown node known; 0: only lw_health_add and
                             lw_health_restore do */

    const lw_health_policy_ops *policy_ops; /* of your own, or NULL; copied */
    const lw_observer *observer;            /* or NULL; copied. Hooks used: health_changed, probe, forgotten */
} lw_health_options;

#define LW_HEALTH_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        sizeof(lw_health_options), LW_HEALTH_CONSECUTIVE, 3, 2, 20, 5, 0, UINT64_C(10000000000),                       \
            UINT64_C(300000000000), 100, 0, 1, UINT64_C(60000000000), {1, 2, 2, 2, 0, 2, 0, 0}, 65536, 1, NULL, NULL   \
    }

typedef struct lw_health lw_health;

/* options: NULL for the defaults; borrowed for the call. Errors: LW_NOMEM; LW_RANGE, and the log names the option and
   its range; LW_INVALID: a struct without its size, half an allocator. *out is then NULL. */
LW_API int lw_health_new(lw_health **out, const lw_env *env, const lw_health_options *options);

/* NULL-safe. */
LW_API void lw_health_free(lw_health *health);

/* ---- asking and reporting ---- */

/* Leave for one request. By value, with no resource behind it; report each at most once. */
typedef struct lw_health_permit {
    uint32_t epoch;
    uint32_t flags; /* LW_PERMIT_PROBE: this request tries out an unhealthy or recovering node; the rest is private */
} lw_health_permit;
enum { LW_PERMIT_PROBE = 1 };

/*
 * May a request go to this node now? 1 and a permit; or 0: it is unhealthy and no probe is due, every permit is out, or
 * a verdict says that it is down. Then *permit is not to be used. Errors: none.
 */
LW_API int lw_health_admit(lw_health *health, uint64_t node, lw_health_permit *permit);
LW_API int lw_health_admit_at(lw_health *health, uint64_t node, uint64_t now, lw_health_permit *permit);

/*
 * How a request to the node ended: outcome is enum lw_outcome. permit: of this request, from lw_health_admit; or NULL
 * for a request that asked for none, whose report always counts. Returns 1 when it counted, 0 when it says nothing
 * (its effect is none, it comes late, the permit is void); the permit is back in any case. Errors: LW_INVALID
 * (outcome); for an unknown node LW_UNKNOWN (without auto_create), LW_FULL (max_nodes), LW_NOMEM.
 */
LW_API int lw_health_report(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit);
LW_API int lw_health_report_at(lw_health *health, uint64_t node, uint32_t outcome, const lw_health_permit *permit,
                               uint64_t now);

/* A judgement from outside: an active check, an administrator. */
enum lw_verdict {
    LW_VERDICT_NONE = 0, /* no opinion, as at the start: what was learnt from reports holds */
    LW_VERDICT_UP = 1,   /* it is well: what was learnt is cleared, it is healthy; later reports count as ever */
    LW_VERDICT_DOWN = 2, /* it is down: unhealthy, and not probed, until the next verdict. Reports are still learnt
                            from, and show after LW_VERDICT_NONE */
};

/* A change starts a new epoch; so does every LW_VERDICT_UP. Errors: LW_INVALID (verdict); for an unknown node as
   lw_health_report. */
LW_API int lw_health_verdict(lw_health *health, uint64_t node, uint32_t verdict);

/* The status, enum lw_status; healthy for a node that is not known. Errors: none. */
LW_API uint32_t lw_health_status(lw_health *health, uint64_t node);

/*
 * The earliest time after `now` from which lw_health_admit_at would give a permit that it refuses at `now`, if nothing
 * else happens; UINT64_MAX when there is none. O(nodes). Errors: none.
 */
LW_API uint64_t lw_health_next_due(lw_health *health, uint64_t now);

/* ---- the nodes that are known ---- */

/* What is known of one node. */
typedef struct lw_health_info {
    size_t size; /* sizeof(lw_health_info), set by the caller, so that the struct can grow */
    uint64_t node;
    lw_health_state state; /* as learnt from reports */
    uint32_t status;       /* with the verdict: enum lw_status */
    uint32_t verdict_down; /* not 0: LW_VERDICT_DOWN holds */
    uint32_t probes_out;   /* permits not yet back */
    uint32_t epoch;        /* as in a permit */
    uint64_t probe_at;     /* monotonic ns from which a probe is due; 0 unless unhealthy, learnt and without a
                              should_probe of your own */
} lw_health_info;

/* Errors: LW_UNKNOWN, LW_INVALID (size). */
LW_API int lw_health_get(lw_health *health, uint64_t node, lw_health_info *info);
LW_API int lw_health_get_at(lw_health *health, uint64_t node, uint64_t now, lw_health_info *info);

/* Calls the function for each known node, in no order, until it answers not 0; returns that. info lives for the call.
   The function may call everything of this tracker but lw_health_free. */
LW_API int lw_health_each(lw_health *health, int (*each)(void *user, const lw_health_info *info), void *user);
LW_API int lw_health_each_at(lw_health *health, uint64_t now, int (*each)(void *user, const lw_health_info *info),
                             void *user);

/* Makes a node known, healthy, unless it is known. Errors: LW_FULL, LW_NOMEM. */
LW_API int lw_health_add(lw_health *health, uint64_t node);

/*
 * Sets info->state and info->verdict_down, as lw_health_get gave them, of info->node, which need not be known. A new
 * epoch begins; permits that are out stay out; the window starts empty; a time after `now` counts as `now`, and one
 * before what the node has seen changes nothing. Errors: LW_RANGE (the log says of what), LW_INVALID (size), LW_FULL,
 * LW_NOMEM.
 */
LW_API int lw_health_restore(lw_health *health, const lw_health_info *info);
LW_API int lw_health_restore_at(lw_health *health, const lw_health_info *info, uint64_t now);

/* Drops all that is known, also the verdict. 1 when there was something, 0 when not. Permits from before are void. */
LW_API int lw_health_forget(lw_health *health, uint64_t node);

/*
 * The tracker as a filter: a node passes when its status is in the set (a sum of LW_STATUS_BIT), and also when it is
 * unhealthy or recovering and lw_health_admit_at would give a permit. It takes none: ask for it once the node is
 * chosen. Nodes are told apart by lw_nodes_id. Borrows the tracker. Errors: none.
 */
typedef struct lw_health_tracker_filter {
    lw_filter filter;
    lw_health *health;
    uint32_t statuses;
} lw_health_tracker_filter;
LW_API lw_health_tracker_filter lw_filter_health_tracker(lw_health *health, uint32_t statuses);

LW_END

#endif
