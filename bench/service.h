/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of bench-service. */
#ifndef BENCH_SERVICE_H
#define BENCH_SERVICE_H

#include "frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { SERVICE_MOST_ROUNDS = 100, SERVICE_PORTS = 4, SERVICE_BASE = 64 };

/* What each layer, and the whole stack, adds to a call that is answered at once. */
int service_layers(struct frame *frame, uint32_t rounds, bool csv);

/* What the whole stack adds to libcurl's CPU time per request. */
int service_http(uint32_t rounds, bool csv);

/* ---- for service_http ---- */

/* A process with a server on some ports of loopback, which it writes to `bases` as "http://host:port"; it ends with
   this process. Its id, or -1. */
int service_server_start(char bases[SERVICE_PORTS][SERVICE_BASE]);
void service_server_stop(int server);

/* Something that can be sent `requests` requests, `at_once` under way; -1: not all went well. */
struct contender {
    const char *name;
    int (*open)(struct contender *contender, uv_loop_t *loop, char (*bases)[SERVICE_BASE]);
    int (*send)(struct contender *contender, uint32_t requests, uint32_t at_once);
    void (*close)(struct contender *contender);
    const char *stack; /* of ours; NULL: none */
    uint64_t extra;    /* requests that hedges and retries added */
    void *state;
};

/* libcurl's multi interface on libuv, as one writes it by hand. */
extern const struct contender service_bare;
/* The service of a node, with a stack over it or without one. */
extern const struct contender service_ours;

#endif
