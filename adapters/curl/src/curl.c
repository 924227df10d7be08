/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The client: libcurl's multi handle, and the order in which it may be called. Inside of one of its calls nothing can
 * be added or removed; so what callbacks ask for then waits in a list until the call has returned.
 */
#include "inner.h"

/* ---- in and out of libcurl ---- */

void lw__curl_enter(lw_curl *curl) { curl->inside++; }

void lw__curl_leave(lw_curl *curl) {
    if (--curl->inside > 0) {
        return;
    }
    while (curl->later != NULL) {
        struct lw__transfer *transfer = curl->later;
        curl->later = transfer->next;
        transfer->queued = false;
        if (transfer->exchange == NULL) {
            lw__transfer_free(transfer);
        } else if (transfer->starved) {
            lw_exchange_refuse(lw__transfer_leave(transfer), LW_NOMEM, LW_RETRY_ON_COMPLETION, 0);
        } else {
            lw__transfer_start(transfer);
        }
    }
}

void lw__curl_later(struct lw__transfer *transfer) {
    lw_curl *curl = transfer->curl;
    if (!transfer->queued) {
        transfer->queued = true;
        transfer->next = NULL;
        *(curl->later != NULL ? &curl->last->next : &curl->later) = transfer;
        curl->last = transfer;
    }
}

void lw__curl_read(lw_curl *curl) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(curl->multi, &left)) != NULL;) {
        struct lw__transfer *transfer;
        CURLcode code = message->data.result; /* the message goes with the handle */
        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
            lw__transfer_ended(transfer, code);
        }
    }
}

/* ---- birth and end ---- */

static int multi_open(lw_curl *curl) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return lw__host_fail(&curl->env, LW_UNAVAILABLE, "curl: libcurl cannot be initialised");
    }
    curl->multi = curl_multi_init();
    if (curl->multi == NULL) {
        curl_global_cleanup();
        return LW_NOMEM;
    }
    curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, (long)curl->options.connections);
    curl_multi_setopt(curl->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)curl->options.per_node);
    curl_multi_setopt(curl->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    return lw__curl_loop_open(curl);
}

static char *copy_text(const lw_env *env, const char *text) {
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    char *copy = size > 0 ? lw__host_alloc(env, size) : NULL;
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static int take_options(lw_curl *curl, const lw_curl_options *given) {
    lw_curl_options wanted = LW_CURL_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(&wanted, given, given->size < sizeof wanted ? given->size : sizeof wanted);
    }
    if (wanted.latency > LW_CURL_FIRST_BYTE) {
        return lw__host_fail(&curl->env, LW_RANGE, "curl: latency is 0 (total) or 1 (first byte), not %u",
                             wanted.latency);
    }
    if (wanted.http_version > 2) {
        return lw__host_fail(&curl->env, LW_RANGE, "curl: http_version is 0 (any), 1 or 2, not %u",
                             wanted.http_version);
    }
    const char *agent = wanted.user_agent != NULL ? wanted.user_agent : "loadwise", *ca_file = wanted.ca_file;
    curl->options = wanted;
    curl->options.user_agent = curl->user_agent = copy_text(&curl->env, agent);
    curl->options.ca_file = curl->ca_file = copy_text(&curl->env, ca_file);
    return curl->user_agent == NULL || (ca_file != NULL && curl->ca_file == NULL) ? LW_NOMEM : LW_OK;
}

void lw__curl_gone(lw_curl *curl) {
    if (curl->freed && curl->sockets == 0) {
        lw_env env = curl->env;
        lw__host_release(&env, curl->user_agent);
        lw__host_release(&env, curl->ca_file);
        lw__host_release(&env, curl);
    }
}

int lw_curl_new(lw_curl **out, const lw_env *given, lw_uv *uv, const lw_curl_options *options) {
    lw_env env;
    *out = NULL;
    int error = lw__host_env(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_curl *curl = lw__host_alloc(&env, sizeof *curl);
    if (curl == NULL) {
        return LW_NOMEM;
    }
    curl->uv = uv;
    curl->env = env;
    error = take_options(curl, options);
    error = error == LW_OK ? multi_open(curl) : error;
    if (error != LW_OK) {
        lw_curl_free(curl);
        return error;
    }
    *out = curl;
    return LW_OK;
}

void lw_curl_free(lw_curl *curl) {
    if (curl == NULL) {
        return;
    }
    while (curl->idle != NULL) {
        struct lw__transfer *transfer = curl->idle;
        curl->idle = transfer->next;
        curl_easy_cleanup(transfer->easy);
        lw__host_release(&curl->env, transfer);
    }
    if (curl->multi != NULL) {
        curl_multi_cleanup(curl->multi);
        curl_global_cleanup();
    }
    lw_timer_stop(lw_uv_clock(curl->uv), &curl->timer);
    curl->freed = true;
    lw__curl_gone(curl);
}
