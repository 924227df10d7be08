/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A pool with one route: pick, charge, and the request ends at once, having taken about a millisecond. */
#include "ours.h"
#include "wishes.h"

#include <stdlib.h>

enum { STEP = 1000, LATENCY = 1000000, SPREAD = 65536 };

struct reservoir {
    const struct scene *scene;
    struct supply supply;
    struct wishes wishes;
    lw_pool *pool;
    uint32_t route;
};

static int fill(struct reservoir *reservoir, const char *spec) {
    lw_env env = supply_env(&reservoir->supply);
    int code = lw_pool_new(&reservoir->pool, &env, NULL);
    if (code == LW_OK) {
        code = lw_pool_route(reservoir->pool, "default", spec, NULL, &reservoir->route);
    }
    return code == LW_OK ? lw_pool_update(reservoir->pool, reservoir->wishes.specs, reservoir->wishes.count, 0, NULL)
                         : code;
}

void *ours_pool_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    struct reservoir *reservoir = calloc(1, sizeof *reservoir);
    if (reservoir == NULL) {
        return NULL;
    }
    reservoir->scene = scene;
    reservoir->supply.time = UINT64_C(1000000000);
    int code = wishes_open(&reservoir->wishes, &scene->fleet, false) == 0 ? fill(reservoir, kind->what) : LW_NOMEM;
    if (code != LW_OK) {
        *why = lw_error_message(code);
        ours_pool_close(reservoir);
        return NULL;
    }
    return reservoir;
}

void ours_pool_close(void *subject) {
    struct reservoir *reservoir = subject;
    lw_pool_free(reservoir->pool);
    wishes_close(&reservoir->wishes);
    free(reservoir);
}

size_t ours_pool_bytes(const void *subject) { return ((const struct reservoir *)subject)->supply.bytes; }

/* The order of the list means nothing, so the node that leaves may stand at its end. */
int ours_pool_change(void *subject) {
    struct reservoir *reservoir = subject;
    struct wishes *wishes = &reservoir->wishes;
    lw_node_spec leaving = wishes->specs[wishes->count / 2];
    wishes->specs[wishes->count / 2] = wishes->specs[wishes->count - 1];
    wishes->specs[wishes->count - 1] = leaving;
    int code = lw_pool_update(reservoir->pool, wishes->specs, wishes->count - 1, 0, NULL);
    return code == LW_OK ? lw_pool_update(reservoir->pool, wishes->specs, wishes->count, 0, NULL) : code;
}

uint64_t ours_pool_pick(void *subject, uint32_t thread, uint64_t picks) {
    const struct reservoir *reservoir = subject;
    const uint64_t *keys = reservoir->scene->fleet.keys;
    lw_sample sample = LW_SAMPLE_INIT;
    uint64_t sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        lw_ticket ticket;
        if (lw_pick(reservoir->pool, reservoir->route, NULL, &ticket) == LW_OK) {
            sample.latency = LATENCY + keys[i % PROTOCOL_KEYS] % SPREAD;
            lw_done(reservoir->pool, &ticket, &sample);
            sum += ticket.node;
        }
    }
    return sum;
}

/* Time goes on from one run to the next; both threads of a run begin at the same. */
uint64_t ours_pool_pick_at(void *subject, uint32_t thread, uint64_t picks) {
    struct reservoir *reservoir = subject;
    const uint64_t *keys = reservoir->scene->fleet.keys;
    lw_sample sample = LW_SAMPLE_INIT;
    uint64_t now = reservoir->supply.time, sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        lw_ticket ticket;
        now += STEP;
        if (lw_pick_at(reservoir->pool, reservoir->route, NULL, now, &ticket) == LW_OK) {
            sample.latency = LATENCY + keys[i % PROTOCOL_KEYS] % SPREAD;
            sample.now = now;
            lw_done(reservoir->pool, &ticket, &sample);
            sum += ticket.node;
        }
    }
    if (reservoir->supply.time < now) {
        reservoir->supply.time = now;
    }
    return sum;
}
