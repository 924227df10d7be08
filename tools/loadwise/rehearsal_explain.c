/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One pick for people: what was chosen, how many nodes were left after each stage, who was compared, who was not to be.
 */
#include "rehearsal_print.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void explanation_init(struct explanation *explanation) {
    memset(explanation, 0, sizeof *explanation);
    explanation->why = (lw_explanation)LW_EXPLANATION_INIT;
    explanation->why.considered = explanation->considered;
    explanation->why.considered_room = EXPLAIN_CONSIDERED;
    explanation->why.rejected = explanation->rejected;
    explanation->why.rejected_room = EXPLAIN_REJECTED;
}

struct reason_words reason_words(uint32_t reasons) {
    struct reason_words words = {""};
    size_t used = 0;
    for (uint32_t bit = 0; bit < LW_REASON_COUNT; bit++) {
        if ((reasons >> bit & 1) != 0 && used < sizeof words.text) {
            used += (size_t)snprintf(words.text + used, sizeof words.text - used, "%s%s", used > 0 ? ", " : "",
                                     lw_reason_name(UINT32_C(1) << bit));
        }
    }
    return words;
}

static const char *explained_name(const struct rehearsal *rehearsal, uint64_t id) {
    uint32_t index = rehearsal_find(rehearsal, id);
    return index < rehearsal->fleet->count ? rehearsal->fleet->nodes[index].name : "?";
}

/* "in 2.5 s"; nothing for a time that is not known. */
static void explained_wait(const struct rehearsal *rehearsal, uint64_t at) {
    if (at != UINT64_MAX && at > rehearsal->now) {
        printf(", for another %.3f s", (double)(at - rehearsal->now) / 1e9);
    }
}

static void explained_answer(const struct lw_explanation *why, const struct rehearsal *rehearsal) {
    if (why->answer < 0) {
        printf("refused: %s", lw_error_message(why->answer));
        if (why->retry == LW_RETRY_AT) {
            explained_wait(rehearsal, why->retry_at);
        } else if (why->retry == LW_RETRY_ON_COMPLETION) {
            printf(", until a request ends");
        }
        printf("\n");
        return;
    }
    static const struct {
        uint32_t flag;
        const char *text;
    } flags[] = {
        {LW_TICKET_PANIC, "in panic"},         {LW_TICKET_PROBE, "as a probe"},    {LW_TICKET_SPILLED, "spilled"},
        {LW_TICKET_REUSED, "though excluded"}, {LW_TICKET_EXPLORED, "to explore"},
    };
    printf("%s", explained_name(rehearsal, why->node));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        printf("%s%s", (why->flags & flags[i].flag) != 0 ? ", " : "",
               (why->flags & flags[i].flag) != 0 ? flags[i].text : "");
    }
    printf(" (%s, priority %" PRIu32 "%s", why->strategy, why->priority,
           rehearsal->options->zone != NULL && why->zone_local != 0 ? ", own zone" : "");
    printf("%s)\n", why->tries > 1 ? ", after others could not be charged" : "");
}

static void explained_considered(const struct explanation *explanation, const struct rehearsal *rehearsal) {
    const lw_explanation *why = &explanation->why;
    uint32_t shown = why->considered_count < EXPLAIN_CONSIDERED ? why->considered_count : EXPLAIN_CONSIDERED;
    for (uint32_t i = 0; i < shown; i++) {
        const lw_considered *node = &explanation->considered[i];
        printf("  considered  %s: load %.9g, weight %" PRIu32 "\n", explained_name(rehearsal, node->node), node->load,
               node->weight);
    }
    if (why->considered_count > shown) {
        printf("  considered  %" PRIu32 " more\n", why->considered_count - shown);
    }
    if (why->ties > 0) {
        printf("  ties        %" PRIu32 " of these would have done as well\n", why->ties);
    }
}

static void explained_rejected(const struct explanation *explanation, const struct rehearsal *rehearsal) {
    const lw_explanation *why = &explanation->why;
    uint32_t shown = why->rejected_count < EXPLAIN_REJECTED ? why->rejected_count : EXPLAIN_REJECTED;
    for (uint32_t i = 0; i < shown; i++) {
        const lw_rejected *node = &explanation->rejected[i];
        printf("  rejected    %s: %s", explained_name(rehearsal, node->node), reason_words(node->reasons).text);
        explained_wait(rehearsal, node->retry_at);
        printf("\n");
    }
    if (why->rejected_count > shown) {
        printf("  rejected    %" PRIu32 " more\n", why->rejected_count - shown);
    }
}

void explanation_print(const struct explanation *explanation, const struct rehearsal *rehearsal,
                       const struct request_row *row) {
    const lw_explanation *why = &explanation->why;
    printf("request %" PRIu64 " at %.3f s: ", row->row, (double)(rehearsal->now - 1) / 1e9);
    explained_answer(why, rehearsal);
    printf("  nodes       %" PRIu32 " in the pool, %" PRIu32 " in the route, %" PRIu32 " active, %" PRIu32
           " healthy, %" PRIu32 " willing, %" PRIu32 " free, %" PRIu32 " eligible\n",
           why->pool, why->route, why->active, why->healthy, why->willing, why->free, why->eligible);
    explained_considered(explanation, rehearsal);
    explained_rejected(explanation, rehearsal);
}
