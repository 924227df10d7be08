/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise pick --help`: lists come from the tables that the program works by, so that they cannot disagree with it.
 */
#include "pick.h"

#include "help.h"
#include "node_field.h"
#include "pick_options.h"
#include "problem.h"

#include <stdio.h>

static void pick_help_nodes(void) {
    printf("\nNodes file: YAML, a list called nodes, each with these fields:\n");
    for (size_t i = 0; node_field_at(i) != NULL; i++) {
        const struct node_field *field = node_field_at(i);
        char text[256];
        snprintf(text, sizeof text, "%s; %s", field->meaning, field->allowed);
        help_entry(field->name, 14, text);
    }
}

static void pick_help_requests(void) {
    printf("\nRequests: either of two forms, told apart by the first line:\n");
    help_entry("CSV", 14,
               "the first line has a comma, or is a column that --key or --cost names: it is the header, and each line "
               "after it is a request. A quoted field ends on its line.");
    help_entry("keys", 14, "otherwise each line is one request, and its text is the key.");
    help_paragraph(
        "Blank lines are passed over. A row is malformed if it has more or fewer fields than the header, an "
        "open quote, 65536 bytes or more, or a cost that is not a whole number; or if it lacks a key and the "
        "strategy insists on one.");
}

static void pick_help_limits(void) {
    help_paragraph("What is simulated: the choice, and nothing else. Each request is one selection over the nodes as "
                   "the file has them. Nothing is sent, no request ends, no time passes: loads, free quotas and health "
                   "stay as they are in the file, and arrival times are not looked at. So least_load and "
                   "most_available keep to the best nodes of the file, and p2c goes on preferring them. Costs are "
                   "added up for the summary; they guide no choice.");
}

static void pick_help_summary(void) {
    printf("\nSummary:\n");
    help_entry("expected", 14, "the share that the weight of the node asks for, among those that may be chosen");
    help_entry("ratio", 14, "share over expected share: 1.00 is what the weight asks for");
    help_entry("max/mean", 14, "requests of the busiest node over the mean of the nodes that may be chosen");
    help_entry("max ratio", 14, "the largest ratio of all nodes");
}

static void pick_help_statuses(void) {
    printf("\nExit status:\n");
#define PICK_HELP_STATUS(name, value, meaning) help_entry(#value, 10, meaning);
    STATUS_LIST(PICK_HELP_STATUS)
#undef PICK_HELP_STATUS
    help_entry("128+N", 10,
               "signal N ended the input, 130 for Ctrl-C: what was read until then has its decisions and its summary");
}

void pick_help(void) {
    printf("Usage: loadwise pick --nodes FILE --strategy SPEC --requests FILE|- [OPTION]...\n");
    help_paragraph("Places each request on one of the nodes. Prints one decision for each request, then a summary.");
    printf("\nOptions:\n");
    pick_options_help();
    pick_help_nodes();
    pick_help_requests();
    pick_help_limits();
    pick_help_summary();
    pick_help_statuses();
    printf("\nExample:\n  loadwise pick --nodes nodes.yaml --strategy \"ring vnodes=200\" --requests requests.csv \\\n"
           "      --key Key --cost tokens=ContextTokens --cost tokens=GeneratedTokens --summary\n");
}
