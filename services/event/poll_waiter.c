// SPDX-License-Identifier: MPL-2.0
/**
 * Waiters of poll(2) and select(2), and the cache of them.
 */
#include "poll_waiter.h"

#include <cadre/cpu.h>

ARRAY_DEFINE(pollfd_chunks, struct pollfd_chunk);
ARRAY_DEFINE(select_words, u64);
OBJECT_DEFINE(poll_block);

static void
poll_waiter_release(struct poll_waiter *waiter)
{
	if (waiter->more_fds != nullptr)
		pollfd_chunks_put(waiter->more_fds);
}
OBJECT_DEFINE_RELEASE(poll_waiter);

struct waiter_cache { struct poll_waiter *waiter; };
CPU_LOCAL_DEFINE(waiter_cache, waiter_cache);

err_t
poll_waiter_room(struct poll_waiter *waiter, u32 chunks)
{
	if (chunks == 0 || (waiter->more_fds != nullptr && pollfd_chunks_len(waiter->more_fds) >= chunks))
		return OK;
	struct pollfd_chunks *more = pollfd_chunks_alloc(chunks);
	if (more == nullptr)
		return ENOMEM;
	if (waiter->more_fds != nullptr)
		pollfd_chunks_put(waiter->more_fds);
	waiter->more_fds = more;
	return OK;
}

struct poll_waiter *
poll_waiter_take(void)
{
	struct poll_waiter *waiter = nullptr;
	{
		CPU_LOCAL_SCOPE(cache, waiter_cache);
		waiter = cache->waiter;
		cache->waiter = nullptr;
	}
	return waiter != nullptr ? waiter : poll_waiter_alloc();
}

static void
slot_clear(struct poll_slot *slot)
{
	poll_watch_remove(&slot->watch);
	file_put(slot->file);
	slot->file = nullptr;
}

static void
blocks_clear(struct poll_waiter *waiter)
{
	for (struct poll_block *block = waiter->blocks; block != nullptr;) {
		struct poll_block *next = block->next;
		for (u32 i = 0; i < WAITER_SLOTS; i++)
			if (ELEM(block->slots, i)->file != nullptr)
				slot_clear(ELEM(block->slots, i));
		poll_block_put(block);
		block = next;
	}
	waiter->block = nullptr;
	waiter->blocks = nullptr;
}

void
poll_waiter_give(struct poll_waiter *waiter)
{
	for (u32 i = 0; i < waiter->used && i < WAITER_SLOTS; i++)
		slot_clear(ELEM(waiter->slots, i));
	if (waiter->blocks != nullptr)
		blocks_clear(waiter);
	if (waiter->more_fds != nullptr && pollfd_chunks_len(waiter->more_fds) > WAITER_CHUNKS_KEPT) {
		pollfd_chunks_put(waiter->more_fds);
		waiter->more_fds = nullptr;
	}
	if (waiter->more_words != nullptr)
		select_words_put(waiter->more_words);
	waiter->more_words = nullptr;
	waiter->used = 0;
	atomic32_store_relaxed(&waiter->triggered, 0);
	{
		CPU_LOCAL_SCOPE(cache, waiter_cache);
		struct poll_waiter *before = cache->waiter;
		cache->waiter = waiter;
		waiter = before;
	}
	if (waiter != nullptr)
		poll_waiter_put(waiter);
}

/** The next free slot; null: memory is gone. */
static struct poll_slot *
slot_next(struct poll_waiter *waiter)
{
	u32 i = waiter->used % WAITER_SLOTS;
	if (waiter->used >= WAITER_SLOTS && i == 0) {
		struct poll_block *block = poll_block_alloc();
		if (block == nullptr)
			return nullptr;
		if (waiter->block != nullptr)
			waiter->block->next = block;
		else
			waiter->blocks = block;
		waiter->block = block;
	}
	waiter->used += 1;
	return waiter->block != nullptr ? ELEM(waiter->block->slots, i) : ELEM(waiter->slots, i);
}

static bool
waiter_woken(struct poll_watch *watch, u32 events)
{
	struct poll_waiter *waiter = poll_waiter_from(watch->owner);
	if (events != 0 && (events & watch->key) == 0)
		return false;
	atomic32_store(&waiter->triggered, 1);
	(void)wake_one(&waiter->wait);
	return true;
}

err_t
poll_waiter_add(struct poll_table *scoped table, struct poll_queue *queue)
{
	struct poll_waiter *waiter = poll_waiter_from(table->owner);
	struct poll_slot *slot = slot_next(waiter);
	if (slot == nullptr)
		return ENOMEM;
	slot->file = waiter->asking;
	file_get(slot->file);
	slot->watch.fn = waiter_woken;
	slot->watch.owner = table->owner;
	slot->watch.key = table->key;
	poll_watch_add(queue, &slot->watch);
	return OK;
}

err_t
poll_waiter_sleep(struct poll_waiter *waiter, u64 deadline)
{
	err_t err = WAIT_UNTIL(&waiter->wait, atomic32_load_acquire(&waiter->triggered) != 0, WAIT_INTERRUPTIBLE, deadline);
	atomic32_store(&waiter->triggered, 0);
	return err;
}
