/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Objects of one size, named by their place. As many as were in use at once; freed places are used again. */
#ifndef LOADWISE_SIM_SLAB_H
#define LOADWISE_SIM_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SIM_NONE UINT32_MAX /* no place */

enum { SIM_SLAB_BITS = 10, SIM_SLAB_BLOCK = 1 << SIM_SLAB_BITS };

struct sim_slab {
    size_t size; /* of an object */
    unsigned char **blocks;
    uint32_t block_count, used;
    uint32_t *spare; /* places that were freed */
    uint32_t spare_count;
};

/* A place; SIM_NONE when memory ran out. The object is as it was left, zeroed at first. */
uint32_t sim_slab_take(struct sim_slab *slab);
void sim_slab_give(struct sim_slab *slab, uint32_t place);
void sim_slab_free(struct sim_slab *slab);

static inline void *sim_slab_at(const struct sim_slab *slab, uint32_t place) {
    return slab->blocks[place >> SIM_SLAB_BITS] + (place & (SIM_SLAB_BLOCK - 1)) * slab->size;
}

#endif
