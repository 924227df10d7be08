/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of nodes, escaped for a label once, when they are given. Cost: one allocation. */
#include "metrics/metrics.h"

#include <string.h>

/* Prometheus escapes backslash, quote and line feed in label values. */
static void escape_label(const char *name, char *out) {
    for (; *name != '\0'; name++) {
        if (*name == '\\' || *name == '"' || *name == '\n') {
            *out++ = '\\';
        }
        *out++ = *name == '\n' ? 'n' : *name;
    }
    *out = '\0';
}

/* Names the record unless it has a name already; returns the copy that was not needed, or NULL. */
static char *name_record(struct lw__node_metrics *counters, char *escaped) {
    char *none = NULL;
    bool named =
        __atomic_compare_exchange_n(&counters->name, &none, escaped, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    return named ? NULL : escaped;
}

int lw_metrics_name(lw_metrics *metrics, uint64_t node, const char *name) {
    struct lw__reading reading;
    size_t size = strlen(name);
    if (size >= LW__NAME_SIZE) {
        return lw__fail(&metrics->env, LW_RANGE, "metrics: a name of %zu bytes; at most 255 are allowed", size);
    }
    int error = lw__registry_add(&metrics->registry, node);
    if (error != LW_OK) {
        return error;
    }
    char *escaped = lw__alloc(&metrics->env, 2 * size + 1);
    if (escaped == NULL) {
        return LW_NOMEM;
    }
    escape_label(name, escaped);
    struct lw__node_metrics *counters = lw__registry_find(&metrics->registry, node, &reading);
    char *spare = counters != NULL ? name_record(counters, escaped) : escaped;
    lw__registry_leave(&metrics->registry, &reading);
    lw__release(&metrics->env, spare);
    return LW_OK;
}
