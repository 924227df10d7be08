/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server that embeds a pool: one thread, one poll loop, no lock. It takes a line per connection, picks an upstream
 * for it, forwards the line and brings the answer back. Lines that begin with "!" are commands:
 *
 *     !nodes alpha beta ...          from now on these are the upstreams
 *     !drain alpha                   no new lines for alpha
 *     !break alpha, !repair alpha    alpha hangs up without an answer
 *     !quit
 *
 * The upstreams are tiny echo servers in the same loop. `server PORT` serves until it is told to quit. Without a port a
 * script plays in simulated time: eight clients with 400 lines, an upstream that breaks and is repaired, one that
 * joins, one that drains.
 */
#define _POSIX_C_SOURCE 200809L
#include "loop.h"
#include <inttypes.h>
#include <loadwise/loadwise.h>

enum { UPSTREAMS = 4, TRIES = 3, CLIENTS = 8, LINES = 400 };

struct upstream {
    const char *name;
    uint64_t service; /* how long it takes for an answer */
    int port, broken;
};
static struct upstream upstreams[UPSTREAMS] = {
    {"alpha", 2 * MS, 0, 0}, {"beta", 3 * MS, 0, 0}, {"gamma", 4 * MS, 0, 0}, {"delta", 2 * MS, 0, 0}};

/* A client's line, from its arrival to its answer. */
struct job {
    struct link *client, *call; /* call: to an upstream, NULL while there is none */
    lw_ticket ticket;           /* of the call */
    int waits;                  /* for another one to end */
    uint64_t tried[TRIES];
    uint32_t tries;
};

static struct {
    lw_pool *pool;
    uint32_t route;
    uint64_t tick; /* when the pool wants to be called */
    struct job jobs[MOST_LINKS];
    int port, quit, asked, answered, refused;
} server;

/* ---- the pool ---- */

static void tell(const char *what) { printf("%5" PRIu64 " ms  %s", loop.clock / MS, what); }

static const char *name_of(uint64_t node) {
    lw_node_info info = {.size = sizeof info};
    return lw_pool_node(server.pool, node, loop.clock, &info) == LW_OK ? info.name : "one that has left";
}

static void note_health(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    static const char *const words[] = {"healthy", "degraded", "unhealthy", "recovering"};
    (void)user, (void)cause;
    tell(name_of(node));
    printf(": %s -> %s\n", words[from], words[to]);
}

static void note_drained(void *user, uint64_t node) {
    (void)user;
    tell(name_of(node));
    puts(": drained");
}

/* From now on these are the upstreams. What is known of those that stay is kept. */
static void reload(char *names) {
    lw_node_spec specs[UPSTREAMS];
    lw_update_report report = LW_UPDATE_REPORT_INIT;
    size_t count = 0;
    for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
        for (struct upstream *upstream = upstreams; upstream < upstreams + UPSTREAMS; upstream++) {
            if (strcmp(upstream->name, name) == 0 && count < UPSTREAMS) {
                specs[count] = (lw_node_spec)LW_NODE_SPEC_INIT;
                specs[count].name = name;
                specs[count].max_inflight = 3;
                specs[count++].user = upstream;
            }
        }
    }
    int error = lw_pool_update(server.pool, specs, count, 0, &report);
    tell(lw_error_name(error));
    printf(": %" PRIu32 " added, %" PRIu32 " removed, %" PRIu32 " kept\n", report.added, report.removed, report.kept);
}

static void open_pool(void) {
    lw_env env = LW_ENV_INIT;
    lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    char names[] = "alpha beta gamma";
    env.now = loop_clock;
    env.seed = loop.simulated ? 1 : 0;
    health.probe_interval = 20 * MS; /* short, as the script is */
    observer.health_changed = note_health;
    observer.drained = note_drained;
    options.health = &health;
    options.observer = &observer;
    options.slow_start = 50 * MS;
    options.ticket_ttl = 1000 * MS;
    int error = lw_pool_new(&server.pool, &env, &options);
    if (error == LW_OK) {
        reload(names);
        error = lw_pool_route(server.pool, "default", "p2c metric=peak_ewma", NULL, &server.route);
    }
    require(error == LW_OK, lw_error_message(error));
}

