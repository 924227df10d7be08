/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Clients: each has a pool of the library, by which all of its decisions are made.
 *
 * A request is tried until it goes well, the retries or their budget are used up, or nobody may take it. Tries never go
 * to a node that was tried before. The budget is a share of the requests that ended in the last ten seconds, and ten on
 * top, so that a quiet client may retry at all.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { BUDGET_FLOOR = 10, TICKETS = 65536, TICKETS_LEAST = 2048 };

/* ---- budget ---- */

static void budget_pass(struct sim_client *client, uint64_t now) {
    uint32_t second = (uint32_t)(now / 1000000000);
    uint32_t gone = second - client->second < SIM_BUDGET_SECONDS ? second - client->second : SIM_BUDGET_SECONDS;
    for (uint32_t i = 1; i <= gone; i++) {
        client->ended[(client->second + i) % SIM_BUDGET_SECONDS] = 0;
        client->retried[(client->second + i) % SIM_BUDGET_SECONDS] = 0;
    }
    client->second = second;
}

static bool budget_allows(struct sim_client *client, const struct sim_clients *rules, uint64_t now) {
    double ended = 0, retried = 0;
    if (rules->retry_budget <= 0) {
        return true;
    }
    budget_pass(client, now);
    for (int i = 0; i < SIM_BUDGET_SECONDS; i++) {
        ended += client->ended[i];
        retried += client->retried[i];
    }
    return retried < rules->retry_budget * ended + BUDGET_FLOOR;
}

/* ---- tries ---- */

static void free_request(struct sim_world *world, uint32_t place) { sim_slab_give(&world->requests, place); }

static void free_try(struct sim_world *world, uint32_t place) {
    sim_try_at(world, place)->serial++;
    sim_slab_give(&world->tries, place);
}

static void end_request(struct sim_world *world, uint32_t place, uint32_t outcome) {
    const struct sim_request *request = sim_request_at(world, place);
    struct sim_client *client = &world->clients[request->arrival.client];
    budget_pass(client, world->now);
    client->ended[client->second % SIM_BUDGET_SECONDS]++;
    sim_measure_end(world, request, outcome);
    free_request(world, place);
}

static void tick(struct sim_world *world, struct sim_client *client) {
    if (world->now >= client->next_tick) {
        lw_pool_tick(client->pool, world->now, &client->next_tick);
    }
}

static size_t fill_amounts(const struct sim_world *world, const struct sim_arrival *arrival, double output,
                           lw_amount *amounts) {
    const struct sim_pool *pool = &world->scenario->pool;
    for (uint32_t i = 0; i < pool->options.dimension_count; i++) {
        bool tokens = sim_counts_tokens(&pool->dimensions[i]);
        amounts[i] = (lw_amount){i, tokens ? (uint64_t)(arrival->context + output) : 1};
    }
    return pool->options.dimension_count;
}

/* The client does not know how long an answer will be: it reckons with the mean. */
static int pick(struct sim_world *world, struct sim_client *client, const struct sim_request *request,
                lw_ticket *ticket) {
    lw_amount amounts[LW_QUOTA_DIMENSIONS];
    lw_request asked = LW_REQUEST_INIT;
    if (request->arrival.key != 0) {
        asked.flags = LW_REQUEST_KEYED;
        asked.key = request->arrival.key;
    }
    asked.exclude = request->tried;
    asked.exclude_count = request->tries;
    asked.amounts = amounts;
    asked.amount_count = fill_amounts(world, &request->arrival, world->mean_output, amounts);
    asked.cost = (uint64_t)(request->arrival.context + world->mean_output);
    tick(world, client);
    return lw_pick_at(client->pool, client->route, &asked, world->now, ticket);
}

static void send_try(struct sim_world *world, uint32_t request_place, const lw_ticket *ticket) {
    struct sim_request *request = sim_request_at(world, request_place);
    const struct sim_arrival *arrival = &request->arrival;
    uint32_t place = sim_slab_take(&world->tries);
    if (place == SIM_NONE) {
        sim_world_fail(world, LW_NOMEM);
        return;
    }
    struct sim_try *try = sim_try_at(world, place);
    uint32_t serial = try->serial, node = (uint32_t)((struct sim_server *)ticket->user - world->servers);
    *try = (struct sim_try){.ticket = *ticket,
                            .request = request_place,
                            .client = arrival->client,
                            .node = node,
                            .serial = serial,
                            .key = arrival->key,
                            .time = arrival->time,
                            .context = arrival->context,
                            .output = arrival->output};
    try->chance = sim_chance_of(world->source.seed, SIM_OF_TRY, arrival->number * (SIM_TRIES + 1) + request->tries);
    request->tried[request->tries++] = ticket->node;
    sim_measure_sent(world, node, request);
    sim_timeouts_add(world, place);
    uint64_t away = sim_world_network(world, &try->chance, world->servers[node].node);
    if (away == 0) {
        sim_server_reach(world, place);
    } else {
        sim_world_add_try(world, world->now + away, SIM_REACHES, place);
    }
}

