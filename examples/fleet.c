/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Four processes share one key of a provider, which allows 100 requests and 60,000 tokens a minute. Whoever is first
 * gets them; together they never get more, whatever else runs on other machines with the same Redis.
 *
 *     example_fleet redis://127.0.0.1:6379
 */
#include <loadwise/guard.h>
#include <loadwise/ledger.h>
#include <loadwise/loadwise.h>
#include <loadwise/redis.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)

enum { RPM, TPM, PROCESSES = 4, PROMPTS = 50 };

static void say(void *user, int code, const char *message) {
    (void)user;
    (void)code;
    fprintf(stderr, "%s\n", message);
}

/* Stands for the call: 500 tokens were allowed for, and most answers are shorter. */
static uint64_t call_model(int prompt) { return prompt % 5 == 0 ? 500 : 300; }

/* One process: how many of its prompts the provider was asked. */
static int work(lw_ledger *ledger, uint64_t key) {
    int asked = 0;
    for (int prompt = 0; prompt < PROMPTS; prompt++) {
        lw_amount tokens = {TPM, 500};
        lw_reservation reservation;
        lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
        int answer = lw_ledger_reserve(ledger, key, &tokens, 1, 0, &reservation, &refusal);
        if (answer == LW_OK) {
            tokens.amount = call_model(prompt);
            lw_ledger_commit(ledger, &reservation, &tokens, 1, 0); /* the rest is free again, for all of them */
            asked++;
        } else if (answer != LW_OVER_QUOTA) {
            return -1;
        } /* else a real program waits until refusal.retry_at, or takes another key: see lw_ledger_pick */
    }
    return asked;
}

/* Connections are made by whoever needs them first, so each process makes its own store. */
static int run(const char *url) {
    lw_quota_dimension dimensions[] = {
        [RPM] = {.size = sizeof *dimensions, .name = "rpm", .window = MINUTE, .estimate = LW_QUOTA_FIXED, .fixed = 1},
        [TPM] = {.size = sizeof *dimensions, .name = "tpm", .window = MINUTE}};
    lw_quota_limit limits[] = {{.dimension = RPM, .limit = 100}, {.dimension = TPM, .limit = 60000}};
    lw_env env = LW_ENV_INIT;
    lw_redis_options redis_options = LW_REDIS_OPTIONS_INIT;
    lw_guard_options guard = LW_GUARD_OPTIONS_INIT;
    lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
    lw_store *redis = NULL, *store = NULL;
    lw_ledger *ledger = NULL;
    uint64_t key = lw_id("key1", 4);
    env.log = say;
    redis_options.url = url;
    guard.patience = 5 * SECOND; /* a model takes that long too: rather than go by a share, wait for the store */
    options.dimensions = dimensions;
    options.dimension_count = 2;
    options.instances = PROCESSES; /* each takes a fourth while nobody knows who is there */
    int asked = -1;
    if (lw_store_redis_new(&redis, &env, &redis_options) == LW_OK &&
        lw_store_guard_new(&store, &env, redis, &guard) == LW_OK &&
        lw_ledger_new(&ledger, &env, store, &options) == LW_OK && lw_ledger_limits(ledger, key, limits, 2) == LW_OK) {
        asked = work(ledger, key);
    }
    printf("process %d asked the provider %d times\n", (int)getpid(), asked);
    lw_ledger_free(ledger);
    lw_store_free(store);
    lw_store_free(redis);
    return asked >= 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    int failed = 0, status;
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            return run(argc > 1 ? argv[1] : "redis://127.0.0.1:6379");
        }
    }
    while (wait(&status) > 0) {
        failed |= status;
    }
    return failed != 0;
}
