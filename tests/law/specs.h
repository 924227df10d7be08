/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The strategies that stand alone, as the laws of all strategies take them; each law adds the forms that it is for. */
#ifndef LOADWISE_TESTS_SPECS_H
#define LOADWISE_TESTS_SPECS_H

#define SPECS_THAT_TURN "round_robin", "smooth_wrr", "smooth_wrr max_period=1", "stride", "edf"

#define SPECS_THAT_CHOOSE                                                                                              \
    "random", "weighted_random", "least_load", "least_load weighted=true", "p2c", "p2c weighted=true",                 \
        "least_request", "least_request mode=scan", "sed", "nq", "jiq", "least_time", "c3", "prequal",                 \
        "most_available", "fill_first"

/* Without maglev and ketama, whose tables some laws want in other forms. */
#define SPECS_THAT_PLACE "ring", "rendezvous", "jump", "anchor", "multi_probe"

#endif
