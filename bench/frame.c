/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two threads, each pinned. The second sleeps on a semaphore while one thread is measured, since a spinning
 * neighbour may sit on the same core; for a run of two it is woken first and both then start on a spin barrier.
 * It lives as long as the frame: a fresh thread for every run would be a fresh user of the library each time.
 */
#include "frame.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_RUNS = 64, ROUND_TRIPS = 2000, ADDITIONS = 8, BATCHES = 2000 };

struct frame {
    _Alignas(128) atomic_int ready;
    _Alignas(128) atomic_int go;
    _Alignas(128) atomic_int done;
    _Alignas(128) atomic_uint ball;
    pthread_t second;
    sem_t wake;
    uint32_t threads;
    int cpus[2];
    bool leaving;
    const struct frame_task *task;
    uint64_t sums[2];
};

/* Whatever loops return ends here, so that the compiler must compute it. */
static volatile uint64_t sink;

double frame_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

long frame_interruptions(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static uint32_t find_cpus(int cpus[2]) {
    cpu_set_t set;
    uint32_t found = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 0;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (CPU_ISSET((size_t)cpu, &set)) {
            cpus[found++] = cpu;
        }
    }
    return found;
}

static void *second_thread(void *argument) {
    struct frame *frame = argument;
    pin(frame->cpus[1]);
    for (;;) {
        while (sem_wait(&frame->wake) != 0) {
        }
        if (frame->leaving) {
            return NULL;
        }
        const struct frame_task *task = frame->task;
        atomic_store(&frame->ready, 1);
        while (atomic_load_explicit(&frame->go, memory_order_acquire) == 0) {
        }
        frame->sums[1] = task->loop(task->subject, 1, task->picks);
        atomic_store(&frame->done, 1);
    }
}

struct frame *frame_open(void) {
    struct frame *frame = aligned_alloc(128, sizeof *frame);
    if (frame == NULL) {
        return NULL;
    }
    *frame = (struct frame){0};
    frame->threads = find_cpus(frame->cpus);
    if (frame->threads == 0 || sem_init(&frame->wake, 0, 0) != 0) {
        free(frame);
        return NULL;
    }
    pin(frame->cpus[0]);
    if (frame->threads == 2 && pthread_create(&frame->second, NULL, second_thread, frame) != 0) {
        frame->threads = 1;
    }
    return frame;
}

void frame_close(struct frame *frame) {
    if (frame == NULL) {
        return;
    }
    if (frame->threads == 2) {
        frame->leaving = true;
        sem_post(&frame->wake);
        pthread_join(frame->second, NULL);
    }
    sem_destroy(&frame->wake);
    free(frame);
}

uint32_t frame_threads(const struct frame *frame) { return frame->threads; }

void frame_pin(const struct frame *frame, uint32_t thread) { pin(frame->cpus[thread % frame->threads]); }

static void wake_second(struct frame *frame, const struct frame_task *task) {
    frame->task = task;
    atomic_store(&frame->ready, 0);
    atomic_store(&frame->go, 0);
    atomic_store(&frame->done, 0);
    sem_post(&frame->wake);
    while (atomic_load(&frame->ready) == 0) {
    }
}

double frame_run(struct frame *frame, const struct frame_task *task, uint32_t threads) {
    if (threads == 2) {
        wake_second(frame, task);
    }
    double start = frame_now();
    atomic_store_explicit(&frame->go, 1, memory_order_release);
    frame->sums[0] = task->loop(task->subject, 0, task->picks);
    while (threads == 2 && atomic_load_explicit(&frame->done, memory_order_acquire) == 0) {
    }
    double elapsed = frame_now() - start;
    sink += frame->sums[0] + frame->sums[1];
    return elapsed / (double)task->picks;
}

/* The quickest of a few runs: one that was interrupted would make all later runs too short to mean anything. */
static double quickest_run(struct frame *frame, const struct frame_task *task, uint32_t threads) {
    double least = frame_run(frame, task, threads);
    for (int again = 0; again < 2; again++) {
        double run = frame_run(frame, task, threads);
        least = run < least ? run : least;
    }
    return least * (double)task->picks;
}

void frame_calibrate(struct frame *frame, struct frame_task *task, uint32_t threads, double run_ns) {
    task->picks = 16;
    double elapsed = quickest_run(frame, task, threads);
    while (elapsed < run_ns / 4) {
        task->picks *= 2;
        elapsed = quickest_run(frame, task, threads);
    }
    task->picks = (uint64_t)((double)task->picks * run_ns / elapsed) + 1;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double frame_median(double *values, uint32_t count) {
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

struct frame_figure frame_sum_up(double *values, uint32_t count) {
    double median = frame_median(values, count);
    return (struct frame_figure){median, values[0], median / values[0]};
}

void frame_round(struct frame *frame, const struct frame_task *tasks, uint32_t count, uint32_t threads, uint32_t runs,
                 double *medians) {
    double times[FRAME_CONTENDERS][MOST_RUNS];
    runs = runs < MOST_RUNS ? runs : MOST_RUNS;
    for (uint32_t run = 0; run < runs; run++) {
        for (uint32_t t = 0; t < count; t++) {
            times[t][run] = frame_run(frame, &tasks[t], threads);
        }
    }
    for (uint32_t t = 0; t < count; t++) {
        medians[t] = frame_median(times[t], runs);
    }
}

/* A task within a task: one pick is a whole batch. */
struct batches {
    const struct frame_task *task;
    double times[BATCHES];
};

static uint64_t run_batches(void *subject, uint32_t thread, uint64_t picks) {
    struct batches *batches = subject;
    const struct frame_task *task = batches->task;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < picks; i++) {
        double start = frame_now();
        sum += task->loop(task->subject, thread, FRAME_BATCH);
        if (thread == 0) {
            batches->times[i] = (frame_now() - start) / FRAME_BATCH;
        }
    }
    return sum;
}

double frame_p99(struct frame *frame, const struct frame_task *task, uint32_t threads) {
    struct batches batches = {.task = task};
    struct frame_task outer = {run_batches, &batches, BATCHES};
    frame_run(frame, &outer, threads);
    qsort(batches.times, BATCHES, sizeof *batches.times, by_value);
    return batches.times[BATCHES * 99 / 100];
}

static uint64_t additions(void *subject, uint32_t thread, uint64_t picks) {
    uint64_t sum = thread;
    (void)subject;
    for (uint64_t i = 0; i < picks; i++) {
        for (int k = 0; k < ADDITIONS; k++) {
            sum += i;
            __asm__ volatile("" : "+r"(sum));
        }
    }
    return sum;
}

/* Each thread waits for the ball to bear its number, then hands it to the other. */
static uint64_t round_trips(void *subject, uint32_t thread, uint64_t picks) {
    struct frame *frame = subject;
    for (uint64_t i = 0; i < picks; i++) {
        while (atomic_load_explicit(&frame->ball, memory_order_acquire) != thread) {
        }
        atomic_store_explicit(&frame->ball, 1 - thread, memory_order_release);
    }
    return picks;
}

static double median_of_runs(struct frame *frame, const struct frame_task *task, uint32_t threads) {
    double median;
    frame_round(frame, task, 1, threads, 9, &median);
    return median;
}

double frame_addition(struct frame *frame) {
    struct frame_task task = {additions, NULL, 0};
    frame_calibrate(frame, &task, 1, 1e6);
    return median_of_runs(frame, &task, 1) / ADDITIONS;
}

double frame_round_trip(struct frame *frame) {
    struct frame_task task = {round_trips, frame, ROUND_TRIPS};
    return frame->threads == 2 ? median_of_runs(frame, &task, 2) : 0;
}
