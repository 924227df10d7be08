/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The timeout layer: an exchange that is not completed within `after` is cancelled, and completed with
 * LW_OUTCOME_TIMEOUT.
 *
 * The deadline travels: inner exchanges see the earlier one of their own and this. Above a balance it is for the whole
 * request, below one for each try. One that has passed when the call comes completes so without asking anybody.
 * No allocation but the records of layer.h.
 */
#ifndef LOADWISE_TIMEOUT_H
#define LOADWISE_TIMEOUT_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_timeout_options {
    uint64_t after; /* ns, 1 us to 1 day; required */
} lw_timeout_options;

#define LW_TIMEOUT_OPTIONS_INIT                                                                                        \
    { 0 }

/* See layer.h. */
LW_API int lw_timeout_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                          const lw_timeout_options *options);

LW_END

#endif
