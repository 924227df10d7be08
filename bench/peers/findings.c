/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sets of sizes are bits, in the order of cells_sizes. */
#include "findings.h"

#include <string.h>

static const double near_limit = 1.5;

/* "3, 128", or "3 to 1024" where there are three in a row and no others. */
static void print_sizes(FILE *out, uint32_t sizes) {
    uint32_t first = 0, last = CELLS_SIZES - 1;
    while (first < last && (sizes >> first & 1) == 0) {
        first++;
    }
    while (last > first && (sizes >> last & 1) == 0) {
        last--;
    }
    if (last >= first + 2 && sizes >> first == (1U << (last - first + 1)) - 1) {
        fprintf(out, "%u to %u", cells_sizes[first], cells_sizes[last]);
        return;
    }
    for (uint32_t size = first; size <= last; size++) {
        if ((sizes >> size & 1) != 0) {
            fprintf(out, "%s%u", size > first ? ", " : "", cells_sizes[size]);
        }
    }
}

/* ---- the conclusion ---- */

struct tally {
    uint32_t cells, ahead;
};

/* Counts the cells of a case, and returns the sizes at which somebody is ahead of us, with one thread or two. */
static uint32_t count_kind(const struct cells *cells, const char *kind, struct tally *tally) {
    uint32_t behind = 0;
    for (enum cells_question question = ASK_PICK; question <= ASK_PICK_TWO; question++) {
        for (uint32_t size = 0; size < CELLS_SIZES; size++) {
            const struct row *closest = cells_closest(cells, kind, question, size);
            if (closest != NULL) {
                bool ahead = cells_ratio_beside(cells, closest, question, size) >= 1;
                tally->cells++;
                tally->ahead += ahead;
                behind |= ahead ? 0 : 1U << size;
            }
        }
    }
    return behind;
}

void findings_write_first(FILE *out, const struct cells *cells) {
    uint32_t behind[CELLS_ROWS] = {0};
    struct tally tally = {0, 0};
    const char *before = "; behind in: ";
    for (uint32_t r = 0; r < cells->row_count; r++) {
        behind[r] = cells_is_first_of_kind(cells, r) ? count_kind(cells, cells->rows[r].kind, &tally) : 0;
    }
    if (tally.cells == 0) {
        fputs("No picks of others were measured.\n\n", out);
        return;
    }
    fprintf(out, "Ahead of all others in %u of %u cells of picks (case, nodes, one thread or two)", tally.ahead,
            tally.cells);
    for (uint32_t r = 0; r < cells->row_count; r++) {
        if (behind[r] != 0) {
            fprintf(out, "%s%s at ", before, cells->rows[r].kind);
            print_sizes(out, behind[r]);
            before = "; ";
        }
    }
    fputs(".\n\n", out);
}

/* ---- who is ahead ---- */

/* No limit hashes text or reads a clock. */
static bool is_held_to_limit(const struct cells *cells, const struct row *row) {
    bool clock = strcmp(row->peer, "loadwise") == 0 && cells_find(cells, "loadwise-at", row->kind) != NULL;
    bool text = strcmp(row->peer, "loadwise-text") == 0 || strcmp(row->peer, "loadwise-nginx") == 0;
    return cells_is_ours(row) && !clock && !text;
}

static bool is_behind(const struct cells *cells, const struct row *row, double ratio) {
    return cells_is_ours(row) ? is_held_to_limit(cells, row) && ratio > near_limit : ratio > 0 && ratio < 1;
}

static void print_number(FILE *out, const char *before, double ratio) {
    fprintf(out, ratio < 10 ? "%s%.2f" : "%s%.0f", before, ratio);
}

/* The sizes at which it is so, and the range of the ratios there: " build at 3, 16 (0.10 to 0.61)". */
static bool print_where(FILE *out, const struct cells *cells, const struct row *row, enum cells_question question,
                        const char *before) {
    static const char *const words[] = {"", " with two threads", " build", " change", ""};
    uint32_t sizes = 0;
    double least = 0, most = 0;
    for (uint32_t size = 0; size < CELLS_SIZES; size++) {
        double ratio = cells_ratio_beside(cells, row, question, size);
        if (is_behind(cells, row, ratio)) {
            least = sizes == 0 || ratio < least ? ratio : least;
            most = sizes == 0 || ratio > most ? ratio : most;
            sizes |= 1U << size;
        }
    }
    if (sizes != 0) {
        fprintf(out, "%s%s at ", before, words[question]);
        print_sizes(out, sizes);
        print_number(out, " (", least);
        if (most > least) {
            print_number(out, " to ", most);
        }
        fputs(")", out);
    }
    return sizes != 0;
}

/* What a list is about: ours or others, and these questions. */
struct list {
    const char *title;
    bool ours;
    enum cells_question first, last;
};

/* One line for a case, if anything is to be said of it: "- ring: hashring change at 128 (0.64); ...". */
static bool print_list_of(FILE *out, const struct cells *cells, const struct list *list, const char *kind) {
    bool begun = false;
    for (uint32_t r = 0; r < cells->row_count; r++) {
        const struct row *row = &cells->rows[r];
        bool named = false;
        for (enum cells_question question = list->first; question <= list->last; question++) {
            char before[3 * CELLS_WORD];
            snprintf(before, sizeof before, "%s%s%s%s", begun ? "; " : "- ", begun ? "" : kind, begun ? "" : ": ",
                     row->peer);
            if (strcmp(row->kind, kind) == 0 && cells_is_ours(row) == list->ours) {
                named |= print_where(out, cells, row, question, named ? "," : before);
            }
        }
        begun |= named;
    }
    fputs(begun ? "\n" : "", out);
    return begun;
}

