/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store in Redis: lw_store_ops over steps and listings, its birth and its end. */
#include "list.h"
#include "steps.h"

#include <string.h>
#include <unistd.h>

static struct lw__redis *redis_of(lw_store *store) { return (struct lw__redis *)store; }

/* ---- operations ---- */

static ptrdiff_t redis_get(lw_store *store, const char *key, void *out, size_t room, uint64_t deadline) {
    lw_store_step step = {.op = LW_STORE_GET, .key = key, .out = out, .room = room};
    return lw__redis_take_step(redis_of(store), &step, deadline);
}

static int redis_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                     uint64_t deadline) {
    lw_store_step step = {.op = LW_STORE_PUT, .key = key, .value = value, .value_size = size, .ttl = ttl};
    return (int)lw__redis_take_step(redis_of(store), &step, deadline);
}

static int redis_remove(lw_store *store, const char *key, uint64_t deadline) {
    lw_store_step step = {.op = LW_STORE_REMOVE, .key = key};
    return (int)lw__redis_take_step(redis_of(store), &step, deadline);
}

static int redis_add(lw_store *store, const char *key, int64_t amount, uint64_t ttl, int64_t *sum, uint64_t deadline) {
    lw_store_step step = {.op = LW_STORE_ADD, .key = key, .amount = amount, .ttl = ttl};
    int answer = (int)lw__redis_take_step(redis_of(store), &step, deadline);
    if (answer == LW_OK && sum != NULL) {
        *sum = step.sum;
    }
    return answer;
}

static int redis_compare_and_set(lw_store *store, const char *key, const void *expected, size_t expected_size,
                                 const void *value, size_t size, uint64_t ttl, uint64_t deadline) {
    lw_store_step step = {.op = LW_STORE_COMPARE_AND_SET, .key = key, .value = value, .value_size = size, .ttl = ttl};
    step.expected = expected;
    step.expected_size = expected_size;
    return (int)lw__redis_take_step(redis_of(store), &step, deadline);
}

/* ---- birth and end ---- */

/* What a connection says first. */
static int write_greeting(struct lw__redis_common *common) {
    const struct lw__redis_config *config = &common->config;
    int error = LW_OK;
    if (config->password != NULL) {
        const char *words[] = {"AUTH", config->user, config->password};
        bool named = config->user != NULL;
        words[1] = named ? config->user : config->password;
        error = lw__redis_command_words(&common->greeting[common->greetings++], named ? 3 : 2, words);
    }
    if (error == LW_OK && config->database != 0) {
        char number[12];
        const char *words[] = {"SELECT", number};
        snprintf(number, sizeof number, "%u", config->database);
        error = lw__redis_command_words(&common->greeting[common->greetings++], 2, words);
    }
    return error;
}

static void end_common(struct lw__redis_common *common) {
    for (uint32_t i = 0; i < common->greetings; i++) {
        lw__redis_command_end(&common->greeting[i]);
    }
    lw__redis_config_end(&common->config, &common->env);
}

static void redis_free(lw_store *store) {
    struct lw__redis *redis = redis_of(store);
    lw_env env = redis->common.env;
    if (__atomic_load_n(&redis->process, __ATOMIC_RELAXED) != (int32_t)getpid()) {
        lw__redis_map_after_fork(&redis->map);
    }
    lw__redis_map_end(&redis->map);
    end_common(&redis->common);
    pthread_mutex_destroy(&redis->fork_lock);
    lw__host_release(&env, redis);
}

static const lw_store_ops redis_ops = {
    .size = sizeof redis_ops,
    .get = redis_get,
    .put = redis_put,
    .remove = redis_remove,
    .list = lw__redis_list,
    .add = redis_add,
    .compare_and_set = redis_compare_and_set,
    .free = redis_free,
    .batch = lw__redis_batch,
};

static bool is_ours(const lw_store *store) { return store != NULL && store->ops == &redis_ops; }

int lw_store_redis_new(lw_store **out, const lw_env *given, const lw_redis_options *options) {
    lw_env env;
    *out = NULL;
    int error = lw__redis_env_init(&env, given);
    if (error != LW_OK) {
        return error;
    }
    struct lw__redis *redis = lw__host_alloc(&env, sizeof *redis);
    if (redis == NULL) {
        return LW_NOMEM;
    }
    redis->store.ops = &redis_ops;
    redis->process = (int32_t)getpid();
    redis->common.env = env;
    error = lw__redis_config_init(&redis->common.config, &redis->common.env, options);
    if (error == LW_OK) {
        error = write_greeting(&redis->common);
        if (error == LW_OK && pthread_mutex_init(&redis->fork_lock, NULL) != 0) {
            error = LW_NOMEM;
        }
        if (error == LW_OK) {
            error = lw__redis_map_init(&redis->map, &redis->common);
            if (error != LW_OK) {
                pthread_mutex_destroy(&redis->fork_lock);
            }
        }
        if (error != LW_OK) {
            end_common(&redis->common);
        }
    }
    if (error != LW_OK) {
        lw__host_release(&env, redis);
        return error;
    }
    *out = &redis->store;
    return LW_OK;
}

int lw_store_redis_resolve(lw_store *store) {
    return is_ours(store) ? lw__redis_map_resolve(&redis_of(store)->map) : LW_INVALID;
}

int lw_store_redis_stats(const lw_store *store, lw_redis_stats *stats) {
    if (!is_ours(store) || stats == NULL || stats->size < sizeof stats->size) {
        return LW_INVALID;
    }
    const struct lw__redis_counts *counts = &((const struct lw__redis *)store)->common.counts;
    lw_redis_stats told = {.size = stats->size};
#define LW__REDIS_TELL(member, meaning) told.member = __atomic_load_n(&counts->member, __ATOMIC_RELAXED);
    LW_REDIS_STATS_LIST(LW__REDIS_TELL)
#undef LW__REDIS_TELL
    memcpy(stats, &told, stats->size < sizeof told ? stats->size : sizeof told);
    return LW_OK;
}
