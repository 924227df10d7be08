/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The balance: a pool whose nodes are services. Each call picks a node of the route, hands the exchange to the service
 * that is the `user` of its spec, and reports to the pool how it went; so health, latency, quotas and the strategy
 * learn from it, and every ticket is ended once.
 *
 * A node whose own service is not ready (its breaker is open, its limit is reached) counts as excluded, and another one
 * is picked. When there is none, the exchange is refused with the pool's reason and when to ask again; or, with `wait`,
 * it waits so long for one, first come, first served: until then it is asked again whenever an exchange of this balance
 * ends, whenever the pool said so, and every `poll` for what other threads give back.
 *
 * exchange->pick is the request to the pool; its exclusions hold. exchange->node is the node that had it. A refusal by
 * the node's own service gives everything back that the pick charged; a timeout counts as one of the node. `ready` goes
 * by what the latest call was told, until an exchange has ended or it is time to ask again. No allocation but the
 * records of layer.h.
 */
#ifndef LOADWISE_BALANCE_H
#define LOADWISE_BALANCE_H

#include <loadwise/layer.h>

LW_BEGIN

struct lw_pool;

typedef struct lw_balance_options {
    uint64_t wait;  /* ns; default 0: refuse at once */
    uint64_t room;  /* most that wait; 1 to 1000000; default 1024. Beyond, they are refused at once */
    uint64_t poll;  /* ns; 1 ms to 1 minute; default 10 ms */
    uint64_t tries; /* nodes that are asked whether they are ready; 1 to 16; default 4 */
} lw_balance_options;

#define LW_BALANCE_OPTIONS_INIT                                                                                        \
    { 0, 1024, 10000000, 4 }

/* Around the nodes of a route of the pool, which is borrowed. A node's spec without a service (user NULL) is an error
   of the call that picks it: LW_INVALID. See layer.h. */
LW_API int lw_balance_new(lw_service **out, const lw_env *env, lw_clock *clock, struct lw_pool *pool, uint32_t route,
                          const lw_balance_options *options);

LW_END

#endif
