/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A flag set by the handler, and a wait that a signal ends even when it comes just before. */
#include "interrupt.h"

#include <signal.h>
#include <string.h>
#include <sys/select.h>

static volatile sig_atomic_t interrupt_seen;

static void interrupt_note(int signal) { interrupt_seen = signal; }

static void interrupt_on(int signal, void (*handler)(int), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(signal, &action, NULL);
}

/* A shell starts what it puts in the background with Ctrl-C ignored: that stays so. */
static void interrupt_listen_for(int signal) {
    struct sigaction before;
    if (sigaction(signal, NULL, &before) != 0 || before.sa_handler != SIG_IGN) {
        interrupt_on(signal, interrupt_note, (int)SA_RESETHAND);
    }
}

void interrupt_listen(void) {
    interrupt_listen_for(SIGINT);
    interrupt_listen_for(SIGTERM);
    interrupt_on(SIGPIPE, SIG_IGN, 0);
    interrupt_on(SIGXFSZ, SIG_IGN, 0);
}

int interrupt_signal(void) { return interrupt_seen; }

/* A signal between a look at the flag and a plain read would leave that read waiting: so it is held back until the wait
   itself lets it in. */
void interrupt_wait(int fd) {
    sigset_t held, before;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, &before);
    if (interrupt_seen == 0 && fd < FD_SETSIZE) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        pselect(fd + 1, &readable, NULL, NULL, NULL, &before);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}
