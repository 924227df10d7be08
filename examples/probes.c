/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Probes, answered by servers that stand in for real ones: a pool chooses with prequal among twenty servers, five of
 * which somebody else keeps busy for a while. The pool cannot see that; it asks.
 *
 * The shape is that of any program with an event loop: `wish` only notes who is to be asked, the loop sends the
 * questions, and each answer is handed over when it comes. Time is simulated, in steps of one millisecond.
 */
#include <loadwise/loadwise.h>
#include <stdio.h>
#include <string.h>

enum { SERVERS = 20, BUSY = 5, MOST_WISHES = 256, MOST_REQUESTS = 4096, PER_MS = 2 };

#define MS UINT64_C(1000000)

static uint64_t now = 1000 * MS;

struct server {
    char name[16];
    uint64_t id;
    uint32_t inflight; /* from here and from others */
    uint32_t others;
};

struct request {
    lw_ticket ticket;
    struct server *server; /* NULL: free */
    uint64_t ends;
};

static struct server servers[SERVERS];
static struct request requests[MOST_REQUESTS];
static uint64_t wishes[MOST_WISHES];
static int wish_count;

static uint64_t read_clock(void *user) {
    (void)user;
    return now;
}

/* Called inside a pick: notes the wish, no more. */
static void wish(void *user, uint64_t id) {
    (void)user;
    if (wish_count < MOST_WISHES) {
        wishes[wish_count++] = id;
    }
}

static struct server *find(uint64_t id) {
    for (int i = 0; i < SERVERS; i++) {
        if (servers[i].id == id) {
            return &servers[i];
        }
    }
    return NULL;
}

/* Ten at once take 10 ms each, more than that wait for each other. */
static uint64_t latency_of(const struct server *server) {
    uint32_t inflight = server->inflight + server->others;
    return inflight <= 10 ? 10 * MS : inflight * MS;
}

/* What the loop does with the wishes of the millisecond before. */
static void answer_probes(lw_pool *pool) {
    for (int i = 0; i < wish_count; i++) {
        const struct server *server = find(wishes[i]);
        lw_probe probe = LW_PROBE_INIT;
        probe.inflight = server->inflight + server->others;
        probe.latency = latency_of(server);
        lw_pool_probed(pool, wishes[i], &probe);
    }
    wish_count = 0;
}

static void end_requests(lw_pool *pool) {
    for (int i = 0; i < MOST_REQUESTS; i++) {
        if (requests[i].server != NULL && requests[i].ends <= now) {
            lw_sample sample = LW_SAMPLE_INIT;
            sample.now = now;
            lw_done(pool, &requests[i].ticket, &sample);
            requests[i].server->inflight--;
            requests[i].server = NULL;
        }
    }
}

/* Returns how long it will take, in ms. */
static uint64_t begin_request(lw_pool *pool, uint32_t route) {
    struct request *request = requests;
    while (request->server != NULL) {
        request++;
    }
    if (lw_pick(pool, route, NULL, &request->ticket) != LW_OK) {
        return 0;
    }
    request->server = find(request->ticket.node);
    request->server->inflight++;
    request->ends = now + latency_of(request->server);
    return (request->ends - now) / MS;
}

/* Half a second of requests; prints what they took. */
static void run(lw_pool *pool, uint32_t route, const char *title) {
    uint64_t sum = 0, worst = 0, count = 0;
    for (int ms = 0; ms < 500; ms++, now += MS) {
        end_requests(pool);
        answer_probes(pool);
        for (int i = 0; i < PER_MS; i++, count++) {
            uint64_t took = begin_request(pool, route);
            sum += took;
            worst = took > worst ? took : worst;
        }
    }
    printf("  %-26s mean %3llu ms, longest %3llu ms\n", title, (unsigned long long)(sum / count),
           (unsigned long long)worst);
}

static int rehearse(const char *spec) {
    lw_env env = LW_ENV_INIT;
    lw_node_spec nodes[SERVERS];
    lw_pool *pool;
    uint32_t route;
    env.now = read_clock;
    env.probe = wish;
    env.seed = 1;
    memset(requests, 0, sizeof requests);
    wish_count = 0;
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = (struct server){.inflight = 0};
        snprintf(servers[i].name, sizeof servers[i].name, "server-%d", i);
        servers[i].id = lw_id(servers[i].name, strlen(servers[i].name));
        nodes[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        nodes[i].name = servers[i].name;
    }
    if (lw_pool_new(&pool, &env, NULL) != LW_OK || lw_pool_route(pool, "default", spec, NULL, &route) != LW_OK ||
        lw_pool_update(pool, nodes, SERVERS, 0, NULL) != LW_OK) {
        return 1;
    }
    printf("%s\n", spec);
    run(pool, route, "all quiet:");
    for (int i = 0; i < BUSY; i++) {
        servers[i].others = 100;
    }
    run(pool, route, "five are busy elsewhere:");
    for (int i = 0; i < BUSY; i++) {
        servers[i].others = 0;
    }
    run(pool, route, "all quiet again:");
    lw_pool_free(pool);
    return 0;
}

int main(void) { return rehearse("p2c metric=inflight") != 0 || rehearse("prequal") != 0; }
