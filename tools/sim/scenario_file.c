/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From the tree of a file to a scenario: the root by its table, then the lists, whose elements refer to what the rest
 * says, then what only the whole can tell: rates against capacity, times against the duration, who can be picked by.
 */
#include "scenario_file.h"

#include "memory.h"
#include "scenario_fields.h"
#include "trace_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MOST = 100000 };

/* What is read, and where the lines were that later checks may blame. */
struct scenario_work {
    struct scenario_draft draft;
    const yaml_node_t *root;
    struct sim_node *nodes; /* these three are the scenario's */
    struct sim_event *events;
    const char **strategies;
    const char **groups; /* the name that each node's element has in the file */
    size_t made;
};

/* ---- nodes ---- */

static enum status count_nodes(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position, size_t count,
                               void *user) {
    struct scenario_work *work = user;
    struct node_draft draft = {.count = 1};
    (void)position;
    (void)count;
    enum status status = scenario_mapping(reading, &scenario_node, yaml, &draft);
    if (status != STATUS_DONE) {
        return status;
    }
    if (draft.node.name == NULL || *draft.node.name == '\0') {
        return yaml_file_wrong(reading->file, yaml, "name: missing; every node needs one");
    }
    if (text_has_controls(draft.node.name, strlen(draft.node.name))) {
        return yaml_file_wrong(reading->file, yaml, "name: it holds a control character");
    }
    work->draft.scenario.node_count += draft.count;
    return work->draft.scenario.node_count <= NODES_MOST
               ? STATUS_DONE
               : yaml_file_wrong(reading->file, yaml, "count: %u nodes in all; at most %d are allowed",
                                 work->draft.scenario.node_count, NODES_MOST);
}

static enum status read_quota_of(struct scenario_reading *reading, const struct scenario_work *work,
                                 const yaml_node_t *yaml, double *quota) {
    const lw_pool_options *options = &work->draft.scenario.pool.options;
    struct scenario_field fields[LW_QUOTA_DIMENSIONS];
    for (uint32_t i = 0; i < options->dimension_count; i++) {
        fields[i] = (struct scenario_field){options->dimensions[i].name,
                                            scenario_real,
                                            i * sizeof *quota,
                                            1,
                                            1e12,
                                            "a number from 1 to 1e12",
                                            NULL,
                                            NULL};
    }
    if (options->dimension_count == 0) {
        return yaml_file_wrong(reading->file, yaml, "quota: pool.quotas declares none");
    }
    struct scenario_table table = {"a node's quota, declared by pool.quotas,", fields, options->dimension_count};
    return scenario_mapping(reading, &table, yaml, quota);
}

static enum status make_nodes(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position, size_t count,
                              void *user) {
    struct scenario_work *work = user;
    struct node_draft draft = {.node = {.weight = 1, .slots = 1, .queue = UINT32_MAX, .speed = 1}, .count = 1};
    char name[256];
    (void)position;
    (void)count;
    enum status status = scenario_mapping(reading, &scenario_node, yaml, &draft);
    if (status == STATUS_DONE && draft.quota != NULL) {
        status = read_quota_of(reading, work, draft.quota, draft.node.quota);
    }
    if (status == STATUS_DONE && draft.node.joins >= work->draft.scenario.duration) {
        return yaml_file_wrong(reading->file, yaml, "joins: after the end of the run");
    }
    for (uint32_t i = 1; status == STATUS_DONE && i <= draft.count; i++) {
        struct sim_node *node = &work->nodes[work->made];
        *node = draft.node;
        work->groups[work->made++] = draft.node.name;
        if (draft.count > 1) {
            snprintf(name, sizeof name, "%s-%u", draft.node.name, i);
            node->name = scenario_keep_text(reading, name);
        }
        status = node->name != NULL ? STATUS_DONE : problem_memory(reading->file->problem);
    }
    return status;
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static enum status check_names(struct scenario_reading *reading, const struct scenario_work *work,
                               const yaml_node_t *list) {
    const char **names = scenario_keep(reading, work->made * sizeof *names);
    if (names == NULL) {
        return problem_memory(reading->file->problem);
    }
    for (size_t i = 0; i < work->made; i++) {
        names[i] = work->nodes[i].name;
    }
    qsort(names, work->made, sizeof *names, by_name);
    for (size_t i = 1; i < work->made; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return yaml_file_wrong(reading->file, list, "nodes: two are called \"%s\"", names[i]);
        }
    }
    return STATUS_DONE;
}