/* Once more; or it ends in this, the outcome of the try before. */
static void try_again(struct sim_world *world, uint32_t place, uint32_t outcome) {
    struct sim_request *request = sim_request_at(world, place);
    struct sim_client *client = &world->clients[request->arrival.client];
    lw_ticket ticket;
    int error = pick(world, client, request, &ticket);
    if (error != LW_OK) {
        if (!lw_is_refusal(error)) {
            sim_world_fail(world, error);
        }
        end_request(world, place, outcome);
        return;
    }
    client->retried[client->second % SIM_BUDGET_SECONDS]++;
    sim_measure_retry(world, request);
    send_try(world, place, &ticket);
}

static void after_failure(struct sim_world *world, uint32_t place, uint32_t outcome) {
    const struct sim_clients *rules = &world->scenario->clients;
    const struct sim_request *request = sim_request_at(world, place);
    struct sim_client *client = &world->clients[request->arrival.client];
    if (request->tries > rules->retries) {
        end_request(world, place, outcome);
    } else if (!budget_allows(client, rules, world->now)) {
        world->result->over_budget += sim_is_measured(world, request->arrival.at);
        end_request(world, place, outcome);
    } else {
        try_again(world, place, outcome);
    }
}

static void report(struct sim_world *world, const struct sim_try *try, uint32_t outcome) {
    lw_amount amounts[LW_QUOTA_DIMENSIONS];
    lw_sample sample = LW_SAMPLE_INIT;
    struct sim_arrival arrival = {.context = try->context};
    sample.outcome = outcome;
    sample.now = world->now;
    sample.retry_after = outcome == LW_OUTCOME_RATE_LIMITED ? try->retry_after : 0;
    if (outcome == LW_OUTCOME_OK) {
        sample.service = try->service;
        sample.queued = try->queued;
        sample.amounts = amounts;
        sample.amount_count = fill_amounts(world, &arrival, try->output, amounts);
    }
    lw_done(world->clients[try->client].pool, &try->ticket, &sample);
}

void sim_client_answer(struct sim_world *world, uint32_t place) {
    const struct sim_try *try = sim_try_at(world, place);
    uint32_t request = try->request, outcome = try->outcome;
    if (request == SIM_NONE) {
        free_try(world, place); /* nobody waits for it */
        return;
    }
    report(world, try, outcome);
    sim_timeouts_remove(world, place);
    free_try(world, place);
    if (outcome == LW_OUTCOME_OK) {
        end_request(world, request, outcome);
    } else {
        after_failure(world, request, outcome);
    }
}

void sim_client_expire(struct sim_world *world, uint32_t place) {
    struct sim_try *try = sim_try_at(world, place);
    uint32_t request = try->request;
    sim_timeouts_remove(world, place);
    report(world, try, LW_OUTCOME_TIMEOUT);
    try->request = SIM_NONE; /* the node knows nothing of that */
    after_failure(world, request, LW_OUTCOME_TIMEOUT);
}

void sim_client_begin(struct sim_world *world) {
    uint32_t place = sim_slab_take(&world->requests);
    lw_ticket ticket;
    if (place == SIM_NONE) {
        sim_world_fail(world, LW_NOMEM);
        return;
    }
    struct sim_request *request = sim_request_at(world, place);
    request->arrival = world->arrival;
    request->tries = 0;
    world->result->requests += sim_is_measured(world, request->arrival.at);
    int error = pick(world, &world->clients[request->arrival.client], request, &ticket);
    if (error == LW_OK) {
        send_try(world, place, &ticket);
        return;
    }
    if (!lw_is_refusal(error)) {
        sim_world_fail(world, error);
    }
    sim_measure_refused(world, request);
    free_request(world, place);
}

/* ---- probes ---- */

/* A strategy wishes to hear of a node. Inside a pick: the wish is only noted. */
static void note_wish(void *user, uint64_t id) {
    struct sim_client *client = user;
    struct sim_world *world = client->world;
    const uint32_t *node = sim_keymap_at(&world->names, id);
    uint32_t place = node != NULL && *node > 0 ? sim_slab_take(&world->probes) : SIM_NONE;
    if (place == SIM_NONE) {
        return;
    }
    struct sim_probe *probe = sim_slab_at(&world->probes, place);
    probe->client = client->number;
    probe->node = *node - 1;
    uint64_t away = sim_world_network(world, &world->probing, world->servers[probe->node].node);
    sim_world_add(world, world->now + away, SIM_ASKS, place);
}

