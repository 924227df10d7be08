/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What happens to nodes. An event of the scenario becomes steps, a beginning and an end for each of its nodes; a
 * restart has three: it drains, is gone, is back. A node that joins later has one.
 */
#include "world.h"

#include <stdlib.h>

enum { PHASE_BEGIN, PHASE_END, PHASE_BACK, PHASE_JOIN };

static int add_step(struct sim_world *world, uint64_t at, struct sim_step step) {
    world->steps[world->step_count] = step;
    at = at > 0 ? at : 1; /* the library takes 0 for "no time given" */
    sim_world_add(world, at, SIM_HAPPENS, (uint32_t)world->step_count++);
    return world->error;
}

static void add_event(struct sim_world *world, uint32_t number) {
    const struct sim_event *event = &world->scenario->events[number];
    for (uint32_t i = 0; i < event->count; i++) {
        uint32_t node = event->first + i;
        uint64_t at = event->at + i * event->every;
        add_step(world, at, (struct sim_step){node, number, PHASE_BEGIN});
        if (event->length == SIM_NEVER) {
            continue;
        }
        if (event->action == SIM_RESTART) {
            add_step(world, at + event->wait, (struct sim_step){node, number, PHASE_END});
            add_step(world, at + event->wait + event->length, (struct sim_step){node, number, PHASE_BACK});
        } else {
            add_step(world, at + event->length, (struct sim_step){node, number, PHASE_END});
        }
    }
}

int sim_script_open(struct sim_world *world) {
    const struct sim_scenario *scenario = world->scenario;
    size_t steps = scenario->node_count;
    for (size_t i = 0; i < scenario->event_count; i++) {
        steps += 3 * (size_t)scenario->events[i].count;
    }
    world->steps = calloc(steps, sizeof *world->steps);
    world->recoveries = calloc(scenario->node_count, sizeof *world->recoveries);
    if (world->steps == NULL || world->recoveries == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < scenario->node_count; i++) {
        if (scenario->nodes[i].joins > 0) {
            add_step(world, scenario->nodes[i].joins, (struct sim_step){i, 0, PHASE_JOIN});
        }
    }
    for (size_t i = 0; i < scenario->event_count; i++) {
        add_event(world, (uint32_t)i);
    }
    return world->error;
}

/* ---- the effects ---- */

static void drain(struct sim_world *world, uint32_t node, bool draining) {
    sim_world_goes_on(world, world->scenario->clients.count);
    for (uint32_t i = 0; i < world->scenario->clients.count; i++) {
        lw_pool_admin(world->clients[i].pool, world->servers[node].id, draining ? LW_ADMIN_DRAINING : LW_ADMIN_ACTIVE,
                      0);
    }
}

static void set_present(struct sim_world *world, uint32_t node, bool present) {
    struct sim_server *server = &world->servers[node];
    if (server->present == present) {
        return;
    }
    server->present = present;
    world->present = present ? world->present + 1 : world->present - 1;
    int error = sim_clients_update(world);
    if (error != LW_OK) {
        sim_world_fail(world, error);
    }
    if (present) {
        drain(world, node, false);
        sim_measure_recovered(world, node);
    }
}

static void begin_event(struct sim_world *world, uint32_t node, const struct sim_event *event) {
    struct sim_server *server = &world->servers[node];
    switch (event->action) {
    case SIM_SLOW: server->slow = event->factor; break;
    case SIM_ERRORS: server->errors = event->factor; break;
    case SIM_FREEZE: sim_server_freeze(world, node, event->length == SIM_NEVER ? SIM_NEVER / 2 : event->length); break;
    case SIM_LEAVE: set_present(world, node, false); break;
    case SIM_FAIL:
        server->down = true;
        sim_server_drop(world, node);
        break;
    case SIM_LIMIT:
        server->limited = event->factor;
        server->limit_wait = event->wait;
        break;
    default: drain(world, node, true);
    }
}

static void end_event(struct sim_world *world, uint32_t node, const struct sim_event *event) {
    struct sim_server *server = &world->servers[node];
    switch (event->action) {
    case SIM_SLOW: server->slow = 1; break;
    case SIM_ERRORS: server->errors = server->node->error_share; break;
    case SIM_FAIL: server->down = false; break;
    case SIM_LIMIT: server->limited = 0; break;
    case SIM_DRAIN: drain(world, node, false); break;
    case SIM_LEAVE: set_present(world, node, true); return;
    case SIM_RESTART:
        set_present(world, node, false);
        sim_server_drop(world, node);
        return;
    default: break;
    }
    sim_measure_recovered(world, node);
}

void sim_script_step(struct sim_world *world, uint32_t number) {
    const struct sim_step *step = &world->steps[number];
    switch (step->phase) {
    case PHASE_BEGIN: begin_event(world, step->node, &world->scenario->events[step->event]); break;
    case PHASE_END: end_event(world, step->node, &world->scenario->events[step->event]); break;
    default: set_present(world, step->node, true);
    }
}
