/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Asking the kernel for threads; see task.h. errno is left as it was: a pick is no system call to its caller. */
#include "base/task.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t lw__task_process(void) { return (uint32_t)getpid(); }

#if defined(SYS_gettid) && defined(SYS_tgkill)

uint32_t lw__task_self(void) { return (uint32_t)syscall(SYS_gettid); }

bool lw__task_is_gone(uint32_t process, uint32_t task) {
    int before = errno;
    bool ours = task != 0 && lw__task_process() == process;
    bool gone = ours && syscall(SYS_tgkill, (long)process, (long)task, 0) != 0 && errno == ESRCH;
    errno = before;
    return gone;
}

#else

uint32_t lw__task_self(void) { return 0; }

bool lw__task_is_gone(uint32_t process, uint32_t task) {
    (void)process, (void)task;
    return false;
}

#endif
