/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Batches of the store in memory. Accounts and meetings are entries of their own kinds, so no other operation finds
 * them. A step on one is a decision like that of every write: under the lock it makes the new value of the old one, in
 * an entry that was made before, with room for that. If the value has outgrown the room meanwhile, it begins again.
 * Cost of a step: O(log n), and what the account or the meeting costs.
 */
#include "base/raise.h"
#include "store/batch.h"
#include "store/memory.h"
#include "store/rewrite.h"

enum { OUTGROWN = 2 };

struct rewriting {
    struct lw__change change;
    lw_store_step *step;
    size_t room;
};

static int decide_by_rewrite(struct lw__change *change, const struct lw__entry *old) {
    struct rewriting *rewriting = (struct rewriting *)change;
    struct lw__entry *fresh = change->fresh;
    struct lw__rewrite rewrite;
    size_t size = old != NULL ? old->value_size : 0;
    if (lw__rewrite_room(size, rewriting->step) > rewriting->room) {
        return OUTGROWN;
    }
    rewriting->step->answer = lw__rewrite(old != NULL ? lw__entry_value(old) : NULL, size, rewriting->step, change->now,
                                          lw__entry_room(fresh), &rewrite);
    if (rewriting->step->answer == LW_CORRUPT || !rewrite.changed) {
        return 0;
    }
    fresh->value_size = rewrite.size;
    fresh->due = lw__after(change->now, rewrite.lasts);
    return 1;
}

static size_t rewriting_room(struct lw__memory_store *memory, enum lw__entry_kind kind, const lw_store_step *step) {
    struct lw__entry *entry = lw__entries_find(&memory->entries, kind, step->key);
    size_t room = lw__rewrite_room(entry != NULL ? entry->value_size : 0, step);
    if (entry != NULL) {
        lw__entry_let_go(&memory->entries, entry);
    }
    return room;
}

static void rewrite_entry(struct lw__memory_store *memory, lw_store_step *step) {
    enum lw__entry_kind kind = step->op == LW_STORE_CHARGE ? LW__ACCOUNT : LW__MEETING;
    int answer;
    do {
        struct rewriting rewriting = {.change.decide = decide_by_rewrite, .step = step};
        rewriting.room = rewriting_room(memory, kind, step);
        rewriting.change.fresh = lw__entry_new(&memory->entries, kind, step->key, 0, rewriting.room, &answer);
        if (rewriting.change.fresh != NULL) {
            rewriting.change.now = lw__entries_time(&memory->entries);
            answer = lw__entries_change(&memory->entries, &rewriting.change);
        }
    } while (answer == OUTGROWN);
    if (answer < 0) {
        lw__rewrite_void(step);
        step->answer = answer == LW_FULL ? lw__memory_full(memory) : answer;
    }
}

int lw__memory_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    struct lw__memory_store *memory = lw__memory_of(store);
    for (size_t i = 0; i < count; i++) {
        if (!lw__step_by_call(store, &steps[i], deadline)) {
            steps[i].answer = lw_store_step_check(&memory->env, &steps[i]);
            if (steps[i].answer == LW_OK) {
                rewrite_entry(memory, &steps[i]);
            }
        }
    }
    return LW_OK;
}
