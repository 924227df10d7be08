/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The buffer: asks the inner service whether it is ready, and keeps what it would refuse in a list until it says that
 * it may be asked again, by its waiter or at the time that it named. One waiter and one timer serve all. Some services
 * know only once they are called: what they refuse there and then goes back to where it stood, if they now say that
 * they are not ready. Cost: a call of ready, and two steps of a list for who waits.
 */
#include "service/layer.h"

#include <loadwise/buffer.h>

struct buffer_call {
    struct lw__call call;
    struct buffer_call *older, *younger;
    lw_timer patience;
    uint64_t until;
    bool waits, was_eldest;
};

struct buffer_layer {
    struct lw__layer layer;
    lw_buffer_options options;
    struct buffer_call *eldest, *youngest;
    uint64_t count;
    struct buffer_call *handed; /* to the inner service just now; NULL: nobody, or it has ended */
    lw_waiter waiter;
    lw_timer ask;
    int reason; /* why the inner service was not ready last */
    bool asking;
    uint64_t retry_at;
    lw_waiters waiters; /* while it is full */
};

static struct buffer_layer *buffer_of(lw_service *service) { return (struct buffer_layer *)(void *)service; }

static struct buffer_layer *buffer_of_call(const struct buffer_call *kept) {
    return (struct buffer_layer *)(void *)kept->call.layer;
}

/* ---- the list ---- */

static bool buffer_is_full(const struct buffer_layer *buffer) { return buffer->count >= buffer->options.room; }

/* Behind `older`, which is NULL for the front. */
static void buffer_link(struct buffer_layer *buffer, struct buffer_call *kept, struct buffer_call *older) {
    kept->waits = true;
    kept->older = older;
    kept->younger = older != NULL ? older->younger : buffer->eldest;
    *(older != NULL ? &older->younger : &buffer->eldest) = kept;
    *(kept->younger != NULL ? &kept->younger->older : &buffer->youngest) = kept;
    buffer->count++;
    lw_timer_start(buffer->layer.clock, &kept->patience, kept->until);
}

static void buffer_unlink(struct buffer_layer *buffer, struct buffer_call *kept) {
    kept->waits = false;
    *(kept->older != NULL ? &kept->older->younger : &buffer->eldest) = kept->younger;
    *(kept->younger != NULL ? &kept->younger->older : &buffer->youngest) = kept->older;
    buffer->count--;
    lw_timer_stop(buffer->layer.clock, &kept->patience);
}

static struct buffer_call *buffer_next(const struct buffer_layer *buffer) {
    bool turned = buffer->options.lifo && buffer->count * 2 > buffer->options.room;
    return turned ? buffer->youngest : buffer->eldest;
}

/* ---- handing on ---- */

/* False: it has to wait, and somebody will say until when. */
static bool buffer_may_hand(struct buffer_layer *buffer, const struct buffer_call *kept) {
    lw_waiter_leave(&buffer->waiter);
    buffer->reason = lw_service_ready(buffer->layer.inner, &kept->call.inner, &buffer->retry_at, &buffer->waiter);
    if (buffer->reason != LW_OK && buffer->retry_at != UINT64_MAX) {
        lw_timer_start(buffer->layer.clock, &buffer->ask, buffer->retry_at);
    }
    return buffer->reason == LW_OK;
}

static void buffer_hand_on(struct buffer_layer *buffer) {
    if (buffer->asking) {
        return; /* an exchange has ended before its call returned */
    }
    bool full = buffer_is_full(buffer);
    buffer->asking = true;
    for (struct buffer_call *kept; (kept = buffer_next(buffer)) != NULL && buffer_may_hand(buffer, kept);) {
        kept->was_eldest = kept == buffer->eldest;
        buffer_unlink(buffer, kept);
        buffer->handed = kept;
        lw_service_call(buffer->layer.inner, &kept->call.inner);
        buffer->handed = NULL;
    }
    buffer->asking = false;
    if (full && !buffer_is_full(buffer)) {
        lw_waiters_tell(&buffer->waiters);
    }
}

/* Refused at once by a service that is not ready any more: it goes back to its end of the list. */
static bool buffer_takes_back(struct buffer_layer *buffer, struct buffer_call *kept) {
    const lw_exchange *inner = &kept->call.inner;
    if (buffer->handed != kept || !lw_is_refusal(inner->reason) || inner->retry == LW_RETRY_NEVER ||
        kept->until <= lw_clock_now(buffer->layer.clock) || buffer_may_hand(buffer, kept)) {
        return false;
    }
    lw__call_renew(&kept->call);
    buffer_link(buffer, kept, kept->was_eldest ? NULL : buffer->youngest);
    return true;
}

static void buffer_told(lw_waiter *waiter) {
    buffer_hand_on((struct buffer_layer *)(void *)((char *)waiter - offsetof(struct buffer_layer, waiter)));
}

