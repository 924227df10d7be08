/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is to come, by time; of one time, in the order in which it was said. */
#ifndef LOADWISE_SIM_EVENTS_H
#define LOADWISE_SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_upcoming {
    uint64_t at;
    uint64_t order;
    uint32_t kind;
    uint32_t what; /* which request, node, event */
};

struct sim_events {
    struct sim_upcoming *heap;
    size_t count, room;
    uint64_t said;
};

/* False when memory ran out. */
bool sim_events_add(struct sim_events *events, uint64_t at, uint32_t kind, uint32_t what);

/* The next one; there must be one. */
static inline const struct sim_upcoming *sim_events_next(const struct sim_events *events) { return events->heap; }
void sim_events_pop(struct sim_events *events);
void sim_events_free(struct sim_events *events);

#endif