static enum status read_nodes(struct scenario_reading *reading, struct scenario_work *work) {
    const yaml_node_t *list = work->draft.nodes;
    struct sim_scenario *scenario = &work->draft.scenario;
    if (list == NULL) {
        return yaml_file_wrong(reading->file, work->root, "nodes: missing");
    }
    enum status status = scenario_list(reading, "nodes", list, count_nodes, work);
    if (status != STATUS_DONE) {
        return status;
    }
    if (scenario->node_count == 0) {
        return yaml_file_wrong(reading->file, list, "nodes: the list is empty");
    }
    work->nodes = scenario_keep(reading, scenario->node_count * sizeof *work->nodes);
    work->groups = scenario_keep(reading, scenario->node_count * sizeof *work->groups);
    if (work->nodes == NULL || work->groups == NULL) {
        return problem_memory(reading->file->problem);
    }
    scenario->nodes = work->nodes;
    status = scenario_list(reading, "nodes", list, make_nodes, work);
    return status == STATUS_DONE ? check_names(reading, work, list) : status;
}

/* ---- events ---- */

static uint32_t find_node(const struct scenario_work *work, const char *name, size_t size) {
    uint32_t i = 0;
    while (i < work->made && (strlen(work->nodes[i].name) != size || memcmp(work->nodes[i].name, name, size) != 0)) {
        i++;
    }
    return i;
}

/* "web", "web-3" or "web-2..web-5". */
static bool find_range(const struct scenario_work *work, const char *text, uint32_t *first, uint32_t *count) {
    const char *dots = strstr(text, "..");
    size_t size = dots != NULL ? (size_t)(dots - text) : strlen(text);
    *first = find_node(work, text, size);
    uint32_t last = dots != NULL ? find_node(work, dots + 2, strlen(dots + 2)) : *first;
    if (*first < work->made) {
        *count = last - *first + 1;
        return last < work->made && last >= *first;
    }
    *count = 0;
    for (uint32_t i = 0; dots == NULL && i < work->made; i++) {
        if (strcmp(work->groups[i], text) == 0) {
            *first = *count == 0 ? i : *first;
            ++*count;
        }
    }
    return *count > 0;
}

static const char *event_fault(const struct sim_event *event, const struct sim_scenario *scenario) {
    bool shares = event->action == SIM_ERRORS || event->action == SIM_LIMIT;
    if (event->at >= scenario->duration) {
        return "at: after the end of the run";
    }
    if (event->action == SIM_SLOW && event->factor <= 0) {
        return "factor: slow takes how many times as slow, above 0";
    }
    if (shares && event->factor > 1) {
        return "factor: a share must be from 0 to 1";
    }
    if (event->action == SIM_RESTART && event->length == SIM_NEVER) {
        return "for: a restart takes how long the node is gone";
    }
    return event->action == SIM_LIMIT && event->wait == 0 ? "wait: limit takes the Retry-After that nodes answer"
                                                          : NULL;
}

static enum status read_event(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position, size_t count,
                              void *user) {
    struct scenario_work *work = user;
    struct sim_scenario *scenario = &work->draft.scenario;
    struct event_draft draft = {.event = {.at = SIM_NEVER, .length = SIM_NEVER, .action = UINT32_MAX, .factor = -1}};
    if (position == 0) {
        scenario->events = work->events = scenario_keep(reading, count * sizeof *scenario->events);
        scenario->event_count = count;
    }
    if (scenario->events == NULL) {
        return problem_memory(reading->file->problem);
    }
    enum status status = scenario_mapping(reading, &scenario_event, yaml, &draft);
    if (status != STATUS_DONE) {
        return status;
    }
    if (draft.event.at == SIM_NEVER || draft.event.action == UINT32_MAX || draft.nodes == NULL) {
        return yaml_file_wrong(reading->file, yaml, "%s: missing; an event says at, nodes and do",
                               draft.event.at == SIM_NEVER ? "at"
                               : draft.nodes == NULL       ? "nodes"
                                                           : "do");
    }
    if (!find_range(work, draft.nodes, &draft.event.first, &draft.event.count)) {
        return yaml_file_wrong(reading->file, yaml, "nodes: \"%s\" is no node, nodes of one name, or range",
                               text_shown(draft.nodes, strlen(draft.nodes)).text);
    }
    if (draft.event.factor < 0 && draft.event.action != SIM_SLOW) {
        draft.event.factor = 1;
    }
    const char *fault = event_fault(&draft.event, scenario);
    if (fault != NULL) {
        return yaml_file_wrong(reading->file, yaml, "%s", fault);
    }
    work->events[position] = draft.event;
    return STATUS_DONE;
}

