/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The answer: from libcurl's bytes to the caller, and to a sample. The outcome is known with the status line, so that
 * is when the answer begins: the layers above decide then whether it is heard, before its first header is. Of one that
 * nobody wants the rest is read, so that the connection can be used again, but not more than a little.
 */
#include "inner.h"

#define NS_PER_SECOND UINT64_C(1000000000)

enum { FIRST_FINAL_STATUS = 200, UNHEARD_MOST = 65536 };

/* ---- as it comes ---- */

/* "HTTP/1.1 200 OK" */
static uint32_t status_of(const char *line, size_t size) {
    const char *space = memchr(line, ' ', size), *end = line + size;
    uint32_t status = 0;
    for (const char *at = space; at != NULL && ++at < end && *at >= '0' && *at <= '9' && status < 1000;) {
        status = status * 10 + (uint32_t)(*at - '0');
    }
    return status;
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
    if (wanted && transfer->exchange != NULL) {
        lw_exchange_mark(exchange, LW_EXCHANGE_BEGUN);
    }
}

static size_t take_header(char *line, size_t size, size_t count, void *user) {
    struct lw__transfer *transfer = user;
    size_t whole = size * count, length = whole;
    if (transfer->exchange == NULL) {
        return 0;
    }
    if (is_status_line(line, length)) {
        transfer->headed = false;
        answer_begins(transfer, status_of(line, length));
        return transfer->exchange != NULL ? whole : 0;
    }
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n')) {
        length--;
    }
    transfer->headed |= length == 0;
    lw_http *http = lw__http_of(transfer);
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
    lw_http *http = lw__http_of(transfer);
    transfer->first = transfer->first == 0 ? lw__transfer_time(transfer) : transfer->first;
    transfer->bytes += whole;
    if (transfer->unheard && transfer->bytes > UNHEARD_MOST) {
        transfer->cut = true;
        return 0;
    }
    if (transfer->heard && http->received != NULL && http->received(http, bytes, whole) != 0) {
        transfer->given_up = true;
        return 0;
    }
    return transfer->exchange != NULL ? whole : 0;
}

void lw__answer_listen(struct lw__transfer *transfer) {
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
}

/* ---- at its end ---- */

void lw__answer_forget(lw_http *http) {
    http->status = 0;
    http->reused = 0;
    http->first_byte = http->total = http->bytes = 0;
    http->problem = NULL;
}

static void tell_http(const struct lw__transfer *transfer, CURLcode code, uint64_t now) {
    lw_http *http = lw__http_of(transfer);
    long status = 0, connects = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
    uint64_t first = transfer->first != 0 ? transfer->first : now;
    http->status = (uint32_t)status;
    http->reused = connects == 0 && status != 0;
    http->first_byte = status != 0 ? first - transfer->began : 0;
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

void lw__answer_tell(const struct lw__transfer *transfer, CURLcode code, lw_sample *sample) {
    uint64_t now = lw__transfer_time(transfer);
    const lw_http *http = lw__http_of(transfer);
    if (transfer->cut) {
        code = CURLE_OK;
    } else if (code == CURLE_OK && !transfer->headed) { /* which libcurl takes for an answer without a body */
        code = CURLE_WEIRD_SERVER_REPLY;
    }
    tell_http(transfer, code, now);
    bool by_bytes = transfer->curl->options.latency == LW_CURL_FIRST_BYTE && http->first_byte != 0;
    *sample = (lw_sample)LW_SAMPLE_INIT;
    sample->outcome = transfer->given_up ? (uint32_t)LW_OUTCOME_CANCELLED : lw__curl_outcome(code, http->status);
    sample->now = now;
    sample->latency = by_bytes ? http->first_byte : http->total;
    sample->retry_after = retry_after(transfer);
}
