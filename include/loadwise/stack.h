/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stacks: layers over one another, written as one line, outermost first.
 *
 *     lw_stack *stack;
 *     lw_stack_new(&stack, NULL, clock, pool, "timeout 2s | retry max=3 | balance p2c | timeout 500ms", NULL);
 *     lw_stack_node(stack, http_client, &service);    // for each node: `timeout 500ms` around its client
 *     spec.user = service;
 *     lw_pool_update(pool, &spec, 1, 0, NULL);
 *     lw_service_call(lw_stack_service(stack), &exchange);
 *
 *     stack  := layer { '|' layer }            layer := name { value | name '=' value }
 *
 * A value without a name is that of the layer's first parameter. Each is given once. Times have a unit: ns, us, ms, s,
 * m, h. `loadwise layers` lists the layers and their parameters.
 *
 * One of the layers is `balance`: what is left of it stands above the pool, once; what is right of it around each node.
 * Its own parameters come first, and what follows is the strategy as strategy.h writes it: `balance wait=1s p2c`;
 * nothing: round_robin. Without a balance all layers are around options.inner.
 *
 * Threads: those of services. Several stacks, one per thread, may be over one pool.
 */
#ifndef LOADWISE_STACK_H
#define LOADWISE_STACK_H

#include <loadwise/layer.h>

LW_BEGIN

struct lw_pool;
typedef struct lw_stack lw_stack;

enum lw_stack_bound {
    LW_STACK_LAYERS = 16,   /* most layers above a balance, and below it */
    LW_STACK_OPTIONS = 256, /* most bytes of a layer's options */
};

typedef struct lw_stack_options {
    size_t size;                   /* sizeof(lw_stack_options), so that the struct can grow */
    const lw_layer *const *layers; /* of your own, besides the built-in ones; NULL at the end. Borrowed for the call */
    const char *route;             /* name of the route that it makes in the pool; default "stack" */
    lw_service *inner;             /* where there is no balance; owned from then on */
} lw_stack_options;

#define LW_STACK_OPTIONS_INIT                                                                                          \
    { sizeof(lw_stack_options), NULL, NULL, NULL }

/*
 * Makes a stack over a pool, which is borrowed and may be NULL where there is no balance. options may be NULL. Errors:
 * LW_SYNTAX, LW_UNKNOWN, LW_RANGE (the log says at which column, and what is allowed), LW_INVALID (no specification, a
 * balance without a pool, or neither a balance nor an inner service, a layer of your own with a fault), LW_NOMEM, those
 * of the layers and of lw_pool_route. What a strategy is refused for goes to the pool's log, with the column in it.
 */
LW_API int lw_stack_new(lw_stack **out, const lw_env *env, lw_clock *clock, struct lw_pool *pool, const char *spec,
                        const lw_stack_options *options);

/* NULL-safe. Exchanges under way are cancelled, and the services of nodes freed: the pool must not pick by its route
   any more. */
LW_API void lw_stack_free(lw_stack *stack);

/* The outermost service. Lives as long as the stack. */
LW_API lw_service *lw_stack_service(lw_stack *stack);

/* The layers for nodes around the service of one node, which they own then, also where this fails. Lives as long as the
   stack, or until lw_stack_drop. Errors: those of the layers. */
LW_API int lw_stack_node(lw_stack *stack, lw_service *inner, lw_service **node);

/* Frees the service of a node that is gone and has no ticket out; lw_observer.forgotten tells. O(nodes). */
LW_API void lw_stack_drop(lw_stack *stack, lw_service *node);

/* The outermost layer of this name above the nodes, for its statistics. NULL: there is none. */
LW_API lw_service *lw_stack_layer(lw_stack *stack, const char *name);

LW_END

#endif
