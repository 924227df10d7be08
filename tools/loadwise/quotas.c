/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A quota tracker of the library whose clock is the time column. A charge is reserved and committed at the same moment:
 * how long a request is served is not simulated.
 */
#include "quotas.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

static void quotas_note(void *user, int code, const char *message) {
    struct quotas *quotas = user;
    (void)code;
    text_show(quotas->note, sizeof quotas->note, message, strlen(message));
}

static uint32_t quotas_dimensions(const struct quotas *quotas, lw_quota_dimension dimensions[QUOTAS_MOST]) {
    uint32_t count = (uint32_t)quotas->options->requests.quota_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct quota_option *quota = &quotas->options->quotas[i];
        dimensions[i] = (lw_quota_dimension){.size = sizeof *dimensions,
                                             .name = quota->name,
                                             .kind = quota->kind,
                                             .estimate = LW_QUOTA_EXACT,
                                             .window = quota->window};
    }
    return count;
}

static enum status quotas_make_tracker(struct quotas *quotas, struct problem *problem) {
    lw_quota_dimension dimensions[QUOTAS_MOST];
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_env env = LW_ENV_INIT;
    env.user = quotas;
    env.log = quotas_note;
    options.dimensions = dimensions;
    options.dimension_count = quotas_dimensions(quotas, dimensions);
    options.max_nodes = quotas->fleet->count;
    options.max_reservations = 1;
    options.ttl = LW_QUOTA_NEVER;
    int code = lw_quota_new(&quotas->tracker, &env, &options);
    if (code == LW_NOMEM) {
        return problem_memory(problem);
    }
    return code == LW_OK ? STATUS_DONE : problem_set(problem, STATUS_USAGE, "--quota: %s", quotas->note);
}

static enum status quotas_open_share(struct quotas *quotas, struct problem *problem) {
    lw_quota_dimension dimensions[QUOTAS_MOST];
    const struct pick_options *options = quotas->options;
    if (options->store == NULL) {
        return STATUS_DONE;
    }
    uint32_t count = quotas_dimensions(quotas, dimensions);
    return share_open(&quotas->share, options->store, options->prefix, dimensions, count, problem);
}

static enum status quotas_unknown(const struct quotas *quotas, const struct node_limit *limit,
                                  struct problem *problem) {
    struct shown name = text_shown(limit->dimension, strlen(limit->dimension));
    return problem_set(problem, STATUS_BAD_NODES,
                       "%s:%zu: limits: no --quota says how \"%s\" is counted; one could be --quota %s=row:sliding:60s",
                       quotas->options->nodes, limit->line, name.text, name.text);
}

static enum status quotas_register(struct quotas *quotas, uint32_t index, struct problem *problem) {
    const struct node *node = &quotas->fleet->nodes[index];
    lw_quota_limit limits[QUOTAS_MOST];
    for (size_t i = 0; i < node->limits.count; i++) {
        const struct node_limit *limit = &node->limits.at[i];
        int number =
            quotas->tracker != NULL ? lw_quota_dimension_number(quotas->tracker, limit->dimension) : LW_UNKNOWN;
        if (number < 0) {
            return quotas_unknown(quotas, limit, problem);
        }
        bool gcra = quotas->options->quotas[number].kind == LW_QUOTA_GCRA;
        limits[i] = (lw_quota_limit){(uint32_t)number, 0, limit->most, gcra ? limit->most : 0};
    }
    if (quotas->tracker == NULL) {
        return STATUS_DONE;
    }
    uint64_t id = lw_nodes_id(&quotas->nodes, index);
    int code = lw_quota_register(quotas->tracker, id, limits, node->limits.count, 0);
    if (code == LW_NOMEM) {
        return problem_memory(problem);
    }
    if (code != LW_OK) {
        return problem_set(problem, STATUS_BAD_NODES, "%s:%zu: limits: %s", quotas->options->nodes, node->line,
                           quotas->note);
    }
    return quotas->share.ledger == NULL ? STATUS_DONE
                                        : share_limit(&quotas->share, id, limits, node->limits.count, problem);
}

/* A quota without any limit would seem to hold and refuse nothing: most likely its name is misspelt. */
static enum status quotas_check_used(const struct quotas *quotas, struct problem *problem) {
    for (size_t i = 0; i < quotas->options->requests.quota_count; i++) {
        uint32_t node = 0;
        while (node < quotas->fleet->count && quotas_limit(quotas, node, i) == 0) {
            node++;
        }
        if (node == quotas->fleet->count) {
            return problem_set(problem, STATUS_USAGE, "--quota: no node of %s has a limit called \"%s\"",
                               quotas->options->nodes, quotas->options->quotas[i].name);
        }
    }
    return STATUS_DONE;
}

static enum status quotas_allocate(struct quotas *quotas, struct problem *problem) {
    quotas->granting = calloc(LW_BITMAP_WORDS(quotas->fleet->count), sizeof *quotas->granting);
    quotas->peaks = calloc((size_t)quotas->fleet->count * QUOTAS_MOST, sizeof *quotas->peaks);
    quotas->waits = calloc(quotas->fleet->count, sizeof *quotas->waits);
    bool all = quotas->granting != NULL && quotas->peaks != NULL && quotas->waits != NULL;
    return all ? STATUS_DONE : problem_memory(problem);
}

