/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two tables and their sum: the nodes with what they had and have, then who gave how much to whom. */
#include "diff_print.h"

#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char nobody[] = "(no node)";

static const char *diff_name(const struct roster *roster, uint32_t entry) {
    return entry < roster->count ? roster->entries[entry].name : nobody;
}

static int diff_name_width(const struct roster *roster) {
    size_t width = text_width(nobody);
    for (uint32_t i = 0; i < roster->count; i++) {
        size_t name = text_width(roster->entries[i].name);
        width = name > width ? name : width;
    }
    return (int)width;
}

/* printf pads by bytes; a name may have characters of several. */
static void diff_left(const char *text, int width) { printf("%s%*s", text, width - (int)text_width(text), ""); }

static void diff_weight(int64_t weight) {
    if (weight == ROSTER_ABSENT) {
        printf("  %10s", "-");
    } else {
        printf("  %10" PRId64, weight);
    }
}

static void diff_nodes(const struct comparison *found, int width) {
    const struct moves *moves = &found->moves;
    diff_left("node", width);
    printf("  %10s  %10s  %10s  %10s  %10s  %10s\n", "weight", "then", "keys", "then", "left", "arrived");
    for (uint32_t i = 0; i < found->roster.count + (found->refused > 0); i++) {
        const struct moves_node *node = &moves->nodes[i];
        bool somebody = i < found->roster.count;
        diff_left(diff_name(&found->roster, i), width);
        diff_weight(somebody ? found->roster.entries[i].weight[0] : ROSTER_ABSENT);
        diff_weight(somebody ? found->roster.entries[i].weight[1] : ROSTER_ABSENT);
        printf("  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "\n", node->before, node->after, node->left,
               node->arrived);
    }
}

static void diff_pairs(const struct comparison *found, int width) {
    const struct moves *moves = &found->moves;
    putchar('\n');
    diff_left("from", width);
    printf("  ");
    diff_left("to", width);
    printf("  %10s  %8s\n", "keys", "share");
    for (size_t i = 0; i < moves->pair_count; i++) {
        diff_left(diff_name(&found->roster, moves->pairs[i].from), width);
        printf("  ");
        diff_left(diff_name(&found->roster, moves->pairs[i].to), width);
        printf("  %10" PRIu64 "  %7.3f%%\n", moves->pairs[i].keys,
               100.0 * (double)moves->pairs[i].keys / (double)moves->keys);
    }
}

static double diff_moved_share(const struct comparison *found) {
    return found->moves.keys > 0 ? (double)found->moves.moved / (double)found->moves.keys : 0;
}

static bool diff_owned(const struct comparison *found) {
    return roster_owned(&found->roster, 0) && roster_owned(&found->roster, 1);
}

double diff_ratio(const struct comparison *found) {
    double least = roster_least(&found->roster);
    return least > 0 && found->moves.keys > 0 && diff_owned(found) ? diff_moved_share(found) / least : (double)NAN;
}

/* Where one list has no weight there is nothing that the weights ask for. */
static void diff_unowned(const struct comparison *found) {
    static const char *const lists[] = {"first", "second"};
    for (uint32_t side = 0; side < ROSTER_SIDES; side++) {
        if (!roster_owned(&found->roster, side)) {
            printf("nobody owns keys in the %s list: none of its nodes has weight and may be chosen\n", lists[side]);
        }
    }
}

void diff_print_text(const struct comparison *found, const struct diff_options *options) {
    int width = diff_name_width(&found->roster);
    double least = roster_least(&found->roster), ratio = diff_ratio(found);
    diff_nodes(found, width);
    if (found->moves.pair_count > 0) {
        diff_pairs(found, width);
    }
    printf("\nstrategy  %s\n", options->spec);
    printf("keys      %" PRIu64 "\n", found->moves.keys);
    if (found->moves.keys == 0) {
        return;
    }
    printf("moved     %" PRIu64 ", %.3f%%\n", found->moves.moved, 100 * diff_moved_share(found));
    if (!diff_owned(found)) {
        diff_unowned(found);
        return;
    }
    printf("least     %.3f%%  what the weights ask to move, whatever the strategy\n", 100 * least);
    if (!isnan(ratio)) {
        printf("ratio     %.3f  moved against the least\n", ratio);
    }
}
