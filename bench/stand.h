/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A stand: one strategy of the library, prepared on one fleet, beside its limit probe on the same fleet. */
#ifndef BENCH_STAND_H
#define BENCH_STAND_H

#include "fleet.h"
#include "frame.h"
#include "probes.h"
#include "supply.h"

#include <loadwise/loadwise.h>
#include <stdbool.h>

struct entry {
    const char *spec;
    const char *name;  /* of the strategy */
    const char *probe; /* of the strategy whose probe is its limit */
    bool keyed;        /* asks with a key */
    bool weighted;     /* the nodes have weights */
    bool learns;       /* each node has answered once */
    bool ends;         /* each request ends at once, as the strategy is told; the limit charges */
    uint32_t most;     /* nodes that it takes, or takes in useful time; 0: any number */
    double goals[2];   /* ns a pick at 128 nodes in a quiet round, by one thread and by two; 0: none is set */
};

/* The strategies that are measured, by position from 0; NULL past the last. */
const struct entry *entry_at(uint32_t position);

/* The entry of that name, or NULL. */
const struct entry *entry_find(const char *name);

struct view {
    const struct stand *stand;
    lw_nodes nodes;
};

struct stand {
    const struct entry *entry;
    const struct fleet *fleet;
    struct probe probe;
    struct supply supply;    /* what it took */
    lw_strategy *strategy;   /* NULL when only limits are wanted */
    struct view views[2];    /* all nodes eligible; the fleet's bitmap */
    size_t plan_bytes;       /* what lw_prepare left behind */
    size_t calls_at_opening; /* of the allocator, when picks began */
};

/* Return 0, or a negative code of the library. stand_close is safe either way. */
int stand_open(struct stand *stand, const struct entry *entry, const struct fleet *fleet, bool only_limit);
void stand_close(struct stand *stand);

/* What to run for one row: through lw_select, and its limit. */
struct frame_task stand_task(struct stand *stand, bool partial);
struct frame_task stand_limit_task(struct stand *stand, bool partial);

/* Whether single picks of a task answer eligible nodes, and the lowest load where that is the rule. Prints what is
   wrong, naming `who`. */
bool stand_is_right(const struct stand *stand, const struct frame_task *task, bool partial, const char *who);

/* Allocations since the stand was opened: there should be none. */
size_t stand_calls_since(const struct stand *stand);

struct build_figure {
    double ns, limit_ns; /* medians; limit_ns is 0 for a probe without a table */
    size_t bytes, most_bytes;
};

/* Times lw_prepare on ever new versions of the set, in turn with the build of the probe's table. */
int stand_time_build(const struct stand *stand, struct build_figure *figure);

#endif
