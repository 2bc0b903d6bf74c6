// SPDX-License-Identifier: MPL-2.0
/**
 * System V semaphores: semget(2) and semop(2).
 *
 * The operations of a call are done one by one, and taken back where one is impossible. Whoever must wait leaves his call in the set; who
 * makes it possible does it in his name and wakes him.
 */
#include <clock.h>
#include <syscall_handlers.h>

#include "sem.h"

ARRAY_DEFINE(sembuf_array, struct sembuf);
ARRAY_DEFINE(sem_array, struct sem);

struct ipc_table sem_table = { .max = SEMMNI };
u32 sem_total;

static void
sem_waiter_release(struct sem_waiter *waiter)
{
	if (waiter->call.large != nullptr)
		sembuf_array_put(waiter->call.large);
}
OBJECT_DEFINE_RELEASE(sem_waiter);

static void
sem_set_release(struct sem_set *set)
{
	if (set->sems != nullptr)
		sem_array_put(set->sems);
}
OBJECT_DEFINE_RELEASE(sem_set);

err_t
sem_set_find(i32 id, struct sem_set **scoped out)
{
	RCU_SCOPE();
	struct ipc *ipc = ipc_by_id(&sem_table, id);
	if (ipc == nullptr)
		return EINVAL;
	*out = sem_set_from(ipc->owner);
	sem_set_get(*out);
	return OK;
}

/* --- semget --- */

static err_t
sem_set_create(i32 key, u32 count, u32 flags, i32 *scoped id) MUST_HOLD(&sem_table.lock)
{
	REF_SCOPE(sem_set, set);
	if (count == 0)
		return EINVAL;
	if (sem_total + count > SEMMNS)
		return ENOSPC;
	set = sem_set_alloc();
	if (set == nullptr)
		return ENOMEM;
	set->sems = sem_array_alloc(count);
	if (set->sems == nullptr)
		return ENOMEM;
	set->count = count;
	{
		SPIN_SCOPE(&set->lock);
		set->ctime = ipc_now();
	}
	ipc_init(&set->ipc, sem_set_object(set), key, flags);
	TRY(ipc_enter(&sem_table, &set->ipc));
	sem_total += count;
	*id = set->ipc.id;
	set = nullptr;
	return OK;
}

err_t
sys_semget(i32 key, i32 nsems, u32 flags, u64 *scoped result)
{
	i32 id = 0;
	if (nsems < 0 || nsems > (i32)SEMMSL)
		return EINVAL;
	MUTEX_SCOPE(&sem_table.lock);
	struct ipc *ipc = ipc_by_key(&sem_table, key);
	if (ipc == nullptr && key != IPC_PRIVATE && (flags & IPC_CREAT) == 0)
		return ENOENT;
	if (ipc == nullptr) {
		TRY(sem_set_create(key, (u32)nsems, flags, &id));
		*result = (u64)id;
		return OK;
	}
	if ((flags & (IPC_CREAT | IPC_EXCL)) != (IPC_CREAT | IPC_EXCL) && (u32)nsems > sem_set_from(ipc->owner)->count)
		return EINVAL;
	TRY(ipc_get_existing(ipc, flags));
	*result = (u64)ipc->id;
	return OK;
}

/* --- one call's operations --- */

static struct sembuf
call_op(const struct sem_call *scoped call, u32 i)
{
	struct sembuf_array *large = call->large;
	if (large != nullptr)
		return *sembuf_array_at(large, i);
	return *ELEM(call->small, i);
}

/** How far an attempt came. */
struct sem_attempt { bool blocked; struct sembuf at; };

static err_t
op_apply(struct sem_set *set, struct sembuf op, struct sem_undo *undo, struct sem_attempt *scoped attempt) MUST_HOLD(&set->lock)
{
	struct sem *sem = sem_array_at(set->sems, op.number);
	i32 value = sem->value + op.by;
	if (value < 0 || (op.by == 0 && sem->value != 0)) {
		*attempt = (struct sem_attempt){ true, op };
		return EAGAIN;
	}
	if (value > (i32)SEMVMX)
		return ERANGE;
	if (((u32)op.flags & SEM_UNDO) != 0 && undo != nullptr) {
		i32 adjust = *sem_adjust_array_at(undo->adjust, op.number) - op.by;
		if (adjust < -(i32)SEMAEM - 1 || adjust > (i32)SEMAEM)
			return ERANGE;
		*sem_adjust_array_at(undo->adjust, op.number) = (i16)adjust;
	}
	sem->value = value;
	return OK;
}

