/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small setter for each option, and the table that gives each its meaning and its help. */
#include "pick_options.h"

#include "options.h"

#include <loadwise/id.h>
#include <string.h>

static enum status pick_set_nodes(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->nodes = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_strategy(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->spec = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_requests(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->requests.path = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_key(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->requests.key = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_hash(const struct setting *setting) {
    struct pick_options *options = setting->target;
    return key_hash_set(setting, &options->hash);
}

/* The number of a dimension, given out in the order of first use. */
static uint32_t pick_dimension(struct pick_options *options, const char *name) {
    struct request_source *requests = &options->requests;
    uint32_t number = 0;
    while (number < requests->dimension_count && strcmp(options->dimensions[number], name) != 0) {
        number++;
    }
    if (number == requests->dimension_count) {
        options->dimensions[requests->dimension_count++] = name;
    }
    return number;
}

static void pick_add_column(struct pick_options *options, const char *column, uint32_t dimension) {
    options->columns[options->requests.cost_count++] = (struct cost_column){column, dimension};
}

static enum status pick_set_cost(const struct setting *setting) {
    struct pick_options *options = setting->target;
    char *equals = strchr(setting->value, '=');
    const char *column = equals != NULL ? equals + 1 : setting->value;
    if (equals != NULL) {
        *equals = '\0';
    }
    if (*setting->value == '\0' || *column == '\0') {
        return problem_set(setting->problem, STATUS_USAGE, "--cost: it must be COLUMN or DIM=COLUMN");
    }
    if (options->cost_count == COSTS_MOST) {
        return problem_set(setting->problem, STATUS_USAGE, "--cost: at most %d of them", COSTS_MOST);
    }
    options->cost_count++;
    pick_add_column(options, column, pick_dimension(options, setting->value));
    return STATUS_DONE;
}

static bool pick_has_quota(const struct pick_options *options, const char *name) {
    for (size_t i = 0; i < options->requests.quota_count; i++) {
        if (strcmp(options->quotas[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status pick_set_quota(const struct setting *setting) {
    struct pick_options *options = setting->target;
    size_t number = options->requests.quota_count;
    if (number == QUOTAS_MOST) {
        return problem_set(setting->problem, STATUS_USAGE, "--quota: at most %d of them", QUOTAS_MOST);
    }
    struct quota_option *quota = &options->quotas[number];
    if (quota_option_read(quota, setting->value, setting->problem) != STATUS_DONE) {
        return STATUS_USAGE;
    }
    if (pick_has_quota(options, quota->name)) {
        return problem_set(setting->problem, STATUS_USAGE, "--quota: %s is declared twice", quota->name);
    }
    for (size_t i = 0; i < quota->column_count; i++) {
        pick_add_column(options, quota->columns[i], (uint32_t)(COSTS_MOST + number));
    }
    options->requests.quota_count++;
    return STATUS_DONE;
}

static enum status pick_set_time(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->requests.time = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_store(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->store = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_prefix(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->prefix = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_seed(const struct setting *setting) {
    struct pick_options *options = setting->target;
    return options_seed(setting, &options->seed);
}

static enum status pick_set_exclude(const struct setting *setting) {
    struct pick_options *options = setting->target;
    if (options->exclude_count == EXCLUDES_MOST) {
        return problem_set(setting->problem, STATUS_USAGE, "--exclude: at most %d of them", EXCLUDES_MOST);
    }
    options->exclude[options->exclude_count++] = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_output(const struct setting *setting) {
    struct pick_options *options = setting->target;
    int choice = options_choose(setting, "--output", "text", "json");
    options->output = choice == 1 ? OUTPUT_JSON : OUTPUT_TEXT;
    return choice < 0 ? STATUS_USAGE : STATUS_DONE;
}

static enum status pick_set_on_error(const struct setting *setting) {
    struct pick_options *options = setting->target;
    int choice = options_choose(setting, "--on-error", "stop", "skip");
    options->skip_bad_rows = choice == 1;
    return choice < 0 ? STATUS_USAGE : STATUS_DONE;
}

static enum status pick_set_summary(const struct setting *setting) {
    struct pick_options *options = setting->target;
    options->summary_only = true;
    return STATUS_DONE;
}

static const struct option_entry pick_option_table[] = {
    {"nodes", pick_set_nodes, "FILE", "the nodes, in YAML (required; see below)"},
    {"strategy", pick_set_strategy, "SPEC",
     "how to choose: p2c, \"chain(ring vnodes=200, p2c)\"; `loadwise strategies` lists them (required)"},
    {"requests", pick_set_requests, "FILE|-", "the requests, from a file or from standard input (required; see below)"},
    {"key", pick_set_key, "row|COLUMN",
     "the key of a request: a column, or the number of its row; without this option the rows of a CSV have no key, "
     "and the lines of a list of keys are their own"},
    {"hash", pick_set_hash, "HASH", KEY_HASH_HELP},
    {"cost", pick_set_cost, "[DIM=]COLUMN",
     "add up this column per node, under the name DIM (default: the column's name); may be repeated, and several "
     "columns "
     "with one DIM are added together"},
    {"quota", pick_set_quota, "DIM=SOURCE:KIND:WINDOW",
     "hold the nodes to their limits in dimension DIM. SOURCE is what a request takes: row (1 for each), a column, or "
     "columns joined by +. KIND is sliding or gcra, WINDOW such as 60s (ms, s, m, h, d). May be repeated; see below"},
    {"time", pick_set_time, "COLUMN", "when the request arrives, for --quota (default TIMESTAMP)"},
    {"store", pick_set_store, "URL",
     "share the limits of --quota with all commands that run with this Redis: redis://host:port/database; see below"},
    {"prefix", pick_set_prefix, "TEXT",
     "what the keys in the store begin with: the same for commands that share, another one for another run (default "
     "loadwise/)"},
    {"seed", pick_set_seed, "N",
     "the source of all chance: the same seed gives the same picks everywhere; 0: draw one (default)"},
    {"exclude", pick_set_exclude, "NAME", "this node must not be chosen; may be repeated"},
    {"on-error", pick_set_on_error, "skip|stop",
     "what to do at a malformed row; skipped rows are counted (default stop)"},
    {"output", pick_set_output, "text|json", "text for people, or one JSON object a line (default text)"},
    {"summary", pick_set_summary, NULL, "print the summary only, not each decision"},
};

static const struct option_table pick_table = {"pick", pick_option_table,
                                               sizeof pick_option_table / sizeof *pick_option_table, NULL};

static enum status pick_check_required(const struct pick_options *options, struct problem *problem) {
    const char *missing = options->nodes == NULL           ? "--nodes"
                          : options->spec == NULL          ? "--strategy"
                          : options->requests.path == NULL ? "--requests"
                                                           : NULL;
    return missing == NULL ? STATUS_DONE : problem_set(problem, STATUS_USAGE, "%s is missing", missing);
}

/* Quotas are what is shared. */
static enum status pick_check_store(const struct pick_options *options, struct problem *problem) {
    if (options->store != NULL && options->requests.quota_count == 0) {
        return problem_set(problem, STATUS_USAGE, "--store: only --quota shares something");
    }
    return options->store != NULL || options->prefix == NULL
               ? STATUS_DONE
               : problem_set(problem, STATUS_USAGE, "--prefix: only --store has keys");
}

/* Nothing but a quota depends on the time. */
static enum status pick_check_time(struct pick_options *options, struct problem *problem) {
    if (options->requests.quota_count > 0 && options->requests.time == NULL) {
        options->requests.time = "TIMESTAMP";
    }
    return options->requests.quota_count > 0 || options->requests.time == NULL
               ? STATUS_DONE
               : problem_set(problem, STATUS_USAGE, "--time: only --quota looks at the time");
}

enum status pick_options_read(struct pick_options *options, int argc, char **argv, struct problem *problem) {
    memset(options, 0, sizeof *options);
    options->hash = lw_id;
    enum status status = options_read(&pick_table, options, argc, argv, &options->help, problem);
    options->requests.costs = options->columns;
    if (status == STATUS_DONE && !options->help) {
        status = pick_check_required(options, problem);
        status = status == STATUS_DONE ? pick_check_time(options, problem) : status;
        status = status == STATUS_DONE ? pick_check_store(options, problem) : status;
    }
    return status;
}

void pick_options_help(void) { options_help(&pick_table); }
