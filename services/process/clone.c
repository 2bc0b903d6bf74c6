// SPDX-License-Identifier: MPL-2.0
/**
 * New threads and processes: fork, vfork, clone, clone3.
 *
 * First the request is checked, then all is made that can fail, then, under pid_lock, the new thread becomes visible and cannot fail any more.
 */
#include "process_impl.h"

#include <cadre/time.h>

enum clone_flags : u64 {
	CSIGNAL = 0xff, CLONE_NEWTIME = 0x80, CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_PIDFD = 0x1000,
	CLONE_PTRACE = 0x2000, CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000, CLONE_THREAD = 0x10000, CLONE_NEWNS = 0x20000,
	CLONE_SYSVSEM = 0x40000, CLONE_SETTLS = 0x80000, CLONE_PARENT_SETTID = 0x100000, CLONE_CHILD_CLEARTID = 0x200000, CLONE_DETACHED = 0x400000,
	CLONE_UNTRACED = 0x800000, CLONE_CHILD_SETTID = 0x1000000, CLONE_NEWCGROUP = 0x2000000, CLONE_NEWUTS = 0x4000000,
	CLONE_NEWIPC = 0x8000000, CLONE_NEWUSER = 0x10000000, CLONE_NEWPID = 0x20000000, CLONE_NEWNET = 0x40000000, CLONE_IO = 0x80000000,
	CLONE_CLEAR_SIGHAND = 0x100000000, CLONE_INTO_CGROUP = 0x200000000,
	CLONE_NEW_NEEDING_ADMIN = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET,
};
enum : u64 { CLONE_ARGS_SIZE_VER0 = 64, SET_TID_MAX = 32 };

/** struct clone_args of <linux/sched.h>. Plain data. */
struct clone_args { u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };
static_assert(sizeof(struct clone_args) == 88);

/** What is asked for, checked as far as it can be without making anything. */
struct clone_request {
	u64 flags;
	u32 exit_signal;
	u64 stack;                      /* stack pointer of the new thread; 0: as the parent's */
	u64 tls, pidfd, child_tid, parent_tid;
	u32 set_tid;                    /* the id that it is to have; 0: any */
	u32 sent_to_many;               /* signal_sent_to_many before anything of it was made */
	task_fn *body;                  /* what its task runs; null: thread_body */
};

/* --- checking --- */

static err_t
clone_check_namespaces(u64 flags)
{
	if ((flags & CLONE_NEWNS) != 0 && (flags & CLONE_FS) != 0)
		return EINVAL;
	if ((flags & CLONE_NEWUSER) != 0)
		return EINVAL;
	if ((flags & CLONE_NEW_NEEDING_ADMIN) == 0)
		return OK;
	return capable(CAP_SYS_ADMIN) ? EINVAL : EPERM;
}

static err_t
clone_check(const struct clone_request *scoped request)
{
	u64 flags = request->flags;
	bool thread = (flags & CLONE_THREAD) != 0;
	if ((thread && (flags & CLONE_SIGHAND) == 0) || ((flags & CLONE_SIGHAND) != 0 && (flags & CLONE_VM) == 0))
		return EINVAL;
	if ((flags & CLONE_PARENT) != 0 && process_current()->pid == 1)
		return EINVAL;
	if (thread && (flags & (CLONE_NEWUSER | CLONE_NEWPID)) != 0)
		return EINVAL;
	if ((flags & CLONE_PIDFD) != 0 && (flags & (CLONE_DETACHED | CLONE_THREAD)) != 0)
		return EINVAL;
	if ((flags & CLONE_PIDFD) != 0 && (flags & CLONE_PARENT_SETTID) != 0 && request->pidfd == request->parent_tid)
		return EINVAL;
	if ((flags & CLONE_INTO_CGROUP) != 0)
		return EINVAL;
	if ((flags & CLONE_SETTLS) != 0 && request->tls >= USER_END)
		return EPERM;
	return clone_check_namespaces(flags);
}

static bool
limit_exempt(const struct cred *cred)
{
	return cred->user->uid == 0 || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN);
}

