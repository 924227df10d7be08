/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A budget for extra tries: in a window at most `percent` of the requests, and `floor` a second besides. Counted in ten
 * parts of the window, the current one and ten before it, so the window is never cut short.
 * Source: Finagle's RetryBudget. Cost: a few additions.
 */
#ifndef LW_SERVICE_BUDGET_H
#define LW_SERVICE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum { LW__BUDGET_PARTS = 11 };

struct lw__budget {
    uint64_t percent, floor; /* floor: in a window */
    uint64_t part;           /* ns */
    uint64_t current;        /* number of the part that is counted in */
    uint64_t requests[LW__BUDGET_PARTS], extras[LW__BUDGET_PARTS];
};

void lw__budget_init(struct lw__budget *budget, uint64_t percent, uint64_t floor_a_second, uint64_t window);

/* A request has come. */
void lw__budget_request(struct lw__budget *budget, uint64_t now);

/* May there be an extra try? Then it counts. */
bool lw__budget_take(struct lw__budget *budget, uint64_t now);

#endif
