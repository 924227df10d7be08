/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The size of each block stands in front of it. */
#include "supply.h"

#include <loadwise/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20260128, HEADER = 64 };

static void raise_to(atomic_size_t *most, size_t bytes) {
    size_t seen = *most;
    while (seen < bytes && !atomic_compare_exchange_weak(most, &seen, bytes)) {
    }
}

static void *supply_alloc(void *user, size_t size) {
    struct supply *supply = user;
    char *block = aligned_alloc(HEADER, (size + HEADER + HEADER - 1) / HEADER * HEADER);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    supply->calls++;
    raise_to(&supply->most_bytes, atomic_fetch_add(&supply->bytes, size) + size);
    return block + HEADER;
}

static void supply_release(void *user, void *memory) {
    struct supply *supply = user;
    size_t size;
    if (memory == NULL) {
        return;
    }
    memcpy(&size, (char *)memory - HEADER, sizeof size);
    supply->bytes -= size;
    free((char *)memory - HEADER);
}

static void tell(void *user, int code, const char *message) {
    (void)user;
    fprintf(stderr, "%s: %s\n", lw_error_name(code), message);
}

lw_env supply_env(struct supply *supply) {
    lw_env env = LW_ENV_INIT;
    env.user = supply;
    env.alloc = supply_alloc;
    env.release = supply_release;
    env.seed = SEED;
    env.log = tell;
    return env;
}

uint64_t supply_now(void *supply) { return ((struct supply *)supply)->time; }
