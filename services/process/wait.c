// SPDX-License-Identifier: MPL-2.0
/**
 * wait4 and waitid: what children have done.
 *
 * A look at the children is one walk under pid_lock; in between a caller sleeps on its process' child_wait.
 */
#include "process_impl.h"

enum wait_options : u32 {
	WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x1000000, WNOTHREAD = 0x20000000, WALL = 0x40000000,
	WCLONE = 0x80000000,
};
enum wait_id : u32 { P_ALL, P_PID, P_PGID, P_PIDFD };
enum : u32 { STATUS_STOPPED = 0x7f, STATUS_CONTINUED = 0xffff };

/** One wait on its way, and what it found. */
struct child_wait {
	enum wait_id kind;
	u32 id;                         /* pid or group; P_PIDFD becomes P_PID */
	u32 options;
	err_t err;                      /* ECHILD: nothing to wait for */
	bool found;
	u32 pid, uid;
	i32 code;                       /* CLD_… */
	u32 status;                     /* as wait4 has it */
	struct rusage usage;
};

static bool
child_matches(const struct child_wait *scoped wait, struct process *child) MUST_HOLD(&pid_lock)
{
	if (wait->kind == P_PID && child->pid != wait->id)
		return false;
	if (wait->kind == P_PGID && (child->group == nullptr || child->group->id != wait->id))
		return false;
	if ((wait->options & WNOTHREAD) != 0 && child->parent_tid != atomic32_load_relaxed(&thread_current()->tid))
		return false;
	bool clone = child->exit_signal != SIGCHLD;
	return (wait->options & WALL) != 0 || clone == ((wait->options & WCLONE) != 0);
}

static u32
child_uid(struct process *child) NO_THREAD_SAFETY("pid_lock keeps the leader")
{
	return child->leader->cred->uid;
}

static void
child_report(struct child_wait *scoped wait, struct process *child, i32 code, u32 status) MUST_HOLD(&pid_lock)
{
	wait->found = true;
	wait->pid = child->pid;
	wait->uid = child_uid(child);
	wait->code = code;
	wait->status = status;
	wait->usage = rusage_of_process(child);
}

/** What it used is its parent's children's from now on. */
static void
usage_inherit(struct process *parent, struct process *child)
{
	struct { struct atomic64 *to; struct atomic64 *a; struct atomic64 *b; } sums[] = {
		{ &parent->children_user_ns, &child->dead_user_ns, &child->children_user_ns },
		{ &parent->children_kernel_ns, &child->dead_kernel_ns, &child->children_kernel_ns },
		{ &parent->children_faults_minor, &child->faults_minor, &child->children_faults_minor },
		{ &parent->children_faults_major, &child->faults_major, &child->children_faults_major },
	};
	for (u32 i = 0; i < COUNTOF(sums); i++)
		(void)atomic64_add_relaxed(sums[i].to, atomic64_load_relaxed(sums[i].a) + atomic64_load_relaxed(sums[i].b));
	io_counts_add(&parent->io, &child->io);
	u64 peak = MAX(atomic64_load_relaxed(&child->resident_peak), atomic64_load_relaxed(&child->children_resident_peak));
	if (peak > atomic64_load_relaxed(&parent->children_resident_peak))
		atomic64_store_relaxed(&parent->children_resident_peak, peak);
}

static bool
take_zombie(struct child_wait *scoped wait, struct process *child) MUST_HOLD(&pid_lock)
{
	u32 status = 0;
	if ((wait->options & WEXITED) == 0 || atomic32_load(&child->zombie) == 0)
		return false;
	{
		SPIN_SCOPE(&child->lock);
		status = child->exit_code;
	}
	child_report(wait, child, (status & 0x7f) == 0 ? CLD_EXITED : (status & 0x80) != 0 ? CLD_DUMPED : CLD_KILLED, status);
	if ((wait->options & WNOWAIT) != 0)
		return true;
	usage_inherit(child->parent, child);
	process_release_ids(child);
	return true;
}

