/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Draws by weights that other threads change at any time, with no table to build anew: see weight_tree.c. */
#ifndef LW_STRATEGY_WEIGHT_TREE_H
#define LW_STRATEGY_WEIGHT_TREE_H

#include <loadwise/ops.h>

/* For the ops: the plan, and the bytes of the board. */
int lw__weight_tree_build(const lw_build *build, void **out);
size_t lw__weight_tree_board(uint32_t count);

/* A node in proportion to the weights as the tree knows them, eligible or not: O(log n). Negative where it knows of
   none, or where sums are on the move. */
ptrdiff_t lw__weight_tree_draw(const lw_view *view);

/* Reads the weight of a node once more. True when the tree knew it; else it knows it from now on. O(1), or O(log n)
   for a change. */
bool lw__weight_tree_check(const lw_view *view, uint32_t index);

#endif
