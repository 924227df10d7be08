/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Steps of a store, carried out: one for a plain call, many for a batch. */
#ifndef LW_REDIS_STEPS_H
#define LW_REDIS_STEPS_H

#include "call.h"

/* The answer of one step: what lw_store_ops says, an error included. */
ptrdiff_t lw__redis_take_step(struct lw__redis *redis, lw_store_step *step, uint64_t deadline);

/* lw_store_ops.batch */
int lw__redis_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline);

#endif
