/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Batches: what every store checks and does alike, and one step at a time for stores that have no batches. */
#include "store/batch.h"
#include "store/account.h"
#include "store/meeting.h"
#include "store/rewrite.h"

static bool is_op(uint32_t op) { return op >= LW_STORE_GET && op <= LW_STORE_MEET; }

static bool sets_a_value(uint32_t op) { return op == LW_STORE_PUT || op == LW_STORE_COMPARE_AND_SET; }

int lw_store_step_check(const lw_env *given, const lw_store_step *step) {
    static const lw_env silent = LW_ENV_INIT;
    const lw_env *env = given != NULL ? given : &silent;
    if (!is_op(step->op)) {
        return lw__fail(env, LW_INVALID, "store: step %u is not an enum lw_store_op", step->op);
    }
    if (step->key == NULL) {
        return lw__fail(env, LW_INVALID, "store: a step without a key");
    }
    if (sets_a_value(step->op) && step->value == NULL && step->value_size > 0) {
        return lw__fail(env, LW_INVALID, "store: no value of %zu bytes", step->value_size);
    }
    if (step->op == LW_STORE_GET && step->out == NULL && step->room > 0) {
        return lw__fail(env, LW_INVALID, "store: no room where %zu bytes are promised", step->room);
    }
    if (step->op == LW_STORE_CHARGE) {
        return lw__posting_check(env, step->posting);
    }
    return step->op == LW_STORE_MEET ? lw__meeting_check(env, step) : LW_OK;
}

bool lw__step_by_call(lw_store *store, lw_store_step *step, uint64_t deadline) {
    const lw_store_ops *ops = store->ops;
    switch (step->op) {
    case LW_STORE_GET: step->answer = ops->get(store, step->key, step->out, step->room, deadline); return true;
    case LW_STORE_PUT:
        step->answer = ops->put(store, step->key, step->value, step->value_size, step->ttl, deadline);
        return true;
    case LW_STORE_REMOVE: step->answer = ops->remove(store, step->key, deadline); return true;
    case LW_STORE_ADD:
        step->answer = ops->add(store, step->key, step->amount, step->ttl, &step->sum, deadline);
        return true;
    case LW_STORE_COMPARE_AND_SET:
        step->answer = ops->compare_and_set(store, step->key, step->expected, step->expected_size, step->value,
                                            step->value_size, step->ttl, deadline);
        return true;
    default: return false;
    }
}

size_t lw__rewrite_room(size_t size, const lw_store_step *step) {
    return step->op == LW_STORE_CHARGE ? lw__account_room(size, step->posting) : lw__meeting_room(size, step);
}

ptrdiff_t lw__rewrite(const void *value, size_t size, lw_store_step *step, uint64_t now, void *out,
                      struct lw__rewrite *rewrite) {
    return step->op == LW_STORE_CHARGE ? lw__account_post(value, size, step->posting, now, out, rewrite)
                                       : lw__meeting_meet(value, size, step, now, out, rewrite);
}

void lw__rewrite_void(lw_store_step *step) {
    if (step->op == LW_STORE_CHARGE) {
        lw__posting_void(step->posting);
    }
}

/* ---- one by one ---- */

static int carry_out_singly(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    int answer = LW_OK;
    for (size_t i = 0; i < count; i++) {
        lw_store_step *step = &steps[i];
        if (answer != LW_OK) {
            step->answer = answer;
        } else if (!lw__step_by_call(store, step, deadline)) {
            lw__step_by_swaps(store, step, deadline);
        }
        answer = step->answer == LW_UNAVAILABLE ? LW_UNAVAILABLE : answer;
    }
    return answer;
}

static bool has_batches(const lw_store_ops *ops) {
    return ops->size >= offsetof(lw_store_ops, batch) + sizeof ops->batch && ops->batch != NULL;
}

int lw_store_batch(lw_store *store, lw_store_step *steps, size_t count, uint64_t deadline) {
    if (steps == NULL && count > 0) {
        return LW_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_op(steps[i].op)) {
            return LW_INVALID;
        }
    }
    return has_batches(store->ops) ? store->ops->batch(store, steps, count, deadline)
                                   : carry_out_singly(store, steps, count, deadline);
}
