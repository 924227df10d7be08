/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading URLs:
 *
 *     redis://[user[:password]@]host[:port][/database]
 *     redis-cluster://[user[:password]@]host[:port][,host[:port]...]
 *     unix://[user[:password]@]path[?db=database]
 *
 * A URL is split first and its parts are %-decoded afterwards, so that a password may have any sign in it. A host may
 * be an IPv6 address in brackets. Messages never repeat a URL, which may have a password in it. Cost: O(length).
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, MOST_PORT = 65535, MOST_DATABASE = INT32_MAX };

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place; false when a % is not followed by two digits, or they are NUL. */
static bool decode(char *text) {
    char *to = text;
    for (; *text != 0; text++) {
        if (*text != '%') {
            *to++ = *text;
            continue;
        }
        int high = digit_of(text[1]), low = high < 0 ? -1 : digit_of(text[2]);
        if (low < 0 || high + low == 0) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        text += 2;
    }
    *to = 0;
    return true;
}

/* False unless all of it is a number in that range. */
static bool read_number(const char *text, uint32_t least, uint32_t most, uint32_t *number) {
    uint64_t value = 0;
    if (*text == 0) {
        return false;
    }
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || value > most) {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *number = (uint32_t)value;
    return value >= least && value <= most;
}

/* [user[:password]] */
static int read_login(char *login, struct lw__redis_config *config, const lw_env *env) {
    char *password = strchr(login, ':');
    if (password != NULL) {
        *password++ = 0;
        config->password = password;
    }
    config->user = *login != 0 ? login : NULL;
    if (!decode(login) || (password != NULL && !decode(password))) {
        return lw__host_fail(env, LW_SYNTAX, "redis: url: in user or password, %% is not followed by two digits");
    }
    return LW_OK;
}

/* Finds where a host ends and takes its brackets off; NULL when one does not close. */
static char *end_of_host(char **host) {
    if (**host != '[') {
        return *host + strcspn(*host, ":");
    }
    char *end = strchr(++*host, ']');
    if (end != NULL) {
        *end++ = 0;
    }
    return end;
}

/* host[:port] */
static int read_place(char *host, struct lw__redis_place *place, const lw_env *env) {
    char *end = end_of_host(&host);
    if (end == NULL || (*end != 0 && *end != ':')) {
        return lw__host_fail(env, LW_SYNTAX, "redis: url: a host in brackets ends with ] and perhaps :port");
    }
    place->port = DEFAULT_PORT;
    if (*end == ':') {
        *end++ = 0;
        if (!read_number(end, 1, MOST_PORT, &place->port)) {
            return lw__host_fail(env, LW_RANGE, "redis: url: port \"%s\" is not a number from 1 to %d", end, MOST_PORT);
        }
    }
    if (!decode(host)) {
        return lw__host_fail(env, LW_SYNTAX, "redis: url: in a host, %% is not followed by two digits");
    }
    place->host = *host != 0 ? host : "127.0.0.1";
    return LW_OK;
}

static int read_places(char *list, struct lw__redis_config *config, const lw_env *env) {
    for (char *next; list != NULL; list = next) {
        next = config->cluster ? strchr(list, ',') : NULL;
        if (next != NULL) {
            *next++ = 0;
        }
        if (config->seeds == LW__REDIS_SEEDS) {
            return lw__host_fail(env, LW_RANGE, "redis: url: more than %d servers", LW__REDIS_SEEDS);
        }
        if (config->cluster && *list == 0) {
            return lw__host_fail(env, LW_SYNTAX, "redis: url: a server of the cluster has no name");
        }
        int error = read_place(list, &config->seed[config->seeds++], env);
        if (error != LW_OK) {
            return error;
        }
    }
    return LW_OK;
}

static int read_database(const char *text, struct lw__redis_config *config, const lw_env *env) {
    if (!read_number(text, 0, config->cluster ? 0 : MOST_DATABASE, &config->database)) {
        return lw__host_fail(env, LW_RANGE, "redis: url: database \"%s\" is not a number from 0 to %d", text,
                             config->cluster ? 0 : MOST_DATABASE);
    }
    return LW_OK;
}

/* What follows user and password. */
static int read_servers(char *rest, struct lw__redis_config *config, const lw_env *env) {
    char *database = strchr(rest, '/');
    if (strpbrk(rest, "?#") != NULL) {
        return lw__host_fail(env, LW_SYNTAX, "redis: url: ends with the database; ? and # have no meaning here");
    }
    if (database != NULL) {
        *database++ = 0;
    }
    int error = read_places(rest, config, env);
    return error == LW_OK && database != NULL && *database != 0 ? read_database(database, config, env) : error;
}

static int read_path(char *path, struct lw__redis_config *config, const lw_env *env) {
    char *query = strchr(path, '?');
    if (query != NULL) {
        *query++ = 0;
        if (strncmp(query, "db=", 3) != 0) {
            return lw__host_fail(env, LW_SYNTAX, "redis: url: after the path comes only ?db=NUMBER");
        }
    }
    if (!decode(path) || *path == 0) {
        return lw__host_fail(env, LW_SYNTAX, "redis: url: no path, or a %% in it is not followed by two digits");
    }
    config->path = path;
    return query != NULL ? read_database(query + 3, config, env) : LW_OK;
}

/* Steps over `scheme` if the URL begins with it. */
static bool has_scheme(char **url, const char *scheme) {
    size_t size = strlen(scheme);
    if (strncmp(*url, scheme, size) != 0) {
        return false;
    }
    *url += size;
    return true;
}

int lw__redis_url_read(char *url, struct lw__redis_config *config, const lw_env *env) {
    bool local = has_scheme(&url, "unix://");
    if (!local) {
        config->cluster = has_scheme(&url, "redis-cluster://");
    }
    if (!local && !config->cluster && !has_scheme(&url, "redis://")) {
        return lw__host_fail(env, LW_SYNTAX, "redis: url: begins with redis://, redis-cluster:// or unix://%s",
                             has_scheme(&url, "rediss://") ? "; TLS is not offered" : "");
    }
    char *authority_end = url + strcspn(url, "/?#"), *at = NULL;
    for (char *c = url; c < authority_end; c++) {
        at = *c == '@' ? c : at;
    }
    if (at != NULL) {
        *at = 0;
        int error = read_login(url, config, env);
        if (error != LW_OK) {
            return error;
        }
        url = at + 1;
    }
    return local ? read_path(url, config, env) : read_servers(url, config, env);
}
