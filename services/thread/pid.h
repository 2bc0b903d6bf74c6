// SPDX-License-Identifier: MPL-2.0
/**
 * Ids: one number space for threads, processes, groups and sessions, and the family tree of processes.
 *
 * For services/process alone; others look things up by thread.h and session.h. A number is in use while any of the four has it. What a
 * lookup finds is read under RCU: entries and the objects in them go back after all readers.
 */
#pragma once

#include <session.h>
#include <thread.h>
#include <xarray.h>

enum : u32 { PID_MAX_DEFAULT = 32768, PID_MAX_LIMIT = 4194304, PID_RESERVED = 300 };

/** Guards the tree: parent, children, groups, zombies; and the table of ids. Comes before process.lock. */
extern struct spin_lock pid_lock;

struct pid_entry {
	u32 id;                             /* [const] */
	u32 uses;                           /* under pid_lock: of the four below, plus a thread in the making */
	struct thread *thread;              /* counted; published under pid_lock, RCU-readable, as the rest */
	struct process *process;            /* counted */
	struct process_group *group;        /* not counted: its members do */
	struct session *session;            /* not counted: its groups do */
};
OBJECT_DECLARE(pid_entry);
XARRAY_OF(pid_map, struct pid_entry);

LIST_OF(process_list, struct process, sibling);
struct process_children { struct process_list list; };
OBJECT_DECLARE(process_children);

/** A free number, in rotation; one use is the caller's. => EAGAIN: none; ENOMEM */
err_t pid_reserve(struct pid_entry **scoped out) MUST_HOLD(&pid_lock);
/** This number. => EEXIST, ENOMEM, EINVAL out of range */
err_t pid_reserve_at(u32 id, struct pid_entry **scoped out) MUST_HOLD(&pid_lock);
/** One use less; the last one frees the number. */
void pid_unuse(u32 id) MUST_HOLD(&pid_lock);
/** Makes a thread, and a process, findable under a reserved number; each takes a reference. The thread takes over the caller's use, the process a use of its own. */
void pid_publish_thread(struct pid_entry *entry, struct thread *thread) MUST_HOLD(&pid_lock);
void pid_publish_process(struct pid_entry *entry, struct process *process) MUST_HOLD(&pid_lock);
/** Nobody finds it any more; the reference goes back after RCU readers. */
void pid_remove_thread(struct thread *thread) MUST_HOLD(&pid_lock);
void pid_remove_process(struct process *process) MUST_HOLD(&pid_lock);
/** execve by another thread than the leader: `thread` takes the number `id` over from the leader, which has ended. */
void pid_exchange(struct thread *thread, struct thread *leader) MUST_HOLD(&pid_lock);

/** Numbers in use at most (kernel/pid_max), and the last given out. */
extern struct atomic32 pid_max, pid_last;
/** Threads that exist, and how many may: kernel/threads-max. */
extern struct atomic32 thread_total, thread_max;

/** Moves a process into a group (null: out of all); it takes a reference. A group without members loses its number. */
void process_group_enter(struct process *process, struct process_group *group) MUST_HOLD(&pid_lock);
/** A new group with the id `id`, which is in use (its founder's), in `session`; empty: the caller's reference. => ENOMEM */
err_t process_group_create(u32 id, struct session *session, struct process_group **scoped out) MUST_HOLD(&pid_lock);
/** A new session of that id, and its first group. => ENOMEM */
err_t session_create(u32 id, struct process_group **scoped out) MUST_HOLD(&pid_lock);
/** process_group_find under the lock, without a reference. */
struct process_group *process_group_at(u32 id) MUST_HOLD(&pid_lock);
/** Whether the group would be orphaned without `ignored` (may be null). */
bool process_group_orphaned_without(struct process_group *group, struct process *ignored) MUST_HOLD(&pid_lock);

/** Pid 1; null before it is made. */
struct process *process_init(void);

/** Makes the credentials of the kernel itself. First of all services. => ENOMEM */
err_t thread_init(void);
