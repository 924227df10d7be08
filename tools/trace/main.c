/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* loadwise-trace: writes the request trace that comes with the project, or a longer one, on standard output. */
#include "trace.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TICKS_PER_SECOND = 10000000, USAGE = 2, UNWRITABLE = 11 };

struct trace_wish {
    uint64_t rows, seed, users;
};

static void trace_help(void) {
    puts(
        "Usage: loadwise-trace [--rows N] [--seed N] [--users N]\n"
        "\n"
        "Writes a made-up trace of LLM requests as CSV, in the format of the Azure LLM inference trace, with a column\n"
        "Key besides. Gaps, prompts and answers are drawn from quantiles of the real trace, keys by Zipf's law.\n"
        "The same numbers give the same bytes on every platform.\n"
        "\n"
        "  --rows N    requests to write (default 6000)\n"
        "  --seed N    source of all chance (default 1)\n"
        "  --users N   different keys, 1 to 1000 (default 400)");
}

static bool trace_number(const char *text, uint64_t least, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= least && *out <= most;
}

static int trace_complain(const char *what) {
    fprintf(stderr, "loadwise-trace: %s; see loadwise-trace --help\n", what);
    return USAGE;
}

/* Answers 0 to go on, 1 after the help, or an exit status. */
static int trace_read_options(int argc, char **argv, struct trace_wish *wish) {
    static const struct option options[] = {{"rows", required_argument, NULL, 'r'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"users", required_argument, NULL, 'u'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int answer;
    while ((answer = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        bool good = true;
        switch (answer) {
        case 'r': good = trace_number(optarg, 0, UINT32_MAX, &wish->rows); break;
        case 's': good = trace_number(optarg, 0, UINT64_MAX, &wish->seed); break;
        case 'u': good = trace_number(optarg, 1, TRACE_USERS_MOST, &wish->users); break;
        case 'h': trace_help(); return 1;
        default: return USAGE;
        }
        if (!good) {
            return trace_complain("a number is outside its range");
        }
    }
    return optind < argc ? trace_complain("it takes options only") : 0;
}

static void trace_print(const struct trace_row *row) {
    char stamp[32];
    struct tm parts;
    time_t seconds = (time_t)(row->clock / TICKS_PER_SECOND);
    gmtime_r(&seconds, &parts);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
    printf("%s.%07" PRIu64 ",%" PRIu64 ",%" PRIu64 ",user-%03" PRIu32 "\n", stamp, row->clock % TICKS_PER_SECOND,
           row->context, row->generated, row->user);
}

int main(int argc, char **argv) {
    struct trace_wish wish = {6000, 1, 400};
    int answer = trace_read_options(argc, argv, &wish);
    if (answer != 0) {
        return answer == 1 ? 0 : answer;
    }
    static struct trace trace;
    struct trace_row row;
    trace_init(&trace, wish.seed, (uint32_t)wish.users);
    puts("TIMESTAMP,ContextTokens,GeneratedTokens,Key");
    for (uint64_t i = 0; i < wish.rows && !ferror(stdout); i++) {
        trace_next(&trace, &row);
        trace_print(&row);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("loadwise-trace: standard output cannot be written\n", stderr);
        return UNWRITABLE;
    }
    return 0;
}