/* Draining, leaving and restarting are all about whether the node is there. */
static uint32_t kind_of(const struct sim_event *event) {
    bool presence = event->action == SIM_DRAIN || event->action == SIM_LEAVE || event->action == SIM_RESTART;
    return presence ? SIM_DRAIN : event->action;
}

static uint64_t length_of(const struct sim_event *event) {
    return event->length == SIM_NEVER ? SIM_NEVER / 2
                                      : event->length + (event->action == SIM_RESTART ? event->wait : 0);
}

/* Do they do the same to a node at the same time? */
static bool events_overlap(const struct sim_event *a, const struct sim_event *b) {
    uint32_t first = a->first > b->first ? a->first : b->first;
    if (kind_of(a) != kind_of(b)) {
        return false;
    }
    for (uint32_t node = first; node - a->first < a->count && node - b->first < b->count; node++) {
        uint64_t begin = a->at + (node - a->first) * a->every, other = b->at + (node - b->first) * b->every;
        if (begin < other ? other - begin < length_of(a) : begin - other < length_of(b)) {
            return true;
        }
    }
    return false;
}

static enum status check_overlaps(struct scenario_reading *reading, const struct scenario_work *work) {
    const struct sim_scenario *scenario = &work->draft.scenario;
    for (size_t i = 0; i < scenario->event_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (events_overlap(&scenario->events[j], &scenario->events[i])) {
                return yaml_file_wrong(reading->file, work->draft.events,
                                       "events: number %zu does to a node what number %zu is still doing", i + 1,
                                       j + 1);
            }
        }
    }
    return STATUS_DONE;
}

/* ---- quotas and strategies ---- */

static enum status read_quota(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position, size_t count,
                              void *user) {
    static const char *const names[] = {"requests", "tokens"};
    struct sim_pool *pool = &((struct scenario_work *)user)->draft.scenario.pool;
    struct quota_draft draft = {.kind = UINT32_MAX};
    (void)count;
    enum status status = scenario_mapping(reading, &scenario_quota, yaml, &draft);
    if (status != STATUS_DONE) {
        return status;
    }
    if (draft.kind == UINT32_MAX || draft.window == 0) {
        return yaml_file_wrong(reading->file, yaml, "%s: missing; a quota says name and window",
                               draft.kind == UINT32_MAX ? "name" : "window");
    }
    for (size_t i = 0; i < position; i++) {
        if (strcmp(pool->dimensions[i].name, names[draft.kind]) == 0) {
            return yaml_file_wrong(reading->file, yaml, "name: %s is given twice", names[draft.kind]);
        }
    }
    pool->dimensions[position] = (lw_quota_dimension){.size = sizeof(lw_quota_dimension),
                                                      .name = names[draft.kind],
                                                      .kind = LW_QUOTA_SLIDING,
                                                      .estimate = LW_QUOTA_CLAMP,
                                                      .window = draft.window};
    pool->options.dimension_count = (uint32_t)position + 1;
    return STATUS_DONE;
}

/* Keeps what the library says of a specification. */
static void keep_log(void *user, int code, const char *message) {
    struct problem *problem = user;
    (void)code;
    snprintf(problem->text, sizeof problem->text, "%s", message);
}

enum status scenario_check_strategy(const char *spec, const char *where, struct problem *problem) {
    struct problem said = {.text = ""};
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy;
    env.log = keep_log;
    env.user = &said;
    env.seed = 1;
    int error = lw_strategy_new(&strategy, &env, spec);
    if (error == LW_OK) {
        lw_strategy_free(strategy);
        return STATUS_DONE;
    }
    return error == LW_NOMEM ? problem_memory(problem)
                             : problem_set(problem, STATUS_BAD_STRATEGY, "%s: \"%s\": %s", where, spec,
                                           said.text[0] != '\0' ? said.text : lw_error_message(error));
}

