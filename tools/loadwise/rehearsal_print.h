/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a rehearsal shows, on standard output. */
#ifndef LOADWISE_TOOL_REHEARSAL_PRINT_H
#define LOADWISE_TOOL_REHEARSAL_PRINT_H

#include "rehearsal.h"

enum { EXPLAIN_CONSIDERED = 16, EXPLAIN_REJECTED = 64 };

/* How one pick came about. */
struct explanation {
    lw_explanation why;
    lw_considered considered[EXPLAIN_CONSIDERED];
    lw_rejected rejected[EXPLAIN_REJECTED];
};

void explanation_init(struct explanation *explanation);
void explanation_print(const struct explanation *explanation, const struct rehearsal *rehearsal,
                       const struct request_row *row);

/* The reasons of a node by name, ", " between them: the sum of enum lw_reason as words; "" for none. */
struct reason_words {
    char text[160];
};
struct reason_words reason_words(uint32_t reasons);

/* How it stands at the time of the last request: a table for people, or all there is as JSON, one object a line. */
enum status rehearsal_print_text(struct rehearsal *rehearsal);
enum status rehearsal_print_json(struct rehearsal *rehearsal);

#endif
