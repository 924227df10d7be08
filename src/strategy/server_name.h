/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Names of servers as other programs take them apart: host:port, host, unix:/path, [::1]:port.
 *
 * A port is what stands after the last colon, if that is digits only; both programs agree on that.
 */
#ifndef LW_STRATEGY_SERVER_NAME_H
#define LW_STRATEGY_SERVER_NAME_H

#include <stddef.h>
#include <stdint.h>

enum { LW__MEMCACHED_PORT = 11211 };

/* Parts of the name, which must outlive them. */
struct lw__server_name {
    const char *host, *port_text;
    size_t host_size, port_size;
    uint32_t port;
};

/* What stands behind `unix:` is host, whatever it looks like; brackets belong to the host. No port: no text. */
struct lw__server_name lw__server_name_for_nginx(const char *name);

/* Brackets around the host do not belong to it. No port: 11211; but a path, with `unix:` or without, has port 0. */
struct lw__server_name lw__server_name_for_libmemcached(const char *name);

#endif
