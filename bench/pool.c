/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-pool: what a pool costs, beside the limits of the machine. Four tables, each of which can be asked for alone:
 *
 *   picks    lw_pick_at and lw_done, with the time passed in, for every strategy and number of nodes; one thread and
 *            two, all nodes enabled or one in twenty disabled
 *   storm    the same while another thread changes one node in a hundred, a hundred times a second
 *   updates  how long lw_pool_update takes, and how much of that is the strategy's plan
 *   memory   bytes a node
 *
 * How to read the picks. `loadwise` is the median over the rounds, `quiet` the quietest round, `noise` the one over the
 * other; `p99` is for batches of 64, so that it shows what stalls a batch, not what a single clock read can tell.
 * `limit` chooses as the strategy does on the least data, and counts the request up and down on its node; `ticket` also
 * takes and ends a ticket slot by one swap each, since otherwise a request could end twice. The ratios are medians over
 * the rounds of loadwise / limit and loadwise / ticket: these are what to compare between machines and days, the bare
 * times are not. A star: above the bar (quiet above its bar, a storm that costs more than a fifth, an update beyond
 * 20 ms or a plan beyond 1.5 times its limit, more than 512 bytes a node). With two threads, ns of one thread while
 * both work on one pool.
 */
#include "pool.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POOL_ROUNDS = 1000 };

static const struct pool_part {
    const char *name;
    int (*run)(struct frame *frame, const struct pool_options *options);
} pool_parts[] = {{"picks", pool_picks}, {"storm", pool_storm}, {"updates", pool_updates}, {"memory", pool_memory}};

enum { POOL_PARTS = sizeof pool_parts / sizeof *pool_parts };

struct command {
    struct pool_options options;
    const char *part;
    uint32_t seconds; /* of a plain loop for a profiler, instead of all else */
};

static const char pool_help[] =
    "Usage: bench-pool [OPTION]...\n"
    "Measures what a pool costs beside the least that it can cost on this machine: pick and done, the same beside a\n"
    "storm of updates, updates, memory. The head of bench/pool.c says how to read the tables.\n"
    "\n"
    "  --part NAME      only this table: picks, storm, updates, memory\n"
    "  --strategy SPEC  only this strategy, as the tables print it\n"
    "  --n N            only this number of nodes, 3 to 16384\n"
    "  --threads N      picks: only with 1 thread or 2\n"
    "  --rounds N       rounds over each table (default 15)\n"
    "  --quick          3 rounds\n"
    "  --loop SECONDS   only pick and done of one strategy and number of nodes (round_robin, 128), for a profiler\n"
    "  --csv            comma-separated values\n"
    "  --help           this text\n";

const struct pool_entry *pool_next_entry(const struct pool_options *options, uint32_t *position) {
    const struct pool_entry *entry;
    while ((entry = pool_entry_at(*position)) != NULL) {
        ++*position;
        if (options->strategy == NULL || strcmp(options->strategy, entry->spec) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* ---- options ---- */

static int pool_usage(const char *wrong, const char *what) {
    fprintf(stderr, "bench-pool: %s%s\nTry --help.\n", wrong, what);
    return 2;
}

static int take_number(const char *text, uint32_t least, uint32_t most, uint32_t *out) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most) {
        return pool_usage("not a number, or out of range: ", text);
    }
    *out = (uint32_t)value;
    return 0;
}

static int check_names(const struct command *command) {
    bool known = command->part == NULL;
    for (uint32_t i = 0; i < POOL_PARTS && !known; i++) {
        known = strcmp(command->part, pool_parts[i].name) == 0;
    }
    if (!known) {
        return pool_usage("no such part: ", command->part);
    }
    if (command->options.strategy != NULL && pool_entry_find(command->options.strategy) == NULL) {
        return pool_usage("no such strategy: ", command->options.strategy);
    }
    return 0;
}

static int take_options(int argc, char **argv, struct command *command) {
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'}, {"quick", no_argument, NULL, 'q'},
        {"n", required_argument, NULL, 'n'},      {"strategy", required_argument, NULL, 's'},
        {"csv", no_argument, NULL, 'c'},          {"threads", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},         {"part", required_argument, NULL, 'p'},
        {"loop", required_argument, NULL, 'l'},   {NULL, 0, NULL, 0},
    };
    struct pool_options *options = &command->options;
    *command = (struct command){.options.rounds = 15};
    int wrong = 0;
    for (int c; wrong == 0 && (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'r': wrong = take_number(optarg, 1, MOST_POOL_ROUNDS, &options->rounds); break;
        case 'n': wrong = take_number(optarg, FLEET_LEAST, FLEET_MOST, &options->size); break;
        case 't': wrong = take_number(optarg, 1, 2, &options->threads); break;
        case 'l': wrong = take_number(optarg, 1, 3600, &command->seconds); break;
        case 'q': options->rounds = 3; break;
        case 's': options->strategy = optarg; break;
        case 'p': command->part = optarg; break;
        case 'c': options->csv = true; break;
        case 'h': fputs(pool_help, stdout); exit(0);
        default: return pool_usage("cannot read that", "");
        }
    }
    if (wrong == 0 && optind < argc) {
        return pool_usage("unexpected: ", argv[optind]);
    }
    return wrong != 0 ? wrong : check_names(command);
}

