// SPDX-License-Identifier: MPL-2.0
/**
 * SEM_UNDO: what semaphore operations are taken back when the last thread that shares an undo list ends.
 *
 * Threads that share a list (CLONE_SYSVSEM) each hold a reference to it; nobody else does. So the last one to leave is who finds no other,
 * under the list's lock.
 */
#include "sem.h"

enum : u64 { CLONE_SYSVSEM = 0x40000 };

struct sem_undo_list {
	struct spin_lock lock;
	struct sem_list_undos undos GUARDED_BY(&lock);
};
OBJECT_DECLARE(sem_undo_list);
OBJECT_DEFINE(sem_undo_list);
ARRAY_DEFINE(sem_adjust_array, i16);

static void
sem_undo_release(struct sem_undo *undo)
{
	if (undo->adjust != nullptr)
		sem_adjust_array_put(undo->adjust);
}
OBJECT_DEFINE_RELEASE(sem_undo);

/** The thread's own list, made where there is none. => null: ENOMEM */
static struct sem_undo_list *
undo_list(struct thread *thread)
{
	struct object **slot = ELEM(thread->extra, THREAD_EXTRA_SEM_UNDO);
	if (*slot == nullptr) {
		struct sem_undo_list *list = sem_undo_list_alloc();
		if (list == nullptr)
			return nullptr;
		*slot = sem_undo_list_object(list);
	}
	return sem_undo_list_from(*slot);
}

/* --- entries --- */

static struct sem_undo *
undo_of_set(struct sem_undo_list *list, const struct sem_set *set) MUST_HOLD(&list->lock)
{
	LIST_FOR(sem_list_undos, undo, &list->undos)
		if (undo->set == set)
			return undo;
	return nullptr;
}

/** Enters a new one, whose reference is the list's then. Another thread that shares the list may have been faster. */
static err_t
undo_enter(struct sem_undo_list *list, struct sem_set *set, struct sem_undo *undo, struct sem_undo **scoped out)
{
	SPIN_SCOPE(&set->lock);
	if (set->removed)
		return EIDRM;
	SPIN_SCOPE(&list->lock);
	*out = undo_of_set(list, set);
	if (*out != nullptr)
		return OK;
	sem_undo_get(undo);
	sem_set_undos_push_back(&set->undos, undo);
	sem_list_undos_push_front(&list->undos, undo);
	*out = undo;
	return OK;
}

err_t
sem_undo_find(struct sem_set *set, struct sem_undo **scoped out)
{
	REF_SCOPE(sem_undo, undo);
	struct sem_undo_list *list = undo_list(thread_current());
	if (list == nullptr)
		return ENOMEM;
	{
		SPIN_SCOPE(&list->lock);
		*out = undo_of_set(list, set);
	}
	if (*out != nullptr)
		return OK;
	undo = sem_undo_alloc();
	if (undo == nullptr)
		return ENOMEM;
	undo->adjust = sem_adjust_array_alloc(set->count);
	if (undo->adjust == nullptr)
		return ENOMEM;
	undo->set = set;
	undo->list = list;
	return undo_enter(list, set, undo, out);
}

/** Off both lists; the lists' reference is the caller's. */
static void
undo_unlink(struct sem_set *set, struct sem_undo *undo) MUST_HOLD(&set->lock)
{
	struct sem_undo_list *list = undo->list;
	SPIN_SCOPE(&list->lock);
	undo->dead = true;
	sem_set_undos_remove(&set->undos, undo);
	sem_list_undos_remove(&list->undos, undo);
}

void
sem_undo_forget_set(struct sem_set *set)
{
	LIST_FOR_REMOVING(sem_set_undos, undo, &set->undos) {
		undo_unlink(set, undo);
		sem_undo_put(undo);
	}
}

void
sem_undo_clear(struct sem_set *set, u32 number)
{
	LIST_FOR(sem_set_undos, undo, &set->undos)
		*sem_adjust_array_at(undo->adjust, number) = 0;
}

/* --- the end --- */

static void
undo_apply(struct sem_set *set, struct sem_undo *undo, i32 pid) MUST_HOLD(&set->lock)
{
	for (u32 i = 0; i < set->count; i++) {
		i32 by = *sem_adjust_array_at(undo->adjust, i);
		struct sem *sem = sem_array_at(set->sems, i);
		if (by == 0)
			continue;
		sem->value = MIN(MAX(sem->value + by, 0), (i32)SEMVMX);
		sem->pid = pid;
		sem_changed(set, sem);
		set->otime = ipc_now();
	}
	sem_set_settle(set);
}

/** The first entry and its set, with references. => false: there is none */
static bool
undo_first(struct sem_undo_list *list, struct sem_undo **scoped undo, struct sem_set **scoped set)
{
	SPIN_SCOPE(&list->lock);
	*undo = sem_list_undos_first(&list->undos);
	if (*undo == nullptr)
		return false;
	/* On the list, it is in its set's list too, so the set lives. */
	sem_undo_get(*undo);
	*set = (*undo)->set;
	sem_set_get(*set);
	return true;
}

static void
undo_all(struct sem_undo_list *list, i32 pid)
{
	struct sem_undo *undo = nullptr;
	struct sem_set *set = nullptr;
	while (undo_first(list, &undo, &set)) {
		{
			SPIN_SCOPE(&set->lock);
			if (!undo->dead) {
				undo_unlink(set, undo);
				undo_apply(set, undo, pid);
				sem_undo_put(undo);
			}
		}
		sem_undo_put(undo);
		sem_set_put(set);
	}
}

/** => whether others still share it: then the reference is given up */
static bool
undo_list_leave(struct sem_undo_list *list)
{
	SPIN_SCOPE(&list->lock);
	if (sem_undo_list_refs(list) == 1)
		return false;
	sem_undo_list_put(list);
	return true;
}

void
sem_undo_leave(struct thread *thread)
{
	struct object **slot = ELEM(thread->extra, THREAD_EXTRA_SEM_UNDO);
	if (*slot == nullptr)
		return;
	struct sem_undo_list *list = sem_undo_list_from(*slot);
	*slot = nullptr;
	if (undo_list_leave(list))
		return;
	undo_all(list, (i32)thread->process->pid);
	sem_undo_list_put(list);
}

static err_t
undo_fork(struct thread *thread, struct thread *parent, u64 clone_flags)
{
	if ((clone_flags & CLONE_SYSVSEM) == 0 || parent == nullptr)
		return OK;
	struct sem_undo_list *list = undo_list(parent);
	if (list == nullptr)
		return ENOMEM;
	sem_undo_list_get(list);
	*ELEM(thread->extra, THREAD_EXTRA_SEM_UNDO) = sem_undo_list_object(list);
	return OK;
}

/** Of a thread that never ran: its parent still has the list. */
static void
undo_thread_free(struct thread *thread)
{
	struct object **slot = ELEM(thread->extra, THREAD_EXTRA_SEM_UNDO);
	if (*slot != nullptr)
		sem_undo_list_put(sem_undo_list_from(*slot));
	*slot = nullptr;
}

void
sysv_init(void)
{
	static const struct thread_watch watch = { .fork = undo_fork, .exit = sem_undo_leave, .thread_free = undo_thread_free };
	thread_watch_register(&watch);
}
