/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The requests under way, by the time when they end. */
#ifndef LOADWISE_TOOL_HOLDING_H
#define LOADWISE_TOOL_HOLDING_H

#include <loadwise/ticket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held {
    uint64_t end;   /* ns */
    uint64_t order; /* of two that end together, the earlier request ends first */
    uint32_t outcome;
    lw_ticket ticket;
};

struct holding {
    struct held *at; /* a heap: none ends before at[0] */
    size_t count, room;
};

/* False: no memory. */
bool holding_add(struct holding *holding, const struct held *held);

/* Takes out the first. There must be one. */
struct held holding_take(struct holding *holding);

void holding_free(struct holding *holding);

#endif
