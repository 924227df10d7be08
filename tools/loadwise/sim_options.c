/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small setter for each option, and the table that gives each its meaning and its help. */
#include "sim_options.h"

#include "options.h"
#include "text.h"

#include <string.h>

enum { SEEDS_MOST = 1000, THREADS_MOST = 1024 };

static enum status sim_set_scenario(const struct setting *setting) {
    struct sim_options *options = setting->target;
    if (options->scenario != NULL) {
        return problem_set(setting->problem, STATUS_USAGE, "unexpected argument \"%s\"; the scenario is %s",
                           setting->value, options->scenario);
    }
    options->scenario = setting->value;
    return STATUS_DONE;
}

static enum status sim_set_strategy(const struct setting *setting) {
    struct sim_options *options = setting->target;
    if (options->strategy_count == SIM_STRATEGIES_MOST) {
        return problem_set(setting->problem, STATUS_USAGE, "--strategy: at most %d of them", SIM_STRATEGIES_MOST);
    }
    options->strategies[options->strategy_count++] = setting->value;
    return STATUS_DONE;
}

static enum status sim_set_count(const struct setting *setting, const char *option, uint64_t most, uint64_t *count) {
    if (text_to_count(setting->value, strlen(setting->value), most, count) && *count > 0) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE, "%s: \"%s\" is not a whole number from 1 to %llu", option,
                       setting->value, (unsigned long long)most);
}

static enum status sim_set_seeds(const struct setting *setting) {
    struct sim_options *options = setting->target;
    return sim_set_count(setting, "--seeds", SEEDS_MOST, &options->seeds);
}

static enum status sim_set_seed(const struct setting *setting) {
    struct sim_options *options = setting->target;
    return sim_set_count(setting, "--seed", UINT64_MAX - SEEDS_MOST, &options->seed);
}

static enum status sim_set_threads(const struct setting *setting) {
    struct sim_options *options = setting->target;
    return sim_set_count(setting, "--threads", THREADS_MOST, &options->threads);
}

static enum status sim_set_report(const struct setting *setting) {
    struct sim_options *options = setting->target;
    options->report = setting->value;
    return STATUS_DONE;
}

static enum status sim_set_csv(const struct setting *setting) {
    struct sim_options *options = setting->target;
    options->csv = setting->value;
    return STATUS_DONE;
}

static enum status sim_set_json(const struct setting *setting) {
    struct sim_options *options = setting->target;
    options->json = true;
    return STATUS_DONE;
}

static const struct option_entry sim_option_table[] = {
    {"strategy", sim_set_strategy, "SPEC",
     "compare this one (may be repeated; default: those that the scenario names)"},
    {"seeds", sim_set_seeds, "N", "runs of each strategy, each with chances of its own (default 3)"},
    {"seed", sim_set_seed, "N", "the first of the seeds (default 1)"},
    {"threads", sim_set_threads, "N", "runs at a time (default: one per processor); the result is the same"},
    {"report", sim_set_report, "FILE", "write a page in HTML with tables, charts and advice"},
    {"csv", sim_set_csv, "DIR", "write figures, time series, nodes and latencies as CSV"},
    {"json", sim_set_json, NULL, "print JSON instead of the table"},
};

static const struct option_table sim_table = {"sim", sim_option_table,
                                              sizeof sim_option_table / sizeof *sim_option_table, sim_set_scenario};

enum status sim_options_read(struct sim_options *options, int argc, char **argv, struct problem *problem) {
    memset(options, 0, sizeof *options);
    options->seeds = 3;
    options->seed = 1;
    enum status status = options_read(&sim_table, options, argc, argv, &options->help, problem);
    if (status == STATUS_DONE && !options->help && options->scenario == NULL) {
        return problem_set(problem, STATUS_USAGE, "the scenario is missing: loadwise sim SCENARIO.yaml");
    }
    return status;
}

void sim_options_help(void) { options_help(&sim_table); }
