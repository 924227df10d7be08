/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A row that cannot answer is asked once. */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

#define LONG_BUILD 100e6 /* ns */

const uint32_t cells_sizes[CELLS_SIZES] = {3, 16, 128, 1024, 10000};

/* ---- what there is ---- */

static void take_peer(struct cells *cells, const char *line) {
    struct peer *peer = &cells->peers[cells->peer_count];
    if (cells->peer_count < CELLS_PEERS && sscanf(line, "peer %47s %95[^\n]", peer->name, peer->version) == 2) {
        cells->peer_count++;
    }
}

static void take_words(struct row *row, char *words) {
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        row->can[ASK_PICK] |= strcmp(word, "pick") == 0;
        row->can[ASK_PICK_TWO] |= strcmp(word, "threads") == 0;
        row->can[ASK_BUILD] |= strcmp(word, "build") == 0;
        row->can[ASK_CHANGE] |= strcmp(word, "change") == 0;
        row->can[ASK_BYTES] |= strcmp(word, "bytes") == 0;
        if (strcmp(word, "beside") == 0 && (word = strtok_r(NULL, " ", &rest)) != NULL) {
            snprintf(row->beside, sizeof row->beside, "%s", word);
        }
    }
}

static void take_case(struct cells *cells, struct conversation *program, char *line) {
    struct row *row = &cells->rows[cells->row_count];
    int words = 0;
    if (cells->row_count == CELLS_ROWS || sscanf(line, "case %47[^/ ]/%47s %n", row->peer, row->kind, &words) < 2) {
        fprintf(stderr, "%s: cannot take \"%s\"\n", program->program, line);
        return;
    }
    row->program = program;
    snprintf(row->name, sizeof row->name, "%s/%s", row->peer, row->kind);
    snprintf(row->beside, sizeof row->beside, "loadwise");
    take_words(row, line + words);
    cells->row_count++;
}

int cells_add(struct cells *cells, const char *program, int patience) {
    struct conversation *conversation = &cells->programs[cells->program_count];
    uint32_t peers = cells->peer_count, rows = cells->row_count;
    char line[CONVERSATION_LINE];
    if (cells->program_count == CELLS_PROGRAMS || conversation_open(conversation, program, patience) != 0) {
        return -1;
    }
    while (conversation_hear(conversation, line)) {
        if (strcmp(line, "ready") == 0) {
            cells->program_count++;
            return 0;
        }
        if (strncmp(line, "peer ", 5) == 0) {
            take_peer(cells, line);
        } else if (strncmp(line, "case ", 5) == 0) {
            take_case(cells, conversation, line);
        }
    }
    memset(cells->rows + rows, 0, (cells->row_count - rows) * sizeof *cells->rows); /* what it had begun to offer */
    cells->row_count = rows;
    cells->peer_count = peers;
    return -1;
}

const struct row *cells_find(const struct cells *cells, const char *peer, const char *kind) {
    for (uint32_t r = 0; r < cells->row_count; r++) {
        if (strcmp(cells->rows[r].peer, peer) == 0 && strcmp(cells->rows[r].kind, kind) == 0) {
            return &cells->rows[r];
        }
    }
    return NULL;
}

bool cells_is_first_of_kind(const struct cells *cells, uint32_t r) {
    for (uint32_t before = 0; before < r; before++) {
        if (strcmp(cells->rows[before].kind, cells->rows[r].kind) == 0) {
            return false;
        }
    }
    return true;
}

bool cells_is_ours(const struct row *row) { return strncmp(row->peer, "loadwise", 8) == 0; }

const struct row *cells_base(const struct cells *cells, const struct row *row, enum cells_question question) {
    if (strcmp(row->peer, "limit") == 0) {
        return NULL;
    }
    if (cells_is_ours(row)) {
        return cells_find(cells, "limit", row->kind);
    }
    const struct row *base = cells_find(cells, row->beside, row->kind);
    return base != NULL && base->can[question] ? base : cells_find(cells, "loadwise", row->kind);
}

/* ---- asking ---- */

static const char *const question_words[CELLS_QUESTIONS] = {"pick", "pick", "build", "change", "bytes"};

static bool is_wished(const char *list, const char *word) {
    size_t size = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, size) == 0 && (at[size] == '\0' || at[size] == ',')) {
            return true;
        }
    }
    return list == NULL;
}

