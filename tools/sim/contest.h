/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Several strategies against one another: every strategy with every seed, the runs spread over threads; then the mean
 * of each figure over the seeds with its 95 % confidence interval (Student's t), and who is best where. Strategies are
 * compared seed by seed: with the same seed they met the same requests, so most of what is chance they share, and it
 * drops out of their differences.
 *
 * Who runs which run changes nothing: results are kept by (strategy, seed) and summed up in that order.
 */
#ifndef LOADWISE_SIM_CONTEST_H
#define LOADWISE_SIM_CONTEST_H

#include "run.h"

/* The figures of a result, in the order of the table: X(name, heading, unit, better, meaning). better: -1 less, 1 more,
   0 neither. */
#define SIM_FIGURES(X)                                                                                                 \
    X(throughput, "done/s", "1/s", 1, "requests that ended well, per second of measured time")                         \
    X(failed, "failed", "%", -1, "requests that failed, of all")                                                       \
    X(refused, "refused", "%", -1, "requests that no node could take, of all")                                         \
    X(mean, "mean", "ms", -1, "mean latency of requests that ended well")                                              \
    X(p50, "p50", "ms", -1, "half of them were faster")                                                                \
    X(p90, "p90", "ms", -1, "nine of ten were faster")                                                                 \
    X(p99, "p99", "ms", -1, "99 of 100 were faster")                                                                   \
    X(p999, "p99.9", "ms", -1, "999 of 1000 were faster")                                                              \
    X(max_mean, "max/mean", "", -1, "load of the busiest node against the mean")                                       \
    X(waited, "waited", "%", -1, "tries that had to wait at their node")                                               \
    X(retries, "retries", "%", -1, "retries, of all requests")                                                         \
    X(moved, "moved", "%", -1, "requests whose key was last seen by another node")                                     \
    X(hits, "hits", "%", 1, "requests that found their key in the node's cache")                                       \
    X(overshoot, "over quota", "%", -1, "most that a node was sent beyond a quota in a window")                        \
    X(limited, "429", "%", -1, "answers that said later, of all tries")                                                \
    X(recovery, "recovery", "x", 0, "what nodes got in the second after they were well again; 1: an even share")       \
    X(idle, "idle nodes", "", 0, "nodes that served nothing in the second half: what an autoscaler may take away")

enum sim_figure {
#define SIM_FIGURE_ENUM(name, heading, unit, better, meaning) SIM_FIGURE_##name,
    SIM_FIGURES(SIM_FIGURE_ENUM)
#undef SIM_FIGURE_ENUM
        SIM_FIGURE_COUNT
};

struct sim_estimate {
    double mean, half; /* half the width of the interval; 0 with one seed */
    bool known; /* false: there is no such thing (no cache, no keys, no quota, no event; no latency, where nothing
                   was answered); of several seeds, in any of them, since strategies are compared seed by seed */
};

struct sim_entry {
    const char *strategy;
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    double *values;             /* SIM_FIGURE_COUNT for each seed; 0 where unknown */
    struct sim_result *results; /* by seed */
};

struct sim_contest {
    const struct sim_scenario *scenario;
    struct sim_entry *entries; /* by strategy */
    size_t entry_count;
    uint64_t first_seed;
    uint32_t seeds;
};

struct sim_contest_options {
    const char *const *strategies; /* borrowed */
    size_t strategy_count;
    uint64_t first_seed;                        /* not 0; the seeds are this one and the following */
    uint32_t seeds;                             /* 1 to 1000 */
    uint32_t threads;                           /* 0: as many as there are processors */
    bool (*progress)(void *user, double share); /* called on the calling thread; true stops. May be NULL */
    void *user;
};

/* On failure *why (SIM_WHY bytes) says what the library said, and nothing needs to be freed. Errors: those of sim_run;
   LW_UNAVAILABLE when it was stopped. */
int sim_contest(const struct sim_scenario *scenario, const struct sim_contest_options *options,
                struct sim_contest *contest, char *why);
void sim_contest_free(struct sim_contest *contest);

/* The figures of one result, by enum sim_figure; `known` as in sim_estimate. */
void sim_figures_of(const struct sim_scenario *scenario, const struct sim_result *result,
                    struct sim_estimate figures[SIM_FIGURE_COUNT]);

/* From the values of all entries, the means of their figures and the intervals, 0 where unknown; `known` stays as it
   is. */
void sim_contest_estimate(struct sim_contest *contest);

#define SIM_FIGURE_BIT(figure) (UINT32_C(1) << (figure))

/* How much more one entry has of these figures (bits, summed up) than another, by the differences of each seed. */
struct sim_estimate sim_contest_difference(const struct sim_contest *contest, size_t entry, size_t other,
                                           uint32_t figures);

/* The entries that are best in a figure: the one with the best mean, and all that it does not beat by more than chance
   explains, or than the table can show. One bit per entry; 0 where nobody is better than another. At most 64
   entries. */
uint64_t sim_contest_best(const struct sim_contest *contest, enum sim_figure figure);

#endif
