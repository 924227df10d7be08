/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A provider of a language model that is none: HTTP on a loopback port of a libuv loop, for llm_gateway.c. It counts
 * the requests and tokens of each key, says 429 with a Retry-After when one is over its limit, and else answers with
 * words one after the other and, at the end, how many tokens that was.
 */
#ifndef EXAMPLES_LLM_PROVIDER_H
#define EXAMPLES_LLM_PROVIDER_H

#include <uv.h>

enum { PROVIDER_GRANTS = 64 };

struct provider;

/* A key and its account. */
struct provider_key {
    const char *name;
    unsigned requests, tokens; /* limits, in any stretch of a window */
    unsigned answered, refused, used;
    struct provider_grant {
        uint64_t at; /* ms */
        unsigned tokens;
    } grants[PROVIDER_GRANTS]; /* of the requests answered so far, in turn */
};

/* The keys are borrowed, window is in ms. NULL: there is no port or no memory. */
struct provider *provider_open(uv_loop_t *loop, struct provider_key *keys, size_t count, uint64_t window);

int provider_port(const struct provider *provider);

/* Its handles and its memory go in the loop. */
void provider_close(struct provider *provider);

#endif
