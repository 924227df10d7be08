/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Any bytes as a specification: either a strategy, which then prepares and picks over a small set as every strategy
 * must, or a documented error with a message that points into the text. Memory is limited, so that large plans come
 * back as LW_NOMEM, and must all be given back.
 */
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPEC_NODES = 6, SPEC_REPLICAS = 4, SPEC_SIZE = 1024 };

static const size_t memory_limit = (size_t)4 << 20;

struct spec_watch {
    size_t blocks, bytes;
    int told, code;
    size_t column; /* that the message names; 0: none */
};

static void spec_check(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- the environment: memory with a limit, a log that is read ---- */

struct spec_block {
    _Alignas(max_align_t) size_t size;
};

static void *spec_alloc(void *user, size_t size) {
    struct spec_watch *watch = user;
    if (size > memory_limit - watch->bytes) {
        return NULL;
    }
    struct spec_block *block = malloc(sizeof *block + size);
    spec_check(block != NULL);
    block->size = size;
    watch->blocks++;
    watch->bytes += size;
    return block + 1;
}

static void spec_release(void *user, void *memory) {
    struct spec_watch *watch = user;
    struct spec_block *block = (struct spec_block *)memory - 1;
    watch->blocks--;
    watch->bytes -= block->size;
    free(block);
}

static void spec_log(void *user, int code, const char *message) {
    struct spec_watch *watch = user;
    watch->told++;
    watch->code = code;
    spec_check(message[0] != '\0');
    if (sscanf(message, "column %zu:", &watch->column) != 1) {
        watch->column = 0;
    }
}

static uint64_t spec_now(void *user) {
    (void)user;
    return 1000000000;
}

/* ---- the nodes ---- */

static const struct spec_node {
    const char *name;
    uint32_t weight, inflight, capacity, priority;
    double load, remaining;
} spec_nodes[SPEC_NODES] = {
    {"a", 1, 1, 4, 0, 0.5, 1.0},  {"b", 3, 0, 0, 0, 0.5, 0.9}, {"c", 0, 0, 1, 1, 0.1, 0.0},
    {"d", 2, 7, 7, 1, 9.0, 0.96}, {"e", 1, 0, 9, 2, 0.0, 1.0}, {"f", 5, 2, 0, 0, 1, 0.2},
};

static lw_nodes spec_set(void) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, SPEC_NODES);
    LW_SET(nodes, name, spec_nodes, name);
    LW_SET(nodes, weight, spec_nodes, weight);
    LW_SET(nodes, inflight, spec_nodes, inflight);
    LW_SET(nodes, capacity, spec_nodes, capacity);
    LW_SET(nodes, priority, spec_nodes, priority);
    LW_SET(nodes, load, spec_nodes, load);
    LW_SET(nodes, remaining, spec_nodes, remaining);
    nodes.set = nodes.version = 1;
    return nodes;
}

/* ---- what must hold ---- */

static void check_answer(ptrdiff_t index, uint64_t excluded) {
    spec_check(index < SPEC_NODES);
    spec_check(index < 0 || (uint64_t)index != excluded);
    spec_check(index >= 0 || strcmp(lw_error_name((int)index), "LW_?") != 0);
}

static void check_picks(lw_strategy *strategy, const lw_nodes *nodes) {
    for (uint64_t key = 0; key < 8; key++) {
        uint64_t excluded = key % SPEC_NODES;
        lw_request request = LW_REQUEST_INIT;
        check_answer(lw_select(strategy, nodes, NULL), SPEC_NODES);
        request.flags = LW_REQUEST_KEYED;
        request.key = key * UINT64_C(0x9e3779b97f4a7c15);
        check_answer(lw_select(strategy, nodes, &request), SPEC_NODES);
        request.exclude = &excluded;
        request.exclude_count = 1;
        check_answer(lw_select(strategy, nodes, &request), excluded);
    }
}

static void check_replicas(lw_strategy *strategy, const lw_nodes *nodes) {
    uint32_t order[SPEC_REPLICAS];
    ptrdiff_t found = lw_replicas(strategy, nodes, 5, order, SPEC_REPLICAS);
    spec_check(found != 0 && found <= SPEC_REPLICAS);
    for (ptrdiff_t i = 0; i < found; i++) {
        spec_check(order[i] < SPEC_NODES);
        for (ptrdiff_t k = 0; k < i; k++) {
            spec_check(order[i] != order[k]);
        }
    }
}

static void check_strategy(lw_strategy *strategy) {
    lw_nodes nodes = spec_set();
    lw_sample sample = LW_SAMPLE_INIT;
    spec_check(lw_strategy_ops_of(strategy)->name != NULL && lw_strategy_seed(strategy) == 1);
    int error = lw_prepare(strategy, &nodes);
    spec_check(error == LW_OK || error == LW_NOMEM || error == LW_TOO_LARGE);
    if (error == LW_OK) {
        check_picks(strategy, &nodes);
        check_replicas(strategy, &nodes);
        spec_check(lw_feedback(strategy, &nodes, 0, &sample) == LW_OK);
    }
}

static void check_error(int error, const struct spec_watch *watch, size_t length) {
    spec_check(error == LW_SYNTAX || error == LW_UNKNOWN || error == LW_RANGE || error == LW_UNSUPPORTED ||
               error == LW_NOMEM);
    spec_check(error == LW_NOMEM || (watch->told == 1 && watch->code == error));
    spec_check(watch->column <= length + 1);
    spec_check((error != LW_SYNTAX && error != LW_UNKNOWN) || watch->column > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char spec[SPEC_SIZE] = "";
    struct spec_watch watch = {0, 0, 0, 0, 0};
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy = NULL;
    memcpy(spec, bytes, size < sizeof spec ? size : sizeof spec - 1);
    env.user = &watch;
    env.alloc = spec_alloc;
    env.release = spec_release;
    env.now = spec_now;
    env.log = spec_log;
    env.seed = 1;
    int error = lw_strategy_new(&strategy, &env, spec);
    spec_check((error == LW_OK) == (strategy != NULL));
    if (error == LW_OK) {
        spec_check(watch.told == 0);
        check_strategy(strategy);
    } else {
        check_error(error, &watch, strlen(spec));
    }
    lw_strategy_free(strategy);
    spec_check(watch.blocks == 0 && watch.bytes == 0);
    return 0;
}
