// SPDX-License-Identifier: MPL-2.0
/**
 * semctl(2).
 */
#include <syscall_handlers.h>

#include "sem.h"

enum : u32 {
	GETPID = 11, GETVAL = 12, GETALL = 13, GETNCNT = 14, GETZCNT = 15, SETVAL = 16, SETALL = 17, SEM_STAT = 18, SEM_INFO = 19, SEM_STAT_ANY = 20,
	SEM_COMMANDS = 21, SEMUSZ = 20,
};

/* As programs see them (asm/sembuf.h, linux/sem.h), plain data. */
struct semid_ds { struct ipc_perm perm; i64 otime; u64 unused1; i64 ctime; u64 unused2, nsems, unused[2]; };
struct seminfo { i32 semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem; };
static_assert(sizeof(struct semid_ds) == 104);
ARRAY_DECLARE(sem_value_array, u16);
ARRAY_DEFINE(sem_value_array, u16);

struct sem_control { i32 id, number; u32 command; u64 arg; };
typedef err_t sem_control_fn(const struct sem_control *scoped call, u64 *scoped result);

/* --- asking about the system and a set --- */

static err_t
control_info(const struct sem_control *scoped call, u64 *scoped result)
{
	struct seminfo info = {
		.semmap = SEMMNS, .semmni = SEMMNI, .semmns = SEMMNS, .semmnu = SEMMNS, .semmsl = SEMMSL, .semopm = SEMOPM, .semume = SEMOPM,
		.semusz = SEMUSZ, .semvmx = SEMVMX, .semaem = SEMAEM,
	};
	{
		MUTEX_SCOPE(&sem_table.lock);
		if (call->command == SEM_INFO) {
			info.semusz = (i32)sem_table.count;
			info.semaem = (i32)sem_total;
		}
		*result = ipc_highest(&sem_table);
	}
	return copy_out_value(UADDR(call->arg), info);
}

/** By id, or by place in the table; with a reference. */
static err_t
set_of_stat(const struct sem_control *scoped call, struct sem_set **scoped out)
{
	if (call->command == IPC_STAT)
		return sem_set_find(call->id, out);
	RCU_SCOPE();
	struct ipc *ipc = ipc_at(&sem_table, call->id);
	if (ipc == nullptr)
		return EINVAL;
	*out = sem_set_from(ipc->owner);
	sem_set_get(*out);
	return OK;
}

static err_t
control_stat(const struct sem_control *scoped call, u64 *scoped result)
{
	REF_SCOPE(sem_set, set);
	struct sem_set *found = nullptr;
	struct semid_ds ds = {};
	TRY(set_of_stat(call, &found));
	set = found;
	{
		SPIN_SCOPE(&set->lock);
		if (call->command != SEM_STAT_ANY)
			TRY(ipc_permission(&set->ipc, IPC_READ));
		if (set->removed)
			return EIDRM;
		ds = (struct semid_ds){ .perm = set->ipc.perm, .otime = set->otime, .ctime = set->ctime, .nsems = set->count };
	}
	*result = call->command == IPC_STAT ? 0 : (u64)set->ipc.id;
	return copy_out_value(UADDR(call->arg), ds);
}

/* --- values --- */

static u32
count_waiters(const struct sem_waiters *waiters)
{
	u32 count = 0;
	LIST_FOR(sem_waiters, waiter, waiters)
		count += 1;
	return count;
}

static err_t
control_ask(const struct sem_control *scoped call, u64 *scoped result)
{
	REF_SCOPE(sem_set, set);
	struct sem_set *found = nullptr;
	TRY(sem_set_find(call->id, &found));
	set = found;
	SPIN_SCOPE(&set->lock);
	TRY(ipc_permission(&set->ipc, IPC_READ));
	if (set->removed)
		return EIDRM;
	if (call->number < 0 || (u32)call->number >= set->count)
		return EINVAL;
	const struct sem *sem = sem_array_at(set->sems, (u32)call->number);
	*result = call->command == GETVAL   ? (u64)sem->value
	          : call->command == GETPID ? (u64)sem->pid
	                                    : count_waiters(call->command == GETNCNT ? &sem->more : &sem->zero);
	return OK;
}

static err_t
control_get_all(const struct sem_control *scoped call, u64 *scoped result)
{
	REF_SCOPE(sem_set, set);
	REF_SCOPE(sem_value_array, values);
	struct sem_set *found = nullptr;
	(void)result;
	TRY(sem_set_find(call->id, &found));
	set = found;
	values = sem_value_array_alloc(set->count);
	if (values == nullptr)
		return ENOMEM;
	{
		SPIN_SCOPE(&set->lock);
		TRY(ipc_permission(&set->ipc, IPC_READ));
		if (set->removed)
			return EIDRM;
		for (u32 i = 0; i < set->count; i++)
			*sem_value_array_at(values, i) = (u16)sem_array_at(set->sems, i)->value;
	}
	for (u32 i = 0; i < set->count; i++)
		TRY(copy_out_value(UADDR(call->arg + i * sizeof(u16)), *sem_value_array_at(values, i)));
	return OK;
}

static void
set_value(struct sem_set *set, u32 number, i32 value) MUST_HOLD(&set->lock)
{
	struct sem *sem = sem_array_at(set->sems, number);
	sem_undo_clear(set, number);
	sem->value = value;
	sem->pid = (i32)process_current()->pid;
	sem_changed(set, sem);
}

