/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rule: extra tries < requests x percent / 100 + floor, all of the window. */
#include "service/budget.h"

#define BUDGET_SECOND 1e9

void lw__budget_init(struct lw__budget *budget, uint64_t percent, uint64_t floor_a_second, uint64_t window) {
    budget->percent = percent;
    budget->floor = (uint64_t)((double)floor_a_second * ((double)window / BUDGET_SECOND));
    lw__rolling_init(&budget->rolling, window);
}

void lw__budget_request(struct lw__budget *budget, uint64_t now) { lw__rolling_now(&budget->rolling, now)->first++; }

bool lw__budget_take(struct lw__budget *budget, uint64_t now) {
    struct lw__pair *part = lw__rolling_now(&budget->rolling, now), sum = lw__rolling_sum(&budget->rolling);
    if (sum.second >= sum.first * budget->percent / 100 + budget->floor) {
        return false;
    }
    part->second++;
    return true;
}
