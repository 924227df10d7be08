/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Observers: what the library tells of its decisions, for metrics, logs and alarms.
 *
 * A tracker or pool copies one observer when it is made, or has none: then each hook costs one predictable branch.
 * Every hook is optional. A hook runs on the thread that caused the event, with no lock held, after the change is
 * visible; it may read from the object that called it but must not change it. Its strings and structs live for the
 * call. To feed several observers, write one that forwards.
 *
 * Each change is told exactly once, but threads that cause changes of one node at the same time may tell of them in
 * either order: `from` and `to` say how they fit together.
 *
 * Health trackers call health_changed, probe, forgotten; quota trackers quota_exhausted, quota_released, forgotten;
 * pools all of them. Who selects without a pool may call these three by hand.
 */
#ifndef LOADWISE_OBSERVER_H
#define LOADWISE_OBSERVER_H

#include <loadwise/api.h>
#include <loadwise/outcome.h>
#include <loadwise/status.h>

LW_BEGIN

/* Why a health status changed. */
enum lw_health_cause {
    LW_CAUSE_REPORT = 0,   /* an outcome that a caller reported */
    LW_CAUSE_EXTERNAL = 1, /* a verdict of an active check or an administrator */
    LW_CAUSE_RESTORED = 2, /* state that was set, read back from a store */
    LW_CAUSE_OUTLIER = 3,  /* ejected as an outlier, or back: the status then reads unhealthy and what it was */
    LW_CAUSE_FLEET = 4,    /* ejected by what the fleet has seen together, see sync.h; the hook `judged` has more */
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
    /* A permit to probe was given out (begins), or came back. One that is void is not told of again. */
    void (*probe)(void *user, uint64_t node, int begins);
    /* The node was forgotten: whatever was kept about it may go. Not told where a node of this id is in the pool again.
     */
    void (*forgotten)(void *user, uint64_t node);
    /* A draining node has no request under way any more. */
    void (*drained)(void *user, uint64_t node);
    /* A priority level of a route has too few nodes that are well (begins), or enough again. */
    void (*panic)(void *user, uint32_t route, uint32_t priority, int begins);
    /* A ticket was not ended within ticket_ttl, and was now; age in ns. */
    void (*lost)(void *user, uint64_t node, uint64_t age);
    /* The fleet has ejected a node: instance `who` said so, for the reason `why`, until `until` (monotonic ns). */
    void (*judged)(void *user, uint64_t node, const char *who, const char *why, uint64_t until);
    /* What a fleet shares could not be asked for any more, of one node at least (begins), or can again, of all of them.
       Told once per change of the whole. */
    void (*outage)(void *user, int begins);
} lw_observer;

#define LW_OBSERVER_INIT                                                                                               \
    { sizeof(lw_observer), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

LW_END

#endif
