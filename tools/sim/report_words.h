/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text and numbers of a report. */
#ifndef LOADWISE_SIM_REPORT_WORDS_H
#define LOADWISE_SIM_REPORT_WORDS_H

#include <stdio.h>

/* A text in which nothing has a meaning in HTML. */
void report_put_text(FILE *page, const char *text);

/* Backquoted words are code, lines are paragraphs. */
void report_put_advice(FILE *page, const char *text);

/* Three digits that matter. */
void report_put_number(FILE *page, double value);

#endif
