/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Forks: children that begin with lw_pool_after_fork pick each for itself, know nothing of the parent's tickets, and
 * can do everything; those that forget it are told. Children report by their exit status and a pipe.
 */
#include "pool_stand.h"

#include <loadwise/ops.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, WAIT_AT_MOST = 120 };

static stand s;

static int open_fork(void **state) {
    (void)state;
    stand_open(&s, 59);
    return 0;
}

static int close_fork(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Runs the worker in a child; what it writes to the pipe can be read from *from. A child that hangs is ended by its
   alarm clock, which is a failure like any other. */
static pid_t start(int (*worker)(int to), int *from) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(WAIT_AT_MOST);
        close(ends[0]);
        _exit(worker(ends[1])); /* 0, or the line that failed */
    }
    close(ends[1]);
    *from = ends[0];
    return pid;
}

static void await(pid_t pid, int from) {
    int status = 0;
    close(from);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        fail_msg("the child was ended by signal %d", WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        fail_msg("line %d (modulo 256) in the child", WEXITSTATUS(status));
    }
}

static void run(int (*worker)(int to)) {
    int from;
    pid_t pid = start(worker, &from);
    await(pid, from);
}

/* In a child: a failed assertion of cmocka would go on in the copy of the test. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            return __LINE__ % 256 != 0 ? __LINE__ % 256 : 1;                                                           \
        }                                                                                                              \
    } while (0)

static int pick_quietly(lw_ticket *ticket) { return lw_pick_at(s.pool, s.route, NULL, s.book.now, ticket); }

/* ---- chance ---- */

static int first_pick(int to) {
    lw_ticket ticket;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    CHECK(pick_quietly(&ticket) == LW_OK);
    CHECK(write(to, &ticket.node, sizeof ticket.node) == sizeof ticket.node);
    return 0;
}

/* Four workers at a time, as a server starts them: their first picks are spread over the nodes, whatever the strategy,
   and siblings do not pick alike. Seeds of children follow from their process numbers, so this is no fixed experiment:
   it fails by chance once in 100,000 runs. */
static void test_first_picks(void **state) {
    (void)state;
    enum { NODES = 4, ROUNDS = 60 };
    static const char *const specs[] = {"random", "p2c", "round_robin", "least_load", "smooth_wrr"};
    static const double even[] = {1, 1, 1, 1};
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        uint64_t counts[STAND_MOST] = {0}, alike = 0;
        stand_close(&s);
        stand_open(&s, 59);
        s.options.zone = "a"; /* so that the pool draws, too: each half has its even share */
        s.options.zone_skew = 100;
        s.spec[0].zone = s.spec[1].zone = "a";
        stand_found(&s, specs[i], NODES);
        for (int round = 0; round < ROUNDS; round++) {
            pid_t pid[WORKERS];
            int from[WORKERS];
            uint64_t node[WORKERS];
            for (int w = 0; w < WORKERS; w++) {
                pid[w] = start(first_pick, &from[w]);
            }
            for (int w = 0; w < WORKERS; w++) {
                assert_int_equal(read(from[w], &node[w], sizeof node[w]), sizeof node[w]);
                await(pid[w], from[w]);
                counts[stand_index(&s, node[w])]++;
            }
            alike += node[0] == node[1] && node[1] == node[2] && node[2] == node[3];
        }
        assert_shares(counts, even, NODES);
        assert_true(alike < 10); /* one in 64 by chance; 10 of 60 once in ten million */
    }
}

/* Not even long sequences are alike. */
static int many_picks(int to) {
    uint64_t node[32];
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    for (int i = 0; i < 32; i++) {
        lw_ticket ticket;
        CHECK(pick_quietly(&ticket) == LW_OK);
        CHECK(lw_done(s.pool, &ticket, NULL) == LW_OK);
        node[i] = ticket.node;
    }
    CHECK(write(to, node, sizeof node) == sizeof node);
    return 0;
}

static void test_sequences(void **state) {
    (void)state;
    uint64_t node[WORKERS][32];
    stand_found(&s, "random", 8);
    for (int w = 0; w < WORKERS; w++) {
        int from;
        pid_t pid = start(many_picks, &from);
        assert_int_equal(read(from, node[w], sizeof node[w]), sizeof node[w]);
        await(pid, from);
        for (int before = 0; before < w; before++) {
            assert_memory_not_equal(node[before], node[w], sizeof node[w]);
        }
    }
}

