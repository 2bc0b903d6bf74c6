// SPDX-License-Identifier: MPL-2.0
/**
 * The table of ids: giving them out in rotation, and finding threads and processes by them.
 */
#include "pid.h"

OBJECT_DEFINE(pid_entry);
XARRAY_DEFINE(pid_map);

struct spin_lock pid_lock;
struct atomic32 pid_max, pid_last;
struct atomic32 thread_total, thread_max;

static struct pid_map pids;             /* loads under RCU, changes under pid_lock; counts its entries */

static u32
pid_limit(void)
{
	u32 max = atomic32_load_relaxed(&pid_max);
	return max != 0 ? max : PID_MAX_DEFAULT;
}

err_t
pid_reserve_at(u32 id, struct pid_entry **scoped out)
{
	if (id == 0 || id >= pid_limit())
		return EINVAL;
	if (pid_map_load(&pids, id) != nullptr)
		return EEXIST;
	struct pid_entry *entry = pid_entry_alloc();
	if (entry == nullptr)
		return ENOMEM;
	entry->id = id;
	entry->uses = 1;
	err_t err = pid_map_insert(&pids, id, entry);
	if (err != OK)
		pid_entry_put(entry);
	else
		*out = entry;
	return err;
}

/** The first free number in [from, to); 0: none. */
static u32
pid_free_in(u32 from, u32 to)
{
	for (u32 id = from; id < to; id++) {
		if (pid_map_load(&pids, id) == nullptr)
			return id;
	}
	return 0;
}

err_t
pid_reserve(struct pid_entry **scoped out)
{
	u32 next = atomic32_load_relaxed(&pid_last) + 1, limit = pid_limit();
	if (next >= limit)
		next = PID_RESERVED;
	u32 id = pid_free_in(next, limit);
	if (id == 0)
		id = pid_free_in(MIN(next, (u32)PID_RESERVED), next);
	if (id == 0)
		return EAGAIN;
	TRY(pid_reserve_at(id, out));
	atomic32_store_relaxed(&pid_last, id);
	return OK;
}

static void
pid_entry_unuse(struct pid_entry *entry) MUST_HOLD(&pid_lock)
{
	assert(entry->uses > 0);
	entry->uses--;
	if (entry->uses != 0)
		return;
	(void)pid_map_remove(&pids, entry->id);
	pid_entry_put_rcu(entry);
}

void
pid_unuse(u32 id)
{
	pid_entry_unuse(pid_map_load(&pids, id));
}

void
pid_publish_thread(struct pid_entry *entry, struct thread *thread)
{
	thread_get(thread);
	atomic32_store(&thread->tid, entry->id);
	POINTER_PUBLISH(entry->thread, thread);
	(void)atomic32_add_relaxed(&thread_total, 1);
}

void
pid_publish_process(struct pid_entry *entry, struct process *process)
{
	process_get(process);
	entry->uses++;
	POINTER_PUBLISH(entry->process, process);
}

void
pid_remove_thread(struct thread *thread)
{
	struct pid_entry *entry = pid_map_load(&pids, atomic32_load_relaxed(&thread->tid));
	assert(entry->thread == thread);
	POINTER_PUBLISH(entry->thread, nullptr);
	(void)atomic32_sub(&thread_total, 1);
	thread_put_rcu(thread);
	pid_entry_unuse(entry);
}

void
pid_remove_process(struct process *process)
{
	struct pid_entry *entry = pid_map_load(&pids, process->pid);
	assert(entry->process == process);
	POINTER_PUBLISH(entry->process, nullptr);
	process_put_rcu(process);
	pid_entry_unuse(entry);
}

void
pid_exchange(struct thread *thread, struct thread *leader)
{
	u32 mine = atomic32_load_relaxed(&thread->tid), theirs = atomic32_load_relaxed(&leader->tid);
	struct pid_entry *a = pid_map_load(&pids, mine), *b = pid_map_load(&pids, theirs);
	atomic32_store(&thread->tid, theirs);
	atomic32_store(&leader->tid, mine);
	POINTER_PUBLISH(b->thread, thread);
	POINTER_PUBLISH(a->thread, leader);
}

/* --- lookups --- */

struct thread *
thread_find(u32 tid)
{
	RCU_SCOPE();
	struct pid_entry *entry = pid_map_load(&pids, tid);
	struct thread *thread = entry != nullptr ? POINTER_LOAD(entry->thread) : nullptr;
	if (thread == nullptr || !thread_get_live(thread))
		return nullptr;
	if (POINTER_LOAD(entry->thread) == thread)
		return thread;
	thread_put_rcu(thread);   /* as in entry_process */
	return nullptr;
}

/** In RCU. With a reference; null: none. One that ended meanwhile may have left its memory to another process, so the entry is asked again. */
static struct process *
entry_process(struct pid_entry *entry)
{
	struct process *process = POINTER_LOAD(entry->process);
	if (process == nullptr || !process_get_live(process))
		return nullptr;
	if (POINTER_LOAD(entry->process) == process)
		return process;
	process_put_rcu(process);
	return nullptr;
}

struct process *
process_find(u32 pid)
{
	RCU_SCOPE();
	struct pid_entry *entry = pid_map_load(&pids, pid);
	return entry != nullptr ? entry_process(entry) : nullptr;
}

