/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The comparison as one JSON object on one line: {"diff": {...}}. Who has no node is null. */
#include "diff_print.h"
#include "json_text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *diff_json_name(const struct roster *roster, uint32_t entry) {
    return entry < roster->count ? json_text(roster->entries[entry].name, strlen(roster->entries[entry].name))
                                 : json_null();
}

static json_t *diff_json_count(uint64_t count) { return json_integer((json_int_t)count); }

static json_t *diff_json_weight(const struct roster *roster, uint32_t entry, uint32_t side) {
    bool there = entry < roster->count && roster->entries[entry].weight[side] != ROSTER_ABSENT;
    return there ? json_integer(roster->entries[entry].weight[side]) : json_null();
}

static json_t *diff_json_nodes(const struct comparison *found) {
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < found->roster.count + (found->refused > 0); i++) {
        const struct moves_node *node = &found->moves.nodes[i];
        json_array_append_new(
            nodes,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", diff_json_name(&found->roster, i), "weight_before",
                      diff_json_weight(&found->roster, i, 0), "weight_after", diff_json_weight(&found->roster, i, 1),
                      "before", diff_json_count(node->before), "after", diff_json_count(node->after), "left",
                      diff_json_count(node->left), "arrived", diff_json_count(node->arrived)));
    }
    return nodes;
}

static json_t *diff_json_moves(const struct comparison *found) {
    json_t *moves = json_array();
    for (size_t i = 0; i < found->moves.pair_count; i++) {
        const struct move *move = &found->moves.pairs[i];
        json_array_append_new(moves,
                              json_pack("{s:o, s:o, s:o}", "from", diff_json_name(&found->roster, move->from), "to",
                                        diff_json_name(&found->roster, move->to), "keys", diff_json_count(move->keys)));
    }
    return moves;
}

bool diff_print_json(const struct comparison *found, const struct diff_options *options) {
    double ratio = diff_ratio(found);
    json_t *diff =
        json_pack("{s:{s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o}}", "diff", "strategy",
                  json_text(options->spec, strlen(options->spec)), "keys", diff_json_count(found->moves.keys), "moved",
                  diff_json_count(found->moves.moved), "refused", diff_json_count(found->refused), "least",
                  roster_least(&found->roster), "ratio", isnan(ratio) ? json_null() : json_real(ratio), "nodes",
                  diff_json_nodes(found), "moves", diff_json_moves(found));
    char *text = diff != NULL ? json_dumps(diff, JSON_COMPACT | JSON_REAL_PRECISION(8)) : NULL;
    if (text != NULL) {
        puts(text);
    }
    free(text);
    json_decref(diff);
    return text != NULL;
}
