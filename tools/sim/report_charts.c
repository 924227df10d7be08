/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Results of several seeds are merged before they are drawn: histograms added, loads averaged. */
#include "report_charts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 860, HEIGHT = 420, NODES_WIDTH = 430, POINTS = 60 };

#define MS 1e6

/* Inside single quotes, gnuplot wants them doubled. */
static void put_quoted(FILE *script, const char *text) {
    fputc('\'', script);
    for (; *text != '\0'; text++) {
        fprintf(script, *text == '\'' ? "''" : "%c", *text);
    }
    fputc('\'', script);
}

/* One line a strategy, from the data blocks $d0, $d1 and so on. */
static void plot_lines(FILE *script, const struct sim_contest *contest) {
    fputs("plot ", script);
    for (size_t i = 0; i < contest->entry_count; i++) {
        fprintf(script, "%s$d%zu using 1:2 with lines lw 2 lc rgb '%s' dt %d title ", i > 0 ? ", " : "", i,
                sim_chart_colour(i), sim_chart_dash(i));
        put_quoted(script, contest->entries[i].strategy);
        fputs(" noenhanced", script);
    }
    fputc('\n', script);
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
static bool put_distribution(FILE *script, const struct sim_contest *contest, size_t entry) {
    struct sim_histogram merged = {0};
    bool good = merge_latency(contest, entry, &merged);
    fprintf(script, "$d%zu << EOD\n", entry);
    for (int i = 0; good && i <= POINTS; i++) {
        double x = log10(2) + (4 - log10(2)) * i / POINTS, rare = pow(10, -x);
        if (rare * (double)merged.total >= 1) {
            fprintf(script, "%.4f %.6g\n", x, sim_histogram_quantile(&merged, 1 - rare) / MS);
        }
    }
    fprintf(script, "? ?\nEOD\n");
    sim_histogram_free(&merged);
    return good;
}

enum status report_chart_latency(const struct sim_contest *contest, char **svg, struct problem *problem) {
    struct sim_chart chart;
    enum status status = sim_chart_begin(&chart, WIDTH, HEIGHT, problem);
    bool good = status == STATUS_DONE;
    for (size_t i = 0; good && i < contest->entry_count; i++) {
        good = put_distribution(chart.script, contest, i);
    }
    if (status != STATUS_DONE) {
        return status;
    }
    fputs("set logscale y\nset xrange [0.30103:4]\nset xlabel 'share of requests that are faster'\n"
          "set ylabel 'latency, ms (each step the same factor)'\n"
          "set xtics ('50 %%' 0.30103, '75 %%' 0.60206, '90 %%' 1, '99 %%' 2, '99.9 %%' 3, '99.99 %%' 4)\n",
          chart.script);
    plot_lines(chart.script, contest);
    status = sim_chart_end(&chart, svg, problem);
    return good ? status : problem_memory(problem);
}

/* ---- over time ---- */

static const char *const event_names[] = {"slow",  "down", "errors", "frozen",
                                          "429s", "drain", "gone",  "restart"};

static void put_event(FILE *script, const struct sim_scenario *scenario, const struct sim_event *event, size_t number) {
    double begin = (double)event->at / 1e9, end = (double)scenario->duration / 1e9;
    uint64_t length = event->length == SIM_NEVER ? scenario->duration : event->length;
    uint64_t last = event->at + length + event->every * (event->count - 1) + (event->every > 0 ? event->wait : 0);
    double until = last < scenario->duration ? (double)last / 1e9 : end;
    fprintf(script, "set object %zu rectangle from %.6g, graph 0 to %.6g, graph 1 behind fc rgb '#d55e00' ", number + 1,
            begin, until);
    fprintf(script, "fs transparent solid 0.12 noborder\nset label %zu ", number + 1);
    char text[300];
    snprintf(text, sizeof text, "%.100s%s %s", scenario->nodes[event->first].name, event->count > 1 ? "…" : "",
             event_names[event->action]);
    put_quoted(script, text);
    fprintf(script, " at %.6g, graph %.3f left offset 0.4,0 textcolor rgb '#123456' font ',11' noenhanced\n", begin,
            0.97 - 0.06 * (double)(number % 3));
}

static bool put_series(FILE *script, const struct sim_contest *contest, size_t entry, double quantile) {
    double seconds = (double)contest->scenario->duration / 1e9;
    bool good = true;
    fprintf(script, "$d%zu << EOD\n", entry);
    for (int i = 0; good && i < SIM_SLICES; i++) {
        struct sim_histogram merged = {0};
        for (uint32_t s = 0; good && s < contest->seeds; s++) {
            good = sim_histogram_merge(&merged, &contest->entries[entry].results[s].slices[i].latency);
        }
        if (merged.total > 0) {
            fprintf(script, "%.6g %.6g\n", seconds * (i + 0.5) / SIM_SLICES,
                    sim_histogram_quantile(&merged, quantile) / MS);
        }
        sim_histogram_free(&merged);
    }
    fprintf(script, "? ?\nEOD\n");
    return good;
}

enum status report_chart_time(const struct sim_contest *contest, double quantile, char **svg,
                              struct problem *problem) {
    const struct sim_scenario *scenario = contest->scenario;
    struct sim_chart chart;
    enum status status = sim_chart_begin(&chart, WIDTH, HEIGHT, problem);
    bool good = status == STATUS_DONE;
    if (!good) {
        return status;
    }
    for (size_t i = 0; good && i < contest->entry_count; i++) {
        good = put_series(chart.script, contest, i, quantile);
    }
    for (size_t i = 0; i < scenario->event_count; i++) {
        put_event(chart.script, scenario, &scenario->events[i], i);
    }
    fprintf(chart.script, "set logscale y\nset xrange [0:%.6g]\nset xlabel 'time, s'\nset ylabel 'p%g latency, ms'\n",
            (double)scenario->duration / 1e9, quantile * 100);
    plot_lines(chart.script, contest);
    status = sim_chart_end(&chart, svg, problem);
    return good ? status : problem_memory(problem);
}

/* ---- nodes ---- */

static double mean_load(const struct sim_contest *contest, size_t entry, uint32_t node, int slice) {
    double sum = 0;
    for (uint32_t s = 0; s < contest->seeds; s++) {
        sum += contest->entries[entry].results[s].nodes[node].load[slice];
    }
    return sum / contest->seeds;
}

double report_most_load(const struct sim_contest *contest) {
    double most = 0;
    for (size_t i = 0; i < contest->entry_count; i++) {
        for (uint32_t n = 0; n < contest->scenario->node_count; n++) {
            for (int slice = 0; slice < SIM_SLICES; slice++) {
                most = fmax(most, mean_load(contest, i, n, slice));
            }
        }
    }
    return most;
}

/* Names of up to this many nodes stand beside their rows; of more, every k-th. */
enum { NAMED = 20 };

enum status report_chart_nodes(const struct sim_contest *contest, size_t entry, double most, char **svg,
                               struct problem *problem) {
    const struct sim_scenario *scenario = contest->scenario;
    uint32_t nodes = scenario->node_count, step = (nodes + NAMED - 1) / NAMED;
    double seconds = (double)scenario->duration / 1e9;
    struct sim_chart chart;
    int rows = nodes < NAMED ? (int)nodes : NAMED;
    enum status status = sim_chart_begin(&chart, NODES_WIDTH, 110 + 13 * rows, problem);
    if (status != STATUS_DONE) {
        return status;
    }
    fputs("$m << EOD\n", chart.script);
    for (uint32_t n = 0; n < nodes; n++) {
        for (int slice = 0; slice < SIM_SLICES; slice++) {
            fprintf(chart.script, "%.4g ", mean_load(contest, entry, n, slice));
        }
        fputc('\n', chart.script);
    }
    fprintf(chart.script,
            "EOD\nunset key\nunset grid\nset title ");
    put_quoted(chart.script, contest->entries[entry].strategy);
    fprintf(chart.script,
            " noenhanced textcolor rgb '#123456'\nset palette defined (0 '#f3f6fb', 0.25 '#9ecae1', 0.5 '#3182bd', 0.75 "
            "'#e6550d', 1 '#7f2704')\nset cbrange [0:%.6g]\nset cbtics textcolor rgb '#123456' font ',10'\n"
            "set xrange [0:%.6g]\nset yrange [%.1f:-0.5]\nset xlabel 'time, s'\nset tics font ',10'\nset ytics (",
            most > 0 ? most : 1, seconds, nodes - 0.5);
    for (uint32_t n = 0; n < nodes; n += step) {
        fputs(n > 0 ? ", " : "", chart.script);
        put_quoted(chart.script, scenario->nodes[n].name);
        fprintf(chart.script, " %u", n);
    }
    fprintf(chart.script, ") noenhanced\nplot $m matrix using (($1+0.5)*%.9g):2:3 with image notitle\n",
            seconds / SIM_SLICES);
    return sim_chart_end(&chart, svg, problem);
}
