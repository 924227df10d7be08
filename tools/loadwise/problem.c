/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Filling a problem: the text is cut, never overrun. */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>

enum status problem_set(struct problem *problem, enum status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    problem->status = status;
    return status;
}

enum status problem_memory(struct problem *problem) { return problem_set(problem, STATUS_NOMEM, "out of memory"); }

void problem_print(const struct problem *problem) { fprintf(stderr, "loadwise: %s\n", problem->text); }
