/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The same requests through the services of libloadwise-curl: node by node in turn, or through a stack over them. */
#include "service.h"

#include <loadwise/curl.h>
#include <loadwise/hedge.h>
#include <loadwise/pool.h>
#include <loadwise/retry.h>
#include <loadwise/stack.h>
#include <stdlib.h>

struct ours {
    uv_loop_t *loop;
    lw_uv *uv;
    lw_curl *curl;
    lw_pool *pool;
    lw_stack *stack;
    lw_service *nodes[SERVICE_PORTS];
    struct ours_request *requests;
    uint32_t request_count, turn;
    uint32_t to_send, under_way, good;
};

struct ours_request {
    struct ours *ours;
    lw_exchange exchange;
    lw_http http;
    uint64_t bytes;
};

static void request_send(struct ours_request *request);

static void ours_completed(lw_exchange *exchange) {
    struct ours_request *request = exchange->user;
    struct ours *ours = request->ours;
    ours->under_way--;
    ours->good += exchange->reason == LW_OK && request->http.status == 200;
    if (ours->to_send > 0) {
        request_send(request);
    }
}

static int ours_received(lw_http *http, const void *bytes, size_t size) {
    (void)bytes;
    *(uint64_t *)http->user += size;
    return 0;
}

static void request_send(struct ours_request *request) {
    struct ours *ours = request->ours;
    request->http = (lw_http)LW_HTTP_INIT;
    request->http.received = ours_received;
    request->http.user = &request->bytes;
    request->exchange = (lw_exchange)LW_EXCHANGE_INIT;
    request->exchange.request = &request->http;
    request->exchange.completed = ours_completed;
    request->exchange.flags = LW_EXCHANGE_SAFE;
    request->exchange.user = request;
    ours->to_send--;
    ours->under_way++;
    lw_service_call(ours->stack != NULL ? lw_stack_service(ours->stack) : ours->nodes[ours->turn++ % SERVICE_PORTS],
                    &request->exchange);
}

static int ours_open(struct contender *contender, uv_loop_t *loop, char (*bases)[SERVICE_BASE]) {
    struct ours *ours = calloc(1, sizeof *ours);
    lw_node_spec specs[SERVICE_PORTS];
    if (ours == NULL) {
        return -1;
    }
    contender->state = ours;
    ours->loop = loop;
    int error = lw_uv_new(&ours->uv, NULL, loop);
    error = error != LW_OK ? error : lw_curl_new(&ours->curl, NULL, ours->uv, NULL);
    error = error != LW_OK ? error : lw_pool_new(&ours->pool, NULL, NULL);
    if (error == LW_OK && contender->stack != NULL) {
        error = lw_stack_new(&ours->stack, NULL, lw_uv_clock(ours->uv), ours->pool, contender->stack, NULL);
    }
    for (int i = 0; i < SERVICE_PORTS && error == LW_OK; i++) {
        error = lw_curl_node(ours->curl, bases[i], &ours->nodes[i]);
        if (error == LW_OK && ours->stack != NULL) {
            error = lw_stack_node(ours->stack, ours->nodes[i], &ours->nodes[i]);
        }
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = bases[i];
        specs[i].user = ours->nodes[i];
    }
    error = error != LW_OK ? error : lw_pool_update(ours->pool, specs, SERVICE_PORTS, 0, NULL);
    return error == LW_OK ? 0 : -1;
}

static uint64_t extra_requests(const struct ours *ours) {
    lw_hedge_stats hedges = {.size = sizeof hedges};
    lw_retry_stats retries = {.size = sizeof retries};
    if (ours->stack == NULL || lw_hedge_stats_of(lw_stack_layer(ours->stack, "hedge"), &hedges) != LW_OK ||
        lw_retry_stats_of(lw_stack_layer(ours->stack, "retry"), &retries) != LW_OK) {
        return 0;
    }
    return hedges.hedges + retries.retries;
}

static int ours_send(struct contender *contender, uint32_t requests, uint32_t at_once) {
    struct ours *ours = contender->state;
    uint64_t extra = extra_requests(ours);
    if (ours->request_count < at_once) {
        ours->requests = realloc(ours->requests, at_once * sizeof *ours->requests);
        ours->request_count = at_once;
    }
    ours->to_send = requests;
    ours->good = 0;
    for (uint32_t i = 0; i < at_once && ours->to_send > 0; i++) {
        ours->requests[i] = (struct ours_request){.ours = ours};
        request_send(&ours->requests[i]);
    }
    while (ours->under_way > 0) {
        uv_run(ours->loop, UV_RUN_ONCE);
    }
    contender->extra += extra_requests(ours) - extra;
    return ours->good == requests ? 0 : -1;
}

static void ours_close(struct contender *contender) {
    struct ours *ours = contender->state;
    for (int i = 0; i < SERVICE_PORTS && ours->stack == NULL; i++) {
        lw_service_free(ours->nodes[i]);
    }
    lw_stack_free(ours->stack);
    lw_pool_free(ours->pool);
    lw_curl_free(ours->curl);
    lw_uv_close(ours->uv, NULL, NULL);
    free(ours->requests);
    free(ours);
}

const struct contender service_ours = {"ours", ours_open, ours_send, ours_close, NULL, 0, NULL};
