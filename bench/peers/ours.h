/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Our own side, room by room; only public calls, as a user makes them. Each room gives the members of a peer_case. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "protocol.h"
#include "supply.h"

#include <loadwise/loadwise.h>

/* The number of a node of the scene for pick i, all nodes alike. */
static inline uint32_t ours_turn(const struct scene *scene, uint64_t i) {
    return (uint32_t)((scene->fleet.keys[i % PROTOCOL_KEYS] >> 32) * scene->fleet.count >> 32);
}

/* ---- floor one: `what` is a specification ---- */

void *ours_select_open(const struct peer_case *kind, const struct scene *scene, const char **why);
void ours_select_close(void *subject);
int ours_select_change(void *subject);
size_t ours_select_bytes(const void *subject);
frame_loop ours_pick_plain, ours_pick_keyed, ours_pick_text, ours_pick_memcached, ours_pick_nginx, ours_pick_and_end,
    ours_pick_and_count;

/* ---- trackers: `what` is not read ---- */

void *ours_health_open(const struct peer_case *kind, const struct scene *scene, const char **why);
void *ours_quota_open(const struct peer_case *kind, const struct scene *scene, const char **why);
void ours_trackers_close(void *subject);
int ours_health_change(void *subject);
int ours_quota_change(void *subject);
size_t ours_trackers_bytes(const void *subject);
frame_loop ours_health_report, ours_health_report_at, ours_health_status;
frame_loop ours_quota_record, ours_quota_record_at, ours_quota_remaining, ours_quota_remaining_at;

/* ---- floor two: `what` is the specification of a route ---- */

void *ours_pool_open(const struct peer_case *kind, const struct scene *scene, const char **why);
void ours_pool_close(void *subject);
int ours_pool_change(void *subject);
size_t ours_pool_bytes(const void *subject);
frame_loop ours_pool_pick, ours_pool_pick_at;

#endif
