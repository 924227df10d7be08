/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hash slots: the published check value of the CRC, the rules of tags, and what a server of a cluster says itself. */
#include "site.h"

#include "slots.h"

enum { SLOTS_KEYS = 2000, SLOTS_MOST = 24 };

static uint32_t slots_of(const char *key) { return lw__redis_slot(key, strlen(key)); }

static void test_published(void **state) {
    (void)state;
    /* The specification gives 0x31c3 for "123456789". */
    assert_int_equal(slots_of("123456789"), 0x31c3 % LW__REDIS_SLOTS);
    assert_int_equal(slots_of(""), 0);
}

static void test_tags(void **state) {
    (void)state;
    assert_int_equal(slots_of("{user1000}.following"), slots_of("user1000"));
    assert_int_equal(slots_of("lw:a:{node 7}/quota"), slots_of("lw:m:{node 7}/load"));
    assert_int_equal(slots_of("foo{bar}{zap}"), slots_of("bar"));   /* the first tag */
    assert_int_equal(slots_of("foo{{bar}}zap"), slots_of("{bar"));  /* up to the first end */
    assert_int_not_equal(slots_of("foo{}{bar}"), slots_of("bar"));  /* an empty one is none */
    assert_int_not_equal(slots_of("foo{bar"), slots_of("bar"));     /* nor is one without an end */
    assert_int_not_equal(slots_of("foo}bar{zap"), slots_of("bar")); /* nor one that ends first */
}

/* Keys of any bytes, with tags here and there, asked of a server. */
static void test_as_the_server_says(void **state) {
    (void)state;
    static const char signs[] = "{}{}abc\n\r\xff\x80 ";
    struct server server;
    uint64_t chance = 20261123;
    server_start(&server, "cluster-enabled yes");
    redisContext *redis = redisConnect("127.0.0.1", (int)server.port);
    assert_non_null(redis);
    for (int i = 0; i < SLOTS_KEYS; i++) {
        char key[SLOTS_MOST];
        size_t size = 1 + (size_t)site_below(&chance, SLOTS_MOST - 1);
        for (size_t k = 0; k < size; k++) {
            key[k] = signs[site_below(&chance, sizeof signs - 1)];
        }
        redisReply *reply = redisCommand(redis, "CLUSTER KEYSLOT %b", key, size);
        assert_non_null(reply);
        assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
        assert_int_equal(reply->integer, lw__redis_slot(key, size));
        freeReplyObject(reply);
    }
    redisFree(redis);
    server_stop(&server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_as_the_server_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