/* ---- tickets ---- */

static lw_ticket parents[3];

static int end_parents_tickets(int to) {
    lw_ticket own;
    (void)to;
    lw_pool_stats stats = {.size = sizeof stats};
    lw_node_info info = {.size = sizeof info};
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    CHECK(lw_pool_stats_read(s.pool, s.book.now, &stats) == LW_OK);
    CHECK(stats.tickets == 0);
    CHECK(lw_pool_node(s.pool, stand_id(&s, 0), s.book.now, &info) == LW_OK);
    CHECK(info.inflight == 0 && info.cost == 0 && info.reasons == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(pick_quietly(&own) == LW_OK);
        int done = lw_done(s.pool, &parents[i], NULL), cancelled = lw_cancel(s.pool, &parents[i]);
        CHECK(done == LW_ALREADY || done == LW_INVALID);
        CHECK(cancelled == LW_ALREADY || cancelled == LW_INVALID);
        CHECK(lw_pool_node(s.pool, stand_id(&s, 0), s.book.now, &info) == LW_OK);
        CHECK(info.inflight == 1);
        CHECK(lw_done(s.pool, &own, NULL) == LW_OK);
    }
    return 0;
}

/* Full in the parent, free in the child; and the parent's go on as if nothing had happened. */
static void test_tickets(void **state) {
    (void)state;
    s.options.max_tickets = 3;
    s.spec[0].max_inflight = 3;
    stand_found(&s, "random", 1);
    lw_request request = LW_REQUEST_INIT;
    request.cost = 9;
    for (int i = 0; i < 3; i++) {
        parents[i] = stand_pick(&s, &request);
    }
    stand_refused(&s, NULL, LW_SATURATED);
    run(end_parents_tickets);
    assert_int_equal(stand_stats(&s).tickets, 3);
    for (int i = 0; i < 3; i++) {
        stand_done(&s, &parents[i], LW_OUTCOME_OK);
    }
    assert_int_equal(stand_info(&s, 0).inflight, 0);
}

static int external_load_of_child(int to) {
    lw_explanation why = LW_EXPLANATION_INIT;
    lw_considered considered[4];
    (void)to;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    why.considered = considered;
    why.considered_room = 4;
    CHECK(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why) == LW_OK);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(considered[i].load == 50);
    }
    return 0;
}

/* A reported load holds in the child as it was, whatever the parent had under way. */
static void test_reported_load(void **state) {
    (void)state;
    s.options.explore = 10001;
    stand_found(&s, "least_load metric=external", 2);
    for (int i = 0; i < 3; i++) {
        parents[i] = stand_pick_node(&s, 0);
    }
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, 0), 50, s.book.now), LW_OK);
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, 1), 50, s.book.now), LW_OK);
    run(external_load_of_child);
}

/* ---- what a child may do ---- */

static int forgets(int to) {
    uint32_t route;
    uint64_t next;
    lw_ticket ticket;
    lw_pool_stats stats = {.size = sizeof stats};
    (void)to;
    CHECK(lw_pool_update(s.pool, s.spec, 2, 0, NULL) == LW_FORKED);
    CHECK(strstr(s.book.message, "lw_pool_after_fork") != NULL);
    CHECK(lw_pool_route(s.pool, "other", "random", NULL, &route) == LW_FORKED);
    CHECK(lw_pool_tick(s.pool, s.book.now, &next) == LW_FORKED);
    CHECK(lw_pool_stats_read(s.pool, s.book.now, &stats) == LW_FORKED);
    CHECK(lw_pool_route_number(s.pool, "default", &route) == LW_FORKED);
    CHECK(pick_quietly(&ticket) == LW_OK); /* picks do not ask who they are */
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    CHECK(lw_pool_update(s.pool, s.spec, 2, 0, NULL) == LW_OK);
    CHECK(lw_pool_tick(s.pool, s.book.now, &next) == LW_OK);
    return 0;
}

