/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* "column 12: ..." about a specification becomes the specification with a caret under its column 12. */
#include "said.h"

#include "text.h"

#include <loadwise/error.h>
#include <stdio.h>
#include <string.h>

void said_log(void *user, int code, const char *message) {
    struct said *said = user;
    (void)code;
    text_show(said->note, sizeof said->note, message, strlen(message));
}

const char *said_of(const struct said *said, int code) {
    return said->note[0] != '\0' ? said->note : lw_error_message(code);
}

enum status said_bad_part(const struct said *said, const struct said_part *part, int code, struct problem *problem) {
    const char *what = said_of(said, code);
    char line[320];
    size_t column = 0;
    int words = 0;
    text_show(line, sizeof line, part->spec, strlen(part->spec));
    if (sscanf(what, "column %zu%n", &column, &words) != 1 || column == 0 || part->at + column > strlen(line) + 1) {
        return problem_set(problem, STATUS_BAD_STRATEGY, "%s: %s", part->option, what);
    }
    column += part->at;
    size_t indent = text_width(line) - text_width(line + column - 1);
    return problem_set(problem, STATUS_BAD_STRATEGY, "%s: column %zu%s\n  %s\n  %*s^", part->option, column,
                       what + words, line, (int)indent, "");
}

enum status said_bad_spec(const struct said *said, const char *spec, int code, struct problem *problem) {
    struct said_part part = {"--strategy", spec, 0};
    return said_bad_part(said, &part, code, problem);
}
