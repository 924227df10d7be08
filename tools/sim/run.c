/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Time goes from event to event. The next request waits beside the heap, not in it: there is always exactly one, and
 * half of all events are arrivals. So do the timeouts, in a list of their own. After the last arrival, what is under
 * way is served to its end.
 */
#include "run.h"

#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_BITS = 4, EFFORT_PER_LOOK = 16384 };

void sim_world_fail(struct sim_world *world, int error) { world->error = world->error == LW_OK ? error : world->error; }

void sim_world_add(struct sim_world *world, uint64_t at, enum sim_kind kind, uint32_t what) {
    if (!sim_events_add(&world->events, at, kind, what)) {
        sim_world_fail(world, LW_NOMEM);
    }
}

/* The serial, as far as it fits, rides with the kind. */
void sim_world_add_try(struct sim_world *world, uint64_t at, enum sim_kind kind, uint32_t place) {
    uint32_t tag = (uint32_t)kind | sim_try_at(world, place)->serial << KIND_BITS;
    if (!sim_events_add(&world->events, at, tag, place)) {
        sim_world_fail(world, LW_NOMEM);
    }
}

static bool is_stopped(const struct sim_world *world) {
    const struct sim_run_options *options = world->options;
    double share = (double)world->now / (double)world->scenario->duration;
    return options->progress != NULL && options->progress(options->user, share < 1 ? share : 1);
}

bool sim_world_goes_on(struct sim_world *world, uint64_t effort) {
    world->effort += effort;
    if (world->effort >= EFFORT_PER_LOOK && !world->result->stopped) {
        world->effort = 0;
        world->result->stopped = is_stopped(world);
    }
    return !world->result->stopped;
}

uint64_t sim_world_network(struct sim_world *world, struct sim_chance *chance, const struct sim_node *node) {
    const struct sim_clients *clients = &world->scenario->clients;
    double ns = clients->network.mean > 0 ? sim_draw(chance, &clients->network) : 0;
    if (clients->far > 0 && clients->zone != NULL && node->zone != NULL && strcmp(clients->zone, node->zone) != 0) {
        ns += clients->far;
    }
    return (uint64_t)llround(ns < SIM_LONGEST ? ns : SIM_LONGEST);
}

/* ---- what happens ---- */

static void report_loads(struct sim_world *world) {
    const struct sim_scenario *scenario = world->scenario;
    for (uint32_t n = 0; n < scenario->node_count && sim_world_goes_on(world, scenario->clients.count); n++) {
        const struct sim_server *server = &world->servers[n];
        double load = sim_server_load(server) / server->node->speed;
        for (uint32_t c = 0; server->present && c < scenario->clients.count; c++) {
            lw_pool_report_load(world->clients[c].pool, server->id, load, world->now);
        }
    }
    if (world->now < scenario->duration) {
        sim_world_add(world, world->now + scenario->clients.report_every, SIM_REPORTS, 0);
    }
}

static void happen_to_try(struct sim_world *world, uint32_t tag, uint32_t place) {
    if (tag >> KIND_BITS != (sim_try_at(world, place)->serial & (UINT32_MAX >> KIND_BITS))) {
        return; /* it is over */
    }
    switch (tag & ((1 << KIND_BITS) - 1)) {
    case SIM_REACHES: sim_server_reach(world, place); break;
    case SIM_FINISHES: sim_server_finish(world, place); break;
    default: sim_client_answer(world, place);
    }
}

static void happen(struct sim_world *world, uint32_t tag, uint32_t what) {
    switch (tag & ((1 << KIND_BITS) - 1)) {
    case SIM_ASKS: sim_server_ask(world, what); break;
    case SIM_TELLS: sim_client_tell(world, what); break;
    case SIM_HAPPENS: sim_script_step(world, what); break;
    case SIM_REPORTS: report_loads(world); break;
    default: happen_to_try(world, tag, what);
    }
}

static uint64_t next_event(const struct sim_world *world) {
    return world->events.count > 0 ? sim_events_next(&world->events)->at : SIM_NEVER;
}

