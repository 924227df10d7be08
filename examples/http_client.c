/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An HTTP client with failover: each request goes to the server that answers soonest, to another one when it fails, and
 * to a second one when the first takes longer than most.
 *
 *     example_http_client PATH http://HOST:PORT...
 */
#include <loadwise/client.h>
#include <stdio.h>
#include <string.h>

enum { REQUESTS = 20 };

struct run {
    lw_client *client;
    const char *path;
    int left;
};

static void answered(void *user, const lw_answer *answer) {
    struct run *run = user;
    if (answer->reason != LW_OK) {
        printf("refused: %s\n", lw_error_message(answer->reason));
    } else if (answer->status == 0) {
        printf("no answer, tries: %u\n", answer->tries);
    } else {
        int line = (int)strcspn(answer->body, "\r\n");
        printf("%u, %zu bytes, tries: %u: %.*s\n", answer->status, answer->bytes, answer->tries, line, answer->body);
    }
    if (--run->left > 0) {
        lw_client_get(run->client, run->path, answered, run);
    }
}

static void tell(void *user, int code, const char *message) {
    (void)user, (void)code;
    fprintf(stderr, "http_client: %s\n", message);
}

int main(int argc, char **argv) {
    lw_env env = LW_ENV_INIT;
    lw_client_options options = LW_CLIENT_OPTIONS_INIT;
    lw_uv *uv;
    struct run run = {.path = argc > 1 ? argv[1] : "/", .left = REQUESTS};
    uv_loop_t *loop = uv_default_loop();
    env.log = tell;
    options.stack = "timeout 2s | retry max=3 | hedge p95 | balance p2c metric=peak_ewma | timeout 500ms";
    if (argc < 3 || lw_uv_new(&uv, &env, loop) != LW_OK) {
        fprintf(stderr, "usage: example_http_client PATH http://HOST:PORT...\n");
        return 2;
    }
    if (lw_client_new(&run.client, &env, uv, &options) == LW_OK &&
        lw_client_nodes(run.client, (const char *const *)argv + 2, (size_t)argc - 2) == LW_OK) {
        lw_client_get(run.client, run.path, answered, &run);
        while (run.left > 0) {
            uv_run(loop, UV_RUN_ONCE);
        }
    }
    lw_client_free(run.client);
    lw_uv_close(uv, NULL, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    return run.left > 0;
}
