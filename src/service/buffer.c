/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The buffer: asks the inner service whether it is ready, and keeps what it would refuse in a list until it says that
 * it may be asked again, by its waiter or at the time that it named. One waiter and one timer serve all. Cost: a call
 * of ready, and two steps of a list for who waits.
 */
#include "service/layer.h"

#include <loadwise/buffer.h>

struct buffer_call {
    struct lw__call call;
    struct buffer_call *older, *younger;
    lw_timer patience;
    bool waits;
};

struct buffer_layer {
    struct lw__layer layer;
    lw_buffer_options options;
    struct buffer_call *eldest, *youngest;
    uint64_t count;
    lw_waiter waiter;
    lw_timer ask;
    int reason; /* why the inner service was not ready last */
    bool asking;
    uint64_t retry_at;
};

static struct buffer_layer *buffer_of(lw_service *service) { return (struct buffer_layer *)(void *)service; }

static struct buffer_layer *buffer_of_call(const struct buffer_call *kept) {
    return (struct buffer_layer *)(void *)kept->call.layer;
}

/* ---- the list ---- */

static void buffer_join(struct buffer_layer *buffer, struct buffer_call *kept) {
    uint64_t until = lw__after(lw_clock_now(buffer->layer.clock), buffer->options.patience);
    uint64_t deadline = kept->call.inner.deadline;
    kept->waits = true;
    kept->older = buffer->youngest;
    *(kept->older != NULL ? &kept->older->younger : &buffer->eldest) = kept;
    buffer->youngest = kept;
    buffer->count++;
    lw_timer_start(buffer->layer.clock, &kept->patience, deadline != 0 && deadline < until ? deadline : until);
}

static void buffer_leave(struct buffer_layer *buffer, struct buffer_call *kept) {
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

static void buffer_hand_on(struct buffer_layer *buffer) {
    if (buffer->asking) {
        return; /* an exchange has ended before its call returned */
    }
    buffer->asking = true;
    for (struct buffer_call *kept; (kept = buffer_next(buffer)) != NULL;) {
        lw_waiter_leave(&buffer->waiter);
        buffer->reason = lw_service_ready(buffer->layer.inner, &kept->call.inner, &buffer->retry_at, &buffer->waiter);
        if (buffer->reason != LW_OK) {
            if (buffer->retry_at != UINT64_MAX) {
                lw_timer_start(buffer->layer.clock, &buffer->ask, buffer->retry_at);
            }
            break;
        }
        buffer_leave(buffer, kept);
        lw_service_call(buffer->layer.inner, &kept->call.inner);
    }
    buffer->asking = false;
}

static void buffer_told(lw_waiter *waiter) {
    buffer_hand_on((struct buffer_layer *)(void *)((char *)waiter - offsetof(struct buffer_layer, waiter)));
}

static void buffer_ask_fired(lw_timer *timer) {
    buffer_hand_on((struct buffer_layer *)(void *)((char *)timer - offsetof(struct buffer_layer, ask)));
}

static void buffer_refuse(struct buffer_call *kept, int reason) {
    uint64_t retry_at = buffer_of_call(kept)->retry_at;
    lw_exchange_refuse(lw__call_end(&kept->call), reason, retry_at != UINT64_MAX ? LW_RETRY_AT : LW_RETRY_ON_COMPLETION,
                       retry_at);
}

static void buffer_patience_fired(lw_timer *timer) {
    struct buffer_call *kept = (struct buffer_call *)(void *)((char *)timer - offsetof(struct buffer_call, patience));
    struct buffer_layer *buffer = buffer_of_call(kept);
    buffer_leave(buffer, kept);
    buffer_refuse(kept, buffer->reason);
}

static void buffer_completed(lw_exchange *inner) { lw__call_answer(lw__call_of(inner)); }

/* ---- the service ---- */

static void buffer_call(lw_service *service, lw_exchange *exchange) {
    struct buffer_layer *buffer = buffer_of(service);
    struct buffer_call *kept = lw__call_new(&buffer->layer, exchange, buffer_completed);
    if (kept == NULL) {
        return;
    }
    kept->patience.fired = buffer_patience_fired;
    if (buffer->count == buffer->options.room) {
        buffer_refuse(kept, LW_SATURATED);
        return;
    }
    buffer_join(buffer, kept);
    buffer_hand_on(buffer);
}

static void buffer_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct buffer_call *kept = exchange->holder;
    if (!kept->waits) {
        lw__layer_cancel(service, exchange, why);
        return;
    }
    buffer_leave(buffer_of(service), kept);
    lw__call_give_up(&kept->call, why);
}

static int buffer_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    const struct buffer_layer *buffer = buffer_of(service);
    (void)exchange, (void)waiter;
    *retry_at = buffer->retry_at;
    return buffer->count < buffer->options.room ? LW_OK : LW_SATURATED;
}

static void buffer_free(lw_service *service) {
    struct buffer_layer *buffer = buffer_of(service);
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
};
