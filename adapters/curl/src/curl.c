/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The client: libcurl's multi handle, and the order in which it may be called. Inside of one of its calls nothing can be
 * added or removed; so what callbacks ask for then waits in a list until the call has returned. Transfers that have ended
 * are read then, too.
 */
#include "inner.h"

#include <stdlib.h>
#include <string.h>

int lw__curl_fail(const lw_curl *curl, int code, const char *words) {
    if (curl->env.log != NULL) {
        curl->env.log(curl->env.user, code, words);
    }
    return code;
}

/* ---- in and out of libcurl ---- */

void lw__curl_enter(lw_curl *curl) { curl->inside++; }

static void read_ended(lw_curl *curl) {
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

static void do_later(lw_curl *curl) {
    while (curl->later != NULL) {
        struct lw__transfer *transfer = curl->later;
        curl->later = transfer->next;
        transfer->queued = false;
        if (transfer->exchange == NULL) {
            lw__transfer_free(transfer);
        } else {
            lw__transfer_start(transfer);
        }
    }
}

void lw__curl_leave(lw_curl *curl) {
    if (--curl->inside == 0) {
        read_ended(curl);
        do_later(curl);
    }
}

void lw__curl_later(struct lw__transfer *transfer) {
    if (!transfer->queued) {
        struct lw__transfer **last = &transfer->curl->later;
        while (*last != NULL) {
            last = &(*last)->next;
        }
        transfer->queued = true;
        transfer->next = NULL;
        *last = transfer;
    }
}

/* ---- birth and end ---- */

static int client_open(lw_curl *curl) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return lw__curl_fail(curl, LW_UNAVAILABLE, "curl: libcurl cannot be initialised");
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

static char *copy_text(const char *text) {
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    char *copy = size > 0 ? malloc(size) : NULL;
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static int client_options(lw_curl *curl, const lw_curl_options *given) {
    lw_curl_options *options = &curl->options;
    *options = (lw_curl_options)LW_CURL_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(options, given, given->size < sizeof *options ? given->size : sizeof *options);
    }
    options->user_agent = copy_text(options->user_agent != NULL ? options->user_agent : "loadwise");
    const char *ca_file = options->ca_file;
    options->ca_file = copy_text(ca_file);
    if (options->latency > LW_CURL_FIRST_BYTE || options->http_version > 2) {
        return lw__curl_fail(curl, LW_RANGE, "curl: latency must be 0 or 1, http_version from 0 to 2");
    }
    return options->user_agent == NULL || (ca_file != NULL && options->ca_file == NULL) ? LW_NOMEM : LW_OK;
}

/* The memory goes with the last handle. */
void lw__curl_gone(lw_curl *curl) {
    if (curl->freed && curl->sockets == 0) {
        free((char *)curl->options.user_agent);
        free((char *)curl->options.ca_file);
        free(curl);
    }
}

int lw_curl_new(lw_curl **out, const lw_env *env, lw_uv *uv, const lw_curl_options *options) {
    *out = NULL;
    lw_curl *curl = calloc(1, sizeof *curl);
    if (curl == NULL) {
        return LW_NOMEM;
    }
    curl->uv = uv;
    curl->env = (lw_env)LW_ENV_INIT;
    if (env != NULL) {
        memcpy(&curl->env, env, env->size < sizeof curl->env ? env->size : sizeof curl->env);
    }
    int error = client_options(curl, options);
    error = error == LW_OK ? client_open(curl) : error;
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
        free(transfer);
    }
    lw_timer_stop(lw_uv_clock(curl->uv), &curl->timer);
    if (curl->multi != NULL) {
        curl_multi_cleanup(curl->multi);
        lw_timer_stop(lw_uv_clock(curl->uv), &curl->timer);
        curl_global_cleanup();
    }
    curl->freed = true;
    lw__curl_gone(curl);
}
