/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A history of twenty versions of a set, the owners of keys after each, and orders after the last. */
#include "bucket_vectors.h"
#include "golden.h"

enum { HISTORY_NODES = 48, HISTORY_KEYS = 50, HISTORY_ROOM = 4 };

static uint64_t history_mix(uint64_t z) {
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

struct history {
    lw_nodes nodes;
    uint64_t ids[HISTORY_NODES];
    uint8_t numbers[HISTORY_NODES];
};

/* The members of a mask, every other time backwards, since the order of the list does not matter. */
static void history_call(struct history *history, uint64_t mask, size_t version) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < HISTORY_NODES; i++) {
        uint32_t number = version % 2 == 0 ? i : HISTORY_NODES - 1 - i;
        if (mask >> number & 1) {
            history->ids[count] = history_mix(number + 1);
            history->numbers[count++] = (uint8_t)number;
        }
    }
    history->nodes.count = count;
    history->nodes.version = version;
}

static void check_history_orders(lw_strategy *strategy, struct history *history) {
    static uint64_t some[LW_BITMAP_WORDS(HISTORY_NODES)];
    for (uint32_t i = 0; i < history->nodes.count; i++) {
        if (history->numbers[i] % 5 != 2) {
            lw_bitmap_set(some, i);
        }
    }
    history->nodes.eligible = some;
    for (size_t i = 0; i < GOLDEN_COUNT(anchor_orders); i += HISTORY_ROOM) {
        uint32_t order[HISTORY_ROOM];
        lw_request request = golden_key(i / HISTORY_ROOM);
        ptrdiff_t owner = lw_select(strategy, &history->nodes, &request);
        GOLDEN_CHECK(owner >= 0 && history->numbers[owner] == anchor_orders[i]);
        GOLDEN_CHECK(lw_replicas(strategy, &history->nodes, request.key, order, HISTORY_ROOM) == HISTORY_ROOM);
        for (size_t k = 0; k < HISTORY_ROOM; k++) {
            GOLDEN_CHECK(history->numbers[order[k]] == anchor_orders[i + k]);
        }
    }
}

int main(void) {
    static struct history history;
    lw_strategy *strategy = golden_strategy("anchor capacity=50");
    lw_nodes_init(&history.nodes, HISTORY_NODES);
    LW_SET_VALUES(history.nodes, id, history.ids);
    history.nodes.set = 1;
    for (size_t version = 0; version < GOLDEN_COUNT(anchor_masks); version++) {
        history_call(&history, anchor_masks[version], version);
        for (size_t i = 0; i < HISTORY_KEYS; i++) {
            lw_request request = golden_key(i);
            ptrdiff_t owner = lw_select(strategy, &history.nodes, &request);
            GOLDEN_CHECK(owner >= 0 && history.numbers[owner] == anchor_owners[version * HISTORY_KEYS + i]);
        }
    }
    check_history_orders(strategy, &history);
    lw_strategy_free(strategy);
    return golden_verdict();
}
