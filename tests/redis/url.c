/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* URLs and options: what they mean, which wins, and what is refused with a text that names the fault and no secret. */
#include "site.h"

#include "config.h"

#include <stdlib.h>

static char url_said[512];

static void url_log(void *user, int code, const char *message) {
    (void)user, (void)code;
    snprintf(url_said, sizeof url_said, "%s", message);
}

static lw_env url_env(void) {
    lw_env given = LW_ENV_INIT, env;
    given.log = url_log;
    assert_int_equal(lw__redis_env_init(&env, &given), LW_OK);
    url_said[0] = 0;
    return env;
}

static int url_try(struct lw__redis_config *config, const lw_redis_options *options) {
    lw_env env = url_env();
    return lw__redis_config_init(config, &env, options);
}

static struct lw__redis_config url_good(const char *url) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    struct lw__redis_config config;
    options.url = url;
    assert_int_equal(url_try(&config, &options), LW_OK);
    assert_string_equal(url_said, "");
    return config;
}

static void url_end(struct lw__redis_config *config) {
    lw_env env = url_env();
    lw__redis_config_end(config, &env);
}

static void url_is_at(const char *url, const char *host, uint32_t port, uint32_t database) {
    struct lw__redis_config config = url_good(url);
    assert_int_equal(config.seeds, 1);
    assert_string_equal(config.seed[0].host, host);
    assert_int_equal(config.seed[0].port, port);
    assert_int_equal(config.database, database);
    assert_int_equal(config.cluster, 0);
    assert_null(config.path);
    url_end(&config);
}

static void test_places(void **state) {
    (void)state;
    url_is_at("redis://", "127.0.0.1", 6379, 0);
    url_is_at("redis://cache", "cache", 6379, 0);
    url_is_at("redis://cache/", "cache", 6379, 0);
    url_is_at("redis://cache:1/2147483647", "cache", 1, 2147483647);
    url_is_at("redis://:65535/15", "127.0.0.1", 65535, 15);
    url_is_at("redis://[::1]:7000/1", "::1", 7000, 1);
    url_is_at("redis://[fe80::1%25eth0]", "fe80::1%eth0", 6379, 0);
    url_is_at("redis://:secret@%63ache:7000", "cache", 7000, 0);
}

static void url_logs_in(const char *url, const char *user, const char *password) {
    struct lw__redis_config config = url_good(url);
    assert_int_equal(config.user == NULL, user == NULL);
    assert_int_equal(config.password == NULL, password == NULL);
    assert_string_equal(config.user != NULL ? config.user : "", user != NULL ? user : "");
    assert_string_equal(config.password != NULL ? config.password : "", password != NULL ? password : "");
    url_end(&config);
}

static void test_logins(void **state) {
    (void)state;
    url_logs_in("redis://host", NULL, NULL);
    url_logs_in("redis://:secret@host", NULL, "secret");
    url_logs_in("redis://ann:secret@host", "ann", "secret");
    url_logs_in("redis://ann:a@b:c@host/1", "ann", "a@b:c");
    url_logs_in("redis://%61nn:%40%3a%2F%25%e2%82%ac@host", "ann", "@:/%\xe2\x82\xac");
    url_logs_in("redis-cluster://ann:secret@a,b", "ann", "secret");
    url_logs_in("unix://ann:secret@/run/redis", "ann", "secret");
    url_logs_in("redis://:@host", NULL, "");
}

static void test_clusters(void **state) {
    (void)state;
    struct lw__redis_config config = url_good("redis-cluster://a:1,[::1]:2,c");
    assert_int_equal(config.seeds, 3);
    assert_true(config.cluster != 0);
    assert_string_equal(config.seed[0].host, "a");
    assert_string_equal(config.seed[1].host, "::1");
    assert_string_equal(config.seed[2].host, "c");
    assert_int_equal(config.seed[0].port, 1);
    assert_int_equal(config.seed[1].port, 2);
    assert_int_equal(config.seed[2].port, 6379);
    url_end(&config);
}

static void test_paths(void **state) {
    (void)state;
    struct lw__redis_config config = url_good("unix:///run/my%20redis?db=3");
    assert_string_equal(config.path, "/run/my redis");
    assert_int_equal(config.database, 3);
    assert_int_equal(config.seeds, 0);
    url_end(&config);
}

