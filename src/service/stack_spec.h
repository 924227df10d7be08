/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A stack as it was written: its steps, outermost first. */
#ifndef LW_SERVICE_STACK_SPEC_H
#define LW_SERVICE_STACK_SPEC_H

#include "service/layer.h"

#include <loadwise/balance.h>
#include <loadwise/stack.h>

enum { LW__STACK_PARAMS = 64 }; /* most parameters of a layer */

struct lw__stack_step {
    const lw_layer *kind;
    _Alignas(8) unsigned char options[LW_STACK_OPTIONS];
};

struct lw__stack_spec {
    struct lw__stack_step step[2 * LW_STACK_LAYERS]; /* those above the balance, then those below */
    uint32_t above, below;
    bool balances;
    lw_balance_options balance;
    char *strategy; /* of the balance */
};

/* Errors: LW_SYNTAX, LW_UNKNOWN, LW_RANGE, LW_NOMEM; the log is told. layers: of the host's own, or NULL. */
int lw__stack_read(struct lw__stack_spec *spec, const lw_env *env, const char *text, const lw_layer *const *layers);
void lw__stack_forget(struct lw__stack_spec *spec, const lw_env *env);

#endif
