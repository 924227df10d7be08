/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The slot map; see map.h. Cost: a lock and an array access a command; a reading is one command and 16384 stores. */
#include "map.h"
#include "reply.h"

#include <string.h>
#include <time.h>

/* ---- servers, with the lock held ---- */

static void let_go_locked(struct lw__redis_server *server) {
    if (server != NULL && --server->holders == 0) {
        lw__redis_server_free(server);
    }
}

/* The index of the server at that address, made if it is new; -1: out of memory or of room. */
static int index_of(struct lw__redis_map *map, const struct lw__redis_address *address) {
    int gap = -1;
    for (int i = 0; i < LW__REDIS_SERVERS; i++) {
        const struct lw__redis_server *server = map->server[i];
        if (server != NULL && lw__redis_address_same(&server->address[0], address)) {
            return i;
        }
        gap = server == NULL && gap < 0 ? i : gap;
    }
    if (gap >= 0) {
        map->server[gap] = lw__redis_server_new(map->common, address, 1);
        return map->server[gap] != NULL ? gap : -1;
    }
    return -1;
}

/* Drops the servers that have no slot. */
static void drop_idlers(struct lw__redis_map *map) {
    bool owns[LW__REDIS_SERVERS + 1] = {false};
    for (uint32_t slot = 0; slot < LW__REDIS_SLOTS; slot++) {
        owns[map->owner[slot]] = true;
    }
    for (int i = 0; i < LW__REDIS_SERVERS; i++) {
        if (!owns[i + 1]) {
            let_go_locked(map->server[i]);
            map->server[i] = NULL;
        }
    }
}

/* ---- birth and end ---- */

/* The addresses of all places. One name of a cluster that cannot be resolved does no harm while another can. */
static int resolve_all(const struct lw__redis_common *common, struct lw__redis_address *out, uint32_t *count) {
    const struct lw__redis_config *config = &common->config;
    struct lw__redis_address found[LW__REDIS_ADDRESSES];
    int error = LW_UNAVAILABLE;
    *count = 0;
    if (config->path != NULL) {
        *count = 1;
        return lw__redis_address_path(out, config->path, &common->env);
    }
    for (uint32_t i = 0; i < config->seeds; i++) {
        int more = lw__redis_resolve(&config->seed[i], found, &common->env);
        for (int j = 0; j < more && *count + (config->seeds - 1 - i) < LW__REDIS_SEED_ADDRESSES; j++) {
            out[(*count)++] = found[j];
        }
        error = more < 0 ? more : error;
    }
    return *count > 0 ? LW_OK : error;
}

