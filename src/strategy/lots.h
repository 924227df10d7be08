/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which of all nodes one of many clients uses, so that each has few and all together use them alike. */
#ifndef LW_STRATEGY_LOTS_H
#define LW_STRATEGY_LOTS_H

#include <loadwise/ops.h>

/* How: by scores of their own; by turns through shuffled decks; by lots of nodes and of clients. */
enum { LW__LOTS_RANDOM = 0, LW__LOTS_SHUFFLE = 1, LW__LOTS_LOTS = 2 };

/* Sets the bits of min(size, n) nodes, n of them having a weight above 0 (or all, if none has), in a bitmap of zeros.
   A pure function of ids, of which weights are 0, and of the client; not of the order of the nodes. */
int lw__lots_draw(const lw_build *build, uint64_t by, uint32_t size, uint64_t client, uint64_t *bits);

#endif
