/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cut from the right, so that the name of a column may hold a colon; then piece by piece. */
#include "quota_option.h"

#include "text.h"

#include <loadwise/quota.h>
#include <string.h>

#define QUOTA_MILLISECOND UINT64_C(1000000)
#define QUOTA_WINDOW_MOST (UINT64_C(365) * 86400 * 1000 * QUOTA_MILLISECOND)

/* Cuts the value at its last `mark`; what follows it, or NULL. */
static char *quota_cut_last(char *value, char mark) {
    char *at = strrchr(value, mark);
    if (at == NULL) {
        return NULL;
    }
    *at = '\0';
    return at + 1;
}

static enum status quota_read_kind(struct quota_option *option, struct problem *problem) {
    static const struct {
        const char *name;
        uint32_t kind;
    } kinds[] = {{"sliding", LW_QUOTA_SLIDING}, {"gcra", LW_QUOTA_GCRA}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(option->kind_text, kinds[i].name) == 0) {
            option->kind = kinds[i].kind;
            return STATUS_DONE;
        }
    }
    return problem_set(problem, STATUS_USAGE, "--quota %s: \"%s\" is neither sliding nor gcra", option->name,
                       option->kind_text);
}

static enum status quota_read_window(struct quota_option *option, struct problem *problem) {
    static const struct {
        const char *name;
        uint64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = strspn(option->window_text, "0123456789");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t unit = units[i].milliseconds * QUOTA_MILLISECOND, number;
        if (strcmp(option->window_text + digits, units[i].name) == 0 &&
            text_to_count(option->window_text, digits, QUOTA_WINDOW_MOST / unit, &number) && number > 0) {
            option->window = number * unit;
            return STATUS_DONE;
        }
    }
    return problem_set(problem, STATUS_USAGE,
                       "--quota %s: \"%s\" is not a window from 1ms to 365d, such as 500ms, 60s, 1m, 1h or 1d",
                       option->name, option->window_text);
}

/* "ContextTokens+GeneratedTokens" or "row". */
static enum status quota_read_columns(struct quota_option *option, char *sources, struct problem *problem) {
    for (char *at = sources; at != NULL;) {
        char *next = strchr(at, '+');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (*at == '\0') {
            return problem_set(problem, STATUS_USAGE, "--quota %s: the name of a column is missing", option->name);
        }
        if (option->column_count == QUOTA_SOURCES_MOST) {
            return problem_set(problem, STATUS_USAGE, "--quota %s: at most %d columns", option->name,
                               QUOTA_SOURCES_MOST);
        }
        option->columns[option->column_count++] = strcmp(at, "row") == 0 ? NULL : at;
        at = next;
    }
    return STATUS_DONE;
}

enum status quota_option_read(struct quota_option *option, char *value, struct problem *problem) {
    struct shown shown = text_shown(value, strlen(value));
    memset(option, 0, sizeof *option);
    char *sources = strchr(value, '=');
    option->name = value;
    option->window_text = sources != NULL ? quota_cut_last(sources, ':') : NULL;
    option->kind_text = option->window_text != NULL ? quota_cut_last(sources, ':') : NULL;
    if (option->kind_text == NULL || sources == value) {
        return problem_set(problem, STATUS_USAGE,
                           "--quota: \"%s\" is not of the form DIM=row|COLUMN[+COLUMN]...:sliding|gcra:WINDOW, such as "
                           "rpm=row:sliding:60s",
                           shown.text);
    }
    *sources++ = '\0';
    enum status status = quota_read_kind(option, problem);
    status = status == STATUS_DONE ? quota_read_window(option, problem) : status;
    return status == STATUS_DONE ? quota_read_columns(option, sources, problem) : status;
}
