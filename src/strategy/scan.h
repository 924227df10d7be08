/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A scan for the nodes with the lowest score, in blocks of 64.
 *
 * First pass: the least score of each run of blocks. Second pass, only over runs that reach the threshold: the nodes at
 * or under it. Dense columns are read in place, any other kind is gathered 64 at a time into a buffer, and both go
 * through the same two kernels, with AVX2 where the processor has it and with a plain loop elsewhere; the answers are
 * the same.
 */
#ifndef LW_STRATEGY_SCAN_H
#define LW_STRATEGY_SCAN_H

#include <loadwise/ops.h>

/* Scores of a view: lower is better, NaN is no score. */
struct lw__scan {
    const lw_view *view;
    const double *dense;                                  /* values in place, or NULL */
    double (*score)(const lw_view *view, uint32_t index); /* a value, otherwise */
    double sign;                                          /* score = value * sign, 1 or -1 */
    bool weighted;                                        /* nodes of weight 0 are passed over */
    bool first;                                           /* of several, the first; else one drawn uniformly */
};

/* A node whose score is at most least + slack. Where no node that may be chosen has a score, any of them; where none
   may be, a refusal. */
ptrdiff_t lw__scan_some(const struct lw__scan *scan, double slack);

/* The same for values in place of nodes that may all be chosen, of any weight: all that it needs fits the registers. */
ptrdiff_t lw__scan_whole(const lw_view *view, const double *values, double sign, double slack, bool first);

/* Whichever of them it takes. */
static inline ptrdiff_t lw__scan_pick(const struct lw__scan *scan, double slack) {
    return scan->dense != NULL && lw_view_all(scan->view)
               ? lw__scan_whole(scan->view, scan->dense, scan->sign, slack, scan->first)
               : lw__scan_some(scan, slack);
}

#endif
