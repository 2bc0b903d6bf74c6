// SPDX-License-Identifier: MPL-2.0
/**
 * The end of threads and processes: what they hold goes, children find a new parent, the parent is told.
 *
 * | state of a process | zombie | reaped | in its parent's list | findable |
 * | --- | --- | --- | --- | --- |
 * | lives (a thread has not ended) | 0 | 0 | yes | yes |
 * | zombie: waits to be waited for | 1 | 0 | yes | yes |
 * | gone: waited for, or nobody will | 1 | 1 | no | no |
 */
#include "process_impl.h"

#include <cadre/boot.h>

#include <tty.h>

enum : u32 { STATUS_CORE = 0x80, CLOCK_TICK_NS = 10 * NS_PER_MS };

/* --- what a thread holds --- */

void
process_drop_exe(struct process *process)
{
	struct file *exe = nullptr;
	{
		SPIN_SCOPE(&process->lock);
		exe = process->exe;
		process->exe = nullptr;
	}
	if (exe == nullptr)
		return;
	inode_allow_write(exe->inode);
	file_put(exe);
}

void
thread_drop_resources(struct thread *thread)
{
	struct vm_map *map = nullptr;
	struct fd_table *files = nullptr;
	struct fs_context *fs = nullptr;
	{
		SPIN_SCOPE(&thread->lock);
		map = thread->map;
		files = thread->files;
		fs = thread->fs;
		thread->map = nullptr;
		thread->files = nullptr;
		thread->fs = nullptr;
	}
	if (files != nullptr)
		fd_table_leave(files);
	if (fs != nullptr)
		fs_context_put(fs);
	if (map != nullptr) {
		vm_map_unuse(map);
		vm_map_put(map);
	}
}

OBJECT_DEFINE(vfork_wait);

void
thread_vfork_done(struct thread *thread)
{
	if (thread->vfork == nullptr)
		return;
	struct vfork_wait *wait = vfork_wait_from(thread->vfork);
	thread->vfork = nullptr;
	atomic32_store(&wait->done, 1);
	(void)wake_all(&wait->queue);
	vfork_wait_put(wait);
}

void
thread_leave_map(struct thread *thread)
{
	futex_exit_robust(thread);
	thread->robust_list = UADDR(0);
	if (thread->clear_child_tid.raw != 0) {
		u32 zero = 0;
		if (copy_out_value(thread->clear_child_tid, zero) == OK)
			futex_wake_one(thread->clear_child_tid);
		thread->clear_child_tid = UADDR(0);
	}
	thread_vfork_done(thread);
}

bool
killable_go_on(void)
{
	if ((atomic32_load(&thread_current()->work) & THREAD_WORK_EXIT) != 0 || signal_fatal_pending())
		return false;
	task_clear_interrupt();
	return true;
}

/* --- telling the parent --- */

static struct signal_info
end_info(struct process *process, u32 status)
{
	struct signal_info info = { .number = process->exit_signal, .pid = process->pid };
	u32 signal = status & 0x7f;
	info.code = signal == 0 ? CLD_EXITED : (status & STATUS_CORE) != 0 ? CLD_DUMPED : CLD_KILLED;
	info.status = signal == 0 ? (i32)(status >> 8 & 0xff) : (i32)signal;
	info.utime = atomic64_load_relaxed(&process->dead_user_ns) / CLOCK_TICK_NS;
	info.stime = atomic64_load_relaxed(&process->dead_kernel_ns) / CLOCK_TICK_NS;
	return info;
}

static u32
process_status(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	return process->exit_code;
}

static u32
process_uid(struct process *process) NO_THREAD_SAFETY("a process' leader stays the same once all have ended")
{
	return process->leader->cred->uid;
}

/** Sends the signal of a process' end and wakes its parent. => true: the parent wants it to go without wait(2). */
static bool
end_notify(struct process *process) MUST_HOLD(&pid_lock)
{
	struct process *parent = process->parent;
	bool gone = false, silent = process->exit_signal == 0 || process->exit_signal > SIGNAL_MAX;   /* clone(2) takes any */
	if (parent == nullptr)
		return true;
	if (process->exit_signal == SIGCHLD && signal_children_reaped(parent)) {
		gone = true;
		silent = signal_child_ignored(parent);
	}
	if (!silent) {
		struct signal_info info = end_info(process, process_status(process));
		info.uid = process_uid(process);
		(void)!signal_send_process(parent, process->exit_signal, &info);
	}
	(void)wake_all(&parent->child_wait);
	return gone;
}

