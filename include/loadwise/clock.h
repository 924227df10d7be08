/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Timers for services, on whatever loop the host has. The host keeps one timer of its own, for the earliest of these.
 *
 *     lw_clock *clock;
 *     lw_clock_new(&clock, NULL, my_rearm, my_loop);
 *     ... my_rearm is told when the earliest timer has become an earlier one; on it, the host sets its timer ...
 *     lw_clock_run(clock);                            // when that timer has come, and whenever it likes
 *
 * Timers fire in the order in which they are due, those of one time in the order in which they were started. In tests,
 * env->now is a variable and lw_clock_next says what to set it to.
 *
 * Threads: a clock, its timers and all services on it belong to one thread, that of the loop. Times: monotonic ns, by
 * env->now. Cost: no allocation; start O(1), stop and fire O(log n) amortised (a pairing heap, Fredman et al. 1986).
 */
#ifndef LOADWISE_CLOCK_H
#define LOADWISE_CLOCK_H

#include <loadwise/env.h>
#include <loadwise/error.h>

LW_BEGIN

typedef struct lw_clock lw_clock;
typedef struct lw_timer lw_timer;

/* To be embedded in what it is about; zero before its first start. Must stay where it is while it is started. */
struct lw_timer {
    void (*fired)(lw_timer *timer); /* set by its owner. The timer is stopped then, and may be started again or freed */
    uint64_t due;                   /* the rest is the clock's */
    uint64_t order;
    lw_timer *child, *next, *before;
};

/* Makes a clock. rearm, which may be NULL, is told the earliest due time when it has become earlier; it may not call
   the clock. env is copied. Errors: LW_NOMEM, LW_INVALID (half an allocator). */
LW_API int lw_clock_new(lw_clock **out, const lw_env *env, void (*rearm)(void *user, uint64_t due), void *user);

/* NULL-safe. No timer may be started. */
LW_API void lw_clock_free(lw_clock *clock);

/* The time. */
LW_API uint64_t lw_clock_now(const lw_clock *clock);

/* Starts a timer, or moves a started one. A time that has come fires in the next run, not in this call. */
LW_API void lw_timer_start(lw_clock *clock, lw_timer *timer, uint64_t due);

/* Stops a timer, if it is started. */
LW_API void lw_timer_stop(lw_clock *clock, lw_timer *timer);

/* Is it started? */
static inline int lw_timer_runs(const lw_timer *timer) { return timer->before != NULL; }

/* When the earliest timer is due; UINT64_MAX: none is started. */
LW_API uint64_t lw_clock_next(const lw_clock *clock);

/* Fires the timers that are due now, but none that is started meanwhile. Returns when to call again, as lw_clock_next.
 */
LW_API uint64_t lw_clock_run(lw_clock *clock);

LW_END

#endif
