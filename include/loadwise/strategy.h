/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Floor one: which of these nodes should handle the next request?
 *
 *     lw_strategy *s;
 *     lw_strategy_new(&s, NULL, "p2c");
 *     ptrdiff_t i = lw_select(s, &nodes, NULL);    // an index, or a negative reason
 *     lw_strategy_free(s);
 *
 * A specification is `name key=value ...`, with child strategies in parentheses: `chain(ring vnodes=200, p2c)`. The
 * parameters of a strategy with children may also stand inside the parentheses: `bounded(ring, factor=1.25)`.
 * `loadwise strategies` lists the names, lw_strategy_builtin() does so in a program.
 *
 * Threads: every function on one lw_strategy may run on any thread at any time, except lw_strategy_free, which must be
 * the last. lw_select takes no lock and allocates nothing once the set is prepared.
 */
#ifndef LOADWISE_STRATEGY_H
#define LOADWISE_STRATEGY_H

#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/nodes.h>
#include <loadwise/outcome.h>
#include <loadwise/probe.h>
#include <loadwise/request.h>

LW_BEGIN

typedef struct lw_strategy lw_strategy;
struct lw_strategy_ops;

/*
 * Makes a strategy from a specification. env may be NULL; it is copied. On failure *out is NULL and env->log was told
 * the column and what was expected there.
 * Errors: LW_SYNTAX, LW_UNKNOWN (name or parameter), LW_RANGE, LW_UNSUPPORTED (parentheses around a strategy that does
 * not fit there), LW_INVALID, LW_NOMEM.
 */
LW_API int lw_strategy_new(lw_strategy **out, const lw_env *env, const char *spec);

/*
 * The same, with strategies of your own: the specification may use their names wherever a built-in may stand (and they
 * win over a built-in of the same name). The ops are borrowed and must outlive the strategy. How to write one: ops.h.
 * Errors: as above; LW_INVALID also for an ops table without name or pick, or beyond a limit of ops.h.
 */
LW_API int lw_strategy_from_ops(lw_strategy **out, const lw_env *env, const struct lw_strategy_ops *const *ops,
                                size_t ops_count, const char *spec);

/* Frees a strategy and its plans. NULL-safe. No other call on it may be under way. */
LW_API void lw_strategy_free(lw_strategy *strategy);

/*
 * Builds the plan for this version of this set, so that no select has to. The last two versions of a set are kept, and
 * up to 8 in all, so that alternating between sets does not rebuild. Picks go on meanwhile, also on a version that
 * goes: its plan is freed when the last of them has left. Cheap when nothing is to be done. Takes the strategy's lock.
 * Errors: LW_NO_NODES, LW_NO_COLUMN, LW_DUPLICATE, LW_TOO_LARGE, LW_RANGE, LW_NOMEM, and LW_INVALID for a struct that
 * was not initialised; what was prepared before stays.
 */
LW_API int lw_prepare(lw_strategy *strategy, const lw_nodes *nodes);

/*
 * The index of the node for this request, or a negative code: a refusal (nobody may take it) or an error. request may
 * be NULL. A set that was not prepared is prepared here, which may allocate and wait, unless the request says
 * LW_REQUEST_PREPARED_ONLY: then LW_NOT_PREPARED. Strategies without a plan need no preparation. Errors: those of
 * lw_prepare, LW_NOT_PREPARED, and every refusal of the strategy.
 */
LW_API ptrdiff_t lw_select(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request);

/* The same at a time of the caller's, in monotonic ns: no clock is read. */
LW_API ptrdiff_t lw_select_at(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now);

/*
 * Tells the strategy how a request that it placed on node `index` has ended. Strategies that learn nothing ignore it.
 * sample is borrowed for the call and must not be NULL. Errors: LW_INVALID for an index past the end; those of
 * lw_prepare.
 */
LW_API int lw_feedback(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_sample *sample);

/*
 * Hands the answer of a probe of node `index` to the strategy; see probe.h. Strategies that do not probe ignore it.
 * probe is borrowed for the call and must not be NULL. Errors: LW_INVALID for an index past the end or a probe that was
 * not initialised; those of lw_prepare.
 */
LW_API int lw_probed(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_probe *probe);

/*
 * The first `room` nodes for a key, all different and eligible, best first: where its replicas live, where a retry
 * goes. Returns how many were written to out, at least 1, or a negative code. Errors: LW_UNSUPPORTED when the strategy
 * has no order per key, LW_INVALID when room is 0; those of lw_select.
 */
LW_API ptrdiff_t lw_replicas(lw_strategy *strategy, const lw_nodes *nodes, uint64_t key, uint32_t *out, uint32_t room);

/*
 * What a strategy is: its ops, with name, help, needs, parameters. The seed is the one given, or drawn; pass it as
 * env.seed to repeat a run. Owned by the strategy. Errors: none.
 */
LW_API const struct lw_strategy_ops *lw_strategy_ops_of(const lw_strategy *strategy);
LW_API uint64_t lw_strategy_seed(const lw_strategy *strategy);

/* One number that a member of a strategy keeps of itself: bounded/overflows, sticky/hits. The pages of the strategies
   say which there are and whether they only grow. */
typedef struct lw_counter {
    const char *strategy; /* the member's name; both strings live as long as the strategy */
    const char *name;
    uint64_t value;
} lw_counter;

/*
 * Writes up to `room` counters, member after member as they stand in the specification, and returns how many there are;
 * out may be NULL when room is 0. Counts of picks under way on other threads may be missing. Errors: none.
 */
LW_API size_t lw_strategy_counters(const lw_strategy *strategy, lw_counter *out, size_t room);

/* The built-in strategies, by position from 0; NULL past the last. Owned by the library. Errors: none. */
LW_API const struct lw_strategy_ops *lw_strategy_builtin(size_t position);

LW_END

#endif
