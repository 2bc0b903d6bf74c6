// SPDX-License-Identifier: MPL-2.0
/**
 * What others want to know of a map, and its memory as another process sees it.
 */
#include <vm_impl.h>

struct vm_usage
vm_map_usage(struct vm_map *map)
{
	MUTEX_SCOPE(&map->lock);
	u64 resident = vm_space_frames(map->space);
	return (struct vm_usage){
		.virtual = map->virtual_pages << PAGE_SHIFT, .virtual_peak = map->virtual_peak << PAGE_SHIFT,
		.resident = resident << PAGE_SHIFT, .resident_peak = MAX(resident, atomic64_load_relaxed(&map->resident_peak)) << PAGE_SHIFT,
		.locked = map->locked_pages << PAGE_SHIFT, .data = map->data_pages << PAGE_SHIFT,
		.stack = map->stack_pages << PAGE_SHIFT, .exec = map->exec_pages << PAGE_SHIFT,
		.page_tables = (resident / 512 + 4) << PAGE_SHIFT,
	};
}

enum : u32 { COUNTED_AT_ONCE = 512 };

/** One mapped page: mappings that share it have a part of it each (Linux' PSS, in 1/4096 of a byte). */
static void
page_count(struct vm_page_counts *scoped counts, const struct vm_entry *scoped entry)
{
	u64 mappings = MAX(frame_mappings(entry->frame), (u32)1);
	bool anonymous = frame_owner(entry->frame) == nullptr, dirty = anonymous || entry->dirty;
	counts->resident += PAGE_SIZE;
	counts->part += (PAGE_SIZE << VM_PART_SHIFT) / mappings;
	counts->part_dirty += dirty ? (PAGE_SIZE << VM_PART_SHIFT) / mappings : 0;
	counts->shared_clean += mappings > 1 && !dirty ? PAGE_SIZE : 0;
	counts->shared_dirty += mappings > 1 && dirty ? PAGE_SIZE : 0;
	counts->private_dirty += mappings == 1 && dirty ? PAGE_SIZE : 0;
	counts->accessed += entry->accessed ? PAGE_SIZE : 0;
	counts->anonymous += anonymous ? PAGE_SIZE : 0;
}

/** Counts from *at on, for as long as preemption may be off. => false: nothing is left */
static bool
area_count_some(struct vm_map *map, u64 *scoped at, u64 end, struct vm_page_counts *scoped counts)
{
	VM_CURSOR_SCOPE(cursor);
	if (*at >= end || vm_cursor_open(map->space, UADDR(*at), UADDR(end), &cursor) != OK)
		return false;
	for (u32 n = 0; n < COUNTED_AT_ONCE; n++) {
		if (vm_cursor_at(&cursor).raw >= end || !vm_cursor_next(&cursor))
			return false;
		struct vm_entry entry = vm_cursor_query(&cursor);
		if (entry.frame != nullptr && entry.frame != zero_page())
			page_count(counts, &entry);
		*at = vm_cursor_at(&cursor).raw + PAGE_SIZE;
		vm_cursor_seek(&cursor, UADDR(*at));
	}
	return true;
}

struct vm_page_counts
vm_map_area_count(struct vm_map *map, const struct vm_area_info *scoped info)
{
	struct vm_page_counts counts = {};
	u64 at = MAX(info->start, (u64)USER_START);
	while (area_count_some(map, &at, info->end, &counts))
		;
	return counts;
}

bool
vm_map_area_at(struct vm_map *map, uaddr_t address, struct vm_area_info *scoped out)
{
	MUTEX_SCOPE(&map->lock);
	const struct vm_area *area = area_above(map, address.raw);
	if (area == nullptr)
		return false;
	*out = (struct vm_area_info){
		.start = area->start, .end = area->end, .prot = (enum vm_prot)area->prot, .flags = area->flags, .offset = area->offset,
		.file = area->file, .file_ops = area->file_ops,
	};
	if (area->file != nullptr)
		area->file_ops->get(area->file);
	return true;
}

/* --- another process' memory --- */

