/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Any bytes as the value of an account or a meeting, as a store that knows neither may hold them. The first byte says
 * which, and whether the rest is the whole value or lacks head and checksum, which it then gets, as from a hostile
 * writer; the next ones choose the step. Either the value is refused and stays as it is, or the step has an answer that
 * makes sense, and what was written can be read again.
 */
#include <loadwise/id.h>
#include <loadwise/store.h>
#include <stdlib.h>
#include <string.h>

enum { ACCOUNT_VALUE = 4096, ACCOUNT_WHOLE = 0x80, ACCOUNT_MEETING = 0x40, ACCOUNT_CHOICES = 4 };

#define ACCOUNT_SECOND UINT64_C(1000000000)
#define ACCOUNT_TIME (UINT64_C(1800000000) * ACCOUNT_SECOND)

static void account_check(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- a store that has no batches, in front of one in memory ---- */

struct account_plain {
    lw_store store;
    lw_store *inner;
};

static ptrdiff_t account_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    return lw_store_get(((struct account_plain *)store)->inner, key, out, room, deadline);
}

static int account_swap(lw_store *store, const char *key, const void *expected, size_t expected_size, const void *value,
                        size_t size, uint64_t ttl, uint64_t deadline) {
    (void)ttl; /* it is to be looked at */
    return lw_store_compare_and_set(((struct account_plain *)store)->inner, key, expected, expected_size, value, size,
                                    0, deadline);
}

static const lw_store_ops account_ops = {
    .size = offsetof(lw_store_ops, batch),
    .get = account_get,
    .compare_and_set = account_swap,
};

/* ---- the value ---- */

static void account_word(unsigned char *to, uint64_t word) {
    for (int i = 0; i < 8; i++) {
        to[i] = (unsigned char)(word >> (8 * i));
    }
}

static size_t account_value(const uint8_t *bytes, size_t size, uint8_t choice, unsigned char *value) {
    size = size < ACCOUNT_VALUE - 16 ? size : ACCOUNT_VALUE - 16;
    if (choice & ACCOUNT_WHOLE) {
        memcpy(value, bytes, size);
        return size;
    }
    size -= size % 8;
    memcpy(value, choice & ACCOUNT_MEETING ? "lwme\1\0\0" : "lwac\1\0\0", 8);
    memcpy(value + 8, bytes, size);
    account_word(value + 8 + size, lw_id(value, 8 + size));
    return size + 16;
}

/* ---- the step ---- */

static int64_t account_amount(uint8_t choice) {
    static const int64_t amounts[] = {0, 1, 5, 1000, INT64_MAX, -1, -1000, INT64_MIN};
    return amounts[choice % 8];
}

static int account_step(lw_store *store, lw_store_step *step) {
    int answer = lw_store_batch(store, step, 1, 0);
    account_check(answer == LW_OK);
    return (int)step->answer;
}

static int account_charge(lw_store *store, const uint8_t *choices) {
    lw_charge charges[3] = {LW_CHARGE_INIT, LW_CHARGE_INIT, LW_CHARGE_INIT};
    lw_posting posting = LW_POSTING_INIT;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "k", .posting = &posting};
    static const char *const names[] = {"a", "b", "c"};
    posting.charges = charges;
    posting.count = 3;
    posting.mode = choices[0] % 3;
    posting.now = ACCOUNT_TIME + choices[1] * ACCOUNT_SECOND;
    posting.hold = choices[0] & 8 ? ACCOUNT_SECOND : 0;
    for (int i = 0; i < 3; i++) {
        charges[i].name = names[i];
        charges[i].kind = i == 2 ? LW_QUOTA_GCRA : LW_QUOTA_SLIDING;
        charges[i].window = (i == 1 ? 60 : 1) * ACCOUNT_SECOND;
        charges[i].resolution = i == 1 ? 6 : 1;
        charges[i].limit = 100;
        charges[i].burst = i == 2 ? 50 : 0;
        charges[i].amount = account_amount(choices[2] >> i);
        charges[i].amount = posting.mode == LW_POSTING_FORCE ? charges[i].amount : llabs(charges[i].amount % INT64_MAX);
        charges[i].stamp[0] = charges[i].stamp[1] = posting.now / 1000 - choices[3];
    }
    int answer = account_step(store, &step);
    account_check(answer == LW_OK || answer == LW_OVER_QUOTA || answer == LW_CORRUPT);
    for (int i = 0; i < 3 && answer != LW_CORRUPT; i++) {
        account_check(charges[i].used <= UINT64_C(1) << 52);
        account_check(charges[i].granted <= UINT64_C(1) << 40);
        account_check(answer == LW_OK || charges[i].granted == 0);
        account_check(charges[i].retry == LW_QUOTA_NEVER || charges[i].retry % 1000 == 0);
    }
    return answer;
}

static int account_meet(lw_store *store, const uint8_t *choices) {
    lw_store_step step = {.op = LW_STORE_MEET, .key = "k", .value = "abc", .value_size = choices[0] % 4};
    step.ttl = choices[1] % 2 ? ACCOUNT_SECOND : 0;
    step.amount = choices[2];
    int answer = account_step(store, &step);
    account_check(answer >= 0 || answer == LW_CORRUPT);
    return answer;
}

/* The clock of a store without batches, which is the system's: CMakeLists.txt puts this in its place. */
uint64_t __wrap_lw__clock_since_1970(void); // NOLINT(bugprone-reserved-identifier): the name is the linker's
uint64_t __wrap_lw__clock_since_1970(void) { return ACCOUNT_TIME; }

static uint64_t account_clock(void *user) {
    (void)user;
    return ACCOUNT_TIME;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static unsigned char value[ACCOUNT_VALUE], after[ACCOUNT_VALUE];
    struct account_plain plain = {.store.ops = &account_ops};
    lw_env env = LW_ENV_INIT;
    if (size < 1 + ACCOUNT_CHOICES) {
        return 0;
    }
    int meeting = bytes[0] & ACCOUNT_MEETING;
    const char *key = meeting ? "meeting/k" : "account/k";
    size_t length = account_value(bytes + 1 + ACCOUNT_CHOICES, size - 1 - ACCOUNT_CHOICES, bytes[0], value);
    env.now = account_clock;
    env.seed = 1;
    account_check(lw_store_memory_new(&plain.inner, &env, NULL) == LW_OK);
    account_check(lw_store_put(plain.inner, key, value, length, 0, 0) == LW_OK);
    int (*carry_out)(lw_store *, const uint8_t *) = meeting ? account_meet : account_charge;
    if (carry_out(&plain.store, bytes + 1) == LW_CORRUPT) {
        account_check(lw_store_get(plain.inner, key, after, sizeof after, 0) == (ptrdiff_t)length);
        account_check(memcmp(value, after, length) == 0);
    } else {
        account_check(carry_out(&plain.store, bytes + 1) != LW_CORRUPT);
    }
    lw_store_free(plain.inner);
    return 0;
}
