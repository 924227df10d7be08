/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The figures of contest.h: their words, and how they follow from a result. */
#include "figures.h"

#include <math.h>

enum { SPAN = 6 };

/* What waits in vain grows evenly: at the end there is nearly twice of what is there at half time. */
#define BEHIND 1.5

static const struct sim_figure_head heads[] = {
#define FIGURE_HEAD(name, heading, unit, better, meaning) {#name, heading, unit, meaning, better},
    SIM_FIGURES(FIGURE_HEAD)
#undef FIGURE_HEAD
};

const struct sim_figure_head *sim_figure_head(enum sim_figure figure) { return &heads[figure]; }

/* A column of zeros says nothing. */
bool sim_figure_is_shown(const struct sim_contest *contest, enum sim_figure figure) {
    for (size_t i = 0; i < contest->entry_count; i++) {
        if (contest->entries[i].figures[figure].known && contest->entries[i].figures[figure].mean > 0) {
            return true;
        }
    }
    return false;
}

/* ---- from a result ---- */

static struct sim_estimate known_if(bool there_is, double value) {
    return (struct sim_estimate){there_is ? value : 0, 0, there_is};
}

static double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

static double hits_of(const struct sim_result *result) {
    double hits = 0, asked = 0;
    for (uint32_t i = 0; i < result->node_count; i++) {
        hits += (double)result->nodes[i].cache_hits;
        asked += (double)result->nodes[i].cache_asked;
    }
    return percent(hits, asked);
}

/* Tries sent to nodes just recovered, against an even share. */
static double recovery_of(const struct sim_result *result) {
    double after = 0;
    for (uint32_t i = 0; i < result->node_count; i++) {
        after += (double)result->nodes[i].after_recovery;
    }
    return result->even_in_recovery > 0 ? after / result->even_in_recovery : 0;
}

/* Slices within the measured time and the warm-up before it; the last may be a part. */
static int slices_of(const struct sim_scenario *scenario, const struct sim_result *result) {
    uint64_t length = scenario->duration / SIM_SLICES + 1;
    return (int)((result->end + length - 1) / length);
}

static double idle_of(const struct sim_scenario *scenario, const struct sim_result *result) {
    double idle = 0;
    int slices = slices_of(scenario, result);
    for (uint32_t i = 0; i < result->node_count; i++) {
        bool worked = false;
        for (int slice = slices / 2; slice < slices; slice++) {
            worked |= result->nodes[i].load[slice] > 0;
        }
        idle += !worked;
    }
    return idle;
}

static bool has_cache(const struct sim_scenario *scenario) {
    bool found = false;
    for (uint32_t i = 0; i < scenario->node_count; i++) {
        found |= scenario->nodes[i].cache > 0;
    }
    return found;
}

void sim_figures_of(const struct sim_scenario *scenario, const struct sim_result *result,
                    struct sim_estimate figures[SIM_FIGURE_COUNT]) {
    static const struct {
        enum sim_figure figure;
        double quantile;
    } quantiles[] = {{SIM_FIGURE_p50, 0.5}, {SIM_FIGURE_p90, 0.9}, {SIM_FIGURE_p99, 0.99}, {SIM_FIGURE_p999, 0.999}};
    double requests = (double)result->requests, tries = (double)(result->tries + result->limited);
    bool quotas = scenario->pool.options.dimension_count > 0;
    double throughput = result->seconds > 0 ? (double)result->in_time / result->seconds : 0;
    figures[SIM_FIGURE_throughput] = known_if(result->seconds > 0, throughput);
    figures[SIM_FIGURE_failed] = known_if(result->requests > 0, percent((double)result->failed, requests));
    figures[SIM_FIGURE_refused] = known_if(result->requests > 0, percent((double)result->refused, requests));
    figures[SIM_FIGURE_mean] = known_if(result->well > 0, sim_histogram_mean(&result->latency) / 1e6);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double ns = sim_histogram_quantile(&result->latency, quantiles[i].quantile);
        figures[quantiles[i].figure] = known_if(result->well > 0, ns / 1e6);
    }
    figures[SIM_FIGURE_max_mean] = known_if(sim_result_max_mean(result) > 0, sim_result_max_mean(result));
    figures[SIM_FIGURE_waited] = known_if(result->tries > 0, percent((double)result->waited, (double)result->tries));
    figures[SIM_FIGURE_retries] = known_if(scenario->clients.retries > 0, percent((double)result->retries, requests));
    figures[SIM_FIGURE_moved] = known_if(result->keyed > 0, percent((double)result->moved, (double)result->keyed));
    figures[SIM_FIGURE_hits] = known_if(has_cache(scenario), hits_of(result));
    figures[SIM_FIGURE_overshoot] = known_if(quotas, 100 * result->overshoot);
    figures[SIM_FIGURE_limited] = known_if(tries > 0, percent((double)result->limited, tries));
    figures[SIM_FIGURE_recovery] = known_if(result->even_in_recovery > 0, recovery_of(result));
    figures[SIM_FIGURE_idle] = known_if(result->seconds > 0, idle_of(scenario, result));
}

/* ---- over time ---- */

/* How many requests are at nodes that have so many slots, in the mean of SPAN slices from this one on. */
static double load_from(const struct sim_scenario *scenario, const struct sim_result *result, int first) {
    double sum = 0;
    for (uint32_t n = 0; n < result->node_count; n++) {
        for (int i = first; scenario->nodes[n].slots > 0 && i < first + SPAN; i++) {
            sum += (double)result->nodes[n].load[i] / SPAN;
        }
    }
    return sum;
}

static bool is_behind(const struct sim_scenario *scenario, const struct sim_result *result) {
    double slots = 0;
    int slices = slices_of(scenario, result) - 1; /* whole ones */
    for (uint32_t n = 0; n < scenario->node_count; n++) {
        slots += scenario->nodes[n].slots;
    }
    if (slices < 3 * SPAN) {
        return false;
    }
    double last = load_from(scenario, result, slices - SPAN);
    return last > BEHIND * load_from(scenario, result, (slices - SPAN) / 2) + 2 * slots;
}

bool sim_figure_is_behind(const struct sim_contest *contest, size_t entry) {
    bool behind = true;
    for (uint32_t s = 0; s < contest->seeds; s++) {
        behind &= is_behind(contest->scenario, &contest->entries[entry].results[s]);
    }
    return behind;
}

double sim_figure_seconds(const struct sim_contest *contest) {
    double sum = 0;
    for (uint32_t s = 0; s < contest->seeds; s++) {
        sum += (double)contest->entries[0].results[s].end / 1e9;
    }
    return sum / contest->seeds;
}

/* ---- during an event ---- */

double sim_figure_sent_during(const struct sim_contest *contest, size_t entry, const struct sim_event *event) {
    uint64_t length = contest->scenario->duration / SIM_SLICES + 1;
    double slice = (double)length, there = 0, everywhere = 0;
    double begin = (double)event->at, end = event->length == SIM_NEVER ? INFINITY : begin + (double)event->length;
    for (uint32_t s = 0; s < contest->seeds; s++) {
        const struct sim_result *result = &contest->entries[entry].results[s];
        for (uint32_t n = 0; n < result->node_count; n++) {
            for (int i = 0; i < SIM_SLICES; i++) {
                bool within = i * slice >= begin && (i + 1) * slice <= end;
                double sent = within ? result->nodes[n].sent[i] : 0;
                everywhere += sent;
                there += n - event->first < event->count ? sent : 0;
            }
        }
    }
    return everywhere > 0 ? percent(there, everywhere) : -1;
}
