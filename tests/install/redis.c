/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stranger's program that keeps state in Redis; to be linked, it needs nothing but what was installed. There is no
 * server, and the store says so. Exits with the number of the first thing that went wrong.
 */
#include <loadwise/redis.h>

int main(void) {
    lw_store *store = NULL;
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_redis_stats stats;

    options.url = "http://127.0.0.1";
    if (lw_store_redis_new(&store, NULL, &options) != LW_SYNTAX || store != NULL) {
        return 1;
    }
    options.url = "unix:///no/server/here";
    if (lw_store_redis_new(&store, NULL, &options) != LW_OK) {
        return 2;
    }
    if (lw_store_get(store, "key", NULL, 0, 0) != LW_UNAVAILABLE) {
        return 3;
    }
    stats.size = sizeof stats;
    if (lw_store_redis_stats(store, &stats) != LW_OK || stats.calls != 1 || stats.connects != 0) {
        return 4;
    }
    lw_store_free(store);
    return 0;
}
