/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small setter for each option, and the table that gives each its meaning and its help. */
#include "diff_options.h"

#include "options.h"
#include "text.h"

#include <loadwise/id.h>
#include <string.h>

enum { DIFF_SAMPLE_MOST = 100000000 };

static enum status diff_set_nodes(const struct setting *setting) {
    struct diff_options *options = setting->target;
    if (options->sides == DIFF_SIDES) {
        return problem_set(setting->problem, STATUS_USAGE, "--nodes: exactly two of them, before and after");
    }
    options->nodes[options->sides++] = setting->value;
    return STATUS_DONE;
}

static enum status diff_set_strategy(const struct setting *setting) {
    struct diff_options *options = setting->target;
    options->spec = setting->value;
    return STATUS_DONE;
}

static enum status diff_set_keys(const struct setting *setting) {
    struct diff_options *options = setting->target;
    options->keys = setting->value;
    return STATUS_DONE;
}

static enum status diff_set_key(const struct setting *setting) {
    struct diff_options *options = setting->target;
    options->column = setting->value;
    return STATUS_DONE;
}

static enum status diff_set_sample(const struct setting *setting) {
    struct diff_options *options = setting->target;
    size_t size = strlen(setting->value);
    if (text_to_count(setting->value, size, DIFF_SAMPLE_MOST, &options->sample) && options->sample > 0) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE, "--sample: \"%s\" is not a whole number from 1 to %d",
                       text_shown(setting->value, size).text, DIFF_SAMPLE_MOST);
}

static enum status diff_set_hash(const struct setting *setting) {
    struct diff_options *options = setting->target;
    return key_hash_set(setting, &options->hash);
}

static enum status diff_set_seed(const struct setting *setting) {
    struct diff_options *options = setting->target;
    return options_seed(setting, &options->seed);
}

static enum status diff_set_json(const struct setting *setting) {
    struct diff_options *options = setting->target;
    options->json = true;
    return STATUS_DONE;
}

static const struct option_entry diff_option_table[] = {
    {"nodes", diff_set_nodes, "FILE",
     "the nodes, in YAML as for `loadwise pick`; given twice: before, then after (required)"},
    {"strategy", diff_set_strategy, "SPEC", "one that places by key: maglev, \"ring vnodes=200\" (required)"},
    {"keys", diff_set_keys, "FILE|-", "the keys, one a line, or a CSV with --key; from a file or from standard input"},
    {"key", diff_set_key, "row|COLUMN", "the column of the CSV that is the key, or the number of the row"},
    {"sample", diff_set_sample, "N", "without --keys: so many keys, \"key-1\", \"key-2\" ... (default 100000)"},
    {"hash", diff_set_hash, "HASH", KEY_HASH_HELP},
    {"seed", diff_set_seed, "N", "for strategies that draw besides; 0: draw one (default)"},
    {"json", diff_set_json, NULL, "one JSON object on one line"},
};

static const struct option_table diff_table = {"diff", diff_option_table,
                                               sizeof diff_option_table / sizeof *diff_option_table, NULL};

static enum status diff_check(struct diff_options *options, struct problem *problem) {
    if (options->sides < DIFF_SIDES) {
        return problem_set(problem, STATUS_USAGE, "--nodes is %s: two lists are compared",
                           options->sides == 0 ? "missing" : "given once only");
    }
    if (options->spec == NULL) {
        return problem_set(problem, STATUS_USAGE, "--strategy is missing");
    }
    if (options->keys != NULL && options->sample != 0) {
        return problem_set(problem, STATUS_USAGE, "--sample: there are --keys already");
    }
    if (options->keys == NULL && options->column != NULL) {
        return problem_set(problem, STATUS_USAGE, "--key: a column of --keys, which is missing");
    }
    options->sample = options->sample != 0 ? options->sample : DIFF_SAMPLE;
    return STATUS_DONE;
}

enum status diff_options_read(struct diff_options *options, int argc, char **argv, struct problem *problem) {
    memset(options, 0, sizeof *options);
    options->hash = lw_id;
    enum status status = options_read(&diff_table, options, argc, argv, &options->help, problem);
    return status == STATUS_DONE && !options->help ? diff_check(options, problem) : status;
}

void diff_options_help(void) { options_help(&diff_table); }
