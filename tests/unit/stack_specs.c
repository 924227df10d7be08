/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stacks as text: what is read, what each mistake is told, and that the defaults of text and of structs are the same.
 */
#include "service_desk.h"

#include "service/layer.h"

#include <loadwise/adaptive_throttle.h>
#include <loadwise/balance.h>
#include <loadwise/buffer.h>
#include <loadwise/circuit_breaker.h>
#include <loadwise/hedge.h>
#include <loadwise/load_shed.h>
#include <loadwise/rate_limit.h>
#include <loadwise/timeout.h>
#include <string.h>

static char logged[512];
static int logs;

static void note_log(void *user, int code, const char *message) {
    (void)user, (void)code;
    logs++;
    snprintf(logged, sizeof logged, "%s", message);
}

/* ---- mistakes ---- */

static int made(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    (void)env, (void)clock, (void)options;
    *out = inner;
    return LW_OK;
}

static const lw_param own_params[] = {{"x", LW_PARAM_U64, 0, NULL, "0", "9", NULL, "X."}};
static const lw_param far_params[] = {{"x", LW_PARAM_U64, 4, "0", "0", "9", NULL, "X."}};
static const lw_param bad_params[] = {{"x", LW_PARAM_U64, 0, "10", "0", "9", NULL, "X."}};
static const lw_layer own = {sizeof own, "own", "Mine.", own_params, 1, 8, made, NULL},
                      bare = {sizeof bare, "bare", "Mine.", NULL, 0, 8, made, NULL},
                      far = {sizeof far, "far", "Mine.", far_params, 1, 8, made, NULL},
                      wide = {sizeof wide, "wide", "Mine.", NULL, 0, 257, made, NULL},
                      void_of = {sizeof void_of, "void", "Mine.", NULL, 0, 8, NULL, NULL},
                      bad = {sizeof bad, "bad", "Mine.", bad_params, 1, 8, made, NULL};
static const lw_layer *const owned[] = {&own, &bare, &far, &wide, &void_of, &bad, NULL};

static const struct {
    const char *spec;
    int error;
    const char *said;
} mistakes[] = {
    {"", LW_SYNTAX, "column 1: expected the name of a layer"},
    {"timeout 1s |", LW_SYNTAX, "column 13: expected the name of a layer"},
    {"| timeout 1s", LW_SYNTAX, "column 1: expected the name of a layer"},
    {"timeout", LW_SYNTAX, "column 1: timeout needs its after, from 1us to 24h"},
    {"retry | timeout", LW_SYNTAX, "column 9: timeout needs its after"},
    {"tiemout 1s", LW_UNKNOWN, "column 1: there is no layer 'tiemout'"},
    {"timeout 1", LW_RANGE, "column 9: timeout: after=1 must be a time from 1us to 24h"},
    {"timeout after=25h", LW_RANGE, "column 15: timeout: after=25h must be a time"},
    {"retry mx=3", LW_UNKNOWN, "column 7: retry has no parameter 'mx'"},
    {"retry =3", LW_UNKNOWN, "column 7: retry has no parameter ''"},
    {"retry max=3 max=4", LW_SYNTAX, "column 13: retry has its max already"},
    {"retry 3 4", LW_SYNTAX, "column 9: retry has its max already"},
    {"retry max=17", LW_RANGE, "column 11: retry: max=17 must be a whole number from 1 to 16"},
    {"retry backoff=1s", LW_RANGE, "column 1: retry: max_backoff is less than backoff"},
    {"hedge p49", LW_RANGE, "column 7: hedge: percentile=p49 must be a percentile from p50 to p99.99"},
    {"hedge q99", LW_RANGE, "column 7: hedge"},
    {"concurrency_limit vegas initial=2", LW_RANGE, "column 1: concurrency_limit: initial is not from least to most"},
    {"concurrency_limit least=9 most=8", LW_RANGE, "column 1: concurrency_limit: least is more than most"},
    {"concurrency_limit cubic", LW_RANGE, "column 19: concurrency_limit: kind=cubic must be one of fixed|vegas"},
    {"circuit_breaker pause=2m", LW_RANGE, "column 1: circuit_breaker: max_pause is less than pause"},
    {"buffer lifo=maybe", LW_RANGE, "column 13: buffer: lifo=maybe must be one of false|true"},
    {"rate_limit 0", LW_RANGE, "column 12: rate_limit: rate=0 must be a whole number"},
    {"adaptive_throttle k=11", LW_RANGE, "column 21: adaptive_throttle: k=11 must be a decimal number"},
    {"balance p2c | balance p2c", LW_SYNTAX, "column 15: a stack has one balance"},
    {"balance wait=1 p2c", LW_RANGE, "column 14: balance: wait=1 must be a time"},
    {"balance room=2 room=3 p2c", LW_SYNTAX, "column 16: balance has its room already"},
    {"balance p2c", LW_INVALID, "a balance needs a pool"},
    {"own", LW_SYNTAX, "column 1: own needs its x, from 0 to 9"},
    {"bare 3", LW_UNKNOWN, "column 6: bare has no parameter '3'"},
    {"far", LW_INVALID, "column 1: the table of layer 'far' has a fault"},
    {"wide", LW_INVALID, "column 1: the table of layer 'wide' has a fault"},
    {"void", LW_INVALID, "column 1: the table of layer 'void' has a fault"},
    {"bad", LW_RANGE, "bad: x=10 must be a whole number from 0 to 9"},
    {"own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1|own 1", LW_RANGE,
     "column 97: at most 16 layers above the balance"},
};

