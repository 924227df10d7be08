/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A pool of LLM keys, each with requests and tokens per minute. What a prompt will cost is estimated and reserved
 * before the call, and settled with what the provider counted; when no key has room, the answer says until when.
 */
#include <loadwise/loadwise.h>
#include <loadwise/quota.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)

enum { RPM, TPM, KEYS = 3, PROMPTS = 12 };

static const char *const keys[KEYS] = {"key1", "key2", "key3"};

static lw_quota *open_keys(void) {
    lw_quota_dimension dimensions[] = {[RPM] = {.size = sizeof *dimensions,
                                                .name = "rpm",
                                                .window = 60 * SECOND,
                                                .estimate = LW_QUOTA_FIXED,
                                                .fixed = 1},
                                       [TPM] = {.size = sizeof *dimensions, .name = "tpm", .window = 60 * SECOND}};
    lw_quota_limit limits[] = {{.dimension = RPM, .limit = 3}, {.dimension = TPM, .limit = 4000}};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota = NULL;
    options.dimensions = dimensions;
    options.dimension_count = 2;
    lw_quota_new(&quota, NULL, &options);
    for (int key = 0; key < KEYS && quota != NULL; key++) {
        lw_quota_register(quota, lw_id(keys[key], 4), limits, 2, 0);
    }
    return quota;
}

/* Stands for the call: the provider counts fewer tokens than were allowed for. */
static uint64_t call_model(uint64_t estimate) { return estimate * 2 / 5; }

/* Tries one key after the other; returns its number, or -1 and when the first of them has room again. */
static int complete(lw_quota *quota, uint64_t estimate, uint64_t now, uint64_t *retry_at) {
    *retry_at = LW_QUOTA_NEVER;
    for (int key = 0; key < KEYS; key++) {
        lw_amount tokens = {TPM, estimate};
        lw_reservation reservation;
        lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
        if (lw_quota_reserve_at(quota, lw_id(keys[key], 4), &tokens, 1, now, &reservation, &refusal) == LW_OK) {
            tokens.amount = call_model(estimate);
            lw_quota_commit_at(quota, &reservation, &tokens, 1, now); /* the rest is free again at once */
            return key;
        }
        *retry_at = refusal.retry_at < *retry_at ? refusal.retry_at : *retry_at;
    }
    return -1;
}

int main(void) {
    lw_quota *quota = open_keys();
    uint64_t now = SECOND, retry_at; /* a real program calls the forms without _at, which read the clock */
    for (int prompt = 0; prompt < PROMPTS && quota != NULL; prompt++, now += SECOND) {
        int key = complete(quota, 1500, now, &retry_at);
        if (key < 0) {
            printf("prompt %2d waits %2d s\n", prompt, (int)((retry_at - now) / SECOND));
            now = retry_at;
            key = complete(quota, 1500, now, &retry_at);
        }
        printf("prompt %2d went to %s\n", prompt, key >= 0 ? keys[key] : "nobody");
    }
    lw_quota_free(quota);
}
