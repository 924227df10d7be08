/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A process forks while another of its threads syncs: here the allocator forks, in the middle of what a sync gives back
   to have more room. The child can go on, and gives nothing back twice. */
#include "sync_convoy.h"

#include <sys/wait.h>
#include <unistd.h>

static convoy c;
static uint32_t until_fork; /* releases; 0: none */
static pid_t child;

static void live_on(void) {
    ship *s = &c.ship[0];
    int fault = lw_pool_after_fork(s->pool) != LW_OK;
    fault |= lw_pool_sync(s->pool, &c.gate.store, 0, NULL) != LW_OK ? 2 : 0;
    lw_pool_free(s->pool);
    _exit(fault | (c.book.strangers != 0 ? 4 : 0));
}

static void release_and_fork(void *user, void *memory) {
    ledger_release(user, memory);
    if (until_fork > 0 && --until_fork == 0) {
        child = fork();
        if (child == 0) {
            live_on();
        }
    }
}

static void test_fork_in_a_sync(void **state) {
    (void)state;
    for (uint32_t place = 1; place <= 4; place++) {
        int status = -1;
        convoy_open(&c);
        c.env.release = release_and_fork;
        ship *s = convoy_launch(&c);
        ship_sync(s, LW_OK);
        assert_int_equal(lw_pool_update(s->pool, c.node, CONVOY_NODES, 0, NULL), LW_OK);
        until_fork = place;
        ship_sync(s, LW_OK);
        assert_int_equal(until_fork, 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        convoy_close(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork_in_a_sync)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
