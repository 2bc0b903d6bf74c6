// SPDX-License-Identifier: MPL-2.0
/**
 * The list of all tasks, in the order in which the fallback policy runs them.
 */
#include <sync/raw_lock.h>
#include <task/task_impl.h>

enum : u32 { TASK_ID_MAX = 1u << 30 };

static struct raw_lock registry_lock;
static struct task *all_first GUARDED_BY(&registry_lock), *all_last GUARDED_BY(&registry_lock);
static u32 last_id GUARDED_BY(&registry_lock);
static bool ids_wrapped GUARDED_BY(&registry_lock);

static bool
id_taken(u32 id) MUST_HOLD(&registry_lock)
{
	for (const struct task *task = all_first; task != nullptr; task = task->all_next)
		if (task->id == id)
			return true;
	return false;
}

static u32
id_next(void) MUST_HOLD(&registry_lock)
{
	do {
		ids_wrapped |= last_id == TASK_ID_MAX;
		last_id = last_id == TASK_ID_MAX ? 1 : last_id + 1;
	} while (ids_wrapped && id_taken(last_id));
	return last_id;
}

static void
list_append(struct task *task) MUST_HOLD(&registry_lock)
{
	task->all_next = nullptr;
	task->all_prev = all_last;
	*(all_last != nullptr ? &all_last->all_next : &all_first) = task;
	all_last = task;
}

static void
list_remove(struct task *task) MUST_HOLD(&registry_lock)
{
	*(task->all_prev != nullptr ? &task->all_prev->all_next : &all_first) = task->all_next;
	*(task->all_next != nullptr ? &task->all_next->all_prev : &all_last) = task->all_prev;
}

void
registry_add(struct task *task)
{
	u64 flags = raw_acquire(&registry_lock);
	task->id = id_next();
	list_append(task);
	raw_release(&registry_lock, flags);
}

void
registry_remove(struct task *task)
{
	u64 flags = raw_acquire(&registry_lock);
	list_remove(task);
	raw_release(&registry_lock, flags);
}

struct task *
registry_ready(void)
{
	u64 flags = raw_acquire(&registry_lock);
	struct task *task = all_first;
	while (task != nullptr && __atomic_load_n(&task->state, __ATOMIC_SEQ_CST) != TASK_READY)
		task = task->all_next;
	if (task != nullptr) {
		list_remove(task);
		list_append(task);
	}
	raw_release(&registry_lock, flags);
	return task;
}

/** READY tasks in batches, the lock released while fn is called. Each is marked by its place: behind all that were there at the start. */
void
registry_each_ready(void (*fn)(struct task *))
{
	u64 flags = raw_acquire(&registry_lock);
	struct task *end = all_last, *task = nullptr;
	raw_release(&registry_lock, flags);
	while (task != end && (task = registry_ready()) != nullptr)
		fn(task);
}
