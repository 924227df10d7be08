/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records in blocks of 64. Those in use are a list, so that a layer that ends finds what is under way. Cost: O(1). */
#include "service/records.h"

#include "base/env.h"

#include <string.h>

enum { RECORDS_A_BLOCK = 64 };

struct records_block {
    _Alignas(64) struct records_block *next;
};

void lw__records_init(struct lw__records *records, lw_env *env, size_t size, size_t zeroed) {
    *records = (struct lw__records){.env = env, .size = (size + 15) & ~(size_t)15, .zeroed = zeroed};
}

void lw__records_free(struct lw__records *records) {
    for (struct records_block *block = records->blocks; block != NULL;) {
        struct records_block *next = block->next;
        lw__release(records->env, block);
        block = next;
    }
}

static int records_grow(struct lw__records *records) {
    struct records_block *block = lw__alloc(records->env, sizeof *block + RECORDS_A_BLOCK * records->size);
    if (block == NULL) {
        return 0;
    }
    block->next = records->blocks;
    records->blocks = block;
    for (size_t i = 0; i < RECORDS_A_BLOCK; i++) {
        struct lw__record *record = (struct lw__record *)(void *)((char *)(block + 1) + i * records->size);
        record->next = records->spare;
        records->spare = record;
    }
    return 1;
}

void *lw__records_take(struct lw__records *records) {
    if (records->spare == NULL && !records_grow(records)) {
        return NULL;
    }
    struct lw__record *record = records->spare;
    records->spare = record->next;
    memset(record, 0, records->zeroed);
    record->next = records->used;
    if (record->next != NULL) {
        record->next->before = record;
    }
    records->used = record;
    return record;
}

void lw__records_give(struct lw__records *records, void *given) {
    struct lw__record *record = given;
    if (record->before != NULL) {
        record->before->next = record->next;
    } else {
        records->used = record->next;
    }
    if (record->next != NULL) {
        record->next->before = record->before;
    }
    record->next = records->spare;
    records->spare = record;
}
