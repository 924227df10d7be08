/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Prompts through several keys of a language model, each with requests and tokens a minute. The nodes of the pool are
 * the keys: what a prompt may take is reserved before it is sent, and settled with what the provider counted, so no key
 * is asked beyond its limits. One key is shared with somebody whom we do not know of: it says 429, is left alone for as
 * long as it asks, and another key has the prompt.
 *
 * Between the pool and HTTP stands a service of our own, one per key: it adds the key to the request, and reads the
 * usage at the end of the answer, for the pool to settle.
 *
 * It brings its provider along, llm_provider.c, whose minute has two seconds.
 */
#include "llm_provider.h"

#include <loadwise/curl.h>
#include <loadwise/pool.h>
#include <loadwise/stack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RPM, TPM, DIMENSIONS };
enum { KEYS = 3, PROMPTS = 24, AT_ONCE = 6, MAX_TOKENS = 400, MINUTE = 2000 };

/* Ours is a little longer than the provider's, since requests take their time to arrive. */
#define OUR_MINUTE ((MINUTE + MINUTE / 4) * UINT64_C(1000000))

static const lw_quota_limit limits[DIMENSIONS] = {{.dimension = RPM, .limit = 5}, {.dimension = TPM, .limit = 1200}};

/* What the provider allows: of the last key somebody else has used up most. */
static struct provider_key accounts[KEYS] = {{.name = "key-red", .requests = 5, .tokens = 1200},
                                             {.name = "key-blue", .requests = 5, .tokens = 1200},
                                             {.name = "key-shared", .requests = 2, .tokens = 1200}};

struct key {
    lw_service service;
    lw_service *http;
    const char *name;
    char header[64];
};

struct gateway {
    lw_uv *uv;
    lw_curl *curl;
    lw_pool *pool;
    lw_stack *stack;
    struct provider *provider;
    struct key keys[KEYS];
    int sent, done, failed;
};

/* A prompt on its way; `one` is the try that is under way with some key. */
struct prompt {
    lw_exchange exchange;
    lw_exchange one;
    struct gateway *gateway;
    const struct key *key;
    int number;
    lw_request pick;
    lw_amount reserved, used;
    lw_http http;
    const char *headers[2];
    char body[128];
    char line[128]; /* of the answer */
    size_t length, words;
};

/* ---- a key: HTTP with its name on it, and the usage read ---- */

/* The answer comes in pieces of any size, and each of its lines is an event. */
static int hear(lw_http *http, const void *bytes, size_t size) {
    struct prompt *prompt = http->user;
    for (size_t i = 0; i < size; i++) {
        char letter = ((const char *)bytes)[i];
        if (letter != '\n') {
            prompt->line[prompt->length] = letter;
            prompt->length += prompt->length < sizeof prompt->line - 1;
            continue;
        }
        prompt->line[prompt->length] = '\0';
        const char *usage = strstr(prompt->line, "\"total_tokens\": ");
        prompt->used.amount = usage != NULL ? strtoul(strchr(usage, ' '), NULL, 10) : prompt->used.amount;
        prompt->words += usage == NULL && prompt->length > 0;
        prompt->length = 0;
    }
    return 0;
}

/* A key that refused has taken nothing. One that was cut short may have taken all: then what was reserved stays. */
static void key_completed(lw_exchange *one) {
    struct prompt *prompt = one->user;
    lw_exchange *outer = one->parent;
    lw_exchange_copy_answer(outer, one);
    if (one->sample.outcome == LW_OUTCOME_OK || one->sample.outcome == LW_OUTCOME_RATE_LIMITED) {
        outer->sample.amounts = &prompt->used;
        outer->sample.amount_count = 1;
    }
    lw_exchange_complete(outer);
}

/* Layers above decide here whether they hear this answer, or try again. */
static int key_begins(lw_exchange *one) {
    one->parent->sample = one->sample;
    return lw_exchange_begins(one->parent);
}

static void key_call(lw_service *service, lw_exchange *exchange) {
    struct key *key = (struct key *)(void *)service;
    struct prompt *prompt = exchange->request;
    exchange->holder = prompt;
    prompt->key = key;
    prompt->headers[0] = key->header;
    prompt->used = (lw_amount){TPM, 0};
    lw_exchange_derive(&prompt->one, exchange);
    prompt->one.request = &prompt->http;
    prompt->one.completed = key_completed;
    prompt->one.begins = key_begins;
    prompt->one.user = prompt;
    lw_service_call(key->http, &prompt->one);
}

static void key_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct prompt *prompt = exchange->holder;
    lw_service_cancel(((struct key *)(void *)service)->http, &prompt->one, why);
}

static int key_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    return lw_service_ready(((struct key *)(void *)service)->http, exchange, retry_at, waiter);
}

static void key_free(lw_service *service) { lw_service_free(((struct key *)(void *)service)->http); }

static const lw_service_ops key_ops = {sizeof key_ops, "key", key_ready, key_call, key_cancel, key_free};

/* ---- prompts ---- */

static void send_prompt(struct gateway *gateway);

static void answered(lw_exchange *exchange) {
    struct prompt *prompt = exchange->user;
    struct gateway *gateway = prompt->gateway;
    if (exchange->reason == LW_OK && exchange->sample.outcome == LW_OUTCOME_OK) {
        printf("prompt %2d: %-10s %2zu words, %3d tokens%s\n", prompt->number, prompt->key->name, prompt->words,
               (int)prompt->used.amount, exchange->tries > 1 ? ", after a 429" : "");
    } else {
        printf("prompt %2d: no answer: %s, status %u\n", prompt->number, lw_error_message(exchange->reason),
               prompt->http.status);
        gateway->failed++;
    }
    gateway->done++;
    free(prompt);
    send_prompt(gateway);
}