static void print_list(FILE *out, const struct cells *cells, const struct list *list) {
    bool found = false;
    fprintf(out, "\n**%s**\n\n", list->title);
    for (uint32_t r = 0; r < cells->row_count; r++) {
        found |= cells_is_first_of_kind(cells, r) && print_list_of(out, cells, list, cells->rows[r].kind);
    }
    fputs(found ? "" : "Nowhere.\n", out);
}

void findings_write_behind(FILE *out, const struct cells *cells) {
    static const struct list lists[] = {
        {"Behind another in picks", false, ASK_PICK, ASK_PICK_TWO},
        {"Behind another in builds and changes", false, ASK_BUILD, ASK_CHANGE},
        {"Beyond 1.5 times the limit, with one thread", true, ASK_PICK, ASK_PICK},
    };
    for (uint32_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        print_list(out, cells, &lists[i]);
    }
}

/* ---- what has no figure ---- */

/* The cells of a row that have one and the same reason. */
struct gap {
    uint32_t sizes[CELLS_QUESTIONS];
    uint32_t any; /* of all questions */
    bool whole;   /* the same sizes in all that was asked */
};

static struct gap gap_of(const struct row *row, const char *reason) {
    struct gap gap = {.any = 0, .whole = true};
    bool asked[CELLS_QUESTIONS] = {false};
    for (enum cells_question question = ASK_PICK; question < CELLS_QUESTIONS; question++) {
        for (uint32_t size = 0; size < CELLS_SIZES; size++) {
            const struct cell *cell = &row->cells[question][size];
            asked[question] |= cell->count > 0 || cell->reason[0] != '\0';
            bool missing = cell->count == 0 && strcmp(cell->reason, reason) == 0;
            gap.sizes[question] |= missing ? 1U << size : 0;
        }
        gap.any |= gap.sizes[question];
    }
    for (enum cells_question question = ASK_PICK; question < CELLS_QUESTIONS; question++) {
        gap.whole &= !asked[question] || gap.sizes[question] == gap.any;
    }
    return gap;
}

static bool is_same_gap(const struct gap *left, const struct gap *right) {
    return left->whole == right->whole &&
           (left->whole ? left->any == right->any : memcmp(left->sizes, right->sizes, sizeof left->sizes) == 0);
}

/* " at 1024, 10000", or " pick at 10000, build at 1024, 10000" where it is not the same for all. */
static void print_gap(FILE *out, const struct gap *gap) {
    static const char *const words[] = {" pick", " pick with two threads", " build", " change", " memory"};
    const char *before = "";
    if (gap->whole) {
        fputs(" at ", out);
        print_sizes(out, gap->any);
        return;
    }
    for (enum cells_question question = ASK_PICK; question < CELLS_QUESTIONS; question++) {
        if (gap->sizes[question] != 0) {
            fprintf(out, "%s%s at ", before, words[question]);
            print_sizes(out, gap->sizes[question]);
            before = ",";
        }
    }
}

/* All cases of a peer with one reason; those that have it at the same places are named together. */
static void print_reason(FILE *out, const struct cells *cells, const char *peer, const char *reason) {
    struct gap last = {.any = 0};
    const char *before = "";
    fprintf(out, "- %s (", peer);
    for (uint32_t r = 0; r < cells->row_count; r++) {
        const struct row *row = &cells->rows[r];
        struct gap gap = gap_of(row, reason);
        if (strcmp(row->peer, peer) != 0 || gap.any == 0) {
            continue;
        }
        if (before[0] != '\0' && !is_same_gap(&gap, &last)) {
            print_gap(out, &last);
            before = "; ";
        }
        fprintf(out, "%s%s", before, row->kind);
        before = ", ";
        last = gap;
    }
    print_gap(out, &last);
    fprintf(out, "): %s\n", reason);
}

/* The cells of all rows, one after another. */
enum { ROW_CELLS = CELLS_QUESTIONS * CELLS_SIZES };

/* Empty where there is a figure, be it of another round. */
static const char *reason_of(const struct cells *cells, uint32_t number) {
    uint32_t within = number % ROW_CELLS;
    const struct cell *cell = &cells->rows[number / ROW_CELLS].cells[within / CELLS_SIZES][within % CELLS_SIZES];
    return cell->count == 0 ? cell->reason : "";
}

/* Whether the peer of that cell has given the same reason before. */
static bool is_told_before(const struct cells *cells, uint32_t number) {
    const char *peer = cells->rows[number / ROW_CELLS].peer;
    for (uint32_t before = 0; before < number; before++) {
        if (strcmp(cells->rows[before / ROW_CELLS].peer, peer) == 0 &&
            strcmp(reason_of(cells, before), reason_of(cells, number)) == 0) {
            return true;
        }
    }
    return false;
}

void findings_write_unmeasured(FILE *out, const struct cells *cells, const char *const *skipped, uint32_t count) {
    fputs("\n**Not measured**\n\n", out);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, "- %s\n", skipped[i]);
    }
    for (uint32_t number = 0; number < cells->row_count * ROW_CELLS; number++) {
        const char *reason = reason_of(cells, number);
        if (reason[0] != '\0' && !is_told_before(cells, number)) {
            print_reason(out, cells, cells->rows[number / ROW_CELLS].peer, reason);
        }
    }
}
