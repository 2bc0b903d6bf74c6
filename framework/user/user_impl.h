// SPDX-License-Identifier: MPL-2.0
/**
 * What tasks and the architecture need of user mode.
 *
 * FPU state: the registers of a CPU hold that of the context cpu->user, which belongs to the CPU's
 * running task (task->user, with a framework reference), from that task's first entry to user mode until the CPU
 * switches to another task. The kernel itself uses none but for a page's time (string.c).
 */
#pragma once

#include <cadre/user.h>
#include <task/task_impl.h>

/**
 * The CPU's FPU registers hold this context's state from now on, null: nobody's; whose they held is saved. Interrupts
 * off. arch_task_switched calls it.
 */
void user_fpu_switch(struct user_context *context);
/** The running task's claim and reference move to `context`, which it has claimed; null: to none, before its last switch. Preemptible. */
void user_adopt(struct task *self, struct user_context *context);
