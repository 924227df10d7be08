/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of blocks; each begins with the link to the one before. */
#include "memory.h"

#include <stdlib.h>

struct sim_memory {
    struct sim_memory *older;
    _Alignas(16) unsigned char block[];
};

void *sim_memory_add(struct sim_memory **memory, size_t size) {
    struct sim_memory *made = calloc(1, sizeof *made + size);
    if (made == NULL) {
        return NULL;
    }
    made->older = *memory;
    *memory = made;
    return made->block;
}

void sim_memory_free(struct sim_memory *memory) {
    while (memory != NULL) {
        struct sim_memory *older = memory->older;
        free(memory);
        memory = older;
    }
}
