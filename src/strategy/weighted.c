/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Weighted draws in whole numbers, without a rounding anywhere.
 *
 * Alias table (Walker 1977, Vose 1991): n columns of height W = sum of w; node i fills w_i * n units, large ones lend
 * what small ones lack. Draw a column and a height below W: under the threshold the column's node, over it its alias.
 * Weights are divided by their gcd first. Where W still reaches 2^32 the heights do not fit an entry of 8 bytes, and a
 * binary search in the running sums answers instead, as exactly.
 *
 * Cost: O(1) a draw, 8 bytes a node; O(log n) and 8 bytes a node in the second form; O(n) for the scan over a set of
 * which only a part may be chosen.
 */
#include "strategy/weighted.h"

#include "strategy/lottery.h"

enum { REDRAWS = 16 };

struct lw__alias {
    uint64_t total;
    uint32_t count;
    uint32_t by_sums;   /* which form */
    uint64_t entries[]; /* columns: threshold in the high half, alias in the low one; or running sums */
};

static uint64_t column(uint64_t threshold, uint32_t alias) { return threshold << 32 | alias; }

uint32_t lw__weights_gcd(const uint32_t *weights, uint32_t count) {
    uint32_t gcd = 0;
    for (uint32_t i = 0; i < count && gcd != 1; i++) {
        for (uint32_t rest = weights[i]; rest != 0;) {
            uint32_t next = gcd % rest;
            gcd = rest;
            rest = next;
        }
    }
    return gcd;
}

uint64_t lw__weights_sum(const uint32_t *weights, uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += weights[i];
    }
    return sum;
}

uint32_t lw__sums_find(const uint64_t *sums, uint32_t count, uint64_t place) {
    uint32_t base = 0;
    for (uint32_t left = count; left > 1;) {
        uint32_t half = left / 2;
        base += sums[base + half - 1] <= place ? half : 0;
        left -= half;
    }
    return base;
}

/* Pairs small columns with large ones. `need` holds what each column still has to give away, w_i * n. */
static void pair_columns(struct lw__alias *table, uint64_t *need, uint32_t *stack) {
    uint32_t small = 0, large = table->count;
    for (uint32_t i = 0; i < table->count; i++) {
        stack[need[i] < table->total ? small++ : --large] = i;
    }
    while (small > 0 && large < table->count) {
        uint32_t poor = stack[--small], rich = stack[large];
        table->entries[poor] = column(need[poor], rich);
        need[rich] -= table->total - need[poor];
        if (need[rich] < table->total) {
            large++;
            stack[small++] = rich;
        }
    }
    while (large < table->count) { /* full columns: the alias is the node itself, so the threshold does not matter */
        uint32_t full = stack[large++];
        table->entries[full] = column(0, full);
    }
}

static int fill_columns(const lw_build *build, struct lw__alias *table, uint32_t gcd) {
    uint64_t *need = lw_build_alloc(build, build->count * (sizeof(uint64_t) + sizeof(uint32_t)));
    if (need == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < build->count; i++) {
        uint32_t weight = gcd == 1 ? build->weights[i] : build->weights[i] / gcd;
        need[i] = (uint64_t)weight * build->count;
    }
    pair_columns(table, need, (uint32_t *)(void *)(need + build->count));
    lw_build_release(build, need);
    return LW_OK;
}

void lw__sums_fill(const lw_build *build, uint32_t gcd, uint64_t *sums) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        sum += build->weights[i] / gcd;
        sums[i] = sum;
    }
}

int lw__alias_build(const lw_build *build, void **out) {
    uint32_t gcd = lw__weights_gcd(build->weights, build->count);
    if (gcd == 0) {
        return LW_OK;
    }
    struct lw__alias *table = lw_build_alloc(build, sizeof *table + build->count * sizeof *table->entries);
    if (table == NULL) {
        return LW_NOMEM;
    }
    int error = LW_OK;
    table->count = build->count;
    table->total = lw__weights_sum(build->weights, build->count) / gcd;
    table->by_sums = table->total > UINT32_MAX;
    if (table->by_sums) {
        lw__sums_fill(build, gcd, table->entries);
    } else {
        error = fill_columns(build, table, gcd);
    }
    if (error != LW_OK) {
        lw_build_release(build, table);
        return error;
    }
    *out = table;
    return LW_OK;
}

