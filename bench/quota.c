/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-quota: what it costs to reserve and to settle, beside the least that a quota can cost on this machine: one
 * locked addition for a window, one compare-and-swap for GCRA. Time is given, so no clock is read.
 *
 * Each round goes through all rows, and within a row library and limit take turns (frame.h).
 */
#include "frame.h"

#include <getopt.h>
#include <loadwise/quota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 9, MOST_ROUNDS = 1000, DIMENSIONS = 4, NODES = 2 };
enum { RPM, TPM, SPEND, PARALLEL };

#define SECOND UINT64_C(1000000000)

static const double quota_run_ns = 2e6;

/* A tracker with two nodes, and a time for each thread. */
struct desk {
    lw_quota *quota;
    bool own_nodes; /* each thread has one; else both use the first */
    struct {
        _Alignas(128) uint64_t now;
    } thread[2];
};

/* The words that a limit works on, on a line of their own. */
static struct { _Alignas(128) uint64_t word; } limit_line;

/* ---- what is measured ---- */

static uint64_t node_of(const struct desk *desk, uint32_t thread) { return desk->own_nodes ? thread : 0; }

static uint64_t reserve_and_commit(struct desk *desk, uint32_t thread, uint64_t picks, const lw_amount *amounts,
                                   size_t count) {
    uint64_t granted = 0, now = desk->thread[thread].now;
    for (uint64_t i = 0; i < picks; i++) {
        lw_reservation reservation;
        now += 1000;
        if (lw_quota_reserve_at(desk->quota, node_of(desk, thread), amounts, count, now, &reservation, NULL) == LW_OK) {
            granted += lw_quota_commit_at(desk->quota, &reservation, NULL, 0, now) == LW_OK;
        }
    }
    desk->thread[thread].now = now;
    return granted;
}

static uint64_t one_window(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{TPM, 10}};
    return reserve_and_commit(subject, thread, picks, amounts, 1);
}

static uint64_t one_gcra(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{SPEND, 10}};
    return reserve_and_commit(subject, thread, picks, amounts, 1);
}

static uint64_t one_in_flight(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{PARALLEL, 1}};
    return reserve_and_commit(subject, thread, picks, amounts, 1);
}

static uint64_t two_windows(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{RPM, 1}, {TPM, 10}};
    return reserve_and_commit(subject, thread, picks, amounts, 2);
}

static uint64_t all_four(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{RPM, 1}, {TPM, 10}, {SPEND, 10}, {PARALLEL, 1}};
    return reserve_and_commit(subject, thread, picks, amounts, 4);
}

static uint64_t two_windows_with_refund(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{RPM, 1}, {TPM, 10}}, actual[] = {{TPM, 3}};
    struct desk *desk = subject;
    uint64_t granted = 0, now = desk->thread[thread].now;
    for (uint64_t i = 0; i < picks; i++) {
        lw_reservation reservation;
        now += 1000;
        if (lw_quota_reserve_at(desk->quota, node_of(desk, thread), amounts, 2, now, &reservation, NULL) == LW_OK) {
            granted += lw_quota_commit_at(desk->quota, &reservation, actual, 1, now) == LW_OK;
        }
    }
    desk->thread[thread].now = now;
    return granted;
}

static uint64_t refused(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{RPM, 1}, {TPM, LW_QUOTA_LIMIT_MAX - 1}};
    struct desk *desk = subject;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < picks; i++) {
        lw_reservation reservation;
        lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
        lw_quota_reserve_at(desk->quota, node_of(desk, thread), amounts, 2, desk->thread[thread].now, &reservation,
                            &refusal);
        sum += refusal.retry_at;
    }
    return sum;
}

static uint64_t recorded(void *subject, uint32_t thread, uint64_t picks) {
    static const lw_amount amounts[] = {{TPM, 10}};
    struct desk *desk = subject;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < picks; i++) {
        desk->thread[thread].now += 1000;
        sum += (uint64_t)lw_quota_record_at(desk->quota, node_of(desk, thread), amounts, 1, desk->thread[thread].now);
    }
    return sum;
}

static uint64_t free_share(void *subject, uint32_t thread, uint64_t picks) {
    struct desk *desk = subject;
    double sum = 0;
    for (uint64_t i = 0; i < picks; i++) {
        sum += lw_quota_ratio_at(desk->quota, node_of(desk, thread), desk->thread[thread].now);
    }
    return (uint64_t)sum;
}

