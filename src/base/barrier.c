/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The writer's side of the asymmetric barrier; the only system call besides clock, seed and task.c. */
#include "base/barrier.h"

#include <sys/syscall.h>
#include <unistd.h>

/* From linux/membarrier.h, which is not everywhere installed. */
enum { EXPEDITED = 1 << 3, REGISTER_EXPEDITED = 1 << 4 };

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

bool lw__barrier_is_cheap(void) {
#if defined(THREAD_SANITIZER) || !defined(SYS_membarrier)
    return false; /* the sanitizer cannot see what the kernel promises */
#else
    return syscall(SYS_membarrier, REGISTER_EXPEDITED, 0, 0) == 0;
#endif
}

bool lw__barrier_heavy(bool cheap) {
#if defined(SYS_membarrier)
    if (cheap) {
        return syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0;
    }
#endif
    (void)cheap;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}
