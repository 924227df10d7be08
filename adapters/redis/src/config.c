/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the options of a caller to those of a store: URL first, then the members, which win; then defaults and ranges.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* Copies a string to where *to points and moves that on; NULL stays NULL. */
static const char *keep(char **to, const char *text) {
    if (text == NULL) {
        return NULL;
    }
    const char *kept = *to;
    size_t size = strlen(text) + 1;
    memcpy(*to, text, size);
    *to += size;
    return kept;
}

static size_t size_of(const char *text) { return text != NULL ? strlen(text) + 1 : 0; }

/* A member that was given wins over the URL. */
static void win(const char **member, char **to, const char *given) {
    const char *kept = keep(to, given);
    *member = kept != NULL ? kept : *member;
}

/* Where the servers are. A host or port replaces all places of the URL, and so does a path. */
static void place(struct lw__redis_config *config, char **to, const lw_redis_options *options) {
    win(&config->path, to, options->path);
    if (options->path != NULL) {
        config->seeds = 0;
        return;
    }
    const char *host = keep(to, options->host);
    if (host != NULL || options->port != 0) {
        struct lw__redis_place first =
            config->seeds > 0 ? config->seed[0] : (struct lw__redis_place){"127.0.0.1", 6379};
        config->seed[0].host = host != NULL ? host : first.host;
        config->seed[0].port = options->port != 0 ? options->port : first.port;
        config->seeds = 1;
        config->path = NULL;
    }
    if (config->seeds == 0 && config->path == NULL) {
        config->seed[0] = (struct lw__redis_place){"127.0.0.1", 6379};
        config->seeds = 1;
    }
}

static void complete(struct lw__redis_config *config, const lw_redis_options *options) {
    config->database = options->database != 0 ? options->database : config->database;
    config->cluster |= options->cluster != 0;
    config->connections = options->connections != 0 ? options->connections : 8;
    config->retries = options->retries != 0 ? options->retries : 1;
    config->retries = config->retries <= LW__REDIS_RETRIES ? config->retries : 0;
    config->connect_timeout = options->connect_timeout != 0 ? options->connect_timeout : 500 * MILLISECOND;
    config->timeout = options->timeout != 0 ? options->timeout : 500 * MILLISECOND;
    config->backoff = options->backoff != 0 ? options->backoff : 50 * MILLISECOND;
    config->max_backoff = options->max_backoff != 0 ? options->max_backoff : 5 * SECOND;
    if (options->max_backoff == 0 && config->max_backoff < config->backoff) {
        config->max_backoff = config->backoff;
    }
}

static int check(const struct lw__redis_config *config, const lw_redis_options *options, const lw_env *env) {
    if (options->port > 65535) {
        return lw__host_fail(env, LW_RANGE, "redis: port is %u; 1 to 65535 are allowed", options->port);
    }
    if (config->connections > LW__REDIS_CONNECTIONS) {
        return lw__host_fail(env, LW_RANGE, "redis: connections is %u; 1 to %d are allowed", config->connections,
                             LW__REDIS_CONNECTIONS);
    }
    if (config->max_backoff < config->backoff) {
        return lw__host_fail(env, LW_RANGE, "redis: max_backoff is %llu ns; at least backoff, %llu ns, is allowed",
                             (unsigned long long)config->max_backoff, (unsigned long long)config->backoff);
    }
    if (strlen(config->prefix) > LW__REDIS_PREFIX) {
        return lw__host_fail(env, LW_RANGE, "redis: prefix has %zu bytes; at most %d are allowed",
                             strlen(config->prefix), LW__REDIS_PREFIX);
    }
    if (strpbrk(config->prefix, "{}") != NULL) {
        return lw__host_fail(env, LW_INVALID, "redis: prefix is \"%s\"; neither { nor } is allowed", config->prefix);
    }
    if (config->user != NULL && config->password == NULL) {
        return lw__host_fail(env, LW_INVALID,
                             "redis: user needs a password; for one without a user, write redis://:password@host");
    }
    if (config->database > INT32_MAX) {
        return lw__host_fail(env, LW_RANGE, "redis: database is %u; 0 to %d are allowed", config->database, INT32_MAX);
    }
    if (config->cluster && config->database != 0) {
        return lw__host_fail(env, LW_INVALID, "redis: database is %u; a cluster has only 0", config->database);
    }
    if (config->cluster && config->path != NULL) {
        return lw__host_fail(env, LW_INVALID, "redis: path is \"%s\"; a cluster is not behind one", config->path);
    }
    return LW_OK;
}

int lw__redis_config_init(struct lw__redis_config *config, const lw_env *env, const lw_redis_options *given) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    *config = (struct lw__redis_config){.seeds = 0};
    const char *prefix = options.prefix != NULL ? options.prefix : "lw:";
    char *to = lw__host_alloc(env, size_of(options.url) + size_of(options.host) + size_of(options.path) +
                                       size_of(options.user) + size_of(options.password) + size_of(prefix));
    if (to == NULL) {
        return LW_NOMEM;
    }
    config->text = to;
    const char *url = keep(&to, options.url);
    int error = url != NULL ? lw__redis_url_read(config->text, config, env) : LW_OK;
    if (error == LW_OK) {
        place(config, &to, &options);
        win(&config->user, &to, options.user);
        win(&config->password, &to, options.password);
        config->prefix = keep(&to, prefix);
        complete(config, &options);
        error = check(config, &options, env);
    }
    if (error != LW_OK) {
        lw__redis_config_end(config, env);
    }
    return error;
}

void lw__redis_config_end(struct lw__redis_config *config, const lw_env *env) {
    lw__host_release(env, config->text);
    config->text = NULL;
}
