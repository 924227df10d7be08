/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the library told its log last: more than an error code can say. */
#ifndef LOADWISE_TOOL_SAID_H
#define LOADWISE_TOOL_SAID_H

#include "problem.h"

#include <stddef.h>

struct said {
    char note[512]; /* empty: nothing yet */
};

/* For lw_env.log; user is a struct said. */
void said_log(void *user, int code, const char *message);

/* What was said about the last failure, or else what its code alone says. */
const char *said_of(const struct said *said, int code);

/* A specification that cannot be read: with a caret under the column of the complaint, which counts from where the part
   begins that it is about. */
struct said_part {
    const char *option; /* "--stack" */
    const char *spec;   /* all of it */
    size_t at;          /* bytes before the part */
};
enum status said_bad_part(const struct said *said, const struct said_part *part, int code, struct problem *problem);

/* The same of a strategy, all of it. */
enum status said_bad_spec(const struct said *said, const char *spec, int code, struct problem *problem);

#endif
