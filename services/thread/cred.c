// SPDX-License-Identifier: MPL-2.0
/**
 * Credentials: copies, installation, tests; and what each user has in use.
 */
#include "pid.h"

ARRAY_DEFINE(group_array, u32);

/* --- accounts of users --- */

XARRAY_OF(account_map, struct user_account);
XARRAY_DEFINE(account_map);

static struct spin_lock account_lock;
static struct account_map accounts;     /* loads under RCU, changes under account_lock; counts nothing */

static void
user_account_release(struct user_account *account)
{
	SPIN_SCOPE(&account_lock);
	/* A new one may have taken the place between the last put and now. */
	if (account_map_load(&accounts, account->uid) == account)
		(void)account_map_remove(&accounts, account->uid);
}
OBJECT_DEFINE_RELEASE(user_account);

static err_t
account_add(struct user_account *account)
{
	SPIN_SCOPE(&account_lock);
	struct user_account *old = account_map_load(&accounts, account->uid);
	if (old != nullptr && user_account_get_live(old)) {
		user_account_put(old);
		return EEXIST;
	}
	(void)account_map_remove(&accounts, account->uid);
	return account_map_insert(&accounts, account->uid, account);
}

struct user_account *
user_account_find(u32 uid)
{
	for (;;) {
		{
			RCU_SCOPE();
			struct user_account *account = account_map_load(&accounts, uid);
			if (account != nullptr && user_account_get_live(account)) {
				if (account->uid == uid)
					return account;
				user_account_put(account);
			}
		}
		REF_SCOPE(user_account, fresh);
		fresh = user_account_alloc();
		if (fresh == nullptr)
			return nullptr;
		fresh->uid = uid;
		err_t err = account_add(fresh);
		if (err == ENOMEM)
			return nullptr;
		if (err == OK) {
			struct user_account *account = fresh;
			fresh = nullptr;
			return account;
		}
	}
}

struct user_account *
user_account_current_get(void)
{
	struct user_account *account = cred_current()->user;
	user_account_get(account);
	return account;
}

/* --- credentials --- */

static void
cred_release(struct cred *cred)
{
	if (cred->groups != nullptr)
		group_array_put(cred->groups);
	if (cred->user != nullptr)
		user_account_put(cred->user);
}
OBJECT_DEFINE_RELEASE(cred);

static struct cred *cred_root;          /* [const] after thread_init: the kernel's own */

err_t
thread_init(void)
{
	struct cred *cred = cred_alloc();
	if (cred == nullptr)
		return ENOMEM;
	cred->user = user_account_find(0);
	cred->cap_permitted = CAP_ALL;
	cred->cap_effective = CAP_ALL;
	cred->cap_bounding = CAP_ALL;
	cred_root = cred;
	return cred->user != nullptr ? OK : ENOMEM;
}

const struct cred *
cred_current(void)
{
	struct thread *thread = thread_current_or_null();
	return thread != nullptr ? thread->cred : cred_root;
}

struct cred *
cred_current_get(void)
{
	struct thread *thread = thread_current_or_null();
	struct cred *cred = thread != nullptr ? thread->cred : cred_root;
	cred_get(cred);
	return cred;
}

struct cred *
thread_cred_get(struct thread *thread)
{
	for (;;) {
		RCU_SCOPE();
		struct cred *cred = POINTER_LOAD(thread->cred);
		if (!cred_get_live(cred))
			continue;
		if (POINTER_LOAD(thread->cred) == cred)
			return cred;
		cred_put_rcu(cred);   /* another's, in the memory of those that were there */
	}
}

struct cred *
cred_clone(const struct cred *from)
{
	struct cred *cred = cred_alloc();
	if (cred == nullptr)
		return nullptr;
	*cred = *from;
	if (cred->groups != nullptr)
		group_array_get(cred->groups);
	user_account_get(cred->user);
	return cred;
}

struct cred *
cred_copy(void)
{
	return cred_clone(cred_current());
}

/** Whether the change lets the process do what it could not, or makes it another's: it must not be traced or dumped then. */
static bool
cred_gains(const struct cred *from, const struct cred *to)
{
	return from->euid != to->euid || from->egid != to->egid || from->fsuid != to->fsuid || from->fsgid != to->fsgid ||
	       (to->cap_permitted & ~from->cap_permitted) != 0;
}

void
cred_install(struct cred *cred)
{
	struct thread *thread = thread_current();
	struct cred *old = thread->cred;
	if (cred_gains(old, cred)) {
		atomic32_store(&thread->process->dumpable, 0);
		atomic32_store_relaxed(&thread->parent_death_signal, 0);
	}
	if (old->user != cred->user) {
		(void)atomic64_add(&cred->user->threads, 1);
		(void)atomic64_sub(&old->user->threads, 1);
	}
	POINTER_PUBLISH(thread->cred, cred);
	cred_put_rcu(old);
}

void
cred_set_groups(struct cred *cred, struct group_array *groups)
{
	if (cred->groups != nullptr)
		group_array_put(cred->groups);
	cred->groups = groups;
}

err_t
cred_set_uid(struct cred *cred, u32 uid)
{
	if (cred->user->uid != uid) {
		struct user_account *user = user_account_find(uid);
		if (user == nullptr)
			return ENOMEM;
		user_account_put(cred->user);
		cred->user = user;
	}
	cred->uid = uid;
	return OK;
}

bool
cred_in_group(const struct cred *cred, u32 gid)
{
	if (cred->fsgid == gid)
		return true;
	struct group_array *groups = cred->groups;
	u32 low = 0, high = groups != nullptr ? group_array_len(groups) : 0;
	while (low < high) {
		u32 middle = low + (high - low) / 2, found = groups->items[middle];
		if (found == gid)
			return true;
		if (found < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
cred_capable(const struct cred *cred, enum capability capability)
{
	return (cred->cap_effective >> capability & 1) != 0;
}

bool
capable(enum capability capability)
{
	return cred_capable(cred_current(), capability);
}