struct process *
process_next(u32 *scoped pid)
{
	RCU_SCOPE();
	u64 index = *pid;
	XARRAY_FOR(pid_map, index, entry, &pids) {
		struct process *process = entry_process(entry);
		if (process != nullptr) {
			*pid = (u32)index;
			return process;
		}
	}
	return nullptr;
}

struct process *
process_init(void)
{
	RCU_SCOPE();
	struct pid_entry *entry = pid_map_load(&pids, 1);
	return entry != nullptr ? POINTER_LOAD(entry->process) : nullptr;
}

struct process_group *
process_group_find(u32 id)
{
	RCU_SCOPE();
	struct pid_entry *entry = pid_map_load(&pids, id);
	struct process_group *group = entry != nullptr ? POINTER_LOAD(entry->group) : nullptr;
	return group != nullptr && process_group_get_live(group) ? group : nullptr;
}

struct process_group *
process_group_at(u32 id)
{
	struct pid_entry *entry = pid_map_load(&pids, id);
	return entry != nullptr ? entry->group : nullptr;
}

/* --- groups and sessions: members' references keep the objects, the table only names them --- */

static void
process_group_release(struct process_group *group)
{
	if (group->session != nullptr)
		session_put(group->session);
}
OBJECT_DEFINE_RELEASE(process_group);
OBJECT_DEFINE(session);

err_t
process_group_create(u32 id, struct session *session, struct process_group **scoped out)
{
	struct pid_entry *entry = pid_map_load(&pids, id);
	assert(entry != nullptr && entry->group == nullptr);
	struct process_group *group = process_group_alloc();
	if (group == nullptr)
		return ENOMEM;
	session_get(session);
	group->id = id;
	group->session = session;
	session->groups++;
	entry->uses++;
	POINTER_PUBLISH(entry->group, group);
	*out = group;
	return OK;
}

err_t
session_create(u32 id, struct process_group **scoped out)
{
	struct pid_entry *entry = pid_map_load(&pids, id);
	REF_SCOPE(session, session);
	session = session_alloc();
	if (session == nullptr)
		return ENOMEM;
	session->id = id;
	atomic32_store(&session->leader_alive, 1);
	TRY(process_group_create(id, session, out));
	entry->uses++;
	POINTER_PUBLISH(entry->session, session);
	return OK;
}

/** The last member has gone: the group's number is free, and the session's with its last group's. */
static void
process_group_retire(struct process_group *group) MUST_HOLD(&pid_lock)
{
	struct pid_entry *entry = pid_map_load(&pids, group->id);
	struct session *session = group->session;
	POINTER_PUBLISH(entry->group, nullptr);
	pid_entry_unuse(entry);
	session->groups--;
	if (session->groups != 0)
		return;
	entry = pid_map_load(&pids, session->id);
	POINTER_PUBLISH(entry->session, nullptr);
	pid_entry_unuse(entry);
}

void
process_group_enter(struct process *process, struct process_group *group)
{
	struct process_group *old = process->group;
	if (old != nullptr)
		group_members_remove(&old->members, process);
	if (group != nullptr) {
		process_group_get(group);
		group_members_push_back(&group->members, process);
	}
	POINTER_PUBLISH(process->group, group);
	if (old == nullptr)
		return;
	if (group_members_empty(&old->members))
		process_group_retire(old);
	process_group_put_rcu(old);
}

struct process_group *
process_group_of(struct process *process)
{
	RCU_SCOPE();
	struct process_group *group = POINTER_LOAD(process->group);
	return group != nullptr && process_group_get_live(group) ? group : nullptr;
}

struct session *
session_of(struct process *process)
{
	RCU_SCOPE();
	struct process_group *group = POINTER_LOAD(process->group);
	struct session *session = group != nullptr ? group->session : nullptr;
	return session != nullptr && session_get_live(session) ? session : nullptr;
}

u32
process_group_id(struct process *process)
{
	RCU_SCOPE();
	struct process_group *group = POINTER_LOAD(process->group);
	return group != nullptr ? group->id : 0;
}

u32
session_id(struct process *process)
{
	RCU_SCOPE();
	struct process_group *group = POINTER_LOAD(process->group);
	return group != nullptr ? group->session->id : 0;
}

u32
process_parent_id(struct process *process)
{
	RCU_SCOPE();
	struct process *parent = POINTER_LOAD(process->parent);
	return parent != nullptr ? parent->pid : 0;
}

bool
process_group_orphaned_without(struct process_group *group, struct process *ignored)
{
	LIST_FOR(group_members, member, &group->members) {
		struct process *parent = member->parent;
		bool counts = member != ignored && atomic32_load(&member->zombie) == 0 && parent != nullptr && parent->pid != 1;
		if (counts && parent->group != group && parent->group != nullptr && parent->group->session == group->session)
			return false;
	}
	return true;
}

bool
process_group_orphaned(struct process_group *group)
{
	SPIN_SCOPE(&pid_lock);
	return process_group_orphaned_without(group, nullptr);
}

void
process_group_for_each(struct process_group *group, process_fn *fn, struct object *arg, u64 value)
{
	SPIN_SCOPE(&pid_lock);
	LIST_FOR(group_members, member, &group->members)
		fn(member, arg, value);
}