/** The thread has been counted already. */
static err_t
clone_check_limits(const struct cred *cred)
{
	u64 count = atomic64_load_relaxed(&cred->user->threads);
	if (count > rlimit_current(RLIMIT_NPROC) && !limit_exempt(cred))
		return EAGAIN;
	u32 max = atomic32_load_relaxed(&thread_max);
	return max != 0 && atomic32_load_relaxed(&thread_total) >= max ? EAGAIN : OK;
}

/* --- making: a thread without a process, then its process --- */

static err_t
clone_map(struct thread *thread, struct thread *parent, u64 flags)
{
	struct vm_map *map = thread_own_map(parent);
	if ((flags & CLONE_VM) != 0)
		vm_map_get(map);
	else
		TRY(vm_map_fork(map, &map));
	vm_map_use(map);
	SPIN_SCOPE(&thread->lock);
	thread->map = map;
	return OK;
}

static err_t
clone_files(struct thread *thread, struct thread *parent, u64 flags)
{
	struct fd_table *files = thread_own_files(parent);
	struct fs_context *fs = thread_own_fs(parent);
	if ((flags & CLONE_FILES) != 0)
		fd_table_join(files);
	else
		TRY(fd_table_copy(files, &files));
	{
		SPIN_SCOPE(&thread->lock);
		thread->files = files;
	}
	if ((flags & CLONE_FS) != 0)
		fs_context_get(fs);
	else
		TRY(fs_context_copy(fs, &fs));
	SPIN_SCOPE(&thread->lock);
	thread->fs = fs;
	return OK;
}

static void
clone_limits(struct process *process, struct process *from)
{
	for (u32 i = 0; i < RLIMIT_COUNT; i++) {
		struct rlimit *to = ELEM(process->limits, i), *limit = ELEM(from->limits, i);
		atomic64_store_relaxed(&to->soft, atomic64_load_relaxed(&limit->soft));
		atomic64_store_relaxed(&to->hard, atomic64_load_relaxed(&limit->hard));
	}
}

static void
clone_exe(struct process *process, struct process *from)
{
	struct file *exe = nullptr;
	{
		SPIN_SCOPE(&from->lock);
		exe = from->exe;
		if (exe != nullptr)
			file_get(exe);
	}
	if (exe == nullptr)
		return;
	/* It is denied to writers already. */
	(void)!inode_deny_write(exe->inode);
	SPIN_SCOPE(&process->lock);
	process->exe = exe;
}

static err_t
process_make(struct process *from, u64 flags, struct process **scoped out)
{
	REF_SCOPE(process, process);
	process = process_alloc();
	if (process == nullptr)
		return ENOMEM;
	process->children = process_children_alloc();
	if (process->children == nullptr)
		return ENOMEM;
	TRY(signal_process_create(from->signal, (flags & CLONE_SIGHAND) != 0, &process->signal));
	if ((flags & CLONE_CLEAR_SIGHAND) != 0)
		signal_handlers_clear(process->signal);
	clone_limits(process, from);
	clone_exe(process, from);
	atomic32_store_relaxed(&process->dumpable, atomic32_load_relaxed(&from->dumpable));
	atomic32_store_relaxed(&process->no_terminal, atomic32_load_relaxed(&from->no_terminal));
	atomic32_store_relaxed(&process->no_new_privs, atomic32_load_relaxed(&from->no_new_privs));
	atomic32_store_relaxed(&process->oom_score_adj, atomic32_load_relaxed(&from->oom_score_adj));
	atomic32_store_relaxed(&process->personality, atomic32_load_relaxed(&from->personality));
	process->start_ns = clock_now();
	*out = process;
	process = nullptr;
	return OK;
}

static void
clone_registers(struct thread *thread, const struct clone_request *scoped request)
{
	thread->user->regs.rax = 0;
	if (request->stack != 0)
		thread->user->regs.rsp = request->stack;
	if ((request->flags & CLONE_SETTLS) != 0)
		thread->user->regs.fs_base = request->tls;
}