/* ---- running ---- */

/* What the limits are made of. */
static uint64_t locked_additions(void *subject, uint32_t thread, uint64_t picks) {
    struct probe *probe = subject;
    for (uint64_t i = 0; i < picks; i++) {
        __atomic_fetch_add(&probe->lane[thread].cursor, 1, __ATOMIC_RELAXED);
    }
    return picks;
}

static uint64_t slot_swaps(void *subject, uint32_t thread, uint64_t picks) {
    struct probe *probe = subject;
    for (uint64_t i = 0; i < picks; i++) {
        probe_hold(&probe->lane[thread], 0);
    }
    return picks;
}

static double ns_of(struct frame *frame, frame_loop *loop) {
    static struct probe probe;
    double ns;
    struct frame_task task = {loop, &probe, 0};
    frame_calibrate(frame, &task, 1, 1e6);
    frame_round(frame, &task, 1, 1, 9, &ns);
    return ns;
}

static void print_machine(struct frame *frame, const struct command *command) {
    if (!command->options.csv) {
        printf("%u rounds. One addition takes %.3f ns, a locked one %.2f, a ticket slot taken and ended by two swaps\n"
               "%.2f, a cache line to the other thread and back %.0f.\n",
               command->options.rounds, frame_addition(frame), ns_of(frame, locked_additions), ns_of(frame, slot_swaps),
               frame_round_trip(frame));
    }
}

static int run_parts(struct frame *frame, const struct command *command) {
    int code = LW_OK;
    print_machine(frame, command);
    long interruptions = -frame_interruptions();
    for (uint32_t i = 0; code == LW_OK && i < POOL_PARTS; i++) {
        if (command->part == NULL || strcmp(command->part, pool_parts[i].name) == 0) {
            code = pool_parts[i].run(frame, &command->options);
        }
    }
    if (code == LW_OK && !command->options.csv) {
        printf(
            "\nNo pick was refused, no ticket was left, and picks allocated nothing. Other programs took a processor "
            "%ld times.\n",
            interruptions + frame_interruptions());
    }
    return code;
}

static int run_loop(const struct command *command) {
    const char *spec = command->options.strategy != NULL ? command->options.strategy : "round_robin";
    struct pool_stand stand;
    struct fleet fleet;
    if (fleet_open(&fleet, command->options.size != 0 ? command->options.size : 128) != 0) {
        return LW_NOMEM;
    }
    int code = pool_stand_open(&stand, pool_entry_find(spec), &fleet, false, 1);
    struct frame_task task = pool_stand_task(&stand);
    double start = frame_now(), elapsed = 0;
    uint64_t picks = 0;
    for (; code == LW_OK && elapsed < command->seconds * 1e9; elapsed = frame_now() - start) {
        task.loop(task.subject, 0, 1 << 16);
        picks += 1 << 16;
    }
    if (code == LW_OK) {
        printf("%s, %u nodes: %.2f ns\n", spec, fleet.count, elapsed / (double)picks);
    }
    pool_stand_close(&stand);
    fleet_close(&fleet);
    return code;
}

int main(int argc, char **argv) {
    struct command command;
    int wrong = take_options(argc, argv, &command);
    if (wrong != 0) {
        return wrong;
    }
    struct frame *frame = frame_open();
    if (frame == NULL) {
        fprintf(stderr, "bench-pool: no thread can be pinned\n");
        return 1;
    }
    int code = command.seconds > 0 ? run_loop(&command) : run_parts(frame, &command);
    frame_close(frame);
    if (code != LW_OK) {
        fprintf(stderr, "bench-pool: %s\n", lw_error_message(code));
    }
    return code != LW_OK;
}
