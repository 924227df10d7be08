/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise pick --help`: lists come from the tables that the program works by, so that they cannot disagree with it.
 */
#include "pick.h"

#include "help.h"
#include "node_field.h"
#include "pick_options.h"
#include "problem.h"
#include "timestamp.h"

#include <stdio.h>

static void pick_help_nodes(void) {
    printf("\nNodes file: YAML, a list called nodes, each with these fields:\n");
    for (size_t i = 0; node_field_at(i) != NULL; i++) {
        const struct node_field *field = node_field_at(i);
        char text[320];
        snprintf(text, sizeof text, "%s; %s", field->meaning, field->allowed);
        help_entry(field->name, 14, text);
    }
}

static void pick_help_requests(void) {
    printf("\nRequests: either of two forms, told apart by the first line:\n");
    help_entry("CSV", 14,
               "the first line has a comma, or is a column that an option names: it is the header, and each line after "
               "it is a request. A quoted field ends on its line.");
    help_entry("keys", 14, "otherwise each line is one request, and its text is the key.");
    help_paragraph(
        "Blank lines are passed over. A row is malformed if it has more or fewer fields than the header, an "
        "open quote, 65536 bytes or more, or a cost that is not a whole number; or if it lacks a key and the "
        "strategy insists on one.");
}

static void pick_help_limits(void) {
    help_paragraph("What is simulated: the choice, and with --quota the limits. Each request is one selection over the "
                   "nodes as the file has them. Nothing is sent, no request ends: loads, requests under way and health "
                   "stay as they are in the file. So least_load keeps to the best nodes of the file, and p2c goes on "
                   "preferring them; to see them move, run the requests through `loadwise pool`. "
                   "Without --quota free quotas stay as well, and arrival times are not looked at. Costs are added up "
                   "for the summary; they guide no choice.");
}

static void pick_help_quotas(void) {
    printf("\nQuotas: the limits of the nodes file, with --quota for each dimension that it names:\n");
    help_entry("sliding", 14, "in no stretch of WINDOW does a node get more than its limit");
    help_entry("gcra", 14,
               "a bucket of the size of the limit, full at first, refilled steadily at one limit per WINDOW");
    help_entry("clock", 14,
               "the column --time: " TIMESTAMP_FORMS
               ". Only differences count; a request that is earlier than the one before comes at the same moment.");
    help_entry("choice", 14,
               "only nodes that can take the request now are offered to the strategy. The chosen one is charged at "
               "once and for good: how long a request is served is not simulated.");
    help_entry("remaining", 14,
               "the least free share of a node's limits at that moment, in place of the field of the file; so "
               "most_available follows the quotas.");
    help_entry("refusals", 14,
               "when every node is over its quota, the decision says how long until the first one could take the "
               "request, and what it waits for; in JSON limit and wait_ns, null when it takes more than any limit. A "
               "refused request is gone: it is not tried again.");
}

static void pick_help_store(void) {
    printf("\nStore: with --store, all commands that run at the same time hold the limits together:\n");
    help_entry(
        "sharing", 14,
        "the nodes are told apart by their names, the limits by name, kind and window; each command brings its "
        "own numbers. Each charge asks the store; when the chosen node is used up there, another one is chosen.");
    help_entry("clock", 14,
               "the column --time again, as it is: the store's time of a node is that of the latest row that any "
               "command has charged to it, and a row from before counts as of then. So rows of the same time should be "
               "read at about the same time, and a second run of a trace needs another --prefix.");
    help_entry("outage", 14,
               "a store that cannot be reached at the start ends the run. Later it is told once on standard error, and "
               "until it is back each command keeps to its share: limit / commands, rounded up.");
    help_entry("summary", 14, "peak use and remaining are of what this command has placed.");
}

static void pick_help_summary(void) {
    printf("\nSummary:\n");
    help_entry("expected", 14, "the share that the weight of the node asks for, among those that may be chosen");
    help_entry("ratio", 14, "share over expected share: 1.00 is what the weight asks for");
    help_entry("max/mean", 14, "requests of the busiest node over the mean of the nodes that may be chosen");
    help_entry("max ratio", 14, "the largest ratio of all nodes");
    help_entry("waits", 14, "of the requests that were refused over quota");
    help_entry("peak use", 14, "the most of a limit that was in use at one moment");
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
    pick_help_quotas();
    pick_help_store();
    pick_help_summary();
    pick_help_statuses();
    printf("\nExamples:\n  loadwise pick --nodes nodes.yaml --strategy \"ring vnodes=200\" --requests requests.csv \\\n"
           "      --key Key --cost tokens=ContextTokens --cost tokens=GeneratedTokens --summary\n"
           "  loadwise pick --nodes keys.yaml --strategy most_available --requests requests.csv \\\n"
           "      --quota rpm=row:sliding:60s --quota tpm=ContextTokens+GeneratedTokens:gcra:60s\n");
}
