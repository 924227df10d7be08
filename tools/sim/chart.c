/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * gnuplot reads the script from a temporary file as its standard input and writes the drawing to a pipe. What it says
 * on standard error is told when it fails.
 */
#include "chart.h"

#include "svg.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- the look ---- */

enum { COLOURS = 7 };

/* Okabe and Ito's colours, which those who see few colours tell apart; black and yellow are left out, since a page may
   be dark or light. */
const char *sim_chart_colour(size_t i) {
    static const char *const colours[COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#56b4e9", "#e69f00", "#7f7f7f"};
    return colours[i % COLOURS];
}

const char *sim_chart_dash(size_t i) {
    static const char *const dashes[] = {"", "8,4", "2,3", "9,3,2,3"};
    return dashes[i / COLOURS % (sizeof dashes / sizeof *dashes)];
}

/* From dark to bright in even steps for every eye, as matplotlib's viridis is. */
const char *sim_chart_shade(size_t i) {
    static const char *const shades[] = {"#440154", "#3b528b", "#21918c", "#5ec962", "#fde725", NULL};
    return shades[i];
}

/* Inside single quotes, gnuplot wants those that are `twice` doubled. */
static void put_quoted(FILE *script, const char *text, const char *twice) {
    fputc('\'', script);
    for (; *text != '\0'; text++) {
        fprintf(script, strchr(twice, *text) != NULL ? "%c%c" : "%c", *text == '\n' ? ' ' : *text, *text);
    }
    fputc('\'', script);
}

void sim_chart_quote(FILE *script, const char *text) { put_quoted(script, text, "'"); }

/* Names of marks are formats. */
void sim_chart_quote_mark(FILE *script, const char *text) { put_quoted(script, text, "'%"); }

static void put_duration_mark(FILE *script, double ms) {
    double value = ms >= 1000 ? ms / 1000 : ms >= 0.9999 ? ms : ms * 1000;
    fprintf(script, "'%g %s' %g", value, ms >= 1000 ? "s" : ms >= 0.9999 ? "ms" : "us", ms);
}

/* What is marked in each power of ten: as much as there is room for. */
static const double *steps_within(double ratio) {
    static const double powers[] = {1, 0}, some[] = {1, 2, 5, 0}, many[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 0};
    return ratio > 100 ? powers : ratio > 8 ? some : many;
}

void sim_chart_durations(FILE *script, double least, double most) {
    double low = least > 0 ? least / 1.2 : 0.1, high = most > low ? most * 1.2 : low * 10;
    const char *between = "";
    fprintf(script, "set logscale y\nset yrange [%g:%g]\nset ytics (", low, high);
    for (int exponent = (int)floor(log10(low)); pow(10, exponent) <= high; exponent++) {
        double power = pow(10, exponent);
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): each list of steps ends with 0
        for (const double *step = steps_within(high / low); *step != 0; step++) {
            if (power * *step >= low && power * *step <= high) {
                fputs(between, script);
                put_duration_mark(script, power * *step);
                between = ", ";
            }
        }
    }
    fputs(")\n", script);
}

static void put_name(const struct sim_chart *chart, const char *name, double x, double y, const char *turn) {
    fputs("set label ", chart->script);
    sim_chart_quote(chart->script, name);
    fprintf(chart->script, " at screen %.5f, screen %.5f center %s noenhanced textcolor rgb '" SVG_INK "'\n",
            x / chart->width, 1 - y / chart->height, turn);
}

/* As labels: the program leaves out a name of an axis for which it sees no room. */
void sim_chart_name_axes(const struct sim_chart *chart, const char *x, const char *y) {
    const struct sim_chart_frame *frame = &chart->frame;
    put_name(chart, x, (frame->left + frame->right) / 2.0, frame->bottom + 42, "");
    put_name(chart, y, 11, (frame->top + frame->bottom) / 2.0, "rotate by 90");
}

/* ---- gnuplot ---- */

