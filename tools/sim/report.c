/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The page is written into memory, so that a chart that cannot be drawn leaves no half of a file behind. */
#include "report.h"

#include "figures.h"
#include "report_charts.h"
#include "report_style.h"
#include "report_table.h"
#include "report_words.h"
#include "verdict.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHARTED = 16 }; /* strategies whose nodes are drawn */

static enum status write_advice(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    char *text = NULL;
    size_t size;
    FILE *words = open_memstream(&text, &size);
    if (words == NULL) {
        return problem_memory(problem);
    }
    sim_verdict_write(contest, words);
    bool good = !ferror(words);
    if (fclose(words) == 0 && good) {
        fputs("<div class=advice>\n", page);
        report_put_advice(page, text);
        fputs("</div>\n", page);
    } else {
        good = false;
    }
    free(text);
    return good ? STATUS_DONE : problem_memory(problem);
}

/* ---- charts ---- */

static void write_key(FILE *page, const struct sim_contest *contest) {
    fputs("<ul class=key>", page);
    for (size_t i = 0; i < contest->entry_count; i++) {
        fprintf(page,
                "<li><svg viewBox=\"0 0 30 8\" aria-hidden=true><path d=\"M0 4h30\" stroke=\"%s\" stroke-width=3 "
                "stroke-dasharray=\"%s\" /></svg><code>",
                sim_chart_colour(i), sim_chart_dash(i));
        report_put_text(page, contest->entries[i].strategy);
        fputs("</code></li>\n", page);
    }
    fputs("</ul>\n", page);
}

typedef enum status chart_fn(const struct sim_contest *contest, bool narrow, char **svg, struct problem *problem);

static enum status draw_p99(const struct sim_contest *contest, bool narrow, char **svg, struct problem *problem) {
    return report_chart_time(contest, 0.99, narrow, svg, problem);
}

static enum status draw_median(const struct sim_contest *contest, bool narrow, char **svg, struct problem *problem) {
    return report_chart_time(contest, 0.5, narrow, svg, problem);
}

/* A chart of lines in both widths; the style sheet shows one of them. */
static enum status write_lines(FILE *page, const struct sim_contest *contest, chart_fn *draw, const char *caption,
                               struct problem *problem) {
    enum status status = STATUS_DONE;
    fprintf(page, "<figure><figcaption>%s</figcaption>\n", caption);
    for (int narrow = 0; narrow < 2 && status == STATUS_DONE; narrow++) {
        char *svg = NULL;
        status = draw(contest, narrow == 1, &svg, problem);
        if (status == STATUS_DONE) {
            fprintf(page, "<div class=%s>%s</div>\n", narrow ? "narrow" : "broad", svg);
        }
        free(svg);
    }
    write_key(page, contest);
    fputs("</figure>\n", page);
    return status;
}

/* Numbers below the colours, as far apart as they can be read. */
static void write_shades(FILE *page, double most) {
    fputs("<div class=shades><div class=bar style=\"background:linear-gradient(90deg", page);
    for (size_t i = 0; sim_chart_shade(i) != NULL; i++) {
        fprintf(page, ",%s", sim_chart_shade(i));
    }
    fputs("\"></div><div class=marks><span style=\"left:0\">0</span>", page);
    for (double ten = 1; ten < most && report_shade_of(ten, most) < 0.9; ten *= 10) {
        for (int step = 1; step <= (most > 300 ? 1 : 3) && report_shade_of(step * ten, most) < 0.9; step += 2) {
            fprintf(page, "<span style=\"left:%.1f%%\">%g</span>", 100 * report_shade_of(step * ten, most), step * ten);
        }
    }
    fputs("<span style=\"left:100%\">", page);
    report_put_number(page, most);
    fputs("</span></div></div>\n", page);
}

static enum status write_nodes(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    double most = report_most_load(contest);
    enum status status = STATUS_DONE;
    fputs(
        "<h2>Load of each node over time</h2>\n<p class=soft>Requests at each node, under way and waiting. Colours are "
        "the same for all strategies, and each step is a factor. Even colours from top to bottom: nodes share alike.",
        page);
    fputs(contest->scenario->event_count > 0 ? " Dashed lines: where something begins or ends.</p>\n" : "</p>\n", page);
    write_shades(page, most);
    fputs("<div class=grid>\n", page);
    for (size_t i = 0; status == STATUS_DONE && i < contest->entry_count && i < CHARTED; i++) {
        char *svg = NULL;
        status = report_chart_nodes(contest, i, most, &svg, problem);
        fputs("<figure><figcaption><code>", page);
        report_put_text(page, contest->entries[i].strategy);
        fprintf(page, "</code></figcaption>\n%s</figure>\n", status == STATUS_DONE ? svg : "");
        free(svg);
    }
    fputs("</div>\n", page);
    if (contest->entry_count > CHARTED) {
        fprintf(page, "<p class=soft>Drawn for the first %d strategies.</p>\n", CHARTED);
    }
    return status;
}

