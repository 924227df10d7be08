/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a store was told when it was made: the options, checked, completed and copied. Does not change. */
#ifndef LW_REDIS_CONFIG_H
#define LW_REDIS_CONFIG_H

#include "environment.h"

#include <loadwise/redis.h>

enum {
    LW__REDIS_SEEDS = 64, /* most servers that a URL names */
    LW__REDIS_CONNECTIONS = 1024,
    LW__REDIS_RETRIES = 16,
    LW__REDIS_PREFIX = 100, /* most bytes of a prefix */
};

/* A server by name. */
struct lw__redis_place {
    const char *host;
    uint32_t port;
};

struct lw__redis_config {
    char *text; /* that all strings are parts of */
    struct lw__redis_place seed[LW__REDIS_SEEDS];
    uint32_t seeds; /* 0: path */
    const char *path, *user, *password, *prefix;
    uint32_t database, cluster, connections, retries;
    uint64_t connect_timeout, timeout, backoff, max_backoff;
};

/* LW_OK, LW_INVALID, LW_RANGE, LW_SYNTAX, LW_NOMEM; the log tells why. */
int lw__redis_config_init(struct lw__redis_config *config, const lw_env *env, const lw_redis_options *given);
void lw__redis_config_end(struct lw__redis_config *config, const lw_env *env);

/* Reads a URL into places, path, user, password, database and cluster, whose strings are then parts of it: it is
   decoded in place. LW_OK, LW_SYNTAX, LW_RANGE. */
int lw__redis_url_read(char *url, struct lw__redis_config *config, const lw_env *env);

#endif
