/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_STRATEGY_TABLE_H
#define LW_STRATEGY_TABLE_H

#include <loadwise/ops.h>

/* rotation and chance */
extern const lw_strategy_ops lw__round_robin, lw__smooth_wrr, lw__stride, lw__edf, lw__random, lw__weighted_random;
/* load */
extern const lw_strategy_ops lw__least_load, lw__p2c, lw__least_request, lw__sed, lw__nq, lw__least_time, lw__c3,
    lw__prequal, lw__jiq, lw__most_available, lw__fill_first;
/* keys */
extern const lw_strategy_ops lw__ring, lw__maglev, lw__rendezvous, lw__jump, lw__anchor, lw__multi_probe, lw__ketama;
/* strategies around strategies */
extern const lw_strategy_ops lw__chain, lw__bounded, lw__sticky, lw__subset;

/* For strategies that read loads: which of the nodes' signals is the load. */
#define LW__METRIC_PARAM(config_type)                                                                                  \
    {                                                                                                                  \
        "metric", LW_PARAM_CHOICE, offsetof(config_type, metric), "load", NULL, NULL, LW_SIGNAL_NAMES,                 \
            "what counts as load; all but the first take nodes that have signals, which those of a pool do"            \
    }

#endif
