/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads as the kernel knows them, so that what a thread owned can be told from what nobody owns any more.
 *
 * A thread that ends tells us nothing, since that would take registration; but its number goes, and the kernel can be
 * asked for it: tgkill without a signal, at about the cost of any system call. Where that is not offered or not
 * allowed, or the number was given to another thread of the process, a thread counts as there, which is always safe.
 */
#ifndef LW_BASE_TASK_H
#define LW_BASE_TASK_H

#include <stdbool.h>
#include <stdint.h>

/* The number of this process. */
uint32_t lw__task_process(void);

/* The number of this thread, not to be remembered across a fork; 0: unknown. */
uint32_t lw__task_self(void);

/* Has the thread ended that had this number in this process? False in any other process, a forked child above all,
   where numbers noted before say nothing. */
bool lw__task_is_gone(uint32_t process, uint32_t task);

#endif
