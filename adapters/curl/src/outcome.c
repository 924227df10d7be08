/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a status or an error of libcurl says of a node; the table is in curl.h. */
#include "inner.h"

enum { REQUEST_TIMEOUT = 408, TOO_MANY_REQUESTS = 429, SERVICE_UNAVAILABLE = 503, GATEWAY_TIMEOUT = 504 };

uint32_t lw_http_outcome(uint32_t status) {
    switch (status) {
    case TOO_MANY_REQUESTS: return LW_OUTCOME_RATE_LIMITED;
    case SERVICE_UNAVAILABLE: return LW_OUTCOME_OVERLOAD;
    case REQUEST_TIMEOUT:
    case GATEWAY_TIMEOUT: return LW_OUTCOME_TIMEOUT;
    default: break;
    }
    if (status < 100 || status >= 500) {
        return LW_OUTCOME_FAILURE;
    }
    return status >= 400 ? LW_OUTCOME_CALLER_FAULT : LW_OUTCOME_OK;
}

/* libcurl does not tell apart a connection that was cut before a byte of the request was sent and one that was cut
   before a byte of the answer came: both are failures. Nor a header that is too long and memory that is short: neither
   is the caller's fault. */
uint32_t lw__curl_outcome(CURLcode code, uint32_t status) {
    switch (code) {
    case CURLE_OK: return lw_http_outcome(status);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_OPERATION_TIMEDOUT: /* our only limit is that of connecting */ return LW_OUTCOME_CONNECT_FAILURE;
    case CURLE_URL_MALFORMAT: return LW_OUTCOME_CALLER_FAULT;
    default: return LW_OUTCOME_FAILURE;
    }
}