static void buffer_ask_fired(lw_timer *timer) {
    buffer_hand_on((struct buffer_layer *)(void *)((char *)timer - offsetof(struct buffer_layer, ask)));
}

static void buffer_refuse(struct buffer_call *kept, int reason) {
    uint64_t retry_at = buffer_of_call(kept)->retry_at;
    lw_exchange_refuse(lw__call_end(&kept->call), reason, lw__retry_of(retry_at), retry_at);
}

static void buffer_patience_fired(lw_timer *timer) {
    struct buffer_call *kept = (struct buffer_call *)(void *)((char *)timer - offsetof(struct buffer_call, patience));
    struct buffer_layer *buffer = buffer_of_call(kept);
    bool full = buffer_is_full(buffer);
    buffer_unlink(buffer, kept);
    buffer_refuse(kept, buffer->reason);
    if (full) {
        lw_waiters_tell(&buffer->waiters);
    }
}

static void buffer_completed(lw_exchange *inner) {
    struct buffer_call *kept = lw__call_of(inner);
    struct buffer_layer *buffer = buffer_of_call(kept);
    if (!buffer_takes_back(buffer, kept)) {
        buffer->handed = buffer->handed == kept ? NULL : buffer->handed;
        lw__call_answer(&kept->call);
    }
}

/* ---- the service ---- */

static void buffer_call(lw_service *service, lw_exchange *exchange) {
    struct buffer_layer *buffer = buffer_of(service);
    struct buffer_call *kept = lw__call_new(&buffer->layer, exchange, buffer_completed);
    if (kept == NULL) {
        return;
    }
    kept->patience.fired = buffer_patience_fired;
    if (buffer_is_full(buffer)) {
        buffer_refuse(kept, LW_SATURATED);
        return;
    }
    uint64_t deadline = exchange->deadline;
    kept->until = lw__after(lw_clock_now(buffer->layer.clock), buffer->options.patience);
    kept->until = deadline != 0 && deadline < kept->until ? deadline : kept->until;
    buffer_link(buffer, kept, buffer->youngest);
    buffer_hand_on(buffer);
}

static void buffer_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct buffer_call *kept = exchange->holder;
    if (!kept->waits) {
        lw__layer_cancel(service, exchange, why);
        return;
    }
    struct buffer_layer *buffer = buffer_of(service);
    bool full = buffer_is_full(buffer);
    buffer_unlink(buffer, kept);
    lw__call_give_up(&kept->call, why);
    if (full) {
        lw_waiters_tell(&buffer->waiters);
    }
}

static int buffer_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    struct buffer_layer *buffer = buffer_of(service);
    (void)exchange;
    if (!buffer_is_full(buffer)) {
        return LW_OK;
    }
    *retry_at = buffer->retry_at;
    lw_waiters_add(&buffer->waiters, waiter);
    return LW_SATURATED;
}

static void buffer_free(lw_service *service) {
    struct buffer_layer *buffer = buffer_of(service);
    lw__layer_end(&buffer->layer);
    lw_waiter_leave(&buffer->waiter);
    lw_timer_stop(buffer->layer.clock, &buffer->ask);
    lw__layer_free(service);
}

static const lw_service_ops buffer_ops = {
    .size = sizeof buffer_ops,
    .name = "buffer",
    .ready = buffer_ready,
    .call = buffer_call,
    .cancel = buffer_cancel,
    .free = buffer_free,
};

/* ---- birth ---- */

int lw_buffer_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                  const lw_buffer_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_buffer,
        .ops = &buffer_ops,
        .size = sizeof(struct buffer_layer),
        .options = offsetof(struct buffer_layer, options),
        .call_size = sizeof(struct buffer_call),
    };
    int error;
    struct buffer_layer *buffer = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (buffer != NULL) {
        buffer->waiter.ready = buffer_told;
        buffer->ask.fired = buffer_ask_fired;
        buffer->retry_at = UINT64_MAX;
    }
    *out = buffer != NULL ? &buffer->layer.service : NULL;
    return error;
}

static int buffer_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_buffer_new(out, env, clock, inner, options);
}

#define BUFFER_PARAM(member, type, fallback, min, max, help)                                                           \
    { #member, type, offsetof(lw_buffer_options, member), fallback, min, max, NULL, help }

static const lw_param buffer_params[] = {
    BUFFER_PARAM(room, LW_PARAM_U64, "1024", "1", "1000000", "Most exchanges that wait."),
    BUFFER_PARAM(patience, LW_PARAM_TIME, "1s", "1us", "24h", "How long they wait."),
    BUFFER_PARAM(lifo, LW_PARAM_BOOL, "false", NULL, NULL, "The last come first while more than half full."),
};

const lw_layer lw__layer_buffer = {
    sizeof(lw_layer),
    "buffer",
    "Lets exchanges wait for what is inside.",
    buffer_params,
    sizeof buffer_params / sizeof *buffer_params,
    sizeof(lw_buffer_options),
    buffer_make,
    NULL,
};