static void test_forgotten_call(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    run(forgets);
    stand_update(&s, 2); /* the parent has not forked away */
}

static int lives(int to) {
    uint32_t route;
    lw_ticket ticket;
    (void)to;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    for (uint32_t i = 0; i < 50; i++) {
        CHECK(lw_pool_update(s.pool, s.spec, 1 + i % 7, 0, NULL) == LW_OK);
        CHECK(lw_pool_route(s.pool, "default", i % 2 ? "ring" : "p2c metric=peak_ewma", NULL, &route) == LW_OK);
        CHECK(pick_quietly(&ticket) == LW_OK);
        CHECK(lw_done(s.pool, &ticket, NULL) == LW_OK);
        s.book.now += SECOND;
        CHECK(lw_pool_tick(s.pool, s.book.now, NULL) == LW_OK);
    }
    lw_pool_free(s.pool);
    CHECK(s.book.live == 0);
    return 0;
}

static void test_life_of_a_child(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    parents[0] = stand_pick(&s, NULL);
    stand_update(&s, 1); /* something waits for readers, and a node for its ticket */
    for (int w = 0; w < WORKERS; w++) {
        run(lives);
    }
    stand_done(&s, &parents[0], LW_OUTCOME_OK);
}

/* ---- while others are at work ---- */

static bool stop;
static uint32_t at_work;

static void *work(void *unused) {
    (void)unused;
    for (bool first = true; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); first = false) {
        lw_ticket ticket;
        if (lw_pick_at(s.pool, s.route, NULL, STAND_START, &ticket) == LW_OK) {
            lw_cancel_at(s.pool, &ticket, STAND_START);
        }
        __atomic_fetch_add(&at_work, first, __ATOMIC_RELEASE);
    }
    return NULL;
}

static int busy_child(int to) {
    lw_ticket ticket;
    (void)to;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    for (int i = 0; i < 100; i++) {
        CHECK(pick_quietly(&ticket) == LW_OK);
        CHECK(lw_done(s.pool, &ticket, NULL) == LW_OK);
    }
    return 0;
}

/* Threads pick while the process forks: they may be anywhere in a pick, and in the child they are no more. */
static void test_fork_among_picks(void **state) {
    (void)state;
    pthread_t threads[2];
    s.env.alloc = NULL; /* the ledger's malloc is no matter here */
    s.env.release = NULL;
    stand_found(&s, "p2c", 5);
    __atomic_store_n(&stop, false, __ATOMIC_RELEASE);
    for (int t = 0; t < 2; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, work, NULL), 0);
    }
    while (__atomic_load_n(&at_work, __ATOMIC_ACQUIRE) < 2) { /* who only begins may hold locks of the C library */
        sched_yield();
    }
    for (int i = 0; i < 20; i++) {
        run(busy_child);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int t = 0; t < 2; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    }
}

/* ---- boards ---- */

/* Node 1 once somebody has begun to write on the board, who never comes back in a child. */
static ptrdiff_t smear_pick(const lw_view *view) { return *(uint64_t *)lw_view_board(view) == 0 ? 0 : 1; }

static void smear_begin(const lw_view *view, uint32_t index) {
    (void)index;
    *(uint64_t *)lw_view_board(view) = 1;
}

static size_t smear_board(const void *config, uint32_t count) {
    (void)config;
    (void)count;
    return sizeof(uint64_t);
}

static const lw_strategy_ops smear = {
    .size = sizeof smear,
    .name = "smear",
    .help = "Writes on its board.",
    .board_size = smear_board,
    .pick = smear_pick,
    .begin = smear_begin,
};

static int pick_on_a_clean_board(int to) {
    lw_ticket ticket;
    (void)to;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    CHECK(pick_quietly(&ticket) == LW_OK && stand_index(&s, ticket.node) == 0);
    CHECK(pick_quietly(&ticket) == LW_OK && stand_index(&s, ticket.node) == 1);
    return 0;
}

static void test_boards_begin_anew(void **state) {
    (void)state;
    static const lw_strategy_ops *const own[] = {&smear};
    s.options.ops = own;
    s.options.ops_count = 1;
    stand_found(&s, "smear", 2);
    stand_serve(&s, 0, LW_OUTCOME_OK, 0);
    run(pick_on_a_clean_board);
}

