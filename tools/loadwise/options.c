/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* getopt_long splits the words; the table says what becomes of them. */
#include "options.h"

#include "help.h"
#include "text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTIONS_MOST = 32,
    OPTIONS_LONG = 256, /* what getopt_long answers for the first of them, above any letter */
};

static void options_list(const struct option_table *table, struct option *options) {
    for (size_t i = 0; i < table->count; i++) {
        int has_value = table->entries[i].value != NULL ? required_argument : no_argument;
        options[i] = (struct option){table->entries[i].name, has_value, NULL, OPTIONS_LONG + (int)i};
    }
    options[table->count] = (struct option){NULL, 0, NULL, 0};
}

static enum status options_bad(const struct option_table *table, int answer, const char *word,
                               struct problem *problem) {
    if (answer == ':') {
        return problem_set(problem, STATUS_USAGE, "%s needs a value", word);
    }
    if (optopt >= OPTIONS_LONG) {
        return problem_set(problem, STATUS_USAGE, "--%s takes no value", table->entries[optopt - OPTIONS_LONG].name);
    }
    return optopt != 0 ? problem_set(problem, STATUS_USAGE, "-%c is not an option of %s", optopt, table->command)
                       : problem_set(problem, STATUS_USAGE, "%s is not an option of %s", word, table->command);
}

/* What getopt_long has left behind the options. */
static enum status options_words(const struct option_table *table, void *target, int argc, char **argv,
                                 struct problem *problem) {
    enum status status = STATUS_DONE;
    for (int i = optind; i < argc && status == STATUS_DONE; i++) {
        struct setting setting = {target, argv[i], problem};
        status = table->word != NULL ? table->word(&setting)
                                     : problem_set(problem, STATUS_USAGE, "unexpected argument \"%s\"", argv[i]);
    }
    return status;
}

enum status options_read(const struct option_table *table, void *target, int argc, char **argv, bool *help,
                         struct problem *problem) {
    struct option long_options[OPTIONS_MOST + 2];
    options_list(table, long_options);
    long_options[table->count] = (struct option){"help", no_argument, NULL, 'h'};
    long_options[table->count + 1] = (struct option){NULL, 0, NULL, 0};
    opterr = 0;
    int answer;
    while ((answer = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (answer == '?' || answer == ':') {
            return options_bad(table, answer, argv[optind - 1], problem);
        }
        *help = answer == 'h';
        if (*help) {
            return STATUS_DONE;
        }
        struct setting setting = {target, optarg, problem};
        enum status status = table->entries[answer - OPTIONS_LONG].set(&setting);
        if (status != STATUS_DONE) {
            return status;
        }
    }
    return options_words(table, target, argc, argv, problem);
}

void options_help(const struct option_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        const struct option_entry *option = &table->entries[i];
        char name[40];
        snprintf(name, sizeof name, "--%s%s%s", option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
        help_entry(name, 26, option->help);
    }
    help_entry("--help", 26, "print this");
}

int options_choose(const struct setting *setting, const char *option, const char *first, const char *second) {
    if (strcmp(setting->value, first) == 0 || strcmp(setting->value, second) == 0) {
        return strcmp(setting->value, second) == 0;
    }
    problem_set(setting->problem, STATUS_USAGE, "%s: \"%s\" is neither %s nor %s", option, setting->value, first,
                second);
    return -1;
}

enum status options_seed(const struct setting *setting, uint64_t *seed) {
    if (text_to_count(setting->value, strlen(setting->value), UINT64_MAX, seed)) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE,
                       "--seed: \"%s\" is not a whole number from 0 to 18446744073709551615", setting->value);
}