/* ---- the limits ---- */

static uint64_t limit_window(void *subject, uint32_t thread, uint64_t picks) {
    uint64_t granted = 0;
    (void)subject, (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        granted += __atomic_fetch_add(&limit_line.word, 1, __ATOMIC_RELAXED) < UINT64_C(1) << 62;
    }
    return granted;
}

static uint64_t limit_gcra(void *subject, uint32_t thread, uint64_t picks) {
    struct desk *desk = subject;
    uint64_t granted = 0, now = desk->thread[thread].now;
    for (uint64_t i = 0; i < picks; i++) {
        uint64_t tat = __atomic_load_n(&limit_line.word, __ATOMIC_RELAXED), next;
        now += 1000;
        do {
            next = (tat > now ? tat : now) + 10;
        } while (next - now <= UINT64_C(1) << 60 &&
                 !__atomic_compare_exchange_n(&limit_line.word, &tat, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
        granted += next;
    }
    return granted;
}

/* ---- rows ---- */

static const struct kind {
    const char *name;
    frame_loop *loop, *limit;
} quota_rows[] = {
    {"sliding", one_window, limit_window},
    {"gcra", one_gcra, limit_gcra},
    {"concurrency", one_in_flight, limit_window},
    {"rpm+tpm", two_windows, limit_window},
    {"rpm+tpm, refund", two_windows_with_refund, limit_window},
    {"all four", all_four, limit_window},
    {"refused", refused, limit_window},
    {"record", recorded, limit_window},
    {"ratio of four", free_share, limit_window},
};

static const struct scene {
    const char *title;
    uint32_t threads;
    bool own_nodes;
} quota_scenes[] = {
    {"One thread", 1, false}, {"Two threads, a node each", 2, true}, {"Two threads on one node", 2, false}};

enum { ROWS = sizeof quota_rows / sizeof quota_rows[0], SCENES = sizeof quota_scenes / sizeof quota_scenes[0] };

struct row {
    struct desk desk;
    struct frame_task tasks[2];
    double rounds[3][MOST_ROUNDS]; /* of the library, of the limit, and of their ratio */
};

static int desk_open(struct desk *desk, bool own_nodes) {
    lw_quota_dimension dimensions[DIMENSIONS] = {
        {.size = sizeof *dimensions, .name = "rpm", .kind = LW_QUOTA_SLIDING, .window = 60 * SECOND},
        {.size = sizeof *dimensions, .name = "tpm", .kind = LW_QUOTA_SLIDING, .window = 60 * SECOND},
        {.size = sizeof *dimensions, .name = "spend", .kind = LW_QUOTA_GCRA, .window = 60 * SECOND},
        {.size = sizeof *dimensions, .name = "parallel", .kind = LW_QUOTA_CONCURRENCY}};
    lw_quota_limit limits[DIMENSIONS] = {{RPM, 0, LW_QUOTA_LIMIT_MAX, 0},
                                         {TPM, 0, LW_QUOTA_LIMIT_MAX, 0},
                                         {SPEND, 0, UINT64_C(1) << 29, UINT64_C(1) << 39},
                                         {PARALLEL, 0, 1000, 0}};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    options.dimensions = dimensions;
    options.dimension_count = DIMENSIONS;
    int code = lw_quota_new(&desk->quota, NULL, &options);
    for (uint64_t node = 0; node < NODES && code == LW_OK; node++) {
        lw_amount some = {TPM, 10};
        code = lw_quota_register(desk->quota, node, limits, DIMENSIONS, 0);
        if (code == LW_OK && lw_quota_record_at(desk->quota, node, &some, 1, SECOND) < 0) {
            code = LW_INVALID;
        }
    }
    desk->own_nodes = own_nodes;
    desk->thread[0].now = desk->thread[1].now = SECOND;
    return code;
}

static int scene_measure(struct frame *frame, const struct scene *scene, struct row *rows, uint32_t rounds) {
    for (uint32_t r = 0; r < ROWS; r++) {
        struct row *row = &rows[r];
        int code = desk_open(&row->desk, scene->own_nodes);
        if (code != LW_OK) {
            return code;
        }
        row->tasks[0] = (struct frame_task){quota_rows[r].loop, &row->desk, 0};
        row->tasks[1] = (struct frame_task){quota_rows[r].limit, &row->desk, 0};
        frame_calibrate(frame, &row->tasks[0], scene->threads, quota_run_ns);
        frame_calibrate(frame, &row->tasks[1], scene->threads, quota_run_ns);
    }
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t r = 0; r < ROWS; r++) {
            double medians[2];
            frame_round(frame, rows[r].tasks, 2, scene->threads, RUNS, medians);
            rows[r].rounds[0][round] = medians[0];
            rows[r].rounds[1][round] = medians[1];
            rows[r].rounds[2][round] = medians[0] / medians[1];
        }
    }
    return LW_OK;
}

