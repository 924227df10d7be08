/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Blocks that never move, so that a pointer stays good while others are taken. */
#include "slab.h"

#include <stdbool.h>
#include <stdlib.h>

static bool add_block(struct sim_slab *slab) {
    size_t places = ((size_t)slab->block_count + 1) * SIM_SLAB_BLOCK;
    unsigned char **blocks = realloc(slab->blocks, (slab->block_count + 1) * sizeof *blocks);
    if (blocks == NULL) {
        return false;
    }
    slab->blocks = blocks;
    uint32_t *spare = realloc(slab->spare, places * sizeof *spare);
    if (spare == NULL) {
        return false;
    }
    slab->spare = spare;
    unsigned char *block = calloc(SIM_SLAB_BLOCK, slab->size);
    if (block == NULL) {
        return false;
    }
    slab->blocks[slab->block_count++] = block;
    return true;
}

uint32_t sim_slab_take(struct sim_slab *slab) {
    if (slab->spare_count > 0) {
        return slab->spare[--slab->spare_count];
    }
    if (slab->used == slab->block_count * SIM_SLAB_BLOCK && !add_block(slab)) {
        return SIM_NONE;
    }
    return slab->used++;
}

void sim_slab_give(struct sim_slab *slab, uint32_t place) { slab->spare[slab->spare_count++] = place; }

void sim_slab_free(struct sim_slab *slab) {
    for (uint32_t i = 0; i < slab->block_count; i++) {
        free(slab->blocks[i]);
    }
    free(slab->blocks);
    free(slab->spare);
}
