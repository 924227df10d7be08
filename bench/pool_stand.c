/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Only public calls, as a user makes them: one pool shared by both threads, default options, a request only where a key
   is needed. Each request takes about a millisecond, so that estimates have something to learn. */
#include "pool_stand.h"

#include <stdio.h>
#include <string.h>

enum { STEP = 1000, LATENCY = 1000000, SPREAD = 65536, CHECKS = 2000 };

static const uint64_t first_time = UINT64_C(1000000000);

static const struct pool_entry pool_entries[] = {
    {"round_robin", &probe_round_robin, false, false, 40, FLEET_MOST, 0},
    {"smooth_wrr", &probe_smooth_wrr, false, true, 0, 0, 0},
    {"random", &probe_random, false, false, 0, 0, 0},
    {"weighted_random", &probe_weighted_random, false, true, 0, 0, 0},
    {"p2c", &probe_p2c_inflight, false, false, 50, FLEET_MOST, 1.5},
    {"p2c metric=peak_ewma", &probe_p2c_peak, false, false, 60, FLEET_MOST, 0},
    {"least_load", &probe_least_inflight, false, false, 60, 128, 0},
    {"ring", &probe_ring, true, false, 0, 0, 0},
};

const struct pool_entry *pool_entry_at(uint32_t position) {
    return position < sizeof pool_entries / sizeof *pool_entries ? &pool_entries[position] : NULL;
}

