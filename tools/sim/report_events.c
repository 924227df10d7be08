/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A label stands above the begin of its band, in the first row where it has room; where no row has, the band stays
   without one. */
#include "report_events.h"

#include "svg.h"

#include <math.h>
#include <string.h>

#define LETTER 6.6 /* pixels, on the generous side */

enum { LABEL_MOST = 96, BANDS_MOST = 64 };

/* ---- when ---- */

static double unit_of(const struct sim_scenario *scenario) { return (double)scenario->duration > 900e9 ? 60e9 : 1e9; }

double report_time_axis(const struct sim_chart *chart, const struct sim_scenario *scenario, const char *y) {
    double unit = unit_of(scenario);
    fprintf(chart->script, "set xrange [0:%.6g]\n", (double)scenario->duration / unit);
    sim_chart_name_axes(chart, unit > 1e9 ? "time, minutes" : "time, s", y);
    return unit;
}

struct span {
    double begin, end; /* ns */
};

/* Of node number i of the event. */
static struct span span_of(const struct sim_scenario *scenario, const struct sim_event *event, uint32_t i) {
    double begin = (double)event->at + (double)event->every * i, last = (double)scenario->duration;
    double length = event->length == SIM_NEVER ? last : (double)event->length;
    double end = begin + length + (event->action == SIM_RESTART ? (double)event->wait : 0);
    return (struct span){fmin(begin, last), fmin(end, last)};
}

static uint32_t spans_of(const struct sim_event *event) {
    return event->every == 0 ? 1 : event->count < BANDS_MOST ? event->count : BANDS_MOST;
}

/* ---- what ---- */

static void say_nodes(const struct sim_scenario *scenario, const struct sim_event *event, char *out, size_t room) {
    const char *first = scenario->nodes[event->first].name,
               *last = scenario->nodes[event->first + event->count - 1].name;
    snprintf(out, room, event->count > 1 ? "%.24s to %.24s" : "%.40s", first, last);
}

void report_event_say(const struct sim_scenario *scenario, const struct sim_event *event, char *out, size_t room) {
    char nodes[60], what[40] = "";
    say_nodes(scenario, event, nodes, sizeof nodes);
    switch (event->action) {
    case SIM_SLOW: snprintf(what, sizeof what, "%g times as slow", event->factor); break;
    case SIM_FAIL: snprintf(what, sizeof what, "down"); break;
    case SIM_ERRORS: snprintf(what, sizeof what, "%g %% errors", event->factor * 100); break;
    case SIM_FREEZE: snprintf(what, sizeof what, "frozen"); break;
    case SIM_LIMIT: snprintf(what, sizeof what, "%g %% answered 429", event->factor * 100); break;
    case SIM_DRAIN: snprintf(what, sizeof what, "drained"); break;
    case SIM_LEAVE: snprintf(what, sizeof what, "gone"); break;
    case SIM_RESTART: snprintf(what, sizeof what, "restarted"); break;
    default: break;
    }
    snprintf(out, room, "%s %s%s", nodes, what, event->every > 0 && event->count > 1 ? ", one by one" : "");
}

/* ---- where labels stand ---- */

struct place {
    int row; /* -1: nowhere */
    double x;
    char text[LABEL_MOST];
};

/* `ends`: how far each row is taken. */
static struct place place_label(const struct sim_scenario *scenario, const struct sim_event *event, int width,
                                double *ends) {
    struct place place = {-1, 0, ""};
    report_event_say(scenario, event, place.text, sizeof place.text);
    double size = LETTER * (double)strlen(place.text), begin = span_of(scenario, event, 0).begin;
    double x = begin / (double)scenario->duration * width;
    place.x = fmax(0, fmin(x, width - size));
    for (int row = 0; row < REPORT_LABEL_ROWS && place.row < 0; row++) {
        if (ends[row] <= place.x) {
            ends[row] = place.x + size + 2 * LETTER;
            place.row = row;
        }
    }
    return place;
}

int report_event_rows(const struct sim_scenario *scenario, int width) {
    double ends[REPORT_LABEL_ROWS] = {0};
    int rows = 0;
    for (size_t i = 0; i < scenario->event_count; i++) {
        struct place place = place_label(scenario, &scenario->events[i], width, ends);
        rows = place.row >= rows ? place.row + 1 : rows;
    }
    return rows;
}

/* ---- drawing ---- */

void report_event_bands(const struct sim_chart *chart, const struct sim_scenario *scenario) {
    const struct sim_chart_frame *frame = &chart->frame;
    double ends[REPORT_LABEL_ROWS] = {0}, unit = unit_of(scenario);
    for (size_t i = 0; i < scenario->event_count; i++) {
        const struct sim_event *event = &scenario->events[i];
        for (uint32_t k = 0; k < spans_of(event); k++) {
            struct span span = span_of(scenario, event, k);
            fprintf(chart->script,
                    "set object rectangle from %.6g, graph 0 to %.6g, graph 1 behind fc rgb '#d55e00' fs transparent "
                    "solid 0.13 noborder\n",
                    span.begin / unit, span.end / unit);
        }
        struct place place = place_label(scenario, event, frame->right - frame->left, ends);
        if (place.row >= 0) {
            double y = frame->top - 11 - REPORT_LABEL_HEIGHT * place.row;
            fputs("set label ", chart->script);
            sim_chart_quote(chart->script, place.text);
            fprintf(chart->script,
                    " at screen %.5f, screen %.5f left font ',12' noenhanced textcolor rgb '" SVG_INK "'\n",
                    (frame->left + place.x) / chart->width, 1 - y / chart->height);
        }
    }
}

void report_event_lines(FILE *script, const struct sim_scenario *scenario) {
    double unit = unit_of(scenario);
    for (size_t i = 0; i < scenario->event_count; i++) {
        for (uint32_t k = 0; k < spans_of(&scenario->events[i]); k++) {
            struct span span = span_of(scenario, &scenario->events[i], k);
            double ends[] = {span.begin / unit, span.end / unit};
            for (int end = 0; end < 2; end++) {
                fprintf(script,
                        "set arrow from %.6g, graph 0 to %.6g, graph 1 nohead front lc rgb '#ffffff' lw 0.6 dt (3,3)\n",
                        ends[end], ends[end]);
            }
        }
    }
}
