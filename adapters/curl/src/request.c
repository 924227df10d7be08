/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The request: from lw_http to libcurl's options, and to the body that libcurl asks for.
 *
 * An easy handle is set up once; a request changes what differs, and HTTPGET undoes what the one before it left.
 * libcurl sends a request again by itself where a kept connection turns out to be dead. That is for exchanges that are
 * SAFE; of others a node may have begun, so that they fail.
 */
#include "inner.h"

#define NS_PER_MS UINT64_C(1000000)

enum { CONNECT_MS = 5000, URL_ROOM = 512 };

/* ---- the body ---- */

static size_t give_bytes(char *room, size_t size, size_t count, void *user) {
    struct lw__transfer *transfer = user;
    if (transfer->exchange == NULL) {
        return CURL_READFUNC_ABORT;
    }
    lw_http *http = lw__http_of(transfer);
    size_t wanted = size * count, left = http->body_size - transfer->sent;
    if (http->read != NULL) {
        if (http->rewind == NULL) {
            lw_exchange_mark(transfer->exchange, LW_EXCHANGE_SPENT);
        }
        ptrdiff_t given = http->read(http, room, wanted);
        transfer->given_up |= given < 0 || (size_t)given > wanted;
        return transfer->given_up ? CURL_READFUNC_ABORT : (size_t)given;
    }
    wanted = wanted < left ? wanted : left;
    if (wanted > 0) {
        memcpy(room, (const char *)http->body + transfer->sent, wanted);
        transfer->sent += wanted;
    }
    return wanted;
}

