/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Read the scenario, let the strategies run, show who did how. */
#include "sim.h"

#include "interrupt.h"
#include "sim/report.h"
#include "sim/scenario_file.h"
#include "sim_options.h"
#include "sim_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BAR_WIDTH = 40 };

/* Drawn by the thread that waits; true once somebody pressed ^C. */
static bool sim_progress(void *user, double share) {
    if (*(const bool *)user) {
        int done = (int)(share * BAR_WIDTH);
        fprintf(stderr, "\r[%.*s%*s] %3.0f %%", done, "########################################", BAR_WIDTH - done, "",
                share * 100);
    }
    return interrupt_signal() != 0;
}

static enum status sim_show(const struct sim_options *options, const struct sim_contest *contest,
                            struct problem *problem) {
    enum status status = STATUS_DONE;
    if (options->json) {
        status = sim_print_json(contest, problem);
    } else {
        sim_print_text(contest);
    }
    if (status == STATUS_DONE && options->csv != NULL) {
        status = sim_write_csv(contest, options->csv, problem);
    }
    return status == STATUS_DONE && options->report != NULL ? sim_report_write(contest, options->report, problem)
                                                            : status;
}

static enum status sim_contest_run(const struct sim_options *options, const struct sim_scenario *scenario,
                                   struct problem *problem) {
    char why[SIM_WHY] = "";
    bool shown = isatty(STDERR_FILENO);
    struct sim_contest contest;
    interrupt_listen();
    struct sim_contest_options run = {
        .strategies = options->strategy_count > 0 ? options->strategies : scenario->strategies,
        .strategy_count = options->strategy_count > 0 ? options->strategy_count : scenario->strategy_count,
        .first_seed = options->seed,
        .seeds = (uint32_t)options->seeds,
        .threads = (uint32_t)options->threads,
        .progress = sim_progress,
        .user = &shown};
    if (run.strategy_count == 0) {
        return problem_set(problem, STATUS_USAGE, "--strategy: missing; %s names none either", options->scenario);
    }
    int error = sim_contest(scenario, &run, &contest, why);
    if (shown) {
        fprintf(stderr, "\r\033[K");
    }
    if (error == LW_NOMEM) {
        return problem_memory(problem);
    }
    if (error == LW_UNAVAILABLE) {
        return problem_set(problem, STATUS_CLOSED, "stopped; nothing is shown of runs that are not complete");
    }
    if (error != LW_OK) {
        return problem_set(problem, STATUS_UNFIT, "%s", *why != '\0' ? why : lw_error_message(error));
    }
    enum status status = sim_show(options, &contest, problem);
    sim_contest_free(&contest);
    return status;
}

static enum status sim_all(const struct sim_options *options, struct problem *problem) {
    struct scenario_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        return problem_memory(problem);
    }
    enum status status = STATUS_DONE;
    for (size_t i = 0; i < options->strategy_count && status == STATUS_DONE; i++) {
        status = scenario_check_strategy(options->strategies[i], "--strategy", problem);
    }
    if (status == STATUS_DONE) {
        status = scenario_file_read(file, options->scenario, problem);
    }
    if (status == STATUS_DONE) {
        status = sim_contest_run(options, &file->scenario, problem);
        scenario_file_free(file);
    }
    free(file);
    return status;
}

enum status sim_command_run(int argc, char **argv, struct problem *problem) {
    struct sim_options *options = calloc(1, sizeof *options);
    if (options == NULL) {
        return problem_memory(problem);
    }
    enum status status = sim_options_read(options, argc, argv, problem);
    if (status == STATUS_DONE && options->help) {
        sim_help();
    } else if (status == STATUS_DONE) {
        status = sim_all(options, problem);
    }
    free(options);
    return status;
}