static void
op_take_back(struct sem_set *set, struct sembuf op, struct sem_undo *undo) MUST_HOLD(&set->lock)
{
	sem_array_at(set->sems, op.number)->value -= op.by;
	if (((u32)op.flags & SEM_UNDO) != 0 && undo != nullptr)
		*sem_adjust_array_at(undo->adjust, op.number) += op.by;
}

/** All of the operations or none. => EAGAIN: with attempt->blocked, one has to wait; ERANGE */
static err_t
call_try(struct sem_set *set, const struct sem_call *scoped call, struct sem_undo *undo, struct sem_attempt *scoped attempt) MUST_HOLD(&set->lock)
{
	u32 done = 0;
	err_t err = OK;
	for (; done < call->count && err == OK; done++)
		err = op_apply(set, call_op(call, done), undo, attempt);
	if (err != OK) {
		for (done--; done > 0; done--)
			op_take_back(set, call_op(call, done - 1), undo);
		return err;
	}
	for (u32 i = 0; i < call->count; i++) {
		struct sembuf op = call_op(call, i);
		struct sem *sem = sem_array_at(set->sems, op.number);
		sem->pid = call->pid;
		if (op.by != 0)
			sem_changed(set, sem);
	}
	set->otime = ipc_now();
	return OK;
}

/* --- those who wait --- */

static struct sem_waiters *
waiter_list(struct sem_set *set, const struct sem_waiter *waiter) MUST_HOLD(&set->lock)
{
	struct sem *sem = sem_array_at(set->sems, waiter->number);
	return waiter->for_zero ? &sem->zero : &sem->more;
}

/** Puts it where it waits now, behind those who came before it. */
static void
waiter_enter(struct sem_set *set, struct sem_waiter *waiter, struct sembuf at) MUST_HOLD(&set->lock)
{
	waiter->number = at.number;
	waiter->for_zero = at.by == 0;
	struct sem_waiters *list = waiter_list(set, waiter);
	struct sem_waiter *before = sem_waiters_last(list);
	while (before != nullptr && before->ticket > waiter->ticket)
		before = sem_waiters_prev(before);
	sem_waiters_insert_before(list, before != nullptr ? sem_waiters_next(before) : sem_waiters_first(list), waiter);
}

void
sem_waiter_finish(struct sem_set *set, struct sem_waiter *waiter, err_t result)
{
	sem_waiters_remove(waiter_list(set, waiter), waiter);
	waiter->result = result;
	atomic32_store(&waiter->done, 1);
	(void)wake_all(&waiter->wait);
}

static void
waiter_try(struct sem_set *set, struct sem_waiter *waiter) MUST_HOLD(&set->lock)
{
	struct sem_attempt attempt = {};
	err_t err = call_try(set, &waiter->call, waiter->undo, &attempt);
	if (!attempt.blocked || ((u32)attempt.at.flags & IPC_NOWAIT) != 0) {
		sem_waiter_finish(set, waiter, err);
	} else if (attempt.at.number != waiter->number || (attempt.at.by == 0) != waiter->for_zero) {
		sem_waiters_remove(waiter_list(set, waiter), waiter);
		waiter_enter(set, waiter, attempt.at);
	}
}

void
sem_changed(struct sem_set *set, struct sem *sem)
{
	if (sem->dirty || (sem_waiters_empty(&sem->zero) && sem_waiters_empty(&sem->more)))
		return;
	sem->dirty = true;
	sem_dirty_list_push_back(&set->dirty, sem);
}

/* Each round ends waits or moves them on; a semaphore gets dirty again only by an ended one. */
void
sem_set_settle(struct sem_set *set)
{
	for (struct sem *sem = sem_dirty_list_pop_front(&set->dirty); sem != nullptr; sem = sem_dirty_list_pop_front(&set->dirty)) {
		sem->dirty = false;
		LIST_FOR_REMOVING(sem_waiters, waiter, &sem->zero) {
			if (sem->value != 0)
				break;
			waiter_try(set, waiter);
		}
		LIST_FOR_REMOVING(sem_waiters, waiter, &sem->more) {
			if (sem->value == 0)
				break;
			waiter_try(set, waiter);
		}
	}
}

/* --- semop --- */

