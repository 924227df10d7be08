/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cells: what each row answered to each question in each round. A row is one case of one peer. */
#ifndef BENCH_CELLS_H
#define BENCH_CELLS_H

#include "conversation.h"

#include <stdint.h>

enum { CELLS_SIZES = 5, CELLS_ROUNDS = 32, CELLS_ROWS = 256, CELLS_PEERS = 64, CELLS_PROGRAMS = 8, CELLS_WORD = 48 };
enum { CELLS_BUILD_ROUNDS = 2 }; /* builds and changes are medians of many already, and take the most time */

enum cells_question { ASK_PICK, ASK_PICK_TWO, ASK_BUILD, ASK_CHANGE, ASK_BYTES, CELLS_QUESTIONS };

struct cell {
    double rounds[CELLS_ROUNDS]; /* 0: none */
    uint32_t count;              /* of those that are not */
    char reason[CONVERSATION_LINE];
};

struct row {
    struct conversation *program;
    char name[2 * CELLS_WORD];               /* PEER/CASE */
    char peer[CELLS_WORD], kind[CELLS_WORD]; /* its parts */
    char beside[CELLS_WORD];                 /* the row of ours that it is held against */
    bool can[CELLS_QUESTIONS];               /* says so itself */
    struct cell cells[CELLS_QUESTIONS][CELLS_SIZES];
};

struct peer {
    char name[CELLS_WORD], version[2 * CELLS_WORD];
};

/* What to ask; NULL and 0 mean all. */
struct cells_wish {
    const char *cases, *nodes, *what; /* words, comma-separated */
    uint32_t rounds;
    unsigned long long seed;
};

struct cells {
    struct conversation programs[CELLS_PROGRAMS];
    struct peer peers[CELLS_PEERS];
    struct row *rows; /* CELLS_ROWS */
    uint32_t program_count, peer_count, row_count, rounds;
};

extern const uint32_t cells_sizes[CELLS_SIZES];

/* Starts a program and hears what it has to offer; `patience` is seconds for an answer. Returns 0, or -1 when it
   cannot. */
int cells_add(struct cells *cells, const char *program, int patience);

/* Asks everybody everything that is wished: for each question all rows of a case, one after another. What ends a
   program is noted as the reason of that cell; for the next question the program is started again. */
void cells_measure(struct cells *cells, const struct cells_wish *wish);

/* The median; 0 without a figure. */
double cells_median(const struct cell *cell);

/* The median of the ratios round by round; 0 without a round that has both. */
double cells_ratio(const struct cell *cell, const struct cell *base);

/* Of one case: the row of that peer, or NULL. */
const struct row *cells_find(const struct cells *cells, const char *peer, const char *kind);

/* The row of ours beside which a row stands in a question: for one of ours the limit. NULL without one. */
const struct row *cells_base(const struct cells *cells, const struct row *row, enum cells_question question);
bool cells_is_ours(const struct row *row);
bool cells_is_first_of_kind(const struct cells *cells, uint32_t r);

/* A figure over that of the row beside which it stands; 0 without one of both. */
double cells_ratio_beside(const struct cells *cells, const struct row *row, enum cells_question question,
                          uint32_t size);

/* Of the rows of others the one with the least such ratio; NULL without one. */
const struct row *cells_closest(const struct cells *cells, const char *kind, enum cells_question question,
                                uint32_t size);

#endif
