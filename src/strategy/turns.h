/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One cycle of weighted turns, laid out as a table of 2-byte slots, in the order of a rule.
 *
 * Laying out needs no scan over nodes: nodes of equal weight take their turns in order of index, one round after
 * another, so a rule compares only one candidate per distinct weight. O(cycle x distinct weights).
 */
#ifndef LW_STRATEGY_TURNS_H
#define LW_STRATEGY_TURNS_H

#include <loadwise/ops.h>

enum { LW__TURN_NODES = 65536 }; /* indexes that fit a slot */

/* Nodes of one weight, in order of index; `next` is the one whose turn comes first. Classes stand in rising order of
   weight. `value` is the rule's own, 0 at first. */
struct lw__turn_class {
    int64_t weight, value;
    uint32_t begin, end, next;
};

struct lw__turn_order {
    struct lw__turn_class *classes;
    uint32_t count;
    const uint64_t *nodes; /* by weight, then index; the index is the low half */
    int64_t cycle;
};

/* A rule: the class whose next node takes this turn. Where that is the last of its class, the rule counts the round. */
typedef struct lw__turn_class *lw__turn_rule(struct lw__turn_order *order);

/* Node index of a class's next turn. */
static inline uint32_t lw__turn_head(const struct lw__turn_order *order, const struct lw__turn_class *candidate) {
    return (uint32_t)order->nodes[candidate->next];
}

static inline bool lw__turn_ends_round(const struct lw__turn_class *taken) { return taken->next + 1 == taken->end; }

/* Fills so many slots, the cycle of the weights over their gcd; returns 0 or LW_NOMEM. */
int lw__turns_lay_out(const lw_build *build, uint32_t gcd, lw__turn_rule *rule, uint16_t *slots, uint32_t cycle);

#endif
