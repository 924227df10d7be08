/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A few answers to probes, at most one a node: a list that is read, changed and judged as plain memory, and a board on
 * which threads share it.
 *
 * The board is behind a number that is odd while one writes. Who reads takes a copy and sees whether the number stayed;
 * who writes takes a copy too, changes that, and puts it back. Neither waits for a thread that was stopped halfway:
 * after a few attempts the reader has no list, and the writer's change is lost, as answers to probes may be.
 */
#ifndef LW_STRATEGY_PROBES_H
#define LW_STRATEGY_PROBES_H

#include <stdbool.h>
#include <stdint.h>

enum { LW__PROBES = 16 };

struct lw__probe_entry {
    uint64_t node; /* index */
    uint64_t uses; /* left; at least 1 */
    uint64_t inflight;
    uint64_t latency;
    uint64_t came; /* ns */
};

struct lw__probes {
    uint64_t count;
    uint64_t turns; /* entries removed by lw__probes_remove so far */
    struct lw__probe_entry entry[LW__PROBES];
};

struct lw__probe_board {
    uint64_t version;
    struct lw__probes shared;
};

/* Copies the list; false: no luck. */
bool lw__probes_read(const struct lw__probe_board *board, struct lw__probes *probes);

/* The same, to change it: between the two nobody else writes. */
bool lw__probes_open(struct lw__probe_board *board, struct lw__probes *probes);
void lw__probes_close(struct lw__probe_board *board, const struct lw__probes *probes);

/* Adds an entry: in place of an older one of this node, else, where there is no room, of the oldest. */
void lw__probes_put(struct lw__probes *probes, const struct lw__probe_entry *entry);

/* A request goes to this node: one more under way there, one use less. */
void lw__probes_use(struct lw__probes *probes, uint64_t node);

/* Drops what came before. */
void lw__probes_expire(struct lw__probes *probes, uint64_t since);

/* The number under which, or at which, this share (0 to 1) of the entries has requests under way: the least such one
   of theirs. False where the share is none of them: then everyone is above it. */
bool lw__probes_threshold(const struct lw__probes *probes, double share, uint64_t *threshold);

/* Removes the oldest entry and the worst in turn: the fullest of those above the threshold, else the slowest. The last
   two stay, or there would be nothing to choose by. `judged` is the same list, as the chooser sees it. */
void lw__probes_remove(struct lw__probes *probes, const struct lw__probes *judged, double share);

#endif
