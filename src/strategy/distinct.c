/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Draws without repetition: redraws while they are cheap and exact, then whatever is exact for the rest. See
 * distinct.h.
 *
 * A redraw that succeeds is a draw among exactly those that are left, so that the two ways mix without a bias.
 */
#include "strategy/distinct.h"

#include <string.h>

enum { TRIES = 8 };

/* d distinct ranks below count, in random order: each is drawn among the ranks that are left. */
static void draw_ranks(const lw_view *view, uint32_t count, uint32_t *drawn, uint32_t d) {
    uint32_t sorted[LW__CHOICES];
    for (uint32_t i = 0; i < d; i++) {
        uint32_t rank = lw_view_below(view, count - i), at = 0;
        for (; at < i && sorted[at] <= rank; at++) {
            rank++;
        }
        memmove(&sorted[at + 1], &sorted[at], (i - at) * sizeof *sorted);
        drawn[i] = sorted[at] = rank;
    }
}

/* Up to d nodes, by independent draws of which misses are repeated a few times. Without a table: evenly. */
static uint32_t draw_with_retries(const lw_view *view, const struct lw__alias *table, uint32_t *drawn, uint32_t d) {
    uint32_t found = 0;
    for (uint32_t left = d * TRIES; found < d && left > 0; left--) {
        uint32_t index = table != NULL ? lw__alias_draw(view, table) : lw_view_below(view, view->count);
        if (lw_view_may(view, index) && !lw__holds(drawn, found, index)) {
            drawn[found++] = index;
        }
    }
    return found;
}

static ptrdiff_t draw_by_rank(const lw_view *view, uint32_t *drawn, uint32_t d) {
    uint32_t count = lw_view_count(view);
    if (count == 0) {
        return lw_view_refusal(view);
    }
    d = d < count ? d : count;
    draw_ranks(view, count, drawn, d);
    for (uint32_t i = 0; i < d; i++) {
        ptrdiff_t index = lw_view_nth(view, drawn[i]);
        if (index < 0) {
            return index;
        }
        drawn[i] = (uint32_t)index;
    }
    return d;
}

ptrdiff_t lw__distinct_draw(const lw_view *view, uint32_t *drawn, uint32_t d) {
    if (!lw_view_all(view) && draw_with_retries(view, NULL, drawn, d) == d) {
        return d;
    }
    return draw_by_rank(view, drawn, d);
}

/* Where a few draws do not find d nodes, because one outweighs the rest or few may be chosen, the others are drawn by
   weight among exactly those that are left. */
ptrdiff_t lw__distinct_draw_weighted(const lw_view *view, const struct lw__alias *table, uint32_t *drawn, uint32_t d) {
    if (table == NULL) {
        return lw__weightless(view);
    }
    uint32_t found = draw_with_retries(view, table, drawn, d);
    while (found < d) {
        ptrdiff_t index = lw__weighted_scan_but(view, drawn, found);
        if (index < 0) {
            break;
        }
        drawn[found++] = (uint32_t)index;
    }
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}
