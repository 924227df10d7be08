/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nodes: slots that work, a line that waits, first come first served.
 *
 * A service is as long as it is when it begins: the request's work, by the node's speed and what slows it at that
 * moment. While a node is frozen it works on nothing: what it was working on ends later by the length of the freeze,
 * what is begun meanwhile is begun when it is over. A try that its client has given up is worked on all the same, as
 * servers do.
 */
#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

static void line_push(struct sim_world *world, struct sim_line *line, uint32_t place) {
    struct sim_try *try = sim_try_at(world, place);
    try->before = line->count > 0 ? line->last : SIM_NONE;
    try->after = SIM_NONE;
    if (line->count++ > 0) {
        sim_try_at(world, line->last)->after = place;
    } else {
        line->first = place;
    }
    line->last = place;
}

static void line_remove(struct sim_world *world, struct sim_line *line, uint32_t place) {
    const struct sim_try *try = sim_try_at(world, place);
    if (try->before != SIM_NONE) {
        sim_try_at(world, try->before)->after = try->after;
    } else {
        line->first = try->after;
    }
    if (try->after != SIM_NONE) {
        sim_try_at(world, try->after)->before = try->before;
    } else {
        line->last = try->before;
    }
    line->count--;
}

uint32_t sim_server_load(const struct sim_server *server) { return server->waiting.count + server->working.count; }

/* ---- answers ---- */

static void answer(struct sim_world *world, uint32_t place, uint32_t outcome) {
    struct sim_try *try = sim_try_at(world, place);
    struct sim_server *server = &world->servers[try->node];
    uint64_t back = sim_world_network(world, &try->chance, server->node);
    try->outcome = outcome;
    try->queued = server->waiting.count;
    if (back == 0) {
        sim_client_answer(world, place);
    } else {
        sim_world_add_try(world, world->now + back, SIM_ANSWERS, place);
    }
}

/* ---- work ---- */

static double work_of(const struct sim_world *world, const struct sim_server *server, const struct sim_try *try) {
    const struct sim_service *service = &world->scenario->service;
    if (service->work == SIM_WORK_TIME) {
        return try->time;
    }
    double others = server->node->slots > 0 ? (double)server->working.count / server->node->slots : 0;
    return (service->prefill * try->context + service->decode * try->output) * (1 + service->batch_slowdown * others);
}

static double cache_factor(struct sim_world *world, struct sim_server *server, const struct sim_try *try) {
    if (server->cache == NULL || try->key == 0) {
        return 1;
    }
    bool hit = sim_cache_use(server->cache, try->key);
    struct sim_tally *tally = &world->result->nodes[try->node];
    if (sim_is_measured(world, world->now)) {
        tally->cache_asked++;
        tally->cache_hits += hit;
    }
    return hit || world->scenario->service.miss <= 1 ? 1 : world->scenario->service.miss;
}

/* Does this try fail, and then after what time? */
static bool errs(const struct sim_server *server, struct sim_try *try) {
    return server->errors > 0 && sim_uniform(&try->chance) <= server->errors;
}

static void start(struct sim_world *world, uint32_t place) {
    struct sim_try *try = sim_try_at(world, place);
    struct sim_server *server = &world->servers[try->node];
    double factor = sim_factor(&try->chance, server->node->noise) * server->slow / server->node->speed;
    double ns = work_of(world, server, try) * factor * cache_factor(world, server, try);
    try->outcome = LW_OUTCOME_OK;
    if (errs(server, try)) {
        try->outcome = LW_OUTCOME_FAILURE;
        ns = server->node->error_after > 0 ? (double)server->node->error_after : ns;
    }
    try->service = (uint64_t)llround(ns < SIM_LONGEST ? ns : SIM_LONGEST);
    try->waiting = false;
    try->working = true;
    line_push(world, &server->working, place);
    uint64_t begins = world->now < server->frozen_until ? server->frozen_until : world->now;
    try->ends = begins + try->service;
    sim_world_add_try(world, try->ends, SIM_FINISHES, place);
}

static void start_waiting(struct sim_world *world, struct sim_server *server) {
    while (server->waiting.count > 0 && server->working.count < server->node->slots) {
        uint32_t place = server->waiting.first;
        line_remove(world, &server->waiting, place);
        start(world, place);
    }
}

