/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside of an lw_curl.
 *
 *   curl.c      made and freed; what has to wait until libcurl has returned
 *   loop.c      libcurl's sockets and its timer on the loop
 *   transfer.c  one request: from lw_http to libcurl's options and back
 *   node.c      the service of one node
 *   outcome.c   what a status or an error of libcurl means
 */
#ifndef LW_CURL_INNER_H
#define LW_CURL_INNER_H

#include <curl/curl.h>
#include <loadwise/curl.h>
#include <stdbool.h>

struct lw__transfer;

struct lw_curl {
    lw_env env;
    lw_uv *uv;
    lw_curl_options options;
    CURLM *multi;
    lw_timer timer;             /* libcurl's */
    struct lw__transfer *later; /* to be added or removed once libcurl has returned */
    struct lw__transfer *idle;  /* easy handles to be used again */
    unsigned inside;            /* calls of libcurl that we are in */
    unsigned sockets;           /* poll handles that are not closed */
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
    uint64_t began, first;
    size_t sent;     /* of the body in memory */
    uint64_t bytes;  /* received */
    bool added;      /* libcurl has it */
    bool queued;     /* among `later` */
    bool heard;      /* the answer has begun, and somebody wants it */
    bool unheard;    /* it has begun, and nobody does */
    bool given_up;   /* by a function of the caller's */
};

struct lw__curl_node {
    lw_service service;
    lw_curl *curl;
    struct lw__transfer *transfers;
    char base[]; /* without a slash at its end */
};

/* curl.c */
int lw__curl_fail(const lw_curl *curl, int code, const char *words);
void lw__curl_enter(lw_curl *curl);
/* Reads what has ended, does what had to wait. */
void lw__curl_leave(lw_curl *curl);
void lw__curl_later(struct lw__transfer *transfer);

/* loop.c */
int lw__curl_loop_open(lw_curl *curl);
void lw__curl_gone(lw_curl *curl);

/* transfer.c. NULL: no memory. */
struct lw__transfer *lw__transfer_new(struct lw__curl_node *node, lw_exchange *exchange);
/* Hands it to libcurl; not from inside of it. */
void lw__transfer_start(struct lw__transfer *transfer);
/* Nobody waits for it any more. */
void lw__transfer_leave(struct lw__transfer *transfer);
void lw__transfer_ended(struct lw__transfer *transfer, CURLcode code);
void lw__transfer_drop(struct lw__transfer *transfer, uint32_t why);
void lw__transfer_free(struct lw__transfer *transfer);

/* outcome.c */
uint32_t lw__curl_outcome(CURLcode code, uint32_t status);

#endif
