/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A scenario: which requests come, which nodes there are, what happens to them, and what the clients do about it. Plain
 * data, read from a file by scenario_file.h or filled by a test; borrowed, and never written, by every run.
 *
 * Times are ns of the run, from 0; rates are per second. Whatever is drawn at random is drawn from the seed of the run.
 */
#ifndef LOADWISE_SIM_SCENARIO_H
#define LOADWISE_SIM_SCENARIO_H

#include <loadwise/loadwise.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIM_NEVER UINT64_MAX

/* ---- numbers drawn from a distribution ---- */

enum sim_shape {
    SIM_FIXED = 0,   /* always the mean */
    SIM_EXPONENTIAL, /* by the mean */
    SIM_LOGNORMAL,   /* by the mean and sigma, the standard deviation of the logarithm */
    SIM_PARETO,      /* by the mean and alpha, above 1 */
    SIM_UNIFORM,     /* from 0 to twice the mean */
    SIM_EMPIRICAL,   /* one of `values`, equally likely; the mean is theirs */
};

struct sim_distribution {
    uint32_t shape; /* enum sim_shape */
    double mean;
    double spread; /* sigma or alpha */
    const double *values;
    size_t value_count;
};

/* ---- requests ---- */

enum sim_process {
    SIM_POISSON = 0,
    SIM_PACED,   /* evenly spaced */
    SIM_BURSTY,  /* Poisson whose rate is `rate * burst` for `burst_for`, then lower for `burst_every` - `burst_for`, so
                    that the mean is the rate */
    SIM_DIURNAL, /* Poisson whose rate follows a sine: rate * (1 + swing * sin(2 pi t / period)) */
    SIM_TRACE,   /* the rows of `trace` at their times, sped up by `speedup`; over and over when they end */
};

/* One row of a trace. */
struct sim_row {
    uint64_t at;    /* ns since the first */
    uint64_t key;   /* 0: none */
    double context; /* tokens read; or the size of the request */
    double output;  /* tokens generated */
};

struct sim_arrivals {
    uint32_t process; /* enum sim_process */
    double rate;      /* of all clients together */
    double burst;
    uint64_t burst_for, burst_every;
    double swing;
    uint64_t period;
    const struct sim_row *trace;
    size_t trace_count;
    double speedup;
    uint64_t keys; /* how many; 0: requests without a key */
    double skew;   /* exponent of Zipf's law; 0: all keys alike */
};

/* ---- what a request takes ---- */

enum sim_work {
    SIM_WORK_TIME = 0, /* `time` is drawn per request; a node needs time / speed for it */
    SIM_WORK_LLM,      /* context and output tokens are drawn (or come with the trace): prefill per context token, then
                          decode per output token, each slowed by what else the node serves at that moment:
                          1 + batch_slowdown * (others under way / slots) */
};

struct sim_service {
    uint32_t work;                           /* enum sim_work */
    struct sim_distribution time;            /* ns */
    struct sim_distribution context, output; /* tokens */
    double prefill, decode;                  /* ns per token at speed 1 */
    double batch_slowdown;
    double miss; /* caches: a request whose key is not in the node's cache takes so many times as long; 0 or 1: no cache
                  */
};

/* ---- nodes ---- */

struct sim_node {
    const char *name; /* different from all others */
    const char *zone; /* NULL: none */
    uint32_t weight;
    uint32_t priority;
    uint32_t max_inflight;             /* of the spec; 0: no limit */
    uint32_t slots;                    /* requests that it serves at once; 0: any number (then nothing ever waits) */
    uint32_t queue;                    /* requests that may wait; more are turned away (LW_OUTCOME_OVERLOAD, at once) */
    double speed;                      /* 1: as the service says */
    double noise;                      /* sigma of a lognormal factor of mean 1 on each service; 0: none */
    uint32_t cache;                    /* keys that it keeps, least recently used goes first; 0: none */
    double error_share;                /* of requests fail, from the start */
    uint64_t error_after;              /* ns that a failing request takes; 0: as long as any other */
    double quota[LW_QUOTA_DIMENSIONS]; /* per window, what the node really allows, and what the pool is told: see
                                          sim_pool.dimensions; 0: no limit */
    uint64_t joins;                    /* when it appears; 0: from the start */
};

