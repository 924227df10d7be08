/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tries whose clients still wait, by when they will give up. All wait equally long, so that the order of sending is the
 * order of giving up: a list does, and an answer in time takes its try out at once.
 */
#ifndef LOADWISE_SIM_TIMEOUTS_H
#define LOADWISE_SIM_TIMEOUTS_H

#include <stdint.h>

struct sim_world;

/* Of a try. Does nothing where clients wait for ever; so does the next. */
void sim_timeouts_add(struct sim_world *world, uint32_t place);
void sim_timeouts_remove(struct sim_world *world, uint32_t place);

/* When the first gives up; SIM_NEVER when nobody waits. Which it is: world->timeouts.first. */
uint64_t sim_timeouts_next(struct sim_world *world);

#endif
