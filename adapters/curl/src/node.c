/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The service of one node: always ready, since libcurl queues; a transfer per exchange. */
#include "inner.h"

static struct lw__curl_node *node_of(lw_service *service) { return (struct lw__curl_node *)(void *)service; }

static int node_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    (void)service, (void)exchange, (void)retry_at, (void)waiter;
    return LW_OK;
}

/* The caller's `rewind` and `tune` may call us again, so it is as if inside of libcurl. */
static void node_call(lw_service *service, lw_exchange *exchange) {
    struct lw__curl_node *node = node_of(service);
    lw_curl *curl = node->curl;
    struct lw__transfer *transfer = lw__transfer_new(node, exchange);
    if (transfer == NULL) {
        lw_exchange_refuse(exchange, LW_NOMEM, LW_RETRY_ON_COMPLETION, 0);
        return;
    }
    lw__curl_enter(curl);
    int error = lw__request_set(transfer);
    if (transfer->exchange == NULL) {
        error = LW_OK; /* it was cancelled meanwhile */
    } else if (error == LW_OK) {
        lw__curl_later(transfer);
    } else {
        lw__transfer_leave(transfer);
    }
    lw__curl_leave(curl);
    if (error != LW_OK) {
        lw_exchange_refuse(exchange, error, error == LW_NOMEM ? LW_RETRY_ON_COMPLETION : LW_RETRY_NEVER, 0);
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
    lw__host_release(&node->curl->env, node);
}

static const lw_service_ops node_ops = {
    .size = sizeof node_ops,
    .name = "http",
    .ready = node_ready,
    .call = node_call,
    .cancel = node_cancel,
    .free = node_free,
};

/* What is wrong with an address; NULL: nothing. */
static const char *base_fault(const char *base) {
    if (base == NULL || (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)) {
        return "it begins with http:// or https://";
    }
    if (strpbrk(base, "?#") != NULL) {
        return "it ends before ? and #";
    }
    CURLU *url = curl_url();
    CURLUcode code = url != NULL ? curl_url_set(url, CURLUPART_URL, base, 0) : CURLUE_OUT_OF_MEMORY;
    curl_url_cleanup(url);
    return code != CURLUE_OK ? curl_url_strerror(code) : NULL;
}

int lw_curl_node(lw_curl *curl, const char *base, lw_service **out) {
    const char *fault = base_fault(base);
    *out = NULL;
    if (fault != NULL) {
        /* One with an @ has a password. */
        const char *shown = base == NULL ? "nothing" : strchr(base, '@') == NULL ? base : "that";
        return lw__host_fail(&curl->env, LW_INVALID, "curl: %.200s is no address of a node: %s", shown, fault);
    }
    size_t size = strlen(base);
    struct lw__curl_node *node = lw__host_alloc(&curl->env, sizeof *node + size + 1);
    if (node == NULL) {
        return LW_NOMEM;
    }
    node->service.ops = &node_ops;
    node->curl = curl;
    node->length = base[size - 1] == '/' ? size - 1 : size;
    memcpy(node->base, base, node->length);
    *out = &node->service;
    return LW_OK;
}