/** The frame at `page`, with a reference, in a state in which it may be read, or written. */
static err_t
frame_hold(struct vm_map *map, u64 page, bool write, struct frame **scoped out)
{
	for (;;) {
		{
			VM_CURSOR_SCOPE(cursor);
			TRY(vm_cursor_open(map->space, UADDR(page), UADDR(page + PAGE_SIZE), &cursor));
			struct vm_entry entry = vm_cursor_query(&cursor);
			if (entry.frame != nullptr && entry.prot != 0 && (!write || (entry.prot & VM_WRITE) != 0)) {
				frame_get(entry.frame);
				*out = entry.frame;
				return OK;
			}
		}
		struct vm_fault fault = {};
		if (vm_map_fault(map, UADDR(page), write ? USER_ACCESS_WRITE : USER_ACCESS_READ, &fault) != OK)
			return EFAULT;
	}
}

err_t
vm_map_read(struct vm_map *map, uaddr_t at, struct bytes dst, size_t *scoped done)
{
	for (*done = 0; *done < bytes_len(dst);) {
		u64 from = at.raw + *done, off = from & (PAGE_SIZE - 1);
		size_t part = MIN(PAGE_SIZE - off, bytes_len(dst) - *done);
		struct frame *frame = nullptr;
		if (from < USER_START || from >= USER_END)
			return EFAULT;
		TRY(frame_hold(map, from - off, false, &frame));
		frame_read(frame, off, bytes_sub(dst, *done, part));
		frame_put(frame);
		*done += part;
	}
	return OK;
}

err_t
vm_map_write(struct vm_map *map, uaddr_t at, struct cbytes src, size_t *scoped done)
{
	for (*done = 0; *done < cbytes_len(src);) {
		u64 to = at.raw + *done, off = to & (PAGE_SIZE - 1);
		size_t part = MIN(PAGE_SIZE - off, cbytes_len(src) - *done);
		struct frame *frame = nullptr;
		if (to < USER_START || to >= USER_END)
			return EFAULT;
		TRY(frame_hold(map, to - off, true, &frame));
		frame_write(frame, off, cbytes_sub(src, *done, part));
		frame_put(frame);
		*done += part;
	}
	return OK;
}

struct vm_map *
vm_map_of_process(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	LIST_FOR(thread_list, thread, &process->threads) {
		SPIN_SCOPE(&thread->lock);
		if (thread->map == nullptr)
			continue;
		vm_map_get(thread->map);
		return thread->map;
	}
	return nullptr;
}

/* --- barriers --- */

u32
vm_map_membarrier(struct vm_map *map, u32 add)
{
	return add != 0 ? atomic32_or(&map->membarrier, add) | add : atomic32_load(&map->membarrier);
}

void
vm_map_barrier(struct vm_map *map)
{
	/* The first page is nobody's: mappings begin above. */
	VM_CURSOR_SCOPE(cursor);
	if (vm_cursor_open(map->space, UADDR(USER_END - PAGE_SIZE), UADDR(USER_END), &cursor) != OK)
		return;
	struct vm_entry entry = vm_cursor_query(&cursor);
	if (entry.frame != nullptr) {
		vm_cursor_clear_accessed(&cursor);
		return;
	}
	if (zero_page() != nullptr && vm_cursor_map(&cursor, zero_page(), (enum vm_prot)0, VM_CACHE_BACK) == OK) {
		vm_cursor_seek(&cursor, UADDR(USER_END - PAGE_SIZE));
		(void)vm_cursor_unmap(&cursor, 1);
	}
}

/* --- futexes --- */

err_t
vm_futex_key(uaddr_t at, bool shared, bool for_write, struct vm_futex_key *scoped out)
{
	struct vm_map *map = map_current();
	struct vm_fault fault = {};
	*out = (struct vm_futex_key){ .space = map->id << 1, .offset = at.raw };
	if (!shared)
		return at.raw < USER_END ? OK : EFAULT;
	if (vm_map_fault(map, at, for_write ? USER_ACCESS_WRITE : USER_ACCESS_READ, &fault) != OK)
		return EFAULT;
	MUTEX_SCOPE(&map->lock);
	const struct vm_area *area = area_above(map, at.raw);
	if (area == nullptr || area->start > at.raw)
		return EFAULT;
	if (area->object != nullptr && (area->flags & VM_SHARED) != 0)
		*out = (struct vm_futex_key){ .space = area->object->id << 1 | 1, .offset = area->offset + (at.raw - area->start) };
	return OK;
}
