/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One connection has one line under way. */
#include "line_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 256, BACKLOG = 64 };

struct line_server {
    uv_tcp_t listener;
    const char *name;
    uint64_t pace;
    struct line_guest *guests;
};

/* A connection. */
struct line_guest {
    uv_tcp_t tcp;
    uv_timer_t timer;
    int handles; /* that are not closed */
    struct line_server *server;
    struct line_guest *next, **place;
    char line[LINE];
    size_t filled;
};

static void guest_closed(uv_handle_t *handle) {
    struct line_guest *guest = handle->data;
    if (--guest->handles == 0) {
        free(guest);
    }
}

static void guest_close(struct line_guest *guest) {
    *guest->place = guest->next;
    if (guest->next != NULL) {
        guest->next->place = guest->place;
    }
    uv_close((uv_handle_t *)&guest->tcp, guest_closed);
    uv_close((uv_handle_t *)&guest->timer, guest_closed);
}

static void answer_line(uv_timer_t *timer) {
    struct line_guest *guest = timer->data;
    char answer[2 * LINE];
    int size = snprintf(answer, sizeof answer, "%s: %.*s", guest->server->name, (int)guest->filled, guest->line);
    uv_buf_t bytes = uv_buf_init(answer, (unsigned)size);
    guest->filled = 0;
    if (uv_try_write((uv_stream_t *)&guest->tcp, &bytes, 1) != size) {
        guest_close(guest);
    }
}

static void guest_room(uv_handle_t *handle, size_t size, uv_buf_t *room) {
    struct line_guest *guest = handle->data;
    (void)size;
    *room = uv_buf_init(guest->line + guest->filled, (unsigned)(LINE - guest->filled));
}

static void guest_said(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    struct line_guest *guest = stream->data;
    (void)bytes;
    if (size < 0) { /* it is gone, or its line is too long */
        guest_close(guest);
        return;
    }
    guest->filled += (size_t)size;
    if (guest->filled > 0 && guest->line[guest->filled - 1] == '\n') {
        uv_timer_start(&guest->timer, answer_line, guest->server->pace, 0);
    }
}

static void guest_came(uv_stream_t *listener, int status) {
    struct line_server *server = listener->data;
    struct line_guest *guest = status == 0 ? calloc(1, sizeof *guest) : NULL;
    if (guest == NULL) {
        return;
    }
    *guest = (struct line_guest){.handles = 2, .server = server, .next = server->guests, .place = &server->guests};
    guest->tcp.data = guest->timer.data = guest;
    if (guest->next != NULL) {
        guest->next->place = &guest->next;
    }
    server->guests = guest;
    uv_tcp_init(listener->loop, &guest->tcp);
    uv_timer_init(listener->loop, &guest->timer);
    if (uv_accept(listener, (uv_stream_t *)&guest->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&guest->tcp, guest_room, guest_said) != 0) {
        guest_close(guest);
    }
}

/* ---- birth and end ---- */

static void server_closed(uv_handle_t *handle) { free(handle->data); }

struct line_server *line_server_open(uv_loop_t *loop, const char *name, uint64_t pace) {
    struct line_server *server = calloc(1, sizeof *server);
    struct sockaddr_in any;
    if (server == NULL || uv_tcp_init(loop, &server->listener) != 0) {
        free(server);
        return NULL;
    }
    server->listener.data = server;
    server->name = name;
    server->pace = pace;
    uv_ip4_addr("127.0.0.1", 0, &any);
    if (uv_tcp_bind(&server->listener, (const struct sockaddr *)&any, 0) != 0 ||
        uv_listen((uv_stream_t *)&server->listener, BACKLOG, guest_came) != 0) {
        line_server_close(server);
        return NULL;
    }
    return server;
}

struct sockaddr_in line_server_address(const struct line_server *server) {
    struct sockaddr_in address = {0};
    int size = sizeof address;
    uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size);
    return address;
}

void line_server_close(struct line_server *server) {
    while (server->guests != NULL) {
        guest_close(server->guests);
    }
    uv_close((uv_handle_t *)&server->listener, server_closed);
}
