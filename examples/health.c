/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Health in some thirty lines: three servers, of which one is down for half a minute. It is left out after three
 * failures, tried out by one request every ten seconds, and back after two successes. Time is made up: a request a
 * second.
 */
#include <loadwise/loadwise.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)

static const char *const servers[] = {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"};

static int is_down(ptrdiff_t server, uint64_t second) { return server == 1 && second >= 5 && second < 35; }

int main(void) {
    static const char *const words[] = {"healthy", "degraded", "unhealthy", "recovering"};
    uint64_t usable[LW_BITMAP_WORDS(3)];
    lw_health *health;
    lw_strategy *strategy;
    lw_nodes nodes;
    lw_nodes_init(&nodes, 3);
    LW_SET_VALUES(nodes, name, servers);
    nodes.eligible = usable;
    if (lw_health_new(&health, NULL, NULL) != LW_OK ||
        lw_strategy_new(&strategy, NULL, "round_robin phase=0") != LW_OK) {
        return 1;
    }
    lw_health_tracker_filter well =
        lw_filter_health_tracker(health, LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED));
    for (uint64_t second = 0; second < 60; second++) {
        uint64_t now = second * SECOND;
        lw_health_permit permit;
        lw_filter_apply(&well.filter, &nodes, NULL, now, usable);
        ptrdiff_t server = lw_select_at(strategy, &nodes, NULL, now);
        uint64_t id = server >= 0 ? lw_nodes_id(&nodes, (uint32_t)server) : 0;
        if (server < 0 || !lw_health_admit_at(health, id, now, &permit)) {
            continue; /* nobody, or another thread was faster with the probe */
        }
        uint32_t before = lw_health_status(health, id);
        lw_health_report_at(health, id, is_down(server, second) ? LW_OUTCOME_TIMEOUT : LW_OUTCOME_OK, &permit, now);
        uint32_t after = lw_health_status(health, id);
        if (before != after) {
            printf("%2d s  %s  %s -> %s\n", (int)second, servers[server], words[before], words[after]);
        }
    }
    lw_strategy_free(strategy);
    lw_health_free(health);
    return 0;
}
