// SPDX-License-Identifier: MPL-2.0
/**
 * fork(2): a map with the same areas, whose private pages are shared until one side writes.
 *
 * A task has one cursor at a time, so pages go over in batches: taken from the parent, and write-protected there, under one cursor,
 * mapped in the child under the next. Pages of caches, and the zero page, stay behind: the child faults them in. An area that never was
 * writable has no others.
 */
#include <vm_impl.h>

enum : u32 { BATCH_MAX = 256 };
struct fork_batch {
	struct frame *frames[BATCH_MAX];    /* each with a reference */
	u64 addresses[BATCH_MAX];
	u32 count;
};
OBJECT_DECLARE(fork_batch);
OBJECT_DEFINE(fork_batch);

/** Fills the batch with private pages in [*at, end); *at moves on. */
static err_t
batch_take(struct vm_map *from, struct fork_batch *batch, u64 *scoped at, u64 end, u32 prot)
{
	VM_CURSOR_SCOPE(cursor);
	batch->count = 0;
	TRY(vm_cursor_open(from->space, UADDR(*at), UADDR(end), &cursor));
	while (batch->count < BATCH_MAX && vm_cursor_next(&cursor)) {
		struct vm_entry entry = vm_cursor_query(&cursor);
		u64 here = vm_cursor_at(&cursor).raw;
		vm_cursor_seek(&cursor, UADDR(here + PAGE_SIZE));
		if (entry.frame == nullptr || entry.frame == zero_page() || frame_owner(entry.frame) != nullptr)
			continue;
		frame_get(entry.frame);
		u32 i = batch->count % BATCH_MAX;
		batch->frames[i] = entry.frame;
		batch->addresses[i] = here;
		batch->count++;
	}
	u64 next = vm_cursor_at(&cursor).raw;
	if (batch->count != 0 && (prot & VM_WRITE) != 0) {
		vm_cursor_seek(&cursor, UADDR(batch->addresses[0]));
		vm_cursor_protect(&cursor, pages_of(next - batch->addresses[0]), (enum vm_prot)(prot & ~(u32)VM_WRITE));
	}
	*at = next;
	return OK;
}

/** Maps the batch's pages in the child, read-only, and lets go of them. */
static err_t
batch_give(struct vm_map *to, struct fork_batch *batch, u32 prot)
{
	if (batch->count == 0)
		return OK;
	u64 first = batch->addresses[0], last = batch->addresses[(batch->count - 1) % BATCH_MAX];
	VM_CURSOR_SCOPE(cursor);
	err_t err = vm_cursor_open(to->space, UADDR(first), UADDR(last + PAGE_SIZE), &cursor);
	for (u32 i = 0; i < BATCH_MAX && i < batch->count; i++) {
		if (err == OK) {
			vm_cursor_seek(&cursor, UADDR(batch->addresses[i]));
			err = vm_cursor_map(&cursor, batch->frames[i], (enum vm_prot)(prot & ~(u32)VM_WRITE), VM_CACHE_BACK);
		}
		frame_put(batch->frames[i]);
	}
	return err;
}

static err_t
pages_copy(struct vm_map *from, struct vm_map *to, const struct vm_area *scoped area, struct fork_batch *batch)
{
	err_t err = OK;
	for (u64 at = MAX(area->start, (u64)USER_START); err == OK && at < area->end;) {
		err = batch_take(from, batch, &at, area->end, area->prot);
		if (err == OK)
			err = batch_give(to, batch, area->prot);
	}
	return err;
}

static err_t
area_copy(struct vm_map *from, struct vm_map *to, const struct vm_area *scoped area, struct fork_batch *batch) MUST_HOLD(&from->lock, &to->lock)
{
	if ((area->flags & VM_DONTFORK) != 0)
		return OK;
	u64 charge = (area->flags & VM_SHARED) == 0 ? area->charged : 0;
	TRY(vm_commit_charge(charge));
	struct vm_area *copy = area_tail(area, area->start);
	if (copy == nullptr) {
		vm_commit_uncharge(charge);
		return ENOMEM;
	}
	copy->flags &= ~(u32)VM_LOCKED;
	copy->charged = charge;
	to->charged += charge;
	area_insert(to, copy);
	bool pages = (area->flags & (VM_WAS_WRITABLE | VM_WIPEONFORK)) == VM_WAS_WRITABLE;
	return pages ? pages_copy(from, to, area, batch) : OK;
}

static err_t
areas_copy(struct vm_map *from, struct vm_map *to, struct fork_batch *batch)
{
	MUTEX_SCOPE(&from->lock);
	MUTEX_SCOPE(&to->lock);
	to->layout = from->layout;
	to->fixed_layout = from->fixed_layout;
	to->hint = from->hint;
	to->hint_gap = from->hint_gap;
	for (struct vm_area *area = vm_area_tree_first(&from->areas); area != nullptr; area = vm_area_tree_next(area)) {
		err_t err = area_copy(from, to, area, batch);
		if (err == OK)
			continue;
		(void)map_remove_locked(to, 0, USER_END);
		return err;
	}
	return OK;
}

err_t
vm_map_fork(struct vm_map *from, struct vm_map **scoped out)
{
	REF_SCOPE(fork_batch, batch);
	REF_SCOPE(vm_map, map);
	batch = fork_batch_alloc();
	if (batch == nullptr)
		return ENOMEM;
	struct vm_map *made = nullptr;
	TRY(vm_map_create(&made));
	map = made;
	TRY(areas_copy(from, map, batch));
	atomic32_store(&map->membarrier, atomic32_load(&from->membarrier));
	*out = map;
	map = nullptr;
	return OK;
}
