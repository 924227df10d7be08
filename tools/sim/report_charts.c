/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line a strategy. Results of several seeds are merged before they are drawn: histograms are added. */
#include "report_charts.h"

#include "report_events.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 860, HEIGHT = 360, NARROW_WIDTH = 400, NARROW_HEIGHT = 300, POINTS = 60 };
enum { LEFT = 88, LEFT_NARROW = 84, RIGHT = 32 };

#define MS 1e6

/* ---- what is common ---- */

struct range {
    double least, most;
};

static void widen(struct range *range, double value) {
    range->least = value < range->least ? value : range->least;
    range->most = value > range->most ? value : range->most;
}

/* With room for rows of labels above the plot. */
static enum status begin_lines(struct sim_chart *chart, bool narrow, int rows, struct problem *problem) {
    int width = narrow ? NARROW_WIDTH : WIDTH, top = 10 + rows * REPORT_LABEL_HEIGHT;
    int height = (narrow ? NARROW_HEIGHT : HEIGHT) + top;
    struct sim_chart_frame frame = {narrow ? LEFT_NARROW : LEFT, width - RIGHT, top, height - 52};
    return sim_chart_begin(chart, width, height, &frame, problem);
}

/* From the data blocks $d0, $d1 and so on. */
static void plot_lines(FILE *script, const struct sim_contest *contest) {
    fputs("plot ", script);
    for (size_t i = 0; i < contest->entry_count; i++) {
        const char *dash = sim_chart_dash(i);
        fprintf(script, "%s$d%zu using 1:2 with lines lw 2 lc rgb '%s' dt %s%s%s notitle", i > 0 ? ", " : "", i,
                sim_chart_colour(i), *dash != '\0' ? "(" : "", *dash != '\0' ? dash : "1", *dash != '\0' ? ")" : "");
    }
    fputc('\n', script);
}

static enum status end_lines(struct sim_chart *chart, const struct sim_contest *contest, const struct range *range,
                             const char *label, char **svg, struct problem *problem) {
    if (range->least > range->most) {
        sim_chart_durations(chart->script, 1, 10);
        fputs("set label 'no request ended well' at graph 0.5, graph 0.5 center\nplot 0 notitle\n", chart->script);
    } else {
        sim_chart_durations(chart->script, range->least, range->most);
        plot_lines(chart->script, contest);
    }
    return sim_chart_end(chart, label, svg, problem);
}

/* ---- latency ---- */

static bool merge_latency(const struct sim_contest *contest, size_t entry, struct sim_histogram *merged) {
    for (uint32_t s = 0; s < contest->seeds; s++) {
        if (!sim_histogram_merge(merged, &contest->entries[entry].results[s].latency)) {
            return false;
        }
    }
    return true;
}

/* x: log10 of the requests of which one is slower; so 2 is 99 %. */
static bool put_distribution(FILE *script, const struct sim_contest *contest, size_t entry, struct range *range) {
    struct sim_histogram merged = {0};
    bool good = merge_latency(contest, entry, &merged);
    fprintf(script, "$d%zu << EOD\n", entry);
    for (int i = 0; good && i <= POINTS; i++) {
        double x = log10(2) + (4 - log10(2)) * i / POINTS, rare = pow(10, -x);
        if (rare * (double)merged.total >= 1) {
            double latency = sim_histogram_quantile(&merged, 1 - rare) / MS;
            fprintf(script, "%.4f %.6g\n", x, latency);
            widen(range, latency);
        }
    }
    fprintf(script, "? ?\nEOD\n");
    sim_histogram_free(&merged);
    return good;
}

enum status report_chart_latency(const struct sim_contest *contest, bool narrow, char **svg, struct problem *problem) {
    struct sim_chart chart;
    struct range range = {INFINITY, 0};
    enum status status = begin_lines(&chart, narrow, 0, problem);
    bool good = status == STATUS_DONE;
    for (size_t i = 0; good && i < contest->entry_count; i++) {
        good = put_distribution(chart.script, contest, i, &range);
    }
    if (status != STATUS_DONE) {
        return status;
    }
    fprintf(chart.script, "set xtics ('50 %%%%' 0.30103, %s'90 %%%%' 1, '99 %%%%' 2, '99.9 %%%%' 3, '99.99 %%%%' 4)\n",
            narrow ? "" : "'75 %%' 0.60206, ");
    fputs("set xrange [0.30103:4]\n", chart.script);
    sim_chart_name_axes(&chart, "share of requests that are faster", "latency");
    status = end_lines(&chart, contest, &range, "Latency by share of requests", svg, problem);
    return good ? status : problem_memory(problem);
}

/* ---- over time ---- */

static bool put_series(FILE *script, const struct sim_contest *contest, size_t entry, double quantile, double unit,
                       struct range *range) {
    double length = (double)contest->scenario->duration / unit;
    bool good = true;
    fprintf(script, "$d%zu << EOD\n", entry);
    for (int i = 0; good && i < SIM_SLICES; i++) {
        struct sim_histogram merged = {0};
        for (uint32_t s = 0; good && s < contest->seeds; s++) {
            good = sim_histogram_merge(&merged, &contest->entries[entry].results[s].slices[i].latency);
        }
        if (merged.total > 0) {
            double latency = sim_histogram_quantile(&merged, quantile) / MS;
            fprintf(script, "%.6g %.6g\n", length * (i + 0.5) / SIM_SLICES, latency);
            widen(range, latency);
        }
        sim_histogram_free(&merged);
    }
    fprintf(script, "? ?\nEOD\n");
    return good;
}

enum status report_chart_time(const struct sim_contest *contest, double quantile, bool narrow, char **svg,
                              struct problem *problem) {
    const struct sim_scenario *scenario = contest->scenario;
    struct sim_chart chart;
    struct range range = {INFINITY, 0};
    char label[60];
    int rows = report_event_rows(scenario, (narrow ? NARROW_WIDTH - LEFT_NARROW : WIDTH - LEFT) - RIGHT);
    enum status status = begin_lines(&chart, narrow, rows, problem);
    if (status != STATUS_DONE) {
        return status;
    }
    bool good = true;
    snprintf(label, sizeof label, "p%g of latency", quantile * 100);
    double unit = report_time_axis(&chart, scenario, label);
    snprintf(label, sizeof label, "p%g of latency over time", quantile * 100);
    for (size_t i = 0; good && i < contest->entry_count; i++) {
        good = put_series(chart.script, contest, i, quantile, unit, &range);
    }
    report_event_bands(&chart, scenario);
    status = end_lines(&chart, contest, &range, label, svg, problem);
    return good ? status : problem_memory(problem);
}
