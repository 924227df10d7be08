/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stacks: layers over one another, written as one line, outermost first.
 *
 *     lw_stack *stack;
 *     lw_stack_new(&stack, NULL, clock, pool, "timeout 2s | retry max=3 | balance p2c metric=peak_ewma | timeout
 * 500ms"); spec.user = lw_stack_node(stack, http_client);         // one for each node: `timeout 500ms` around the
 * client lw_pool_update(pool, &spec, 1, 0, NULL); lw_service_call(lw_stack_service(stack), &exchange);
 *
 *     stack  := layer { '|' layer }            layer := name { value | name '=' value }
 *
 * A value without a name is that of the layer's first parameter. Times have a unit: ns, us, ms, s, m, h. One of the
 * layers is `balance`: what is left of it stands above the pool, once; what is right of it around each node. What
 * follows its name is the strategy, as strategy.h writes it, or nothing: round_robin; parameters of the balance itself
 * come first: `balance wait=1s p2c`. Without a balance all layers are around one service, that of lw_stack_new_around.
 */
#ifndef LOADWISE_STACK_H
#define LOADWISE_STACK_H

#include <loadwise/layer.h>

LW_BEGIN

struct lw_pool;
typedef struct lw_stack lw_stack;

/*
 * Makes a stack over a pool, in which it makes a route of the name "stack:" + the specification. The pool is borrowed.
 * Errors: LW_SYNTAX, LW_UNKNOWN, LW_RANGE (the log shows where and what), those of the layers and of lw_pool_route.
 */
LW_API int lw_stack_new(lw_stack **out, const lw_env *env, lw_clock *clock, struct lw_pool *pool, const char *spec);

/* NULL-safe. Exchanges under way are cancelled. Services of nodes are freed; the nodes must have left the pool, or
   never be picked again. */
LW_API void lw_stack_free(lw_stack *stack);

/* The outermost service. Lives as long as the stack. */
LW_API lw_service *lw_stack_service(lw_stack *stack);

/* The layers for nodes around the service of one node, which they own then; lives as long as the stack, or until
   lw_stack_drop. NULL: no memory. */
LW_API lw_service *lw_stack_node(lw_stack *stack, lw_service *inner);

/* Frees the service of a node that is gone: its exchanges have ended, as lw_observer.forgotten tells. */
LW_API void lw_stack_drop(lw_stack *stack, lw_service *node);

/* The layer of this name, the outermost of them; for its statistics. NULL: there is none. */
LW_API lw_service *lw_stack_layer(lw_stack *stack, const char *name);

/* Layers of the host's own, beside the built-in ones, for all stacks made with these. */
typedef struct lw_stack_options {
    size_t size;                   /* sizeof(lw_stack_options), so that the struct can grow */
    const lw_layer *const *layers; /* NULL at the end; borrowed for the call */
    const char *route;             /* name of the route instead */
} lw_stack_options;

LW_END

#endif
