/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "strategy/turns.h"

#include "base/sort.h"

static void sort_nodes(const lw_build *build, uint64_t *nodes, uint32_t *weighted) {
    uint64_t *unsorted = nodes + build->count;
    for (uint32_t i = 0; i < build->count; i++) {
        if (build->weights[i] > 0) {
            unsorted[(*weighted)++] = (uint64_t)build->weights[i] << 32 | i;
        }
    }
    lw__sort_high(unsorted, nodes, *weighted);
}

static void classify(struct lw__turn_order *order, uint32_t weighted, uint32_t gcd) {
    for (uint32_t i = 0; i < weighted; i++) {
        int64_t weight = (int64_t)((order->nodes[i] >> 32) / gcd);
        if (order->count == 0 || order->classes[order->count - 1].weight != weight) {
            order->classes[order->count++] = (struct lw__turn_class){weight, 0, i, i, i};
        }
        order->classes[order->count - 1].end = i + 1;
    }
}

static void fill_slots(struct lw__turn_order *order, lw__turn_rule *rule, uint16_t *slots) {
    for (int64_t turn = 0; turn < order->cycle; turn++) {
        struct lw__turn_class *taken = rule(order);
        slots[turn] = (uint16_t)lw__turn_head(order, taken);
        taken->next = taken->next + 1 == taken->end ? taken->begin : taken->next + 1;
    }
}

int lw__turns_lay_out(const lw_build *build, uint32_t gcd, lw__turn_rule *rule, uint16_t *slots, uint32_t cycle) {
    uint64_t *nodes = lw_build_alloc(build, 2 * sizeof *nodes * build->count);
    struct lw__turn_class *classes = lw_build_alloc(build, sizeof *classes * build->count);
    int error = nodes != NULL && classes != NULL ? LW_OK : LW_NOMEM;
    if (error == LW_OK) {
        struct lw__turn_order order = {classes, 0, nodes, (int64_t)cycle};
        uint32_t weighted = 0;
        sort_nodes(build, nodes, &weighted);
        classify(&order, weighted, gcd);
        fill_slots(&order, rule, slots);
    }
    lw_build_release(build, nodes);
    lw_build_release(build, classes);
    return error;
}
