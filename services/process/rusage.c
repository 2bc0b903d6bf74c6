// SPDX-License-Identifier: MPL-2.0
/**
 * What processes have used: getrusage, times.
 */
#include "process_impl.h"

#include <cadre/time.h>

enum : i32 { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };
enum : u64 { TICK_NS = 10 * NS_PER_MS };

static struct timeval
timeval_from_ns(u64 ns)
{
	return (struct timeval){ (i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC / NS_PER_US) };
}

static void
usage_add_thread(struct rusage *scoped usage, struct thread *thread)
{
	usage->faults_minor += (i64)atomic64_load_relaxed(&thread->faults_minor);
	usage->faults_major += (i64)atomic64_load_relaxed(&thread->faults_major);
	usage->switches_voluntary += (i64)atomic64_load_relaxed(&thread->switches_voluntary);
}

struct rusage
rusage_of_process(struct process *process)
{
	struct rusage usage = { .max_resident_kib = (i64)(atomic64_load_relaxed(&process->resident_peak) >> 10),
		.faults_minor = (i64)atomic64_load_relaxed(&process->faults_minor), .faults_major = (i64)atomic64_load_relaxed(&process->faults_major) };
	struct signal_times times = signal_process_times(process);
	usage.user = timeval_from_ns(times.user_ns);
	usage.system = timeval_from_ns(times.kernel_ns);
	SPIN_SCOPE(&process->lock);
	LIST_FOR(thread_list, thread, &process->threads) {
		if (atomic32_load_relaxed(&thread->ended) == 0)
			usage_add_thread(&usage, thread);
	}
	return usage;
}

static struct rusage
rusage_of_children(struct process *process)
{
	return (struct rusage){
		.user = timeval_from_ns(atomic64_load_relaxed(&process->children_user_ns)),
		.system = timeval_from_ns(atomic64_load_relaxed(&process->children_kernel_ns)),
		.max_resident_kib = (i64)(atomic64_load_relaxed(&process->children_resident_peak) >> 10),
		.faults_minor = (i64)atomic64_load_relaxed(&process->children_faults_minor),
		.faults_major = (i64)atomic64_load_relaxed(&process->children_faults_major),
	};
}

static struct rusage
rusage_of_thread(struct thread *thread)
{
	struct rusage usage = {};
	struct task_times times = task_times(thread->task);
	usage.user = timeval_from_ns(times.user_ns);
	usage.system = timeval_from_ns(times.kernel_ns);
	usage_add_thread(&usage, thread);
	return usage;
}

err_t
sys_getrusage(i32 who, uaddr_t at)
{
	struct thread *thread = thread_current();
	struct rusage usage = {};
	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return EINVAL;
	usage = who == RUSAGE_CHILDREN ? rusage_of_children(thread->process) : who == RUSAGE_SELF ? rusage_of_process(thread->process) :
		rusage_of_thread(thread);
	if (who != RUSAGE_CHILDREN)
		usage.max_resident_kib = (i64)(vm_map_usage(thread_own_map(thread)).resident_peak >> 10);
	return copy_out_value(at, usage);
}

err_t
sys_times(uaddr_t at, u64 *scoped result)
{
	struct process *process = process_current();
	if (at.raw != 0) {
		struct signal_times own = signal_process_times(process);
		u64 ticks[4] = { own.user_ns / TICK_NS, own.kernel_ns / TICK_NS, atomic64_load_relaxed(&process->children_user_ns) / TICK_NS,
			atomic64_load_relaxed(&process->children_kernel_ns) / TICK_NS };
		TRY(copy_out_value(at, ticks));
	}
	/* Linux' jiffies begin 5 minutes before they wrap at 32 bits; programs only take differences. */
	*result = clock_now() / TICK_NS;
	return OK;
}
