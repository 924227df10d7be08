/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise pool --help`. */
#include "help.h"
#include "pool.h"
#include "pool_options.h"

#include <stdio.h>

static void pool_help_nodes(void) {
    printf("\nNodes file: as for `loadwise pick`; of its fields, these count here:\n");
    help_entry("weight", 14, "the share that a node should get, where the strategy looks at it");
    help_entry("priority", 14, "0 is used first; the next level only when too few of the one before are well");
    help_entry("zone", 14, "see --zone");
    help_entry("capacity", 14, "most requests under way; a node that has so many is saturated");
    help_entry("health", 14, "an unhealthy node gets no requests throughout");
    help_entry("load", 14, "for metric=external: what the node reports just before the first request");
    help_paragraph("The strategy sees the live load, not the one of the file; metric= says which: inflight, "
                   "inflight_cost, ewma, peak_ewma or external.");
}

static void pool_help_life(void) {
    printf("\nWhat happens to a request:\n");
    help_entry("pick", 14,
               "at its time, by --time or --gap; one that is earlier than the one before comes at the same "
               "moment. A refused request is gone: it is not tried again.");
    help_entry("hold", 14, "it is under way for the service time; nothing is sent, and nobody waits for it");
    help_entry("done", 14,
               "it ends well, or in a failure with the chance of --fail. The pool learns from both: after "
               "three failures in a row a node is unhealthy, and tried again 10 s later.");
}

static void pool_help_table(void) {
    printf("\nAt the end, as it is when the last request has been placed:\n");
    help_entry("failed", 14, "of the requests that have ended");
    help_entry("current", 14, "requests of the node under way at that moment");
    help_entry("busiest", 14, "most that were under way at one moment");
    help_entry("latency", 14, "mean of what the node took, as the pool has learnt it, where the strategy looks at it");
    help_entry("state", 14, "its health, and why it may not be picked");
}

void pool_help(void) {
    printf("Usage: loadwise pool --nodes FILE --strategy SPEC --requests FILE|- [OPTION]...\n");
    help_paragraph("Runs the requests through a pool, in the time of their file, and shows how it stands at the end.");
    printf("\nOptions:\n");
    pool_options_help();
    pool_help_nodes();
    printf("\nRequests: as for `loadwise pick`.\n");
    pool_help_life();
    pool_help_table();
    printf("\nExit status: as for `loadwise pick`.\n");
    printf("\nExamples:\n"
           "  loadwise pool --nodes nodes.yaml --strategy \"p2c metric=peak_ewma\" --requests requests.csv \\\n"
           "      --service 200 --service l40s-east-1=900 --fail a100-east-1=20 --drain h100-west-1@60\n"
           "  loadwise pool --nodes nodes.yaml --strategy \"least_load metric=inflight\" --requests keys \\\n"
           "      --gap 5 --explain 3\n");
}
