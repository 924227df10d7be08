/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses hold no commas, so nothing is quoted. */
#include "fetch_csv.h"

#include <errno.h>
#include <string.h>

static enum status csv_fault(const char *name, struct problem *problem) {
    return problem_set(problem, STATUS_CLOSED, "%s: cannot be written: %s", name, strerror(errno));
}

FILE *fetch_csv_open(const char *name, struct problem *problem) {
    FILE *csv = fopen(name, "w");
    if (csv == NULL) {
        csv_fault(name, problem);
    } else {
        fputs("begun_s,latency_ms,node,tries,outcome,status\n", csv);
    }
    return csv;
}

void fetch_csv_add(FILE *csv, uint64_t begun, uint64_t latency, const char *node, const lw_exchange *exchange) {
    const lw_http *http = exchange->request;
    bool served = exchange->reason == LW_OK;
    fprintf(csv, "%.6f,%.3f,%s,%u,%s,%u\n", (double)begun / 1e9, (double)latency / 1e6, node != NULL ? node : "",
            exchange->tries, served ? fetch_outcome_name(exchange->sample.outcome) : "refused",
            served ? http->status : 0);
}

enum status fetch_csv_close(FILE *csv, const char *name, struct problem *problem) {
    if (csv == NULL) {
        return STATUS_DONE;
    }
    bool bad = ferror(csv) != 0;
    bad |= fclose(csv) != 0;
    return bad ? csv_fault(name, problem) : STATUS_DONE;
}