static bool
take_stopped(struct child_wait *scoped wait, struct process *child) MUST_HOLD(&pid_lock)
{
	u32 number = 0;
	bool consume = (wait->options & WNOWAIT) == 0;
	if ((wait->options & WSTOPPED) != 0 && signal_wait_stopped(child, consume, &number)) {
		child_report(wait, child, CLD_STOPPED, number << 8 | STATUS_STOPPED);
		return true;
	}
	if ((wait->options & WCONTINUED) != 0 && signal_wait_continued(child, consume)) {
		child_report(wait, child, CLD_CONTINUED, STATUS_CONTINUED);
		return true;
	}
	return false;
}

/** Looks at all children once. => true: the wait is over: one was found, or there is none to wait for. */
static bool
children_look(struct child_wait *scoped wait)
{
	SPIN_SCOPE(&pid_lock);
	wait->err = ECHILD;
	LIST_FOR(process_list, child, &process_current()->children->list) {
		if (!child_matches(wait, child))
			continue;
		wait->err = OK;
		if (take_zombie(wait, child) || (atomic32_load(&child->zombie) == 0 && take_stopped(wait, child)))
			return true;
	}
	return wait->err != OK;
}

/** => ECHILD; ERESTARTSYS; OK: wait->found says whether there was one (WNOHANG) */
static err_t
child_wait_run(struct child_wait *scoped wait)
{
	if ((wait->options & WNOHANG) != 0) {
		(void)children_look(wait);
		return wait->err;
	}
	TRY(restartable(WAIT_UNTIL(&process_current()->child_wait, children_look(wait), WAIT_INTERRUPTIBLE, TIME_NEVER)));
	return wait->err;
}

err_t
sys_wait4(i32 pid, uaddr_t status, u32 options, uaddr_t usage, u64 *scoped result)
{
	struct child_wait wait = { .kind = P_ALL, .options = options | WEXITED };
	if ((options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL)) != 0)
		return EINVAL;
	if (pid == (i32)0x80000000)
		return ESRCH;
	if (pid != -1) {
		wait.kind = pid > 0 ? P_PID : P_PGID;
		wait.id = pid > 0 ? (u32)pid : pid < 0 ? (u32)-pid : process_group_id(process_current());
	}
	TRY(child_wait_run(&wait));
	if (!wait.found)
		return OK;
	if (status.raw != 0)
		TRY(copy_out_value(status, wait.status));
	if (usage.raw != 0)
		TRY(copy_out_value(usage, wait.usage));
	*result = wait.pid;
	return OK;
}

/** Which children waitid means. */
static err_t
waitid_target(i32 which, i32 id, struct child_wait *scoped wait)
{
	REF_SCOPE(process, process);
	wait->kind = (enum wait_id)which;
	wait->id = (u32)id;
	switch (which) {
	case P_ALL: return OK;
	case P_PID: return id > 0 ? OK : EINVAL;
	case P_PGID:
		if (id == 0)
			wait->id = process_group_id(process_current());
		return id >= 0 ? OK : EINVAL;
	case P_PIDFD:
		if (id < 0)
			return EINVAL;
		TRY(pidfd_process(id, &process));
		wait->kind = P_PID;
		wait->id = process->pid;
		return OK;
	default: return EINVAL;
	}
}

/** What waitid writes: the SIGCHLD part of siginfo_t; zeroes where nothing was found. */
static err_t
waitid_info(uaddr_t at, const struct child_wait *scoped wait)
{
	struct { i32 number, error, code, pad; u32 pid, uid; i32 status; } info = {};
	if (wait->found) {
		info.number = SIGCHLD;
		info.code = wait->code;
		info.pid = wait->pid;
		info.uid = wait->uid;
		info.status = wait->code == CLD_EXITED || wait->code == CLD_STOPPED ? (i32)(wait->status >> 8 & 0xff) :
			wait->code == CLD_CONTINUED ? SIGCONT : (i32)(wait->status & 0x7f);
	}
	return at.raw != 0 ? copy_out_value(at, info) : OK;
}

err_t
sys_waitid(i32 which, i32 id, uaddr_t info, u32 options, uaddr_t usage)
{
	struct child_wait wait = { .options = options };
	if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WCLONE | WALL)) != 0)
		return EINVAL;
	if ((options & (WEXITED | WSTOPPED | WCONTINUED)) == 0)
		return EINVAL;
	TRY(waitid_target(which, id, &wait));
	TRY(child_wait_run(&wait));
	if (wait.found && usage.raw != 0)
		TRY(copy_out_value(usage, wait.usage));
	return waitid_info(info, &wait);
}
