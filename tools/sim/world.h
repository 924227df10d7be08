/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One run while it goes on: requests, their tries, the servers that work on them, the clients that pick.
 *
 *   run.c      time: takes what is next and lets it happen
 *   client.c   a request arrives, is tried, tried again, given up
 *   server.c   a try reaches a node, waits, is worked on, is answered
 *   script.c   what the scenario lets happen to nodes
 *   measure.c  what is written down
 *
 * Requests and tries live in slabs and are named by their place; a try's serial tells an event of an earlier life
 * apart.
 */
#ifndef LOADWISE_SIM_WORLD_H
#define LOADWISE_SIM_WORLD_H

#include "arrivals.h"
#include "cache.h"
#include "events.h"
#include "keymap.h"
#include "measure.h"
#include "run.h"
#include "slab.h"
#include "sojourns.h"
#include "timeouts.h"
#include "window.h"

enum { SIM_TRIES = 17, SIM_BUDGET_SECONDS = 10 };

#define SIM_LONGEST 1e17 /* ns: three years; what is drawn beyond takes no longer */

enum sim_kind {
    SIM_REACHES,  /* a try, its node */
    SIM_FINISHES, /* a try's service */
    SIM_ANSWERS,  /* a try's answer, the client */
    SIM_ASKS,     /* a probe, its node */
    SIM_TELLS,    /* a probe's answer, the client */
    SIM_HAPPENS,  /* a step of the script */
    SIM_REPORTS,  /* nodes tell their loads */
};

struct sim_request {
    struct sim_arrival arrival;
    uint32_t tries;
    uint64_t tried[SIM_TRIES]; /* ids of nodes */
};

struct sim_try {
    lw_ticket ticket;
    struct sim_chance chance;
    uint64_t reached; /* the node */
    uint32_t met;     /* others that were there then */
    uint64_t service; /* ns */
    uint64_t retry_after;
    uint32_t request; /* SIM_NONE: given up by the client */
    uint32_t client, node;
    uint32_t serial;
    uint32_t before, after; /* among those that wait or are worked on at the node */
    uint32_t older, newer;  /* among those whose clients wait; see timeouts.h */
    uint64_t expires;
    uint32_t outcome;
    uint32_t queued; /* others that waited when it ended */
    uint64_t key;
    double time, context, output;
    uint64_t ends; /* its service */
    bool waiting, working;
};

struct sim_probe {
    uint32_t client, node;
    lw_probe answer;
};

/* A list of tries. */
struct sim_line {
    uint32_t first, last, count;
};

struct sim_server {
    const struct sim_node *node;
    uint64_t id;
    struct sim_line waiting, working;
    struct sim_cache *cache;
    struct sim_window *sent, *served; /* of each quota */
    double slow, errors, limited;
    uint64_t limit_wait, frozen_until;
    bool down, present;
    struct sim_sojourns *sojourns; /* for probes; NULL before the first */
    uint64_t looked_at;            /* up to when its load is written down */
};

struct sim_client {
    struct sim_world *world;
    lw_pool *pool;
    uint32_t route, number;
    uint64_t next_tick;
    uint32_t second; /* of the last entry of the budget */
    uint32_t ended[SIM_BUDGET_SECONDS], retried[SIM_BUDGET_SECONDS];
};

/* A node that was well again less than a second ago. */
struct sim_recovery {
    uint32_t node;
    uint64_t until;
};

struct sim_step {
    uint32_t node, event, phase;
};

struct sim_world {
    const struct sim_scenario *scenario;
    const struct sim_run_options *options;
    struct sim_result *result;
    uint64_t now;
    struct sim_source source;
    struct sim_arrival arrival; /* the next one */
    uint64_t end;               /* of the measured time: the duration, or when a bound on requests ended it */
    struct sim_events events;
    struct sim_slab requests, tries, probes;
    struct sim_line timeouts;
    struct sim_server *servers;
    uint32_t present; /* servers in the list of nodes */
    struct sim_client *clients;
    struct sim_step *steps;
    size_t step_count;
    struct sim_recovery *recoveries;
    uint32_t recovery_count;
    struct sim_keymap homes; /* by key: where it was last, plus 1 */
    struct sim_keymap names; /* by id of a node: its place, plus 1 */
    lw_node_spec *specs;
    lw_quota_limit *limits;
    struct sim_chance probing;
    double mean_output;
    uint64_t effort; /* since somebody was asked whether to go on */
    int error;       /* the first that happened */
};

static inline struct sim_try *sim_try_at(struct sim_world *world, uint32_t place) {
    return sim_slab_at(&world->tries, place);
}
static inline struct sim_request *sim_request_at(struct sim_world *world, uint32_t place) {
    return sim_slab_at(&world->requests, place);
}

/* Later; an error is kept in the world. what of a try carries its serial. */
void sim_world_add(struct sim_world *world, uint64_t at, enum sim_kind kind, uint32_t what);
void sim_world_add_try(struct sim_world *world, uint64_t at, enum sim_kind kind, uint32_t place);
void sim_world_fail(struct sim_world *world, int error);

/* So much was done, an event or a node at a client. Asks now and then whether to go on; false: no more, and the result
   says so. */
bool sim_world_goes_on(struct sim_world *world, uint64_t effort);

/* One way between a client and a node. */
uint64_t sim_world_network(struct sim_world *world, struct sim_chance *chance, const struct sim_node *node);

/* client.c */
int sim_clients_open(struct sim_world *world);
void sim_clients_close(struct sim_world *world);
int sim_clients_update(struct sim_world *world);
void sim_client_begin(struct sim_world *world);                  /* world->arrival has come */
void sim_client_answer(struct sim_world *world, uint32_t place); /* its answer is here */
void sim_client_expire(struct sim_world *world, uint32_t place);
void sim_client_tell(struct sim_world *world, uint32_t place);

/* server.c */
int sim_servers_open(struct sim_world *world);
void sim_servers_close(struct sim_world *world);
void sim_server_reach(struct sim_world *world, uint32_t place);
void sim_server_finish(struct sim_world *world, uint32_t place);
void sim_server_ask(struct sim_world *world, uint32_t place);
void sim_server_freeze(struct sim_world *world, uint32_t node, uint64_t length);
void sim_server_drop(struct sim_world *world, uint32_t node); /* all that it has is lost */
uint32_t sim_server_load(const struct sim_server *server);

/* script.c */
int sim_script_open(struct sim_world *world);
void sim_script_step(struct sim_world *world, uint32_t number);

/* measure.c */
int sim_measure_open(struct sim_world *world);
void sim_measure_level(struct sim_world *world, uint32_t node); /* before the load of a node changes */
void sim_measure_sent(struct sim_world *world, uint32_t node, const struct sim_request *request); /* one more try */
void sim_measure_recovered(struct sim_world *world, uint32_t node);
void sim_measure_end(struct sim_world *world, const struct sim_request *request, uint32_t outcome);
void sim_measure_refused(struct sim_world *world, const struct sim_request *request);
void sim_measure_retry(struct sim_world *world, const struct sim_request *request);
static inline bool sim_is_measured(const struct sim_world *world, uint64_t arrived) {
    return arrived >= world->scenario->warmup;
}

#endif
