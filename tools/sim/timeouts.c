/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "timeouts.h"

#include "world.h"

static bool timeouts_are_set(const struct sim_world *world) { return world->scenario->clients.timeout > 0; }

void sim_timeouts_add(struct sim_world *world, uint32_t place) {
    struct sim_line *line = &world->timeouts;
    struct sim_try *try = sim_try_at(world, place);
    if (!timeouts_are_set(world)) {
        return;
    }
    try->expires = world->now + world->scenario->clients.timeout;
    try->older = line->count > 0 ? line->last : SIM_NONE;
    try->newer = SIM_NONE;
    if (line->count++ > 0) {
        sim_try_at(world, line->last)->newer = place;
    } else {
        line->first = place;
    }
    line->last = place;
}

void sim_timeouts_remove(struct sim_world *world, uint32_t place) {
    struct sim_line *line = &world->timeouts;
    const struct sim_try *try = sim_try_at(world, place);
    if (!timeouts_are_set(world)) {
        return;
    }
    *(try->older != SIM_NONE ? &sim_try_at(world, try->older)->newer : &line->first) = try->newer;
    *(try->newer != SIM_NONE ? &sim_try_at(world, try->newer)->older : &line->last) = try->older;
    line->count--;
}

uint64_t sim_timeouts_next(struct sim_world *world) {
    return world->timeouts.count > 0 ? sim_try_at(world, world->timeouts.first)->expires : SIM_NEVER;
}