static void mistakes_are_told_with_their_column(void **state) {
    lw_env env = desk_env();
    lw_clock *clock;
    (void)state;
    env.log = note_log;
    assert_int_equal(lw_clock_new(&clock, &env, NULL, NULL), LW_OK);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        lw_stack_options options = LW_STACK_OPTIONS_INIT;
        struct executor node;
        lw_stack *stack = (lw_stack *)&node;
        executor_init(&node);
        options.inner = &node.service;
        options.layers = owned;
        logs = 0;
        int error = lw_stack_new(&stack, &env, clock, NULL, mistakes[i].spec, &options);
        if (error != mistakes[i].error || strstr(logged, mistakes[i].said) == NULL) {
            print_message("'%s': %s, '%s'\n", mistakes[i].spec, lw_error_name(error), logged);
        }
        assert_int_equal(error, mistakes[i].error);
        assert_non_null(strstr(logged, mistakes[i].said));
        assert_int_equal(logs, 1);
        assert_null(stack);
        assert_int_equal(node.freed, 1); /* owned, also where it fails */
    }
    lw_stack *stack;
    assert_int_equal(lw_stack_new(&stack, &env, clock, NULL, NULL, NULL), LW_INVALID);
    assert_int_equal(lw_stack_new(&stack, &env, clock, NULL, "timeout 1s", NULL), LW_INVALID);
    lw_stack_free(NULL);
    lw_clock_free(clock);
}

/* ---- what is read ---- */

static void layers_are_found_by_name(void **state) {
    static const char spec[] = " timeout\t2s |retry 3 backoff=1ms|own x=7 | hedge 99.9 |buffer| load_shed 5\n";
    lw_env env = desk_env();
    lw_stack_options options = LW_STACK_OPTIONS_INIT;
    struct executor node;
    lw_stack *stack;
    lw_clock *clock;
    (void)state;
    executor_init(&node);
    options.inner = &node.service;
    options.layers = owned;
    assert_int_equal(lw_clock_new(&clock, &env, NULL, NULL), LW_OK);
    assert_int_equal(lw_stack_new(&stack, &env, clock, NULL, spec, &options), LW_OK);
    static const char *const names[] = {"timeout", "retry", "hedge", "buffer", "load_shed", "executor"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_string_equal(lw_stack_layer(stack, names[i])->ops->name, names[i]);
    }
    assert_ptr_equal(lw_stack_layer(stack, "timeout"), lw_stack_service(stack));
    assert_null(lw_stack_layer(stack, "balance"));
    lw_stack_free(stack);
    assert_int_equal(node.freed, 1);
    lw_clock_free(clock);
}

static void nodes_are_made_and_dropped(void **state) {
    lw_env env = desk_env();
    struct executor node[2];
    lw_service *service[2];
    lw_stack *stack;
    lw_clock *clock;
    lw_pool *pool;
    (void)state;
    assert_int_equal(lw_clock_new(&clock, &env, NULL, NULL), LW_OK);
    assert_int_equal(lw_pool_new(&pool, &env, NULL), LW_OK);
    assert_int_equal(lw_stack_new(&stack, &env, clock, pool, "retry | balance | timeout 1s | rate_limit 5", NULL),
                     LW_OK);
    for (int i = 0; i < 2; i++) {
        executor_init(&node[i]);
        assert_int_equal(lw_stack_node(stack, &node[i].service, &service[i]), LW_OK);
        assert_string_equal(service[i]->ops->name, "timeout");
    }
    lw_stack_drop(stack, service[0]);
    lw_stack_drop(stack, &node[1].service); /* not one that it made */
    assert_int_equal(node[0].freed, 1);
    assert_int_equal(node[1].freed, 0);
    assert_null(lw_stack_layer(stack, "timeout")); /* those of nodes are not found */
    assert_string_equal(lw_stack_layer(stack, "balance")->ops->name, "balance");
    lw_stack_free(stack);
    assert_int_equal(node[1].freed, 1);
    lw_pool_free(pool);
    lw_clock_free(clock);
}

