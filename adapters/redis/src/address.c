/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses; the only caller of the resolver. */
#include "address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int lw__redis_resolve(const struct lw__redis_place *place, struct lw__redis_address *out, const lw_env *env) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    char port[12];
    int count = 0;
    snprintf(port, sizeof port, "%u", place->port);
    int error = getaddrinfo(place->host, port, &hints, &found);
    if (error != 0) {
        return lw__host_fail(env, LW_UNAVAILABLE, "redis: host \"%s\": %s", place->host, gai_strerror(error));
    }
    for (const struct addrinfo *info = found; info != NULL && count < LW__REDIS_ADDRESSES; info = info->ai_next) {
        if (info->ai_addrlen <= sizeof out->is) {
            out[count].size = info->ai_addrlen;
            memcpy(&out[count++].is, info->ai_addr, info->ai_addrlen);
        }
    }
    freeaddrinfo(found);
    return count > 0 ? count : lw__host_fail(env, LW_UNAVAILABLE, "redis: host \"%s\" has no address", place->host);
}

bool lw__redis_address_number(struct lw__redis_address *out, const char *host, uint32_t port) {
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->is.v4.sin_addr) == 1) {
        out->size = sizeof out->is.v4;
        out->is.v4.sin_family = AF_INET;
        out->is.v4.sin_port = htons((uint16_t)port);
        return true;
    }
    if (inet_pton(AF_INET6, host, &out->is.v6.sin6_addr) == 1) {
        out->size = sizeof out->is.v6;
        out->is.v6.sin6_family = AF_INET6;
        out->is.v6.sin6_port = htons((uint16_t)port);
        return true;
    }
    return false;
}

int lw__redis_address_path(struct lw__redis_address *out, const char *path, const lw_env *env) {
    size_t size = strlen(path), most = sizeof out->is.path.sun_path - 1;
    memset(out, 0, sizeof *out);
    if (size == 0 || size > most) {
        return lw__host_fail(env, LW_RANGE, "redis: path has %zu bytes; 1 to %zu are allowed", size, most);
    }
    out->is.path.sun_family = AF_UNIX;
    memcpy(out->is.path.sun_path, path, size + 1);
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    return LW_OK;
}

bool lw__redis_address_same(const struct lw__redis_address *a, const struct lw__redis_address *b) {
    if (a->is.any.sa_family != b->is.any.sa_family) {
        return false;
    }
    switch (a->is.any.sa_family) {
    case AF_INET: return a->is.v4.sin_port == b->is.v4.sin_port && a->is.v4.sin_addr.s_addr == b->is.v4.sin_addr.s_addr;
    case AF_INET6:
        return a->is.v6.sin6_port == b->is.v6.sin6_port &&
               memcmp(&a->is.v6.sin6_addr, &b->is.v6.sin6_addr, sizeof a->is.v6.sin6_addr) == 0;
    default: return strcmp(a->is.path.sun_path, b->is.path.sun_path) == 0;
    }
}

struct lw__redis_address lw__redis_address_port(struct lw__redis_address address, uint32_t port) {
    if (address.is.any.sa_family == AF_INET) {
        address.is.v4.sin_port = htons((uint16_t)port);
    } else if (address.is.any.sa_family == AF_INET6) {
        address.is.v6.sin6_port = htons((uint16_t)port);
    }
    return address;
}

void lw__redis_address_text(const struct lw__redis_address *address, char text[LW__REDIS_NAME]) {
    char host[INET6_ADDRSTRLEN] = "?";
    switch (address->is.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->is.v4.sin_addr, host, sizeof host);
        snprintf(text, LW__REDIS_NAME, "%s:%u", host, ntohs(address->is.v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->is.v6.sin6_addr, host, sizeof host);
        snprintf(text, LW__REDIS_NAME, "[%s]:%u", host, ntohs(address->is.v6.sin6_port));
        break;
    default: snprintf(text, LW__REDIS_NAME, "%s", address->is.path.sun_path);
    }
}
