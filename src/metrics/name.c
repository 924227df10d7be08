/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Names of nodes. A name is given under a lock and read without one; it is given at most once per life of a record, so
 * a reader may keep the text as long as the record. No two records have one name: two series with the same labels would
 * make Prometheus refuse the page. Cost: a walk over the records that compares hashes, and one allocation.
 */
#include "metrics/metrics.h"

#include <loadwise/id.h>
#include <string.h>

static int is_named_so(void *user, struct lw__record *record) {
    return lw__count(&((struct lw__node_metrics *)record)->name_id) == *(const uint64_t *)user;
}

/* Under the lock. */
static int give_name(lw_metrics *metrics, struct lw__node_metrics *counters, const char *name, size_t size) {
    uint64_t id = lw_id(name, size) | 1; /* 0 is no name */
    if (lw__count(&counters->name_id) != 0) {
        return 0;
    }
    if (lw__registry_each(&metrics->registry, is_named_so, &id) != 0) {
        return LW_DUPLICATE;
    }
    char *escaped = lw__alloc(&metrics->env, 2 * size + 1);
    if (escaped == NULL) {
        return LW_NOMEM;
    }
    lw__label_escape(name, size, escaped);
    __atomic_store_n(&counters->name_id, id, __ATOMIC_RELAXED);
    __atomic_store_n(&counters->named, lw__birth(metrics), __ATOMIC_RELAXED);
    __atomic_store_n(&counters->name, escaped, __ATOMIC_RELEASE);
    return 1;
}

static int check_name(const lw_env *env, const char *name, size_t size) {
    if (size >= LW__LABEL_SIZE) {
        return lw__fail(env, LW_RANGE, "metrics: a name of %zu bytes; at most %d are allowed", size,
                        LW__LABEL_SIZE - 1);
    }
    if (!lw__label_is_fit(name, size)) {
        return lw__fail(env, LW_INVALID, "metrics: a name is UTF-8, is not empty and does not begin with #");
    }
    return LW_OK;
}

int lw_metrics_name(lw_metrics *metrics, uint64_t node, const char *name) {
    struct lw__reading reading;
    size_t size = strlen(name);
    int answer = check_name(&metrics->env, name, size);
    if (answer != LW_OK) {
        return answer;
    }
    struct lw__node_metrics *counters = lw__registry_find_or_add(&metrics->registry, node, &reading, &answer);
    if (counters != NULL) {
        pthread_mutex_lock(&metrics->naming);
        answer = give_name(metrics, counters, name, size);
        pthread_mutex_unlock(&metrics->naming);
    }
    lw__registry_leave(&metrics->registry, &reading);
    if (answer == LW_DUPLICATE) {
        return lw__fail(&metrics->env, answer, "metrics: another node is named '%s'", name);
    }
    return answer < 0 ? lw__registry_fail(&metrics->registry, node, answer) : answer;
}
