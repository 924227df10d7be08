/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * peer-limits: the least work that makes each kind of pick on this machine (probes.h), in the same run as everybody's.
 *
 * Here are only the limits of the trackers: a node is found by its id in a half-full table, then one word of it is
 * read, replaced by a compare-and-swap or added to. The time is given.
 */
#include "probes.h"
#include "protocol.h"

#include <loadwise/id.h>
#include <stdlib.h>
#include <string.h>

/* ---- picks: `what` is the strategy of a probe ---- */

struct probed {
    struct probe probe;
    frame_loop *loop;
};

static void *probed_open(const struct probe_kind *kind, const struct scene *scene, enum probe_form form, bool nodes) {
    struct probed *probed = aligned_alloc(_Alignof(struct probed), sizeof *probed);
    if (probed == NULL || probe_open(&probed->probe, kind, &scene->fleet) != 0) {
        free(probed);
        return NULL;
    }
    probed->loop = kind->whole[form];
    if (nodes && probe_open_nodes(&probed->probe, true) != 0) {
        probe_close(&probed->probe);
        free(probed);
        return NULL;
    }
    return probed;
}

static void *pick_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)why;
    return probed_open(probe_find(kind->what), scene, PROBE_PICK, false);
}

static void *charged_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)why;
    return probed_open(probe_find(kind->what), scene, PROBE_CHARGED, true);
}

static void *inflight_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)kind, (void)why;
    return probed_open(&probe_p2c_inflight, scene, PROBE_CHARGED, true);
}

static void *peak_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)kind, (void)why;
    return probed_open(&probe_p2c_peak, scene, PROBE_CHARGED, true);
}

static void probed_close(void *subject) {
    struct probed *probed = subject;
    probe_close(&probed->probe);
    free(probed);
}

static uint64_t probed_pick(void *subject, uint32_t thread, uint64_t picks) {
    struct probed *probed = subject;
    return probed->loop(&probed->probe, thread, picks);
}

/* ---- trackers ---- */

struct record {
    _Alignas(64) uint64_t id;
    uint64_t word, base;
};

struct records {
    const struct scene *scene;
    struct record *table;
    uint64_t *ids;
    uint32_t mask;
};

static inline struct record *find(const struct records *records, uint64_t id) {
    uint32_t at = (uint32_t)id & records->mask;
    while (records->table[at].id != id) {
        at = (at + 1) & records->mask;
    }
    return &records->table[at];
}

static void fill(struct records *records) {
    const struct fleet *fleet = &records->scene->fleet;
    for (uint32_t i = 0; i < fleet->count; i++) {
        uint64_t id = records->ids[i] = lw_id(fleet->names[i], strlen(fleet->names[i]));
        uint32_t at = (uint32_t)id & records->mask;
        while (records->table[at].id != 0) {
            at = (at + 1) & records->mask;
        }
        records->table[at].id = id;
    }
}

static void records_close(void *subject) {
    struct records *records = subject;
    free(records->table);
    free(records->ids);
    free(records);
}

static void *records_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)kind, (void)why;
    struct records *records = calloc(1, sizeof *records);
    uint32_t size = 4;
    while (size < 2 * scene->fleet.count) {
        size *= 2;
    }
    if (records == NULL) {
        return NULL;
    }
    records->scene = scene;
    records->mask = size - 1;
    records->table = aligned_alloc(sizeof *records->table, size * sizeof *records->table);
    records->ids = calloc(scene->fleet.count, sizeof *records->ids);
    if (records->table == NULL || records->ids == NULL) {
        records_close(records);
        return NULL;
    }
    memset(records->table, 0, size * sizeof *records->table);
    fill(records);
    return records;
}

static inline uint64_t swapped(struct record *record) {
    uint64_t word = __atomic_load_n(&record->word, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&record->word, &word, word + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return word;
}

/* A loop from what it does to the one record of pick i. */
#define RECORD_LOOP(name, act)                                                                                         \
    static uint64_t name(void *subject, uint32_t thread, uint64_t picks) {                                             \
        const struct records *records = subject;                                                                       \
        const struct fleet *fleet = &records->scene->fleet;                                                            \
        uint64_t sum = 0;                                                                                              \
        (void)thread;                                                                                                  \
        for (uint64_t i = 0; i < picks; i++) {                                                                         \
            uint32_t node = (uint32_t)((fleet->keys[i % PROTOCOL_KEYS] >> 32) * fleet->count >> 32);                   \
            struct record *record = find(records, records->ids[node]);                                                 \
            __asm__ volatile("" ::: "memory");                                                                         \
            sum += (act);                                                                                              \
        }                                                                                                              \
        return sum;                                                                                                    \
    }

RECORD_LOOP(record_read, __atomic_load_n(&record->word, __ATOMIC_RELAXED))
RECORD_LOOP(record_swap, swapped(record))
RECORD_LOOP(record_add, __atomic_fetch_add(&record->word, 1, __ATOMIC_RELAXED))
RECORD_LOOP(record_left, record->base - __atomic_load_n(&record->word, __ATOMIC_RELAXED))

#define PICK(strategy, only_picks)                                                                                     \
    { "limit/" strategy, NULL, strategy, only_picks, pick_open, probed_close, probed_pick, true, NULL, NULL }
#define CHARGED(name, strategy, open)                                                                                  \
    { "limit/" name, NULL, strategy, true, open, probed_close, probed_pick, true, NULL, NULL }
#define RECORD(name, loop)                                                                                             \
    { "limit/" name, NULL, NULL, true, records_open, records_close, loop, true, NULL, NULL }

static const struct peer_case cases[] = {
    PICK("round_robin", true),
    PICK("smooth_wrr", false),
    PICK("random", true),
    PICK("weighted_random", false),
    PICK("least_load", true),
    PICK("p2c", true),
    CHARGED("p2c_inflight", NULL, inflight_open),
    CHARGED("p2c_peak_ewma", NULL, peak_open),
    PICK("most_available", true),
    PICK("ring", false),
    PICK("maglev", false),
    PICK("jump", true),
    CHARGED("bounded", "maglev", charged_open),
    PICK("ketama", true), /* the digests that place its points are left out */
    PICK("rendezvous", true),
    RECORD("health_report", record_swap),
    RECORD("health_status", record_read),
    RECORD("quota_record", record_add),
    RECORD("quota_remaining", record_left),
};

int main(void) {
    static const char *const peers[] = {"limit here", NULL};
    return protocol_serve(peers, cases, sizeof cases / sizeof *cases);
}