/* A bound on requests ends the measured time where the first would come that it forbids. */
static void next_arrival(struct sim_world *world) {
    const struct sim_scenario *scenario = world->scenario;
    sim_source_next(&world->source, &world->arrival);
    if (world->arrival.at == SIM_NEVER && world->source.at < (double)scenario->duration) {
        uint64_t end = (uint64_t)world->source.at;
        world->result->seconds = end > scenario->warmup ? (double)(end - scenario->warmup) / 1e9 : 0;
        world->result->end = world->end = end;
    }
}

static void step(struct sim_world *world) {
    uint64_t event = next_event(world), timeout = sim_timeouts_next(world);
    if (timeout != SIM_NEVER && timeout <= event && timeout <= world->arrival.at) {
        world->now = timeout;
        sim_client_expire(world, world->timeouts.first);
    } else if (world->arrival.at < event) {
        world->now = world->arrival.at;
        sim_client_begin(world);
        next_arrival(world);
    } else {
        struct sim_upcoming next = *sim_events_next(&world->events);
        sim_events_pop(&world->events);
        world->now = next.at;
        happen(world, next.kind, next.what);
    }
}

/* What is held by a freeze without an end is not awaited. */
static bool is_over(const struct sim_world *world) {
    return world->arrival.at == SIM_NEVER && world->timeouts.count == 0 && next_event(world) >= SIM_NEVER / 2;
}

static void play(struct sim_world *world) {
    while (world->error == LW_OK && !is_over(world) && sim_world_goes_on(world, 1)) {
        step(world);
    }
}

/* So that every request ends: nodes that never answer are cut off. Was there one? */
static bool cut_off(struct sim_world *world) {
    bool held = false;
    for (uint32_t i = 0; i < world->scenario->node_count; i++) {
        if (world->now < world->servers[i].frozen_until && sim_server_load(&world->servers[i]) > 0) {
            sim_server_drop(world, i);
            held = true;
        }
        sim_measure_level(world, i);
    }
    return held;
}

static void play_to_the_end(struct sim_world *world) {
    do {
        play(world);
    } while (world->error == LW_OK && !world->result->stopped && cut_off(world));
}

/* ---- the run ---- */

static double mean_output(const struct sim_scenario *scenario) {
    const struct sim_arrivals *arrivals = &scenario->arrivals;
    double sum = 0;
    if (scenario->service.work == SIM_WORK_TIME) {
        return 0;
    }
    for (size_t i = 0; i < arrivals->trace_count; i++) {
        sum += arrivals->trace[i].output;
    }
    return arrivals->trace_count > 0 ? sum / (double)arrivals->trace_count : scenario->service.output.mean;
}

static int world_open(struct sim_world *world) {
    world->requests.size = sizeof(struct sim_request);
    world->tries.size = sizeof(struct sim_try);
    world->probes.size = sizeof(struct sim_probe);
    world->now = 1; /* 0 means "read the clock" to the library */
    world->mean_output = mean_output(world->scenario);
    world->probing = sim_chance_of(world->options->seed, SIM_OF_PROBE, 0);
    sim_source_init(&world->source, world->scenario, world->options->seed);
    int error = sim_measure_open(world);
    error = error == LW_OK ? sim_servers_open(world) : error;
    error = error == LW_OK ? sim_clients_open(world) : error;
    error = error == LW_OK ? sim_script_open(world) : error;
    if (error == LW_OK && world->scenario->clients.report_every > 0) {
        sim_world_add(world, 1, SIM_REPORTS, 0);
    }
    if (error == LW_OK) {
        next_arrival(world);
    }
    return error;
}

static void world_close(struct sim_world *world) {
    sim_clients_close(world);
    sim_servers_close(world);
    sim_events_free(&world->events);
    sim_slab_free(&world->requests);
    sim_slab_free(&world->tries);
    sim_slab_free(&world->probes);
    sim_keymap_free(&world->homes);
    sim_keymap_free(&world->names);
    free(world->steps);
    free(world->recoveries);
}

int sim_run(const struct sim_scenario *scenario, const struct sim_run_options *options, struct sim_result *result) {
    struct sim_world world = {.scenario = scenario, .options = options, .result = result};
    *result = (struct sim_result){0};
    int error = world_open(&world);
    if (error == LW_OK) {
        play_to_the_end(&world);
        error = world.error;
    }
    world_close(&world);
    return error;
}
