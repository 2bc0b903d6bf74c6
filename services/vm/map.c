// SPDX-License-Identifier: MPL-2.0
/**
 * Maps: made, used, emptied; and the three changes that all else is made of: add, remove, protect.
 */
#include <vm_impl.h>

enum : u64 { PEAK_LOOK = 16 * PAGE_SIZE };   /* a removal of so much may take the map from its peak */

static struct atomic64 map_last_id;

static void
vm_map_release(struct vm_map *map)
{
	if (map->space != nullptr)
		vm_space_put(map->space);
}
OBJECT_DEFINE_RELEASE(vm_map);

err_t
vm_map_create(struct vm_map **scoped out)
{
	REF_SCOPE(vm_map, map);
	map = vm_map_alloc();
	if (map == nullptr)
		return ENOMEM;
	struct vm_space *space = nullptr;
	TRY(vm_space_create(&space));
	map->space = space;
	map->id = atomic64_add_relaxed(&map_last_id, 1) + 1;
	vm_map_set_random(map, true);
	*out = map;
	map = nullptr;
	return OK;
}

void
vm_map_activate(struct vm_map *map)
{
	vm_space_activate(map != nullptr ? map->space : nullptr);
}

void
vm_map_use(struct vm_map *map)
{
	(void)atomic32_add(&map->users, 1);
}

struct vm_layout
vm_map_layout(struct vm_map *map)
{
	MUTEX_SCOPE(&map->lock);
	return map->layout;
}

void
vm_map_set_layout(struct vm_map *map, const struct vm_layout *scoped layout)
{
	MUTEX_SCOPE(&map->lock);
	u64 base = layout->mmap_base != 0 ? layout->mmap_base : map->layout.mmap_base;
	map->layout = *layout;
	map->layout.mmap_base = base;
	map->hint = base;
	map->hint_gap = 0;
}

/* --- removing --- */

void
map_zap(struct vm_map *map, u64 start, u64 end)
{
	VM_CURSOR_SCOPE(cursor);
	start = MAX(start, (u64)USER_START);
	if (start < end && vm_cursor_open(map->space, UADDR(start), UADDR(end), &cursor) == OK)
		(void)vm_cursor_unmap(&cursor, pages_of(end - start));
}

/** What the area holds; no page table has its pages any more. */
static void
area_release(struct vm_area *area)
{
	if (area->object != nullptr)
		object_area_remove(area->object, area);
	vm_area_put(area);
}

/** One area out: tree, page table, references. */
static void
area_drop(struct vm_map *map, struct vm_area *area) MUST_HOLD(&map->lock)
{
	area_remove(map, area);
	map_zap(map, area->start, area->end);
	area_release(area);
}

/** What is taken out now may have been most that was ever resident. */
static void
peak_note(struct vm_map *map)
{
	u64 peak = vm_space_frames(map->space);
	if (peak > atomic64_load_relaxed(&map->resident_peak))
		atomic64_store_relaxed(&map->resident_peak, peak);
}

/**
 * Cuts [start, end) off an area's beginning or end, without an object for the part. => false: it is not that simple. A mapping of an object
 * stays as it is, since the reverse map reads its bounds without vm_map.lock.
 */
static bool
area_trim(struct vm_map *map, u64 start, u64 end) MUST_HOLD(&map->lock)
{
	struct vm_area *area = area_above(map, start);
	if (area == nullptr || area->object != nullptr || area->start > start || area->end < end || (area->start == start) == (area->end == end))
		return false;
	u64 pages = pages_of(end - start);
	bool first = area->start == start;
	area_account(map, area, -1);
	areas_change_begin(map);
	if (first) {
		POINTER_PUBLISH(area->start, end);
		POINTER_PUBLISH(area->offset, area->offset + (end - start));
	} else {
		POINTER_PUBLISH(area->end, start);
	}
	areas_change_end(map);
	area_account(map, area, 1);
	if (area->charged != 0) {
		area->charged -= pages;
		map->charged -= pages;
		vm_commit_uncharge(pages);
	}
	map_place_freed(map, start, end);
	map_zap(map, start, end);
	return true;
}

err_t
map_remove_locked(struct vm_map *map, u64 start, u64 end)
{
	if (area_trim(map, start, end))
		return OK;
	TRY(area_split(map, start));
	TRY(area_split(map, end));
	if (end - start >= PEAK_LOOK)
		peak_note(map);
	for (struct vm_area *area = area_above(map, start); area != nullptr && area->start < end; area = area_above(map, start))
		area_drop(map, area);
	return OK;
}

err_t
vm_map_remove(struct vm_map *map, uaddr_t at, u64 len)
{
	len = align_up(len, PAGE_SIZE);
	if ((at.raw & (PAGE_SIZE - 1)) != 0 || len == 0 || range_exceeds(at.raw, len, USER_END))
		return EINVAL;
	MUTEX_SCOPE(&map->lock);
	return map_remove_locked(map, at.raw, at.raw + len);
}

