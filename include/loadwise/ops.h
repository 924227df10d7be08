/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lw_strategy_ops: everything the engine needs to know of a strategy. The built-in ones are a const table of these
 * and use nothing that a stranger could not.
 *
 * Memories of a strategy, and there are no others:
 *   config   the values of its parameters, written once when it is made
 *   plan     immutable table, a pure function of (ids, names, weights, config, seed); one per version of a node set
 *   board    board_size bytes beside the plan, zero when a version begins; picks write there what they learn
 *   state    state_size bytes for the whole strategy, zero at the start
 *   scratch  scratch_size bytes per node, zero at the start; follows the node by id from version to version of a set
 *   lane     lane_size bytes per lane; a thread mostly has a lane to itself, so counters there are not contended
 */
#ifndef LOADWISE_OPS_H
#define LOADWISE_OPS_H

#include <loadwise/outcome.h>
#include <loadwise/param.h>
#include <loadwise/probe.h>
#include <loadwise/view.h>

LW_BEGIN

/* What plan_build may look at. */
typedef struct lw_build {
    size_t size;
    const void *config;
    const uint64_t *ids;     /* all different; NULL unless LW_HAS(id) is among the needs */
    const uint32_t *weights; /* never NULL: 1 where the nodes have no weights */
    uint32_t count;          /* at least 1 */
    uint64_t seed;           /* of the strategy: explicit, or drawn once */
    struct lw__builder *builder;
    const void *previous; /* the plan of this set's version before, or NULL: to be quicker, see lw_build_was; or for
                             rules that depend on the order in which nodes came and went, which are no pure functions:
                             say so to users */
} lw_build;

/* Memory for the plan, aligned to 64 bytes; or NULL. The engine frees one block by itself; plan_free is for plans of
 * more than one. What a build needs only for a while is taken here too, and released before it returns. */
LW_API void *lw_build_alloc(const lw_build *build, size_t size);

/* Gives such memory back. NULL-safe. */
LW_API void lw_build_release(const lw_build *build, void *memory);

/* By index: where each node stood in this set's version before, LW_BUILD_NEW for one that was not there; NULL when
 * there is no version before; maybe also when LW_HAS(id) is not among the needs. Valid during plan_build. With it and
 * `previous` a plan may be made from the one before in less time, and still be the same as made from nothing. LW_OK,
 * LW_NOMEM. */
LW_API int lw_build_was(const lw_build *build, const uint32_t **was);

#define LW_BUILD_NEW UINT32_MAX

/* The name of node `index`, NULL for none; only with LW_HAS(name) among the needs. Valid during plan_build. */
LW_API const char *lw_build_name(const lw_build *build, uint32_t index);

/* Logs why the plan cannot be, naming node `index`, and returns code: `return lw_build_fail(...)`. */
LW_API int lw_build_fail(const lw_build *build, int code, uint32_t index, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Bits of needs above the columns. */
#define LW_NEEDS_WITHIN (UINT32_C(1) << 26) /* narrows what its children see, by lw_view_within; not one in another */
#define LW_NEEDS_KEY (UINT32_C(1) << 27)    /* places by the key: no slow start may move a choice */
#define LW_NEEDS_LEAST (UINT32_C(1) << 29)  /* asks the load column for its least element, where that knows */
#define LW_NEEDS_PLAN (UINT32_C(1) << 30)
#define LW_NEEDS_CLOCK (UINT32_C(1) << 31)

enum lw_strategy_limit {
    LW_CHILDREN = 16,        /* most children of one strategy */
    LW_CONFIG_SIZE = 256,    /* most bytes of config */
    LW_SPEC_DEPTH = 8,       /* deepest nesting of a specification */
    LW_SPEC_STRATEGIES = 64, /* most strategies in a specification */
};

typedef struct lw_strategy_ops {
    size_t size;      /* sizeof(lw_strategy_ops), so that the struct can grow */
    const char *name; /* [a-z][a-z0-9_]*, at most 31 characters */
    const char *help; /* one sentence: what it does and when to choose it */

    const lw_param *params;
    uint32_t param_count;
    uint32_t config_size;
    uint32_t children_min, children_max; /* child strategies, written in parentheses */

    /* LW_HAS bits of columns, LW_NEEDS_PLAN, LW_NEEDS_CLOCK. LW_HAS(id) asks for distinct identities, which fall back
       to names and indexes; any other column must be set. */
    uint32_t needs;
    uint32_t state_size, scratch_size, lane_size; /* bytes; scratch asks for distinct identities too */

    /* Further needs that depend on the parameters. Optional. */
    uint32_t (*needs_of)(const void *config);

    /* First content of lane number `lane`. Optional: zero. */
    void (*lane_init)(const void *config, void *lane, uint32_t number, uint64_t seed);

    /* Builds the plan for a set: pure, no clock, no health. Called under the strategy's lock, never from a prepared
       pick. Required with LW_NEEDS_PLAN. Returns 0 or an error; *plan may stay NULL. */
    int (*plan_build)(const lw_build *build, void **plan);

    /* Optional; see lw_build_alloc. No reader is left when it is called. */
    void (*plan_free)(const lw_build *build, void *plan);

    /* The one required entry: the index of a node for which lw_view_may holds, or a negative code. Any thread, no lock,
       no allocation; view->count is at least 1, though it may be that none may be chosen. */
    ptrdiff_t (*pick)(const lw_view *view);

    /* The first `room` nodes, all different, that may be chosen for this key, best first: for retries, replicas,
       bounded loads and subsets. Returns how many it wrote, at least 1, or a negative code. Optional: LW_UNSUPPORTED.
     */
    ptrdiff_t (*sequence)(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room);

    /* Feedback, whichever strategy of the tree picked: a request starts at node `index`; it has ended. A pool tells the
       start of a request that has its place, not of choices that come to nothing; its inflight column counts the
       request at both. Others may count otherwise. Optional. */
    void (*begin)(const lw_view *view, uint32_t index);
    void (*done)(const lw_view *view, uint32_t index, const lw_sample *sample);

    /* Bytes of state beside state_size that depend on the parameters. Optional. */
    size_t (*state_size_of)(const void *config);

    /* Bytes of the board for a set of so many nodes. Optional. */
    size_t (*board_size)(const void *config, uint32_t count);

    /* A node has left, nobody reads its scratch any more, and no begin or done will come for it: takes back what it
       added to the state. Called under the strategy's lock. Optional. */
    void (*leave)(const lw_memory *memory, void *scratch);

    /* The answer to a probe that lw_view_ask asked for, or that the host sent by itself. Optional. */
    void (*probed)(const lw_view *view, uint32_t index, const lw_probe *probe);

    /* May it stand around these? `below` are the needs of all strategies in its parentheses, at any depth. NULL: yes;
       else why not, for the log, and the specification is refused with LW_UNSUPPORTED. Optional. */
    const char *(*misfit)(uint32_t below);

    /* What lw_strategy_counters tells: so many names, and the value of each. Optional. */
    const char *const *counters;
    uint32_t counter_count;
    uint64_t (*counter)(const lw_memory *memory, uint32_t which);

    /* In a child after a fork, before any call: puts the state in order where a thread that is not here may have been
       writing. Boards are zero then and lanes as at the start. Optional. */
    void (*after_fork)(const lw_memory *memory);
} lw_strategy_ops;

/* The sum over all lanes of the uint64_t that is so many bytes into a lane: for counters, which picks of a trial must
   not move, and which cost nothing there. Threads: any. Errors: none. */
LW_API uint64_t lw_memory_lane_sum(const lw_memory *memory, size_t offset);

LW_END

#endif