static enum status read_strategy(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position,
                                 size_t count, void *user) {
    static const struct scenario_field field = {
        "strategies", scenario_text, 0, 0, 500, "the specification of a strategy", NULL, NULL};
    struct scenario_work *work = user;
    struct sim_scenario *scenario = &work->draft.scenario;
    char where[300];
    if (position == 0) {
        scenario->strategies = work->strategies = scenario_keep(reading, count * sizeof *scenario->strategies);
        scenario->strategy_count = count;
    }
    if (scenario->strategies == NULL) {
        return problem_memory(reading->file->problem);
    }
    const char **spec = &work->strategies[position];
    enum status status = scenario_text(reading, &field, yaml, spec);
    snprintf(where, sizeof where, "%.200s:%zu: strategies", reading->file->path, yaml->start_mark.line + 1);
    return status == STATUS_DONE ? scenario_check_strategy(*spec, where, reading->file->problem) : status;
}

static enum status read_list(struct scenario_reading *reading, struct scenario_work *work, const char *name,
                             const yaml_node_t *list, scenario_each_fn *each) {
    return list == NULL ? STATUS_DONE : scenario_list(reading, name, list, each, work);
}

/* ---- the whole ---- */

/* A trace whose times hardly differ, sped up, would never let time pass. */
static enum status check_pace(struct scenario_reading *reading, const struct scenario_work *work) {
    const struct sim_arrivals *arrivals = &work->draft.scenario.arrivals;
    double seconds = (double)arrivals->trace[arrivals->trace_count - 1].at / arrivals->speedup / 1e9;
    return seconds * 1e8 >= (double)arrivals->trace_count
               ? STATUS_DONE
               : yaml_file_wrong(reading->file, work->draft.arrivals_at, "speedup: more than 1e8 requests a second");
}

static enum status read_trace_file(struct scenario_reading *reading, struct scenario_work *work) {
    struct sim_arrivals *arrivals = &work->draft.scenario.arrivals;
    const char *slash = strrchr(reading->file->path, '/'), *name = work->draft.trace;
    if (name == NULL) {
        return arrivals->process == SIM_TRACE
                   ? yaml_file_wrong(reading->file, work->draft.arrivals_at, "trace: missing; process is trace")
                   : STATUS_DONE;
    }
    size_t size = slash != NULL && *name != '/' ? (size_t)(slash - reading->file->path) + 1 : 0;
    char *path = scenario_keep(reading, size + strlen(name) + 1);
    if (path == NULL) {
        return problem_memory(reading->file->problem);
    }
    memcpy(path, reading->file->path, size);
    memcpy(path + size, name, strlen(name) + 1);
    if (work->draft.said_rate || (arrivals->process != SIM_POISSON && arrivals->process != SIM_TRACE)) {
        return yaml_file_wrong(reading->file, work->draft.arrivals_at,
                               "trace: it has its own times; instead of a rate or process there is speedup");
    }
    bool sized;
    arrivals->process = SIM_TRACE;
    enum status status = trace_file_read(path, reading->memory, &arrivals->trace, &arrivals->trace_count, &sized,
                                         reading->file->problem);
    if (status == STATUS_DONE && !sized && work->draft.scenario.service.work == SIM_WORK_LLM) {
        return yaml_file_wrong(reading->file, work->draft.arrivals_at,
                               "trace: it has no columns of tokens, and work is llm");
    }
    return status == STATUS_DONE ? check_pace(reading, work) : status;
}