void sim_client_tell(struct sim_world *world, uint32_t place) {
    struct sim_probe *probe = sim_slab_at(&world->probes, place);
    probe->answer.now = world->now;
    lw_pool_probed(world->clients[probe->client].pool, world->servers[probe->node].id, &probe->answer);
    sim_slab_give(&world->probes, place);
}

/* ---- pools ---- */

static uint64_t clock_of(void *user) { return ((const struct sim_client *)user)->world->now; }

/* Keeps what the library says when it cannot do something. */
static void keep_log(void *user, int code, const char *message) {
    const struct sim_client *client = user;
    char *why = client->world->result->why;
    (void)code;
    strncpy(why, message, SIM_WHY - 1);
    why[SIM_WHY - 1] = '\0';
}

static lw_node_spec spec_of(struct sim_world *world, uint32_t node, lw_quota_limit *limits) {
    const struct sim_pool *pool = &world->scenario->pool;
    const struct sim_node *from = &world->scenario->nodes[node];
    lw_node_spec spec = LW_NODE_SPEC_INIT;
    spec.name = from->name;
    spec.weight = from->weight;
    spec.priority = from->priority;
    spec.zone = from->zone;
    spec.max_inflight = from->max_inflight;
    spec.user = &world->servers[node];
    spec.limits = limits;
    for (uint32_t i = 0; i < pool->options.dimension_count; i++) {
        if (from->quota[i] > 0) {
            limits[spec.limit_count].dimension = i;
            limits[spec.limit_count++].limit = (uint64_t)from->quota[i];
        }
    }
    return spec;
}

int sim_clients_update(struct sim_world *world) {
    uint32_t count = 0, dimensions = world->scenario->pool.options.dimension_count;
    for (uint32_t i = 0; i < world->scenario->node_count; i++) {
        if (world->servers[i].present) {
            world->specs[count++] = spec_of(world, i, world->limits + (size_t)i * dimensions);
        }
    }
    int error = LW_OK;
    uint32_t clients = world->scenario->clients.count;
    for (uint32_t i = 0; i < clients && error == LW_OK && sim_world_goes_on(world, count); i++) {
        error = lw_pool_update(world->clients[i].pool, world->specs, count, LW_UPDATE_ALLOW_EMPTY, NULL);
    }
    return error;
}

static int client_open(struct sim_world *world, struct sim_client *client, uint32_t number) {
    lw_env env = LW_ENV_INIT;
    lw_pool_options options = world->scenario->pool.options;
    uint32_t share = TICKETS / world->scenario->clients.count;
    struct sim_chance chance = sim_chance_of(world->source.seed, SIM_OF_POOL, number);
    client->world = world;
    client->number = number;
    env.user = client;
    env.now = clock_of;
    env.log = keep_log;
    env.probe = note_wish;
    env.seed = sim_bits(&chance) | 1;
    options.reuse = LW_REUSE_NEVER; /* a request is not tried twice at one node, even if it is the only one */
    options.max_tickets = options.max_tickets > 0 ? options.max_tickets : share > TICKETS_LEAST ? share : TICKETS_LEAST;
    int error = lw_pool_new(&client->pool, &env, &options);
    return error == LW_OK ? lw_pool_route(client->pool, "default", world->options->strategy, NULL, &client->route)
                          : error;
}

int sim_clients_open(struct sim_world *world) {
    const struct sim_scenario *scenario = world->scenario;
    uint32_t dimensions = scenario->pool.options.dimension_count;
    int error = LW_OK;
    world->clients = calloc(scenario->clients.count, sizeof *world->clients);
    world->specs = calloc(scenario->node_count, sizeof *world->specs);
    world->limits = calloc((size_t)scenario->node_count * dimensions + 1, sizeof *world->limits);
    if (world->clients == NULL || world->specs == NULL || world->limits == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < scenario->clients.count && error == LW_OK; i++) {
        error = client_open(world, &world->clients[i], i);
    }
    return error == LW_OK ? sim_clients_update(world) : error;
}

void sim_clients_close(struct sim_world *world) {
    for (uint32_t i = 0; world->clients != NULL && i < world->scenario->clients.count; i++) {
        lw_pool_free(world->clients[i].pool);
    }
    free(world->clients);
    free(world->specs);
    free(world->limits);
}
