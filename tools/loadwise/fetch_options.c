/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small setter for each option, and the table that gives each its meaning and its help. */
#include "fetch_options.h"

#include "options.h"
#include "text.h"

#include <string.h>

enum { FETCH_COUNT_MOST = 1000000000, FETCH_CONCURRENCY_MOST = 100000 };

#define FETCH_STACK "timeout 10s | retry | balance p2c metric=peak_ewma"

static enum status fetch_set_nodes(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->nodes = setting->value;
    return STATUS_DONE;
}

static enum status fetch_set_stack(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->stack = setting->value;
    return STATUS_DONE;
}

static enum status fetch_count(const struct setting *setting, const char *name, uint64_t most, uint64_t *out) {
    size_t size = strlen(setting->value);
    if (text_to_count(setting->value, size, most, out) && *out > 0) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE, "%s: \"%s\" is not a whole number from 1 to %llu", name,
                       text_shown(setting->value, size).text, (unsigned long long)most);
}

static enum status fetch_set_count(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    return fetch_count(setting, "--count", FETCH_COUNT_MOST, &options->count);
}

static enum status fetch_set_concurrency(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    return fetch_count(setting, "--concurrency", FETCH_CONCURRENCY_MOST, &options->concurrency);
}

static enum status fetch_set_rate(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    return fetch_count(setting, "--rate", FETCH_COUNT_MOST, &options->rate);
}

static enum status fetch_set_seconds(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    return fetch_count(setting, "--seconds", FETCH_COUNT_MOST, &options->seconds);
}

static enum status fetch_set_method(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->method = setting->value;
    return STATUS_DONE;
}

static enum status fetch_set_body(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->body = setting->value;
    return STATUS_DONE;
}

static enum status fetch_set_header(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    if (options->header_count == FETCH_HEADERS || strchr(setting->value, ':') == NULL) {
        return problem_set(setting->problem, STATUS_USAGE,
                           "--header: \"%s\" is not \"Name: value\", or there are over %d",
                           text_shown(setting->value, strlen(setting->value)).text, FETCH_HEADERS);
    }
    options->headers[options->header_count++] = setting->value;
    return STATUS_DONE;
}

static enum status fetch_set_safe(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->safe = true;
    return STATUS_DONE;
}

static enum status fetch_set_latency(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    int chosen = options_choose(setting, "--latency", "total", "first-byte");
    options->first_byte = chosen == 1;
    return chosen < 0 ? STATUS_USAGE : STATUS_DONE;
}

static enum status fetch_set_seed(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    return options_seed(setting, &options->seed);
}

static enum status fetch_set_csv(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->csv = setting->value;
    return STATUS_DONE;
}

static enum status fetch_set_json(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    options->json = true;
    return STATUS_DONE;
}

static enum status fetch_word(const struct setting *setting) {
    struct fetch_options *options = setting->target;
    if (options->path != NULL) {
        return problem_set(setting->problem, STATUS_USAGE, "one path only, and there is \"%s\" already", options->path);
    }
    options->path = setting->value;
    return *setting->value == '/' ? STATUS_DONE
                                  : problem_set(setting->problem, STATUS_USAGE, "the path \"%s\" does not begin with /",
                                                text_shown(setting->value, strlen(setting->value)).text);
}

static const struct option_entry fetch_option_table[] = {
    {"nodes", fetch_set_nodes, "FILE", "the nodes, in YAML as for `loadwise pick`; names are addresses (required)"},
    {"stack", fetch_set_stack, "SPEC", "the layers; default \"" FETCH_STACK "\""},
    {"count", fetch_set_count, "N", "so many requests; default: until interrupted"},
    {"concurrency", fetch_set_concurrency, "N", "so many at a time (default 1)"},
    {"rate", fetch_set_rate, "N", "begin at most so many a second, however fast they are answered"},
    {"seconds", fetch_set_seconds, "N", "begin none after so many seconds"},
    {"method", fetch_set_method, "NAME", "default GET, or POST with --body"},
    {"body", fetch_set_body, "TEXT", "the body of each request"},
    {"header", fetch_set_header, "\"NAME: VALUE\"", "a header; may be given again"},
    {"safe", fetch_set_safe, NULL, "each may be tried again whatever happened, as GET and HEAD may"},
    {"latency", fetch_set_latency, "total|first-byte", "what counts as the latency of an answer (default total)"},
    {"seed", fetch_set_seed, "N", "for what is drawn; 0: draw one (default)"},
    {"csv", fetch_set_csv, "FILE", "write a line for each request: begun_s,latency_ms,node,tries,outcome,status"},
    {"json", fetch_set_json, NULL, "one JSON object on one line"},
};

static const struct option_table fetch_table = {"fetch", fetch_option_table,
                                                sizeof fetch_option_table / sizeof *fetch_option_table, fetch_word};

static enum status fetch_check(struct fetch_options *options, struct problem *problem) {
    if (options->nodes == NULL) {
        return problem_set(problem, STATUS_USAGE, "--nodes is missing");
    }
    if (options->path == NULL) {
        return problem_set(problem, STATUS_USAGE, "the path is missing, such as /");
    }
    const char *method = options->method != NULL ? options->method : options->body != NULL ? "POST" : "GET";
    options->safe |= strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    options->stack = options->stack != NULL ? options->stack : FETCH_STACK;
    options->concurrency = options->concurrency != 0 ? options->concurrency : 1;
    options->count = options->count != 0 ? options->count : UINT64_MAX;
    return STATUS_DONE;
}

enum status fetch_options_read(struct fetch_options *options, int argc, char **argv, struct problem *problem) {
    memset(options, 0, sizeof *options);
    enum status status = options_read(&fetch_table, options, argc, argv, &options->help, problem);
    return status == STATUS_DONE && !options->help ? fetch_check(options, problem) : status;
}

void fetch_options_help(void) { options_help(&fetch_table); }
