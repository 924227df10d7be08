/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The measuring frame: how long one pick takes, and how far to believe the answer.
 *
 * Machines that are shared change speed by the minute, so a bare time says little. Therefore the contenders of one
 * row take turns run by run, and a row is judged on the ratio of two figures from the same round.
 *
 *   run     one call of a loop, sized to last about run_ns
 *   round   `runs` runs of each contender in turn; its figure is the median of them
 *   figure  over all rounds: their median, the quietest of them, and the noise, median over quietest
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Makes `picks` picks on behalf of thread 0 or 1 and returns the sum of the answers, so that none can be skipped. */
typedef uint64_t frame_loop(void *subject, uint32_t thread, uint64_t picks);

struct frame_task {
    frame_loop *loop;
    void *subject;
    uint64_t picks; /* in one run; set by frame_calibrate */
};

struct frame_figure {
    double median, least, noise;
};

enum { FRAME_CONTENDERS = 3, FRAME_BATCH = 64 };

struct frame;

/* Pins this thread to a processor and starts the second one, asleep, on another. NULL when that fails. */
struct frame *frame_open(void);
void frame_close(struct frame *frame);

/* 2, or 1 on a machine with one processor: then only one-thread runs are possible. */
uint32_t frame_threads(const struct frame *frame);

/* Pins the calling thread where thread 0 or 1 of the frame is. */
void frame_pin(const struct frame *frame, uint32_t thread);

/* One run; wall time until every thread is done, over the picks of one thread, in ns. */
double frame_run(struct frame *frame, const struct frame_task *task, uint32_t threads);

void frame_calibrate(struct frame *frame, struct frame_task *task, uint32_t threads, double run_ns);

/* One round of `count` contenders, one median each. */
void frame_round(struct frame *frame, const struct frame_task *tasks, uint32_t count, uint32_t threads, uint32_t runs,
                 double *medians);

/* 99 of 100 batches of FRAME_BATCH picks take at most so many ns a pick; on thread 0. */
double frame_p99(struct frame *frame, const struct frame_task *task, uint32_t threads);

/* Sorts the values and sums them up. */
struct frame_figure frame_sum_up(double *values, uint32_t count);
double frame_median(double *values, uint32_t count);

double frame_now(void);

/* How often another program was put in place of this one so far: each time spoils a run. */
long frame_interruptions(void);

/* What to write beside the figures: ns for one addition that waits for the last (the clock rate), and for a cache line
   to go to the other thread and back (0 with one processor). */
double frame_addition(struct frame *frame);
double frame_round_trip(struct frame *frame);

#endif
