/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line a strategy, one column a figure; `*` marks whom nobody beats. Intervals stand on a line below. */
#include "help.h"
#include "sim/verdict.h"
#include "sim_print.h"
#include "text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three digits that matter. */
static void figure_text(char *out, size_t room, double value) {
    int decimals = fabs(value) >= 100 || value == 0 ? 0 : fabs(value) >= 10 ? 1 : fabs(value) >= 1 ? 2 : 3;
    snprintf(out, room, "%.*f", decimals, value);
}

struct cell {
    char text[24];
};

static struct cell cell_of(const struct sim_contest *contest, size_t entry, enum sim_figure figure, bool half) {
    const struct sim_estimate *estimate = &contest->entries[entry].figures[figure];
    struct cell cell = {"-"};
    if (estimate->known && half) {
        char number[20];
        figure_text(number, sizeof number, estimate->half);
        snprintf(cell.text, sizeof cell.text, "\302\261%s ", number);
    } else if (estimate->known) {
        char number[20];
        bool best = (sim_contest_best(contest, figure) >> entry & 1) != 0;
        figure_text(number, sizeof number, estimate->mean);
        snprintf(cell.text, sizeof cell.text, "%s%s", number, best ? "*" : " ");
    }
    return cell;
}

/* A line of the table, which ends where its text does. */
struct line {
    char text[2048];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void line_add(struct line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(line->text + line->size, sizeof line->text - line->size, format, arguments);
    va_end(arguments);
    line->size += added > 0 ? (size_t)added : 0;
    line->size = line->size < sizeof line->text ? line->size : sizeof line->text - 1;
}

static void line_print(struct line *line) {
    while (line->size > 0 && line->text[line->size - 1] == ' ') {
        line->size--;
    }
    printf("%.*s\n", (int)line->size, line->text);
}

static void print_row(const struct sim_contest *contest, size_t entry, const int *widths, bool half, int name) {
    struct line line = {.size = 0};
    line_add(&line, "%-*s", name, half ? "" : contest->entries[entry].strategy);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (widths[f] > 0) {
            struct cell cell = cell_of(contest, entry, (enum sim_figure)f, half);
            line_add(&line, "  %*s%s", widths[f] - (int)text_width(cell.text), "", cell.text);
        }
    }
    line_print(&line);
}

static void fit_columns(const struct sim_contest *contest, int *widths, int *name) {
    *name = (int)strlen("strategy");
    for (size_t i = 0; i < contest->entry_count; i++) {
        int size = (int)strlen(contest->entries[i].strategy);
        *name = size > *name ? size : *name;
    }
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        widths[f] = sim_figure_is_shown(contest, (enum sim_figure)f)
                        ? (int)strlen(sim_figure_head((enum sim_figure)f)->heading) + 1
                        : 0;
        for (size_t i = 0; widths[f] > 0 && i < 2 * contest->entry_count; i++) {
            struct cell cell = cell_of(contest, i / 2, (enum sim_figure)f, i % 2 == 1);
            int size = (int)text_width(cell.text);
            widths[f] = size > widths[f] ? size : widths[f];
        }
    }
}

static void print_headings(const int *widths, int name) {
    struct line headings = {.size = 0}, units = {.size = 0};
    line_add(&headings, "%-*s", name, "strategy");
    line_add(&units, "%-*s", name, "");
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
        if (widths[f] > 0) {
            line_add(&headings, "  %*s ", widths[f] - 1, head->heading);
            line_add(&units, "  %*s ", widths[f] - 1, head->unit);
        }
    }
    line_print(&headings);
    line_print(&units);
}

/* In lines that fit a terminal. */
static void print_verdict(const struct sim_contest *contest) {
    char *text = NULL, *rest = NULL;
    size_t size = 0;
    FILE *words = open_memstream(&text, &size);
    putchar('\n');
    if (words == NULL) {
        sim_verdict_write(contest, stdout);
        return;
    }
    sim_verdict_write(contest, words);
    if (fclose(words) == 0) {
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
            help_wrapped(0, line);
        }
    }
    free(text);
}

void sim_print_text(const struct sim_contest *contest) {
    int widths[SIM_FIGURE_COUNT], name;
    const struct sim_scenario *scenario = contest->scenario;
    double seconds = sim_figure_seconds(contest), warmup = (double)scenario->warmup / 1e9;
    fit_columns(contest, widths, &name);
    printf("%s\n%u nodes, %u client%s, %.4g s of which %.4g s are measured, %u seed%s from %llu\n\n",
           scenario->title != NULL ? scenario->title : scenario->name, scenario->node_count, scenario->clients.count,
           scenario->clients.count == 1 ? "" : "s", seconds, seconds > warmup ? seconds - warmup : 0, contest->seeds,
           contest->seeds == 1 ? "" : "s", (unsigned long long)contest->first_seed);
    print_headings(widths, name);
    for (size_t i = 0; i < contest->entry_count; i++) {
        print_row(contest, i, widths, false, name);
        if (contest->seeds > 1) {
            print_row(contest, i, widths, true, name);
        }
    }
    printf("\n* nobody is better%s\n", contest->seeds > 1 ? "; \302\261 half of the 95 % confidence interval" : "");
    print_verdict(contest);
}
