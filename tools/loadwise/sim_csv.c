/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Four files, one row a figure, a slice of time, a node, a quantile. Texts are quoted, since they may
   hold commas. */
#include "sim_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef void csv_rows_fn(FILE *file, const struct sim_contest *contest, const struct sim_entry *entry, uint32_t seed);

/* In quotes, with every quote doubled. */
static void csv_text(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text != '\0'; text++) {
        fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
    }
    fputc('"', file);
}

/* "p2c metric=ewma",3, */
static void csv_begin(FILE *file, const struct sim_contest *contest, const struct sim_entry *entry, uint32_t seed) {
    csv_text(file, entry->strategy);
    fprintf(file, ",%" PRIu64 ",", contest->first_seed + seed);
}

static void csv_figures(FILE *file, const struct sim_contest *contest, const struct sim_entry *entry, uint32_t seed) {
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    sim_figures_of(contest->scenario, &entry->results[seed], figures);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (figures[f].known) {
            const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
            csv_begin(file, contest, entry, seed);
            fprintf(file, "%s,%.9g,%s\n", head->name, figures[f].mean, head->unit);
        }
    }
}

static void csv_series(FILE *file, const struct sim_contest *contest, const struct sim_entry *entry, uint32_t seed) {
    const struct sim_result *result = &entry->results[seed];
    for (int i = 0; i < SIM_SLICES; i++) {
        const struct sim_slice *slice = &result->slices[i];
        csv_begin(file, contest, entry, seed);
        fprintf(file, "%.6f,%llu,%llu,%llu,%llu,%.6g,%.6g,%.6g\n",
                (double)contest->scenario->duration / 1e9 * i / SIM_SLICES, (unsigned long long)slice->ended,
                (unsigned long long)slice->failed, (unsigned long long)slice->refused,
                (unsigned long long)slice->retries, sim_histogram_quantile(&slice->latency, 0.5) / 1e6,
                sim_histogram_quantile(&slice->latency, 0.99) / 1e6, sim_histogram_mean(&slice->latency) / 1e6);
    }
}

static void csv_nodes(FILE *file, const struct sim_contest *contest, const struct sim_entry *entry, uint32_t seed) {
    const struct sim_result *result = &entry->results[seed];
    for (uint32_t i = 0; i < result->node_count; i++) {
        const struct sim_tally *tally = &result->nodes[i];
        csv_begin(file, contest, entry, seed);
        csv_text(file, contest->scenario->nodes[i].name);
        fprintf(file, ",%llu,%llu,%llu,%.6g,%.6g,%u\n", (unsigned long long)tally->served,
                (unsigned long long)tally->failed, (unsigned long long)tally->turned_away, tally->busy, tally->queued,
                tally->peak);
    }
}

static void csv_latency(FILE *file, const struct sim_contest *contest, const struct sim_entry *entry, uint32_t seed) {
    static const double quantiles[] = {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        csv_begin(file, contest, entry, seed);
        fprintf(file, "%g,%.6g\n", quantiles[i],
                sim_histogram_quantile(&entry->results[seed].latency, quantiles[i]) / 1e6);
    }
}

static enum status csv_file(const struct sim_contest *contest, const char *directory, const char *name,
                            const char *columns, csv_rows_fn *rows, struct problem *problem) {
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s.csv", directory, name) >= sizeof path) {
        return problem_set(problem, STATUS_USAGE, "--csv: the name of the directory is too long");
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", path, strerror(errno));
    }
    fprintf(file, "strategy,seed,%s\n", columns);
    for (size_t i = 0; i < contest->entry_count; i++) {
        for (uint32_t s = 0; s < contest->seeds; s++) {
            rows(file, contest, &contest->entries[i], s);
        }
    }
    bool good = !ferror(file);
    good = fclose(file) == 0 && good;
    return good ? STATUS_DONE : problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", path, strerror(errno));
}

enum status sim_write_csv(const struct sim_contest *contest, const char *directory, struct problem *problem) {
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return problem_set(problem, STATUS_CLOSED, "%s: cannot be made: %s", directory, strerror(errno));
    }
    enum status status = csv_file(contest, directory, "figures", "figure,value,unit", csv_figures, problem);
    if (status == STATUS_DONE) {
        status = csv_file(contest, directory, "series", "second,ended,failed,refused,retries,p50_ms,p99_ms,mean_ms",
                          csv_series, problem);
    }
    if (status == STATUS_DONE) {
        status = csv_file(contest, directory, "nodes", "node,served,failed,turned_away,busy_s,queued_s,peak", csv_nodes,
                          problem);
    }
    return status == STATUS_DONE ? csv_file(contest, directory, "latency", "quantile,latency_ms", csv_latency, problem)
                                 : status;
}
