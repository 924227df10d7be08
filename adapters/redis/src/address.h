/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a server listens, as sockets take it. */
#ifndef LW_REDIS_ADDRESS_H
#define LW_REDIS_ADDRESS_H

#include "config.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct lw__redis_address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    } is;
};

enum {
    LW__REDIS_ADDRESSES = 8, /* most that are kept of one name */
    LW__REDIS_NAME = 128,    /* room for an address as text */
};

/* Asks the resolver, which may wait for ever. How many, or LW_UNAVAILABLE. */
int lw__redis_resolve(const struct lw__redis_place *place, struct lw__redis_address *out, const lw_env *env);

/* The address of a number, without asking anybody; false when the host is a name. */
bool lw__redis_address_number(struct lw__redis_address *out, const char *host, uint32_t port);

/* LW_OK, or LW_RANGE for a path that no socket can have. */
int lw__redis_address_path(struct lw__redis_address *out, const char *path, const lw_env *env);

bool lw__redis_address_same(const struct lw__redis_address *a, const struct lw__redis_address *b);

/* The same host, another port. */
struct lw__redis_address lw__redis_address_port(struct lw__redis_address address, uint32_t port);

/* "127.0.0.1:6379", "[::1]:6379" or the path. */
void lw__redis_address_text(const struct lw__redis_address *address, char text[LW__REDIS_NAME]);

#endif