/** All at once: the tree first, as ever, then the page table in one go, then what each area holds. */
void
vm_map_unuse(struct vm_map *map)
{
	if (atomic32_sub(&map->users, 1) != 1)
		return;
	MUTEX_SCOPE(&map->lock);
	map->dead = true;
	peak_note(map);
	areas_change_begin(map);
	map->gone = map->areas;
	map->areas = (struct vm_area_tree){};
	areas_change_end(map);
	map_zap(map, 0, USER_END);
	for (struct vm_area *area = vm_area_tree_first(&map->gone); area != nullptr; area = vm_area_tree_first(&map->gone)) {
		vm_area_tree_remove(&map->gone, area);
		area_forget(map, area);
		area_release(area);
	}
}

/* --- adding --- */

/** RLIMIT_AS, RLIMIT_DATA and RLIMIT_MEMLOCK for `len` bytes more. */
static u64
limit_pages(struct process *process, enum rlimit_kind kind)
{
	return atomic64_load_relaxed(&ELEM(process->limits, kind)->soft) >> PAGE_SHIFT;
}

err_t
map_check_limits(struct vm_map *map, u64 len, u32 prot, u32 flags)
{
	u64 pages = pages_of(len);
	struct thread *thread = thread_current_or_null();
	if (thread == nullptr)
		return OK;
	struct process *process = thread->process;   /* looked up once, this is every mmap's way */
	if (map->virtual_pages + pages > limit_pages(process, RLIMIT_AS))
		return ENOMEM;
	if ((prot & VM_WRITE) != 0 && (flags & (VM_SHARED | VM_GROWSDOWN)) == 0 && map->data_pages + pages > limit_pages(process, RLIMIT_DATA))
		return ENOMEM;
	if ((flags & VM_LOCKED) != 0 && map->locked_pages + pages > limit_pages(process, RLIMIT_MEMLOCK) && !capable(CAP_IPC_LOCK))
		return EAGAIN;
	return OK;
}

/** An area for the request, with references of its own, charged for. */
static err_t
area_make(const struct vm_request *scoped request, u64 at, u64 len, u32 flags, struct vm_area **scoped out)
{
	REF_SCOPE(vm_area, area);
	area = vm_area_alloc();
	if (area == nullptr)
		return ENOMEM;
	*area = (struct vm_area){ .start = at, .end = at + len, .prot = request->prot, .flags = flags, .offset = request->offset };
	if (request->object != nullptr) {
		vm_object_get(request->object);
		area->object = request->object;
	} else if ((flags & VM_SHARED) != 0) {
		area->object = vm_object_create(nullptr, nullptr);
		if (area->object == nullptr)
			return ENOMEM;
		vm_object_resize(area->object, len);
		area->offset = 0;
	}
	if (request->file != nullptr) {
		request->file_ops->get(request->file);
		area->file_ops = request->file_ops;
		area->file = request->file;
	}
	u64 charge = commit_counts(request->prot, flags, request->object != nullptr) ? pages_of(len) : 0;
	TRY(vm_commit_charge(charge));
	area->charged = charge;
	*out = area;
	area = nullptr;
	return OK;
}

/**
 * Makes an area next to [start, start + len), which is free, longer, where that is all that private memory wants. => false: it does
 * not fit; *err where it did and there is no memory to promise
 */
static bool
area_extend(struct vm_map *map, const struct vm_request *scoped request, u64 start, u64 len, u32 flags, err_t *scoped err) MUST_HOLD(&map->lock)
{
	if (request->object != nullptr || request->file != nullptr || (flags & (VM_SHARED | VM_GROWSDOWN)) != 0)
		return false;
	struct vm_area *area = area_above(map, start - 1);
	if (area == nullptr || (area->end != start && area->start != start + len))
		return false;
	bool charged = commit_counts(request->prot, flags, false);
	if (area->object != nullptr || area->prot != request->prot || area->flags != flags || (area->charged != 0) != charged)
		return false;
	*err = vm_commit_charge(charged ? pages_of(len) : 0);
	if (*err != OK)
		return true;
	area_account(map, area, -1);
	areas_change_begin(map);
	if (area->end == start)
		POINTER_PUBLISH(area->end, start + len);
	else
		POINTER_PUBLISH(area->start, start);
	areas_change_end(map);
	area_account(map, area, 1);
	if (charged) {
		area->charged += pages_of(len);
		map->charged += pages_of(len);
	}
	(void)area_merge(map, area);
	return true;
}

/** The flag that an area with these gets, to keep. */
static u32
was_writable(u32 prot, u32 flags)
{
	return (prot & VM_WRITE) != 0 && (flags & VM_SHARED) == 0 ? VM_WAS_WRITABLE : 0;
}

