/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See server_name.h. */
#include "strategy/server_name.h"

#include <stdbool.h>
#include <string.h>

static const char unix_prefix[] = "unix:";
enum { UNIX_PREFIX_SIZE = sizeof unix_prefix - 1, MOST_PORT = 65535 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static uint32_t port_number(const char *text, size_t size) {
    uint32_t number = 0;
    for (size_t i = 0; i < size && number <= MOST_PORT; i++) {
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    return number;
}

/* Apart at the last colon, if only digits follow it. */
static struct lw__server_name split(const char *name) {
    size_t size = strlen(name), at = size;
    while (at > 0 && is_digit(name[at - 1])) {
        at--;
    }
    if (at == 0 || name[at - 1] != ':') {
        return (struct lw__server_name){name, name + size, size, 0, 0};
    }
    return (struct lw__server_name){name, name + at, at - 1, size - at, port_number(name + at, size - at)};
}

static struct lw__server_name whole(const char *host) {
    size_t size = strlen(host);
    return (struct lw__server_name){host, host + size, size, 0, 0};
}

static char small_letter(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* In small letters or large ones; strncasecmp goes by the locale. */
static bool is_socket(const char *name) {
    size_t same = 0;
    while (same < UNIX_PREFIX_SIZE && small_letter(name[same]) == unix_prefix[same]) {
        same++;
    }
    return same == UNIX_PREFIX_SIZE;
}

struct lw__server_name lw__server_name_for_nginx(const char *name) {
    return is_socket(name) ? whole(name + UNIX_PREFIX_SIZE) : split(name);
}

struct lw__server_name lw__server_name_for_libmemcached(const char *name) {
    if (strncmp(name, unix_prefix, UNIX_PREFIX_SIZE) == 0) {
        return whole(name + UNIX_PREFIX_SIZE);
    }
    struct lw__server_name server = split(name);
    if (server.port == 0 && name[0] != '/') {
        server.port = LW__MEMCACHED_PORT;
    }
    if (server.host_size > 1 && server.host[0] == '[' && server.host[server.host_size - 1] == ']') {
        server.host++;
        server.host_size -= 2;
    }
    return server;
}
