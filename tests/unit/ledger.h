/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ledger: an lw_env that books every block of memory, every look at the clock and every word of the log.
 *
 * Blocks are handed out full of rubbish and taken back full of other rubbish, so a promise of zeroed memory is a
 * promise that the library keeps by itself, and a read after release shows. Allocation number `fail_at` fails, and with
 * `fail_on` those after it. Bookings are atomic: the threads of a stress test may share one ledger.
 */
#ifndef LOADWISE_TESTS_LEDGER_H
#define LOADWISE_TESTS_LEDGER_H

#include <loadwise/env.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { LEDGER_MESSAGE = 512 };

#define LEDGER_SEAL UINT64_C(0x6c65646765722121)

typedef struct ledger {
    uint64_t asked;      /* allocations asked for, those that failed too */
    uint64_t fail_at;    /* the one that fails, counted from 1; 0: none */
    bool fail_on;        /* and every later one */
    uint64_t live;       /* blocks out */
    uint64_t live_bytes; /* what they were asked with */
    uint64_t strangers;  /* releases of what this ledger never gave */

    uint64_t now; /* what the clock says, and how often it was asked */
    uint64_t clock_reads;

    pthread_mutex_t telling;
    uint64_t told; /* calls of log */
    int code;      /* the last one */
    char message[LEDGER_MESSAGE];
} ledger;

typedef struct ledger_block {
    _Alignas(max_align_t) uint64_t seal;
    ledger *owner;
    uint64_t size;
} ledger_block;

static inline void *ledger_alloc(void *user, size_t size) {
    ledger *book = user;
    uint64_t number = __atomic_add_fetch(&book->asked, 1, __ATOMIC_RELAXED);
    if (book->fail_at != 0 && (number == book->fail_at || (book->fail_on && number > book->fail_at))) {
        return NULL;
    }
    ledger_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->seal = LEDGER_SEAL;
    block->owner = book;
    block->size = size;
    __atomic_add_fetch(&book->live, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&book->live_bytes, size, __ATOMIC_RELAXED);
    return memset(block + 1, 0xa5, size);
}

static inline void ledger_release(void *user, void *memory) {
    ledger *book = user;
    ledger_block *block = (ledger_block *)memory - 1;
    if (memory == NULL || block->seal != LEDGER_SEAL || block->owner != book) {
        __atomic_add_fetch(&book->strangers, 1, __ATOMIC_RELAXED);
        return;
    }
    __atomic_sub_fetch(&book->live, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&book->live_bytes, block->size, __ATOMIC_RELAXED);
    memset(block, 0xdd, sizeof *block + block->size);
    free(block);
}

static inline uint64_t ledger_now(void *user) {
    ledger *book = user;
    __atomic_add_fetch(&book->clock_reads, 1, __ATOMIC_RELAXED);
    return __atomic_load_n(&book->now, __ATOMIC_RELAXED);
}

static inline void ledger_log(void *user, int code, const char *message) {
    ledger *book = user;
    pthread_mutex_lock(&book->telling);
    book->told++;
    book->code = code;
    snprintf(book->message, sizeof book->message, "%s", message);
    pthread_mutex_unlock(&book->telling);
}

static inline void ledger_open(ledger *book) {
    memset(book, 0, sizeof *book);
    pthread_mutex_init(&book->telling, NULL);
}

/* Everything was given back, and nothing else. */
static inline void ledger_close(ledger *book) {
    assert_int_equal(book->live, 0);
    assert_int_equal(book->live_bytes, 0);
    assert_int_equal(book->strangers, 0);
    pthread_mutex_destroy(&book->telling);
}

static inline lw_env ledger_env(ledger *book, uint64_t seed) {
    lw_env env = LW_ENV_INIT;
    env.user = book;
    env.alloc = ledger_alloc;
    env.release = ledger_release;
    env.now = ledger_now;
    env.seed = seed;
    env.log = ledger_log;
    return env;
}

/* Was the log told this code, in words that hold this text? */
static inline void assert_told(const ledger *book, int code, const char *part) {
    assert_true(book->told > 0);
    assert_int_equal(book->code, code);
    if (strstr(book->message, part) == NULL) {
        fail_msg("'%s' is not in the message '%s'", part, book->message);
    }
}

#endif
