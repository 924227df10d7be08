/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* bench-service: what a call costs in each layer, and what a whole stack adds to requests by libcurl. */
#include "service.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static const char service_help[] = "Usage: bench-service [--rounds N] [--csv] [--only layers|http]\n"
                                   "Measures a call of each layer in ns, allocations and bytes, and the CPU time of\n"
                                   "requests through libloadwise-curl beside those by libcurl alone.\n"
                                   "\n"
                                   "  --rounds N  rounds over each table (default 9)\n"
                                   "  --csv       comma-separated values\n"
                                   "  --only WHAT one of the tables\n";

struct service_options {
    uint32_t rounds;
    bool csv;
    char only; /* l, h or 0 */
};

static int service_options(int argc, char **argv, struct service_options *options) {
    static const struct option known[] = {{"rounds", required_argument, NULL, 'r'},
                                          {"csv", no_argument, NULL, 'c'},
                                          {"only", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        long number = letter == 'r' ? strtol(optarg, NULL, 10) : 1;
        if (letter == '?' || number < 1 || number > SERVICE_MOST_ROUNDS) {
            fputs(service_help, stderr);
            return -1;
        }
        options->csv = options->csv || letter == 'c';
        options->rounds = letter == 'r' ? (uint32_t)number : options->rounds;
        options->only = letter == 'o' ? *optarg : options->only;
    }
    return 0;
}

/* Ten thousand connections are more than a process may have at first. */
static void raise_limit(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv) {
    struct service_options options = {.rounds = 9};
    if (service_options(argc, argv, &options) != 0) {
        return 2;
    }
    raise_limit();
    int failed = 0;
    if (options.only != 'h') {
        struct frame *frame = frame_open();
        if (frame == NULL) {
            fprintf(stderr, "bench-service: no thread can be pinned\n");
            return 1;
        }
        failed = service_layers(frame, options.rounds, options.csv);
        frame_close(frame);
    }
    if (options.only != 'l' && failed == 0) {
        failed = service_http(options.rounds, options.csv);
    }
    return failed != 0;
}
