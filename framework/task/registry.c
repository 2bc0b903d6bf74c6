// SPDX-License-Identifier: MPL-2.0
/**
 * The list of all tasks, in the order in which the fallback policy runs them.
 */
#include <cadre/list.h>
#include <task/task_impl.h>

enum : u32 { TASK_ID_MAX = 1u << 30 };

static struct raw_lock registry_lock;
LIST_OF(task_list, struct task, all_link);
static struct task_list all GUARDED_BY(&registry_lock);
static u64 ids_given GUARDED_BY(&registry_lock);

static bool
id_taken(u32 id) MUST_HOLD(&registry_lock)
{
	LIST_FOR(task_list, task, &all)
		if (task->id == id)
			return true;
	return false;
}

static u32
id_next(void) MUST_HOLD(&registry_lock)
{
	u32 id;
	do
		id = (u32)(ids_given++ % TASK_ID_MAX) + 1;
	while (ids_given > TASK_ID_MAX && id_taken(id));
	return id;
}

void
registry_add(struct task *task)
{
	RAW_SCOPE(&registry_lock);
	task->id = id_next();
	task_list_push_back(&all, task);
}

void
registry_remove(struct task *task)
{
	RAW_SCOPE(&registry_lock);
	task_list_remove(&all, task);
}

struct task *
registry_ready(void)
{
	RAW_SCOPE(&registry_lock);
	struct task *task = task_list_first(&all);
	while (task != nullptr && __atomic_load_n(&task->state, __ATOMIC_SEQ_CST) != TASK_READY)
		task = task_list_next(task);
	if (task != nullptr) {
		task_list_remove(&all, task);
		task_list_push_back(&all, task);
	}
	return task;
}
