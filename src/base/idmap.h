/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Map from node id to index over an array of ids: open addressing, built once, read-only afterwards. */
#ifndef LW_BASE_IDMAP_H
#define LW_BASE_IDMAP_H

#include "base/env.h"

struct lw__idmap {
    const uint64_t *ids; /* borrowed */
    uint32_t *slots;     /* index + 1, 0: free */
    uint64_t mask;
};

/* Fails with LW_NOMEM, or with LW_DUPLICATE and the two indexes that share an id in *first and *second. */
int lw__idmap_init(struct lw__idmap *map, const lw_env *env, const uint64_t *ids, uint32_t count, uint32_t *first,
                   uint32_t *second);
void lw__idmap_free(struct lw__idmap *map, const lw_env *env);

/* The index of the id, or -1. */
int64_t lw__idmap_find(const struct lw__idmap *map, uint64_t id);

#endif
