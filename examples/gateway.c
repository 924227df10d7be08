/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A small gateway in front of model servers: it filters by health and by model, keeps a session on its server, and
 * tries elsewhere when a server fails.
 *
 * `chain(ring absent_key=next, p2c)` reads: a request that belongs to a session goes where its session lives; one
 * without goes to the less loaded of two.
 */
#include <loadwise/loadwise.h>
#include <stdio.h>
#include <string.h>

enum { SERVERS = 6, MOST_TRIES = 3 };

struct server {
    const char *name;
    const char *tags;
    uint32_t health; /* enum lw_status */
    double load;
    int broken; /* what the gateway does not know yet */
};

static struct server servers[SERVERS] = {
    {"rack1-a", "model=large", LW_HEALTHY, 0.30, 0},  {"rack1-b", "model=large", LW_HEALTHY, 0.10, 1},
    {"rack1-c", "model=small", LW_HEALTHY, 0.05, 0},  {"rack2-a", "model=large", LW_DEGRADED, 0.55, 0},
    {"rack2-b", "model=large", LW_UNHEALTHY, 0.0, 0}, {"rack2-c", "model=large", LW_HEALTHY, 0.20, 0},
};

static lw_nodes all_servers(void) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, SERVERS);
    LW_SET(nodes, name, servers, name);
    LW_SET(nodes, tags, servers, tags);
    LW_SET(nodes, health, servers, health);
    LW_SET(nodes, load, servers, load);
    nodes.set = 1;
    nodes.version = 1;
    return nodes;
}

/* Healthy or degraded, and running the model. Returns how many servers are, or a negative code. */
static int find_usable(const lw_nodes *nodes, const char *model, uint64_t *usable) {
    lw_health_filter health = lw_filter_health(LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED));
    lw_tag_filter runs = lw_filter_tag("model", model);
    const lw_filter *const both[] = {&health.filter, &runs.filter};
    lw_set_filter filter = lw_filter_all_of(both, 2);
    return lw_filter_apply(&filter.filter, nodes, NULL, 0, usable);
}

static int send_to(ptrdiff_t server) { return servers[server].broken ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK; }

/* Tries one server after another, never the same twice. */
static void serve(lw_strategy *strategy, const lw_nodes *nodes, const char *session) {
    uint64_t tried[MOST_TRIES];
    lw_request request = LW_REQUEST_INIT;
    if (session != NULL) {
        request.flags = LW_REQUEST_KEYED;
        request.key = lw_id(session, strlen(session));
    }
    request.exclude = tried;
    printf("%-9s", session != NULL ? session : "(none)");
    while (request.exclude_count < MOST_TRIES) {
        ptrdiff_t server = lw_select(strategy, nodes, &request);
        if (server < 0) {
            printf(" -> %s\n", lw_error_message((int)server));
            return;
        }
        lw_sample sample = LW_SAMPLE_INIT;
        sample.outcome = (uint32_t)send_to(server);
        lw_feedback(strategy, nodes, (uint32_t)server, &sample);
        printf(" -> %s", servers[server].name);
        if (sample.outcome == LW_OUTCOME_OK) {
            puts(" ok");
            return;
        }
        printf(" failed");
        tried[request.exclude_count++] = (uint64_t)server;
    }
    puts(" -> giving up");
}

int main(void) {
    static const char *const sessions[] = {"alice", "bob", "carol", "dave", "erin", NULL, NULL, "alice"};
    uint64_t usable[LW_BITMAP_WORDS(SERVERS)];
    lw_nodes nodes = all_servers();
    lw_strategy *strategy;
    if (lw_strategy_new(&strategy, NULL, "chain(ring absent_key=next, p2c)") != LW_OK) {
        return 1;
    }
    printf("model large, %d of %d servers usable; session, then servers tried:\n", find_usable(&nodes, "large", usable),
           SERVERS);
    nodes.eligible = usable;
    for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++) {
        serve(strategy, &nodes, sessions[i]);
    }
    printf("model huge, %d servers usable:\n", find_usable(&nodes, "huge", usable));
    serve(strategy, &nodes, "alice");
    lw_strategy_free(strategy);
    return 0;
}
