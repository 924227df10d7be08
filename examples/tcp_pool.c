/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A service of one's own: TCP connections to servers that answer a line with a line, on libuv. It is all that the
 * library does not know; the stack chooses the server with the fewest requests under way, tries again elsewhere, and
 * ends what takes too long.
 *
 * It brings three servers along, line_server.c, and takes one of them away in the middle.
 */
#include "line_server.h"

#include <loadwise/pool.h>
#include <loadwise/stack.h>
#include <loadwise/uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 256, SERVERS = 3, REQUESTS = 300, AT_ONCE = 8 };

/* ---- the service ---- */

/* What an exchange asks: lw_exchange.request points to one. */
struct line_request {
    char line[LINE]; /* ends with a newline */
    char answer[LINE];
};

/* One server, and the connections to it that nobody uses now. */
struct line_node {
    lw_service service;
    lw_uv *uv;
    struct sockaddr_in address;
    struct line_connection *idle;
    unsigned opened;
};

struct line_connection {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct line_node *node;
    struct line_connection *next; /* of the idle ones */
    lw_exchange *exchange;        /* NULL: it is idle, or closing */
    uint64_t began;
    char bytes[LINE];
    size_t filled;
};

static void connection_gone(uv_handle_t *handle) { free(handle->data); }

/* The exchange, if there is one, is the last thing touched: its caller may call again. */
static void complete(struct line_connection *connection, uint32_t outcome) {
    lw_exchange *exchange = connection->exchange;
    uint64_t now = lw_clock_now(lw_uv_clock(connection->node->uv));
    connection->exchange = NULL;
    if (exchange != NULL) {
        exchange->reason = LW_OK;
        exchange->sample.outcome = outcome;
        exchange->sample.latency = now - connection->began;
        lw_exchange_complete(exchange);
    }
}

static void connection_fail(struct line_connection *connection, uint32_t outcome) {
    struct line_connection **place = &connection->node->idle;
    while (*place != NULL && *place != connection) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        *place = connection->next;
    }
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        uv_close((uv_handle_t *)&connection->tcp, connection_gone);
    }
    complete(connection, outcome);
}

static void line_room(uv_handle_t *handle, size_t size, uv_buf_t *room) {
    struct line_connection *connection = handle->data;
    (void)size;
    *room = uv_buf_init(connection->bytes + connection->filled, (unsigned)(LINE - connection->filled));
}

static void line_heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    struct line_connection *connection = stream->data;
    (void)bytes;
    if (size < 0 || connection->exchange == NULL) { /* cut off, or something is said that nobody asked for */
        connection_fail(connection, LW_OUTCOME_FAILURE);
        return;
    }
    connection->filled += (size_t)size;
    if (connection->filled > 0 && connection->bytes[connection->filled - 1] == '\n') {
        struct line_request *request = connection->exchange->request;
        snprintf(request->answer, sizeof request->answer, "%.*s", (int)connection->filled - 1, connection->bytes);
        connection->next = connection->node->idle;
        connection->node->idle = connection;
        complete(connection, LW_OUTCOME_OK);
    }
}

static void line_written(uv_write_t *write, int status) {
    if (status < 0 && status != UV_ECANCELED) { /* that: it is closing */
        connection_fail(write->data, LW_OUTCOME_FAILURE);
    }
}

static void line_send(struct line_connection *connection) {
    struct line_request *request = connection->exchange->request;
    uv_buf_t bytes = uv_buf_init(request->line, (unsigned)strlen(request->line));
    connection->filled = 0;
    connection->write.data = connection;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &bytes, 1, line_written) != 0) {
        connection_fail(connection, LW_OUTCOME_FAILURE);
    }
}

static void line_connected(uv_connect_t *connect, int status) {
    struct line_connection *connection = connect->data;
    if (connection->exchange == NULL) { /* cancelled meanwhile, and closing */
        return;
    }
    if (status < 0 || uv_read_start((uv_stream_t *)&connection->tcp, line_room, line_heard) != 0) {
        connection_fail(connection, LW_OUTCOME_CONNECT_FAILURE); /* nobody has seen the request: always tried again */
        return;
    }
    line_send(connection);
}

static struct line_connection *connection_open(struct line_node *node) {
    struct line_connection *connection = calloc(1, sizeof *connection);
    if (connection != NULL) {
        uv_tcp_init(lw_uv_loop(node->uv), &connection->tcp);
        connection->node = node;
        connection->tcp.data = connection->connect.data = connection;
        node->opened++;
    }
    return connection;
}

/* An idle connection, or a new one. */
static void node_call(lw_service *service, lw_exchange *exchange) {
    struct line_node *node = (struct line_node *)(void *)service;
    struct line_connection *connection = node->idle != NULL ? node->idle : connection_open(node);
    if (connection == NULL) {
        lw_exchange_refuse(exchange, LW_NOMEM, LW_RETRY_ON_COMPLETION, 0);
        return;
    }
    exchange->holder = connection;
    connection->exchange = exchange;
    connection->began = lw_clock_now(lw_uv_clock(node->uv));
    if (connection == node->idle) {
        node->idle = connection->next;
        line_send(connection);
    } else if (uv_tcp_connect(&connection->connect, &connection->tcp, (struct sockaddr *)&node->address,
                              line_connected) != 0) {
        connection_fail(connection, LW_OUTCOME_CONNECT_FAILURE);
    }
}

