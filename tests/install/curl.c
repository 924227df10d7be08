/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stranger's HTTP client; to be linked, it needs nothing but what was installed, libuv and libcurl. Nobody listens
 * where it asks, and it says so. Exits with the number of the first thing that went wrong.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* libuv's header wants it where the compiler is told to be strict */
#endif
#include <loadwise/client.h>

static lw_answer told;
static void done(void *user, const lw_answer *answer) {
    (void)user;
    told = *answer;
}

int main(void) {
    lw_uv *uv;
    lw_client *client;
    const char *const nodes[] = {"http://127.0.0.1:1"};

    told.outcome = LW_OUTCOME_OK;
    if (lw_uv_new(&uv, NULL, uv_default_loop()) != LW_OK || lw_client_new(&client, NULL, uv, NULL) != LW_OK) {
        return 1;
    }
    if (lw_client_nodes(client, nodes, 1) != LW_OK || lw_client_get(client, "/", done, NULL) != LW_OK) {
        return 2;
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    if (told.reason != LW_OK || told.outcome != LW_OUTCOME_CONNECT_FAILURE ||
        lw_http_outcome(503) != LW_OUTCOME_OVERLOAD) {
        return 3;
    }
    lw_client_free(client);
    lw_uv_close(uv, NULL, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return uv_loop_close(uv_default_loop()) == 0 ? 0 : 4;
}
