/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One request on its way through libcurl. The outcome is known with the status line, so that is when the answer begins:
 * the layers above decide then whether it is heard, before its first header is.
 *
 * An exchange that is cancelled is completed at once; its handle follows when libcurl may be called.
 * Cost: a handle taken from those idle; libcurl's own allocations.
 */
#include "inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

enum { CONNECT_MS = 5000, FIRST_FINAL_STATUS = 200 };

static lw_http *http_of(const struct lw__transfer *transfer) { return transfer->exchange->request; }

static uint64_t time_of(const struct lw__transfer *transfer) {
    return lw_clock_now(lw_uv_clock(transfer->curl->uv));
}

/* ---- the body of the request ---- */

static size_t give_bytes(char *room, size_t size, size_t count, void *user) {
    struct lw__transfer *transfer = user;
    if (transfer->exchange == NULL) {
        return CURL_READFUNC_ABORT;
    }
    lw_http *http = http_of(transfer);
    size_t wanted = size * count, left = http->body_size - transfer->sent;
    if (http->read != NULL) {
        transfer->exchange->flags |= http->rewind == NULL ? (uint32_t)LW_EXCHANGE_SPENT : 0;
        ptrdiff_t given = http->read(http, room, wanted);
        transfer->given_up |= given < 0;
        return given < 0 ? CURL_READFUNC_ABORT : (size_t)given;
    }
    wanted = wanted < left ? wanted : left;
    memcpy(room, (const char *)http->body + transfer->sent, wanted);
    transfer->sent += wanted;
    return wanted;
}

/* libcurl begins anew when a kept connection turns out to be dead. */
static int begin_anew(void *user, curl_off_t offset, int origin) {
    struct lw__transfer *transfer = user;
    if (transfer->exchange == NULL || origin != SEEK_SET || offset != 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    lw_http *http = http_of(transfer);
    transfer->sent = 0;
    if (http->read == NULL) {
        return CURL_SEEKFUNC_OK;
    }
    return http->rewind != NULL && http->rewind(http) == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK;
}

/* ---- the answer ---- */

/* "HTTP/1.1 200 OK" */
static uint32_t status_of(const char *line, size_t size) {
    char text[16];
    const char *space = memchr(line, ' ', size);
    size_t length = space != NULL ? (size_t)(line + size - space) : 0;
    length = length < sizeof text ? length : sizeof text - 1;
    memcpy(text, space != NULL ? space : line, length);
    text[length] = '\0';
    return (uint32_t)strtoul(text, NULL, 10);
}

static bool is_status_line(const char *line, size_t size) { return size > 5 && memcmp(line, "HTTP/", 5) == 0; }

static void answer_begins(struct lw__transfer *transfer, uint32_t status) {
    lw_exchange *exchange = transfer->exchange;
    if (status < FIRST_FINAL_STATUS || transfer->heard || transfer->unheard) {
        return;
    }
    exchange->sample.outcome = lw_http_outcome(status);
    bool wanted = lw_exchange_begins(exchange) != 0;
    transfer->heard = wanted;
    transfer->unheard = !wanted;
}

static size_t take_header(char *line, size_t size, size_t count, void *user) {
    struct lw__transfer *transfer = user;
    size_t whole = size * count, length = whole;
    if (transfer->exchange == NULL) {
        return 0;
    }
    if (is_status_line(line, length)) {
        answer_begins(transfer, status_of(line, length));
        return transfer->exchange != NULL ? whole : 0;
    }
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n')) {
        length--;
    }
    lw_http *http = http_of(transfer);
    if (length > 0 && transfer->heard && http->header != NULL && http->header(http, line, length) != 0) {
        transfer->given_up = true;
        return 0;
    }
    return transfer->exchange != NULL ? whole : 0;
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *user) {
    struct lw__transfer *transfer = user;
    size_t whole = size * count;
    if (transfer->exchange == NULL) {
        return 0;
    }
    lw_http *http = http_of(transfer);
    transfer->first = transfer->first == 0 ? time_of(transfer) : transfer->first;
    transfer->bytes += whole;
    if (transfer->heard && http->received != NULL && http->received(http, bytes, whole) != 0) {
        transfer->given_up = true;
        return 0;
    }
    return transfer->exchange != NULL ? whole : 0;
}

