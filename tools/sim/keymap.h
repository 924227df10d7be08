/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small number per key; grows with the keys that there are. */
#ifndef LOADWISE_SIM_KEYMAP_H
#define LOADWISE_SIM_KEYMAP_H

#include <stdint.h>

struct sim_keymap {
    uint64_t *keys; /* 0: free */
    uint32_t *values;
    uint64_t mask, count;
};

/* The value of a key, which must not be 0, made 0 when it is new; NULL when memory ran out. */
uint32_t *sim_keymap_at(struct sim_keymap *map, uint64_t key);
void sim_keymap_free(struct sim_keymap *map);

#endif