enum status quotas_open(struct quotas *quotas, const struct pick_options *options, const struct fleet *fleet,
                        struct problem *problem) {
    memset(quotas, 0, sizeof *quotas);
    quotas->options = options;
    quotas->fleet = fleet;
    enum status status = STATUS_DONE;
    fleet_view(fleet, &quotas->nodes);
    if (options->requests.quota_count > 0) {
        status = quotas_allocate(quotas, problem);
        status = status == STATUS_DONE ? quotas_make_tracker(quotas, problem) : status;
        status = status == STATUS_DONE ? quotas_open_share(quotas, problem) : status;
    }
    for (uint32_t i = 0; i < fleet->count && status == STATUS_DONE; i++) {
        status = quotas_register(quotas, i, problem);
    }
    return status == STATUS_DONE ? quotas_check_used(quotas, problem) : status;
}

void quotas_close(struct quotas *quotas) {
    share_close(&quotas->share);
    lw_quota_free(quotas->tracker);
    free(quotas->granting);
    free(quotas->peaks);
    free(quotas->waits);
    quotas->tracker = NULL;
    quotas->granting = quotas->peaks = NULL;
    quotas->waits = NULL;
}

/* ---- the work ---- */

void quotas_advance(struct quotas *quotas, uint64_t time) {
    if (!quotas->started) {
        quotas->started = true;
        quotas->first = time;
        quotas->now = 1; /* 0 would mean: read the clock */
    }
    uint64_t passed = time > quotas->first ? time - quotas->first : 0;
    quotas->now = passed + 1 > quotas->now ? passed + 1 : quotas->now;
    quotas->share.now = quotas->now;
    quotas->share.time = quotas->first + quotas->now - 1;
}

void quotas_find(struct quotas *quotas, const lw_request *request) {
    lw_quota_filter filter = lw_filter_quota(quotas->tracker, 0);
    lw_filter_apply(&filter.filter, &quotas->nodes, request, quotas->now, quotas->granting);
    if (quotas->share.ledger != NULL) {
        memset(quotas->waits, 0, quotas->fleet->count * sizeof *quotas->waits);
    }
}

static void quotas_note_peaks(struct quotas *quotas, uint32_t node, uint64_t id) {
    for (uint32_t i = 0; i < quotas->options->requests.quota_count; i++) {
        uint64_t *peak = &quotas->peaks[(size_t)node * QUOTAS_MOST + i];
        lw_quota_reading reading = LW_QUOTA_READING_INIT;
        if (lw_quota_read_at(quotas->tracker, id, i, quotas->now, &reading) == LW_OK && reading.used > *peak) {
            *peak = reading.used;
        }
    }
}

/* What is refused as a whole, because the store is away, stands under the first dimension. */
static struct quotas_wait quotas_wait_until(const struct quotas *quotas, const lw_quota_refusal *refusal) {
    bool later = refusal->retry == LW_RETRY_AT && refusal->retry_at >= quotas->now;
    uint32_t dimension = refusal->dimension != LW_QUOTA_ALL ? refusal->dimension : 0;
    return (struct quotas_wait){later ? refusal->retry_at - quotas->now : QUOTAS_NEVER, dimension};
}

/* The store has the last word. A wait of nothing would read as no refusal. */
static int quotas_charge_share(struct quotas *quotas, uint32_t node, const lw_request *request) {
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    int code = share_charge(&quotas->share, lw_nodes_id(&quotas->nodes, node), request->amounts, request->amount_count,
                            &refusal);
    if (code == LW_OVER_QUOTA) {
        struct quotas_wait wait = quotas_wait_until(quotas, &refusal);
        wait.ns += wait.ns == 0;
        quotas->waits[node] = wait;
        lw_bitmap_clear(quotas->granting, node);
    }
    return code;
}

int quotas_charge(struct quotas *quotas, uint32_t node, const lw_request *request) {
    lw_reservation reservation;
    uint64_t id = lw_nodes_id(&quotas->nodes, node);
    int code = quotas->share.ledger != NULL ? quotas_charge_share(quotas, node, request) : LW_OK;
    if (code != LW_OK) {
        return code;
    }
    code = lw_quota_reserve_at(quotas->tracker, id, request->amounts, request->amount_count, quotas->now, &reservation,
                               NULL);
    if (code == LW_OK) {
        code = lw_quota_commit_at(quotas->tracker, &reservation, NULL, 0, quotas->now);
        quotas_note_peaks(quotas, node, id);
    }
    return code;
}

struct quotas_wait quotas_wait_of(struct quotas *quotas, uint32_t node, const lw_request *request) {
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    if (quotas->waits[node].ns != 0) {
        return quotas->waits[node];
    }
    int code = lw_quota_reserve_at(quotas->tracker, lw_nodes_id(&quotas->nodes, node), request->amounts,
                                   request->amount_count, quotas->now, &reservation, &refusal);
    if (code == LW_OK) {
        lw_quota_cancel_at(quotas->tracker, &reservation, quotas->now);
        return (struct quotas_wait){0, 0};
    }
    return quotas_wait_until(quotas, &refusal);
}

/* ---- reading ---- */

uint64_t quotas_limit(const struct quotas *quotas, uint32_t node, size_t dimension) {
    const struct node_limits *limits = &quotas->fleet->nodes[node].limits;
    for (size_t i = 0; i < limits->count; i++) {
        if (strcmp(limits->at[i].dimension, quotas->options->quotas[dimension].name) == 0) {
            return limits->at[i].most;
        }
    }
    return 0;
}

uint64_t quotas_peak(const struct quotas *quotas, uint32_t node, size_t dimension) {
    return quotas->peaks[(size_t)node * QUOTAS_MOST + dimension];
}

double quotas_free_share(const void *user, size_t node, uint64_t now) {
    const struct quotas *quotas = user;
    return lw_quota_ratio_at(quotas->tracker, lw_nodes_id(&quotas->nodes, (uint32_t)node), now);
}
