/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One row a strategy, one column a figure; a column of zeros is left out. */
#include "report_table.h"

#include "figures.h"
#include "report_words.h"

static void write_cell(FILE *page, const struct sim_contest *contest, size_t entry, enum sim_figure figure) {
    const struct sim_estimate *estimate = &contest->entries[entry].figures[figure];
    if (!estimate->known) {
        fputs("<td>-</td>", page);
        return;
    }
    fputs((sim_contest_best(contest, figure) >> entry & 1) != 0 ? "<td class=best>" : "<td>", page);
    report_put_number(page, estimate->mean);
    if (contest->seeds > 1) {
        fputs("<small>&plusmn; ", page);
        report_put_number(page, estimate->half);
        fputs("</small>", page);
    }
    fputs("</td>", page);
}

void report_write_table(FILE *page, const struct sim_contest *contest) {
    fputs("<h2>All figures</h2>\n<div class=wide tabindex=0><table><thead><tr><th scope=col>strategy</th>", page);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (sim_figure_is_shown(contest, (enum sim_figure)f)) {
            const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
            fprintf(page, "<th scope=col title=\"%s\">%s<small>%s</small></th>", head->meaning, head->heading,
                    *head->unit != '\0' ? head->unit : "&nbsp;");
        }
    }
    fputs("</tr></thead><tbody>\n", page);
    for (size_t i = 0; i < contest->entry_count; i++) {
        fputs("<tr><th scope=row><code>", page);
        report_put_text(page, contest->entries[i].strategy);
        fputs("</code></th>", page);
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

void report_write_meanings(FILE *page, const struct sim_contest *contest) {
    fputs("<h2>What the figures mean</h2>\n<dl>", page);
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        if (sim_figure_is_shown(contest, (enum sim_figure)f)) {
            const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
            fprintf(page, "<dt>%s</dt><dd>%s</dd>\n", head->heading, head->meaning);
        }
    }
    fputs("</dl>\n", page);
}
