/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Load shedding: what the inner service is not ready for is refused at once, with its reason. Around a balance that
 * waits, nobody is let in to wait while it has no node to give; around a buffer, while that is full. `most` bounds what
 * is under way in all, those that wait included: beyond, LW_SHED, to be tried again on completion. No allocation but
 * the records of layer.h.
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