/* ---- setting up ---- */

static CURLcode set_url(struct lw__transfer *transfer, const lw_http *http) {
    const char *path = http->path != NULL ? http->path : "/";
    size_t size = strlen(transfer->node->base) + strlen(path) + 2;
    char *url = malloc(size);
    if (url == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    snprintf(url, size, "%s%s%s", transfer->node->base, *path == '/' ? "" : "/", path);
    CURLcode code = curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    free(url);
    return code;
}

static CURLcode set_headers(struct lw__transfer *transfer, const lw_http *http) {
    for (size_t i = 0; i < http->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(transfer->headers, http->headers[i]);
        if (longer == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        transfer->headers = longer;
    }
    struct curl_slist *longer = curl_slist_append(transfer->headers, "Expect:"); /* no wait for a 100 */
    transfer->headers = longer != NULL ? longer : transfer->headers;
    return longer != NULL ? curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers)
                          : CURLE_OUT_OF_MEMORY;
}

static void set_body(const struct lw__transfer *transfer, const lw_http *http) {
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, begin_anew);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, http->read != NULL ? (curl_off_t)-1 : (curl_off_t)http->body_size);
}

static CURLcode set_method(const struct lw__transfer *transfer, const lw_http *http) {
    bool body = http->read != NULL || http->body_size > 0;
    const char *method = http->method != NULL ? http->method : body ? "POST" : "GET";
    if (body) {
        set_body(transfer, http);
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(transfer->easy, CURLOPT_NOBODY, 1L);
    }
    return curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_client(const struct lw__transfer *transfer) {
    static const long versions[] = {CURL_HTTP_VERSION_2TLS, CURL_HTTP_VERSION_1_1,
                                    CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE};
    const lw_curl_options *options = &transfer->curl->options;
    CURL *easy = transfer->easy;
    uint64_t connect = options->connect_timeout / NS_PER_MS;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[options->http_version]);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect != 0 ? (long)connect : (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
    if (options->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    }
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

static bool set_all(struct lw__transfer *transfer, lw_http *http) {
    set_client(transfer);
    if (http->read != NULL && http->rewind != NULL && http->rewind(http) != 0) {
        transfer->exchange->flags |= LW_EXCHANGE_SPENT;
        return false;
    }
    bool good = set_url(transfer, http) == CURLE_OK && set_headers(transfer, http) == CURLE_OK &&
                set_method(transfer, http) == CURLE_OK;
    if (good && transfer->curl->options.tune != NULL) {
        transfer->curl->options.tune(transfer->curl->options.user, transfer->easy);
    }
    return good;
}

/* ---- life ---- */

static struct lw__transfer *transfer_take(lw_curl *curl) {
    struct lw__transfer *transfer = curl->idle;
    if (transfer != NULL) {
        curl->idle = transfer->next;
        CURL *easy = transfer->easy;
        *transfer = (struct lw__transfer){.curl = curl, .easy = easy};
        return transfer;
    }
    transfer = calloc(1, sizeof *transfer);
    CURL *easy = transfer != NULL ? curl_easy_init() : NULL;
    if (easy == NULL) {
        free(transfer);
        return NULL;
    }
    transfer->curl = curl;
    transfer->easy = easy;
    return transfer;
}

struct lw__transfer *lw__transfer_new(struct lw__curl_node *node, lw_exchange *exchange) {
    struct lw__transfer *transfer = transfer_take(node->curl);
    if (transfer == NULL) {
        return NULL;
    }
    transfer->node = node;
    transfer->exchange = exchange;
    transfer->began = time_of(transfer);
    transfer->younger = node->transfers;
    if (transfer->younger != NULL) {
        transfer->younger->older = transfer;
    }
    node->transfers = transfer;
    exchange->holder = transfer;
    if (!set_all(transfer, http_of(transfer))) {
        exchange->holder = NULL;
        lw__transfer_leave(transfer);
        lw__transfer_free(transfer);
        return NULL;
    }
    return transfer;
}

void lw__transfer_leave(struct lw__transfer *transfer) {
    *(transfer->older != NULL ? &transfer->older->younger : &transfer->node->transfers) = transfer->younger;
    if (transfer->younger != NULL) {
        transfer->younger->older = transfer->older;
    }
    transfer->exchange = NULL;
    transfer->node = NULL;
}

void lw__transfer_free(struct lw__transfer *transfer) {
    lw_curl *curl = transfer->curl;
    if (transfer->added) {
        curl_multi_remove_handle(curl->multi, transfer->easy);
    }
    curl_easy_reset(transfer->easy);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    transfer->added = false;
    transfer->next = curl->idle;
    curl->idle = transfer;
}

void lw__transfer_start(struct lw__transfer *transfer) {
    CURLMcode code = curl_multi_add_handle(transfer->curl->multi, transfer->easy);
    transfer->added = code == CURLM_OK;
    if (code != CURLM_OK) {
        lw_exchange *exchange = transfer->exchange;
        lw__curl_fail(transfer->curl, LW_NOMEM, curl_multi_strerror(code));
        lw__transfer_leave(transfer);
        lw__transfer_free(transfer);
        lw_exchange_refuse(exchange, LW_NOMEM, LW_RETRY_ON_COMPLETION, 0);
    }
}

/* ---- the end ---- */

static void tell_http(const struct lw__transfer *transfer, CURLcode code, uint64_t now) {
    lw_http *http = http_of(transfer);
    long status = 0, connects = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
    http->status = (uint32_t)status;
    http->reused = connects == 0 && status != 0;
    http->first_byte = transfer->first != 0 ? transfer->first - transfer->began : 0;
    http->total = now - transfer->began;
    http->bytes = transfer->bytes;
    http->problem = code != CURLE_OK ? curl_easy_strerror(code) : NULL;
}

static uint64_t retry_after(const struct lw__transfer *transfer) {
    curl_off_t seconds = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds);
    uint64_t most = UINT64_MAX / NS_PER_SECOND;
    return seconds <= 0 ? 0 : (uint64_t)seconds < most ? (uint64_t)seconds * NS_PER_SECOND : UINT64_MAX;
}

void lw__transfer_ended(struct lw__transfer *transfer, CURLcode code) {
    lw_exchange *exchange = transfer->exchange;
    if (exchange == NULL) { /* it waits to be freed */
        return;
    }
    uint64_t now = time_of(transfer);
    const lw_http *http = http_of(transfer);
    tell_http(transfer, code, now);
    exchange->reason = LW_OK;
    exchange->response = exchange->request;
    exchange->sample = (lw_sample)LW_SAMPLE_INIT;
    exchange->sample.outcome = transfer->given_up ? (uint32_t)LW_OUTCOME_CANCELLED : lw__curl_outcome(code, http->status);
    exchange->sample.now = now;
    exchange->sample.latency = transfer->curl->options.latency == LW_CURL_FIRST_BYTE && http->first_byte != 0
                                   ? http->first_byte
                                   : http->total;
    exchange->sample.retry_after = retry_after(transfer);
    exchange->flags |= transfer->heard ? (uint32_t)LW_EXCHANGE_BEGUN : 0;
    lw__transfer_leave(transfer);
    lw__transfer_free(transfer);
    lw_exchange_complete(exchange);
}

void lw__transfer_drop(struct lw__transfer *transfer, uint32_t why) {
    lw_exchange *exchange = transfer->exchange;
    lw_curl *curl = transfer->curl;
    uint64_t now = time_of(transfer);
    exchange->reason = LW_OK;
    exchange->sample = (lw_sample)LW_SAMPLE_INIT;
    exchange->sample.outcome = why;
    exchange->sample.now = now;
    exchange->sample.latency = now - transfer->began;
    lw__transfer_leave(transfer);
    if (curl->inside > 0) {
        lw__curl_later(transfer);
    } else if (!transfer->queued) {
        lw__transfer_free(transfer);
    }
    lw_exchange_complete(exchange);
}