/* ---- limits ---- */

/* The amounts of a try in the dimensions of the pool. */
static double amount_of(const struct sim_world *world, const struct sim_try *try, uint32_t dimension) {
    bool tokens = sim_counts_tokens(&world->scenario->pool.dimensions[dimension]);
    return tokens ? (double)(uint64_t)(try->context + try->output) : 1; /* whole ones, as pools count them */
}

/* Turns a try away that would exceed what the node really allows; counts what it is sent either way. */
static bool exceeds(struct sim_world *world, struct sim_server *server, struct sim_try *try) {
    const struct sim_pool *pool = &world->scenario->pool;
    bool full = false;
    for (uint32_t i = 0; i < pool->options.dimension_count; i++) {
        double limit = server->node->quota[i], amount = amount_of(world, try, i);
        uint64_t length = pool->dimensions[i].window;
        if (limit <= 0) {
            continue;
        }
        sim_window_pass(&server->sent[i], length, world->now);
        sim_window_pass(&server->served[i], length, world->now);
        sim_window_add(&server->sent[i], amount);
        if (sim_is_measured(world, world->now) && server->sent[i].sum / limit - 1 > world->result->overshoot) {
            world->result->overshoot = server->sent[i].sum / limit - 1;
        }
        double lacking = server->served[i].sum + amount - limit;
        if (lacking > 0) {
            uint64_t wait = sim_window_wait(&server->served[i], length, world->now, lacking);
            try->retry_after = wait > try->retry_after ? wait : try->retry_after;
            full = true;
        }
    }
    for (uint32_t i = 0; !full && i < pool->options.dimension_count; i++) {
        sim_window_add(&server->served[i], amount_of(world, try, i));
    }
    return full;
}

static bool is_limited(struct sim_world *world, struct sim_server *server, struct sim_try *try) {
    if (server->limited > 0 && sim_uniform(&try->chance) <= server->limited) {
        try->retry_after = server->limit_wait;
        return true;
    }
    return server->sent != NULL && exceeds(world, server, try);
}

/* ---- what reaches a node ---- */

void sim_server_reach(struct sim_world *world, uint32_t place) {
    struct sim_try *try = sim_try_at(world, place);
    struct sim_server *server = &world->servers[try->node];
    struct sim_tally *tally = &world->result->nodes[try->node];
    bool measured = sim_is_measured(world, world->now);
    if (server->down || !server->present) {
        answer(world, place, LW_OUTCOME_CONNECT_FAILURE);
        return;
    }
    if (is_limited(world, server, try)) {
        world->result->limited += measured;
        answer(world, place, LW_OUTCOME_RATE_LIMITED);
        return;
    }
    bool free = server->node->slots == 0 || server->working.count < server->node->slots;
    if (!free && server->waiting.count >= server->node->queue) {
        tally->turned_away += measured;
        answer(world, place, LW_OUTCOME_OVERLOAD);
        return;
    }
    try->reached = world->now;
    try->met = sim_server_load(server);
    sim_measure_level(world, try->node);
    world->result->tries += measured;
    if (free) {
        start(world, place);
    } else {
        world->result->waited += measured;
        try->waiting = true;
        line_push(world, &server->waiting, place);
    }
    tally->peak = sim_server_load(server) > tally->peak ? sim_server_load(server) : tally->peak;
}

void sim_server_finish(struct sim_world *world, uint32_t place) {
    struct sim_try *try = sim_try_at(world, place);
    struct sim_server *server = &world->servers[try->node];
    sim_measure_level(world, try->node);
    line_remove(world, &server->working, place);
    try->working = false;
    if (server->sojourns != NULL) {
        sim_sojourns_add(server->sojourns, try->met, world->now - try->reached, world->now);
    }
    struct sim_tally *tally = &world->result->nodes[try->node];
    if (sim_is_measured(world, world->now)) {
        tally->served++;
        tally->failed += try->outcome != LW_OUTCOME_OK;
    }
    start_waiting(world, server);
    answer(world, place, try->outcome);
}

