/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Servers of the simplest protocol, for tcp_pool.c: a line is asked, a line is the answer. On a libuv loop. */
#ifndef EXAMPLES_LINE_SERVER_H
#define EXAMPLES_LINE_SERVER_H

#include <uv.h>

struct line_server;

/* Answers each line after `pace` ms, with "NAME: " before it. NULL: there is no port or no memory. */
struct line_server *line_server_open(uv_loop_t *loop, const char *name, uint64_t pace);

/* 127.0.0.1 and the port that was free. */
struct sockaddr_in line_server_address(const struct line_server *server);

/* Closes its port and its connections, also in the middle of answers. Its memory goes in the loop. */
void line_server_close(struct line_server *server);

#endif
