/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_STRATEGY_TABLE_H
#define LW_STRATEGY_TABLE_H

#include <loadwise/ops.h>

extern const lw_strategy_ops lw__round_robin, lw__smooth_wrr, lw__random, lw__weighted_random, lw__least_load, lw__p2c,
    lw__ring, lw__most_available, lw__chain;

/* For strategies that read loads: which of the nodes' signals is the load. */
#define LW__METRIC_PARAM(config_type)                                                                                  \
    {                                                                                                                  \
        "metric", LW_PARAM_CHOICE, offsetof(config_type, metric), "load", NULL, NULL, LW_SIGNAL_NAMES,                 \
            "what counts as load; all but the first take nodes that have signals, which those of a pool do"            \
    }

#endif
