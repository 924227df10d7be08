/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Times first, by a stream of their own; then what the request is, by the stream of its number.
 * A Poisson process whose rate changes is one of rate 1 on a clock that runs at that rate: for bursts the clock is
 * followed piece by piece; for days, whose rate is smooth, candidates at the highest rate are thinned.
 */
#include "arrivals.h"

#include "exact.h"

#define SECOND 1e9

void sim_source_init(struct sim_source *source, const struct sim_scenario *scenario, uint64_t seed) {
    const struct sim_arrivals *arrivals = &scenario->arrivals;
    *source = (struct sim_source){.scenario = scenario, .seed = seed};
    source->chance = sim_chance_of(seed, SIM_OF_ARRIVALS, 0);
    if (arrivals->keys > 0) {
        sim_zipf_init(&source->zipf, arrivals->keys, arrivals->skew);
    }
    if (arrivals->process == SIM_BURSTY) {
        double every = (double)arrivals->burst_every, busy = (double)arrivals->burst_for;
        source->low =
            every > busy ? arrivals->rate * (every - arrivals->burst * busy) / (every - busy) : arrivals->rate;
    }
    if (arrivals->process == SIM_TRACE) {
        double last = (double)arrivals->trace[arrivals->trace_count - 1].at;
        source->length = (last + last / (double)(arrivals->trace_count - 1)) / arrivals->speedup;
        source->length = source->length > 0 ? source->length : SECOND;
    }
}

/* ---- times ---- */

static double next_bursty(struct sim_source *source) {
    const struct sim_arrivals *arrivals = &source->scenario->arrivals;
    double left = sim_exponential(&source->chance), at = source->at;
    double every = (double)arrivals->burst_every, busy = (double)arrivals->burst_for;
    for (;;) {
        double cycle = (double)(uint64_t)(at / every) * every, phase = at - cycle;
        double rate = (phase < busy ? arrivals->rate * arrivals->burst : source->low) / SECOND;
        double end = cycle + (phase < busy ? busy : every);
        if (left <= rate * (end - at)) {
            return at + left / rate;
        }
        left -= rate * (end - at);
        at = end > at ? end : at + 1; /* rounding must not hold time up */
    }
}

static double next_diurnal(struct sim_source *source) {
    const struct sim_arrivals *arrivals = &source->scenario->arrivals;
    double most = arrivals->rate * (1 + arrivals->swing), at = source->at, rate;
    do {
        at += sim_exponential(&source->chance) * SECOND / most;
        rate = arrivals->rate * (1 + arrivals->swing * exact_sin_turns(at / (double)arrivals->period));
    } while (sim_uniform(&source->chance) * most > rate && at < (double)source->scenario->duration);
    return at;
}

static double next_traced(struct sim_source *source) {
    const struct sim_arrivals *arrivals = &source->scenario->arrivals;
    if (source->number > 0 && ++source->row == arrivals->trace_count) {
        source->row = 0;
        source->lap += source->length;
    }
    return source->lap + (double)arrivals->trace[source->row].at / arrivals->speedup;
}

static double next_time(struct sim_source *source) {
    const struct sim_arrivals *arrivals = &source->scenario->arrivals;
    switch (arrivals->process) {
    case SIM_PACED: return source->at + SECOND / arrivals->rate;
    case SIM_BURSTY: return next_bursty(source);
    case SIM_DIURNAL: return next_diurnal(source);
    case SIM_TRACE: return next_traced(source);
    default: return source->at + sim_exponential(&source->chance) * SECOND / arrivals->rate;
    }
}

/* ---- requests ---- */

static void describe(const struct sim_source *source, struct sim_arrival *arrival) {
    const struct sim_scenario *scenario = source->scenario;
    const struct sim_service *service = &scenario->service;
    struct sim_chance chance = sim_chance_of(source->seed, SIM_OF_REQUEST, arrival->number);
    bool traced = scenario->arrivals.process == SIM_TRACE;
    const struct sim_row *row = traced ? &scenario->arrivals.trace[source->row] : NULL;
    arrival->client = sim_below(&chance, scenario->clients.count);
    arrival->key = 0;
    arrival->time = arrival->context = arrival->output = 0;
    if (scenario->arrivals.keys > 0) {
        arrival->key = sim_mix(sim_zipf_draw(&source->zipf, &chance)) | 1;
    } else if (traced) {
        arrival->key = row->key;
    }
    if (service->work == SIM_WORK_TIME) {
        arrival->time = sim_draw(&chance, &service->time);
    } else {
        arrival->context = traced ? row->context : sim_draw(&chance, &service->context);
        arrival->output = traced ? row->output : sim_draw(&chance, &service->output);
    }
}

void sim_source_next(struct sim_source *source, struct sim_arrival *arrival) {
    const struct sim_scenario *scenario = source->scenario;
    double at = next_time(source);
    source->at = at;
    arrival->number = ++source->number;
    if (at >= (double)scenario->duration || (scenario->max_requests > 0 && arrival->number > scenario->max_requests)) {
        arrival->at = SIM_NEVER;
        return;
    }
    arrival->at = at < 1 ? 1 : (uint64_t)at; /* the library takes 0 for "no time given" */
    describe(source, arrival);
}