/* The answer would still come, so the connection goes too. */
static void node_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    (void)service;
    connection_fail(exchange->holder, why);
}

static int node_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    (void)service, (void)exchange, (void)retry_at, (void)waiter;
    return LW_OK;
}

/* Nothing is under way any more: the layers above have cancelled it. */
static void node_free(lw_service *service) {
    struct line_node *node = (struct line_node *)(void *)service;
    while (node->idle != NULL) {
        connection_fail(node->idle, LW_OUTCOME_CANCELLED);
    }
}

static const lw_service_ops node_ops = {sizeof node_ops, "line", node_ready, node_call, node_cancel, node_free};

/* ---- the program ---- */

struct program {
    lw_uv *uv;
    lw_pool *pool;
    lw_stack *stack;
    struct line_server *servers[SERVERS];
    struct line_node nodes[SERVERS];
    int sent, done, failed, retried;
};

/* One that is asked again and again. */
struct visitor {
    struct program *program;
    lw_exchange exchange;
    struct line_request request;
};

static void ask(struct visitor *visitor);

static void answered(lw_exchange *exchange) {
    struct visitor *visitor = exchange->user;
    struct program *program = visitor->program;
    program->done++;
    program->retried += exchange->tries > 1;
    if (exchange->reason != LW_OK || exchange->sample.outcome != LW_OUTCOME_OK) {
        printf("%s: %s", lw_error_message(exchange->reason), visitor->request.line);
        program->failed++;
    } else if (program->done % 50 == 0) {
        printf("%s\n", visitor->request.answer);
    }
    if (program->done == REQUESTS / 2) {
        printf("(the first server goes)\n");
        line_server_close(program->servers[0]);
        program->servers[0] = NULL;
    }
    ask(visitor);
}

static void ask(struct visitor *visitor) {
    struct program *program = visitor->program;
    if (program->sent == REQUESTS) {
        return;
    }
    visitor->exchange = (lw_exchange)LW_EXCHANGE_INIT;
    visitor->exchange.request = &visitor->request;
    visitor->exchange.flags = LW_EXCHANGE_SAFE; /* to ask twice does no harm */
    visitor->exchange.completed = answered;
    visitor->exchange.user = visitor;
    snprintf(visitor->request.line, LINE, "what is number %d?\n", program->sent++);
    lw_service_call(lw_stack_service(program->stack), &visitor->exchange);
}

static int open_nodes(struct program *program) {
    static const char *const names[SERVERS] = {"first", "second", "third"};
    lw_node_spec specs[SERVERS];
    lw_service *layered;
    for (int i = 0; i < SERVERS; i++) {
        struct line_node *node = &program->nodes[i];
        program->servers[i] = line_server_open(lw_uv_loop(program->uv), names[i], (uint64_t)i + 1);
        if (program->servers[i] == NULL) {
            return LW_UNAVAILABLE;
        }
        *node = (struct line_node){{&node_ops}, program->uv, line_server_address(program->servers[i]), NULL, 0};
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
        int error = lw_stack_node(program->stack, &node->service, &layered);
        if (error != LW_OK) {
            return error;
        }
        specs[i].user = layered;
    }
    return lw_pool_update(program->pool, specs, SERVERS, 0, NULL);
}

int main(void) {
    struct program program = {0};
    struct visitor visitors[AT_ONCE] = {0};
    uv_loop_t *loop = uv_default_loop();
    if (lw_uv_new(&program.uv, NULL, loop) == LW_OK && lw_pool_new(&program.pool, NULL, NULL) == LW_OK &&
        lw_stack_new(&program.stack, NULL, lw_uv_clock(program.uv), program.pool,
                     "timeout 5s | retry max=3 budget=100 | balance least_request", NULL) == LW_OK &&
        open_nodes(&program) == LW_OK) {
        for (int i = 0; i < AT_ONCE; i++) {
            visitors[i].program = &program;
            ask(&visitors[i]);
        }
        while (program.done < program.sent) {
            uv_run(loop, UV_RUN_ONCE);
        }
    }
    printf("%d of %d answered, %d of them after another try; %u, %u and %u connections were made\n",
           program.done - program.failed, REQUESTS, program.retried, program.nodes[0].opened, program.nodes[1].opened,
           program.nodes[2].opened);
    lw_stack_free(program.stack); /* and with it the services of the nodes */
    lw_pool_free(program.pool);
    for (int i = 0; i < SERVERS; i++) {
        if (program.servers[i] != NULL) {
            line_server_close(program.servers[i]);
        }
    }
    lw_uv_close(program.uv, NULL, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    return program.done - program.failed == REQUESTS ? 0 : 1;
}
