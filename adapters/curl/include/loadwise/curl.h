/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP as a service: one per node, on libcurl's multi interface under a libuv loop. In libloadwise-curl.
 *
 *     lw_curl *curl;
 *     lw_service *node;
 *     lw_curl_new(&curl, NULL, uv, NULL);
 *     lw_curl_node(curl, "http://10.0.0.1:8080", &node);
 *     lw_http http = LW_HTTP_INIT;
 *     http.path = "/v1/things";
 *     http.received = keep_bytes;
 *     exchange.request = &http;
 *     lw_service_call(node, &exchange);                   // or a stack over a pool of such nodes
 *
 * Connections are kept and used again, HTTP/2 is spoken where the server does, TLS is libcurl's. The body of the
 * request is read, and that of the answer given, as the bytes come; nothing is held in memory. client.h has the easy
 * way.
 *
 * How an exchange ends:
 *     429                                        LW_OUTCOME_RATE_LIMITED, with Retry-After
 *     503                                        LW_OUTCOME_OVERLOAD, with Retry-After
 *     other 5xx, what is not HTTP, a connection that ends too early, a body cut short
 *                                                LW_OUTCOME_FAILURE
 *     no connection (refused, unreachable, name, TLS)
 *                                                LW_OUTCOME_CONNECT_FAILURE
 *     408, 504                                   LW_OUTCOME_TIMEOUT
 *     other 4xx                                  LW_OUTCOME_CALLER_FAULT
 *     the rest                                   LW_OUTCOME_OK
 * A function of the caller's gave up                LW_OUTCOME_CANCELLED
 * The deadline of the exchange passed               LW_OUTCOME_TIMEOUT
 * Retry-After: seconds or a date; what is neither counts as absent. Making a connection has a time limit of its own.
 * A request that is none (method, header) is refused with LW_INVALID, without memory with LW_NOMEM.
 *
 * libcurl sends a request again, on a new connection, when a kept one turns out to be dead: only where the exchange is
 * LW_EXCHANGE_SAFE, others fail. Of an answer that no layer wants (`begins`) up to 64 KiB pass by. Proxies of the
 * environment are not used. With TLS the host ignores SIGPIPE, as with everything on OpenSSL.
 *
 * Threads: that of the loop. curl_global_init is the host's to call, or is called by the first lw_curl_new, which is
 * then not safe beside other threads that use libcurl.
 */
#ifndef LOADWISE_CURL_H
#define LOADWISE_CURL_H

#include <loadwise/service.h>
#include <loadwise/uv.h>

LW_BEGIN

typedef struct lw_curl lw_curl;
typedef struct lw_http lw_http;

/* A request and its answer: what lw_exchange.request points to. Its strings are borrowed until completed. */
struct lw_http {
    size_t size; /* sizeof(lw_http), so that the struct can grow */
    void *user;

    const char *method;         /* NULL: GET */
    const char *path;           /* "/v1/things?limit=3"; NULL: "/" */
    const char *const *headers; /* "Name: value" */
    size_t header_count;

    /* The body: bytes, or a function that gives them: up to `room`, 0 at the end, negative to give up. It begins anew
       with `rewind`, 0 if it can; without one, nothing is tried again once it was read from. While one try reads,
       another one beside it (a hedge) is refused with LW_BUSY. A POST, PUT or PATCH without a body has an empty one. */
    const void *body;
    size_t body_size;
    ptrdiff_t (*read)(lw_http *http, void *bytes, size_t room);
    int (*rewind)(lw_http *http);

    /* The answer, as it comes, of the try whose answer is given to the caller; trailers are headers after the body. Not
       0: it is given up, as LW_OUTCOME_CANCELLED. Or NULL. */
    int (*header)(lw_http *http, const char *line, size_t size); /* "Name: value", without the end of the line */
    int (*received)(lw_http *http, const void *bytes, size_t size);

    /* Valid when the exchange is completed: of the last try that ended by itself. */
    uint32_t status;     /* 0: none came */
    uint32_t reused;     /* 1: an open connection was there */
    uint64_t first_byte; /* ns from the call to the first byte of the answer's body, or its end; 0: none came */
    uint64_t total;      /* ns to the end */
    uint64_t bytes;      /* of the answer's body */
    const char *problem; /* libcurl's words for what went wrong; NULL: nothing. Lives for ever */
    uint32_t reading;    /* not the caller's: `read` is in use */
};

#define LW_HTTP_INIT                                                                                                   \
    { sizeof(lw_http), NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, NULL, 0 }

enum lw_curl_latency { LW_CURL_TOTAL = 0, LW_CURL_FIRST_BYTE = 1 };

typedef struct lw_curl_options {
    size_t size;              /* sizeof(lw_curl_options), so that the struct can grow */
    uint32_t latency;         /* enum lw_curl_latency: what counts as the latency of a sample */
    uint32_t connections;     /* kept open, of all nodes; 0: four times the exchanges under way. Fewer than these are
                                 slow: each answer closes what the next request opens */
    uint32_t per_node;        /* most connections to one node; more exchanges wait in libcurl; 0: no bound */
    uint32_t http_version;    /* 0: what TLS agrees on, else 1.1; 1: 1.1 only; 2: HTTP/2 at once, also without TLS,
                                 which libcurl 7.88 can do once for each connection only */
    uint64_t connect_timeout; /* ns; 0: 5 s */
    const char *user_agent;   /* NULL: "loadwise". Copied */
    const char *ca_file;      /* NULL: libcurl's. Copied */
    /* Called with each CURL * before it is used, for what is not here. Or NULL. */
    void (*tune)(void *user, void *curl);
    void *user;
} lw_curl_options;

#define LW_CURL_OPTIONS_INIT                                                                                           \
    { sizeof(lw_curl_options), 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

/* Makes a client on the loop of uv, which is borrowed. Errors: LW_NOMEM, LW_INVALID, LW_RANGE; LW_UNAVAILABLE
 * (libcurl). */
LW_API int lw_curl_new(lw_curl **out, const lw_env *env, lw_uv *uv, const lw_curl_options *options);

/* NULL-safe. The services of nodes are freed before; the handles that it has open in the loop close in the loop. */
LW_API void lw_curl_free(lw_curl *curl);

/* The service of one node: base is "http://host:port" or "https://...", with a path if all paths begin so. To be freed
   with lw_service_free. Errors: LW_INVALID (base), LW_NOMEM. */
LW_API int lw_curl_node(lw_curl *curl, const char *base, lw_service **node);

/* The outcome of a status code, by the table above. Threads: any. */
LW_API uint32_t lw_http_outcome(uint32_t status);

LW_END

#endif
