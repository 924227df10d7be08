/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rule: extras < requests x percent / 100 + floor, all of the window. Time that steps back stands still. */
#include "service/budget.h"

#define BUDGET_SECOND UINT64_C(1000000000)

void lw__budget_init(struct lw__budget *budget, uint64_t percent, uint64_t floor_a_second, uint64_t window) {
    *budget = (struct lw__budget){.percent = percent};
    budget->floor = (uint64_t)((double)floor_a_second * ((double)window / (double)BUDGET_SECOND));
    budget->part = window / (LW__BUDGET_PARTS - 1);
}

static uint64_t budget_roll(struct lw__budget *budget, uint64_t now) {
    uint64_t part = now / budget->part;
    if (part > budget->current) {
        uint64_t gone = part - budget->current;
        for (uint64_t i = 1; i <= gone && i <= LW__BUDGET_PARTS; i++) {
            uint64_t place = (budget->current + i) % LW__BUDGET_PARTS;
            budget->requests[place] = budget->extras[place] = 0;
        }
        budget->current = part;
    }
    return budget->current % LW__BUDGET_PARTS;
}

void lw__budget_request(struct lw__budget *budget, uint64_t now) { budget->requests[budget_roll(budget, now)]++; }

bool lw__budget_take(struct lw__budget *budget, uint64_t now) {
    uint64_t place = budget_roll(budget, now), requests = 0, extras = 0;
    for (int i = 0; i < LW__BUDGET_PARTS; i++) {
        requests += budget->requests[i];
        extras += budget->extras[i];
    }
    if (extras >= requests * budget->percent / 100 + budget->floor) {
        return false;
    }
    budget->extras[place]++;
    return true;
}