static void put_frame(FILE *script, int width, int height, const struct sim_chart_frame *frame) {
    fprintf(script, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n", (double)frame->left / width,
            (double)frame->right / width);
    fprintf(script, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", 1 - (double)frame->top / height,
            1 - (double)frame->bottom / height);
}

enum status sim_chart_begin(struct sim_chart *chart, int width, int height, const struct sim_chart_frame *frame,
                            struct problem *problem) {
    *chart = (struct sim_chart){tmpfile(), width, height, *frame};
    if (chart->script == NULL) {
        return problem_set(problem, STATUS_CLOSED, "no temporary file: %s", strerror(errno));
    }
    fprintf(chart->script,
            "set terminal svg size %d,%d dynamic font 'sans-serif,13'\n"
            "set border 3 lc rgb '" SVG_INK "' lw 0.6\nset tics nomirror out scale 0.5 textcolor rgb '" SVG_INK "'\n"
            "unset key\n"
            "set grid ytics lt 1 lc rgb '#999999' lw 0.3\nset encoding utf8\nset datafile missing '?'\n",
            width, height);
    put_frame(chart->script, width, height, frame);
    return STATUS_DONE;
}

static enum status chart_spawn(FILE *script, int out[2], int err, pid_t *pid, struct problem *problem) {
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {"gnuplot", NULL};
    if (pipe(out) != 0 || posix_spawn_file_actions_init(&actions) != 0) {
        return problem_set(problem, STATUS_CLOSED, "no pipe: %s", strerror(errno));
    }
    posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    int error = posix_spawnp(pid, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    if (error == 0) {
        return STATUS_DONE;
    }
    close(out[0]);
    return problem_set(problem, STATUS_CLOSED, "gnuplot, which draws the charts, cannot be run: %s%s", strerror(error),
                       error == ENOENT ? "; Debian's package is gnuplot-nox" : "");
}

static bool chart_read(int fd, char **text, size_t *size) {
    char block[16384];
    ssize_t got;
    FILE *out = open_memstream(text, size);
    if (out == NULL) {
        return false;
    }
    while ((got = read(fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR)) {
        fwrite(block, 1, got > 0 ? (size_t)got : 0, out);
    }
    bool good = got == 0 && !ferror(out);
    return fclose(out) == 0 && good;
}

static enum status chart_failed(FILE *said, struct problem *problem) {
    char text[400];
    rewind(said);
    size_t got = fread(text, 1, sizeof text - 1, said);
    text[got] = '\0';
    return problem_set(problem, STATUS_CLOSED, "gnuplot, which draws the charts, failed%s%s", got > 0 ? ": " : "",
                       text);
}

static enum status chart_run(FILE *script, FILE *said, const char *label, char **svg, struct problem *problem) {
    int out[2] = {-1, -1}, how = 0;
    pid_t pid = -1;
    char *text = NULL;
    size_t size = 0;
    rewind(script);
    enum status status = chart_spawn(script, out, fileno(said), &pid, problem);
    if (status != STATUS_DONE) {
        return status;
    }
    bool whole = chart_read(out[0], &text, &size);
    close(out[0]);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
    }
    *svg = whole && how == 0 ? svg_embed(text, label) : NULL;
    free(text);
    return *svg != NULL ? STATUS_DONE : chart_failed(said, problem);
}

enum status sim_chart_end(struct sim_chart *chart, const char *label, char **svg, struct problem *problem) {
    FILE *said = tmpfile();
    enum status status = STATUS_DONE;
    *svg = NULL;
    if (said == NULL || fflush(chart->script) != 0 || ferror(chart->script)) {
        status = problem_set(problem, STATUS_CLOSED, "a temporary file cannot be written: %s", strerror(errno));
    }
    if (status == STATUS_DONE) {
        status = chart_run(chart->script, said, label, svg, problem);
    }
    if (said != NULL) {
        fclose(said);
    }
    fclose(chart->script);
    return status;
}
