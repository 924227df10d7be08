/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An HTTP client for one service that has many nodes: a pool, a stack and libcurl in one. In libloadwise-curl.
 *
 *     lw_client *client;
 *     lw_client_options options = LW_CLIENT_OPTIONS_INIT;
 *     options.stack = "timeout 2s | retry | balance p2c metric=peak_ewma";
 *     lw_client_new(&client, NULL, uv, &options);
 *     const char *const nodes[] = {"http://10.0.0.1:8080", "http://10.0.0.2:8080"};
 *     lw_client_nodes(client, nodes, 2);                  // again whenever the list has changed
 *     lw_client_get(client, "/v1/things", done, user);
 *
 *     static void done(void *user, const lw_answer *answer) { ... answer->status, answer->body, answer->bytes ... }
 *
 * Answers are gathered in memory, up to max_body. For streams, quotas per request and the like, use its parts: the
 * stack takes any exchange, and lw_client_pool has all that pools know.
 *
 * Threads: that of the loop.
 */
#ifndef LOADWISE_CLIENT_H
#define LOADWISE_CLIENT_H

#include <loadwise/curl.h>
#include <loadwise/pool.h>
#include <loadwise/stack.h>

LW_BEGIN

typedef struct lw_client lw_client;

typedef struct lw_client_options {
    size_t size;                 /* sizeof(lw_client_options), so that the struct can grow */
    const char *stack;           /* NULL: "timeout 10s | retry | balance p2c metric=peak_ewma" */
    const lw_pool_options *pool; /* NULL: the defaults. Its observer hears everything as well */
    const lw_curl_options *curl; /* NULL: the defaults */
    uint64_t max_body;           /* bytes of an answer; 0: 16 MiB. Beyond, it is given up: LW_OUTCOME_CANCELLED */
} lw_client_options;

#define LW_CLIENT_OPTIONS_INIT                                                                                         \
    { sizeof(lw_client_options), NULL, NULL, NULL, 0 }

/* What came of a request. Lives for the call of `done`. */
typedef struct lw_answer {
    size_t size;                 /* sizeof(lw_answer) */
    int reason;                  /* LW_OK: a node had it. Else a refusal, see retry_at of the exchange, or LW_NOMEM */
    uint32_t outcome;            /* enum lw_outcome */
    uint32_t status;             /* 0: none came */
    uint32_t tries;              /* nodes that had it */
    const char *body;            /* ends with NUL, which is not counted */
    size_t bytes;                /* of the body */
    const lw_exchange *exchange; /* all the rest; its request is an lw_http */
} lw_answer;

/* Makes a client. The loop is borrowed, the options are borrowed for the call. Errors: those of lw_pool_new,
   lw_curl_new and lw_stack_new. */
LW_API int lw_client_new(lw_client **out, const lw_env *env, lw_uv *uv, const lw_client_options *options);

/* NULL-safe. What is under way is cancelled, and told so; nothing new is taken then. Not from inside of a callback. */
LW_API void lw_client_free(lw_client *client);

/* The nodes by their addresses, each once, all of weight 1. Those that stay keep what is known of them. Errors: those
   of lw_pool_update and lw_curl_node; the nodes are then as before. */
LW_API int lw_client_nodes(lw_client *client, const char *const *addresses, size_t count);

typedef void lw_client_done(void *user, const lw_answer *answer);

/* Sends a request; `done` is called exactly once, perhaps before this returns. Strings and the body are borrowed until
   then. http may be changed and freed at once: it is copied, and its `received` is the client's. flags: enum
   lw_exchange_flag. Errors: LW_NOMEM; LW_UNAVAILABLE inside of lw_client_free. `done` is not called then. */
LW_API int lw_client_send(lw_client *client, const lw_http *http, uint32_t flags, lw_client_done *done, void *user);

/* GET, which may be tried again. */
LW_API int lw_client_get(lw_client *client, const char *path, lw_client_done *done, void *user);

/* POST of a body, which is tried again only where no node can have begun with it. */
LW_API int lw_client_post(lw_client *client, const char *path, const char *type, const void *body, size_t size,
                          lw_client_done *done, void *user);

/* Its parts. Live as long as the client. */
LW_API lw_pool *lw_client_pool(lw_client *client);
LW_API lw_stack *lw_client_stack(lw_client *client);

LW_END

#endif
