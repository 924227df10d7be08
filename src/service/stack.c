/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stacks: a line of text is read into steps, each a kind of layer and its options; then services are made from the
 * innermost step outwards, once for what stands above the pool, and again for every node.
 */
#include "service/stack_spec.h"

#include <loadwise/balance.h>
#include <loadwise/pool.h>
#include <loadwise/stack.h>
#include <string.h>

struct stack_node {
    struct stack_node *next;
    lw_service *service;
};

struct lw_stack {
    lw_env env;
    lw_clock *clock;
    struct lw__stack_spec spec;
    lw_service *service[LW_STACK_LAYERS + 1]; /* above the nodes, outermost first */
    struct stack_node *nodes;
};

/* Layers around `inner`, the last step innermost; made[i], if not NULL, is the service of step i. */
static int stack_wrap(const lw_stack *stack, const struct lw__stack_step *steps, uint32_t count, lw_service *inner,
                      lw_service **made, lw_service **out) {
    int error = LW_OK;
    for (uint32_t i = count; i-- > 0 && error == LW_OK;) {
        error = steps[i].kind->make(&inner, &stack->env, stack->clock, inner, steps[i].options);
        if (error == LW_OK && made != NULL) {
            made[i] = inner;
        }
    }
    *out = error == LW_OK ? inner : NULL;
    return error;
}

static int stack_bottom(lw_stack *stack, struct lw_pool *pool, const lw_stack_options *options, lw_service **bottom) {
    uint32_t route;
    *bottom = options->inner;
    if (!stack->spec.balances) {
        return options->inner != NULL
                   ? LW_OK
                   : lw__fail(&stack->env, LW_INVALID, "stack: neither a balance nor a service to be around");
    }
    if (pool == NULL || options->inner != NULL) {
        return lw__fail(&stack->env, LW_INVALID, "stack: a balance needs a pool, and no other service");
    }
    const char *name = options->route != NULL ? options->route : "stack";
    int error = lw_pool_route(pool, name, stack->spec.strategy, NULL, &route);
    return error == LW_OK ? lw_balance_new(bottom, &stack->env, stack->clock, pool, route, &stack->spec.balance)
                          : error;
}

static int stack_build(lw_stack *stack, struct lw_pool *pool, const char *text, const lw_stack_options *options) {
    lw_service *bottom, *top;
    int error = lw__stack_read(&stack->spec, &stack->env, text, options->layers);
    if (error != LW_OK) {
        lw_service_free(options->inner);
        return error;
    }
    error = stack_bottom(stack, pool, options, &bottom);
    if (error != LW_OK) {
        lw_service_free(options->inner);
        return error;
    }
    stack->service[stack->spec.above] = bottom;
    error = stack_wrap(stack, stack->spec.step, stack->spec.above, bottom, stack->service, &top);
    if (error != LW_OK) { /* the layers that were made have freed each other */
        memset(stack->service, 0, sizeof stack->service);
    }
    return error;
}

int lw_stack_new(lw_stack **out, const lw_env *given, lw_clock *clock, struct lw_pool *pool, const char *spec,
                 const lw_stack_options *options) {
    lw_env env;
    lw_stack_options wanted = LW_STACK_OPTIONS_INIT;
    *out = NULL;
    if (options != NULL) {
        memcpy(&wanted, options, options->size < sizeof wanted ? options->size : sizeof wanted);
    }
    int error = lw__env_init(&env, given);
    lw_stack *stack = error == LW_OK ? lw__alloc(&env, sizeof *stack) : NULL;
    if (stack == NULL) {
        lw_service_free(wanted.inner);
        return error != LW_OK ? error : LW_NOMEM;
    }
    stack->env = env;
    stack->clock = clock;
    error = stack_build(stack, pool, spec, &wanted);
    if (error != LW_OK) {
        lw_stack_free(stack);
        return error;
    }
    *out = stack;
    return LW_OK;
}

void lw_stack_free(lw_stack *stack) {
    if (stack == NULL) {
        return;
    }
    lw_env env = stack->env;
    lw_service_free(stack->service[0]); /* first, since its exchanges are in the nodes */
    while (stack->nodes != NULL) {
        lw_stack_drop(stack, stack->nodes->service);
    }
    lw__stack_forget(&stack->spec, &env);
    lw__release(&env, stack);
}

lw_service *lw_stack_service(lw_stack *stack) { return stack->service[0]; }

lw_service *lw_stack_layer(lw_stack *stack, const char *name) {
    for (uint32_t i = 0; i <= stack->spec.above; i++) {
        if (strcmp(stack->service[i]->ops->name, name) == 0) {
            return stack->service[i];
        }
    }
    return NULL;
}

/* ---- nodes ---- */

int lw_stack_node(lw_stack *stack, lw_service *inner, lw_service **node) {
    const struct lw__stack_step *below = &stack->spec.step[stack->spec.above];
    struct stack_node *kept = lw__alloc(&stack->env, sizeof *kept);
    *node = NULL;
    if (kept == NULL) {
        lw_service_free(inner);
        return LW_NOMEM;
    }
    int error = stack_wrap(stack, below, stack->spec.below, inner, NULL, node);
    if (error != LW_OK) {
        lw__release(&stack->env, kept);
        return error;
    }
    kept->service = *node;
    kept->next = stack->nodes;
    stack->nodes = kept;
    return LW_OK;
}

void lw_stack_drop(lw_stack *stack, lw_service *node) {
    for (struct stack_node **at = &stack->nodes; *at != NULL; at = &(*at)->next) {
        if ((*at)->service == node) {
            struct stack_node *kept = *at;
            *at = kept->next;
            lw_service_free(node);
            lw__release(&stack->env, kept);
            return;
        }
    }
}