/* ---- a line: pick, call, end the ticket, answer or try again ---- */

static void answer(struct job *job, const char *who, const char *what) {
    link_say(job->client, who, what);
    link_close(job->client);
    job->client = NULL;
}

/* Waits for a time, for another request to end, or for whichever comes first. */
static void wait_or_refuse(struct job *job, const lw_ticket *refusal) {
    job->waits = refusal->retry == LW_RETRY_ON_COMPLETION;
    job->client->due = refusal->retry_at;
    if (refusal->retry == LW_RETRY_NEVER || (!job->waits && refusal->retry_at > loop.clock + 1000 * MS)) {
        server.refused++;
        answer(job, "sorry", lw_error_message(refusal->reason));
    }
}

static void on_call(struct link *call);
static void on_timeout(struct link *call);

static void dispatch(struct job *job) {
    lw_request request = LW_REQUEST_INIT;
    request.exclude = job->tried;
    request.exclude_count = job->tries;
    job->waits = 0;
    job->client->due = NEVER;
    if (lw_pick_at(server.pool, server.route, &request, loop.clock, &job->ticket) != LW_OK) {
        wait_or_refuse(job, &job->ticket);
        return;
    }
    const struct upstream *upstream = job->ticket.user;
    job->call = link_connect(upstream->port, on_call, on_timeout, job);
    if (job->call == NULL) {
        lw_cancel_at(server.pool, &job->ticket, loop.clock); /* nothing was sent and nothing learnt */
        answer(job, "sorry", "too many connections");
        return;
    }
    job->call->due = loop.clock + 100 * MS;
}

/* The call has ended, and with it the ticket. A place is free: whoever waits for one asks again. */
static void end_call(struct job *job, uint32_t outcome) {
    lw_sample sample = LW_SAMPLE_INIT; /* without a latency: the time since the pick counts */
    sample.outcome = outcome;
    sample.now = loop.clock;
    lw_done(server.pool, &job->ticket, &sample);
    link_close(job->call);
    job->call = NULL;
    for (struct job *other = server.jobs; other < server.jobs + MOST_LINKS; other++) {
        if (other->client != NULL && other->waits) {
            other->client->due = loop.clock;
        }
    }
}

static void fail(struct job *job, uint32_t outcome) {
    end_call(job, outcome);
    job->tried[job->tries++] = job->ticket.node;
    if (job->tries < TRIES) {
        dispatch(job);
    } else {
        answer(job, "sorry", "every try failed");
    }
}

static void on_timeout(struct link *call) { fail(call->data, LW_OUTCOME_TIMEOUT); }

static void on_call(struct link *call) {
    struct job *job = call->data;
    if (call->writes && !link_connected(call)) {
        fail(job, LW_OUTCOME_CONNECT_FAILURE);
    } else if (call->writes) {
        link_say(call, "", job->client->line);
    } else {
        char line[LINE];
        int heard = link_hear(call);
        memcpy(line, call->line, sizeof line);
        if (heard > 0) {
            end_call(job, LW_OUTCOME_OK);
            answer(job, "", line);
        } else if (heard < 0) {
            fail(job, LW_OUTCOME_FAILURE);
        }
    }
}

static void obey(struct job *job) {
    char none[] = "", *word = strtok(job->client->line + 1, " "), *rest = strtok(NULL, "");
    word = word != NULL ? word : none;
    rest = rest != NULL ? rest : none;
    tell(word);
    printf(" %s\n", rest);
    for (struct upstream *upstream = upstreams; upstream < upstreams + UPSTREAMS; upstream++) {
        if (strcmp(upstream->name, rest) == 0 && strcmp(word, "nodes") != 0) {
            upstream->broken = strcmp(word, "break") == 0;
        }
    }
    if (strcmp(word, "nodes") == 0) {
        reload(rest);
    } else if (strcmp(word, "drain") == 0) {
        lw_pool_admin(server.pool, lw_id(rest, strlen(rest)), LW_ADMIN_DRAINING, 0);
    }
    server.quit = strcmp(word, "quit") == 0;
    server.tick = loop.clock; /* what has changed may be due before all that the pool knew of */
    answer(job, "done", word);
}