static void scene_print(const struct scene *scene, struct row *rows, uint32_t rounds, bool csv) {
    if (!csv) {
        printf("\n%s, ns per reserve and commit, or what the row says\n%-20s %9s %9s %6s %9s %9s %7s\n", scene->title,
               "row", "loadwise", "quiet", "noise", "limit", "quiet", "ratio");
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        const char *name = quota_rows[r].name;
        struct frame_figure ours = frame_sum_up(rows[r].rounds[0], rounds);
        struct frame_figure limit = frame_sum_up(rows[r].rounds[1], rounds);
        double ratio = frame_median(rows[r].rounds[2], rounds);
        if (csv) {
            printf("\"%s\",\"%s\",%.2f,%.2f,%.2f,%.2f,%.2f,%.2f\n", scene->title, name, ours.median, ours.least,
                   ours.noise, limit.median, limit.least, ratio);
        } else {
            printf("%-20s %9.2f %9.2f %6.2f %9.2f %9.2f %7.2f\n", name, ours.median, ours.least, ours.noise,
                   limit.median, limit.least, ratio);
        }
    }
}

static int measure_all(struct frame *frame, uint32_t rounds, bool csv) {
    int code = LW_OK;
    struct row *rows = calloc(ROWS, sizeof *rows);
    if (rows == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t s = 0; s < SCENES && code == LW_OK; s++) {
        if (quota_scenes[s].threads <= frame_threads(frame)) {
            code = scene_measure(frame, &quota_scenes[s], rows, rounds);
            if (code == LW_OK) {
                scene_print(&quota_scenes[s], rows, rounds, csv);
            }
        }
        for (uint32_t r = 0; r < ROWS; r++) {
            lw_quota_free(rows[r].desk.quota);
            rows[r].desk.quota = NULL;
        }
    }
    free(rows);
    return code;
}

/* ---- the program ---- */

static const char quota_help[] = "Usage: bench-quota [--rounds N] [--csv]\n"
                                 "Measures ns per reserve and commit, beside the least that a quota can take on this\n"
                                 "machine (the limit: one locked addition, for gcra one compare-and-swap).\n"
                                 "\n"
                                 "  --rounds N  rounds over each table (default 9)\n"
                                 "  --csv       comma-separated values\n";

static int quota_options(int argc, char **argv, uint32_t *rounds, bool *csv) {
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'}, {"csv", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        long number = letter == 'r' ? strtol(optarg, NULL, 10) : 1;
        if (letter == '?' || number < 1 || number > MOST_ROUNDS) {
            fputs(quota_help, stderr);
            return -1;
        }
        *csv = *csv || letter == 'c';
        *rounds = letter == 'r' ? (uint32_t)number : *rounds;
    }
    return 0;
}

int main(int argc, char **argv) {
    uint32_t rounds = 9;
    bool csv = false;
    if (quota_options(argc, argv, &rounds, &csv) != 0) {
        return 2;
    }
    struct frame *frame = frame_open();
    if (frame == NULL) {
        fprintf(stderr, "bench-quota: no thread can be pinned\n");
        return 1;
    }
    if (csv) {
        printf("scene,row,loadwise,quiet,noise,limit,limit_quiet,ratio\n");
    } else {
        printf("%u rounds. One addition takes %.3f ns, a cache line to the other thread and back %.0f ns.\n", rounds,
               frame_addition(frame), frame_round_trip(frame));
    }
    int code = measure_all(frame, rounds, csv);
    frame_close(frame);
    if (code != LW_OK) {
        fprintf(stderr, "bench-quota: %s\n", lw_error_message(code));
    }
    return code != LW_OK;
}
