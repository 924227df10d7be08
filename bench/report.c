/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every cell is made as text first, so that a figure that was not taken is a dash for people and empty in values. */
#include "report.h"

#include <stdio.h>

enum { CELL = 24 };

static const char *cell(char out[CELL], bool csv, int digits, double value) {
    if (value > 0) {
        snprintf(out, CELL, "%.*f", digits, value);
    } else {
        snprintf(out, CELL, "%s", csv ? "" : "-");
    }
    return out;
}

void report_machine(bool csv, const struct report_machine *machine) {
    char trip[CELL];
    cell(trip, csv, 0, machine->round_trip);
    if (csv) {
        printf("what,strategy,nodes,eligible,threads,loadwise,quiet,noise,limit,limit_quiet,limit_noise,ratio,goal,"
               "bytes,most_bytes\n");
        printf("addition_ns,,,,1,%.3f,,,,,,,,,\nround_trip_ns,,,,2,%s,,,,,,,,,\n", machine->addition, trip);
        printf("interruptions,,,,,%ld,,,,,,,,,\n", machine->interruptions);
    } else {
        printf(
            "%u rounds, in which other programs took a processor %ld times. One addition takes %.3f ns, a cache line\n"
            "to the other thread and back %s ns.\n",
            machine->rounds, machine->interruptions, machine->addition, trip);
    }
}

void report_head_of_picks(bool csv, const char *title) {
    if (!csv) {
        printf("\n%s, ns per pick\n%-25s %6s %9s %9s %9s %6s %9s %9s %6s %7s %6s\n", title, "strategy", "nodes",
               "eligible", "loadwise", "quiet", "noise", "limit", "quiet", "noise", "ratio", "goal");
    }
}

void report_pick(bool csv, const struct report_pick *pick) {
    char text[8][CELL];
    const double figures[8] = {pick->ours.median, pick->ours.least,  pick->ours.noise, pick->limit.median,
                               pick->limit.least, pick->limit.noise, pick->ratio,      pick->goal};
    for (int i = 0; i < 8; i++) {
        cell(text[i], csv, i == 7 ? 0 : 2, figures[i]);
    }
    if (csv) {
        printf("pick_ns,\"%s\",%u,%u,%u,%s,%s,%s,%s,%s,%s,%s,%s,,\n", pick->strategy, pick->count, pick->eligible,
               pick->threads, text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7]);
    } else {
        const char *star = pick->goal > 0 && pick->ours.least > pick->goal ? "*" : " ";
        printf("%-25s %6u %9u %9s %9s%s %5s %9s %9s %6s %7s %6s\n", pick->strategy, pick->count, pick->eligible,
               text[0], text[1], star, text[2], text[3], text[4], text[5], text[6], text[7]);
    }
    fflush(stdout);
}

void report_head_of_builds(bool csv) {
    if (!csv) {
        printf("\nlw_prepare, us\n%-25s %6s %10s %10s %6s %12s %12s\n", "strategy", "nodes", "loadwise", "limit",
               "ratio", "bytes kept", "most bytes");
    }
}

void report_build(bool csv, const struct report_build *build) {
    char limit[CELL], ratio[CELL];
    cell(limit, csv, 2, build->limit_ns / 1e3);
    cell(ratio, csv, 2, build->limit_ns > 0 ? build->ns / build->limit_ns : 0);
    if (csv) {
        printf("prepare_us,\"%s\",%u,,1,%.2f,,,%s,,,%s,,%zu,%zu\n", build->strategy, build->count, build->ns / 1e3,
               limit, ratio, build->bytes, build->most_bytes);
    } else {
        printf("%-25s %6u %10.2f %10s %6s %12zu %12zu\n", build->strategy, build->count, build->ns / 1e3, limit, ratio,
               build->bytes, build->most_bytes);
    }
}

void report_form(bool csv, const char *strategy, const char *form) {
    if (!csv) {
        printf("  %-25s %s\n", strategy, form);
    }
}
