/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Four independent draws a row: the gap to the row before, the prompt, the answer, the user. */
#include "trace.h"

#include "quantiles.h"

#define START UINT64_C(17672616000000000) /* 2026-01-01 10:00:00 UTC */

enum { FIRST_USER_WEIGHT = 1000000 };

/* splitmix64 */
static uint64_t trace_random(struct trace *trace) {
    uint64_t z = trace->chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t trace_position(struct trace *trace) { return (uint32_t)(trace_random(trace) >> 32); }

void trace_init(struct trace *trace, uint64_t seed, uint32_t users) {
    uint64_t reach = 0;
    trace->chance = seed;
    trace->clock = START;
    trace->users = users;
    for (uint32_t i = 0; i < users; i++) {
        reach += FIRST_USER_WEIGHT / (i + 1);
        trace->reach[i] = reach;
    }
}

static uint32_t trace_user(struct trace *trace) {
    uint64_t target = (trace->reach[trace->users - 1] * trace_position(trace)) >> 32;
    uint32_t user = 0;
    while (trace->reach[user] <= target) {
        user++;
    }
    return user + 1;
}

void trace_next(struct trace *trace, struct trace_row *row) {
    trace->clock += quantiles_value(&quantiles_gap, trace_position(trace));
    row->clock = trace->clock;
    row->context = quantiles_value(&quantiles_context, trace_position(trace));
    row->generated = quantiles_value(&quantiles_generated, trace_position(trace));
    row->user = trace_user(trace);
}
