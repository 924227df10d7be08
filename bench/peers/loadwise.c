/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * peer-loadwise: us. Five rows, so that everybody is held against the same work as its own:
 *
 *     loadwise        lw_select with the key as a number; trackers and pool read the clock
 *     loadwise-text   the key is text, hashed within the pick
 *     loadwise-nginx  text again, placed as nginx does
 *     loadwise-at     the time is given
 *     loadwise-pool   pick and done of floor two where `loadwise` is floor one; the time is given
 */
#include "ours.h"

#include <stdio.h>

#define SELECT ours_select_open, ours_select_close
#define REST true, ours_select_change, ours_select_bytes
#define ONLY_PICKS true, NULL, NULL
#define HEALTH ours_health_open, ours_trackers_close
#define HEALTH_REST true, ours_health_change, ours_trackers_bytes
#define QUOTA ours_quota_open, ours_trackers_close
#define QUOTA_REST true, ours_quota_change, ours_trackers_bytes
#define POOL ours_pool_open, ours_pool_close
#define POOL_REST true, ours_pool_change, ours_pool_bytes

static const struct peer_case cases[] = {
    {"loadwise/nothing", NULL, "nothing", true, SELECT, ours_pick_plain, ONLY_PICKS},
    {"loadwise/nothing_planned", NULL, "nothing_planned", true, SELECT, ours_pick_plain, ONLY_PICKS},
    {"loadwise/round_robin", NULL, "round_robin", false, SELECT, ours_pick_plain, REST},
    {"loadwise/smooth_wrr", NULL, "smooth_wrr", false, SELECT, ours_pick_plain, REST},
    {"loadwise/random", NULL, "random", false, SELECT, ours_pick_plain, REST},
    {"loadwise/weighted_random", NULL, "weighted_random", false, SELECT, ours_pick_plain, REST},
    {"loadwise/least_load", NULL, "least_load", false, SELECT, ours_pick_plain, REST},
    {"loadwise/p2c", NULL, "p2c", false, SELECT, ours_pick_plain, REST},
    {"loadwise/p2c_inflight", NULL, "least_request", false, SELECT, ours_pick_and_count, REST},
    {"loadwise-pool/p2c_inflight", NULL, "p2c", false, POOL, ours_pool_pick_at, POOL_REST},
    {"loadwise/p2c_peak_ewma", NULL, "p2c metric=peak_ewma", false, POOL, ours_pool_pick, POOL_REST},
    {"loadwise-at/p2c_peak_ewma", NULL, "p2c metric=peak_ewma", true, POOL, ours_pool_pick_at, ONLY_PICKS},
    {"loadwise/most_available", NULL, "most_available", false, SELECT, ours_pick_plain, REST},
    {"loadwise/ring", NULL, "ring", false, SELECT, ours_pick_keyed, REST},
    {"loadwise-text/ring", NULL, "ring", true, SELECT, ours_pick_text, ONLY_PICKS},
    {"loadwise/maglev", NULL, "maglev", false, SELECT, ours_pick_keyed, REST},
    {"loadwise-text/maglev", NULL, "maglev", true, SELECT, ours_pick_text, ONLY_PICKS},
    {"loadwise/jump", NULL, "jump", false, SELECT, ours_pick_keyed, REST},
    {"loadwise-text/jump", NULL, "jump", true, SELECT, ours_pick_text, ONLY_PICKS},
    {"loadwise/anchor", NULL, "anchor", false, SELECT, ours_pick_keyed, REST},
    {"loadwise/bounded", NULL, "bounded(maglev, factor=1.25)", false, SELECT, ours_pick_and_end, REST},
    {"loadwise/ketama", NULL, "ketama", false, SELECT, ours_pick_keyed, REST},
    {"loadwise-text/ketama", NULL, "ketama", true, SELECT, ours_pick_memcached, ONLY_PICKS},
    {"loadwise-nginx/ketama", NULL, "ketama flavour=nginx", false, SELECT, ours_pick_nginx, REST},
    {"loadwise/rendezvous", NULL, "rendezvous", false, SELECT, ours_pick_keyed, REST},
    {"loadwise-text/rendezvous", NULL, "rendezvous", true, SELECT, ours_pick_text, ONLY_PICKS},
    {"loadwise/health_report", NULL, NULL, false, HEALTH, ours_health_report, HEALTH_REST},
    {"loadwise-at/health_report", NULL, NULL, true, HEALTH, ours_health_report_at, ONLY_PICKS},
    {"loadwise/health_status", NULL, NULL, true, HEALTH, ours_health_status, ONLY_PICKS},
    {"loadwise/quota_record", NULL, NULL, false, QUOTA, ours_quota_record, QUOTA_REST},
    {"loadwise-at/quota_record", NULL, NULL, true, QUOTA, ours_quota_record_at, ONLY_PICKS},
    {"loadwise/quota_remaining", NULL, NULL, true, QUOTA, ours_quota_remaining, ONLY_PICKS},
    {"loadwise-at/quota_remaining", NULL, NULL, true, QUOTA, ours_quota_remaining_at, ONLY_PICKS},
};

int main(void) {
    enum { ROWS = 5, ROW = 40 };
    static const char *const names[ROWS] = {"loadwise", "loadwise-text", "loadwise-nginx", "loadwise-at",
                                            "loadwise-pool"};
    static char lines[ROWS][ROW];
    const char *peers[ROWS + 1] = {NULL};
    for (uint32_t i = 0; i < ROWS; i++) {
        snprintf(lines[i], ROW, "%s %s", names[i], lw_version_string());
        peers[i] = lines[i];
    }
    return protocol_serve(peers, cases, sizeof cases / sizeof *cases);
}
