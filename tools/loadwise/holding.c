/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A binary heap. */
#include "holding.h"

#include <stdlib.h>

static bool holding_before(const struct held *a, const struct held *b) {
    return a->end != b->end ? a->end < b->end : a->order < b->order;
}

bool holding_add(struct holding *holding, const struct held *held) {
    if (holding->count == holding->room) {
        size_t room = holding->room * 2 + 64;
        struct held *at = realloc(holding->at, room * sizeof *at);
        if (at == NULL) {
            return false;
        }
        holding->at = at;
        holding->room = room;
    }
    size_t place = holding->count++;
    while (place > 0 && holding_before(held, &holding->at[(place - 1) / 2])) {
        holding->at[place] = holding->at[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    holding->at[place] = *held;
    return true;
}

struct held holding_take(struct holding *holding) {
    struct held first = holding->at[0], last = holding->at[--holding->count];
    size_t place = 0, child;
    while ((child = 2 * place + 1) < holding->count) {
        if (child + 1 < holding->count && holding_before(&holding->at[child + 1], &holding->at[child])) {
            child++;
        }
        if (!holding_before(&holding->at[child], &last)) {
            break;
        }
        holding->at[place] = holding->at[child];
        place = child;
    }
    holding->at[place] = last;
    return first;
}

void holding_free(struct holding *holding) {
    free(holding->at);
    *holding = (struct holding){NULL, 0, 0};
}