/* ---- what happens ---- */

enum sim_action {
    SIM_SLOW = 0, /* what it begins to serve takes `factor` times as long */
    SIM_FAIL,     /* refuses connections at once: LW_OUTCOME_CONNECT_FAILURE */
    SIM_ERRORS,   /* a share `factor` of requests fails, after error_after */
    SIM_FREEZE,   /* takes requests and answers none until it is over */
    SIM_LIMIT,    /* answers 429 with Retry-After `wait` to a share `factor` */
    SIM_DRAIN,    /* lw_pool_admin: draining, then active again */
    SIM_LEAVE,    /* out of the list of nodes, then back */
    SIM_RESTART,  /* drains for `wait`, is gone for `length`, and joins again, with an empty cache */
};

/* The nodes are a range of positions; with `every` they follow one another (a rolling restart). */
struct sim_event {
    uint64_t at;
    uint64_t length; /* SIM_NEVER: to the end */
    uint32_t action; /* enum sim_action */
    uint32_t first, count;
    uint64_t every; /* ns from one node to the next; 0: all at once */
    double factor;
    uint64_t wait;
};

/* ---- clients ---- */

struct sim_clients {
    uint32_t count;                  /* each has a pool of its own and gets an equal, random share of the requests */
    const char *zone;                /* where they stand, for the pool's zone preference; NULL: nowhere */
    struct sim_distribution network; /* ns, one way, drawn per message */
    double far;                      /* ns more, one way, between different zones */
    uint64_t timeout;                /* per try; 0: none */
    uint32_t retries;                /* per request, never on a node already tried */
    double retry_budget;             /* retries per request that ended, over the last 10 s, and ten on top; 0: none */
    uint64_t report_every; /* nodes tell their load (requests under way / speed) to every client's metric=external; 0:
                              never */
};

/* What is set of lw_pool_options in every client's pool; borrowed. */
struct sim_pool {
    lw_pool_options options; /* LW_POOL_OPTIONS_INIT and what the scenario says */
    lw_health_options health;
    lw_outlier_options outlier;
    lw_quota_dimension
        dimensions[LW_QUOTA_DIMENSIONS]; /* "requests", "tokens" have a meaning: 1, and context + output */
    bool has_outlier;
};

struct sim_scenario {
    const char *name;      /* of the file, without directory and ending */
    const char *title;     /* one line */
    const char *text;      /* a paragraph for the report; "" */
    uint64_t duration;     /* requests come until then; those under way are served to the end */
    uint64_t warmup;       /* not measured */
    uint64_t max_requests; /* ends the run earlier; 0: no bound */
    struct sim_arrivals arrivals;
    struct sim_service service;
    struct sim_clients clients;
    struct sim_pool pool;
    const struct sim_node *nodes;
    uint32_t node_count;
    const struct sim_event *events;
    size_t event_count;
    const char *const *strategies; /* compared unless the command line says otherwise */
    size_t strategy_count;
};

/* Does a quota count tokens? Else it counts requests. */
static inline bool sim_counts_tokens(const lw_quota_dimension *dimension) {
    return strcmp(dimension->name, "tokens") == 0;
}

/* Defaults: 60 s, 1 client, Poisson at 100/s, exponential service of 10 ms, no nodes. */
void sim_scenario_init(struct sim_scenario *scenario);

/* Requests per second that all nodes can serve, of full batches, as if every key were in its cache and nothing ever
   happened: what a rate given as "80%" refers to. 0: there is no bound. */
double sim_scenario_capacity(const struct sim_scenario *scenario);

#endif