/* --- the tree --- */

void
thread_forget(struct thread *thread)
{
	pid_remove_thread(thread);
	(void)atomic64_sub(&thread->cred->user->threads, 1);
}

void
process_release_ids(struct process *process)
{
	struct thread *leader = nullptr;
	if (process->parent != nullptr)
		process_list_remove(&process->parent->children->list, process);
	atomic32_store(&process->reaped, 1);
	{
		SPIN_SCOPE(&process->lock);
		leader = process->leader;
		process->leader = nullptr;
		thread_list_remove(&process->threads, leader);
	}
	process_group_enter(process, nullptr);
	thread_forget(leader);
	pid_remove_process(process);
}

static bool
process_stays(struct process *process)
{
	return atomic32_load(&process->exiting) == 0 && atomic32_load(&process->zombie) == 0;
}

/** Who takes the children of `process`: the nearest ancestor that said so (PR_SET_CHILD_SUBREAPER), or pid 1. */
static struct process *
reaper_of(struct process *process) MUST_HOLD(&pid_lock)
{
	for (struct process *at = process->parent; at != nullptr; at = at->parent) {
		if (atomic32_load(&at->child_subreaper) != 0 && process_stays(at))
			return at;
	}
	struct process *init = process_init();
	return init != process ? init : nullptr;
}

static bool
group_has_stopped(struct process_group *group) MUST_HOLD(&pid_lock)
{
	LIST_FOR(group_members, member, &group->members) {
		if (signal_is_stopped(member))
			return true;
	}
	return false;
}

/** A group that loses its last link to its session must not stay stopped for ever (POSIX, _exit). */
static void
orphan_check(struct process *process, struct process *parent, struct process *ignored) MUST_HOLD(&pid_lock)
{
	struct process_group *group = process->group;
	if (group == nullptr || parent == nullptr || parent->group == nullptr || parent->group == group || parent->group->session != group->session)
		return;
	if (!process_group_orphaned_without(group, ignored) || !group_has_stopped(group))
		return;
	LIST_FOR(group_members, member, &group->members) {
		(void)!signal_send_process(member, SIGHUP, nullptr);
		(void)!signal_send_process(member, SIGCONT, nullptr);
	}
}

static void
send_parent_death(struct process *child) MUST_HOLD(&pid_lock)
{
	u32 number = 0;
	{
		SPIN_SCOPE(&child->lock);
		LIST_FOR(thread_list, thread, &child->threads) {
			u32 wanted = atomic32_load_relaxed(&thread->parent_death_signal);
			number = wanted != 0 ? wanted : number;
		}
	}
	if (number != 0)
		(void)!signal_send_process(child, number, nullptr);
}

static void
child_reparent(struct process *child, struct process *from, struct process *to) MUST_HOLD(&pid_lock)
{
	process_list_remove(&from->children->list, child);
	POINTER_PUBLISH(child->parent, to);
	child->parent_tid = to != nullptr ? to->pid : 0;
	child->exit_signal = SIGCHLD;
	if (to != nullptr)
		process_list_push_back(&to->children->list, child);
	send_parent_death(child);
	if (atomic32_load(&child->zombie) != 0 && end_notify(child))
		process_release_ids(child);
	else
		orphan_check(child, from, nullptr);
}

static void
children_give_away(struct process *process) MUST_HOLD(&pid_lock)
{
	struct process *reaper = reaper_of(process);
	for (;;) {
		struct process *child = process_list_first(&process->children->list);
		if (child == nullptr)
			break;
		child_reparent(child, process, reaper);
	}
}

/** A thread ends, others of its process do not: its children become another's. */
static void
children_pass_on(struct process *process, u32 from_tid) MUST_HOLD(&pid_lock)
{
	u32 tid = 0;
	{
		SPIN_SCOPE(&process->lock);
		LIST_FOR(thread_list, thread, &process->threads) {
			if (atomic32_load_relaxed(&thread->ended) == 0 && tid == 0)
				tid = atomic32_load_relaxed(&thread->tid);
		}
	}
	LIST_FOR(process_list, child, &process->children->list) {
		if (child->parent_tid != from_tid)
			continue;
		child->parent_tid = tid;
		send_parent_death(child);
	}
}

