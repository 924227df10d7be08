/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside of an lw_curl.
 *
 *   curl.c      made and freed; what has to wait until libcurl has returned
 *   loop.c      libcurl's sockets and its timer on the loop
 *   node.c      the service of one node
 *   transfer.c  the life of one exchange in libcurl
 *   request.c   from lw_http to libcurl's options and to the body that it asks for
 *   answer.c    from libcurl's bytes to the caller and to a sample
 *   outcome.c   what a status or an error of libcurl means
 */
#ifndef LW_CURL_INNER_H
#define LW_CURL_INNER_H

#include "host.h"

#include <curl/curl.h>
#include <loadwise/curl.h>
#include <stdbool.h>

struct lw__transfer;

struct lw_curl {
    lw_env env;
    lw_uv *uv;
    lw_curl_options options; /* its texts are these */
    char *user_agent, *ca_file;
    CURLM *multi;
    lw_timer timer;                    /* libcurl's */
    struct lw__transfer *later, *last; /* to be added or removed once libcurl has returned */
    struct lw__transfer *idle;         /* easy handles to be used again */
    unsigned inside;                   /* calls of libcurl, and of what we set it up with, that we are in */
    unsigned sockets;                  /* poll handles that are not closed */
    bool freed;
};

/* One easy handle, and what it is used for. */
struct lw__transfer {
    struct lw__transfer *next; /* of those idle, or later */
    lw_curl *curl;
    CURL *easy;
    struct curl_slist *headers;
    lw_exchange *exchange; /* NULL: nobody waits for it any more */
    struct lw__curl_node *node;
    struct lw__transfer *older, *younger; /* of its node */
    lw_timer deadline;
    uint64_t began, first;
    size_t sent;    /* of the body in memory */
    uint64_t bytes; /* received */
    unsigned said;  /* times that the request was sent, or begun to be */
    bool added;     /* libcurl has it */
    bool queued;    /* among `later` */
    bool reads;     /* the body, by the caller's function */
    bool headed;    /* all of its header has come */
    bool heard;     /* the answer has begun, and somebody wants it */
    bool unheard;   /* it has begun, and nobody does */
    bool starved;   /* there was no memory to watch its socket with */
    bool cut;       /* it was too long for an answer that nobody wants */
    bool given_up;  /* by a function of the caller's */
    bool went_well; /* it was sent once and answered */
};

struct lw__curl_node {
    lw_service service;
    lw_curl *curl;
    struct lw__transfer *transfers;
    size_t length;
    char base[]; /* without a slash at its end */
};

/* curl.c. What is asked for between enter and leave waits until the last leave. */
void lw__curl_enter(lw_curl *curl);
void lw__curl_leave(lw_curl *curl);
void lw__curl_later(struct lw__transfer *transfer);
/* Completes what has ended. */
void lw__curl_read(lw_curl *curl);
/* The memory goes with the last handle. */
void lw__curl_gone(lw_curl *curl);

/* loop.c */
int lw__curl_loop_open(lw_curl *curl);

/* transfer.c */
static inline lw_http *lw__http_of(const struct lw__transfer *transfer) { return transfer->exchange->request; }
static inline uint64_t lw__transfer_time(const struct lw__transfer *transfer) {
    return lw_clock_now(lw_uv_clock(transfer->curl->uv));
}
/* NULL: no memory. */
struct lw__transfer *lw__transfer_new(struct lw__curl_node *node, lw_exchange *exchange);
/* Hands it to libcurl; not from inside of it. */
void lw__transfer_start(struct lw__transfer *transfer);
/* Gives the exchange back, which is left to complete; the transfer is freed as soon as libcurl lets go of it. */
lw_exchange *lw__transfer_leave(struct lw__transfer *transfer);
void lw__transfer_free(struct lw__transfer *transfer);
void lw__transfer_ended(struct lw__transfer *transfer, CURLcode code);
void lw__transfer_drop(struct lw__transfer *transfer, uint32_t why);

/* request.c. Static: once for an easy handle; set: for each request. Set calls the caller, who may have dropped the
   transfer afterwards. Errors: LW_NOMEM, LW_INVALID, LW_BUSY. */
void lw__request_static(struct lw__transfer *transfer);
int lw__request_set(struct lw__transfer *transfer);

/* answer.c */
void lw__answer_listen(struct lw__transfer *transfer);
void lw__answer_forget(lw_http *http);
void lw__answer_tell(const struct lw__transfer *transfer, CURLcode code, lw_sample *sample);

/* outcome.c */
uint32_t lw__curl_outcome(CURLcode code, uint32_t status);

#endif
