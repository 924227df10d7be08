/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two counts over a window that rolls on by a tenth of it: the current part and ten before it, so that the window is
 * never cut short. Time that steps back stands still. Cost: O(1) to count, O(parts) to read.
 */
#ifndef LW_SERVICE_ROLLING_H
#define LW_SERVICE_ROLLING_H

#include <stddef.h>
#include <stdint.h>

enum { LW__ROLLING_PARTS = 11 };

struct lw__pair {
    uint64_t first, second;
};

struct lw__rolling {
    uint64_t span;    /* of a part, ns */
    uint64_t current; /* number of the part that is counted in */
    struct lw__pair part[LW__ROLLING_PARTS];
};

void lw__rolling_init(struct lw__rolling *rolling, uint64_t window);

/* Where to count at this time; rolling->current is its number. */
struct lw__pair *lw__rolling_now(struct lw__rolling *rolling, uint64_t now);

/* The part of this number; NULL: the window has passed over it. */
struct lw__pair *lw__rolling_part(struct lw__rolling *rolling, uint64_t number);

/* The sums as of the time of the latest count. */
struct lw__pair lw__rolling_sum(const struct lw__rolling *rolling);

#endif
