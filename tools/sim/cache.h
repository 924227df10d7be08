/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The keys that a node remembers: so many, the least recently used goes first. */
#ifndef LOADWISE_SIM_CACHE_H
#define LOADWISE_SIM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct sim_cache;

/* NULL when memory ran out. */
struct sim_cache *sim_cache_new(uint32_t capacity);
void sim_cache_free(struct sim_cache *cache);

/* Was the key there? It is now. */
bool sim_cache_use(struct sim_cache *cache, uint64_t key);

/* Forgets all. */
void sim_cache_clear(struct sim_cache *cache);

#endif
