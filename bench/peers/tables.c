/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* In a table each figure is followed by its ratio: of ours to the limit, of others to the row of ours beside them. */
#include "tables.h"

#include "findings.h"

#include <string.h>

enum { TEXT = 32, MIDDLE = 2 /* of cells_sizes: 128 nodes */ };

static const char *const question_titles[CELLS_QUESTIONS] = {
    "pick", "pick, two threads", "build: all that picks need, from nothing",
    "change: a node leaves and comes back, half of both", "memory, bytes for each node"};

/* ---- words ---- */

static const char *figure_of(char out[TEXT], double value, bool is_time) {
    if (!is_time) {
        snprintf(out, TEXT, value < 100 ? "%.1f" : "%.0f", value);
    } else if (value < 1e3) {
        snprintf(out, TEXT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    } else if (value < 1e6) {
        snprintf(out, TEXT, value < 1e4 ? "%.1f µs" : "%.0f µs", value / 1e3);
    } else {
        snprintf(out, TEXT, value < 1e7 ? "%.1f ms" : "%.0f ms", value / 1e6);
    }
    return out;
}

/* Bold where somebody is ahead of us. */
static void print_cell(FILE *out, const struct cells *cells, const struct row *row, enum cells_question question,
                       uint32_t size) {
    double value = cells_median(&row->cells[question][size]);
    char text[TEXT];
    if (value <= 0) {
        fputs(" |", out);
        return;
    }
    fprintf(out, " %s", figure_of(text, value, question != ASK_BYTES));
    double ratio = cells_ratio_beside(cells, row, question, size);
    if (ratio > 0 && (question == ASK_PICK || question == ASK_PICK_TWO || !cells_is_ours(row))) {
        const char *bold = ratio < 1 && !cells_is_ours(row) ? "**" : "";
        fprintf(out, ratio < 10 ? " (%s%.2f%s)" : " (%s%.0f%s)", bold, ratio, bold);
    }
    fputs(" |", out);
}

static bool has_figures(const struct row *row, enum cells_question question) {
    for (uint32_t size = 0; size < CELLS_SIZES; size++) {
        if (row->cells[question][size].count > 0) {
            return true;
        }
    }
    return false;
}

static bool is_first_with_figures(const struct cells *cells, uint32_t r) {
    for (uint32_t before = 0; before < r; before++) {
        if (strcmp(cells->rows[before].kind, cells->rows[r].kind) == 0 && has_figures(&cells->rows[before], ASK_PICK)) {
            return false;
        }
    }
    return has_figures(&cells->rows[r], ASK_PICK);
}

/* The largest of the medians of a row over their least rounds: how far to believe them. */
static double noise_of(const struct row *row, enum cells_question question) {
    double noise = 0;
    for (uint32_t size = 0; size < CELLS_SIZES; size++) {
        const struct cell *cell = &row->cells[question][size];
        double least = 0;
        for (uint32_t round = 0; round < CELLS_ROUNDS; round++) {
            double value = cell->rounds[round];
            least = value > 0 && (least <= 0 || value < least) ? value : least;
        }
        if (least > 0 && cells_median(cell) / least > noise) {
            noise = cells_median(cell) / least;
        }
    }
    return noise;
}

/* ---- Markdown ---- */

static void print_head(FILE *out, const char *label) {
    fprintf(out, "| %s |", label);
    for (uint32_t size = 0; size < CELLS_SIZES; size++) {
        fprintf(out, " %u |", cells_sizes[size]);
    }
    fputs(" noise |\n|---|", out);
    for (uint32_t column = 0; column <= CELLS_SIZES; column++) {
        fputs("--:|", out);
    }
    fputs("\n", out);
}

static void print_row(FILE *out, const struct cells *cells, const struct row *row, enum cells_question question,
                      const char *label) {
    if (!has_figures(row, question)) {
        return;
    }
    fprintf(out, "| %s |", label);
    for (uint32_t size = 0; size < CELLS_SIZES; size++) {
        print_cell(out, cells, row, question, size);
    }
    fprintf(out, " %.2f |\n", noise_of(row, question));
}

static void print_kind(FILE *out, const struct cells *cells, const char *kind) {
    fprintf(out, "\n**%s**\n\n", kind);
    print_head(out, "ns per pick, by nodes");
    for (enum cells_question question = ASK_PICK; question <= ASK_PICK_TWO; question++) {
        for (uint32_t r = 0; r < cells->row_count; r++) {
            const struct row *row = &cells->rows[r];
            char label[2 * CELLS_WORD];
            snprintf(label, sizeof label, question == ASK_PICK ? "%s" : "%s, two threads", row->peer);
            if (strcmp(row->kind, kind) == 0) {
                print_row(out, cells, row, question, label);
            }
        }
    }
}

static void print_question(FILE *out, const struct cells *cells, enum cells_question question) {
    fprintf(out, "\n**%s**\n\n", question_titles[question]);
    print_head(out, question == ASK_BYTES ? "bytes, by nodes" : "ns where no unit stands, by nodes");
    for (uint32_t first = 0; first < cells->row_count; first++) {
        for (uint32_t r = first; is_first_with_figures(cells, first) && r < cells->row_count; r++) {
            if (strcmp(cells->rows[r].kind, cells->rows[first].kind) == 0) {
                char label[2 * CELLS_WORD + 8];
                snprintf(label, sizeof label, "%s: %s", cells->rows[r].kind, cells->rows[r].peer);
                print_row(out, cells, &cells->rows[r], question, label);
            }
        }
    }
}

/* The figure of a row at 128 nodes, or an empty cell. */
static void print_middle(FILE *out, const struct cells *cells, const struct row *row) {
    if (row != NULL) {
        print_cell(out, cells, row, ASK_PICK, MIDDLE);
    } else {
        fputs(" |", out);
    }
}

/* The seed has a column of its own: it is what this library is measured by. */
static void print_short(FILE *out, const struct cells *cells) {
    fprintf(out, "**In short: %u nodes, one thread, ns per pick**\n\n", cells_sizes[MIDDLE]);
    fputs("| | limit | loadwise | the quickest other | | seed |\n|---|--:|--:|---|--:|--:|\n", out);
    for (uint32_t r = 0; r < cells->row_count; r++) {
        const char *kind = cells->rows[r].kind;
        const struct row *ours = cells_find(cells, "loadwise", kind);
        if (!is_first_with_figures(cells, r) || ours == NULL || ours->cells[ASK_PICK][MIDDLE].count == 0) {
            continue;
        }
        const struct row *closest = cells_closest(cells, kind, ASK_PICK, MIDDLE);
        fprintf(out, "| %s |", kind);
        print_middle(out, cells, cells_find(cells, "limit", kind));
        print_middle(out, cells, ours);
        fprintf(out, " %s |", closest != NULL ? closest->peer : "");
        print_middle(out, cells, closest);
        print_middle(out, cells, cells_find(cells, "seed", kind));
        fputs("\n", out);
    }
}

void tables_write(FILE *out, const struct cells *cells, const char *const *skipped, uint32_t skipped_count) {
    findings_write_first(out, cells);
    print_short(out, cells);
    findings_write_behind(out, cells);
    for (uint32_t r = 0; r < cells->row_count; r++) {
        if (is_first_with_figures(cells, r)) {
            print_kind(out, cells, cells->rows[r].kind);
        }
    }
    for (enum cells_question question = ASK_BUILD; question < CELLS_QUESTIONS; question++) {
        print_question(out, cells, question);
    }
    fputs("\n**Who took part**\n\n", out);
    for (uint32_t i = 0; i < cells->peer_count; i++) {
        fprintf(out, "- %s %s\n", cells->peers[i].name, cells->peers[i].version);
    }
    findings_write_unmeasured(out, cells, skipped, skipped_count);
}

/* ---- values ---- */

static const char *const value_words[CELLS_QUESTIONS] = {"pick", "pick", "build", "change", "bytes"};

static void write_number(FILE *out, double value) {
    if (value > 0) {
        fprintf(out, "%.4f", value);
    }
    fputc(',', out);
}

static void write_value(FILE *out, const struct cells *cells, const struct row *row, enum cells_question question,
                        uint32_t size) {
    const struct cell *cell = &row->cells[question][size];
    const struct row *base = cells_base(cells, row, question), *limit = cells_find(cells, "limit", row->kind);
    double least = 0, most = 0;
    for (uint32_t round = 0; round < CELLS_ROUNDS; round++) {
        double value = cell->rounds[round];
        least = value > 0 && (least <= 0 || value < least) ? value : least;
        most = value > most ? value : most;
    }
    fprintf(out, "%s,%s,%s,%u,%d,", row->kind, row->peer, value_words[question], cells_sizes[size],
            question == ASK_PICK_TWO ? 2 : 1);
    write_number(out, cells_median(cell));
    write_number(out, least);
    write_number(out, most);
    fprintf(out, "%s,", base != NULL ? base->peer : "");
    write_number(out, cells_ratio_beside(cells, row, question, size));
    write_number(out, limit != NULL ? cells_ratio(cell, &limit->cells[question][size]) : 0);
    fprintf(out, "\"%s\"\n", cell->reason);
}

void tables_write_values(FILE *out, const struct cells *cells) {
    fputs("case,row,what,nodes,threads,median,least,most,beside,ratio,to_limit,reason\n", out);
    for (uint32_t r = 0; r < cells->row_count; r++) {
        const struct row *row = &cells->rows[r];
        for (enum cells_question question = ASK_PICK; question < CELLS_QUESTIONS; question++) {
            for (uint32_t size = 0; size < CELLS_SIZES; size++) {
                if (row->cells[question][size].count > 0 || row->cells[question][size].reason[0] != '\0') {
                    write_value(out, cells, row, question, size);
                }
            }
        }
    }
}
