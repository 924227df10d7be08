/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What tests of the HTTP adapter stand on: a loop, an lw_curl whose memory is counted, one node that is a script, and
 * requests to it that note what they see. Every test ends with no memory, no descriptor and no handle left.
 */
#ifndef TESTS_HTTP_VISIT_H
#define TESTS_HTTP_VISIT_H

#include "script.h"

#include <dirent.h>
#include <loadwise/curl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VISIT_MS UINT64_C(1000000)
#define VISIT_LONG (20000 * VISIT_MS) /* nothing takes so long, however busy the machine */

struct visit_site {
    uv_loop_t loop;
    lw_env env;
    lw_uv *uv;
    lw_curl *curl;
    lw_service *node;
    struct script script;
    long blocks;      /* of memory, not released */
    long blocks_left; /* that may be had yet; negative: no bound */
    int descriptors;  /* before */
    char said[600];   /* the log's last words */
};

struct visit {
    lw_exchange exchange;
    lw_http http;
    struct visit_site *site;
    unsigned completed;
    char body[4096];
    size_t size, headers;
    char last_header[256];
};

static void *visit_alloc(void *user, size_t size) {
    struct visit_site *site = user;
    if (site->blocks_left == 0) {
        return NULL;
    }
    site->blocks_left -= site->blocks_left > 0;
    void *memory = malloc(size);
    site->blocks += memory != NULL;
    return memory;
}

static void visit_release(void *user, void *memory) {
    struct visit_site *site = user;
    site->blocks--;
    free(memory);
}

static void visit_log(void *user, int code, const char *message) {
    struct visit_site *site = user;
    snprintf(site->said, sizeof site->said, "%d %s", code, message);
}

static int visit_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void visit_open(struct visit_site *site, const struct script_answer *answers, size_t count,
                       const lw_curl_options *options) {
    memset(site, 0, offsetof(struct visit_site, script));
    site->blocks = 0;
    site->blocks_left = -1;
    assert_int_equal(uv_loop_init(&site->loop), 0); /* the first of a process keeps two descriptors */
    assert_int_equal(uv_loop_close(&site->loop), 0);
    site->descriptors = visit_descriptors();
    script_start(&site->script, answers, count);
    site->env = (lw_env)LW_ENV_INIT;
    site->env.user = site;
    site->env.alloc = visit_alloc;
    site->env.release = visit_release;
    site->env.log = visit_log;
    assert_int_equal(uv_loop_init(&site->loop), 0);
    assert_int_equal(lw_uv_new(&site->uv, &site->env, &site->loop), LW_OK);
    assert_int_equal(lw_curl_new(&site->curl, &site->env, site->uv, options), LW_OK);
    assert_int_equal(lw_curl_node(site->curl, site->script.base, &site->node), LW_OK);
}

static void visit_close(struct visit_site *site) {
    lw_service_free(site->node);
    lw_curl_free(site->curl);
    lw_uv_close(site->uv, NULL, NULL);
    uv_run(&site->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&site->loop), 0);
    script_stop(&site->script);
    assert_int_equal(site->blocks, 0);
    /* A thread of libcurl that looks up a name has one for a while yet. */
    uint64_t until = uv_hrtime() + VISIT_LONG;
    while (visit_descriptors() > site->descriptors && uv_hrtime() < until) {
        sched_yield();
    }
    assert_int_equal(visit_descriptors(), site->descriptors);
}

static void visit_completed(lw_exchange *exchange) {
    struct visit *visit = (struct visit *)(void *)exchange;
    visit->completed++;
}

static int visit_header(lw_http *http, const char *line, size_t size) {
    struct visit *visit = http->user;
    visit->headers++;
    size = size < sizeof visit->last_header ? size : sizeof visit->last_header - 1;
    memcpy(visit->last_header, line, size);
    visit->last_header[size] = '\0';
    return 0;
}

static int visit_received(lw_http *http, const void *bytes, size_t size) {
    struct visit *visit = http->user;
    size_t room = sizeof visit->body - 1 - visit->size;
    memcpy(visit->body + visit->size, bytes, size < room ? size : room);
    visit->size += size < room ? size : room;
    visit->body[visit->size] = '\0';
    return 0;
}

static inline void visit_plan(struct visit *visit, struct visit_site *site, const char *path) {
    memset(visit, 0, sizeof *visit);
    visit->site = site;
    visit->exchange = (lw_exchange)LW_EXCHANGE_INIT;
    visit->exchange.request = &visit->http;
    visit->exchange.completed = visit_completed;
    visit->exchange.flags = LW_EXCHANGE_SAFE;
    visit->exchange.deadline = lw_clock_now(lw_uv_clock(site->uv)) + VISIT_LONG;
    visit->http = (lw_http)LW_HTTP_INIT;
    visit->http.path = path;
    visit->http.user = visit;
    visit->http.header = visit_header;
    visit->http.received = visit_received;
}

static void visit_call(struct visit *visit) { lw_service_call(visit->site->node, &visit->exchange); }

/* Until there is nothing more to wait for. */
static void visit_run(struct visit_site *site) { assert_int_equal(uv_run(&site->loop, UV_RUN_DEFAULT), 0); }

/* One request to its end. Two requests of these never end later than others begin: no time is asserted. */
static inline void visit_go(struct visit *visit) {
    visit_call(visit);
    visit_run(visit->site);
    assert_int_equal(visit->completed, 1);
    assert_null(visit->exchange.holder);
}

/* Turns the loop until so many requests have come to the server. */
static inline void visit_wait(struct visit_site *site, size_t requests) {
    while (script_requests(&site->script) < requests) {
        uv_run(&site->loop, UV_RUN_NOWAIT);
    }
}

#endif
