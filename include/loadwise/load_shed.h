/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Load shedding: what the inner service would not take at once is refused at once, with its reason, however patient it
 * is. Around a balance that waits or a buffer, it turns waiting into refusing while there is more than `queue` waiting.
 */
#ifndef LOADWISE_LOAD_SHED_H
#define LOADWISE_LOAD_SHED_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_load_shed_options {
    uint64_t most; /* exchanges under way in all, 0: only what the inner service says; default 0 */
} lw_load_shed_options;

#define LW_LOAD_SHED_OPTIONS_INIT                                                                                      \
    { 0 }

/* See layer.h. */
LW_API int lw_load_shed_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                            const lw_load_shed_options *options);

LW_END

#endif