/* What a draw of 64 bits names: a column by its high half, and a height below the total by its low one. */
static inline uint32_t entry_at(const struct lw__alias *table, uint64_t place, uint64_t height) {
    uint64_t drawn = table->entries[place >> 32];
    uint32_t own = (uint32_t)(place >> 32), alias = (uint32_t)drawn;
    uint32_t own_wins = height >> 32 < drawn >> 32; /* a coin toss: no branch */
    return alias ^ ((alias ^ own) & (0 - own_wins));
}

__attribute__((noinline, cold)) static uint32_t draw_sum(const lw_view *view, const struct lw__alias *table) {
    return lw__sums_find(table->entries, table->count, lw__below_wide(view, table->total));
}

/* Draws that would bias column or height are thrown away, beginning with `bits`. */
__attribute__((noinline, cold)) static uint32_t draw_carefully(const lw_view *view, const struct lw__alias *table,
                                                               uint64_t bits) {
    uint32_t count = table->count, total = (uint32_t)table->total;
    for (;; bits = lw_view_random(view)) {
        uint64_t place = (bits >> 32) * count, height = (bits & UINT32_MAX) * total;
        if ((uint32_t)place >= (0 - count) % count && (uint32_t)height >= (0 - total) % total) {
            return entry_at(table, place, height);
        }
    }
}

static inline uint32_t alias_draw(const lw_view *view, const struct lw__alias *table) {
    if (__builtin_expect(table->by_sums, 0)) {
        return draw_sum(view, table);
    }
    uint32_t count = table->count, total = (uint32_t)table->total;
    uint64_t bits = lw_view_random(view);
    uint64_t place = (bits >> 32) * count, height = (bits & UINT32_MAX) * total;
    if (__builtin_expect((uint32_t)place < count || (uint32_t)height < total, 0)) {
        return draw_carefully(view, table, bits);
    }
    return entry_at(table, place, height);
}

uint32_t lw__alias_draw(const lw_view *view, const struct lw__alias *table) { return alias_draw(view, table); }

__attribute__((noinline)) static ptrdiff_t draw_some(const lw_view *view, const struct lw__alias *table) {
    for (int i = 0; i < REDRAWS; i++) {
        uint32_t index = alias_draw(view, table);
        if (lw_view_may(view, index)) {
            return index;
        }
    }
    return lw__weighted_scan(view);
}

ptrdiff_t lw__weighted_draw(const lw_view *view, const struct lw__alias *table) {
    if (table == NULL) {
        return lw__weightless(view);
    }
    return lw_view_all(view) ? (ptrdiff_t)alias_draw(view, table) : draw_some(view, table);
}

bool lw__holds(const uint32_t *nodes, uint32_t count, uint32_t index) {
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i] == index) {
            return true;
        }
    }
    return false;
}

/* Some few nodes that are out of the question as well. */
struct others {
    const uint32_t *node;
    uint32_t count;
};

static uint64_t weight_but_of(const lw_view *view, uint32_t index, const void *how) {
    const struct others *but = how;
    return lw__holds(but->node, but->count, index) ? 0 : lw_view_weight(view, index);
}

ptrdiff_t lw__weighted_scan_but(const lw_view *view, const uint32_t *but, uint32_t but_count) {
    struct others others = {but, but_count};
    return lw__lottery_draw(view, weight_but_of, &others);
}

ptrdiff_t lw__weighted_scan(const lw_view *view) {
    ptrdiff_t found = lw__weighted_scan_but(view, NULL, 0);
    return found < 0 ? lw__weightless(view) : found;
}

ptrdiff_t lw__weightless(const lw_view *view) { return lw_view_count(view) > 0 ? LW_NO_WEIGHT : lw_view_refusal(view); }
