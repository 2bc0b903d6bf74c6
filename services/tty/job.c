// SPDX-License-Identifier: MPL-2.0
/**
 * Job control: which session a terminal belongs to, which of its groups may use it, and what happens when the line is lost.
 *
 * A terminal and its session point at each other, each with a reference; both pointers change under both locks. The foreground group changes
 * under tty.lock alone. The check at each read compares pointers without any lock.
 *
 * Source: credentials(7), ioctl_tty(2), POSIX.1-2017 chapter 11.
 */
#include <syscall_handlers.h>

#include "tty_impl.h"

/** Whether the running thread is a kernel's own, or its process has given its session's terminal up by TIOCNOTTY. */
static bool
is_detached(void)
{
	return thread_current_or_null() == nullptr || atomic32_load_relaxed(&process_current()->no_terminal) != 0;
}

/** Whether the terminal's foreground is another group of the running process' session. */
static bool
in_background(struct tty *tty)
{
	if (is_detached())
		return false;
	RCU_SCOPE();
	struct process_group *own = POINTER_LOAD(process_current()->group), *foreground = POINTER_LOAD(tty->group);
	return foreground != nullptr && own != foreground && own != nullptr && own->session == POINTER_LOAD(tty->session);
}

err_t
job_check(struct tty *tty, u32 number)
{
	if (__builtin_expect(!in_background(tty), true))
		return OK;
	if (signal_ignored_or_blocked(number))
		return number == SIGTTIN ? EIO : OK;
	REF_SCOPE(process_group, group);
	group = process_group_of(process_current());
	if (group == nullptr || process_group_orphaned(group))
		return EIO;
	signal_send_group(group, number);
	return ERESTARTSYS;
}

bool
job_is_current(struct tty *tty)
{
	if (is_detached())
		return false;
	RCU_SCOPE();
	struct process_group *own = POINTER_LOAD(process_current()->group);
	return own != nullptr && own->session == POINTER_LOAD(tty->session);
}

static struct tty *
session_tty(struct session *session)
{
	SPIN_SCOPE(&session->lock);
	if (session->tty != nullptr)
		tty_get(session->tty);
	return session->tty;
}

struct tty *
tty_current(void)
{
	if (is_detached())
		return nullptr;
	REF_SCOPE(session, session);
	session = session_of(process_current());
	return session != nullptr ? session_tty(session) : nullptr;
}

bool
tty_of_process(struct process *process, u32 *scoped major, u32 *scoped minor, i32 *scoped foreground)
{
	REF_SCOPE(session, session);
	REF_SCOPE(tty, tty);
	session = atomic32_load_relaxed(&process->no_terminal) == 0 ? session_of(process) : nullptr;
	tty = session != nullptr ? session_tty(session) : nullptr;
	if (tty == nullptr)
		return false;
	SPIN_SCOPE(&tty->lock);
	*major = tty->major;
	*minor = tty->minor;
	*foreground = tty->group != nullptr ? (i32)tty->group->id : -1;
	return true;
}

/* --- taking and leaving --- */

/** Sets the foreground group; the reference is handed over. => the one before, to be put */
static struct process_group *
group_exchange_locked(struct tty *tty, struct process_group *group)
{
	struct process_group *old = tty->group;
	POINTER_PUBLISH(tty->group, group);
	return old;
}

/** What a terminal and a session had of each other, to be put. */
struct bond {
	struct tty *tty;
	struct session *session;
	struct process_group *group;
};

static void
bond_put(struct bond bond)
{
	if (bond.tty != nullptr)
		tty_put(bond.tty);
	if (bond.session != nullptr)
		session_put(bond.session);
	if (bond.group != nullptr)
		process_group_put(bond.group);
}

