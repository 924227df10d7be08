/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text from files and people: reading numbers strictly, showing bytes safely. */
#ifndef LOADWISE_TOOL_TEXT_H
#define LOADWISE_TOOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole number in decimal digits and nothing else, at most `most`. */
bool text_to_count(const char *text, size_t size, uint64_t most, uint64_t *out);

/* A decimal number from `least` to `most`; no hexadecimal, no infinity, no blanks. text ends with NUL. */
bool text_to_real(const char *text, double least, double most, double *out);

/* Control characters could move the cursor of a terminal, or break a line of output in two. */
bool text_has_controls(const char *text, size_t size);

/* Writes at most room - 1 bytes and a NUL: the text with '?' for control characters, its end "..." if it was cut. */
void text_show(char *out, size_t room, const char *text, size_t size);

/* Room for one shown value in a message, and the usual way to make one. */
struct shown {
    char text[64];
};
struct shown text_shown(const char *text, size_t size);

/* Places that the text takes on a terminal: its UTF-8 characters. */
size_t text_width(const char *text);

#endif
