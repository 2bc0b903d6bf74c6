// SPDX-License-Identifier: MPL-2.0
// The framework's own spin lock (sync/raw_lock.h): one at a time, in order of the tickets, and what is guarded is seen.
#include <explore.h>
#include <sync/raw_lock.h>
#include "env.h"

static struct raw_lock lock;
static u32 guarded, inside;

static void
locking_thread(void)
{
	for (u32 i = 0; i < 2; i++) {
		u64 flags = raw_acquire(&lock);
		EXPLORE_CHECK(__atomic_exchange_n(&inside, 1, __ATOMIC_RELAXED) == 0);
		guarded++;
		__atomic_store_n(&inside, 0, __ATOMIC_RELAXED);
		raw_release(&lock, flags);
	}
}

static void
finish(void)
{
	EXPLORE_CHECK(guarded == 4);
}

static void
finish_three(void)
{
	EXPLORE_CHECK(guarded == 6);
}

/* The tickets wrap. */
static void
setup_wrap(void)
{
	lock.next = lock.serving = ~0u;
}

MODEL(raw_lock_two, .threads = { locking_thread, locking_thread }, .finish = finish);
MODEL(raw_lock_three, .setup = setup_wrap, .threads = { locking_thread, locking_thread, locking_thread }, .finish = finish_three);