err_t
map_add_locked(struct vm_map *map, const struct vm_request *scoped request, u64 len, uaddr_t *scoped at)
{
	u64 start = 0;
	u32 flags = request->flags | map->future_flags | was_writable(request->prot, request->flags);
	if (map->dead || map->area_count >= atomic32_load_relaxed(&vm_areas_max))
		return ENOMEM;
	TRY(map_place(map, request, len, &start));
	TRY(map_check_limits(map, len, request->prot, flags));
	*at = UADDR(start);
	err_t grown = OK;
	if (request->place != VM_PLACE_FIXED && area_extend(map, request, start, len, flags, &grown))
		return grown;
	struct vm_area *area = nullptr;
	TRY(area_make(request, start, len, flags, &area));
	err_t err = request->place == VM_PLACE_FIXED ? map_remove_locked(map, start, start + len) : OK;
	if (err != OK) {
		vm_commit_uncharge(area->charged);
		vm_area_put(area);
		return err;
	}
	map->charged += area->charged;
	area_insert(map, area);
	(void)area_merge(map, area);
	return OK;
}

err_t
vm_map_add(struct vm_map *map, const struct vm_request *scoped request, uaddr_t *scoped at)
{
	u64 len = align_up(request->len, PAGE_SIZE);
	if (request->len == 0 || (request->offset & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if (len == 0)
		return ENOMEM;
	if (request->offset + len < request->offset)
		return EOVERFLOW;
	MUTEX_SCOPE(&map->lock);
	return map_add_locked(map, request, len, at);
}

/* --- protecting --- */

/** What the page table may allow at once: pages of a private area may be shared still, so a fault has to see the first write. */
static u32
table_prot(u32 prot, u32 flags)
{
	return (flags & VM_SHARED) != 0 ? prot : prot & ~(u32)VM_WRITE;
}

/** The whole area gets `prot`; it was checked that it may. */
static err_t
area_protect(struct vm_map *map, struct vm_area *area, u32 prot) MUST_HOLD(&map->lock)
{
	u64 charge = area->charged == 0 && commit_counts(prot, area->flags, area->object != nullptr) ? pages_of(area->end - area->start) : 0;
	TRY(vm_commit_charge(charge));
	map->charged += charge;
	area_account(map, area, -1);
	areas_change_begin(map);
	area->charged += charge;
	POINTER_PUBLISH(area->prot, prot);
	POINTER_PUBLISH(area->flags, area->flags | was_writable(prot, area->flags));
	areas_change_end(map);
	area_account(map, area, 1);
	VM_CURSOR_SCOPE(cursor);
	err_t err = vm_cursor_open(map->space, UADDR(area->start), UADDR(area->end), &cursor);
	if (err == OK)
		vm_cursor_protect(&cursor, pages_of(area->end - area->start), (enum vm_prot)table_prot(prot, area->flags));
	return err;
}

/** Whether the area may have `prot` in all of its part of [start, end). */
static err_t
area_check_protect(struct vm_map *map, const struct vm_area *scoped area, u64 start, u64 end, u32 prot) MUST_HOLD(&map->lock)
{
	if (((prot & VM_WRITE) != 0 && (area->flags & VM_MAY_WRITE) == 0) || ((prot & VM_EXEC) != 0 && (area->flags & VM_MAY_EXEC) == 0))
		return EACCES;
	bool becomes_data = (area->prot & VM_WRITE) == 0 && (prot & VM_WRITE) != 0 && (area->flags & (VM_SHARED | VM_GROWSDOWN)) == 0;
	if (becomes_data && map->data_pages + pages_of(MIN(area->end, end) - start) > rlimit_current(RLIMIT_DATA) >> PAGE_SHIFT)
		return ENOMEM;
	return OK;
}

/** From `start`, in an area, to that area's end, or `end`; *next is behind it. */
static err_t
protect_part(struct vm_map *map, u64 start, u64 end, u32 prot, u64 *scoped next) MUST_HOLD(&map->lock)
{
	struct vm_area *area = area_above(map, start);
	if (area == nullptr || area->start > start)
		return ENOMEM;
	*next = MIN(area->end, end);
	if (area->prot == prot)
		return OK;
	TRY(area_check_protect(map, area, start, end, prot));
	TRY(area_split(map, start));
	TRY(area_split(map, end));
	area = area_above(map, start);
	TRY(area_protect(map, area, prot));
	(void)area_merge(map, area);
	return OK;
}

err_t
vm_map_protect(struct vm_map *map, uaddr_t at, u64 len, enum vm_prot prot)
{
	u64 start = at.raw, end = at.raw + align_up(len, PAGE_SIZE);
	if ((start & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if (len == 0)
		return OK;
	if (end <= start || end > USER_END)
		return ENOMEM;
	MUTEX_SCOPE(&map->lock);
	/* What comes before the first part that cannot have it has it: mprotect(2). */
	while (start < end)
		TRY(protect_part(map, start, end, prot, &start));
	return OK;
}
