/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Open addressing, at most half full. Keys are mixed already. */
#include "keymap.h"

#include <stdbool.h>
#include <stdlib.h>

enum { LEAST_ROOM = 1024 };

static uint64_t place_of(const struct sim_keymap *map, uint64_t key) {
    uint64_t place = (key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & map->mask;
    while (map->keys[place] != 0 && map->keys[place] != key) {
        place = (place + 1) & map->mask;
    }
    return place;
}

static bool grow(struct sim_keymap *map) {
    uint64_t room = map->keys != NULL ? 2 * (map->mask + 1) : LEAST_ROOM;
    struct sim_keymap grown = {calloc(room, sizeof *grown.keys), calloc(room, sizeof *grown.values), room - 1,
                               map->count};
    if (grown.keys == NULL || grown.values == NULL) {
        sim_keymap_free(&grown);
        return false;
    }
    for (uint64_t i = 0; map->keys != NULL && i <= map->mask; i++) {
        if (map->keys[i] != 0) {
            uint64_t place = place_of(&grown, map->keys[i]);
            grown.keys[place] = map->keys[i];
            grown.values[place] = map->values[i];
        }
    }
    sim_keymap_free(map);
    *map = grown;
    return true;
}

uint32_t *sim_keymap_at(struct sim_keymap *map, uint64_t key) {
    if ((map->keys == NULL || 2 * (map->count + 1) > map->mask + 1) && !grow(map)) {
        return NULL;
    }
    uint64_t place = place_of(map, key);
    // NOLINTBEGIN(clang-analyzer-unix.Malloc): what was freed has been replaced
    map->count += map->keys[place] == 0;
    map->keys[place] = key;
    return &map->values[place];
    // NOLINTEND(clang-analyzer-unix.Malloc)
}

void sim_keymap_free(struct sim_keymap *map) {
    free(map->keys);
    free(map->values);
    *map = (struct sim_keymap){0};
}
