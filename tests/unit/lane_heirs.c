/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lanes of threads that have ended: others take them over, and nobody ever takes one from the living. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lodgers.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWNED_LANES = LW_LANES - 1, VISITORS = 200 };

static struct lw__lanes lanes;
static lodger lodgers[OWNED_LANES], visitor;

static int open_lanes(void **state) {
    (void)state;
    memset(&lanes, 0, sizeof lanes);
    lw__lanes_init(&lanes, 7);
    return 0;
}

static void fill_lanes(void) {
    for (uint32_t i = 0; i < OWNED_LANES; i++) {
        assert_true(lodger_come(&lodgers[i], &lanes));
        assert_int_equal(lodgers[i].lane->seen.number, i);
    }
}

static void empty_lanes(void) {
    for (uint32_t i = 0; i < OWNED_LANES; i++) {
        lodger_go(&lodgers[i]);
        assert_true(lodgers[i].kept);
    }
}

/* ---- threads as the kernel knows them ---- */

static void test_who_is_gone(void **state) {
    (void)state;
    uint32_t process = lw__task_process(), self = lw__task_self();
    assert_true(process != 0 && self != 0);
    assert_false(lw__task_is_gone(process, self));
    assert_false(lw__task_is_gone(process, 0));
    assert_true(lodger_come(&visitor, &lanes));
    assert_int_not_equal(visitor.task, self);
    assert_false(lw__task_is_gone(process, visitor.task));
    lodger_go(&visitor);
    assert_true(lw__task_is_gone(process, visitor.task));
    assert_false(lw__task_is_gone(process + 1, visitor.task)); /* of another process nothing is known */
    assert_false(lw__task_is_gone(0, visitor.task));
}

/* In a child that a filter of system calls keeps from asking. */
static bool sees_no_death(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (!lodger_visit(&visitor, &lanes) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        return false;
    }
    return !lw__task_is_gone(lw__task_process(), visitor.task);
}