const struct pool_entry *pool_entry_find(const char *spec) {
    const struct pool_entry *entry;
    for (uint32_t i = 0; (entry = pool_entry_at(i)) != NULL; i++) {
        if (strcmp(entry->spec, spec) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* ---- pick and done ---- */

/* Time goes on from one call to the next, so keys do too. */
static inline uint64_t key_of(const struct pool_stand *stand, uint64_t now) {
    return stand->fleet->keys[now / STEP % FLEET_KEYS];
}

static inline uint64_t pick_and_done(const struct pool_stand *stand, const lw_request *request, uint64_t now,
                                     lw_sample *sample) {
    lw_ticket ticket;
    if (lw_pick_at(stand->pool, stand->route, request, now, &ticket) != LW_OK) {
        return 0;
    }
    sample->latency = LATENCY + key_of(stand, now) % SPREAD;
    sample->now = now;
    lw_done(stand->pool, &ticket, sample);
    return ticket.node;
}

/* Both threads of a run begin at the same time; the next run begins where the later of them stopped. */
static void move_time(struct pool_stand *stand, uint64_t now) {
    if (stand->supply.time < now) {
        stand->supply.time = now;
    }
}

static uint64_t pool_plain(void *subject, uint32_t thread, uint64_t picks) {
    struct pool_stand *stand = subject;
    uint64_t now = stand->supply.time, sum = 0;
    lw_sample sample = LW_SAMPLE_INIT;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        sum += pick_and_done(stand, NULL, now += STEP, &sample);
    }
    move_time(stand, now);
    return sum;
}

static uint64_t pool_keyed(void *subject, uint32_t thread, uint64_t picks) {
    struct pool_stand *stand = subject;
    uint64_t now = stand->supply.time, sum = 0;
    lw_sample sample = LW_SAMPLE_INIT;
    lw_request request = LW_REQUEST_INIT;
    (void)thread;
    request.flags = LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = key_of(stand, now += STEP);
        sum += pick_and_done(stand, &request, now, &sample);
    }
    move_time(stand, now);
    return sum;
}

struct frame_task pool_stand_task(struct pool_stand *stand) {
    return (struct frame_task){stand->entry->keyed ? pool_keyed : pool_plain, stand, 0};
}

struct frame_task pool_stand_limit(struct pool_stand *stand, enum probe_form form) {
    const struct probe_kind *kind = stand->probe.kind;
    return (struct frame_task){stand->partial ? kind->partial[form] : kind->whole[form], &stand->probe, 0};
}

/* ---- opening ---- */

static int disable_some(const struct pool_stand *stand) {
    int code = LW_OK;
    for (uint32_t i = 0; i < stand->fleet->count && code == LW_OK; i++) {
        if (!lw_bitmap_get(stand->fleet->eligible, i)) {
            const char *name = stand->fleet->names[i];
            code = lw_pool_admin(stand->pool, lw_id(name, strlen(name)), LW_ADMIN_DISABLED, 0);
        }
    }
    return code;
}

static int open_pool(struct pool_stand *stand) {
    lw_env env = supply_env(&stand->supply);
    env.now = supply_now;
    stand->supply.time = first_time;
    int code = lw_pool_new(&stand->pool, &env, NULL);
    if (code == LW_OK) {
        code = lw_pool_route(stand->pool, "default", stand->entry->spec, NULL, &stand->route);
    }
    stand->empty_bytes = stand->supply.bytes;
    double start = frame_now();
    if (code == LW_OK) {
        code = lw_pool_update(stand->pool, stand->wishes.specs, stand->wishes.count, 0, NULL);
    }
    stand->fill_ns = frame_now() - start;
    stand->full_bytes = stand->supply.bytes;
    if (code == LW_OK && stand->partial) {
        code = disable_some(stand);
    }
    if (code == LW_OK) {
        code = lw_pool_tick(stand->pool, first_time, NULL);
    }
    stand->calls_at_opening = stand->supply.calls;
    return code;
}

int pool_stand_open(struct pool_stand *stand, const struct pool_entry *entry, const struct fleet *fleet, bool partial,
                    uint32_t threads) {
    memset(stand, 0, sizeof *stand);
    stand->entry = entry;
    stand->fleet = fleet;
    stand->partial = partial;
    if (probe_open(&stand->probe, entry->probe, fleet) != 0 || probe_open_nodes(&stand->probe, threads > 1) != 0 ||
        wishes_open(&stand->wishes, fleet, entry->weighted) != 0) {
        return LW_NOMEM;
    }
    return open_pool(stand);
}

void pool_stand_close(struct pool_stand *stand) {
    lw_pool_free(stand->pool);
    probe_close(&stand->probe);
    wishes_close(&stand->wishes);
    stand->pool = NULL;
}

/* ---- checks ---- */

static const char *what_is_wrong(struct pool_stand *stand, uint64_t key) {
    lw_ticket ticket;
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key;
    uint64_t now = stand->supply.time + STEP;
    stand->supply.time = now;
    int code = lw_pick_at(stand->pool, stand->route, stand->entry->keyed ? &request : NULL, now, &ticket);
    if (code != LW_OK) {
        return lw_error_message(code);
    }
    size_t index = (size_t)((char(*)[FLEET_NAME_SIZE])ticket.user - stand->fleet->names);
    if (index >= stand->fleet->count || (stand->partial && !lw_bitmap_get(stand->fleet->eligible, (uint32_t)index))) {
        return "a wrong choice";
    }
    int first = lw_done(stand->pool, &ticket, NULL), again = lw_done(stand->pool, &ticket, NULL);
    return first == LW_OK && again == LW_ALREADY ? NULL : "the ticket did not end once";
}

bool pool_stand_is_right(struct pool_stand *stand) {
    for (uint32_t i = 0; i < CHECKS; i++) {
        const char *wrong = what_is_wrong(stand, stand->fleet->keys[i]);
        if (wrong != NULL) {
            fprintf(stderr, "%s over %u nodes: %s\n", stand->entry->spec, stand->fleet->count, wrong);
            return false;
        }
    }
    return true;
}

bool pool_stand_ended_well(struct pool_stand *stand, bool updated) {
    lw_pool_stats stats = {.size = sizeof stats};
    size_t calls = stand->supply.calls - stand->calls_at_opening;
    int code = lw_pool_stats_read(stand->pool, stand->supply.time, &stats);
    bool well = code == LW_OK && stats.refusals == 0 && stats.tickets == 0 && (updated || calls == 0);
    if (!well) {
        fprintf(stderr, "%s over %u nodes: %llu picks refused, %llu tickets out, %zu allocations\n", stand->entry->spec,
                stand->fleet->count, (unsigned long long)stats.refusals, (unsigned long long)stats.tickets, calls);
    }
    return well;
}
