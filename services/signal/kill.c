// SPDX-License-Identifier: MPL-2.0
/**
 * Signals from programs: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), and who may send what to whom.
 *
 * Source: kill(2): the sender's real or effective user id is the target's real or saved one, or CAP_KILL; SIGCONT within a session.
 */
#include <session.h>

#include "signal_impl.h"

enum : i32 { PID_NONE = -0x7fffffff - 1 };   /* has no positive counterpart */

static struct signal_info
info_of_sender(u32 number, i32 code)
{
	return (struct signal_info){ .number = number, .code = code, .pid = process_current()->pid, .uid = cred_current()->uid };
}

static bool
same_session(struct process *process)
{
	u32 own = session_id(process_current());
	return own != 0 && own == session_id(process);
}

/** Locks: may be called under pid_lock, so it takes no references that could be the last. */
static err_t
permitted(struct thread *target, u32 number)
{
	const struct cred *own = cred_current();
	if (target->process == process_current())
		return OK;
	{
		RCU_SCOPE();
		const struct cred *other = POINTER_LOAD(target->cred);
		if (other == nullptr || own->euid == other->suid || own->euid == other->uid || own->uid == other->suid ||
		    own->uid == other->uid)
			return OK;
	}
	return capable(CAP_KILL) || (number == SIGCONT && same_session(target->process)) ? OK : EPERM;
}

err_t
signal_permitted(struct process *process, u32 number)
{
	if (process == process_current())
		return OK;
	SPIN_SCOPE(&process->lock);
	struct thread *leader = process->leader;
	return leader != nullptr ? permitted(leader, number) : OK;
}

/** Sends where that is permitted; number 0 only asks. */
static err_t
process_send(struct process *process, u32 number, const struct signal_info *scoped info)
{
	if (number > SIGNAL_MAX)
		return EINVAL;
	TRY(signal_permitted(process, number));
	return number != 0 ? signal_send_process(process, number, info) : OK;
}

err_t
signal_kill(struct process *process, u32 number)
{
	struct signal_info info = info_of_sender(number, SI_USER);
	return process_send(process, number, &info);
}

/* --- kill to many --- */

/** Adds one result: of a group, any success is success, else the last error counts. */
static void
kill_note(struct signal_thread *self, err_t err)
{
	self->kill_count += 1;
	self->kill_any = self->kill_any || err == OK;
	self->kill_err = err;
}

static void
kill_member(struct process *process, struct object *self, u64 number)
{
	signal_note_many(process);
	kill_note(signal_thread_from(self), signal_kill(process, (u32)number));
}

static void
kill_begin(struct signal_thread *self)
{
	self->kill_count = 0;
	self->kill_any = false;
	self->kill_err = ESRCH;
}

static err_t
kill_group(struct process_group *group, u32 number)
{
	struct signal_thread *self = signal_self();
	if (group == nullptr)
		return ESRCH;
	kill_begin(self);
	process_group_for_each(group, kill_member, signal_thread_object(self), number);
	return self->kill_any ? OK : self->kill_err;
}

/** Everything that may be signalled but pid 1 and the caller's own process: EPERM of single ones does not count. */
static err_t
kill_all(u32 number)
{
	err_t result = OK;
	u32 count = 0;
	for (u32 pid = 2;; pid++) {
		REF_SCOPE(process, process);
		process = process_next(&pid);
		if (process == nullptr)
			break;
		if (process == process_current())
			continue;
		signal_note_many(process);
		err_t err = signal_kill(process, number);
		count++;
		if (err != EPERM)
			result = err;
	}
	return count != 0 ? result : ESRCH;
}

/** kill(2) takes a thread's id for its process, too. With a reference. */
static struct process *
process_of_id(u32 id)
{
	struct process *process = process_find(id);
	if (process != nullptr)
		return process;
	REF_SCOPE(thread, thread);
	thread = thread_find(id);
	if (thread == nullptr)
		return nullptr;
	process_get(thread->process);
	return thread->process;
}

