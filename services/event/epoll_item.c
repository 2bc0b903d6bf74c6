// SPDX-License-Identifier: MPL-2.0
/**
 * Items of epoll sets: how they watch files, become ready, and leave.
 */
#include "epoll.h"

#include <cadre/frame.h>

XARRAY_DEFINE(epoll_items);

static void
epoll_item_release(struct epoll_item *item)
{
	if (item->epoll != nullptr)
		epoll_put(item->epoll);
}
OBJECT_DEFINE_RELEASE(epoll_item);

static struct atomic64 watches_max;

u64
epoll_watches_max(void)
{
	u64 max = atomic64_load_relaxed(&watches_max);
	/* Linux: a twenty-fifth of the low memory, at the 160 bytes and more of an item. */
	return max != 0 ? max : memory_stat().total * PAGE_SIZE / 25 / 184;
}

void
epoll_watches_max_set(u64 value)
{
	atomic64_store(&watches_max, value);
}

struct epoll_item *
epoll_find(struct epoll *epoll, struct file *file, i32 fd)
{
	struct epoll_item *item = epoll_items_load(&epoll->items, (u32)fd);
	while (item != nullptr && item->file != file)
		item = item->same_fd;
	return item;
}

bool
epoll_ready_push(struct epoll *epoll, struct epoll_item *item)
{
	IRQ_SPIN_SCOPE(&epoll->ready_lock);
	if (item->ready)
		return false;
	item->ready = true;
	epoll_ready_list_push_back(&epoll->ready, item);
	ready_count_add(epoll, 1);
	return true;
}

static void
epoll_ready_drop(struct epoll *epoll, struct epoll_item *item)
{
	IRQ_SPIN_SCOPE(&epoll->ready_lock);
	if (!item->ready)
		return;
	item->ready = false;
	epoll_ready_list_remove(&epoll->ready, item);
	ready_count_add(epoll, ~(u32)0);
}

/** A watched queue tells. => whether somebody waits for it here (for exclusive watchers) */
static bool
item_woken(struct poll_watch *watch, u32 events)
{
	struct epoll_item *item = watch->epoll_item;
	u32 wanted = atomic32_load_relaxed(&item->events) & ~(u32)EPOLL_PRIVATE;
	if (wanted == 0 || (events != 0 && (events & wanted) == 0))
		return false;
	(void)epoll_ready_push(item->epoll, item);
	return poll_wake_one(&item->epoll->queue, POLL_IN | POLL_RDNORM);
}

/** poll_table.add: one more queue of the item's file. */
static err_t
item_watch(struct poll_table *scoped table, struct poll_queue *queue)
{
	struct epoll_item *item = epoll_item_from(table->owner);
	if (item->used >= EPOLL_WATCHES)
		return ENOMEM;
	struct poll_watch *watch = ELEM(item->watches, item->used);
	item->used += 1;
	watch->fn = item_woken;
	watch->owner = table->owner;
	watch->epoll_item = item;
	watch->exclusive = (atomic32_load_relaxed(&item->events) & EPOLLEXCLUSIVE) != 0;
	poll_watch_add(queue, watch);
	return OK;
}

u32
epoll_item_ask(struct epoll_item *item, struct poll_table *scoped table)
{
	return file_poll(item->file, table) & atomic32_load_relaxed(&item->events) & ~(u32)EPOLL_PRIVATE;
}

static void
file_link(struct file *file, struct epoll_item *item)
{
	(void)atomic32_or(&file->state, FILE_WATCHED);
	SPIN_SCOPE(&file->watch_lock);
	struct epoll_item *next = file->watched_by;
	item->file_next = next;
	if (next != nullptr)
		next->file_prev = item;
	file->watched_by = item;
}

static void
file_unlink(struct file *file, struct epoll_item *item)
{
	SPIN_SCOPE(&file->watch_lock);
	if (item->file_next != nullptr)
		item->file_next->file_prev = item->file_prev;
	if (item->file_prev != nullptr)
		item->file_prev->file_next = item->file_next;
	else
		file->watched_by = item->file_next;
}