static void on_client(struct link *client) {
    struct job *job = client->data;
    int heard = link_hear(client);
    if (heard > 0) {
        *client->line == '!' ? obey(job) : dispatch(job);
    } else if (heard < 0) { /* gone, perhaps while its call is under way */
        if (job->call != NULL) {
            end_call(job, LW_OUTCOME_CANCELLED);
        }
        link_close(client);
        job->client = NULL;
    }
}

static void on_asked_again(struct link *client) { dispatch(client->data); }

static void on_front(struct link *front) {
    int fd;
    while ((fd = accept(front->fd, NULL, NULL)) >= 0) {
        struct link *client = link_open(fd, on_client, on_asked_again, NULL);
        if (client != NULL) {
            client->data = &server.jobs[client - loop.links];
            *(struct job *)client->data = (struct job){.client = client};
        }
    }
}

/* ---- the other side: upstreams, and the clients of the script ---- */

static void on_served(struct link *served) {
    const struct upstream *upstream = served->data;
    int heard = link_hear(served);
    if (heard < 0 || (heard > 0 && upstream->broken)) {
        link_close(served);
    } else if (heard > 0) {
        served->due = loop.clock + upstream->service;
    }
}

static void on_answer(struct link *served) {
    link_say(served, ((const struct upstream *)served->data)->name, served->line);
    link_close(served);
}

static void on_back(struct link *back) {
    int fd;
    while ((fd = accept(back->fd, NULL, NULL)) >= 0) {
        link_open(fd, on_served, on_answer, back->data);
    }
}

static const struct {
    int line;
    const char *command;
} script[] = {
    {50, "!break beta"}, {150, "!repair beta"}, {220, "!nodes alpha beta gamma delta"}, {300, "!drain gamma"}};

static void on_visitor(struct link *visitor) {
    char line[LINE];
    if (visitor->writes) {
        snprintf(line, sizeof line, "line %d", ++server.asked);
        for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
            if (script[i].line == server.asked) {
                snprintf(line, sizeof line, "%s", script[i].command);
            }
        }
        link_say(visitor, "", line);
    } else if (link_hear(visitor) != 0) {
        link_close(visitor);
        if (++server.answered <= LINES - CLIENTS) {
            link_connect(server.port, on_visitor, NULL, NULL);
        }
    }
}

/* ---- the end ---- */

static int show_node(void *user, const lw_node_info *info) {
    static const char *const admin[] = {"", "draining", "disabled"};
    (void)user;
    printf("%-6s %9" PRIu64 " %9" PRIu32 " %6.1f ms  %s\n", info->name, info->started, info->inflight,
           (double)info->mean / (double)MS, admin[info->admin]);
    return 0;
}

static int show(void) {
    lw_pool_stats stats = {.size = sizeof stats};
    puts("\nnode     started  inflight      mean");
    lw_pool_each(server.pool, loop.clock, show_node, NULL);
    lw_pool_stats_read(server.pool, loop.clock, &stats);
#define SHOW(type, member, meaning) printf("%9" PRIu64 "  %s\n", stats.member, meaning);
    LW_POOL_STATS_LIST(SHOW)
#undef SHOW
    return server.answered == LINES && server.refused == 0 && stats.tickets == 0;
}

int main(int argc, char **argv) {
    loop.simulated = argc < 2;
    loop.clock = MS;
    open_pool();
    for (struct upstream *upstream = upstreams; upstream < upstreams + UPSTREAMS; upstream++) {
        upstream->port = link_listen(0, on_back, upstream);
    }
    server.port = link_listen(loop.simulated ? 0 : atoi(argv[1]), on_front, NULL);
    for (int client = 0; loop.simulated && client < CLIENTS; client++) {
        link_connect(server.port, on_visitor, NULL, NULL);
    }
    while (!server.quit && !(loop.simulated && server.answered == LINES)) {
        uint64_t now = loop_turn(server.tick);
        if (server.tick <= now) {
            lw_pool_tick(server.pool, now, &server.tick);
        }
    }
    int good = show() || !loop.simulated;
    loop_close();
    lw_pool_free(server.pool);
    return good ? 0 : 1;
}