static void
clone_fields(struct thread *thread, struct thread *parent, const struct clone_request *scoped request)
{
	u64 flags = request->flags;
	thread_name_copy(thread, parent);
	thread->syscall = ~(u64)0;
	thread->start_ns = clock_now();
	thread->timer_slack_ns = parent->timer_slack_ns;
	thread->timer_slack_default_ns = parent->timer_slack_ns;
	thread->set_child_tid = UADDR((flags & CLONE_CHILD_SETTID) != 0 ? request->child_tid : 0);
	thread->clear_child_tid = UADDR((flags & CLONE_CHILD_CLEARTID) != 0 ? request->child_tid : 0);
	atomic32_store_relaxed(&thread->work, atomic32_load_relaxed(&parent->work) & THREAD_WORK_TRACE);
}

/** All of a new thread that can fail. What was made when an error comes is dropped by thread_discard. */
static err_t
thread_fill(struct thread *thread, struct thread *parent, const struct clone_request *scoped request)
{
	u64 flags = request->flags;
	clone_fields(thread, parent, request);
	thread->cred = cred_current_get();
	(void)atomic64_add(&thread->cred->user->threads, 1);
	TRY(clone_check_limits(thread->cred));
	TRY(user_context_create(&thread->user));
	user_context_copy(thread->user, parent->user);
	clone_registers(thread, request);
	if ((flags & CLONE_VM) == 0)
		rseq_fork(thread, parent);
	if ((flags & CLONE_THREAD) != 0) {
		process_get(parent->process);
		thread->process = parent->process;
	} else {
		TRY(process_make(parent->process, flags, &thread->process));
	}
	TRY(signal_thread_create(parent->signal, &thread->signal));
	if ((flags & CLONE_VM) != 0 && (flags & CLONE_VFORK) == 0)
		signal_altstack_forget(thread->signal);
	TRY(clone_files(thread, parent, flags));
	TRY(clone_map(thread, parent, flags));
	u8 name[THREAD_NAME_SIZE];
	thread_name_get(thread, BYTES_OF(name));
	TRY(task_create(request->body != nullptr ? request->body : thread_body, thread_object(thread), CBYTES_OF(name), &thread->task));
	TRY(task_set_owner(thread->task, thread_object(thread)));
	return thread_watch_fork(thread, parent, flags);
}

/** Ends a thread that was never started. */
static void
thread_discard(struct thread *thread, u64 flags)
{
	if (thread->cred != nullptr)
		(void)atomic64_sub(&thread->cred->user->threads, 1);
	thread_drop_resources(thread);
	if (thread->process != nullptr && (flags & CLONE_THREAD) == 0)
		process_drop_exe(thread->process);
	thread_put(thread);
}

/* --- becoming visible --- */

static err_t
clone_reserve_id(const struct clone_request *scoped request, struct pid_entry **scoped out) MUST_HOLD(&pid_lock)
{
	return request->set_tid != 0 ? pid_reserve_at(request->set_tid, out) : pid_reserve(out);
}

static void
process_attach(struct process *process, struct thread *thread, struct thread *parent, const struct clone_request *scoped request) MUST_HOLD(&pid_lock)
{
	struct process *maker = parent->process;
	bool sibling = (request->flags & CLONE_PARENT) != 0;
	struct process *above = sibling ? maker->parent : maker;
	process->pid = atomic32_load_relaxed(&thread->tid);
	process->exit_signal = sibling ? maker->exit_signal : request->exit_signal;
	process->parent_tid = sibling ? maker->parent_tid : atomic32_load_relaxed(&parent->tid);
	POINTER_PUBLISH(process->parent, above);
	process_list_push_back(&above->children->list, process);
	process_group_enter(process, maker->group);
}

