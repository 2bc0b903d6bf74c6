// SPDX-License-Identifier: MPL-2.0
/**
 * Ids, keys and rights of System V IPC objects.
 *
 * An id is a slot and, above it, the number of the round in which the slot was given: slots are given in turn, so a removed object's id is
 * not soon another's.
 */
#include "ipc.h"

#include <clock.h>
#include <cred.h>

XARRAY_DEFINE(ipc_map);

i64
ipc_now(void)
{
	return (i64)(clock_realtime() / NS_PER_SEC);
}

void
ipc_init(struct ipc *ipc, struct object *owner, i32 key, u32 mode)
{
	const struct cred *cred = cred_current();
	ipc->owner = owner;
	ipc->perm = (struct ipc_perm){ .key = key, .uid = cred->euid, .gid = cred->egid, .cuid = cred->euid, .cgid = cred->egid,
		.mode = mode & IPC_MODE };
}

/* --- the table --- */

/** Puts it into the first free slot of [from, to). */
static err_t
enter_between(struct ipc_table *table, struct ipc *ipc, u32 from, u32 to) MUST_HOLD(&table->lock)
{
	for (u32 slot = from; slot < to; slot++) {
		if (ipc_map_load(&table->map, slot) != nullptr)
			continue;
		u32 seq = slot < table->next ? (table->seq + 1) % (IPC_SEQ_MAX + 1) : table->seq;
		ipc->perm.seq = (u16)seq;
		ipc->id = (i32)(seq << IPC_ID_SHIFT | slot);
		TRY(ipc_map_insert(&table->map, slot, ipc));
		table->seq = seq;
		table->next = slot + 1;
		table->count++;
		return OK;
	}
	return ENOSPC;
}

err_t
ipc_enter(struct ipc_table *table, struct ipc *ipc)
{
	/* Half as many slots again as are in use are gone through before the first comes again. */
	u32 end = MIN(MAX(table->count + table->count / 2, (u32)IPC_CYCLE_MIN), table->max);
	if (table->count >= table->max)
		return ENOSPC;
	err_t err = enter_between(table, ipc, table->next, end);
	if (err == ENOSPC)
		err = enter_between(table, ipc, 0, MIN(table->next, table->max));
	return err == ENOSPC ? enter_between(table, ipc, table->next, table->max) : err;
}

void
ipc_leave(struct ipc_table *table, struct ipc *ipc)
{
	(void)ipc_map_remove(&table->map, (u32)ipc->id & IPC_SLOT_MASK);
	table->count--;
}

void
ipc_forget_key(struct ipc_table *table, struct ipc *ipc)
{
	(void)table;
	ipc->perm.key = IPC_PRIVATE;
}

struct ipc *
ipc_by_key(struct ipc_table *table, i32 key)
{
	u64 index = 0;
	if (key == IPC_PRIVATE)
		return nullptr;
	XARRAY_FOR(ipc_map, index, ipc, &table->map)
		if (ipc->perm.key == key)
			return ipc;
	return nullptr;
}

struct ipc *
ipc_at(struct ipc_table *table, i32 index) NO_THREAD_SAFETY("loads need RCU alone")
{
	return index >= 0 ? ipc_map_load(&table->map, (u32)index & IPC_SLOT_MASK) : nullptr;
}

struct ipc *
ipc_by_id(struct ipc_table *table, i32 id)
{
	struct ipc *ipc = ipc_at(table, id);
	return ipc != nullptr && ipc->id == id ? ipc : nullptr;
}

struct ipc *
ipc_next(struct ipc_table *table, u64 *scoped index)
{
	return ipc_map_next(&table->map, index);
}

u32
ipc_highest(struct ipc_table *table)
{
	u64 index = 0;
	u32 highest = 0;
	XARRAY_FOR(ipc_map, index, ipc, &table->map)
		highest = (u32)ipc->id & IPC_SLOT_MASK;
	return highest;
}

/* --- rights --- */

err_t
ipc_permission(const struct ipc *ipc, u32 want)
{
	const struct ipc_perm *perm = &ipc->perm;
	const struct cred *cred = cred_current();
	u32 granted = perm->mode, asked = want >> 6 | want >> 3 | want;
	if (cred->euid == perm->cuid || cred->euid == perm->uid)
		granted >>= 6;
	else if (cred_in_group(cred, perm->cgid) || cred_in_group(cred, perm->gid))
		granted >>= 3;
	return (asked & ~granted & 7) == 0 || capable(CAP_IPC_OWNER) ? OK : EACCES;
}

err_t
ipc_owner(const struct ipc *ipc)
{
	u32 euid = cred_current()->euid;
	return euid == ipc->perm.uid || euid == ipc->perm.cuid || capable(CAP_SYS_ADMIN) ? OK : EPERM;
}

err_t
ipc_get_existing(const struct ipc *ipc, u32 flags)
{
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return EEXIST;
	return ipc_permission(ipc, flags & IPC_MODE);
}

err_t
ipc_set(struct ipc *ipc, const struct ipc_perm *scoped from)
{
	if (from->uid == ~(u32)0 || from->gid == ~(u32)0)
		return EINVAL;
	ipc->perm.uid = from->uid;
	ipc->perm.gid = from->gid;
	ipc->perm.mode = (ipc->perm.mode & ~(u32)IPC_MODE) | (from->mode & IPC_MODE);
	return OK;
}

/* --- /proc/sysvipc --- */

void
ipc_show_number(struct text *text, u64 value, u32 width)
{
	text_put_char(text, ' ');
	text_put_number(text, value, width);
}

void
ipc_show_start(struct text *text, const struct ipc *ipc)
{
	i64 key = ipc->perm.key;
	u32 digits = key < 0 ? 2 : 1, mode = ipc->perm.mode;
	for (u64 rest = (u64)(key < 0 ? -key : key) / 10; rest != 0; rest /= 10)
		digits++;
	text_fill(text, ' ', digits < 10 ? 10 - digits : 0);
	text_put_signed(text, key);
	ipc_show_number(text, (u64)ipc->id, 10);
	text_fill(text, ' ', mode < 010 ? 5 : mode < 0100 ? 4 : mode < 01000 ? 3 : 2);
	text_put_octal(text, mode);
	text_put_char(text, ' ');
}

void
ipc_show_owners(struct text *text, const struct ipc *ipc)
{
	ipc_show_number(text, ipc->perm.uid, 5);
	ipc_show_number(text, ipc->perm.gid, 5);
	ipc_show_number(text, ipc->perm.cuid, 5);
	ipc_show_number(text, ipc->perm.cgid, 5);
}