static bool make_map_locks(struct lw__redis_map *map) {
    pthread_condattr_t monotonic;
    if (pthread_mutex_init(&map->lock, NULL) != 0 || pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    bool made =
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&map->read, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

int lw__redis_map_init(struct lw__redis_map *map, struct lw__redis_common *common) {
    map->common = common;
    int error = resolve_all(common, map->seed, &map->seeds);
    if (error != LW_OK) {
        return error;
    }
    if (!make_map_locks(map)) {
        return LW_NOMEM;
    }
    if (common->config.cluster) {
        return LW_OK;
    }
    uint32_t count = map->seeds < LW__REDIS_ADDRESSES ? map->seeds : LW__REDIS_ADDRESSES;
    map->server[0] = lw__redis_server_new(common, map->seed, count);
    for (uint32_t slot = 0; slot < LW__REDIS_SLOTS; slot++) {
        map->owner[slot] = 1;
    }
    return map->server[0] != NULL ? LW_OK : LW_NOMEM;
}

void lw__redis_map_end(struct lw__redis_map *map) {
    for (int i = 0; i < LW__REDIS_SERVERS; i++) {
        let_go_locked(map->server[i]);
    }
    pthread_cond_destroy(&map->read);
    pthread_mutex_destroy(&map->lock);
}

void lw__redis_map_after_fork(struct lw__redis_map *map) {
    (void)make_map_locks(map);
    map->reading = false;
    map->stale = true;
    for (int i = 0; i < LW__REDIS_SERVERS; i++) {
        if (map->server[i] != NULL) {
            lw__redis_server_after_fork(map->server[i]);
        }
    }
}

int lw__redis_map_resolve(struct lw__redis_map *map) {
    struct lw__redis_address found[LW__REDIS_SEED_ADDRESSES];
    uint32_t count;
    int error = resolve_all(map->common, found, &count);
    if (error != LW_OK) {
        return error;
    }
    pthread_mutex_lock(&map->lock);
    memcpy(map->seed, found, count * sizeof *found);
    map->seeds = count;
    if (map->common->config.cluster) {
        map->stale = true;
    } else {
        lw__redis_server_move(map->server[0], found, count < LW__REDIS_ADDRESSES ? count : LW__REDIS_ADDRESSES);
    }
    pthread_mutex_unlock(&map->lock);
    return LW_OK;
}

/* ---- looking up ---- */

static struct lw__redis_server *hold_locked(struct lw__redis_server *server) {
    if (server != NULL) {
        server->holders++;
    }
    return server;
}

struct lw__redis_server *lw__redis_map_server(struct lw__redis_map *map, uint32_t slot, uint64_t *version) {
    pthread_mutex_lock(&map->lock);
    struct lw__redis_server *server = map->owner[slot] != 0 ? hold_locked(map->server[map->owner[slot] - 1]) : NULL;
    *version = map->version;
    pthread_mutex_unlock(&map->lock);
    return server;
}

struct lw__redis_server *lw__redis_map_master(struct lw__redis_map *map, uint32_t index) {
    bool seen[LW__REDIS_SERVERS + 1] = {true};
    struct lw__redis_server *server = NULL;
    pthread_mutex_lock(&map->lock);
    for (uint32_t slot = 0; slot < LW__REDIS_SLOTS && server == NULL; slot++) {
        uint16_t owner = map->owner[slot];
        if (!seen[owner] && index-- == 0) {
            server = hold_locked(map->server[owner - 1]);
        }
        seen[owner] = true;
    }
    pthread_mutex_unlock(&map->lock);
    return server;
}

/* The address of a host that a cluster names, with the lock held. */
static bool address_of(const struct lw__redis_map *map, const char *host, uint32_t port,
                       const struct lw__redis_server *teller, struct lw__redis_address *address) {
    if (*host == 0 || strcmp(host, "?") == 0) {
        *address = lw__redis_address_port(teller->address[0], port);
        return true;
    }
    if (lw__redis_address_number(address, host, port)) {
        return true;
    }
    (void)lw__host_fail(&map->common->env, LW_UNAVAILABLE,
                        "redis: the cluster names \"%s\"; it should announce addresses, as no call resolves names",
                        host);
    return false;
}

struct lw__redis_server *lw__redis_map_find(struct lw__redis_map *map, const char *host, uint32_t port,
                                            const struct lw__redis_server *teller) {
    struct lw__redis_address address;
    struct lw__redis_server *server = NULL;
    pthread_mutex_lock(&map->lock);
    if (address_of(map, host, port, teller, &address)) {
        int index = index_of(map, &address);
        server = index >= 0 ? hold_locked(map->server[index]) : NULL;
    }
    pthread_mutex_unlock(&map->lock);
    return server;
}

void lw__redis_map_correct(struct lw__redis_map *map, uint32_t slot, struct lw__redis_server *server) {
    pthread_mutex_lock(&map->lock);
    for (int i = 0; i < LW__REDIS_SERVERS; i++) {
        if (map->server[i] == server) {
            map->owner[slot] = (uint16_t)(i + 1);
        }
    }
    pthread_mutex_unlock(&map->lock);
}

struct lw__redis_server *lw__redis_map_hold(struct lw__redis_map *map, struct lw__redis_server *server) {
    pthread_mutex_lock(&map->lock);
    hold_locked(server);
    pthread_mutex_unlock(&map->lock);
    return server;
}

void lw__redis_map_let_go(struct lw__redis_map *map, struct lw__redis_server *server) {
    pthread_mutex_lock(&map->lock);
    let_go_locked(server);
    pthread_mutex_unlock(&map->lock);
}

/* ---- reading ---- */

static bool is_map(const redisReply *reply) {
    struct lw__redis_range range;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0, good = 0;
    while (good < count && lw__redis_read_range(reply, good, &range)) {
        good++;
    }
    return reply->type == REDIS_REPLY_ARRAY && good == count;
}

/* Puts a map in the place of the one before, unless it is none. */
static int install(struct lw__redis_map *map, const redisReply *reply, const struct lw__redis_server *teller) {
    struct lw__redis_range range;
    struct lw__redis_address address;
    int error = LW_OK;
    if (!is_map(reply)) {
        return LW_CORRUPT;
    }
    pthread_mutex_lock(&map->lock);
    memset(map->owner, 0, sizeof map->owner);
    for (size_t i = 0; lw__redis_read_range(reply, i, &range); i++) {
        if (address_of(map, range.number != NULL ? range.number : range.host, range.port, teller, &address)) {
            int index = index_of(map, &address);
            for (uint32_t slot = range.first; slot <= range.last && index >= 0; slot++) {
                map->owner[slot] = (uint16_t)(index + 1);
            }
            error = index >= 0 ? error : LW_NOMEM;
        }
    }
    map->version++;
    map->stale = false;
    drop_idlers(map);
    pthread_mutex_unlock(&map->lock);
    return error;
}

/* Asks one server for the map. */
static int ask(struct lw__redis_map *map, struct lw__redis_server *server, uint64_t deadline) {
    static const char *const words[] = {"CLUSTER", "SLOTS"};
    struct lw__redis_command command = {.bytes = NULL};
    struct lw__redis_leg leg = {.server = server};
    int error = lw__redis_command_words(&command, 2, words);
    if (error != LW_OK) {
        return error;
    }
    lw__redis_queue_add(&leg.queue, &command);
    lw__redis_exchange(map->common, &leg, 1, deadline);
    error = leg.error;
    if (error == LW_OK) {
        struct lw__redis_verdict verdict = lw__redis_judge(command.reply);
        if (verdict.kind == LW__REDIS_DONE) {
            error = install(map, command.reply, server);
            lw__redis_count(&map->common->counts.maps, error == LW_OK);
        } else {
            error =
                lw__host_fail(&map->common->env, verdict.error, "redis: the server says: %.200s", command.reply->str);
        }
    }
    lw__redis_command_end(&command);
    return error;
}

/* Those to ask, held: the servers of the map, the ones that answer first, and then the seeds. */
static uint32_t candidates(struct lw__redis_map *map, struct lw__redis_server **out) {
    uint32_t count = 0;
    pthread_mutex_lock(&map->lock);
    for (int doubtful = 0; doubtful <= 1; doubtful++) {
        for (int i = 0; i < LW__REDIS_SERVERS; i++) {
            struct lw__redis_server *server = map->server[i];
            if (server != NULL && __atomic_load_n(&server->suspect, __ATOMIC_RELAXED) == (doubtful != 0)) {
                out[count++] = hold_locked(server);
            }
        }
    }
    for (uint32_t i = 0; i < map->seeds && count < LW__REDIS_SERVERS; i++) {
        uint32_t known = 0;
        int index = index_of(map, &map->seed[i]);
        while (index >= 0 && known < count && out[known] != map->server[index]) {
            known++;
        }
        if (index >= 0 && known == count) {
            out[count++] = hold_locked(map->server[index]);
        }
    }
    pthread_mutex_unlock(&map->lock);
    return count;
}

/* Asks one after the other, none for more than half of the time that is left. */
static int ask_around(struct lw__redis_map *map, uint64_t deadline) {
    struct lw__redis_server *asked[LW__REDIS_SERVERS];
    const lw_env *env = &map->common->env;
    uint32_t count = candidates(map, asked);
    int error = count > 0 ? LW_UNAVAILABLE : LW_NOMEM, other = error; /* there is a seed at least */
    for (uint32_t i = 0; i < count; i++) {
        uint64_t now = lw__redis_now(env), half = lw__redis_left(deadline, now) / 2;
        uint64_t most = half < map->common->config.connect_timeout ? half : map->common->config.connect_timeout;
        if (error != LW_OK && now < deadline) {
            error = ask(map, asked[i], lw__redis_after(now, i + 1 < count ? most : half * 2));
            other = error != LW_UNAVAILABLE ? error : other;
        }
        lw__redis_map_let_go(map, asked[i]);
    }
    return error == LW_OK ? LW_OK : other;
}

/* With the lock held: waits while somebody else reads. False when the deadline has come. */
static bool wait_for_reader(struct lw__redis_map *map, uint64_t deadline) {
    uint64_t second = UINT64_C(1000000000), now = lw__redis_now(&map->common->env);
    uint64_t until = lw__redis_after(lw__redis_clock(), lw__redis_left(deadline, now));
    struct timespec time = {(time_t)(until / second), (long)(until % second)};
    return pthread_cond_timedwait(&map->read, &map->lock, &time) == 0;
}

int lw__redis_map_read(struct lw__redis_map *map, uint64_t version, uint64_t deadline) {
    const lw_env *env = &map->common->env;
    bool in_time = true;
    pthread_mutex_lock(&map->lock);
    while (map->reading && map->version == version && in_time) {
        in_time = wait_for_reader(map, deadline);
    }
    bool newer = map->version != version;
    int error = map->error;
    if (newer || !in_time || !map->common->config.cluster || lw__redis_now(env) < map->again_at) {
        pthread_mutex_unlock(&map->lock);
        return newer ? LW_OK : in_time && error != LW_OK ? error : LW_UNAVAILABLE;
    }
    map->reading = true;
    pthread_mutex_unlock(&map->lock);
    error = ask_around(map, deadline);
    pthread_mutex_lock(&map->lock);
    map->reading = false;
    map->error = error;
    if (error != LW_NOMEM) {
        map->again_at = lw__redis_after(lw__redis_now(env), map->common->config.backoff);
    }
    pthread_cond_broadcast(&map->read);
    pthread_mutex_unlock(&map->lock);
    return error;
}

void lw__redis_map_doubt(struct lw__redis_map *map) {
    pthread_mutex_lock(&map->lock);
    map->stale = map->common->config.cluster != 0;
    pthread_mutex_unlock(&map->lock);
}

void lw__redis_map_refresh(struct lw__redis_map *map, uint64_t deadline) {
    pthread_mutex_lock(&map->lock);
    bool stale = map->stale;
    uint64_t version = map->version;
    pthread_mutex_unlock(&map->lock);
    if (stale) {
        (void)lw__redis_map_read(map, version, deadline);
    }
}
