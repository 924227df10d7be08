/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The buffer: a bounded queue in front of a service that is not ready. First come, first served; `lifo` turns it round
 * while more than half is full, since then the oldest are about to give up anyway. Who waits longer than `patience`, or
 * to the deadline, gets the refusal that the service gave. Full: LW_SATURATED at once. What the service was ready for,
 * but then refuses at once, waits on if it now says that it is not ready; a refusal that comes later is the answer.
 * No allocation but the records of layer.h.
 */
#ifndef LOADWISE_BUFFER_H
#define LOADWISE_BUFFER_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_buffer_options {
    uint64_t room;     /* 1 to 1000000; default 1024 */
    uint64_t patience; /* ns, 1 us to 1 day; default 1 s */
    uint64_t lifo;     /* 0 or 1; default 0 */
} lw_buffer_options;

#define LW_BUFFER_OPTIONS_INIT                                                                                         \
    { 1024, 1000000000, 0 }

/* See layer.h. */
LW_API int lw_buffer_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                         const lw_buffer_options *options);

LW_END

#endif