static enum status check_whole(struct scenario_reading *reading, struct scenario_work *work) {
    struct sim_scenario *scenario = &work->draft.scenario;
    struct sim_arrivals *arrivals = &scenario->arrivals;
    const yaml_node_t *at = work->draft.arrivals_at != NULL ? work->draft.arrivals_at : work->root;
    if (work->draft.share > 0) {
        double capacity = sim_scenario_capacity(scenario);
        if (!(capacity > 0 && capacity < 1e9)) {
            return yaml_file_wrong(reading->file, at,
                                   "rate: a share needs nodes with slots and a service whose mean is above 0");
        }
        arrivals->rate = work->draft.share * capacity;
    }
    if (scenario->warmup >= scenario->duration) {
        return yaml_file_wrong(reading->file, work->root, "warmup: it must be shorter than the duration");
    }
    if (arrivals->process == SIM_BURSTY &&
        (double)arrivals->burst_for * arrivals->burst > (double)arrivals->burst_every) {
        return yaml_file_wrong(reading->file, at,
                               "burst: %g times the rate for that long is more than all requests; burst x burst_for "
                               "must be at most burst_every",
                               arrivals->burst);
    }
    return scenario->strategy_count <= 64
               ? STATUS_DONE
               : yaml_file_wrong(reading->file, work->draft.strategies, "strategies: at most 64 are compared");
}

static const char *name_of(struct scenario_reading *reading) {
    const char *slash = strrchr(reading->file->path, '/');
    const char *name = scenario_keep_text(reading, slash != NULL ? slash + 1 : reading->file->path);
    char *dot = name != NULL ? strrchr(name, '.') : NULL;
    if (dot != NULL && dot != name) {
        *dot = '\0';
    }
    return name;
}

static enum status read_root(struct yaml_file *file, const yaml_node_t *root, void *user) {
    struct scenario_file *out = user;
    struct scenario_reading reading = {file, &out->memory, &out->scenario};
    if (root == NULL) {
        return problem_set(file->problem, file->bad, "%s: the file is empty", file->path);
    }
    struct scenario_work *work = scenario_keep(&reading, sizeof *work);
    if (work == NULL) {
        return problem_memory(file->problem);
    }
    struct sim_pool *pool = &work->draft.scenario.pool;
    work->root = root;
    sim_scenario_init(&work->draft.scenario);
    pool->options.dimensions = pool->dimensions;
    work->draft.scenario.name = name_of(&reading);
    enum status status = scenario_mapping(&reading, &scenario_root, root, &work->draft);
    status = status != STATUS_DONE ? status : read_list(&reading, work, "quotas", work->draft.quotas, read_quota);
    status = status != STATUS_DONE ? status : read_nodes(&reading, work);
    status = status != STATUS_DONE ? status : read_list(&reading, work, "events", work->draft.events, read_event);
    status =
        status != STATUS_DONE ? status : read_list(&reading, work, "strategies", work->draft.strategies, read_strategy);
    status = status != STATUS_DONE ? status : read_trace_file(&reading, work);
    status = status != STATUS_DONE ? status : check_overlaps(&reading, work);
    status = status != STATUS_DONE ? status : check_whole(&reading, work);
    out->scenario = work->draft.scenario;
    pool = &out->scenario.pool;
    pool->options.dimensions = pool->dimensions;
    pool->options.health = work->draft.health ? &pool->health : NULL;
    pool->options.outlier = pool->has_outlier ? &pool->outlier : NULL;
    pool->options.zone = out->scenario.clients.zone;
    return status;
}

static enum status finish(struct scenario_file *out, enum status status) {
    if (status != STATUS_DONE) {
        scenario_file_free(out);
    }
    return status;
}

enum status scenario_file_read(struct scenario_file *out, const char *path, struct problem *problem) {
    struct yaml_file file = {.path = path, .bad = STATUS_BAD_SCENARIO, .problem = problem};
    out->memory = NULL;
    return finish(out, yaml_file_read(&file, read_root, out));
}

enum status scenario_file_parse(struct scenario_file *out, const char *path, const unsigned char *bytes, size_t size,
                                struct problem *problem) {
    struct yaml_file file = {.path = path, .bad = STATUS_BAD_SCENARIO, .problem = problem};
    out->memory = NULL;
    return finish(out, yaml_file_parse(&file, bytes, size, read_root, out));
}

void scenario_file_free(struct scenario_file *file) {
    sim_memory_free(file->memory);
    file->memory = NULL;
}

void scenario_help(void) {
    for (size_t t = 0; t < scenario_table_count; t++) {
        const struct scenario_table *table = scenario_tables[t];
        printf("\n%s:\n", table->what);
        for (size_t i = 0; i < table->count; i++) {
            const struct scenario_field *field = &table->fields[i];
            printf("  %-20s %s (%s)\n", field->name, field->meaning, field->allowed);
        }
    }
}
