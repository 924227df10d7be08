/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Steps of a batch, as every store sees them. */
#ifndef LW_STORE_BATCH_H
#define LW_STORE_BATCH_H

#include <loadwise/store.h>
#include <stdbool.h>

/* Is there an operation of the store that does what this step says? Then it is asked, and the step has its answer. */
bool lw__step_by_call(lw_store *store, lw_store_step *step, uint64_t deadline);

/* Carries out a step on an account or a meeting in a store that knows neither. */
void lw__step_by_swaps(lw_store *store, lw_store_step *step, uint64_t deadline);

#endif
