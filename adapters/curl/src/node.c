/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The service of one node: always ready, since libcurl queues; a transfer per exchange. */
#include "inner.h"

#include <stdlib.h>
#include <string.h>

static struct lw__curl_node *node_of(lw_service *service) { return (struct lw__curl_node *)(void *)service; }

static int node_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    (void)service, (void)exchange, (void)retry_at, (void)waiter;
    return LW_OK;
}

static void node_call(lw_service *service, lw_exchange *exchange) {
    struct lw__curl_node *node = node_of(service);
    struct lw__transfer *transfer = lw__transfer_new(node, exchange);
    if (transfer == NULL) {
        lw_exchange_refuse(exchange, LW_NOMEM, LW_RETRY_ON_COMPLETION, 0);
    } else if (node->curl->inside > 0) {
        lw__curl_later(transfer);
    } else {
        lw__transfer_start(transfer);
    }
}

static void node_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    (void)service;
    lw__transfer_drop(exchange->holder, why);
}

static void node_free(lw_service *service) {
    struct lw__curl_node *node = node_of(service);
    while (node->transfers != NULL) {
        lw__transfer_drop(node->transfers, LW_OUTCOME_CANCELLED);
    }
    free(node);
}

static const lw_service_ops node_ops = {
    .size = sizeof node_ops,
    .name = "http",
    .ready = node_ready,
    .call = node_call,
    .cancel = node_cancel,
    .free = node_free,
};

int lw_curl_node(lw_curl *curl, const char *base, lw_service **out) {
    size_t size = base != NULL ? strlen(base) : 0;
    *out = NULL;
    if (size == 0 || (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)) {
        return lw__curl_fail(curl, LW_INVALID, "curl: a node's address begins with http:// or https://");
    }
    struct lw__curl_node *node = calloc(1, sizeof *node + size + 1);
    if (node == NULL) {
        return LW_NOMEM;
    }
    node->service.ops = &node_ops;
    node->curl = curl;
    memcpy(node->base, base, base[size - 1] == '/' ? size - 1 : size);
    *out = &node->service;
    return LW_OK;
}
