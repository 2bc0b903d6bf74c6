// SPDX-License-Identifier: MPL-2.0
/**
 * Clocks of CPU time used, and their ids: ~pid << 3, with bit 2 for a thread's, bits 0 and 1 for what counts.
 *
 * Source: clock_getcpuclockid(3), pthread_getcpuclockid(3), and the encoding that glibc's use.
 */
#include "time_impl.h"

enum : u32 { CPU_CLOCK_THREAD = 4, CPU_CLOCK_KIND = 3, CPU_CLOCK_FD = 3 };

bool
cpu_clock_is(i32 id)
{
	return id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID || (id < 0 && ((u32)id & CPU_CLOCK_KIND) != CPU_CLOCK_FD);
}

/** A thread of the running process; 0: the running one. */
static struct thread *
own_thread(u32 tid)
{
	struct thread *thread = thread_current();
	if (tid != 0 && tid != atomic32_load_relaxed(&thread->tid)) {
		thread = thread_find(tid);
		if (thread != nullptr && thread->process != process_current()) {
			thread_put(thread);
			return nullptr;
		}
		return thread;
	}
	thread_get(thread);
	return thread;
}

static struct process *
any_process(u32 pid)
{
	struct process *process = process_current();
	if (pid != 0 && pid != process->pid && pid != atomic32_load_relaxed(&thread_current()->tid))
		return process_find(pid);
	process_get(process);
	return process;
}

err_t
cpu_clock_find(i32 id, struct cpu_clock *scoped out)
{
	*out = (struct cpu_clock){ .kind = CPU_SCHED };
	if (!cpu_clock_is(id))
		return EINVAL;
	u32 code = id == CLOCK_PROCESS_CPUTIME_ID ? CPU_SCHED : id == CLOCK_THREAD_CPUTIME_ID ? CPU_SCHED | CPU_CLOCK_THREAD : (u32)id;
	u32 pid = id < 0 ? ~(u32)(id >> 3) : 0;
	out->kind = code & CPU_CLOCK_KIND;
	if ((code & CPU_CLOCK_THREAD) != 0)
		out->thread = own_thread(pid);
	else
		out->process = any_process(pid);
	if (out->thread != nullptr) {
		process_get(out->thread->process);
		out->process = out->thread->process;
	}
	return out->process != nullptr ? OK : EINVAL;
}

void
cpu_clock_put(struct cpu_clock *scoped clock)
{
	if (clock->thread != nullptr)
		thread_put(clock->thread);
	if (clock->process != nullptr)
		process_put(clock->process);
	*clock = (struct cpu_clock){};
}

u64
cpu_clock_read(struct process *process, struct thread *thread, enum cpu_kind kind)
{
	u64 user = 0, kernel = 0;
	if (thread != nullptr) {
		struct task_times times = task_times(thread->task);
		user = times.user_ns;
		kernel = times.kernel_ns;
	} else {
		struct signal_times times = signal_process_times(process);
		user = times.user_ns;
		kernel = times.kernel_ns;
	}
	return kind == CPU_VIRT ? user : user + kernel;
}
