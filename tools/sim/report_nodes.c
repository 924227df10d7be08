/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One map a strategy: a row for each node, a column for each slice of time; loads of several seeds are averaged. */
#include "report_charts.h"
#include "report_events.h"
#include "svg.h"

#include <math.h>
#include <string.h>

/* Names of up to this many nodes stand beside their rows; of more, every k-th. */
enum { NAMED = 20, MAP_WIDTH = 430, MAP_ROW = 16, NAME_LETTERS = 18 };

static double mean_load(const struct sim_contest *contest, size_t entry, uint32_t node, int slice) {
    double sum = 0;
    for (uint32_t s = 0; s < contest->seeds; s++) {
        sum += (double)contest->entries[entry].results[s].nodes[node].load[slice];
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

double report_shade_of(double load, double most) { return most > 0 ? log1p(load) / log1p(most) : 0; }

static enum status begin_map(struct sim_chart *chart, const struct sim_scenario *scenario, struct problem *problem) {
    int rows = scenario->node_count < NAMED ? (int)scenario->node_count : NAMED;
    size_t letters = 0;
    for (uint32_t n = 0; n < scenario->node_count; n++) {
        size_t length = strlen(scenario->nodes[n].name);
        letters = length > letters ? length : letters;
    }
    letters = letters < NAME_LETTERS ? letters : NAME_LETTERS;
    struct sim_chart_frame frame = {20 + 7 * (int)letters, MAP_WIDTH - 14, 6, 6 + MAP_ROW * rows};
    return sim_chart_begin(chart, MAP_WIDTH, frame.bottom + 52, &frame, problem);
}

static void put_names(FILE *script, const struct sim_scenario *scenario) {
    uint32_t step = (scenario->node_count + NAMED - 1) / NAMED;
    fputs("set ytics (", script);
    for (uint32_t n = 0; n < scenario->node_count; n += step) {
        char name[NAME_LETTERS + 1];
        snprintf(name, sizeof name, "%s", scenario->nodes[n].name);
        fputs(n > 0 ? ", " : "", script);
        sim_chart_quote_mark(script, name);
        fprintf(script, " %u", n);
    }
    fputs(") scale 0 noenhanced font ',12'\n", script);
}

static void put_palette(FILE *script) {
    fputs("unset colorbox\nset cbrange [0:1]\nset palette defined (", script);
    for (int i = 0; sim_chart_shade((size_t)i) != NULL; i++) {
        fprintf(script, "%s%d '%s'", i > 0 ? ", " : "", i, sim_chart_shade((size_t)i));
    }
    fputs(")\n", script);
}

enum status report_chart_nodes(const struct sim_contest *contest, size_t entry, double most, char **svg,
                               struct problem *problem) {
    const struct sim_scenario *scenario = contest->scenario;
    struct sim_chart chart;
    enum status status = begin_map(&chart, scenario, problem);
    if (status != STATUS_DONE) {
        return status;
    }
    FILE *script = chart.script;
    fputs("$m << EOD\n", script);
    for (uint32_t n = 0; n < scenario->node_count; n++) {
        for (int slice = 0; slice < SIM_SLICES; slice++) {
            fprintf(script, "%.3f ", report_shade_of(mean_load(contest, entry, n, slice), most));
        }
        fputc('\n', script);
    }
    fputs("EOD\nunset grid\nset border 0\n", script);
    double unit = report_time_axis(&chart, scenario, "");
    fprintf(script, "set yrange [%.1f:-0.5]\n", scenario->node_count - 0.5);
    put_names(script, scenario);
    put_palette(script);
    report_event_lines(script, scenario);
    fprintf(script, "plot $m matrix using (($1+0.5)*%.9g):2:3 with image notitle\n",
            (double)scenario->duration / unit / SIM_SLICES);
    return sim_chart_end(&chart, "Requests at each node over time", svg, problem);
}
