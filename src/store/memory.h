/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store in memory, as its files share it. */
#ifndef LW_STORE_MEMORY_H
#define LW_STORE_MEMORY_H

#include "store/entries.h"

#include <loadwise/store.h>

struct lw__memory_store {
    lw_store store;
    lw_env env;
    struct lw__entries entries;
};

static inline struct lw__memory_store *lw__memory_of(lw_store *store) { return (struct lw__memory_store *)store; }

/* LW_FULL, told to the log. */
int lw__memory_full(const struct lw__memory_store *memory);

/* lw_store_ops.batch, in memory_batch.c. */
int lw__memory_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline);

#endif
