/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every figure of a node is a hash of its number, so that nothing depends on a generator or its state. */
#include "fleet.h"

#include <loadwise/bitmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OF_TWENTY = 20 };

/* Number `which` about node or key `index`: independent for different `which`. */
static uint64_t trait(uint64_t which, uint64_t index) { return fleet_mix(fleet_mix(which + 1) + index); }

static double unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

static int allocate(struct fleet *fleet) {
    size_t count = fleet->count;
    fleet->names = calloc(count, sizeof *fleet->names);
    fleet->name_list = calloc(count, sizeof *fleet->name_list);
    fleet->weights = calloc(count, sizeof *fleet->weights);
    fleet->loads = aligned_alloc(64, (count + 7) / 8 * 64);
    fleet->remaining = aligned_alloc(64, (count + 7) / 8 * 64);
    fleet->inflight = calloc(count, sizeof *fleet->inflight);
    fleet->capacity = calloc(count, sizeof *fleet->capacity);
    fleet->keys = calloc(FLEET_KEYS, sizeof *fleet->keys);
    fleet->eligible = calloc(LW_BITMAP_WORDS(count), sizeof *fleet->eligible);
    fleet->eligible_blocks = calloc(LW_BITMAP_BLOCKS(count), sizeof *fleet->eligible_blocks);
    int whole = fleet->names && fleet->name_list && fleet->weights && fleet->loads && fleet->remaining &&
                fleet->inflight && fleet->capacity && fleet->keys && fleet->eligible && fleet->eligible_blocks;
    return whole ? 0 : -1;
}

static void make_node(struct fleet *fleet, uint32_t index) {
    snprintf(fleet->names[index], FLEET_NAME_SIZE, "10.%u.%u.%u:8080", (index >> 16) & 255, (index >> 8) & 255,
             index & 255);
    fleet->name_list[index] = fleet->names[index];
    fleet->weights[index] = (uint32_t)(1 + trait(0, index) % FLEET_WEIGHT);
    fleet->loads[index] = unit(trait(1, index));
    fleet->remaining[index] = unit(trait(2, index));
    fleet->inflight[index] = (uint32_t)(trait(5, index) % FLEET_CAPACITY);
    fleet->capacity[index] = FLEET_CAPACITY;
}

static void take_some_out(struct fleet *fleet) {
    uint32_t out = fleet->count / OUT_OF_TWENTY > 0 ? fleet->count / OUT_OF_TWENTY : 1;
    lw_bitmap_fill(fleet->eligible, fleet->count);
    for (uint64_t draw = 0; out > 0; draw++) {
        uint32_t index = (uint32_t)(trait(3, draw) % fleet->count);
        if (lw_bitmap_get(fleet->eligible, index)) {
            lw_bitmap_clear(fleet->eligible, index);
            out--;
        }
    }
    lw_bitmap_blocks(fleet->eligible, fleet->count, fleet->eligible_blocks);
    fleet->eligible_count = lw_bitmap_count(fleet->eligible, fleet->count);
}

int fleet_open(struct fleet *fleet, uint32_t count) {
    memset(fleet, 0, sizeof *fleet);
    fleet->count = count;
    if (allocate(fleet) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        make_node(fleet, i);
    }
    for (uint32_t i = 0; i < FLEET_KEYS; i++) {
        fleet->keys[i] = trait(4, i);
    }
    take_some_out(fleet);
    return 0;
}

void fleet_close(struct fleet *fleet) {
    free(fleet->names);
    free(fleet->name_list);
    free(fleet->weights);
    free(fleet->loads);
    free(fleet->remaining);
    free(fleet->inflight);
    free(fleet->capacity);
    free(fleet->keys);
    free(fleet->eligible);
    free(fleet->eligible_blocks);
    memset(fleet, 0, sizeof *fleet);
}