/** The new thread gets its id and its place. => EAGAIN, EEXIST, ENOMEM, EINVAL; ERESTARTNOINTR: the parent is being killed, or has a signal to see first */
static err_t
thread_enter(struct thread *thread, struct thread *parent, const struct clone_request *scoped request)
{
	struct process *process = thread->process;
	bool fresh = process != parent->process;
	struct pid_entry *entry = nullptr;
	SPIN_SCOPE(&pid_lock);
	SPIN_SCOPE(&process->lock);
	if (!fresh && (atomic32_load(&process->exiting) != 0 || process->exec_thread != nullptr))
		return EAGAIN;
	/*
	 * A signal that came since clone_run looked, for all processes there were or those of the group: none is to be born behind its back. One for this
	 * process alone waits, as a timer may send them faster than a process is made.
	 */
	if (fresh && signal_pending() && (signal_sent_to_many() != request->sent_to_many || signal_fatal_pending()))
		return ERESTARTNOINTR;
	TRY(clone_reserve_id(request, &entry));
	atomic32_store(&thread->tid, entry->id);
	process->thread_count++;
	thread_list_push_back(&process->threads, thread);
	if (fresh) {
		process->leader = thread;
		process_attach(process, thread, parent, request);
		pid_publish_process(entry, process);
	}
	signal_thread_start(thread);
	pid_publish_thread(entry, thread);
	return OK;
}

/* --- clone itself --- */

static err_t
clone_pidfd(struct process *process, const struct clone_request *scoped request, i32 *scoped fd, struct file **scoped file)
{
	if ((request->flags & CLONE_PIDFD) == 0)
		return OK;
	TRY(pidfd_create(process, 0, file));
	TRY(fd_reserve(0, true, fd));
	err_t err = copy_out_value(UADDR(request->pidfd), *fd);
	if (err != OK)
		fd_unreserve(*fd);
	return err;
}

static err_t
vfork_prepare(struct thread *thread, struct vfork_wait **scoped out)
{
	struct vfork_wait *wait = vfork_wait_alloc();
	if (wait == nullptr)
		return ENOMEM;
	vfork_wait_get(wait);
	thread->vfork = vfork_wait_object(wait);
	*out = wait;
	return OK;
}

/** Starts the made thread. The task's reference to it is the caller's first one. */
static void
clone_start(struct thread *thread, const struct clone_request *scoped request, struct vfork_wait *vfork, u32 tid)
{
	if ((request->flags & CLONE_PARENT_SETTID) != 0)
		(void)!copy_out_value(UADDR(request->parent_tid), tid);
	(void)!task_start(thread->task);
	if (vfork != nullptr)
		(void)!WAIT_KILLABLE(&vfork->queue, atomic32_load(&vfork->done) != 0);
}

static err_t
clone_try(struct clone_request *scoped request, u64 *scoped result)
{
	struct thread *parent = thread_current();
	REF_SCOPE(vfork_wait, vfork);
	REF_SCOPE(file, pidfd);
	i32 fd = -1;
	request->sent_to_many = signal_sent_to_many();
	TRY(clone_check(request));
	if ((request->flags & CLONE_THREAD) == 0 && signal_pending())
		return ERESTARTNOINTR;
	struct thread *thread = thread_alloc();
	if (thread == nullptr)
		return ENOMEM;
	err_t err = thread_fill(thread, parent, request);
	if (err == OK && (request->flags & CLONE_VFORK) != 0)
		err = vfork_prepare(thread, &vfork);
	if (err == OK)
		err = clone_pidfd(thread->process, request, &fd, &pidfd);
	if (err == OK)
		err = thread_enter(thread, parent, request);
	if (err != OK) {
		if (fd >= 0)
			fd_unreserve(fd);
		if (thread->vfork != nullptr)
			thread_vfork_done(thread);
		thread_discard(thread, request->flags);
		return err;
	}
	if (fd >= 0)
		fd_fill(fd, pidfd);
	u32 tid = atomic32_load_relaxed(&thread->tid);
	clone_start(thread, request, vfork, tid);
	*result = tid;
	return OK;
}

static err_t
clone_run(struct clone_request *scoped request, u64 *scoped result)
{
	err_t err = clone_try(request, result);
	return err == ENOMEM && vm_memory_settle() ? clone_try(request, result) : err;
}

err_t
clone_with_body(u64 flags, task_fn *body, u64 *scoped tid)
{
	struct clone_request request = { .flags = flags & ~(u64)CSIGNAL, .exit_signal = (u32)(flags & CSIGNAL), .body = body };
	return clone_run(&request, tid);
}

