/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Map from id to index. Half empty at most; ids are mixed, since a caller's own may be 1, 2, 3. Cost: O(1) each. */
#include "base/idmap.h"
#include "base/random.h"

#include <loadwise/error.h>

/* The slot that holds the id, or the free one where it would go. */
static uint32_t *slot_of(const struct lw__idmap *map, uint64_t id) {
    uint64_t at = lw__mix(id) & map->mask;
    while (map->slots[at] != 0 && map->ids[map->slots[at] - 1] != id) {
        at = (at + 1) & map->mask;
    }
    return &map->slots[at];
}

int lw__idmap_init(struct lw__idmap *map, const lw_env *env, const uint64_t *ids, uint32_t count, uint32_t *first,
                   uint32_t *second) {
    uint64_t size = 4;
    while (size < (uint64_t)count * 2) {
        size *= 2;
    }
    map->ids = ids;
    map->mask = size - 1;
    map->slots = lw__alloc(env, size * sizeof *map->slots);
    if (map->slots == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slot = slot_of(map, ids[i]);
        if (*slot != 0) {
            *first = *slot - 1;
            *second = i;
            lw__idmap_free(map, env);
            return LW_DUPLICATE;
        }
        *slot = i + 1;
    }
    return LW_OK;
}

void lw__idmap_free(struct lw__idmap *map, const lw_env *env) {
    lw__release(env, map->slots);
    map->slots = NULL;
}

int64_t lw__idmap_find(const struct lw__idmap *map, uint64_t id) { return (int64_t)*slot_of(map, id) - 1; }
