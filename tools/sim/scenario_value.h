/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The fields of a scenario file: tables of them drive reading, range errors and the help; here are the readers of their
 * values. Every complaint names file, line, field, value and what is allowed.
 */
#ifndef LOADWISE_SIM_SCENARIO_VALUE_H
#define LOADWISE_SIM_SCENARIO_VALUE_H

#include "loadwise/yaml_file.h"
#include "scenario.h"

struct scenario_field;
struct scenario_table;

/* A file while it is read. */
struct scenario_reading {
    struct yaml_file *file;
    struct sim_memory **memory; /* where what the scenario owns is kept */
    struct sim_scenario *scenario;
};

typedef enum status scenario_read_fn(struct scenario_reading *reading, const struct scenario_field *field,
                                     const yaml_node_t *yaml, void *member);

struct scenario_field {
    const char *name;
    scenario_read_fn *read;
    size_t offset;       /* of the member in the struct of the table */
    double least, most;  /* for numbers; durations in ns */
    const char *allowed; /* "a duration from 1ms to 7d"; of a choice "poisson|paced|bursty" */
    const char *meaning;
    const struct scenario_table *table; /* of a mapping */
};

struct scenario_table {
    const char *what; /* "an event" */
    const struct scenario_field *fields;
    size_t count;
};

/* Reads a mapping into a struct, field by field; what is not given stays as it is. */
enum status scenario_mapping(struct scenario_reading *reading, const struct scenario_table *table,
                             const yaml_node_t *yaml, void *into);

/* Calls `each` for every element of a list. */
typedef enum status scenario_each_fn(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position,
                                     size_t count, void *user);
enum status scenario_list(struct scenario_reading *reading, const char *name, const yaml_node_t *yaml,
                          scenario_each_fn *each, void *user);

/* Memory that lives as long as the scenario, zeroed; NULL when there is none. */
void *scenario_keep(struct scenario_reading *reading, size_t size);
const char *scenario_keep_text(struct scenario_reading *reading, const char *text);

/* The complaint about one value of a field. */
enum status scenario_refuse(struct scenario_reading *reading, const struct scenario_field *field,
                            const yaml_node_t *yaml);

/* The tables of a distribution, of durations and of numbers: what the field of a scenario_distribution names. */
extern const struct scenario_table scenario_spans, scenario_numbers;

/* The readers. Members: uint64_t ns, double ns, uint32_t, uint64_t, double, double from "20%" or 0.2, uint32_t 0 or 1,
   const char *, uint32_t position in `allowed`, struct sim_distribution, a struct of the field's table. */
scenario_read_fn scenario_duration, scenario_span, scenario_count, scenario_number, scenario_real, scenario_share,
    scenario_flag, scenario_text, scenario_choice, scenario_distribution, scenario_inner;

#endif
