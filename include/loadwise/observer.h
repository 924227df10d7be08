/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Observers: what the library tells of its decisions, for metrics, logs and alarms.
 *
 * A tracker or pool is given one observer when it is made, or NULL: then each hook costs one predictable branch.
 * Every hook is optional. Hooks run on the thread that caused the event, with no lock held, after the change is
 * visible; they may read from the object that called them but must not change it. The strings and structs live for the
 * call only. To feed several observers, write one that forwards.
 */
#ifndef LOADWISE_OBSERVER_H
#define LOADWISE_OBSERVER_H

#include <loadwise/outcome.h>
#include <loadwise/status.h>

LW_BEGIN

/* Why a health status changed. */
enum lw_health_cause {
    LW_CAUSE_REPORT = 0,   /* an outcome that a caller reported */
    LW_CAUSE_EXTERNAL = 1, /* a verdict of an active check or an administrator */
    LW_CAUSE_RESTORED = 2, /* state read back from a store */
};

typedef struct lw_observer {
    size_t size; /* sizeof(lw_observer), so that the struct can grow */
    void *user;  /* handed to every hook; must outlive the object that calls */

    /* strategy placed a request on a node. */
    void (*selected)(void *user, uint64_t node, const char *strategy);
    /* No node could be given; reason is a refusal of error.h. */
    void (*refused)(void *user, int reason);
    /* A request ended. */
    void (*finished)(void *user, uint64_t node, const lw_sample *sample);
    /* from, to: enum lw_status; cause: enum lw_health_cause. */
    void (*health_changed)(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause);
    /* A node has nothing left in a dimension until `until` (monotonic ns); and has again. */
    void (*quota_exhausted)(void *user, uint64_t node, const char *dimension, uint64_t until);
    void (*quota_released)(void *user, uint64_t node, const char *dimension);
    /* A probe permit was given out (begin) or came back. */
    void (*probe)(void *user, uint64_t node, int begins);
    /* The node was forgotten: whatever was kept about it may go. */
    void (*forgotten)(void *user, uint64_t node);
} lw_observer;

#define LW_OBSERVER_INIT                                                                                               \
    { sizeof(lw_observer), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

LW_END

#endif
