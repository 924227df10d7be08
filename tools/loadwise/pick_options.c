/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* getopt_long splits the words; one table gives each option its meaning and its help. */
#include "pick_options.h"

#include "help.h"
#include "text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct setting {
    struct pick_options *options;
    char *value;
    struct problem *problem;
};

static enum status pick_set_nodes(const struct setting *setting) {
    setting->options->nodes = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_strategy(const struct setting *setting) {
    setting->options->spec = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_requests(const struct setting *setting) {
    setting->options->requests.path = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_key(const struct setting *setting) {
    setting->options->requests.key = setting->value;
    return STATUS_DONE;
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
    struct pick_options *options = setting->options;
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
    struct pick_options *options = setting->options;
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
    setting->options->requests.time = setting->value;
    return STATUS_DONE;
}

static enum status pick_set_seed(const struct setting *setting) {
    if (text_to_count(setting->value, strlen(setting->value), UINT64_MAX, &setting->options->seed)) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE,
                       "--seed: \"%s\" is not a whole number from 0 to 18446744073709551615", setting->value);
}

static enum status pick_set_exclude(const struct setting *setting) {
    struct pick_options *options = setting->options;
    if (options->exclude_count == EXCLUDES_MOST) {
        return problem_set(setting->problem, STATUS_USAGE, "--exclude: at most %d of them", EXCLUDES_MOST);
    }
    options->exclude[options->exclude_count++] = setting->value;
    return STATUS_DONE;
}

/* Answers 1 for the second choice, 0 for the first, -1 for neither. */
static int pick_choose(const struct setting *setting, const char *option, const char *first, const char *second) {
    if (strcmp(setting->value, first) == 0 || strcmp(setting->value, second) == 0) {
        return strcmp(setting->value, second) == 0;
    }
    problem_set(setting->problem, STATUS_USAGE, "%s: \"%s\" is neither %s nor %s", option, setting->value, first,
                second);
    return -1;
}

static enum status pick_set_output(const struct setting *setting) {
    int choice = pick_choose(setting, "--output", "text", "json");
    setting->options->output = choice == 1 ? OUTPUT_JSON : OUTPUT_TEXT;
    return choice < 0 ? STATUS_USAGE : STATUS_DONE;
}

static enum status pick_set_on_error(const struct setting *setting) {
    int choice = pick_choose(setting, "--on-error", "stop", "skip");
    setting->options->skip_bad_rows = choice == 1;
    return choice < 0 ? STATUS_USAGE : STATUS_DONE;
}

static enum status pick_set_summary(const struct setting *setting) {
    setting->options->summary_only = true;
    return STATUS_DONE;
}

static enum status pick_set_help(const struct setting *setting) {
    setting->options->help = true;
    return STATUS_DONE;
}

static const struct pick_option {
    const char *name;
    enum status (*set)(const struct setting *setting);
    const char *value; /* what the help calls it; NULL: the option takes none */
    const char *help;
} pick_option_table[] = {
    {"nodes", pick_set_nodes, "FILE", "the nodes, in YAML (required; see below)"},
    {"strategy", pick_set_strategy, "SPEC",
     "how to choose: p2c, \"chain(ring vnodes=200, p2c)\"; `loadwise strategies` lists them (required)"},
    {"requests", pick_set_requests, "FILE|-", "the requests, from a file or from standard input (required; see below)"},
    {"key", pick_set_key, "row|COLUMN",
     "the key of a request: a column, or the number of its row; without this option the rows of a CSV have no key, "
     "and the lines of a list of keys are their own"},
    {"cost", pick_set_cost, "[DIM=]COLUMN",
     "add up this column per node, under the name DIM (default: the column's name); may be repeated, and several "
     "columns "
     "with one DIM are added together"},
    {"quota", pick_set_quota, "DIM=SOURCE:KIND:WINDOW",
     "hold the nodes to their limits in dimension DIM. SOURCE is what a request takes: row (1 for each), a column, or "
     "columns joined by +. KIND is sliding or gcra, WINDOW such as 60s (ms, s, m, h, d). May be repeated; see below"},
    {"time", pick_set_time, "COLUMN", "when the request arrives, for --quota (default TIMESTAMP)"},
    {"seed", pick_set_seed, "N",
     "the source of all chance: the same seed gives the same picks everywhere; 0: draw one (default)"},
    {"exclude", pick_set_exclude, "NAME", "this node must not be chosen; may be repeated"},
    {"on-error", pick_set_on_error, "skip|stop",
     "what to do at a malformed row; skipped rows are counted (default stop)"},
    {"output", pick_set_output, "text|json", "text for people, or one JSON object a line (default text)"},
    {"summary", pick_set_summary, NULL, "print the summary only, not each decision"},
    {"help", pick_set_help, NULL, "print this"},
};

enum {
    PICK_OPTION_COUNT = sizeof pick_option_table / sizeof *pick_option_table,
    PICK_LONG = 256, /* what getopt_long answers for the first of them, above any letter */
};

static void pick_long_options(struct option *options) {
    for (int i = 0; i < PICK_OPTION_COUNT; i++) {
        int has_value = pick_option_table[i].value != NULL ? required_argument : no_argument;
        options[i] = (struct option){pick_option_table[i].name, has_value, NULL, PICK_LONG + i};
    }
    options[PICK_OPTION_COUNT] = (struct option){NULL, 0, NULL, 0};
}

static enum status pick_bad_option(struct problem *problem, int answer, const char *word) {
    if (answer == ':') {
        return problem_set(problem, STATUS_USAGE, "%s needs a value", word);
    }
    if (optopt >= PICK_LONG) {
        return problem_set(problem, STATUS_USAGE, "--%s takes no value", pick_option_table[optopt - PICK_LONG].name);
    }
    return optopt != 0 ? problem_set(problem, STATUS_USAGE, "-%c is not an option of pick", optopt)
                       : problem_set(problem, STATUS_USAGE, "%s is not an option of pick", word);
}

static enum status pick_check_required(const struct pick_options *options, struct problem *problem) {
    const char *missing = options->nodes == NULL           ? "--nodes"
                          : options->spec == NULL          ? "--strategy"
                          : options->requests.path == NULL ? "--requests"
                                                           : NULL;
    return missing == NULL ? STATUS_DONE : problem_set(problem, STATUS_USAGE, "%s is missing", missing);
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
    struct option long_options[PICK_OPTION_COUNT + 1];
    pick_long_options(long_options);
    memset(options, 0, sizeof *options);
    opterr = 0;
    int answer;
    while ((answer = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (answer == '?' || answer == ':') {
            return pick_bad_option(problem, answer, argv[optind - 1]);
        }
        struct setting setting = {options, optarg, problem};
        enum status status =
            answer == 'h' ? pick_set_help(&setting) : pick_option_table[answer - PICK_LONG].set(&setting);
        if (status != STATUS_DONE || options->help) {
            return status;
        }
    }
    if (optind < argc) {
        return problem_set(problem, STATUS_USAGE, "unexpected argument \"%s\"", argv[optind]);
    }
    options->requests.costs = options->columns;
    enum status status = pick_check_required(options, problem);
    return status == STATUS_DONE ? pick_check_time(options, problem) : status;
}

/* ---- help ---- */

void pick_options_help(void) {
    for (int i = 0; i < PICK_OPTION_COUNT; i++) {
        const struct pick_option *option = &pick_option_table[i];
        char name[40];
        snprintf(name, sizeof name, "--%s%s%s", option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
        help_entry(name, 26, option->help);
    }
}
