/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <loadwise/loadwise.h>
#include <stdio.h>

static uint32_t send_to(const char *address) {
    printf("sent to %s\n", address);
    return LW_OUTCOME_OK;
}

int main(void) {
    char addresses[][12] = {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"};
    lw_node_spec specs[] = {LW_NODE_SPEC_INIT, LW_NODE_SPEC_INIT, LW_NODE_SPEC_INIT};
    for (int i = 0; i < 3; i++) {
        specs[i].name = specs[i].user = addresses[i];
        specs[i].max_inflight = 100;
    }

    lw_pool *pool;
    uint32_t route;
    if (lw_pool_new(&pool, NULL, NULL) != LW_OK || lw_pool_update(pool, specs, 3, 0, NULL) != LW_OK ||
        lw_pool_route(pool, "default", "p2c metric=peak_ewma", NULL, &route) != LW_OK) {
        return 1;
    }

    lw_ticket ticket;
    lw_sample sample = LW_SAMPLE_INIT;
    int error = lw_pick(pool, route, NULL, &ticket); /* on any thread, as often as you like */
    if (error == LW_OK) {
        sample.outcome = send_to(ticket.user);
        lw_done(pool, &ticket, &sample);
    } else {
        puts(lw_error_message(error)); /* ticket.retry and ticket.retry_at say when to ask again */
    }
    lw_pool_free(pool);
}
