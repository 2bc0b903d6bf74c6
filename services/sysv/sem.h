// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of System V semaphores: sets, who waits for them, and what is undone at a process' end.
 *
 * Invariant: one who waits stands in a list of the semaphore that his first impossible operation names, so a change of a semaphore concerns
 * only those who wait for it. Each list is in order of arrival.
 *
 * Lock order: sem_table.lock → sem_set.lock → sem_undo_list.lock.
 */
#pragma once

#include <cadre/list.h>
#include <cadre/spin.h>

#include "ipc.h"
#include "sysv.h"

enum : u32 { SEM_UNDO = 0x1000, SEM_SMALL = 6 };

/** As programs have them. Plain data. */
struct sembuf { u16 number; i16 by; i16 flags; };
ARRAY_DECLARE(sembuf_array, struct sembuf);
ARRAY_DECLARE(sem_adjust_array, i16);

/** The operations of one call; few of them need no memory. */
struct sem_call {
	u32 count, highest;
	bool alters, undoes;
	i32 pid;
	struct sembuf small[SEM_SMALL];
	struct sembuf_array *large;         /* counted; null: small */
};

struct sem_undo;
struct sem_waiter {
	struct wait_queue wait;
	struct atomic32 done;               /* 1: `result` is set, and it is in no list */
	err_t result;
	struct sem_call call;               /* [const] */
	struct sem_undo *undo;              /* [const] not counted: the thread's list has it; null: none */
	u64 ticket;                         /* [const] order of arrival */
	u32 number;                         /* the semaphore that it waits for … */
	bool for_zero;                      /* … to be 0; false: to grow */
	LIST_LINK(struct sem_waiter) link;
};
OBJECT_DECLARE(sem_waiter);
LIST_OF(sem_waiters, struct sem_waiter, link);

struct sem {
	i32 value, pid;
	struct sem_waiters zero, more;
	bool dirty;                         /* in sem_set.dirty: changed, and somebody waits for it */
	LIST_LINK(struct sem) dirty_link;
};
ARRAY_DECLARE(sem_array, struct sem);
LIST_OF(sem_dirty_list, struct sem, dirty_link);

struct sem_undo_list;
/** What one undo list does to one set. */
struct sem_undo {
	struct sem_set *set;                /* [const] not counted: alive while not `dead` */
	struct sem_undo_list *list;         /* [const] not counted: it holds us */
	bool dead;                          /* under the set's lock: the set is gone, and this on no list */
	struct sem_adjust_array *adjust;    /* [const] counted; items under the set's lock */
	LIST_LINK(struct sem_undo) in_set;  /* under the set's lock */
	LIST_LINK(struct sem_undo) in_list; /* under the list's lock */
};
OBJECT_DECLARE(sem_undo);
LIST_OF(sem_set_undos, struct sem_undo, in_set);
LIST_OF(sem_list_undos, struct sem_undo, in_list);

struct sem_set {
	struct ipc ipc;
	u32 count;                          /* [const] */
	struct sem_array *sems;             /* [const] counted; items under the lock */
	struct spin_lock lock;
	bool removed GUARDED_BY(&lock);
	i64 otime GUARDED_BY(&lock);
	i64 ctime GUARDED_BY(&lock);
	u64 tickets GUARDED_BY(&lock);
	struct sem_dirty_list dirty GUARDED_BY(&lock);
	struct sem_set_undos undos GUARDED_BY(&lock);
};
OBJECT_DECLARE(sem_set);

extern struct ipc_table sem_table;
/** How many semaphores all sets have. Under sem_table.lock. */
extern u32 sem_total;

/** The set, with a reference. => EINVAL */
err_t sem_set_find(i32 id, struct sem_set **scoped out);
/** Marks a semaphore whose value has changed, for sem_set_settle. */
void sem_changed(struct sem_set *set, struct sem *sem) MUST_HOLD(&set->lock);
/** Lets go on all whose operations have become possible. */
void sem_set_settle(struct sem_set *set) MUST_HOLD(&set->lock);
/** Ends the wait with a result. */
void sem_waiter_finish(struct sem_set *set, struct sem_waiter *waiter, err_t result) MUST_HOLD(&set->lock);

/** The running thread's entry for the set, made where there is none. Lives as long as the thread uses its list. => ENOMEM, EIDRM */
err_t sem_undo_find(struct sem_set *set, struct sem_undo **scoped out);
/** The set goes: nothing is undone in it. */
void sem_undo_forget_set(struct sem_set *set) MUST_HOLD(&set->lock);
/** SETVAL, SETALL: nothing is to be undone for the semaphore. */
void sem_undo_clear(struct sem_set *set, u32 number) MUST_HOLD(&set->lock);
