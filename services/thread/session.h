// SPDX-License-Identifier: MPL-2.0
/**
 * Process groups and sessions: job control's objects.
 *
 * Source: setpgid(2), setsid(2), credentials(7).
 * Lock order: pid_lock (sleepless, guards membership) comes before everything but terminals' own locks.
 */
#pragma once

#include <thread.h>

LIST_OF(group_members, struct process, group_link);
struct process_group {
	u32 id;                             /* [const] */
	struct session *session;            /* [const] counted */
	struct group_members members;       /* under pid_lock */
};
OBJECT_DECLARE(process_group);

struct session {
	u32 id;                             /* [const] */
	struct spin_lock lock;
	struct tty *tty GUARDED_BY(&lock);  /* controlling terminal, counted by services/tty, which alone changes it; null: none */
	struct process_group *hung_group GUARDED_BY(&lock); /* counted, likewise: was in its foreground when it hung up; for the leader's end */
	struct atomic32 leader_alive;
	u32 groups;                         /* under pid_lock */
};
OBJECT_DECLARE(session);

/** The running process' (or another's) with a reference. => null once it has been waited for. */
struct process_group *process_group_of(struct process *process);
struct session *session_of(struct process *process);
/** Their ids; 0 once it has been waited for. */
u32 process_group_id(struct process *process);
u32 session_id(struct process *process);
/** The parent's pid (getppid); 0: none. */
u32 process_parent_id(struct process *process);
/** => null: no such group. With a reference. */
struct process_group *process_group_find(u32 id);
/** Whether no member has a parent outside of the group but in its session (POSIX: orphaned). */
bool process_group_orphaned(struct process_group *group);
/** Calls fn for each member, under pid_lock: must not sleep. */
typedef void process_fn(struct process *process, struct object *arg, u64 value);
void process_group_for_each(struct process_group *group, process_fn *fn, struct object *arg, u64 value);
/** All processes, in order of pid: the first at or above *pid, with a reference; null at the end. For /proc and kill(-1). */
struct process *process_next(u32 *scoped pid);