err_t
sys_kill(i32 pid, i32 sig)
{
	u32 number = (u32)sig;
	if (pid == PID_NONE || pid == -1) {
		if (number > SIGNAL_MAX)
			return pid == -1 ? EINVAL : ESRCH;
		return pid == -1 ? kill_all(number) : ESRCH;
	}
	if (pid <= 0) {
		REF_SCOPE(process_group, group);
		group = pid == 0 ? process_group_of(process_current()) : process_group_find((u32)-pid);
		return kill_group(group, number);
	}
	REF_SCOPE(process, process);
	process = process_of_id((u32)pid);
	return process != nullptr ? signal_kill(process, number) : ESRCH;
}

/* --- to threads --- */

/** The thread `tid`, of process `tgid` where that is not 0. => ESRCH */
static err_t
thread_target(u32 tgid, u32 tid, struct thread **scoped out)
{
	REF_SCOPE(thread, thread);
	thread = thread_find(tid);
	if (thread == nullptr || (tgid != 0 && thread->process->pid != tgid))
		return ESRCH;
	*out = thread;
	thread = nullptr;
	return OK;
}

/** As signal_permitted for the thread's process. A thread that ends right now has taken the signal with it: that is no error. */
static err_t
thread_send(u32 tgid, u32 tid, const struct signal_info *scoped info)
{
	REF_SCOPE(thread, thread);
	TRY(thread_target(tgid, tid, &thread));
	if (info->number > SIGNAL_MAX)
		return EINVAL;
	TRY(permitted(thread, info->number));
	if (info->number == 0)
		return OK;
	err_t err = signal_send_thread(thread, info->number, info);
	return err == ESRCH ? OK : err;
}

err_t
sys_tkill(i32 tid, i32 sig)
{
	struct signal_info info = info_of_sender((u32)sig, SI_TKILL);
	return tid <= 0 ? EINVAL : thread_send(0, (u32)tid, &info);
}

err_t
sys_tgkill(i32 tgid, i32 tid, i32 sig)
{
	struct signal_info info = info_of_sender((u32)sig, SI_TKILL);
	return tid <= 0 || tgid <= 0 ? EINVAL : thread_send((u32)tgid, (u32)tid, &info);
}

/* --- with data --- */

/** Codes that only the kernel uses, and tkill's, may only be sent to oneself. */
static err_t
code_permitted(const struct signal_info *scoped info, u32 target_pid)
{
	return (info->code >= 0 || info->code == SI_TKILL) && target_pid != process_current()->pid ? EPERM : OK;
}

err_t
sys_rt_sigqueueinfo(i32 pid, i32 sig, uaddr_t uinfo)
{
	struct signal_info info = {};
	TRY(signal_info_read(uinfo, (u32)sig, &info));
	TRY(code_permitted(&info, (u32)pid));
	REF_SCOPE(process, process);
	process = pid > 0 ? process_of_id((u32)pid) : nullptr;
	return process != nullptr ? process_send(process, (u32)sig, &info) : ESRCH;
}

err_t
sys_rt_tgsigqueueinfo(i32 tgid, i32 tid, i32 sig, uaddr_t uinfo)
{
	struct signal_info info = {};
	TRY(signal_info_read(uinfo, (u32)sig, &info));
	if (tgid <= 0 || tid <= 0)
		return EINVAL;
	/* The caller's own thread id is meant here, as in Linux. */
	if ((info.code >= 0 || info.code == SI_TKILL) && (u32)tid != atomic32_load(&thread_current()->tid))
		return EPERM;
	return thread_send((u32)tgid, (u32)tid, &info);
}

err_t
signal_queue_user(struct process *process, u32 number, uaddr_t uinfo)
{
	struct signal_info info = {};
	if (uinfo.raw == 0)
		return signal_kill(process, number);
	TRY(signal_info_read(uinfo, number, &info));
	if (info.given_number != number)
		return EINVAL;
	TRY(code_permitted(&info, process->pid));
	return process_send(process, number, &info);
}