static void test_refused_urls(void **state) {
    (void)state;
    static const struct {
        const char *url;
        int error;
    } bad[] = {
        {"", LW_SYNTAX},
        {"cache:6379", LW_SYNTAX},
        {"http://secret@cache", LW_SYNTAX},
        {"rediss://:secret@cache", LW_SYNTAX},
        {"redis://:secret%4@cache", LW_SYNTAX},
        {"redis://:secret%zz@cache", LW_SYNTAX},
        {"redis://:secret%00@cache", LW_SYNTAX},
        {"redis://secret@cache", LW_INVALID}, /* a user without a password */
        {"redis://:secret@cache:0", LW_RANGE},
        {"redis://:secret@cache:65536", LW_RANGE},
        {"redis://:secret@cache:99999999999999999999", LW_RANGE},
        {"redis://:secret@cache:", LW_RANGE},
        {"redis://:secret@cache:6379x", LW_RANGE},
        {"redis://:secret@[::1", LW_SYNTAX},
        {"redis://:secret@[::1]7000", LW_SYNTAX},
        {"redis://:secret@cache/2147483648", LW_RANGE},
        {"redis://:secret@cache/-1", LW_RANGE},
        {"redis://:secret@cache/1?a=b", LW_SYNTAX},
        {"redis-cluster://", LW_SYNTAX},
        {"redis-cluster://a,,b", LW_SYNTAX},
        {"redis-cluster://:secret@a/1", LW_RANGE},
        {"unix://", LW_SYNTAX},
        {"unix:///run/redis?base=1", LW_SYNTAX},
        {"unix:///run/redis?db=", LW_RANGE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lw_redis_options options = LW_REDIS_OPTIONS_INIT;
        struct lw__redis_config config;
        options.url = bad[i].url;
        assert_int_equal(url_try(&config, &options), bad[i].error);
        assert_true(strncmp(url_said, "redis: ", 7) == 0);
        assert_true(bad[i].error == LW_INVALID || strstr(url_said, "secret") == NULL);
    }
}

static void test_members_win(void **state) {
    (void)state;
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    struct lw__redis_config config;
    options.url = "redis://ann:secret@cache:7000/3";
    options.host = "other";
    options.user = "bob";
    options.password = "word";
    options.database = 4;
    assert_int_equal(url_try(&config, &options), LW_OK);
    assert_string_equal(config.seed[0].host, "other");
    assert_int_equal(config.seed[0].port, 7000);
    assert_string_equal(config.user, "bob");
    assert_string_equal(config.password, "word");
    assert_int_equal(config.database, 4);
    url_end(&config);
    options.path = "/run/redis";
    assert_int_equal(url_try(&config, &options), LW_OK);
    assert_string_equal(config.path, "/run/redis");
    assert_int_equal(config.seeds, 0);
    url_end(&config);
}

static void test_defaults(void **state) {
    (void)state;
    struct lw__redis_config config;
    assert_int_equal(url_try(&config, NULL), LW_OK);
    assert_string_equal(config.seed[0].host, "127.0.0.1");
    assert_int_equal(config.seed[0].port, 6379);
    assert_string_equal(config.prefix, "lw:");
    assert_int_equal(config.connections, 8);
    assert_int_equal(config.retries, 1);
    assert_int_equal(config.timeout, 500 * SITE_MS);
    assert_int_equal(config.connect_timeout, 500 * SITE_MS);
    assert_int_equal(config.backoff, 50 * SITE_MS);
    assert_int_equal(config.max_backoff, 5 * SITE_SECOND);
    url_end(&config);
}

static void url_refuses(lw_redis_options options, int error, const char *named) {
    struct lw__redis_config config;
    assert_int_equal(url_try(&config, &options), error);
    assert_non_null(strstr(url_said, named));
}

static void test_refused_options(void **state) {
    (void)state;
    static char prefix[LW__REDIS_PREFIX + 2];
    memset(prefix, 'p', sizeof prefix - 1);
    const size_t size = sizeof(lw_redis_options);
    url_refuses((lw_redis_options){.size = size, .port = 65536}, LW_RANGE, "port");
    url_refuses((lw_redis_options){.size = size, .connections = 1025}, LW_RANGE, "connections");
    url_refuses((lw_redis_options){.size = size, .backoff = 2, .max_backoff = 1}, LW_RANGE, "max_backoff");
    url_refuses((lw_redis_options){.size = size, .prefix = prefix}, LW_RANGE, "prefix");
    url_refuses((lw_redis_options){.size = size, .prefix = "a{b"}, LW_INVALID, "prefix");
    url_refuses((lw_redis_options){.size = size, .user = "ann"}, LW_INVALID, "user");
    url_refuses((lw_redis_options){.size = size, .database = 1, .cluster = 1}, LW_INVALID, "database");
    url_refuses((lw_redis_options){.size = size, .path = "/run", .cluster = 1}, LW_INVALID, "path");
}

/* Every cut of a URL, and every byte of it made a %, is read or refused, and nothing is read beyond it. */
static void test_any_text(void **state) {
    (void)state;
    static const char *const urls[] = {"redis://ann:se%63ret@[::1]:6379/12", "redis-cluster://:x@a:1,b:2,[::3]:3/0",
                                       "unix://a:b@/run/%72edis?db=4"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        size_t size = strlen(urls[i]);
        for (size_t k = 0; k < 2 * size; k++) {
            lw_redis_options options = LW_REDIS_OPTIONS_INIT;
            struct lw__redis_config config;
            char *url = malloc(size + 1);
            assert_non_null(url);
            memcpy(url, urls[i], size + 1);
            url[k / 2] = k % 2 == 0 ? 0 : '%';
            options.url = url;
            if (url_try(&config, &options) == LW_OK) {
                url_end(&config);
            }
            free(url);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),   cmocka_unit_test(test_logins),          cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_refused_urls),    cmocka_unit_test(test_members_win),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_refused_options), cmocka_unit_test(test_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
