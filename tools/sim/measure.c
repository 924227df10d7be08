/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Loads are integrals over time, written down whenever they are about to change. */
#include "world.h"

#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

int sim_measure_open(struct sim_world *world) {
    struct sim_result *result = world->result;
    result->slices = calloc(SIM_SLICES, sizeof *result->slices);
    result->nodes = calloc(world->scenario->node_count, sizeof *result->nodes);
    result->node_count = world->scenario->node_count;
    result->seconds = (double)(world->scenario->duration - world->scenario->warmup) / SECOND;
    result->end = world->end = world->scenario->duration;
    return result->slices != NULL && result->nodes != NULL ? LW_OK : LW_NOMEM;
}

void sim_result_free(struct sim_result *result) {
    for (int i = 0; result->slices != NULL && i < SIM_SLICES; i++) {
        sim_histogram_free(&result->slices[i].latency);
    }
    sim_histogram_free(&result->latency);
    free(result->slices);
    free(result->nodes);
    *result = (struct sim_result){0};
}

/* NULL beyond the duration, when what is under way is served to its end. */
static struct sim_slice *slice_at(struct sim_world *world, uint64_t at) {
    uint64_t length = world->scenario->duration / SIM_SLICES + 1, slice = at / length;
    return slice < SIM_SLICES ? &world->result->slices[slice] : NULL;
}

/* ---- nodes ---- */

static double overlap(uint64_t from, uint64_t to, uint64_t begin, uint64_t end) {
    uint64_t first = from > begin ? from : begin, last = to < end ? to : end;
    return last > first ? (double)(last - first) : 0;
}

void sim_measure_level(struct sim_world *world, uint32_t node) {
    struct sim_server *server = &world->servers[node];
    struct sim_tally *tally = &world->result->nodes[node];
    uint64_t from = server->looked_at, to = world->now, length = world->scenario->duration / SIM_SLICES + 1;
    uint32_t load = sim_server_load(server);
    server->looked_at = to;
    if (load == 0 || from >= world->scenario->duration) {
        return;
    }
    double measured = overlap(from, to, world->scenario->warmup, world->end) / SECOND;
    tally->busy += measured * server->working.count;
    tally->queued += measured * server->waiting.count;
    for (uint64_t slice = from / length; slice < SIM_SLICES && slice * length < to; slice++) {
        tally->load[slice] += (float)(load * overlap(from, to, slice * length, (slice + 1) * length) / (double)length);
    }
}

void sim_measure_recovered(struct sim_world *world, uint32_t node) {
    uint32_t i = 0;
    while (i < world->recovery_count && world->recoveries[i].node != node) {
        i++;
    }
    world->recoveries[i] = (struct sim_recovery){node, world->now + SECOND};
    world->recovery_count += i == world->recovery_count;
}

static void count_recoveries(struct sim_world *world, uint32_t node) {
    for (uint32_t i = 0; i < world->recovery_count;) {
        if (world->now >= world->recoveries[i].until) {
            world->recoveries[i] = world->recoveries[--world->recovery_count];
            continue;
        }
        if (world->servers[world->recoveries[i].node].present) {
            world->result->even_in_recovery += 1.0 / world->present;
            world->result->nodes[node].after_recovery += world->recoveries[i].node == node;
        }
        i++;
    }
}

/* A request moves with its first try; where another try goes is no choice of the strategy alone. */
static void count_move(struct sim_world *world, uint32_t node, const struct sim_request *request) {
    uint32_t *home = sim_keymap_at(&world->homes, request->arrival.key);
    if (home == NULL) {
        sim_world_fail(world, LW_NOMEM);
        return;
    }
    if (sim_is_measured(world, world->now) && request->tries == 1) {
        world->result->keyed++;
        world->result->moved += *home != 0 && *home != node + 1;
    }
    *home = node + 1;
}

void sim_measure_sent(struct sim_world *world, uint32_t node, const struct sim_request *request) {
    if (world->recovery_count > 0 && sim_is_measured(world, world->now) && world->now <= world->end) {
        count_recoveries(world, node);
    }
    const struct sim_slice *slice = slice_at(world, world->now);
    if (world->scenario->event_count > 0 && slice != NULL) {
        world->result->nodes[node].sent[slice - world->result->slices]++;
    }
    if (request->arrival.key != 0) {
        count_move(world, node, request);
    }
}

double sim_result_max_mean(const struct sim_result *result) {
    double most = 0, sum = 0;
    for (uint32_t i = 0; i < result->node_count; i++) {
        double load = result->nodes[i].busy + result->nodes[i].queued;
        most = load > most ? load : most;
        sum += load;
    }
    return sum > 0 ? most * result->node_count / sum : 0;
}

/* ---- requests ---- */

void sim_measure_refused(struct sim_world *world, const struct sim_request *request) {
    if (sim_is_measured(world, request->arrival.at)) {
        world->result->refused++;
        slice_at(world, request->arrival.at)->refused++;
    }
}

void sim_measure_retry(struct sim_world *world, const struct sim_request *request) {
    struct sim_slice *slice = slice_at(world, world->now);
    if (sim_is_measured(world, request->arrival.at)) {
        world->result->retries++;
        if (slice != NULL) {
            slice->retries++;
        }
    }
}

void sim_measure_end(struct sim_world *world, const struct sim_request *request, uint32_t outcome) {
    if (!sim_is_measured(world, request->arrival.at)) {
        return;
    }
    struct sim_slice *slice = slice_at(world, request->arrival.at);
    slice->ended++;
    if (outcome != LW_OUTCOME_OK) {
        slice->failed++;
        world->result->failed++;
        return;
    }
    uint64_t latency = world->now - request->arrival.at;
    world->result->well++;
    world->result->in_time += world->now <= world->end;
    if (!sim_histogram_add(&world->result->latency, latency) || !sim_histogram_add(&slice->latency, latency)) {
        sim_world_fail(world, LW_NOMEM);
    }
}