static bool in_a_child(bool (*judge)(void)) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(judge() ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_where_nobody_may_ask(void **state) {
    (void)state;
    assert_true(in_a_child(sees_no_death));
}

static void test_errno_stays(void **state) {
    (void)state;
    assert_true(lodger_visit(&visitor, &lanes));
    errno = 77;
    assert_true(lw__task_is_gone(lw__task_process(), visitor.task));
    assert_false(lw__task_is_gone(lw__task_process(), lw__task_self()));
    assert_int_equal(errno, 77);
}

/* ---- who inherits ---- */

static void test_a_thread_per_request_has_its_lane(void **state) {
    (void)state;
    for (uint32_t i = 0; i < VISITORS; i++) {
        assert_true(lodger_visit(&visitor, &lanes));
        assert_int_equal(visitor.lane->seen.shared, 0);
        assert_true(visitor.lane->seen.number == i || i >= OWNED_LANES); /* free ones first */
        assert_true(visitor.kept);
    }
    assert_int_equal(lanes.claimed, OWNED_LANES);
}

/* What was drawn is not drawn again. */
static void test_an_heir_goes_on(void **state) {
    (void)state;
    uint64_t chances[OWNED_LANES];
    for (uint32_t i = 0; i < OWNED_LANES; i++) {
        assert_true(lodger_visit(&visitor, &lanes));
        chances[i] = visitor.lane->seen.chance += 1000 + i;
    }
    for (uint32_t i = 0; i < OWNED_LANES; i++) {
        assert_true(lodger_visit(&visitor, &lanes));
        assert_int_equal(visitor.lane->seen.chance, chances[visitor.lane->seen.number]);
    }
}

static void test_the_living_keep_theirs(void **state) {
    (void)state;
    fill_lanes();
    for (uint32_t i = 0; i < VISITORS; i++) {
        assert_true(lodger_visit(&visitor, &lanes));
        assert_int_equal(visitor.lane->seen.number, OWNED_LANES);
        assert_int_not_equal(visitor.lane->seen.shared, 0);
    }
    empty_lanes();
}

/* One of them dies: one of the next fifteen finds its lane, and no one else's. */
static void test_one_dies_and_one_inherits(void **state) {
    (void)state;
    static lodger heirs[OWNED_LANES];
    fill_lanes();
    struct lw__lane *vacant = lodgers[6].lane;
    lodger_go(&lodgers[6]);
    uint32_t found = 0;
    for (uint32_t i = 0; i < OWNED_LANES; i++) {
        assert_true(lodger_come(&heirs[i], &lanes));
        found += heirs[i].lane == vacant;
        assert_true(heirs[i].lane == vacant || heirs[i].lane->seen.shared);
    }
    assert_int_equal(found, 1);
    assert_int_equal(vacant->seen.number, 6);
    for (uint32_t i = 0; i < OWNED_LANES; i++) {
        lodger_go(&heirs[i]);
        assert_true(heirs[i].kept);
    }
    assert_true(lodger_come(&lodgers[6], &lanes));
    empty_lanes();
}

/* Who came when all were taken asks again, though not at each pick. */
static void test_who_shares_asks_again(void **state) {
    (void)state;
    fill_lanes();
    struct lw__lane *lane = lw__lane_of(&lanes);
    assert_int_not_equal(lane->seen.shared, 0);
    empty_lanes();
    uint32_t searches = 0;
    for (; lane->seen.shared && searches < 5000; searches++) {
        lane = lw__lane_of(&lanes);
    }
    assert_in_range(searches, 2, 1024);
    assert_ptr_equal(lw__lane_of(&lanes), lane);
}

/* ---- a death in the middle of a read section ---- */

static void *die_reading(void *out) {
    struct lw__lane *lane = lw__lane_of(&lanes);
    lw__read_begin(&lanes, lane);
    *(uint32_t *)out = lw__task_self();
    return NULL;
}

static void test_the_dead_read_no_more(void **state) {
    (void)state;
    pthread_t thread;
    uint32_t task = 0;
    assert_int_equal(pthread_create(&thread, NULL, die_reading, &task), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    lodger_bury(task);
    uint32_t start = lanes.epoch;
    for (int tries = 0; tries < 5; tries++) {
        assert_true(lw__epoch_advance(&lanes) <= start + 1);
    }
    for (uint32_t i = 0; i < 2 * OWNED_LANES; i++) { /* until its lane, too, has an heir */
        assert_true(lodger_visit(&visitor, &lanes));
    }
    assert_true(lw__epoch_advance(&lanes) >= start + 2);
    struct lw__lane *lane = lw__lane_of(&lanes); /* and its sections count */
    start = lanes.epoch;
    uint32_t parity = lw__read_begin(&lanes, lane);
    assert_int_equal(parity, start & 1);
    assert_true(lw__epoch_advance(&lanes) <= start + 1);
    assert_true(lw__epoch_advance(&lanes) <= start + 1);
    lw__read_end(lane, parity);
}

/* ---- forked ---- */

/* In a child, where all numbers of threads are other ones: the thread that forked keeps its lane, whoever comes. */
static bool keeps_its_lane(void) {
    struct lw__lane *own = lw__lane_of(&lanes);
    for (uint32_t i = 0; i < 3 * OWNED_LANES; i++) {
        if (!lodger_visit(&visitor, &lanes) || visitor.lane == own) {
            return false;
        }
    }
    return !own->seen.shared && lw__lane_of(&lanes) == own;
}

static void test_lanes_from_before_a_fork(void **state) {
    (void)state;
    assert_int_equal(lw__lane_of(&lanes)->seen.number, 0);
    assert_true(in_a_child(keeps_its_lane));
}

static bool keeps_a_new_one(void) {
    open_lanes(NULL);
    return keeps_its_lane();
}

static void test_lanes_from_after_a_fork(void **state) {
    (void)state;
    assert_int_equal(lw__lane_of(&lanes)->seen.number, 0);
    assert_true(in_a_child(keeps_a_new_one));
}

/* Renewed, they are as new: first come, first served, and what the dead leave is inherited again. */
static bool begins_anew(void) {
    uint32_t epoch = lanes.epoch;
    lw__lanes_renew(&lanes, 9);
    if (lw__lane_of(&lanes)->seen.number != 0 || lanes.epoch != epoch || !keeps_its_lane()) {
        return false;
    }
    return !visitor.lane->seen.shared && lw__epoch_advance(&lanes) == epoch + 2;
}

static void *read_on(void *unused) {
    (void)unused;
    lw__read_begin(&lanes, lw__lane_of(&lanes)); /* in the parent for ever */
    return NULL;
}

static void test_lanes_renewed_in_a_child(void **state) {
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(lw__lane_of(&lanes)->seen.number, 1);
    lanes.epoch = 3;
    assert_true(in_a_child(begins_anew));
}

#define WITH_LANES(test) cmocka_unit_test_setup(test, open_lanes)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_LANES(test_who_is_gone),
        WITH_LANES(test_where_nobody_may_ask),
        WITH_LANES(test_errno_stays),
        WITH_LANES(test_a_thread_per_request_has_its_lane),
        WITH_LANES(test_an_heir_goes_on),
        WITH_LANES(test_the_living_keep_theirs),
        WITH_LANES(test_one_dies_and_one_inherits),
        WITH_LANES(test_who_shares_asks_again),
        WITH_LANES(test_the_dead_read_no_more),
        WITH_LANES(test_lanes_from_before_a_fork),
        WITH_LANES(test_lanes_from_after_a_fork),
        WITH_LANES(test_lanes_renewed_in_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