/* ---- what strategies know ---- */

/* Node 1 while it knows of a request under way on node 0: as strategies count that keep no state but memory per node.
 */
static uint32_t *tallied(const lw_view *view, uint32_t index) { return lw_view_scratch(view, index); }

static ptrdiff_t tally_pick(const lw_view *view) { return *tallied(view, 0) > 0 ? 1 : 0; }

static void tally_begin(const lw_view *view, uint32_t index) { ++*tallied(view, index); }

static void tally_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)sample;
    --*tallied(view, index);
}

static const lw_strategy_ops tally = {
    .size = sizeof tally,
    .name = "tally",
    .help = "Counts.",
    .scratch_size = sizeof(uint32_t),
    .pick = tally_pick,
    .begin = tally_begin,
    .done = tally_done,
};

static int count_from_nothing(int to) {
    lw_ticket first, second;
    lw_request request = LW_REQUEST_INIT;
    (void)to;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    request.flags = LW_REQUEST_KEYED;
    for (int i = 0; i < 3; i++) {
        CHECK(lw_pick_at(s.pool, s.route, &request, s.book.now, &first) == LW_OK);
        CHECK(first.node == parents[0].node);
        CHECK(lw_pick_at(s.pool, s.route, &request, s.book.now, &second) == LW_OK);
        CHECK(second.node != first.node);
        CHECK(lw_done(s.pool, &first, NULL) == LW_OK);
        CHECK(lw_done(s.pool, &second, NULL) == LW_OK);
    }
    return 0;
}

/* Who counts requests from begin to done knows of none in the child, and of all its own in the parent. A ticket that
   ended before the fork is not told of again. */
static void test_counts_begin_anew(void **state) {
    (void)state;
    static const char *const specs[] = {"bounded(ring, factor=1)", "tally", "chain(tally, tally)",
                                        "subset(bounded(maglev, factor=1))"};
    static const lw_strategy_ops *const own[] = {&tally};
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        stand_close(&s);
        stand_open(&s, 59);
        s.options.ops = own;
        s.options.ops_count = 1;
        stand_found(&s, specs[i], 2);
        stand_serve_times(&s, 0, LW_OUTCOME_OK, 2);
        parents[0] = stand_pick(&s, &request);
        parents[1] = stand_pick(&s, &request);
        assert_true(parents[0].node != parents[1].node);
        stand_done(&s, &parents[1], LW_OUTCOME_OK);
        run(count_from_nothing);
        parents[2] = stand_pick(&s, &request);
        assert_true(parents[2].node != parents[0].node);
        stand_done(&s, &parents[0], LW_OUTCOME_OK);
        stand_done(&s, &parents[2], LW_OUTCOME_OK);
    }
}

static int pick_the_fast(int to) {
    lw_ticket ticket;
    (void)to;
    CHECK(lw_pool_after_fork(s.pool) == LW_OK);
    for (int i = 0; i < 10; i++) {
        CHECK(pick_quietly(&ticket) == LW_OK);
        CHECK(stand_index(&s, ticket.node) == 1);
        CHECK(lw_done(s.pool, &ticket, NULL) == LW_OK);
    }
    return 0;
}

/* What nodes are like is as true in the child, whatever was under way. */
static void test_learning_survives(void **state) {
    (void)state;
    static const char *const specs[] = {"least_time", "c3"};
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        stand_close(&s);
        stand_open(&s, 59);
        s.options.explore = 10001;
        stand_found(&s, specs[i], 2);
        for (int round = 0; round < 20; round++) {
            stand_serve(&s, 0, LW_OUTCOME_OK, 900 * MS);
            stand_serve(&s, 1, LW_OUTCOME_OK, 5 * MS);
        }
        parents[0] = stand_pick_node(&s, 0);
        run(pick_the_fast);
        stand_done(&s, &parents[0], LW_OUTCOME_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_picks, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_sequences, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_tickets, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_reported_load, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_forgotten_call, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_life_of_a_child, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_boards_begin_anew, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_counts_begin_anew, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_learning_survives, open_fork, close_fork),
        cmocka_unit_test_setup_teardown(test_fork_among_picks, open_fork, close_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
