/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small setter for each option, and the table that gives each its meaning and its help. */
#include "pool_options.h"

#include "options.h"
#include "text.h"

#include <string.h>

#define POOL_MS_MOST 86400000.0
#define POOL_SECONDS_MOST 31536000.0

static enum status pool_set_nodes(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->nodes = setting->value;
    return STATUS_DONE;
}

static enum status pool_set_strategy(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->spec = setting->value;
    return STATUS_DONE;
}

static enum status pool_set_requests(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->requests.path = setting->value;
    return STATUS_DONE;
}

static enum status pool_set_key(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->requests.key = setting->value;
    return STATUS_DONE;
}

static enum status pool_set_time(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->requests.time = setting->value;
    return STATUS_DONE;
}

static enum status pool_set_gap(const struct setting *setting) {
    struct pool_options *options = setting->target;
    if (text_to_real(setting->value, 0, POOL_MS_MOST, &options->gap)) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE, "--gap: \"%s\" is not a number of ms from 0 to 86400000",
                       setting->value);
}

/* What is so of one wish: how it is written, and what it may be. */
struct wish_form {
    const char *option, *form, *allowed;
    char mark; /* between node and value */
    bool all;  /* may stand for all nodes, without any */
    double most;
};

/* Cut at the last mark: the name of a node may hold one. */
static enum status pool_add_wish(const struct setting *setting, struct wishes *wishes, const struct wish_form *form) {
    if (wishes->count == WISHES_MOST) {
        return problem_set(setting->problem, STATUS_USAGE, "%s: at most %d of them", form->option, WISHES_MOST);
    }
    struct wish *wish = &wishes->at[wishes->count++];
    char *mark = strrchr(setting->value, form->mark);
    const char *number = mark != NULL ? mark + 1 : setting->value;
    bool named = mark != NULL && mark > setting->value;
    if ((!named && (mark != NULL || !form->all)) || !text_to_real(number, 0, form->most, &wish->value)) {
        return problem_set(setting->problem, STATUS_USAGE, "%s: \"%s\" is not %s, with %s", form->option,
                           setting->value, form->form, form->allowed);
    }
    if (named) {
        *mark = '\0';
        wish->node = setting->value;
    }
    return STATUS_DONE;
}

static enum status pool_set_service(const struct setting *setting) {
    static const struct wish_form form = {"--service", "[NODE=]MS", "MS from 0 to 86400000", '=', true, POOL_MS_MOST};
    struct pool_options *options = setting->target;
    return pool_add_wish(setting, &options->service, &form);
}

static enum status pool_set_fail(const struct setting *setting) {
    static const struct wish_form form = {"--fail", "NODE=PERCENT", "PERCENT from 0 to 100", '=', false, 100};
    struct pool_options *options = setting->target;
    return pool_add_wish(setting, &options->fail, &form);
}

static enum status pool_set_drain(const struct setting *setting) {
    static const struct wish_form form = {"--drain", "NODE@SECONDS", "SECONDS from 0 to 31536000",
                                          '@',       false,          POOL_SECONDS_MOST};
    struct pool_options *options = setting->target;
    return pool_add_wish(setting, &options->drain, &form);
}

static enum status pool_set_zone(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->zone = setting->value;
    return STATUS_DONE;
}

static enum status pool_set_explain(const struct setting *setting) {
    struct pool_options *options = setting->target;
    if (text_to_count(setting->value, strlen(setting->value), UINT64_MAX, &options->explain)) {
        return STATUS_DONE;
    }
    return problem_set(setting->problem, STATUS_USAGE, "--explain: \"%s\" is not a whole number", setting->value);
}

static enum status pool_set_seed(const struct setting *setting) {
    struct pool_options *options = setting->target;
    return options_seed(setting, &options->seed);
}

static enum status pool_set_on_error(const struct setting *setting) {
    struct pool_options *options = setting->target;
    int choice = options_choose(setting, "--on-error", "stop", "skip");
    options->skip_bad_rows = choice == 1;
    return choice < 0 ? STATUS_USAGE : STATUS_DONE;
}

static enum status pool_set_json(const struct setting *setting) {
    struct pool_options *options = setting->target;
    options->json = true;
    return STATUS_DONE;
}

static const struct option_entry pool_option_table[] = {
    {"nodes", pool_set_nodes, "FILE", "the nodes, in YAML (required; see below)"},
    {"strategy", pool_set_strategy, "SPEC",
     "how to choose: p2c, \"p2c metric=peak_ewma\", \"chain(ring, p2c)\" (required)"},
    {"requests", pool_set_requests, "FILE|-", "the requests, from a file or from standard input (required; see below)"},
    {"key", pool_set_key, "row|COLUMN", "the key of a request: a column, or the number of its row"},
    {"time", pool_set_time, "COLUMN", "when the request arrives (default TIMESTAMP)"},
    {"gap", pool_set_gap, "MS", "instead of --time: one request each MS milliseconds"},
    {"service", pool_set_service, "[NODE=]MS",
     "how long a request is under way, at this node or else at all (default 100); may be repeated"},
    {"fail", pool_set_fail, "NODE=PERCENT", "so many of the node's requests fail, by chance; may be repeated"},
    {"drain", pool_set_drain, "NODE@SECONDS",
     "the node drains from so long after the first request on; may be repeated"},
    {"zone", pool_set_zone, "ZONE", "where the pool stands: it prefers the nodes of this zone"},
    {"explain", pool_set_explain, "N", "tell how the first N picks came about"},
    {"seed", pool_set_seed, "N",
     "the source of all chance: the same seed gives the same picks everywhere; 0: draw one (default)"},
    {"on-error", pool_set_on_error, "skip|stop",
     "what to do at a malformed row; skipped rows are counted (default stop)"},
    {"json", pool_set_json, NULL, "print JSON, one object a line, with all that the pool tells of itself"},
};

static const struct option_table pool_table = {"pool", pool_option_table,
                                               sizeof pool_option_table / sizeof *pool_option_table, NULL};

static enum status pool_check(struct pool_options *options, struct problem *problem) {
    const char *missing = options->nodes == NULL           ? "--nodes"
                          : options->spec == NULL          ? "--strategy"
                          : options->requests.path == NULL ? "--requests"
                                                           : NULL;
    if (missing != NULL) {
        return problem_set(problem, STATUS_USAGE, "%s is missing", missing);
    }
    if (options->gap >= 0 && options->requests.time != NULL) {
        return problem_set(problem, STATUS_USAGE, "--gap and --time: one of them says when a request arrives");
    }
    if (options->json && options->explain > 0) {
        return problem_set(problem, STATUS_USAGE, "--explain: it writes text, and --json wants none");
    }
    if (options->gap < 0 && options->requests.time == NULL) {
        options->requests.time = "TIMESTAMP";
    }
    return STATUS_DONE;
}

enum status pool_options_read(struct pool_options *options, int argc, char **argv, struct problem *problem) {
    memset(options, 0, sizeof *options);
    options->gap = -1;
    enum status status = options_read(&pool_table, options, argc, argv, &options->help, problem);
    return status == STATUS_DONE && !options->help ? pool_check(options, problem) : status;
}

void pool_options_help(void) { options_help(&pool_table); }