/** Parts a terminal from its session, if it has one. */
static struct bond
part(struct tty *tty)
{
	struct bond bond = {};
	SPIN_SCOPE(&tty->lock);
	bond.session = tty->session;
	bond.group = group_exchange_locked(tty, nullptr);
	POINTER_PUBLISH(tty->session, nullptr);
	if (bond.session == nullptr)
		return bond;
	SPIN_SCOPE(&bond.session->lock);
	if (bond.session->tty == tty) {
		bond.tty = tty;
		bond.session->tty = nullptr;
	}
	return bond;
}

/** Binds a free terminal to a session that has none; takes over the references to session and group. => false: one of them was not free */
static bool
bind(struct tty *tty, struct session *session, struct process_group *group)
{
	SPIN_SCOPE(&tty->lock);
	SPIN_SCOPE(&session->lock);
	if (tty->session != nullptr || session->tty != nullptr)
		return false;
	tty_get(tty);
	session->tty = tty;
	POINTER_PUBLISH(tty->session, session);
	(void)group_exchange_locked(tty, group);
	return true;
}

/** Makes the terminal the running session leader's. */
static bool
bind_current(struct tty *tty)
{
	struct session *session = session_of(process_current());
	struct process_group *group = process_group_of(process_current());
	bool bound = session != nullptr && group != nullptr && bind(tty, session, group);
	if (!bound)
		bond_put((struct bond){ nullptr, session, group });
	return bound;
}

static bool
is_session_leader(void)
{
	return session_id(process_current()) == process_current()->pid;
}

static bool
has_terminal(void)
{
	REF_SCOPE(tty, tty);
	tty = tty_current();
	return tty != nullptr;
}

void
job_open(struct tty *tty, struct file *file)
{
	bool wanted = (atomic32_load(&file->flags) & O_NOCTTY) == 0 && (file->mode & FILE_READ) != 0;
	if (wanted && POINTER_LOAD(tty->session) == nullptr && thread_current_or_null() != nullptr && is_session_leader() && !has_terminal())
		(void)bind_current(tty);
}

err_t
job_take(struct tty *tty, struct file *file, u64 arg)
{
	if (is_session_leader() && job_is_current(tty))
		return OK;
	if (!is_session_leader() || has_terminal())
		return EPERM;
	if (POINTER_LOAD(tty->session) != nullptr) {
		if (arg != 1 || !capable(CAP_SYS_ADMIN))
			return EPERM;
		bond_put(part(tty));
	}
	if ((file->mode & FILE_READ) == 0 && !capable(CAP_SYS_ADMIN))
		return EPERM;
	return bind_current(tty) ? OK : EPERM;
}

static struct process_group *
foreground_get(struct tty *tty)
{
	SPIN_SCOPE(&tty->lock);
	if (tty->group != nullptr)
		process_group_get(tty->group);
	return tty->group;
}

static void
foreground_signal(struct tty *tty, u32 number)
{
	REF_SCOPE(process_group, group);
	group = foreground_get(tty);
	if (group != nullptr)
		signal_send_group(group, number);
}

err_t
job_leave(struct tty *tty)
{
	if (!job_is_current(tty))
		return ENOTTY;
	if (!is_session_leader()) {
		atomic32_store(&process_current()->no_terminal, 1);
		return OK;
	}
	foreground_signal(tty, SIGHUP);
	foreground_signal(tty, SIGCONT);
	bond_put(part(tty));
	return OK;
}

/* --- hanging up --- */

static void
leader_signal(struct session *session)
{
	REF_SCOPE(process, leader);
	leader = process_find(session->id);
	if (leader == nullptr || session_id(leader) != session->id)
		return;
	(void)signal_send_process(leader, SIGHUP, nullptr);
	(void)signal_send_process(leader, SIGCONT, nullptr);
}

/** Keeps the group that was in the foreground: it learns of the leader's end as well. The reference is handed over. */
static struct process_group *
hung_group_exchange(struct session *session, struct process_group *group)
{
	SPIN_SCOPE(&session->lock);
	struct process_group *old = session->hung_group;
	session->hung_group = group;
	return old;
}

