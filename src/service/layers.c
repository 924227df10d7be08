/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one list of layers. */
#include "service/layer.h"

const lw_layer *const *lw_layers(void) {
    static const lw_layer *const layers[] = {
        &lw__layer_adaptive_throttle,
        &lw__layer_balance,
        &lw__layer_buffer,
        &lw__layer_circuit_breaker,
        &lw__layer_concurrency_limit,
        &lw__layer_hedge,
        &lw__layer_load_shed,
        &lw__layer_rate_limit,
        &lw__layer_retry,
        &lw__layer_timeout,
        NULL,
    };
    return layers;
}
