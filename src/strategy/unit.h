/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside of an lw_strategy: a tree of units (one per name in the specification), the lanes they share, and the plans
 * bound to the node sets that were prepared.
 *
 *   spec.c      reads a specification into a tree of units
 *   unit.c      one unit: its ops checked and copied, its memories made
 *   plans.c     what lw_prepare builds for one version of one node set, found again in O(1), and retired
 *   strategy.c  the handle: made, freed, asked what it is
 *   select.c    the public picks
 *   table.c     the built-in strategies
 */
#ifndef LW_STRATEGY_UNIT_H
#define LW_STRATEGY_UNIT_H

#include "base/env.h"
#include "base/lanes.h"
#include "base/param.h"

#include <loadwise/ops.h>
#include <loadwise/strategy.h>
#include <pthread.h>

enum { LW__SETS = 8 };

struct lw__unit {
    lw_strategy_ops ops;
    const lw_env *env; /* of the strategy */
    uint32_t index;    /* position in the tree, parents first */
    uint32_t needs;
    uint32_t child_count;
    uint32_t children[LW_CHILDREN]; /* positions */
    lw_memory memory;               /* what does not depend on the node set */
    _Alignas(8) unsigned char config[LW_CONFIG_SIZE];
};

/* A unit together with what it has for one node set. */
struct lw__bound {
    lw_memory memory; /* first, so that a view's memory leads back here */
    const struct lw__unit *unit;
};

/* All bound units for one version of one set. */
struct lw__binding {
    uint64_t set, version;
    uint32_t count;
    uint64_t *ids;             /* NULL unless some unit needs identity */
    struct lw__binding *older; /* in the list of retired bindings */
    uint32_t retired_in;       /* epoch */
    struct lw__bound bound[];  /* unit_count of them */
};

struct lw_strategy {
    ptrdiff_t (*pick)(const lw_view *view); /* of the root */
    lw_env env;
    struct lw__unit *units[LW_SPEC_STRATEGIES];
    uint32_t unit_count;
    uint32_t needs;                               /* of all units together */
    uint32_t required;                            /* columns among them that must be set */
    bool planned;                                 /* some unit has a plan or scratch */
    bool identified;                              /* some unit needs to know ids */
    bool listens;                                 /* some unit has begin */
    bool clocked;                                 /* some unit may read the time */
    uint64_t latest;                              /* time read so far: a clock that steps back stands still */
    struct lw__bound unbound[LW_SPEC_STRATEGIES]; /* for strategies without plans */
    struct lw__lanes lanes;

    pthread_mutex_t preparing; /* guards the plans; no prepared pick takes it */
    struct lw__binding *bindings[LW__SETS];
    uint64_t prepared_at[LW__SETS]; /* order of preparation */
    uint64_t preparations;
    struct lw__binding *retired;
};

/* unit.c. lw__ops_read checks a table and copies it over zeros, so that a shorter, older one is whole. */
int lw__ops_read(const lw_env *env, const lw_strategy_ops *given, lw_strategy_ops *ops);
int lw__unit_add(lw_strategy *strategy, const lw_strategy_ops *ops, struct lw__unit **out);
int lw__unit_finish(lw_strategy *strategy, struct lw__unit *unit);
/* The first content of the unit's lanes. */
void lw__unit_start(struct lw__unit *unit, uint64_t seed);
void lw__unit_free(lw_strategy *strategy, struct lw__unit *unit);

/* spec.c */
struct lw__names { /* what a name in a specification may mean */
    const lw_strategy_ops *const *own;
    size_t count;
};
int lw__spec_read(lw_strategy *strategy, const struct lw__names *names, const char *spec);

/* plans.c */
int lw__plans_prepare(lw_strategy *strategy, const lw_nodes *nodes, uint64_t version);
void lw__plans_free(lw_strategy *strategy);
/* In a child after a fork: boards begin anew, since a thread that is not here may have been writing there. */
void lw__boards_renew(lw_strategy *strategy);

/* In a child after a fork, before any call: threads of the parent are gone, and chances begin anew. The plans stay, so
   no key moves. */
void lw__strategy_after_fork(lw_strategy *strategy, uint64_t seed);

/* No pick asks for this version of the set any more. */
void lw__plans_drop(lw_strategy *strategy, uint64_t set, uint64_t version);

/* select.c: tells the strategies of the tree that this request begins at node `index`, where `listens` was taken off a
   strategy by whoever picks and has more to do before a request begins. */
void lw__strategy_begin(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_request *request,
                        uint64_t now);

/* select.c: picks that change nothing, one after another as if each had: what they change are these copies. */
struct lw__trial {
    const lw_strategy *of; /* whose copies these are; NULL at first */
    lw_lane lane;
    uint64_t lanes[LW_SPEC_STRATEGIES][LW_LANE_SIZE / sizeof(uint64_t)];
};
ptrdiff_t lw__select_trial(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                           struct lw__trial *trial);

/* strategy.c: lw_strategy_counters, but adding to the values that are there already. */
size_t lw__strategy_counters_add(const lw_strategy *strategy, lw_counter *out, size_t room);

/* strategy.c: why these nodes cannot be chosen from; told to the log. */
int lw__nodes_refuse(const lw_strategy *strategy, const lw_nodes *nodes);

/* The structs as first published: a program compiled then passes these sizes, and never sets what came later. */
#define LW__NODES_FIRST_SIZE (offsetof(lw_nodes, tags) + sizeof(lw_string_column))
#define LW__REQUEST_FIRST_SIZE (offsetof(lw_request, tags) + sizeof(const char *))
#define LW__SAMPLE_FIRST_SIZE offsetof(lw_sample, amounts)
#define LW__PROBE_FIRST_SIZE (offsetof(lw_probe, now) + sizeof(uint64_t))

static inline bool lw__nodes_check(const lw_strategy *strategy, const lw_nodes *nodes) {
    return nodes->size >= LW__NODES_FIRST_SIZE && nodes->count - 1 < INT32_MAX &&
           (strategy->required & ~nodes->present) == 0;
}

/* The version a set is known by: its own, or the fingerprint of its content when it has no number. */
static inline uint64_t lw__plans_version(const lw_nodes *nodes) {
    return nodes->set != 0 ? nodes->version : lw_nodes_fingerprint(nodes);
}

/* Where a set is looked for first, so that the usual search is one comparison. */
static inline uint32_t lw__plans_home(uint64_t set) { return (uint32_t)(set * UINT64_C(0x9e3779b97f4a7c15) >> 61); }

/* Inside a read section only. */
static inline const struct lw__binding *lw__plans_find(const lw_strategy *strategy, const lw_nodes *nodes,
                                                       uint64_t version) {
    for (uint32_t i = 0, at = lw__plans_home(nodes->set); i < LW__SETS; i++, at = (at + 1) % LW__SETS) {
        const struct lw__binding *found = __atomic_load_n(&strategy->bindings[at], __ATOMIC_SEQ_CST);
        if (found != NULL && found->version == version && found->set == nodes->set && found->count == nodes->count) {
            return found;
        }
    }
    return NULL;
}

#endif
