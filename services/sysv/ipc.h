// SPDX-License-Identifier: MPL-2.0
/**
 * What the three kinds of System V IPC have in common: ids, keys, owners and rights.
 *
 * An object of a kind embeds a `struct ipc`, which its kind's table finds by id without a lock (RCU) and by key under the table's lock.
 *
 * Invariant: an object is in its table from ipc_enter to ipc_leave, and `removed` is false exactly then. What it is about (values, messages,
 * rights) is under the object's own lock.
 *
 * Lock order: ipc_table.lock → the object's lock.
 *
 * Source: sysvipc(7), semget(2), msgget(2), shmget(2).
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/object.h>
#include <cadre/sync.h>

#include <text.h>
#include <uio.h>
#include <xarray.h>

enum ipc_flags : u32 { IPC_CREAT = 01000, IPC_EXCL = 02000, IPC_NOWAIT = 04000, IPC_READ = 0444, IPC_WRITE = 0222, IPC_MODE = 0777 };
enum ipc_command : u32 { IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3, IPC_64 = 0x100 };
enum : u32 { IPC_ID_SHIFT = 15, IPC_SLOT_MASK = (1u << IPC_ID_SHIFT) - 1, IPC_SEQ_MAX = 0xffff, IPC_CYCLE_MIN = 64 };
enum : i32 { IPC_PRIVATE = 0 };

/** struct ipc64_perm of x86-64. Plain data. */
struct ipc_perm { i32 key; u32 uid, gid, cuid, cgid, mode; u16 seq, pad1; u32 pad2; u64 unused[2]; };
static_assert(sizeof(struct ipc_perm) == 48);

struct ipc {
	struct ipc_perm perm;               /* key: under the table's lock; the rest: under the object's; cuid, cgid [const] */
	i32 id;                             /* [const] once entered */
	struct object *owner;               /* [const] not counted: the object that this is part of */
};
XARRAY_OF(ipc_map, struct ipc);

struct ipc_table {
	struct mutex lock;
	struct ipc_map map GUARDED_BY(&lock);   /* by slot; loads in RCU */
	u32 count GUARDED_BY(&lock);
	u32 next GUARDED_BY(&lock);            /* where the search for a free slot starts */
	u32 seq GUARDED_BY(&lock);             /* number of the present round */
	u32 max;                                /* [const] how many there may be */
};

/** Fills in the rights of a new object of the running thread. */
void ipc_init(struct ipc *ipc, struct object *owner, i32 key, u32 mode);
/** Gives it an id and makes it visible: the caller hands on its reference. => ENOSPC, ENOMEM */
err_t ipc_enter(struct ipc_table *table, struct ipc *ipc) MUST_HOLD(&table->lock);
/** Nobody finds it any more; the table's reference is the caller's again, who puts it by T_put_rcu. */
void ipc_leave(struct ipc_table *table, struct ipc *ipc) MUST_HOLD(&table->lock);
/** For IPC_RMID of a segment in use: the key is free again. */
void ipc_forget_key(struct ipc_table *table, struct ipc *ipc) MUST_HOLD(&table->lock);
/** By key; IPC_PRIVATE: none. => null: none */
struct ipc *ipc_by_key(struct ipc_table *table, i32 key) MUST_HOLD(&table->lock);
/** By id. In RCU, or under the table's lock. => null: none */
struct ipc *ipc_by_id(struct ipc_table *table, i32 id);
/** By place in the table (SEM_STAT …). In RCU, or under the table's lock. => null: none */
struct ipc *ipc_at(struct ipc_table *table, i32 index);
/** The next one at or behind *index, which is set to its place. Under the table's lock. => null: none */
struct ipc *ipc_next(struct ipc_table *table, u64 *scoped index) MUST_HOLD(&table->lock);
/** The highest place in use, 0 where there is none: what IPC_INFO returns. */
u32 ipc_highest(struct ipc_table *table) MUST_HOLD(&table->lock);

/** Whether the running thread has the rights `want`, mode bits of which those of any class count. => EACCES */
err_t ipc_permission(const struct ipc *ipc, u32 want);
/** Whether it may change or remove the object. => EPERM */
err_t ipc_owner(const struct ipc *ipc);
/** What XXXget(2) asks of an object that has the key. => EEXIST, EACCES */
err_t ipc_get_existing(const struct ipc *ipc, u32 flags);
/** IPC_SET. => EINVAL: an id of -1 */
err_t ipc_set(struct ipc *ipc, const struct ipc_perm *scoped from);
/** Seconds of real time, as *_ds have them. */
i64 ipc_now(void);

/* Pieces of a line of /proc/sysvipc: key, id and mode; a column with a blank before it; uid, gid, cuid, cgid. */
void ipc_show_start(struct text *text, const struct ipc *ipc);
void ipc_show_number(struct text *text, u64 value, u32 width);
void ipc_show_owners(struct text *text, const struct ipc *ipc);