static int begin_anew(void *user, curl_off_t offset, int origin) {
    struct lw__transfer *transfer = user;
    if (transfer->exchange == NULL || origin != SEEK_SET || offset != 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    lw_http *http = lw__http_of(transfer);
    transfer->sent = 0;
    if (http->read == NULL) {
        return CURL_SEEKFUNC_OK;
    }
    if (http->rewind != NULL && http->rewind(http) == 0) {
        return CURL_SEEKFUNC_OK;
    }
    transfer->given_up |= http->rewind != NULL;
    return CURL_SEEKFUNC_FAIL;
}

/* A connection is there, and the request will be sent. */
static int before_sending(void *user, char *to, char *from, int to_port, int from_port) {
    struct lw__transfer *transfer = user;
    (void)to, (void)from, (void)to_port, (void)from_port;
    bool again = transfer->said++ > 0;
    if (transfer->exchange == NULL || (again && (transfer->exchange->flags & LW_EXCHANGE_SAFE) == 0)) {
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

/* ---- once ---- */

void lw__request_static(struct lw__transfer *transfer) {
    static const long versions[] = {CURL_HTTP_VERSION_2TLS, CURL_HTTP_VERSION_1_1, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE};
    const lw_curl_options *options = &transfer->curl->options;
    CURL *easy = transfer->easy;
    uint64_t connect = options->connect_timeout / NS_PER_MS + (options->connect_timeout % NS_PER_MS != 0);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* or who is cancelled while a name is looked up waits for that */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* a node is spoken to itself, whatever http_proxy says */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[options->http_version]);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect != 0 ? (long)connect : (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
    if (options->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    }
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, begin_anew);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
}

/* libcurl 7.88, which Debian 12 has, fails requests on a connection with HTTP/2 and without TLS that was used before
   (its issue 10634). */
static bool must_be_alone(const struct lw__transfer *transfer) {
    unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
    return transfer->curl->options.http_version == 2 && version >= 0x075800 && version < 0x080000 &&
           strncmp(transfer->node->base, "http:", 5) == 0;
}

/* ---- is it a request at all? ---- */

static bool is_token(const char *text) {
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (const char *at = text; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!letter && strchr(marks, *at) == NULL) {
            return false;
        }
    }
    return *text != '\0';
}

/* No character below `least`, nor DEL. */
static bool is_printed(const char *text, unsigned char least) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if ((*at < least && *at != '\t') || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static const char *http_fault(const lw_http *http) {
    if (http->method != NULL && !is_token(http->method)) {
        return "the method is one word";
    }
    if (http->path != NULL && (!is_printed(http->path, '!') || strchr(http->path, '\t') != NULL)) {
        return "a path has no blanks and no control characters";
    }
    for (size_t i = 0; i < http->header_count; i++) {
        const char *header = http->headers[i];
        if (header == NULL || !is_printed(header, ' ') || strchr(header, ':') == NULL) {
            return "a header is one line, \"Name: value\"";
        }
    }
    return http->read == NULL && http->body == NULL && http->body_size > 0 ? "there is no body, but it has a size"
                                                                           : NULL;
}

/* ---- for each request ---- */

static CURLcode set_url(const struct lw__transfer *transfer, const lw_http *http) {
    char small[URL_ROOM], *url = small;
    const struct lw__curl_node *node = transfer->node;
    const char *path = http->path != NULL ? http->path : "/";
    size_t length = strlen(path), slash = *path == '/' ? 0 : 1, size = node->length + slash + length + 1;
    if (size > sizeof small) {
        url = lw__host_alloc(&transfer->curl->env, size);
        if (url == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
    memcpy(url, node->base, node->length);
    url[node->length] = '/';
    memcpy(url + node->length + slash, path, length + 1);
    CURLcode code = curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    if (url != small) {
        lw__host_release(&transfer->curl->env, url);
    }
    return code;
}

static bool add_header(struct lw__transfer *transfer, const char *line) {
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    transfer->headers = longer != NULL ? longer : transfer->headers;
    return longer != NULL;
}

static bool set_headers(struct lw__transfer *transfer, const lw_http *http, bool body) {
    for (size_t i = 0; i < http->header_count; i++) {
        if (!add_header(transfer, http->headers[i])) {
            return false;
        }
    }
    return (!body || add_header(transfer, "Expect:")) && /* no wait for a 100 */
           (transfer->headers == NULL ||
            curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK);
}

static bool has_body(const lw_http *http) {
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    bool body = http->read != NULL || http->body_size > 0;
    for (size_t i = 0; i < sizeof methods / sizeof *methods && !body && http->method != NULL; i++) {
        body = strcmp(http->method, methods[i]) == 0;
    }
    return body;
}

static CURLcode set_method(const struct lw__transfer *transfer, const lw_http *http, bool body) {
    CURL *easy = transfer->easy;
    const char *method = http->method != NULL ? http->method : body ? "POST" : NULL;
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (transfer->curl->options.http_version == 2) {
        long alone = must_be_alone(transfer) ? 1 : 0;
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, alone);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, alone);
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L - alone);
    }
    if (body) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                         http->read != NULL ? (curl_off_t)-1 : (curl_off_t)http->body_size);
    } else if (method != NULL && strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

/* A body that the caller gives by a function can be in one try at a time, and begins anew in each. */
static int set_reading(struct lw__transfer *transfer, lw_http *http) {
    if (http->reading != 0) {
        return LW_BUSY;
    }
    http->reading = 1;
    transfer->reads = true;
    if (http->rewind != NULL && http->rewind(http) != 0 && transfer->exchange != NULL) {
        lw_exchange_mark(transfer->exchange, LW_EXCHANGE_SPENT);
        lw__transfer_drop(transfer, LW_OUTCOME_CANCELLED);
    }
    return LW_OK;
}

int lw__request_set(struct lw__transfer *transfer) {
    lw_curl *curl = transfer->curl;
    lw_http *http = lw__http_of(transfer);
    const char *fault = http_fault(http);
    if (fault != NULL) {
        return lw__host_fail(&curl->env, LW_INVALID, "curl: %s", fault);
    }
    bool body = has_body(http);
    if (set_url(transfer, http) != CURLE_OK || !set_headers(transfer, http, body) ||
        set_method(transfer, http, body) != CURLE_OK) {
        return LW_NOMEM;
    }
    int error = http->read != NULL ? set_reading(transfer, http) : LW_OK;
    if (error != LW_OK || transfer->exchange == NULL) {
        return error;
    }
    lw__answer_forget(http);
    if (curl->options.tune != NULL) {
        curl->options.tune(curl->options.user, transfer->easy);
    }
    return LW_OK;
}
