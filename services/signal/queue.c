// SPDX-License-Identifier: MPL-2.0
/**
 * Pending sets: which signals wait, and what is known about each, in order of arrival.
 *
 * Entries of ordinary signals live while they are queued. A timer's entry lives as long as its timer or its place in a queue, whichever is
 * longer; each of the two holds a reference.
 */
#include "signal_impl.h"

static void
signal_entry_release(struct signal_entry *entry)
{
	if (entry->user == nullptr)
		return;
	(void)atomic64_sub(&entry->user->signals, 1);
	user_account_put(entry->user);
}

OBJECT_DEFINE_RELEASE(signal_entry);

/** Charged to `user`, without asking for the limit. => null: ENOMEM */
struct signal_entry *
signal_entry_make(struct user_account *user, const struct signal_info *scoped info)
{
	struct signal_entry *entry = signal_entry_alloc();
	if (entry == nullptr)
		return nullptr;
	entry->info = *info;
	entry->user = user;
	if (user != nullptr) {
		user_account_get(user);
		(void)atomic64_add_relaxed(&user->signals, 1);
	}
	return entry;
}

struct signal_entry *
signal_entry_take(struct signal_process *sp, struct user_account *user, const struct signal_info *scoped info)
{
	struct signal_entry *entry = sp->spare;
	if (entry == nullptr || user != nullptr)
		return signal_entry_make(user, info);
	sp->spare = nullptr;
	entry->info = *info;
	return entry;
}

void
signal_pending_add(struct signal_pending *pending, u32 number, struct signal_entry *entry)
{
	pending->set |= sigbit(number);
	if (entry != nullptr)
		signal_entry_list_push_back(&pending->entries, entry);
}

struct signal_entry *
signal_pending_take(struct signal_pending *pending, u32 number)
{
	struct signal_entry *found = nullptr;
	bool more = false;
	LIST_FOR(signal_entry_list, entry, &pending->entries) {
		if (entry->info.number == number && found == nullptr)
			found = entry;
		else if (entry->info.number == number)
			more = true;
	}
	if (found != nullptr) {
		signal_entry_list_remove(&pending->entries, found);
		atomic32_store(&found->queued, 0);
	}
	if (!more)
		pending->set &= ~sigbit(number);
	return found;
}

void
signal_pending_flush(struct signal_pending *pending, u64 set)
{
	if ((pending->set & set) == 0)
		return;
	pending->set &= ~set;
	LIST_FOR_REMOVING(signal_entry_list, entry, &pending->entries) {
		if (!sigset_has(set, entry->info.number))
			continue;
		signal_entry_list_remove(&pending->entries, entry);
		atomic32_store(&entry->queued, 0);
		/* Its account may go with it, which wants no lock held. */
		signal_entry_put_rcu(entry);
	}
}

u32
signal_first(u64 set)
{
	u64 faults = set & SIGSET_SYNCHRONOUS;
	return (u32)__builtin_ffsl((long)(faults != 0 ? faults : set));
}

err_t
signal_entry_create(const struct signal_info *scoped info, const struct signal_entry_ops *ops, struct object *owner,
	struct signal_entry **scoped out)
{
	struct user_account *user = cred_current()->user;
	if (atomic64_load_relaxed(&user->signals) >= rlimit_current(RLIMIT_SIGPENDING))
		return EAGAIN;
	struct signal_entry *entry = signal_entry_make(user, info);
	if (entry == nullptr)
		return ENOMEM;
	entry->is_timer = true;
	entry->ops = ops;
	entry->owner = owner;
	*out = entry;
	return OK;
}