static void send_prompt(struct gateway *gateway) {
    struct prompt *prompt = gateway->sent < PROMPTS ? calloc(1, sizeof *prompt) : NULL;
    if (prompt == NULL) {
        return;
    }
    prompt->gateway = gateway;
    prompt->number = gateway->sent++;
    prompt->headers[1] = "Content-Type: application/json";
    prompt->http = (lw_http)LW_HTTP_INIT;
    prompt->http.path = "/v1/chat";
    prompt->http.headers = prompt->headers;
    prompt->http.header_count = 2;
    prompt->http.body = prompt->body;
    prompt->http.body_size =
        (size_t)snprintf(prompt->body, sizeof prompt->body, "{\"prompt\": \"number %d\", \"max_tokens\": %d}",
                         prompt->number, MAX_TOKENS);
    prompt->http.received = hear;
    prompt->http.user = prompt;
    prompt->reserved = (lw_amount){TPM, MAX_TOKENS}; /* RPM is fixed: a request is one */
    prompt->pick = (lw_request)LW_REQUEST_INIT;
    prompt->pick.amounts = &prompt->reserved;
    prompt->pick.amount_count = 1;
    prompt->exchange = (lw_exchange)LW_EXCHANGE_INIT;
    prompt->exchange.request = prompt;
    prompt->exchange.pick = &prompt->pick;
    prompt->exchange.completed = answered;
    prompt->exchange.user = prompt;
    lw_service_call(lw_stack_service(gateway->stack), &prompt->exchange);
}

/* ---- the gateway ---- */

/* The node of a key: its limits are the pool's to keep. */
static int open_key(struct gateway *gateway, const char *base, int i, lw_node_spec *spec) {
    struct key *key = &gateway->keys[i];
    lw_service *node;
    key->service.ops = &key_ops;
    key->name = accounts[i].name;
    snprintf(key->header, sizeof key->header, "Authorization: Bearer %s", key->name);
    *spec = (lw_node_spec)LW_NODE_SPEC_INIT;
    spec->name = key->name;
    spec->limits = limits;
    spec->limit_count = DIMENSIONS;
    int error = lw_curl_node(gateway->curl, base, &key->http);
    error = error != LW_OK ? error : lw_stack_node(gateway->stack, &key->service, &node);
    spec->user = error == LW_OK ? node : NULL;
    return error;
}

static int open_gateway(struct gateway *gateway, const lw_env *env) {
    static const lw_quota_dimension dimensions[] = {
        [RPM] =
            {.size = sizeof *dimensions, .name = "rpm", .window = OUR_MINUTE, .estimate = LW_QUOTA_FIXED, .fixed = 1},
        [TPM] = {.size = sizeof *dimensions, .name = "tpm", .window = OUR_MINUTE}};
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_node_spec specs[KEYS];
    char base[64];
    options.dimensions = dimensions;
    options.dimension_count = DIMENSIONS;
    snprintf(base, sizeof base, "http://127.0.0.1:%d", provider_port(gateway->provider));
    int error = lw_curl_new(&gateway->curl, env, gateway->uv, NULL);
    error = error != LW_OK ? error : lw_pool_new(&gateway->pool, env, &options);
    error = error != LW_OK ? error
                           : lw_stack_new(&gateway->stack, env, lw_uv_clock(gateway->uv), gateway->pool,
                                          "timeout 30s | retry max=3 | balance wait=30s round_robin", NULL);
    for (int i = 0; i < KEYS && error == LW_OK; i++) {
        error = open_key(gateway, base, i, &specs[i]);
    }
    return error != LW_OK ? error : lw_pool_update(gateway->pool, specs, KEYS, 0, NULL);
}

static void tell(void *user, int code, const char *message) {
    (void)user, (void)code;
    fprintf(stderr, "llm_gateway: %s\n", message);
}

/* Was nobody but the shared key asked for too much, and all answered? */
static int sum_up(const struct gateway *gateway) {
    int good = gateway->done == PROMPTS && gateway->failed == 0;
    for (int i = 0; i < KEYS; i++) {
        const struct provider_key *key = &accounts[i];
        printf("%-10s answered %2u, said 429 %u times, used %u tokens\n", key->name, key->answered, key->refused,
               key->used);
        good = good && (key->refused == 0 || key->requests < 5);
    }
    return good;
}

int main(void) {
    struct gateway gateway = {0};
    lw_env env = LW_ENV_INIT;
    uv_loop_t *loop = uv_default_loop();
    env.log = tell;
    gateway.provider = provider_open(loop, accounts, KEYS, MINUTE);
    if (gateway.provider == NULL || lw_uv_new(&gateway.uv, &env, loop) != LW_OK) {
        return 1;
    }
    if (open_gateway(&gateway, &env) == LW_OK) {
        for (int i = 0; i < AT_ONCE; i++) {
            send_prompt(&gateway);
        }
        while (gateway.done < gateway.sent) {
            uv_run(loop, UV_RUN_ONCE);
        }
    }
    int good = sum_up(&gateway);
    lw_stack_free(gateway.stack); /* and with it the services of the nodes */
    lw_pool_free(gateway.pool);
    lw_curl_free(gateway.curl);
    provider_close(gateway.provider);
    lw_uv_close(gateway.uv, NULL, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    return good ? 0 : 1;
}