/** The call's first attempt. *out is who waits, where it must. */
static err_t
call_start(struct sem_set *set, struct sem_call *scoped call, struct sem_undo *undo, struct sem_waiter **scoped out)
{
	struct sem_attempt attempt = {};
	SPIN_SCOPE(&set->lock);
	TRY(ipc_permission(&set->ipc, call->alters ? IPC_WRITE : IPC_READ));
	if (set->removed)
		return EIDRM;
	err_t err = call_try(set, call, undo, &attempt);
	if (err == OK)
		sem_set_settle(set);
	if (!attempt.blocked || ((u32)attempt.at.flags & IPC_NOWAIT) != 0)
		return err;
	struct sem_waiter *waiter = sem_waiter_alloc();
	if (waiter == nullptr)
		return ENOMEM;
	waiter->call = *call;
	call->large = nullptr;
	waiter->undo = undo;
	set->tickets += 1;
	waiter->ticket = set->tickets;
	waiter_enter(set, waiter, attempt.at);
	*out = waiter;
	return OK;
}

static err_t
call_wait(struct sem_set *set, struct sem_waiter *waiter, u64 deadline)
{
	err_t err = WAIT_UNTIL(&waiter->wait, atomic32_load(&waiter->done) != 0, WAIT_INTERRUPTIBLE, deadline);
	/* Whoever ends the wait has left it when the lock is free. */
	SPIN_SCOPE(&set->lock);
	if (atomic32_load(&waiter->done) == 0)
		sem_waiter_finish(set, waiter, err == ETIMEDOUT ? EAGAIN : err);
	return waiter->result;
}

static err_t
call_run(i32 id, struct sem_call *scoped call, u64 deadline)
{
	REF_SCOPE(sem_set, set);
	REF_SCOPE(sem_waiter, waiter);
	struct sem_undo *undo = nullptr;
	struct sem_set *found = nullptr;
	struct sem_waiter *waits = nullptr;
	TRY(sem_set_find(id, &found));
	set = found;
	if (call->highest >= set->count)
		return EFBIG;
	if (call->undoes)
		TRY(sem_undo_find(set, &undo));
	TRY(call_start(set, call, undo, &waits));
	waiter = waits;
	return waiter != nullptr ? call_wait(set, waiter, deadline) : OK;
}

static void
call_note(struct sem_call *scoped call, struct sembuf op)
{
	call->highest = MAX(call->highest, (u32)op.number);
	call->alters |= op.by != 0;
	call->undoes |= ((u32)op.flags & SEM_UNDO) != 0;
}

static err_t
call_copy_in_large(struct sem_call *scoped call, uaddr_t ops)
{
	struct sembuf_array *large = sembuf_array_alloc(call->count);
	call->large = large;
	if (large == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < call->count; i++)
		TRY(copy_in_value(*sembuf_array_at(large, i), UADDR(ops.raw + i * sizeof(struct sembuf))));
	return OK;
}

static err_t
call_copy_in(struct sem_call *scoped call, uaddr_t ops)
{
	if (call->count <= SEM_SMALL)
		TRY(copy_in(bytes_sub(BYTES_OF(call->small), 0, call->count * sizeof(struct sembuf)), ops));
	else
		TRY(call_copy_in_large(call, ops));
	for (u32 i = 0; i < call->count; i++)
		call_note(call, call_op(call, i));
	return OK;
}

static err_t
semop(i32 id, uaddr_t ops, u32 count, u64 deadline)
{
	struct sem_call call = { .count = count, .pid = (i32)process_current()->pid };
	if (count < 1 || id < 0)
		return EINVAL;
	if (count > SEMOPM)
		return E2BIG;
	err_t err = call_copy_in(&call, ops);
	if (err == OK)
		err = call_run(id, &call, deadline);
	if (call.large != nullptr)
		sembuf_array_put(call.large);
	return err;
}

err_t
sys_semop(i32 semid, uaddr_t sops, u32 nsops)
{
	return semop(semid, sops, nsops, TIME_NEVER);
}

err_t
sys_semtimedop(i32 semid, uaddr_t sops, u32 nsops, uaddr_t timeout)
{
	struct timespec time = {};
	if (timeout.raw == 0)
		return semop(semid, sops, nsops, TIME_NEVER);
	TRY(copy_in_value(time, timeout));
	if (!timespec_valid(time))
		return EINVAL;
	return semop(semid, sops, nsops, deadline_after(timespec_to_ns(time)));
}