static err_t
values_copy_in(struct sem_value_array *values, u32 count, uaddr_t from)
{
	bool too_large = false;
	for (u32 i = 0; i < count; i++) {
		TRY(copy_in_value(*sem_value_array_at(values, i), UADDR(from.raw + i * sizeof(u16))));
		too_large |= *sem_value_array_at(values, i) > SEMVMX;
	}
	return too_large ? ERANGE : OK;
}

static err_t
set_may_change(struct sem_set *set)
{
	SPIN_SCOPE(&set->lock);
	return ipc_permission(&set->ipc, IPC_WRITE);
}

static err_t
control_set_all(const struct sem_control *scoped call, u64 *scoped result)
{
	REF_SCOPE(sem_set, set);
	REF_SCOPE(sem_value_array, values);
	struct sem_set *found = nullptr;
	(void)result;
	TRY(sem_set_find(call->id, &found));
	set = found;
	TRY(set_may_change(set));
	values = sem_value_array_alloc(set->count);
	if (values == nullptr)
		return ENOMEM;
	TRY(values_copy_in(values, set->count, UADDR(call->arg)));
	SPIN_SCOPE(&set->lock);
	if (set->removed)
		return EIDRM;
	for (u32 i = 0; i < set->count; i++)
		set_value(set, i, *sem_value_array_at(values, i));
	set->ctime = ipc_now();
	sem_set_settle(set);
	return OK;
}

static err_t
control_set_value(const struct sem_control *scoped call, u64 *scoped result)
{
	REF_SCOPE(sem_set, set);
	struct sem_set *found = nullptr;
	i32 value = (i32)call->arg;
	(void)result;
	if (value < 0 || value > (i32)SEMVMX)
		return ERANGE;
	TRY(sem_set_find(call->id, &found));
	set = found;
	if (call->number < 0 || (u32)call->number >= set->count)
		return EINVAL;
	SPIN_SCOPE(&set->lock);
	TRY(ipc_permission(&set->ipc, IPC_WRITE));
	if (set->removed)
		return EIDRM;
	set_value(set, (u32)call->number, value);
	set->ctime = ipc_now();
	sem_set_settle(set);
	return OK;
}

/* --- owner and end --- */

static void
finish_all(struct sem_set *set, struct sem_waiters *waiters) MUST_HOLD(&set->lock)
{
	LIST_FOR_REMOVING(sem_waiters, waiter, waiters)
		sem_waiter_finish(set, waiter, EIDRM);
}

static void
set_remove(struct sem_set *set) MUST_HOLD(&sem_table.lock)
{
	ipc_leave(&sem_table, &set->ipc);
	sem_total -= set->count;
	{
		SPIN_SCOPE(&set->lock);
		set->removed = true;
		sem_undo_forget_set(set);
		for (u32 i = 0; i < set->count; i++) {
			finish_all(set, &sem_array_at(set->sems, i)->zero);
			finish_all(set, &sem_array_at(set->sems, i)->more);
		}
	}
	sem_set_put_rcu(set);
}

static err_t
control_owner(const struct sem_control *scoped call, u64 *scoped result)
{
	struct semid_ds ds = {};
	(void)result;
	if (call->command == IPC_SET)
		TRY(copy_in_value(ds, UADDR(call->arg)));
	MUTEX_SCOPE(&sem_table.lock);
	struct ipc *ipc = ipc_by_id(&sem_table, call->id);
	if (ipc == nullptr)
		return EINVAL;
	struct sem_set *set = sem_set_from(ipc->owner);
	TRY(ipc_owner(ipc));
	if (call->command == IPC_RMID) {
		set_remove(set);
		return OK;
	}
	SPIN_SCOPE(&set->lock);
	TRY(ipc_set(ipc, &ds.perm));
	set->ctime = ipc_now();
	return OK;
}

err_t
sys_semctl(i32 semid, i32 semnum, i32 cmd, u64 arg, u64 *scoped result)
{
	static const struct { sem_control_fn *run; } controls[SEM_COMMANDS] = {
		[IPC_RMID] = { control_owner }, [IPC_SET] = { control_owner }, [IPC_STAT] = { control_stat }, [IPC_INFO] = { control_info },
		[GETPID] = { control_ask }, [GETVAL] = { control_ask }, [GETNCNT] = { control_ask }, [GETZCNT] = { control_ask },
		[GETALL] = { control_get_all }, [SETALL] = { control_set_all }, [SETVAL] = { control_set_value },
		[SEM_STAT] = { control_stat }, [SEM_STAT_ANY] = { control_stat }, [SEM_INFO] = { control_info },
	};
	struct sem_control call = { semid, semnum, (u32)cmd & ~(u32)IPC_64, arg };
	*result = 0;
	if (semid < 0 || cmd < 0 || call.command >= SEM_COMMANDS || ELEM(controls, call.command)->run == nullptr)
		return EINVAL;
	return ELEM(controls, call.command)->run(&call, result);
}

/* --- /proc/sysvipc/sem --- */

void
sysv_show_sem(struct text *text)
{
	u64 index = 0;
	text_put_bytes(text, TEXT("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"));
	MUTEX_SCOPE(&sem_table.lock);
	XARRAY_FOR(ipc_map, index, ipc, &sem_table.map) {
		struct sem_set *set = sem_set_from(ipc->owner);
		SPIN_SCOPE(&set->lock);
		ipc_show_start(text, ipc);
		text_put_number(text, set->count, 10);
		ipc_show_owners(text, ipc);
		ipc_show_number(text, (u64)set->otime, 10);
		ipc_show_number(text, (u64)set->ctime, 10);
		text_put_char(text, '\n');
	}
}
