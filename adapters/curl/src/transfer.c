/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of one exchange in libcurl: an easy handle that is taken from those idle, used, and put back. One that is
 * cancelled is completed at once; its handle follows when libcurl may be called.
 * Cost: libcurl's own allocations; a handle where none is idle.
 */
#include "inner.h"

/* ---- birth ---- */

static struct lw__transfer *transfer_take(lw_curl *curl) {
    struct lw__transfer *transfer = curl->idle;
    if (transfer != NULL) {
        curl->idle = transfer->next;
        CURL *easy = transfer->easy;
        *transfer = (struct lw__transfer){.curl = curl, .easy = easy};
        return transfer;
    }
    transfer = lw__host_alloc(&curl->env, sizeof *transfer);
    CURL *easy = transfer != NULL ? curl_easy_init() : NULL;
    if (easy == NULL) {
        lw__host_release(&curl->env, transfer);
        return NULL;
    }
    transfer->curl = curl;
    transfer->easy = easy;
    lw__request_static(transfer);
    lw__answer_listen(transfer);
    return transfer;
}

static void deadline_passed(lw_timer *timer) {
    struct lw__transfer *transfer =
        (struct lw__transfer *)(void *)((char *)timer - offsetof(struct lw__transfer, deadline));
    lw__transfer_drop(transfer, LW_OUTCOME_TIMEOUT);
}

struct lw__transfer *lw__transfer_new(struct lw__curl_node *node, lw_exchange *exchange) {
    struct lw__transfer *transfer = transfer_take(node->curl);
    if (transfer == NULL) {
        return NULL;
    }
    transfer->node = node;
    transfer->exchange = exchange;
    transfer->began = lw__transfer_time(transfer);
    transfer->younger = node->transfers;
    if (transfer->younger != NULL) {
        transfer->younger->older = transfer;
    }
    node->transfers = transfer;
    exchange->holder = transfer;
    if (exchange->deadline != 0) {
        transfer->deadline.fired = deadline_passed;
        lw_timer_start(lw_uv_clock(transfer->curl->uv), &transfer->deadline, exchange->deadline);
    }
    return transfer;
}

void lw__transfer_start(struct lw__transfer *transfer) {
    CURLMcode code = curl_multi_add_handle(transfer->curl->multi, transfer->easy);
    transfer->added = code == CURLM_OK;
    if (code != CURLM_OK) {
        lw__host_fail(&transfer->curl->env, LW_NOMEM, "curl: %s", curl_multi_strerror(code));
        lw_exchange_refuse(lw__transfer_leave(transfer), LW_NOMEM, LW_RETRY_ON_COMPLETION, 0);
    }
}

/* ---- the end ---- */

void lw__transfer_free(struct lw__transfer *transfer) {
    lw_curl *curl = transfer->curl;
    if (transfer->added) {
        curl_multi_remove_handle(curl->multi, transfer->easy);
    }
    /* Who knows what `tune` has set; and libcurl counts over all uses of a handle how often it sent a request again, so
       that it fails the sixth (its issue 19066). */
    if (curl->options.tune != NULL || !transfer->went_well) {
        curl_easy_reset(transfer->easy);
        lw__request_static(transfer);
        lw__answer_listen(transfer);
    }
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(transfer->headers);
    transfer->next = curl->idle;
    curl->idle = transfer;
}

lw_exchange *lw__transfer_leave(struct lw__transfer *transfer) {
    lw_exchange *exchange = transfer->exchange;
    lw_timer_stop(lw_uv_clock(transfer->curl->uv), &transfer->deadline);
    if (transfer->reads) {
        lw__http_of(transfer)->reading = 0;
    }
    *(transfer->older != NULL ? &transfer->older->younger : &transfer->node->transfers) = transfer->younger;
    if (transfer->younger != NULL) {
        transfer->younger->older = transfer->older;
    }
    transfer->exchange = NULL;
    transfer->node = NULL;
    if (transfer->curl->inside > 0) {
        lw__curl_later(transfer);
    } else if (!transfer->queued) {
        lw__transfer_free(transfer);
    }
    return exchange;
}

void lw__transfer_ended(struct lw__transfer *transfer, CURLcode code) {
    if (transfer->exchange == NULL) { /* it waits to be freed */
        return;
    }
    lw_exchange *exchange = transfer->exchange;
    exchange->reason = LW_OK;
    exchange->response = exchange->request;
    transfer->went_well = code == CURLE_OK && transfer->said == 1;
    lw__answer_tell(transfer, code, &exchange->sample);
    lw_exchange_complete(lw__transfer_leave(transfer));
}

void lw__transfer_drop(struct lw__transfer *transfer, uint32_t why) {
    lw_exchange *exchange = transfer->exchange;
    exchange->reason = LW_OK;
    exchange->sample = (lw_sample)LW_SAMPLE_INIT;
    exchange->sample.outcome = why;
    exchange->sample.now = lw__transfer_time(transfer);
    exchange->sample.latency = exchange->sample.now - transfer->began;
    if (why == LW_OUTCOME_TIMEOUT) { /* else another try may have been answered */
        lw__answer_forget(lw__http_of(transfer));
    }
    lw_exchange_complete(lw__transfer_leave(transfer));
}
