/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The updates of AnchorHash, as in the paper; see anchor_table.h. */
#include "strategy/anchor_table.h"

#include <string.h>

static void lay_arrays(struct lw__anchor *anchor, uint32_t capacity, uint32_t *memory) {
    anchor->capacity = capacity;
    anchor->left = memory;
    anchor->next = anchor->left + capacity;
    anchor->working = anchor->next + capacity;
    anchor->place = anchor->working + capacity;
    anchor->removed = anchor->place + capacity;
}

void lw__anchor_init(struct lw__anchor *anchor, uint32_t capacity, uint32_t *memory) {
    lay_arrays(anchor, capacity, memory);
    anchor->live = 0;
    for (uint32_t b = 0; b < capacity; b++) {
        anchor->left[b] = anchor->next[b] = anchor->working[b] = anchor->place[b] = b;
        anchor->removed[b] = capacity - 1 - b;
    }
}

void lw__anchor_copy(struct lw__anchor *anchor, const struct lw__anchor *from, uint32_t *memory) {
    lay_arrays(anchor, from->capacity, memory);
    anchor->live = from->live;
    memcpy(memory, from->left, (size_t)LW__ANCHOR_ARRAYS * from->capacity * sizeof *memory);
}

void lw__anchor_remove(struct lw__anchor *anchor, uint32_t bucket) {
    anchor->removed[anchor->capacity - anchor->live] = bucket;
    anchor->live--;
    uint32_t last = anchor->working[anchor->live], at = anchor->place[bucket];
    anchor->left[bucket] = anchor->live;
    anchor->working[at] = anchor->next[bucket] = last;
    anchor->place[last] = at;
}

uint32_t lw__anchor_add(struct lw__anchor *anchor) {
    uint32_t bucket = anchor->removed[anchor->capacity - anchor->live - 1];
    anchor->left[bucket] = 0;
    anchor->place[anchor->working[anchor->live]] = anchor->live;
    anchor->working[anchor->place[bucket]] = anchor->next[bucket] = bucket;
    anchor->live++;
    return bucket;
}
