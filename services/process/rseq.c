// SPDX-License-Identifier: MPL-2.0
/**
 * rseq(2): restartable sequences. Not there yet: the framework does not say when a thread was preempted in user mode.
 */
#include "process_impl.h"

void
rseq_update(struct thread *thread)
{
	(void)atomic32_and(&thread->work, ~(u32)THREAD_WORK_RESEQ);
}

void
rseq_exec(struct thread *thread)
{
	thread->rseq = 0;
	thread->rseq_len = 0;
	thread->rseq_signature = 0;
}
