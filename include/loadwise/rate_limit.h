/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The rate limit: at most `burst` exchanges at one moment and rate / per from then on (GCRA, as in quota.h). Beyond,
 * LW_OVER_QUOTA with the exact time at which to ask again. No allocation but the tracker's, when it is made.
 */
#ifndef LOADWISE_RATE_LIMIT_H
#define LOADWISE_RATE_LIMIT_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_rate_limit_options {
    uint64_t rate;  /* 1 to 10^9; required */
    uint64_t per;   /* ns, 1 ms to 1 day; default 1 s */
    uint64_t burst; /* 1 to 10^9; default 1 */
} lw_rate_limit_options;

#define LW_RATE_LIMIT_OPTIONS_INIT                                                                                     \
    { 0, 1000000000, 1 }

/* See layer.h. */
LW_API int lw_rate_limit_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                             const lw_rate_limit_options *options);

LW_END

#endif