static void note(struct cell *cell, enum cells_question question, uint32_t round, const char *answer) {
    double value;
    char unit[CELLS_WORD];
    const char *wanted = question == ASK_BYTES ? "bytes" : "ns";
    if (sscanf(answer, "%47s %lf", unit, &value) == 2 && strcmp(unit, wanted) == 0 && value >= 0) {
        cell->rounds[round] = value; /* no bytes at all are as good as no figure */
        cell->count += value > 0;
    } else {
        snprintf(cell->reason, sizeof cell->reason, "%s", strncmp(answer, "none ", 5) == 0 ? answer + 5 : answer);
        for (char *quote = cell->reason; (quote = strchr(quote, '"')) != NULL;) {
            *quote = '\''; /* it stands between quotes among the values */
        }
    }
}

/* Builds and changes so long are told once, or they would be most of the run. */
static bool is_told(const struct cell *cell, enum cells_question question, uint32_t round) {
    return cell->reason[0] != '\0' || (question >= ASK_BUILD && round > 0 && cell->rounds[0] > LONG_BUILD);
}

static void ask(struct row *row, enum cells_question question, uint32_t size, uint32_t round, unsigned long long seed) {
    struct cell *cell = &row->cells[question][size];
    char line[CONVERSATION_LINE], threads[CELLS_WORD] = "";
    if (!row->can[question] || is_told(cell, question, round)) {
        return;
    }
    if (question == ASK_PICK || question == ASK_PICK_TWO) {
        snprintf(threads, sizeof threads, " %d", question == ASK_PICK ? 1 : 2);
    }
    snprintf(line, sizeof line, "%s %s %u%s %llu\n", question_words[question], row->name, cells_sizes[size], threads,
             seed);
    bool heard = conversation_ask(row->program, line) && conversation_hear(row->program, line);
    note(cell, question, round, heard ? line : row->program->fault);
}

/* The rows of one case take turns at one question. */
static void ask_all_of(struct cells *cells, const char *kind, uint32_t round, const struct cells_wish *wish) {
    for (enum cells_question question = ASK_PICK; question < CELLS_QUESTIONS; question++) {
        uint32_t most = question == ASK_BYTES ? 1 : question >= ASK_BUILD ? CELLS_BUILD_ROUNDS : wish->rounds;
        if (round >= most || !is_wished(wish->what, question_words[question])) {
            continue;
        }
        for (uint32_t size = 0; size < CELLS_SIZES; size++) {
            char nodes[CELLS_WORD];
            snprintf(nodes, sizeof nodes, "%u", cells_sizes[size]);
            for (uint32_t r = 0; r < cells->row_count && is_wished(wish->nodes, nodes); r++) {
                if (strcmp(cells->rows[r].kind, kind) == 0) {
                    ask(&cells->rows[r], question, size, round, wish->seed);
                }
            }
        }
    }
}

void cells_measure(struct cells *cells, const struct cells_wish *wish) {
    cells->rounds = wish->rounds;
    for (uint32_t round = 0; round < wish->rounds; round++) {
        fprintf(stderr, "round %u of %u\n", round + 1, wish->rounds);
        for (uint32_t r = 0; r < cells->row_count; r++) {
            if (cells_is_first_of_kind(cells, r) && is_wished(wish->cases, cells->rows[r].kind)) {
                ask_all_of(cells, cells->rows[r].kind, round, wish);
            }
        }
    }
}

/* ---- figures ---- */

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of(double *values, uint32_t count) {
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double cells_median(const struct cell *cell) {
    double values[CELLS_ROUNDS];
    uint32_t count = 0;
    for (uint32_t round = 0; round < CELLS_ROUNDS; round++) {
        if (cell->rounds[round] > 0) {
            values[count++] = cell->rounds[round];
        }
    }
    return median_of(values, count);
}

double cells_ratio(const struct cell *cell, const struct cell *base) {
    double values[CELLS_ROUNDS];
    uint32_t count = 0;
    for (uint32_t round = 0; round < CELLS_ROUNDS; round++) {
        if (cell->rounds[round] > 0 && base->rounds[round] > 0) {
            values[count++] = cell->rounds[round] / base->rounds[round];
        }
    }
    return median_of(values, count);
}

double cells_ratio_beside(const struct cells *cells, const struct row *row, enum cells_question question,
                          uint32_t size) {
    const struct row *base = cells_base(cells, row, question);
    return base != NULL ? cells_ratio(&row->cells[question][size], &base->cells[question][size]) : 0;
}

const struct row *cells_closest(const struct cells *cells, const char *kind, enum cells_question question,
                                uint32_t size) {
    const struct row *closest = NULL;
    double least = 0;
    for (uint32_t r = 0; r < cells->row_count; r++) {
        const struct row *row = &cells->rows[r];
        double ratio = cells_ratio_beside(cells, row, question, size);
        if (strcmp(row->kind, kind) == 0 && !cells_is_ours(row) && ratio > 0 && (closest == NULL || ratio < least)) {
            closest = row;
            least = ratio;
        }
    }
    return closest;
}
