/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ring of parts; those that time has passed over are emptied when somebody counts again. */
#include "service/rolling.h"

void lw__rolling_init(struct lw__rolling *rolling, uint64_t window) {
    *rolling = (struct lw__rolling){.span = window / (LW__ROLLING_PARTS - 1)};
}

struct lw__pair *lw__rolling_now(struct lw__rolling *rolling, uint64_t now) {
    uint64_t number = now / rolling->span;
    uint64_t gone = number > rolling->current ? number - rolling->current : 0;
    for (uint64_t i = 0; i < gone && i < LW__ROLLING_PARTS; i++) {
        rolling->part[(number - i) % LW__ROLLING_PARTS] = (struct lw__pair){0, 0};
    }
    rolling->current += gone;
    return &rolling->part[rolling->current % LW__ROLLING_PARTS];
}

struct lw__pair *lw__rolling_part(struct lw__rolling *rolling, uint64_t number) {
    return rolling->current - number < LW__ROLLING_PARTS ? &rolling->part[number % LW__ROLLING_PARTS] : NULL;
}

struct lw__pair lw__rolling_sum(const struct lw__rolling *rolling) {
    struct lw__pair sum = {0, 0};
    for (int i = 0; i < LW__ROLLING_PARTS; i++) {
        sum.first += rolling->part[i].first;
        sum.second += rolling->part[i].second;
    }
    return sum;
}
