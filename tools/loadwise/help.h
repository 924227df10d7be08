/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The look of all help: an entry is a name and a text beside it, wrapped to fit a terminal. */
#ifndef LOADWISE_TOOL_HELP_H
#define LOADWISE_TOOL_HELP_H

/* Prints a text whose lines after the first are indented; the cursor is already at that column. */
void help_wrapped(int indent, const char *text);

/* "  name      text". The texts of a list stand at one column. */
void help_entry(const char *name, int column, const char *text);

/* A paragraph without indent. */
void help_paragraph(const char *text);

#endif