/* ---- defaults ---- */

static void same_defaults(const lw_layer *kind, const void *init, size_t size) {
    unsigned char read[LW_STACK_OPTIONS];
    assert_int_equal(kind->options_size, size);
    assert_int_equal(lw__layer_defaults(NULL, kind, read), LW_OK);
    assert_memory_equal(read, init, size);
    size_t covered = 0;
    for (uint32_t i = 0; i < kind->param_count; i++) {
        covered += 8;
        assert_true(kind->params[i].help[strlen(kind->params[i].help) - 1] == '.');
    }
    assert_int_equal(covered, size); /* each member is a parameter */
}

#define SAME(kind, type, init)                                                                                         \
    do {                                                                                                               \
        type options = init;                                                                                           \
        same_defaults(&lw__layer_##kind, &options, sizeof options);                                                    \
    } while (0)

static void structs_and_text_have_the_same_defaults(void **state) {
    (void)state;
    SAME(adaptive_throttle, lw_adaptive_throttle_options, LW_ADAPTIVE_THROTTLE_OPTIONS_INIT);
    SAME(balance, lw_balance_options, LW_BALANCE_OPTIONS_INIT);
    SAME(buffer, lw_buffer_options, LW_BUFFER_OPTIONS_INIT);
    SAME(circuit_breaker, lw_circuit_breaker_options, LW_CIRCUIT_BREAKER_OPTIONS_INIT);
    SAME(concurrency_limit, lw_concurrency_limit_options, LW_CONCURRENCY_LIMIT_OPTIONS_INIT);
    SAME(hedge, lw_hedge_options, LW_HEDGE_OPTIONS_INIT);
    SAME(load_shed, lw_load_shed_options, LW_LOAD_SHED_OPTIONS_INIT);
    SAME(rate_limit, lw_rate_limit_options, LW_RATE_LIMIT_OPTIONS_INIT);
    SAME(retry, lw_retry_options, LW_RETRY_OPTIONS_INIT);
    SAME(timeout, lw_timeout_options, LW_TIMEOUT_OPTIONS_INIT);
    for (const lw_layer *const *kind = lw_layers(); kind[0] != NULL && kind[1] != NULL; kind++) {
        assert_true(strcmp(kind[0]->name, kind[1]->name) < 0);
    }
}

/* Options made by hand are held to the same ranges, and the service is freed. */
static void options_by_hand_are_checked(void **state) {
    lw_env env = desk_env();
    struct executor node;
    lw_service *service;
    lw_clock *clock;
    (void)state;
    env.log = note_log;
    assert_int_equal(lw_clock_new(&clock, &env, NULL, NULL), LW_OK);
    for (const lw_layer *const *kind = lw_layers(); *kind != NULL; kind++) {
        if ((*kind)->make == NULL) {
            continue; /* balance */
        }
        for (uint32_t i = 0; i < (*kind)->param_count; i++) {
            unsigned char options[LW_STACK_OPTIONS];
            assert_int_equal(lw__layer_defaults(&env, *kind, options), LW_OK);
            memset(options + (*kind)->params[i].offset, 0xff, 8); /* too large, or not a number */
            executor_init(&node);
            assert_int_equal((*kind)->make(&service, &env, clock, &node.service, options), LW_RANGE);
            assert_int_equal(node.freed, 1);
            assert_null(service);
        }
        assert_int_equal((*kind)->make(&service, &env, clock, NULL, NULL), LW_INVALID);
        executor_init(&node);
        assert_int_equal((*kind)->make(&service, &env, NULL, &node.service, NULL), LW_INVALID);
        assert_int_equal(node.freed, 1);
    }
    lw_clock_free(clock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_with_their_column),
        cmocka_unit_test(layers_are_found_by_name),
        cmocka_unit_test(nodes_are_made_and_dropped),
        cmocka_unit_test(structs_and_text_have_the_same_defaults),
        cmocka_unit_test(options_by_hand_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
