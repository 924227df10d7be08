/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A tree of sums over the weights of all nodes, and what has changed since.
 *
 * The leaves are the nodes in order, up to a power of two. Inner cell k has the children 2k and 2k + 1 and holds the
 * sum of the weights on its left; cell 0 holds the sum of all. A draw takes a place below that sum and goes down: left
 * where the place is below the cell, else right with the rest of it.
 *
 * The plan has sums and weights as they were when the version was prepared, and never changes. The board has what is to
 * be added: to each sum, and, modulo 2^32, to each weight. A board of zeros is no change. Whoever finds that a weight
 * is not what the tree knows swaps in the new difference, and after a swap that succeeds adds up the tree just what
 * this swap made out. So when all is quiet each sum is right, whoever met whom; while somebody is on the way up a sum
 * may be off, even below 0, which counts as 0, and a draw may end where there is no node.
 *
 * Source: a tree of left sums is what weighted choice in brpc goes by; a Fenwick tree holds the same sums in another
 * order. Memory: 12 to 20 bytes a node for the plan, which is built in O(n log n), and as many for the board.
 */
#include "strategy/weight_tree.h"

#include "strategy/lottery.h"
#include "strategy/weighted.h"

/* Plan and board alike; weights or their differences, one a node, stand behind the sums. */
struct weight_tree {
    uint32_t count, leaves;
    int64_t sums[]; /* as many as leaves */
};

static uint32_t leaves_for(uint32_t count) {
    uint32_t leaves = 1;
    while (leaves < count) {
        leaves *= 2;
    }
    return leaves;
}

size_t lw__weight_tree_board(uint32_t count) {
    return sizeof(struct weight_tree) + leaves_for(count) * sizeof(int64_t) + count * sizeof(uint32_t);
}

static inline uint32_t *weights_of(struct weight_tree *tree, uint32_t leaves) {
    return (uint32_t *)(void *)(tree->sums + leaves);
}

int lw__weight_tree_build(const lw_build *build, void **out) {
    struct weight_tree *tree = lw_build_alloc(build, lw__weight_tree_board(build->count));
    if (tree == NULL) {
        return LW_NOMEM;
    }
    tree->count = build->count;
    tree->leaves = leaves_for(build->count);
    tree->sums[0] = (int64_t)lw__weights_sum(build->weights, build->count); /* below 2^31 * 2^32 */
    for (uint32_t i = 0; i < build->count; i++) {
        weights_of(tree, tree->leaves)[i] = build->weights[i];
        for (uint32_t k = tree->leaves + i; k > 1; k /= 2) {
            tree->sums[k / 2] += k % 2 == 0 ? build->weights[i] : 0;
        }
    }
    *out = tree;
    return LW_OK;
}

static inline uint64_t sum_now(const struct weight_tree *tree, const struct weight_tree *changes, uint32_t cell) {
    int64_t sum = tree->sums[cell] + __atomic_load_n(&changes->sums[cell], __ATOMIC_RELAXED);
    return sum > 0 ? (uint64_t)sum : 0;
}

ptrdiff_t lw__weight_tree_draw(const lw_view *view) {
    const struct weight_tree *tree = lw_view_plan(view), *changes = lw_view_board(view);
    uint64_t total = sum_now(tree, changes, 0);
    if (total == 0) {
        return -1;
    }
    uint64_t place = lw__below_wide(view, total);
    uint32_t at = 1;
    while (at < tree->leaves) {
        uint64_t left = sum_now(tree, changes, at);
        uint32_t right = place >= left;
        place -= left & (0 - (uint64_t)right); /* a coin toss: no branch */
        at = 2 * at + right;
    }
    uint32_t index = at - tree->leaves;
    return index < tree->count ? (ptrdiff_t)index : -1;
}

static void add_up(struct weight_tree *changes, uint32_t leaf, int64_t difference) {
    __atomic_fetch_add(&changes->sums[0], difference, __ATOMIC_RELAXED);
    for (uint32_t k = leaf; k > 1; k /= 2) {
        if (k % 2 == 0) {
            __atomic_fetch_add(&changes->sums[k / 2], difference, __ATOMIC_RELAXED);
        }
    }
}

/* The difference is read before the weight, so that a swap which succeeds is no older than what it replaces. One that
   fails met somebody who saw a change too; if that was another one, it is found the next time. */
bool lw__weight_tree_check(const lw_view *view, uint32_t index) {
    struct weight_tree *tree = view->memory->plan, *changes = lw_view_board(view);
    uint32_t *changed = &weights_of(changes, tree->leaves)[index];
    uint32_t planned = weights_of(tree, tree->leaves)[index];
    uint32_t before = __atomic_load_n(changed, __ATOMIC_ACQUIRE);
    uint32_t known = planned + before, weight = lw_view_weight(view, index);
    if (__builtin_expect(known == weight, 1)) {
        return true;
    }
    if (__atomic_compare_exchange_n(changed, &before, weight - planned, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        add_up(changes, tree->leaves + index, (int64_t)weight - (int64_t)known);
    }
    return false;
}