/** `ends`: by the leader's end, so that the foreground group is told here and not later. */
static void
hang_up(struct tty *tty, bool ends)
{
	(void)atomic32_add(&tty->generation, 1);
	struct bond bond = part(tty);
	{
		SPIN_SCOPE(&tty->lock);
		line_flush_locked(tty);
		flip_flush_locked(tty);
		tty->line.echo_tail = tty->line.echo_head;
		tty->line.stopped = tty->line.stopped_by_ioctl = false;
		if (tty->ops->flush != nullptr)
			tty->ops->flush(tty);
		if (tty->ops->hangup != nullptr)
			tty->ops->hangup(tty);
	}
	if (bond.session != nullptr) {
		leader_signal(bond.session);
		if (ends && bond.group != nullptr)
			signal_send_group(bond.group, SIGHUP);
		else
			bond.group = hung_group_exchange(bond.session, bond.group);
	}
	bond_put(bond);
	tty_wake_all(tty);
}

void
tty_hangup(struct tty *tty)
{
	hang_up(tty, false);
}

static void
session_end(struct session *session)
{
	REF_SCOPE(tty, tty);
	tty = session_tty(session);
	if (tty != nullptr && !tty->ops->pty) {
		hang_up(tty, true);
	} else if (tty != nullptr) {
		foreground_signal(tty, SIGHUP);
		bond_put(part(tty));
	}
	REF_SCOPE(process_group, hung);
	hung = hung_group_exchange(session, nullptr);
	if (hung == nullptr)
		return;
	signal_send_group(hung, SIGHUP);
	signal_send_group(hung, SIGCONT);
}

/** For thread_watch: a session whose leader has ended gives its terminal back. */
static void
process_exited(struct process *process)
{
	REF_SCOPE(session, session);
	session = session_of(process);
	if (session != nullptr && session->id == process->pid)
		session_end(session);
}

void
job_init(void)
{
	static const struct thread_watch watch = { .process_exit = process_exited };
	thread_watch_register(&watch);
}

void
job_last_close(struct tty *tty)
{
	bond_put(part(tty));
}

err_t
sys_vhangup(void)
{
	if (!capable(CAP_SYS_TTY_CONFIG))
		return EPERM;
	REF_SCOPE(tty, tty);
	tty = tty_current();
	if (tty != nullptr)
		hang_up(tty, false);
	return OK;
}

/* --- groups by number --- */

err_t
job_group_get(struct tty *tty, bool master, i32 *scoped id)
{
	if (!master && !job_is_current(tty))
		return ENOTTY;
	REF_SCOPE(process_group, group);
	group = foreground_get(tty);
	*id = group != nullptr ? (i32)group->id : 0;
	return OK;
}

err_t
job_group_set(struct tty *tty, i32 id)
{
	err_t err = job_check(tty, SIGTTOU);
	if (err != OK)
		return err == EIO ? ENOTTY : err;
	if (!job_is_current(tty))
		return ENOTTY;
	if (id < 0)
		return EINVAL;
	REF_SCOPE(process_group, group);
	group = process_group_find((u32)id);
	if (group == nullptr)
		return ESRCH;
	if (group->session != POINTER_LOAD(tty->session))
		return EPERM;
	SPIN_SCOPE(&tty->lock);
	if (tty->session != group->session)
		return ENOTTY;
	group = group_exchange_locked(tty, group);
	return OK;
}

err_t
job_session_get(struct tty *tty, bool master, i32 *scoped id)
{
	if (!master && !job_is_current(tty))
		return ENOTTY;
	SPIN_SCOPE(&tty->lock);
	if (tty->session == nullptr)
		return ENOTTY;
	*id = (i32)tty->session->id;
	return OK;
}

void
job_winsize_changed(struct tty *tty)
{
	foreground_signal(tty, SIGWINCH);
}
