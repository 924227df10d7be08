/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line a strategy, one column a figure; `*` marks whom nobody beats. Intervals stand on a line below. */
#include "help.h"
#include "sim/verdict.h"
#include "sim_print.h"
#include "text.h"

#include <math.h>
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

static void print_row(const struct sim_contest *contest, size_t entry, const int *widths, bool half, int name) {
    printf("%-*s", name, half ? "" : contest->entries[entry].strategy);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (widths[f] > 0) {
            struct cell cell = cell_of(contest, entry, (enum sim_figure)f, half);
            printf("  %*s%s", widths[f] - (int)text_width(cell.text), "", cell.text);
        }
    }
    putchar('\n');
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
    printf("%-*s", name, "strategy");
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (widths[f] > 0) {
            printf("  %*s ", widths[f] - 1, sim_figure_head((enum sim_figure)f)->heading);
        }
    }
    printf("\n%-*s", name, "");
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (widths[f] > 0) {
            printf("  %*s ", widths[f] - 1, sim_figure_head((enum sim_figure)f)->unit);
        }
    }
    putchar('\n');
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
    fit_columns(contest, widths, &name);
    printf("%s\n%u nodes, %u client%s, %g s of which %g s are measured, %u seed%s from %llu\n\n",
           scenario->title != NULL ? scenario->title : scenario->name, scenario->node_count, scenario->clients.count,
           scenario->clients.count == 1 ? "" : "s", (double)scenario->duration / 1e9,
           (double)(scenario->duration - scenario->warmup) / 1e9, contest->seeds, contest->seeds == 1 ? "" : "s",
           (unsigned long long)contest->first_seed);
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
