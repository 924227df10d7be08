/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-bins: balls into bins, the experiment behind the power of two choices. Each pick adds one to the load of its
 * node and nothing ever ends; the gap is how far the fullest node ends above the mean. Not about time: the numbers are
 * the same on every machine, and docs/results.md sets them beside the theorems.
 */
#include "table.h"

#include <getopt.h>
#include <loadwise/loadwise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 5, BINS_COLUMNS = 3 };

static const struct table_column bins_columns[BINS_COLUMNS] = {
    {"least gap", 10, 0}, {"mean gap", 9, 1}, {"most", 6, 0}};

static const char *const bins_specs[] = {"random", "p2c", "p2c choices=3", "p2c choices=4", "round_robin"};

/* As many balls as bins, for more and more of both; then more and more balls. */
static const struct {
    uint32_t bins, balls_each;
} bins_cases[] = {{1000, 1}, {10000, 1}, {100000, 1}, {1000000, 1}, {10000, 10}, {10000, 100}, {10000, 1000}};

static const char bins_help[] =
    "Usage: bench-bins [OPTION]...\n"
    "Throws balls into bins: picks among nodes whose load is what was sent there so far.\n"
    "\n"
    "  --csv   comma-separated values\n"
    "  --help  this text\n"
    "\n"
    "gap       load of the fullest node less the mean load, in five runs with fixed seeds\n";

static double fullest_bin(const double *loads, uint32_t count) {
    double most = 0;
    for (uint32_t i = 0; i < count; i++) {
        most = loads[i] > most ? loads[i] : most;
    }
    return most;
}

static int throw_balls(const char *spec, uint64_t seed, double *loads, uint32_t count, uint64_t balls) {
    lw_strategy *strategy;
    lw_nodes nodes;
    lw_env env = LW_ENV_INIT;
    env.seed = seed;
    lw_nodes_init(&nodes, count);
    LW_SET_VALUES(nodes, load, loads);
    memset(loads, 0, count * sizeof *loads);
    int code = lw_strategy_new(&strategy, &env, spec);
    for (uint64_t i = 0; code == LW_OK && i < balls; i++) {
        ptrdiff_t bin = lw_select(strategy, &nodes, NULL);
        if (bin < 0) {
            code = (int)bin;
        } else {
            loads[bin] += 1;
        }
    }
    lw_strategy_free(strategy);
    return code;
}

static int run_bins(const struct table *table, const char *spec, uint32_t bins, uint32_t balls_each) {
    double *loads = calloc(bins, sizeof *loads), values[BINS_COLUMNS] = {1e9, 0, 0};
    int code = loads != NULL ? LW_OK : LW_NOMEM;
    for (uint64_t seed = 1; code == LW_OK && seed <= REPEATS; seed++) {
        code = throw_balls(spec, seed, loads, bins, (uint64_t)bins * balls_each);
        double gap = fullest_bin(loads, bins) - balls_each;
        values[0] = gap < values[0] ? gap : values[0];
        values[1] += gap / REPEATS;
        values[2] = gap > values[2] ? gap : values[2];
    }
    free(loads);
    if (code == LW_OK) {
        table_row(table, spec, values, "");
    }
    return code;
}

static int run_case(size_t number, bool csv) {
    char title[64];
    snprintf(title, sizeof title, "%u bins, %u balls each", bins_cases[number].bins, bins_cases[number].balls_each);
    const struct table table = {title, "strategy", bins_columns, BINS_COLUMNS, csv};
    int code = LW_OK;
    table_head(&table);
    for (size_t s = 0; code == LW_OK && s < sizeof bins_specs / sizeof *bins_specs; s++) {
        code = run_bins(&table, bins_specs[s], bins_cases[number].bins, bins_cases[number].balls_each);
    }
    return code;
}

int main(int argc, char **argv) {
    static const struct option known[] = {{"csv", no_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool csv = false;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            fputs(bins_help, stdout);
            return 0;
        }
        if (c != 'c') {
            fputs("bench-bins: cannot read that. Try --help.\n", stderr);
            return 2;
        }
        csv = true;
    }
    int code = LW_OK;
    for (size_t i = 0; code == LW_OK && i < sizeof bins_cases / sizeof *bins_cases; i++) {
        code = run_case(i, csv);
    }
    if (code != LW_OK) {
        fprintf(stderr, "bench-bins: %s\n", lw_error_message(code));
    }
    return code != LW_OK;
}
