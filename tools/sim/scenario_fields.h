/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tables of fields of a scenario file, and the structs that they fill. */
#ifndef LOADWISE_SIM_SCENARIO_FIELDS_H
#define LOADWISE_SIM_SCENARIO_FIELDS_H

#include "scenario_value.h"

/* The root of the file, before it is checked and resolved. */
struct scenario_draft {
    struct sim_scenario scenario;
    bool said_rate;
    double share;                /* a rate given as a share of the capacity; 0: none */
    const char *trace;           /* name of its file */
    const yaml_node_t *trace_at; /* where it was said */
    const yaml_node_t *arrivals_at;
    const yaml_node_t *nodes, *events, *strategies, *quotas;
    bool health;
};

/* One element of `nodes`. */
struct node_draft {
    struct sim_node node;
    uint32_t count;
    const yaml_node_t *quota;
};

/* One element of `events`. */
struct event_draft {
    struct sim_event event;
    const char *nodes;
};

/* One element of pool.quotas. */
struct quota_draft {
    const char *name;
    uint32_t kind;
    uint64_t window;
};

extern const struct scenario_table scenario_root, scenario_node, scenario_event, scenario_quota;

/* The help of all tables. */
extern const struct scenario_table *const scenario_tables[];
extern const size_t scenario_table_count;

#endif