void sim_server_freeze(struct sim_world *world, uint32_t node, uint64_t length) {
    struct sim_server *server = &world->servers[node];
    server->frozen_until = world->now + length;
    uint32_t place = server->working.first;
    for (uint32_t i = 0; i < server->working.count; i++) {
        struct sim_try *try = sim_try_at(world, place);
        try->serial++; /* the end that was to come does not */
        try->ends += length;
        sim_world_add_try(world, try->ends, SIM_FINISHES, place);
        place = try->after;
    }
}

static void drop_line(struct sim_world *world, struct sim_line *line) {
    while (line->count > 0) {
        uint32_t place = line->first;
        struct sim_try *try = sim_try_at(world, place);
        line_remove(world, line, place);
        try->serial++; /* what was to come for it does not */
        try->working = try->waiting = false;
        answer(world, place, LW_OUTCOME_FAILURE);
    }
}

void sim_server_drop(struct sim_world *world, uint32_t node) {
    struct sim_server *server = &world->servers[node];
    sim_measure_level(world, node);
    drop_line(world, &server->waiting);
    drop_line(world, &server->working);
    if (server->cache != NULL) {
        sim_cache_clear(server->cache);
    }
}

/* The first probe finds no times: they are written down from then on, since most strategies never ask, and a thousand
   nodes would take 19 MB for nothing. */
void sim_server_ask(struct sim_world *world, uint32_t place) {
    struct sim_probe *probe = sim_slab_at(&world->probes, place);
    struct sim_server *server = &world->servers[probe->node];
    if (server->down || !server->present || world->now < server->frozen_until) {
        sim_slab_give(&world->probes, place); /* no answer */
        return;
    }
    if (server->sojourns == NULL) {
        server->sojourns = calloc(1, sizeof *server->sojourns);
    }
    if (server->sojourns == NULL) {
        sim_world_fail(world, LW_NOMEM);
        sim_slab_give(&world->probes, place);
        return;
    }
    probe->answer = (lw_probe)LW_PROBE_INIT;
    probe->answer.inflight = sim_server_load(server);
    probe->answer.latency = sim_sojourns_at(server->sojourns, sim_server_load(server), world->now);
    sim_world_add(world, world->now + sim_world_network(world, &world->probing, server->node), SIM_TELLS, place);
}

/* ---- all of them ---- */

static int server_open(struct sim_world *world, struct sim_server *server, const struct sim_node *node) {
    const lw_pool_options *options = &world->scenario->pool.options;
    bool limited = false;
    for (uint32_t i = 0; i < options->dimension_count; i++) {
        limited |= node->quota[i] > 0;
    }
    server->node = node;
    server->id = lw_id(node->name, strlen(node->name));
    server->slow = 1;
    server->errors = node->error_share;
    server->present = node->joins == 0;
    world->present += server->present;
    if (node->cache > 0) {
        server->cache = sim_cache_new(node->cache);
    }
    if (limited) {
        server->sent = calloc(options->dimension_count, sizeof *server->sent);
        server->served = calloc(options->dimension_count, sizeof *server->served);
    }
    bool whole =
        (server->cache != NULL || node->cache == 0) && (!limited || (server->sent != NULL && server->served != NULL));
    return whole ? LW_OK : LW_NOMEM;
}

int sim_servers_open(struct sim_world *world) {
    uint32_t count = world->scenario->node_count;
    int error = LW_OK;
    world->servers = calloc(count, sizeof *world->servers);
    if (world->servers == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < count && error == LW_OK; i++) {
        error = server_open(world, &world->servers[i], &world->scenario->nodes[i]);
        uint32_t *place = error == LW_OK ? sim_keymap_at(&world->names, world->servers[i].id) : NULL;
        error = place != NULL ? LW_OK : LW_NOMEM;
        if (place != NULL) {
            *place = i + 1;
        }
    }
    return error;
}

void sim_servers_close(struct sim_world *world) {
    for (uint32_t i = 0; world->servers != NULL && i < world->scenario->node_count; i++) {
        sim_cache_free(world->servers[i].cache);
        free(world->servers[i].sojourns);
        free(world->servers[i].sent);
        free(world->servers[i].served);
    }
    free(world->servers);
}
