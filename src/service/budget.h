/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A budget for extra tries: in a window at most `percent` of the requests, and `floor` a second besides.
 * Source: Finagle's RetryBudget. Cost: a few additions.
 */
#ifndef LW_SERVICE_BUDGET_H
#define LW_SERVICE_BUDGET_H

#include "service/rolling.h"

#include <stdbool.h>

struct lw__budget {
    uint64_t percent, floor;    /* floor: in a window */
    struct lw__rolling rolling; /* requests, extra tries */
};

void lw__budget_init(struct lw__budget *budget, uint64_t percent, uint64_t floor_a_second, uint64_t window);

/* A request has come. */
void lw__budget_request(struct lw__budget *budget, uint64_t now);

/* May there be an extra try? Then it counts. */
bool lw__budget_take(struct lw__budget *budget, uint64_t now);

#endif
