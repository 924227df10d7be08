/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The servers that libmemcached and nginx choose, as an independent script works them out. */
#include "golden.h"
#include "ketama_vectors.h"

#include <stdbool.h>

enum { KETAMA_SERVERS = GOLDEN_COUNT(ketama_names), KETAMA_KEYS = GOLDEN_COUNT(ketama_plain) };

typedef uint64_t hash_key(const void *bytes, size_t size);

static void check_ketama(const char *spec, hash_key *hash, bool equal, uint32_t down, const uint8_t *owners) {
    static uint64_t version;
    uint32_t weights[KETAMA_SERVERS];
    uint64_t up = ~(UINT64_C(1) << down);
    lw_nodes nodes;
    lw_nodes_init(&nodes, KETAMA_SERVERS);
    for (uint32_t i = 0; i < KETAMA_SERVERS; i++) {
        weights[i] = equal && ketama_weights[i] > 1 ? 1 : ketama_weights[i];
    }
    LW_SET_VALUES(nodes, name, ketama_names);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 1;
    nodes.version = ++version;
    nodes.eligible = &up;
    lw_strategy *strategy = golden_strategy(spec);
    for (uint32_t k = 0; k < KETAMA_KEYS; k++) {
        char text[16];
        int size = snprintf(text, sizeof text, "user:%u", (unsigned)k);
        lw_request request = golden_key(0);
        request.key = hash(text, (size_t)size);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == owners[k]);
    }
    lw_strategy_free(strategy);
}

/* Two points at one place: nginx keeps that of the server that is listed first, and when that one is down the key goes
   to the next place, where the third server is. */
static void check_meeting(void) {
    const uint64_t first = 0;
    lw_nodes nodes;
    lw_nodes_init(&nodes, GOLDEN_COUNT(ketama_meeting));
    LW_SET_VALUES(nodes, name, ketama_meeting);
    nodes.set = 2;
    lw_strategy *strategy = golden_strategy("ketama flavour=nginx");
    lw_request request = golden_key(0);
    request.key = KETAMA_MEETING;
    GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == 0);
    request.exclude = &first;
    request.exclude_count = 1;
    GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == 2);
    lw_strategy_free(strategy);
}

int main(void) {
    const char *plain = "ketama", *weighted = "ketama flavour=libmemcached_weighted", *nginx = "ketama flavour=nginx";
    const uint32_t nobody = 63;
    check_ketama(plain, lw_key_libmemcached, true, nobody, ketama_plain);
    check_ketama(plain, lw_key_libmemcached, true, KETAMA_DOWN, ketama_plain_down);
    check_ketama(plain, lw_key_libmemcached, false, nobody, ketama_weighted);
    check_ketama(weighted, lw_key_libmemcached, false, nobody, ketama_weighted);
    check_ketama(weighted, lw_key_libmemcached, true, nobody, ketama_weighted_equal);
    check_ketama(nginx, lw_key_nginx, false, nobody, ketama_nginx);
    check_ketama(nginx, lw_key_nginx, false, KETAMA_DOWN, ketama_nginx_down);
    check_meeting();
    return golden_verdict();
}
