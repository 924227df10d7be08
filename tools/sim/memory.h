/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Blocks of memory that go together. */
#ifndef LOADWISE_SIM_MEMORY_H
#define LOADWISE_SIM_MEMORY_H

#include <stddef.h>

struct sim_memory; /* NULL: none */

/* A zeroed block; NULL when memory ran out. */
void *sim_memory_add(struct sim_memory **memory, size_t size);
void sim_memory_free(struct sim_memory *memory);

#endif
