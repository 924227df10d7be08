/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * gnuplot reads the script from a temporary file as its standard input and writes the drawing to a pipe. What it says
 * on standard error is told when it fails. Inks: the text is drawn in a colour that nothing else has, which becomes
 * `currentColor` afterwards.
 */
#include "chart.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INK "rgb( 18,  52,  86)" /* as gnuplot writes #123456 */

extern char **environ;

/* Okabe and Ito's colours, which those who see few colours tell apart; black and yellow are left out, since a page may
   be dark or light. */
const char *sim_chart_colour(size_t i) {
    static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f"};
    return colours[i % (sizeof colours / sizeof *colours)];
}

int sim_chart_dash(size_t i) { return (int)(i / 7) + 1; }

enum status sim_chart_begin(struct sim_chart *chart, int width, int height, struct problem *problem) {
    chart->script = tmpfile();
    if (chart->script == NULL) {
        return problem_set(problem, STATUS_CLOSED, "no temporary file: %s", strerror(errno));
    }
    fprintf(chart->script,
            "set terminal svg size %d,%d dynamic font 'sans-serif,13'\n"
            "set border 3 lc rgb '#123456' lw 0.6\nset tics nomirror out textcolor rgb '#123456'\n"
            "set xlabel textcolor rgb '#123456'\nset ylabel textcolor rgb '#123456'\n"
            "set key outside bottom center horizontal textcolor rgb '#123456'\n"
            "set grid ytics lc rgb '#999999' lw 0.3\nset encoding utf8\nset datafile missing '?'\n",
            width, height);
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

/* From <svg on, with the ink replaced. */
static char *chart_inked(const char *text) {
    const char *svg = strstr(text, "<svg");
    char *inked = NULL;
    size_t size;
    FILE *out = svg != NULL ? open_memstream(&inked, &size) : NULL;
    if (out == NULL) {
        return NULL;
    }
    for (const char *next; (next = strstr(svg, INK)) != NULL; svg = next + strlen(INK)) {
        fwrite(svg, 1, (size_t)(next - svg), out);
        fputs("currentColor", out);
    }
    fputs(svg, out);
    bool good = !ferror(out);
    if (fclose(out) == 0 && good) {
        return inked;
    }
    free(inked);
    return NULL;
}

static enum status chart_failed(FILE *said, struct problem *problem) {
    char text[400];
    rewind(said);
    size_t got = fread(text, 1, sizeof text - 1, said);
    text[got] = '\0';
    return problem_set(problem, STATUS_CLOSED, "gnuplot failed: %s", got > 0 ? text : "without a word");
}

static enum status chart_run(FILE *script, FILE *said, char **svg, struct problem *problem) {
    int out[2], how = 0;
    pid_t pid;
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
    *svg = whole && how == 0 ? chart_inked(text) : NULL;
    free(text);
    return *svg != NULL ? STATUS_DONE : chart_failed(said, problem);
}

enum status sim_chart_end(struct sim_chart *chart, char **svg, struct problem *problem) {
    FILE *said = tmpfile();
    enum status status = STATUS_DONE;
    *svg = NULL;
    if (said == NULL || fflush(chart->script) != 0 || ferror(chart->script)) {
        status = problem_set(problem, STATUS_CLOSED, "a temporary file cannot be written: %s", strerror(errno));
    }
    if (status == STATUS_DONE) {
        status = chart_run(chart->script, said, svg, problem);
    }
    if (said != NULL) {
        fclose(said);
    }
    fclose(chart->script);
    return status;
}