/** Puts the item into the set's index at its number, behind one of another file that is there. */
static err_t
items_link(struct epoll *epoll, struct epoll_item *item) MUST_HOLD(&epoll->lock)
{
	struct epoll_item *first = epoll_items_load(&epoll->items, (u32)item->fd);
	if (first != nullptr) {
		item->same_fd = first->same_fd;
		first->same_fd = item;
	} else {
		TRY(epoll_items_insert(&epoll->items, (u32)item->fd, item));
	}
	item->linked = true;
	return OK;
}

static void
items_unlink(struct epoll *epoll, struct epoll_item *item) MUST_HOLD(&epoll->lock)
{
	struct epoll_item *first = epoll_items_load(&epoll->items, (u32)item->fd);
	item->linked = false;
	if (first == item && item->same_fd == nullptr) {
		(void)epoll_items_remove(&epoll->items, (u32)item->fd);
	} else if (first == item) {
		epoll_items_replace(&epoll->items, (u32)item->fd, item->same_fd);
	} else {
		while (first->same_fd != item)
			first = first->same_fd;
		first->same_fd = item->same_fd;
	}
}

void
epoll_remove(struct epoll *epoll, struct epoll_item *item)
{
	for (u32 i = 0; i < item->used; i++)
		poll_watch_remove(ELEM(item->watches, i));
	epoll_ready_drop(epoll, item);
	items_unlink(epoll, item);
	file_unlink(item->file, item);
	(void)user_count_add(&epoll->user->epoll_watches, ~(u64)0);
	epoll_item_put(item);
}

/** An item that is found by its set and its file, and watches nothing yet. => ENOSPC, ENOMEM */
static err_t
item_make(struct epoll *epoll, struct file *file, i32 fd, struct epoll_item **scoped out) MUST_HOLD(&epoll->lock)
{
	REF_SCOPE(epoll_item, item);
	item = epoll_item_alloc();
	if (item == nullptr)
		return ENOMEM;
	epoll_get(epoll);
	item->epoll = epoll;
	item->file = file;
	item->fd = fd;
	if (user_count_add(&epoll->user->epoll_watches, 1) > epoll_watches_max()) {
		(void)user_count_add(&epoll->user->epoll_watches, ~(u64)0);
		return ENOSPC;
	}
	err_t err = items_link(epoll, item);
	if (err != OK) {
		(void)user_count_add(&epoll->user->epoll_watches, ~(u64)0);
		return err;
	}
	file_link(file, item);
	*out = item;
	item = nullptr;     /* the set's index has it */
	return OK;
}

/** Puts an item that is ready on the list and wakes who waits for the set. */
static void
item_found_ready(struct epoll *epoll, struct epoll_item *item)
{
	if (epoll_ready_push(epoll, item))
		(void)poll_wake_one(&epoll->queue, POLL_IN | POLL_RDNORM);
}

err_t
epoll_add(struct epoll *epoll, struct file *file, i32 fd, u32 events, u64 data)
{
	struct epoll_item *item = nullptr;
	TRY(item_make(epoll, file, fd, &item));
	item->data = data;
	atomic32_store(&item->events, events);
	struct poll_table table = { .add = item_watch, .owner = epoll_item_object(item) };
	u32 ready = epoll_item_ask(item, &table);
	if (table.err != OK) {
		epoll_remove(epoll, item);
		return table.err;
	}
	if (ready != 0)
		item_found_ready(epoll, item);
	return OK;
}

void
epoll_change(struct epoll *epoll, struct epoll_item *item, u32 events, u64 data)
{
	item->data = data;
	atomic32_store(&item->events, events);
	atomic_fence();     /* a callback sees the new events, or this look sees its */
	if (epoll_item_ask(item, nullptr) != 0)
		item_found_ready(epoll, item);
}

/** The file's first item, with a reference. */
static struct epoll_item *
watched_first(struct file *file)
{
	SPIN_SCOPE(&file->watch_lock);
	struct epoll_item *item = file->watched_by;
	if (item != nullptr)
		epoll_item_get(item);
	return item;
}

void
epoll_file_gone(struct file *file)
{
	for (struct epoll_item *item = watched_first(file); item != nullptr; item = watched_first(file)) {
		{
			struct epoll *epoll = item->epoll;
			MUTEX_SCOPE(&epoll->lock);
			if (item->linked)
				epoll_remove(epoll, item);
		}
		epoll_item_put(item);
	}
}
