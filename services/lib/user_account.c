// SPDX-License-Identifier: MPL-2.0
/**
 * Accounts by user: a small hash of lists, each with its lock.
 */
#include "user_account.h"

#include <cadre/list.h>
#include <cadre/spin.h>

struct user_account {
	u32 uid;                            /* [const] */
	u32 uses;                           /* under its bucket's lock; at 0 it leaves the list */
	struct atomic64 counts[USER_COUNTS];
	LIST_LINK(struct user_account) link;
};
OBJECT_DECLARE(user_account);
OBJECT_DEFINE(user_account);
LIST_OF(user_list, struct user_account, link);

enum : u32 { USER_BUCKETS = 16 };
static struct user_bucket {
	struct spin_lock lock;
	struct user_list users GUARDED_BY(&lock);
} buckets[USER_BUCKETS];

static struct user_account *
user_find_locked(struct user_bucket *bucket, u32 uid) MUST_HOLD(&bucket->lock)
{
	LIST_FOR(user_list, user, &bucket->users)
		if (user->uid == uid)
			return user;
	return nullptr;
}

struct user_account *
user_account_find(u32 uid)
{
	struct user_bucket *bucket = ELEM(buckets, uid % USER_BUCKETS);
	SPIN_SCOPE(&bucket->lock);
	struct user_account *user = user_find_locked(bucket, uid);
	if (user == nullptr) {
		user = user_account_alloc();
		if (user == nullptr)
			return nullptr;
		user->uid = uid;
		user_list_push_back(&bucket->users, user);
	}
	user->uses += 1;
	return user;
}

void
user_account_drop(struct user_account *user)
{
	struct user_bucket *bucket = ELEM(buckets, user->uid % USER_BUCKETS);
	{
		SPIN_SCOPE(&bucket->lock);
		user->uses -= 1;
		if (user->uses != 0)
			return;
		user_list_remove(&bucket->users, user);
	}
	user_account_put(user);
}

u64
user_account_add(struct user_account *user, enum user_count count, u64 n)
{
	return atomic64_add(ELEM(user->counts, (u32)count), n) + n;
}

u32
user_account_uid(struct user_account *user)
{
	return user->uid;
}