/* --- the end of a process --- */

/** Pid 1 has ended: Linux panics; here the machine is switched off, and says why. */
static void
init_ended(struct process *process)
{
	u32 status = process_status(process);
	if ((status & 0x7f) != 0)
		log_error("init was killed by signal {}: the machine is switched off", status & 0x7f);
	else
		log_error("init exited with status {}: the machine is switched off", status >> 8 & 0xff);
	tty_drain_all();
	power_off(1);
}

static void
process_end(struct process *process)
{
	if (process->pid == 1)
		init_ended(process);
	SPIN_SCOPE(&pid_lock);
	children_give_away(process);
	orphan_check(process, process->parent, process);
	atomic32_store(&process->zombie, 1);
	bool gone = end_notify(process);
	pidfd_notify(process);
	if (gone)
		process_release_ids(process);
}

/* --- the end of a thread --- */

static void
times_add(struct process *process, struct thread *thread)
{
	struct task_times times = task_times(thread->task);
	(void)atomic64_add_relaxed(&process->dead_user_ns, times.user_ns);
	(void)atomic64_add_relaxed(&process->dead_kernel_ns, times.kernel_ns);
	(void)atomic64_add_relaxed(&process->faults_minor, atomic64_load_relaxed(&thread->faults_minor));
	(void)atomic64_add_relaxed(&process->faults_major, atomic64_load_relaxed(&thread->faults_major));
	io_counts_add(&process->io, &thread->io);
}

/** Counts the thread out; one that is not the leader leaves no trace. => true: it was the last one */
static bool
thread_count_out(struct process *process, struct thread *thread)
{
	bool last = false;
	SPIN_SCOPE(&pid_lock);
	{
		/* With one hold, as who sums up takes its counts from the thread until it has ended, from the process then. */
		SPIN_SCOPE(&process->lock);
		atomic32_store(&thread->ended, 1);
		times_add(process, thread);
		process->thread_count--;
		last = process->thread_count == 0;
		if (thread == process->leader) {
			if (atomic32_load(&process->exiting) == 0)
				process->exit_code = thread->exit_code;
		} else {
			thread_list_remove(&process->threads, thread);
			thread_forget(thread);
		}
	}
	if (!process_list_empty(&process->children->list))
		children_pass_on(process, atomic32_load_relaxed(&thread->tid));
	return last;
}

/** The most memory its process ever had resident, while there is still a map to ask. */
static void
peak_note(struct process *process, struct thread *thread)
{
	struct vm_usage usage = vm_map_usage(thread_own_map(thread));
	if (usage.resident_peak > atomic64_load_relaxed(&process->resident_peak))
		atomic64_store_relaxed(&process->resident_peak, usage.resident_peak);
}

void
thread_end(struct thread *thread)
{
	struct process *process = thread->process;
	thread_leave_map(thread);
	thread_watch_exit(thread);
	signal_thread_exit(thread);
	peak_note(process, thread);
	vm_map_activate(nullptr);
	thread_drop_resources(thread);
	bool last = thread_count_out(process, thread);
	if (!last) {
		/* execve waits there for the others to go. */
		(void)wake_all(&process->child_wait);
		return;
	}
	process_drop_exe(process);
	thread_watch_process_exit(process);
	process_end(process);
}

/* --- how it begins --- */

void
process_group_exit(u32 wait_status)
{
	struct process *process = process_current();
	SPIN_SCOPE(&process->lock);
	if (atomic32_load(&process->exiting) == 0)
		process->exit_code = wait_status;
	atomic32_store(&process->exiting, 1);
	LIST_FOR(thread_list, thread, &process->threads) {
		if (atomic32_load_relaxed(&thread->ended) == 0)
			thread_kick(thread, THREAD_WORK_EXIT);
	}
}

err_t
sys_exit(i32 status)
{
	struct thread *thread = thread_current();
	thread->exit_code = ((u32)status & 0xff) << 8;
	(void)atomic32_or(&thread->work, THREAD_WORK_EXIT);
	return OK;
}

err_t
sys_exit_group(i32 status)
{
	process_group_exit(((u32)status & 0xff) << 8);
	return OK;
}