/* --- system calls --- */

err_t
sys_fork(u64 *scoped result)
{
	struct clone_request request = { .exit_signal = SIGCHLD };
	return clone_run(&request, result);
}

err_t
sys_vfork(u64 *scoped result)
{
	struct clone_request request = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };
	return clone_run(&request, result);
}

err_t
sys_clone(u64 flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid, uaddr_t tls, u64 *scoped result)
{
	struct clone_request request = { .flags = (u32)flags & ~CSIGNAL, .exit_signal = (u32)(flags & CSIGNAL), .stack = stack.raw, .tls = tls.raw,
		.pidfd = parent_tid.raw, .child_tid = child_tid.raw, .parent_tid = parent_tid.raw };
	return clone_run(&request, result);
}

/** Reads a struct whose end the kernel may not know: what is beyond must be zeroes. */
static err_t
clone_args_read(uaddr_t at, u64 size, struct clone_args *scoped args)
{
	if (size > PAGE_SIZE)
		return E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return EINVAL;
	TRY(copy_in(bytes_sub(BYTES_OF(*args), 0, MIN(size, sizeof(*args))), at));
	for (u64 off = sizeof(*args); off < size; off++) {
		u8 byte = 0;
		TRY(copy_in_value(byte, UADDR(at.raw + off)));
		if (byte != 0)
			return E2BIG;
	}
	return OK;
}

static err_t
clone_args_check(const struct clone_args *scoped args)
{
	u64 flags = args->flags, known = 0xffffffff | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
	if (args->set_tid_size > SET_TID_MAX || (args->set_tid == 0) != (args->set_tid_size == 0))
		return EINVAL;
	if ((args->exit_signal & ~CSIGNAL) != 0 || args->exit_signal > SIGNAL_MAX)
		return EINVAL;
	if ((flags & CLONE_INTO_CGROUP) != 0 && args->cgroup > 0x7fffffff)
		return EINVAL;
	if ((flags & ~known) != 0 || (flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) != 0)
		return EINVAL;
	if ((flags & CLONE_SIGHAND) != 0 && (flags & CLONE_CLEAR_SIGHAND) != 0)
		return EINVAL;
	if ((flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && args->exit_signal != 0)
		return EINVAL;
	if ((args->stack == 0) != (args->stack_size == 0) || range_exceeds(args->stack, args->stack_size, USER_END))
		return EINVAL;
	return (flags & CLONE_NEWTIME) != 0 ? (capable(CAP_SYS_ADMIN) ? EINVAL : EPERM) : OK;
}

/** set_tid: one number for each pid namespace that the process is in, of which there is one. */
static err_t
clone_args_tid(const struct clone_args *scoped args, u32 *scoped tid)
{
	i32 wanted = 0;
	if (args->set_tid_size == 0)
		return OK;
	if (args->set_tid_size > 1)
		return EINVAL;
	TRY(copy_in_value(wanted, UADDR(args->set_tid)));
	if (wanted < 1)
		return EINVAL;
	if (!capable(CAP_CHECKPOINT_RESTORE) && !capable(CAP_SYS_ADMIN))
		return EPERM;
	*tid = (u32)wanted;
	return OK;
}

err_t
sys_clone3(uaddr_t at, u64 size, u64 *scoped result)
{
	struct clone_args args = {};
	struct clone_request request = {};
	TRY(clone_args_read(at, size, &args));
	TRY(clone_args_check(&args));
	TRY(clone_args_tid(&args, &request.set_tid));
	request.flags = args.flags;
	request.exit_signal = (u32)args.exit_signal;
	request.stack = args.stack + args.stack_size;
	request.tls = args.tls;
	request.pidfd = args.pidfd;
	request.child_tid = args.child_tid;
	request.parent_tid = args.parent_tid;
	return clone_run(&request, result);
}

/* --- the first process --- */

err_t
sys_set_tid_address(uaddr_t at, u64 *scoped result)
{
	struct thread *thread = thread_current();
	thread->clear_child_tid = at;
	*result = atomic32_load_relaxed(&thread->tid);
	return OK;
}
