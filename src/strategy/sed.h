/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The least (a + 1) / w, for sed and for strategies that fall back on it. */
#ifndef LW_STRATEGY_SED_H
#define LW_STRATEGY_SED_H

#include <loadwise/ops.h>

/* A node of least (a + 1) / w among those that may be chosen and weigh something, ties drawn uniformly; or a refusal.
   O(n). */
ptrdiff_t lw__least_delay(const lw_view *view);

#endif