static enum status write_charts(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    bool events = contest->scenario->event_count > 0;
    fputs("<h2>Latency</h2>\n", page);
    enum status status =
        write_lines(page, contest, report_chart_latency,
                    "How long requests took that ended well, from arrival to the last answer; lower is "
                    "better. To the right are the few slow ones. Each step upwards is a factor.",
                    problem);
    if (status == STATUS_DONE) {
        fputs("<h2>Latency over time</h2>\n", page);
        status = write_lines(page, contest, draw_p99,
                             events ? "The 99th percentile of the requests that arrived in each slice of time. What "
                                      "happens to nodes is shaded."
                                    : "The 99th percentile of the requests that arrived in each slice of time.",
                             problem);
    }
    if (status == STATUS_DONE) {
        status = write_lines(page, contest, draw_median, "The median in each slice of time.", problem);
    }
    return status == STATUS_DONE ? write_nodes(page, contest, problem) : status;
}

/* ---- the page ---- */

/* What was played. */
static void write_setting(FILE *page, const struct sim_contest *contest) {
    const struct sim_scenario *scenario = contest->scenario;
    unsigned long long first = contest->first_seed, last = first + contest->seeds - 1;
    fprintf(page, "<p class=soft>%u nodes, %u client%s, %g s", scenario->node_count, scenario->clients.count,
            scenario->clients.count == 1 ? "" : "s", sim_figure_seconds(contest));
    if (scenario->warmup > 0) {
        fprintf(page, " of which the first %g s are not measured", (double)scenario->warmup / 1e9);
    }
    fputs(". Each strategy met the same requests at the same times, ", page);
    if (contest->seeds == 1) {
        fprintf(page, "once, with seed %llu.</p>\n", first);
    } else {
        fprintf(page, "%u times, with seeds %llu to %llu.</p>\n", contest->seeds, first, last);
    }
}

static void write_head(FILE *page, const struct sim_contest *contest) {
    const struct sim_scenario *scenario = contest->scenario;
    const char *title = scenario->title != NULL ? scenario->title : scenario->name;
    fputs("<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
          "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>",
          page);
    report_put_text(page, title);
    fputs("</title>\n<style>\n" REPORT_STYLE "</style></head><body>\n<p class=soft>loadwise sim</p>\n<h1>", page);
    report_put_text(page, title);
    fputs("</h1>\n", page);
    if (scenario->text != NULL && *scenario->text != '\0') {
        fputs("<p>", page);
        report_put_text(page, scenario->text);
        fputs("</p>\n", page);
    }
    write_setting(page, contest);
}

static enum status write_page(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    write_head(page, contest);
    enum status status = write_advice(page, contest, problem);
    if (status == STATUS_DONE) {
        report_write_table(page, contest);
        status = write_charts(page, contest, problem);
    }
    report_write_meanings(page, contest);
    fputs("</body></html>\n", page);
    return status;
}

static enum status save(const char *path, const char *text, size_t size, struct problem *problem) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", path, strerror(errno));
    }
    struct stat kind;
    bool ours = fstat(fileno(file), &kind) == 0 && S_ISREG(kind.st_mode);
    bool good = fwrite(text, 1, size, file) == size;
    good = fclose(file) == 0 && good;
    if (good) {
        return STATUS_DONE;
    }
    enum status status = problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", path, strerror(errno));
    if (ours) {
        unlink(path);
    }
    return status;
}

enum status sim_report_write(const struct sim_contest *contest, const char *path, struct problem *problem) {
    char *text = NULL;
    size_t size = 0;
    FILE *page = open_memstream(&text, &size);
    if (page == NULL) {
        return problem_memory(problem);
    }
    enum status status = write_page(page, contest, problem);
    bool good = !ferror(page);
    good = fclose(page) == 0 && good;
    if (status == STATUS_DONE) {
        status = good ? save(path, text, size, problem) : problem_memory(problem);
    }
    free(text);
    return status;
}
