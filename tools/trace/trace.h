/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A made-up request trace that resembles a real one: bursts, token counts, and users of whom a few ask for the most. */
#ifndef LOADWISE_TRACE_H
#define LOADWISE_TRACE_H

#include <stdint.h>

#define TRACE_USERS_MOST 1000

struct trace {
    uint64_t chance;
    uint64_t clock; /* of the row made last: 100 ns since 1970 */
    uint32_t users;
    uint64_t reach[TRACE_USERS_MOST]; /* weights of the users up to this one, added up */
};

struct trace_row {
    uint64_t clock;
    uint64_t context, generated;
    uint32_t user; /* from 1; user k asks about 1/k as often as user 1 (Zipf) */
};

/* The same seed gives the same rows everywhere. users is from 1 to TRACE_USERS_MOST. */
void trace_init(struct trace *trace, uint64_t seed, uint32_t users);

void trace_next(struct trace *trace, struct trace_row *row);

#endif
