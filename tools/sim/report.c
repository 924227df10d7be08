/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The page is written into memory, so that a chart that cannot be drawn leaves no half of a file behind. */
#include "report.h"

#include "figures.h"
#include "report_charts.h"
#include "report_style.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHARTED = 16 }; /* strategies whose nodes are drawn */

/* ---- text ---- */

static void put_text(FILE *page, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': fputs("&amp;", page); break;
        case '<': fputs("&lt;", page); break;
        case '>': fputs("&gt;", page); break;
        case '"': fputs("&quot;", page); break;
        default: fputc(*text, page);
        }
    }
}

/* Backquoted words are code, lines are paragraphs. */
static void put_advice(FILE *page, const char *text) {
    bool code = false;
    fputs("<p>", page);
    for (; *text != '\0'; text++) {
        char one[2] = {*text, '\0'};
        if (*text == '`') {
            fputs(code ? "</code>" : "<code>", page);
            code = !code;
        } else if (*text == '\n') {
            fputs(text[1] != '\0' ? "</p>\n<p>" : "", page);
        } else {
            put_text(page, one);
        }
    }
    fputs("</p>\n", page);
}

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
        put_advice(page, text);
        fputs("</div>\n", page);
    } else {
        good = false;
    }
    free(text);
    return good ? STATUS_DONE : problem_memory(problem);
}

/* ---- the table ---- */

static void put_number(FILE *page, double value) {
    double size = fabs(value);
    fprintf(page, "%.*f", size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3, value);
}

static void write_cell(FILE *page, const struct sim_contest *contest, size_t entry, enum sim_figure figure) {
    const struct sim_estimate *estimate = &contest->entries[entry].figures[figure];
    if (!estimate->known) {
        fputs("<td>-</td>", page);
        return;
    }
    fputs((sim_contest_best(contest, figure) >> entry & 1) != 0 ? "<td class=best>" : "<td>", page);
    put_number(page, estimate->mean);
    if (contest->seeds > 1) {
        fputs("<small>&plusmn; ", page);
        put_number(page, estimate->half);
        fputs("</small>", page);
    }
    fputs("</td>", page);
}

static void write_table(FILE *page, const struct sim_contest *contest) {
    fputs("<h2>All figures</h2>\n<div class=wide><table><thead><tr><th>strategy</th>", page);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (sim_figure_is_shown(contest, (enum sim_figure)f)) {
            const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
            fprintf(page, "<th title=\"%s\">%s<small>%s</small></th>", head->meaning, head->heading,
                    *head->unit != '\0' ? head->unit : "&nbsp;");
        }
    }
    fputs("</tr></thead><tbody>\n", page);
    for (size_t i = 0; i < contest->entry_count; i++) {
        fputs("<tr><td><code>", page);
        put_text(page, contest->entries[i].strategy);
        fputs("</code></td>", page);
        for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
            if (sim_figure_is_shown(contest, (enum sim_figure)f)) {
                write_cell(page, contest, i, (enum sim_figure)f);
            }
        }
        fputs("</tr>\n", page);
    }
    fprintf(page, "</tbody></table></div>\n<p class=soft>Marked: nobody is better%s.</p>\n",
            contest->seeds > 1 ? " by more than chance explains; &plusmn; is half of the 95&nbsp;% confidence interval"
                               : "");
}

static void write_meanings(FILE *page, const struct sim_contest *contest) {
    fputs("<h2>What the figures mean</h2>\n<dl>", page);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (sim_figure_is_shown(contest, (enum sim_figure)f)) {
            const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
            fprintf(page, "<dt>%s</dt><dd>%s</dd>\n", head->heading, head->meaning);
        }
    }
    fputs("</dl>\n", page);
}

/* ---- charts ---- */

static enum status put_chart(FILE *page, enum status status, char *svg, const char *caption) {
    if (status == STATUS_DONE) {
        fprintf(page, "<figure>%s", svg);
        if (caption != NULL) {
            fprintf(page, "<figcaption>%s</figcaption>", caption);
        }
        fputs("</figure>\n", page);
    }
    free(svg);
    return status;
}

static enum status write_nodes(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    double most = report_most_load(contest);
    enum status status = STATUS_DONE;
    fputs("<h2>Load of each node over time</h2>\n<p class=soft>Requests under way and waiting at each node, in one "
          "scale of colours for all strategies: even rows are nodes that share alike.</p>\n<div class=grid>\n",
          page);
    for (size_t i = 0; status == STATUS_DONE && i < contest->entry_count && i < CHARTED; i++) {
        char *svg = NULL;
        status = report_chart_nodes(contest, i, most, &svg, problem);
        status = put_chart(page, status, svg, NULL);
    }
    fputs("</div>\n", page);
    return status;
}

static enum status write_charts(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    char *svg = NULL;
    fputs("<h2>Latency</h2>\n", page);
    enum status status = report_chart_latency(contest, &svg, problem);
    status = put_chart(page, status, svg, "How long requests took that ended well, from arrival to the last answer; "
                                          "lower is better. To the right are the few slow ones.");
    svg = NULL;
    if (status == STATUS_DONE) {
        fputs("<h2>Latency over time</h2>\n", page);
        status = report_chart_time(contest, 0.99, &svg, problem);
        status = put_chart(page, status, svg, "The 99th percentile in each slice of time. What happens to nodes is shaded.");
    }
    svg = NULL;
    if (status == STATUS_DONE) {
        status = report_chart_time(contest, 0.5, &svg, problem);
        status = put_chart(page, status, svg, "The median in each slice of time.");
    }
    return status == STATUS_DONE ? write_nodes(page, contest, problem) : status;
}

/* ---- the page ---- */

static void write_head(FILE *page, const struct sim_contest *contest) {
    const struct sim_scenario *scenario = contest->scenario;
    fputs("<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
          "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>",
          page);
    put_text(page, scenario->title);
    fputs("</title>\n<style>\n" REPORT_STYLE "</style></head><body>\n<p class=soft>loadwise sim</p>\n<h1>", page);
    put_text(page, scenario->title);
    fputs("</h1>\n<p>", page);
    put_text(page, scenario->text);
    fprintf(page,
            "</p>\n<p class=soft>%u nodes, %u client%s, %g s of which the first %g s are not measured; each strategy met "
            "the same requests, in %u run%s with chances of %s own.</p>\n",
            scenario->node_count, scenario->clients.count, scenario->clients.count == 1 ? "" : "s",
            (double)scenario->duration / 1e9, (double)scenario->warmup / 1e9, contest->seeds,
            contest->seeds == 1 ? "" : "s", contest->seeds == 1 ? "its" : "their");
}

static enum status write_page(FILE *page, const struct sim_contest *contest, struct problem *problem) {
    write_head(page, contest);
    enum status status = write_advice(page, contest, problem);
    if (status == STATUS_DONE) {
        write_table(page, contest);
        status = write_charts(page, contest, problem);
    }
    write_meanings(page, contest);
    fputs("</body></html>\n", page);
    return status;
}

static enum status save(const char *path, const char *text, size_t size, struct problem *problem) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", path, strerror(errno));
    }
    bool good = fwrite(text, 1, size, file) == size;
    good = fclose(file) == 0 && good;
    return good ? STATUS_DONE : problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", path, strerror(errno));
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
