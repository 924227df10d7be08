/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * peers-driver: asks programs that speak protocol.h the same questions, in rounds and by turns, and writes what they
 * answered as a table, peers.md, and as values, peers.csv.
 */
#include "cells.h"
#include "tables.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 32, PATH_SIZE = 1024, DEFAULT_ROUNDS = 3, DEFAULT_PATIENCE = 60 };

struct command {
    struct cells_wish wish;
    int patience; /* seconds */
    const char *out;
    const char *skipped[SKIPPED];
    uint32_t skipped_count;
};

static const char help[] =
    "Usage: peers-driver [options] PROGRAM...\n"
    "Asks each program for its picks, builds, changes and memory; writes peers.md and peers.csv.\n"
    "\n"
    "  --out FOLDER      where to (default .)\n"
    "  --rounds N        1 to 32 (default 3); builds and changes in the first two only\n"
    "  --cases A,B       only these, as smooth_wrr\n"
    "  --nodes N,M       only these of 3, 16, 128, 1024 and 10000\n"
    "  --what A,B        only these of pick, build, change and bytes\n"
    "  --seed N          of nodes and keys (default 9)\n"
    "  --patience N      seconds for an answer (default 60); a program that takes longer is ended and started again\n"
    "  --skipped TEXT    a line about a peer that is not there; as often as needed\n";

static int wrong(const char *what, const char *value) {
    fprintf(stderr, "peers-driver: %s%s\n%s", what, value, help);
    return 2;
}

static int take_rounds(struct command *command, const char *text) {
    long number = strtol(text, NULL, 10);
    if (number < 1 || number > CELLS_ROUNDS) {
        return wrong("rounds are from 1 to 32, not ", text);
    }
    command->wish.rounds = (uint32_t)number;
    return 0;
}

static int take_patience(struct command *command, const char *text) {
    long number = strtol(text, NULL, 10);
    if (number < 1 || number > 3600) {
        return wrong("patience is from 1 to 3600 s, not ", text);
    }
    command->patience = (int)number;
    return 0;
}

static int take_skipped(struct command *command, const char *text) {
    if (command->skipped_count == SKIPPED) {
        return wrong("too many are skipped: ", text);
    }
    command->skipped[command->skipped_count++] = text;
    return 0;
}

static int take_options(int argc, char **argv, struct command *command) {
    static const struct option known[] = {
        {"out", required_argument, NULL, 'o'},      {"rounds", required_argument, NULL, 'r'},
        {"cases", required_argument, NULL, 'c'},    {"nodes", required_argument, NULL, 'n'},
        {"what", required_argument, NULL, 'w'},     {"seed", required_argument, NULL, 's'},
        {"patience", required_argument, NULL, 'p'}, {"skipped", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int fault = 0;
    for (int letter; fault == 0 && (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (letter) {
        case 'o': command->out = optarg; break;
        case 'r': fault = take_rounds(command, optarg); break;
        case 'c': command->wish.cases = optarg; break;
        case 'n': command->wish.nodes = optarg; break;
        case 'w': command->wish.what = optarg; break;
        case 's': command->wish.seed = strtoull(optarg, NULL, 10); break;
        case 'p': fault = take_patience(command, optarg); break;
        case 'k': fault = take_skipped(command, optarg); break;
        case 'h': fputs(help, stdout); exit(0);
        default: return wrong("cannot read that", "");
        }
    }
    return fault == 0 && optind == argc ? wrong("no program is given", "") : fault;
}

static int write_file(const struct command *command, const struct cells *cells, const char *name) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", command->out, name);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        return 1;
    }
    if (strcmp(name, "peers.csv") == 0) {
        tables_write_values(out, cells);
    } else {
        tables_write(out, cells, command->skipped, command->skipped_count);
    }
    return fclose(out) != 0;
}

int main(int argc, char **argv) {
    struct command command = {.out = ".", .patience = DEFAULT_PATIENCE, .wish = {.rounds = DEFAULT_ROUNDS, .seed = 9}};
    static struct cells cells;
    int fault = take_options(argc, argv, &command);
    if (fault != 0) {
        return fault;
    }
    signal(SIGPIPE, SIG_IGN);
    cells.rows = calloc(CELLS_ROWS, sizeof *cells.rows);
    if (cells.rows == NULL) {
        perror("peers-driver");
        return 1;
    }
    for (int i = optind; i < argc; i++) {
        if (cells_add(&cells, argv[i], command.patience) != 0) {
            fprintf(stderr, "peers-driver: %s does not speak\n", argv[i]);
            fault = 1;
        }
    }
    cells_measure(&cells, &command.wish);
    for (uint32_t i = 0; i < cells.program_count; i++) {
        conversation_close(&cells.programs[i]);
    }
    fault |= write_file(&command, &cells, "peers.md") | write_file(&command, &cells, "peers.csv");
    free(cells.rows);
    return fault;
}
