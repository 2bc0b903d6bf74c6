// SPDX-License-Identifier: MPL-2.0
/**
 * What programs say about ranges of their memory: flags of areas, locking, fetching ahead, throwing away; and the heap's end.
 */
#include <vm_impl.h>

/** Whether [start, end) is mapped without a gap. */
static bool
range_is_mapped(struct vm_map *map, u64 start, u64 end) MUST_HOLD(&map->lock)
{
	while (start < end) {
		const struct vm_area *area = area_above(map, start);
		if (area == nullptr || area->start > start)
			return false;
		start = area->end;
	}
	return true;
}

static void
area_set_flags(struct vm_map *map, struct vm_area *area, u32 flags) MUST_HOLD(&map->lock)
{
	area_account(map, area, -1);
	areas_change_begin(map);
	POINTER_PUBLISH(area->flags, flags);
	areas_change_end(map);
	area_account(map, area, 1);
}

err_t
vm_map_set_flags(struct vm_map *map, uaddr_t at, u64 len, u32 set, u32 clear)
{
	u64 start = at.raw, end = at.raw + len;
	MUTEX_SCOPE(&map->lock);
	bool whole = range_is_mapped(map, start, end);
	TRY(area_split(map, start));
	TRY(area_split(map, end));
	for (struct vm_area *area = area_above(map, start); area != nullptr && area->start < end; area = area_above(map, start)) {
		if ((area->flags & set) != set || (area->flags & clear) != 0)
			area_set_flags(map, area, (area->flags | set) & ~clear);
		start = area->end;
		(void)area_merge(map, area);
	}
	struct vm_area *last = area_above(map, end - 1);
	if (last != nullptr)
		(void)area_merge(map, last);
	return whole ? OK : ENOMEM;
}

err_t
vm_map_lock(struct vm_map *map, uaddr_t at, u64 len)
{
	u64 limit = rlimit_current(RLIMIT_MEMLOCK) >> PAGE_SHIFT, more = 0;
	if (limit == 0 && !capable(CAP_IPC_LOCK))
		return EPERM;
	{
		MUTEX_SCOPE(&map->lock);
		for (u64 start = at.raw; start < at.raw + len;) {
			const struct vm_area *area = area_above(map, start);
			if (area == nullptr || area->start >= at.raw + len)
				break;
			start = MIN(area->end, at.raw + len);
			if ((area->flags & VM_LOCKED) == 0)
				more += pages_of(start - MAX(area->start, at.raw));
		}
		if (map->locked_pages + more > limit && !capable(CAP_IPC_LOCK))
			return ENOMEM;
	}
	return vm_map_set_flags(map, at, len, VM_LOCKED, 0);
}

err_t
vm_map_lock_all(struct vm_map *map, bool present, bool future)
{
	u64 limit = rlimit_current(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	if (limit == 0 && !capable(CAP_IPC_LOCK))
		return EPERM;
	{
		MUTEX_SCOPE(&map->lock);
		if (present && map->virtual_pages > limit && !capable(CAP_IPC_LOCK))
			return ENOMEM;
		POINTER_PUBLISH(map->future_flags, future ? (u32)VM_LOCKED : 0);
		if (!present)
			return OK;
		for (struct vm_area *area = vm_area_tree_first(&map->areas); area != nullptr; area = vm_area_tree_next(area))
			area_set_flags(map, area, area->flags | VM_LOCKED);
	}
	return OK;
}

void
vm_map_unlock_all(struct vm_map *map)
{
	MUTEX_SCOPE(&map->lock);
	POINTER_PUBLISH(map->future_flags, 0);
	for (struct vm_area *area = vm_area_tree_first(&map->areas); area != nullptr;) {
		area_set_flags(map, area, area->flags & ~(u32)VM_LOCKED);
		area = vm_area_tree_next(area_merge(map, area));
	}
}

/** The part of the next area in [*at, end), which *at moves behind. => false: there is none */
static bool
part_next(struct vm_map *map, u64 *scoped at, u64 end, struct vm_view *scoped out)
{
	MUTEX_SCOPE(&map->lock);
	const struct vm_area *area = area_above(map, *at);
	if (area == nullptr || area->start >= end)
		return false;
	*out = (struct vm_view){ .start = MAX(area->start, *at), .end = MIN(area->end, end), .prot = area->prot, .flags = area->flags };
	*at = area->end;
	return true;
}

err_t
vm_map_populate(struct vm_map *map, uaddr_t at, u64 len, enum vm_populate how)
{
	u64 end = at.raw + len, next = at.raw;
	struct vm_view part = {};
	u64 reached = next;
	while (next < end && part_next(map, &next, end, &part)) {
		bool write = how == VM_POPULATE_WRITE || (how == VM_POPULATE_AS_MAPPED && (part.flags & VM_SHARED) == 0 && (part.prot & VM_WRITE) != 0);
		if (part.start > reached)
			return ENOMEM;
		if (part.prot == 0 && how == VM_POPULATE_AS_MAPPED)
			continue;
		for (u64 page = part.start; page < part.end; page += PAGE_SIZE) {
			struct vm_fault fault = {};
			err_t err = vm_map_fault(map, UADDR(page), write ? USER_ACCESS_WRITE : USER_ACCESS_READ, &fault);
			if (err != OK)
				return err;
		}
		reached = part.end;
	}
	return reached >= end || how == VM_POPULATE_AS_MAPPED ? OK : ENOMEM;
}

err_t
vm_map_discard(struct vm_map *map, uaddr_t at, u64 len, bool anonymous_only, bool locked_too)
{
	u64 end = at.raw + len;
	MUTEX_SCOPE(&map->lock);
	bool whole = range_is_mapped(map, at.raw, end);
	for (u64 next = at.raw; next < end;) {
		const struct vm_area *area = area_above(map, next);
		if (area == nullptr || area->start >= end)
			break;
		if ((area->flags & VM_PFNMAP) != 0 || ((area->flags & VM_LOCKED) != 0 && !locked_too) || (anonymous_only && area->object != nullptr))
			return EINVAL;
		map_zap(map, MAX(area->start, at.raw), MIN(area->end, end));
		next = area->end;
	}
	return whole ? OK : ENOMEM;
}

/** Punches the part of the object at `at`; *len is how much of the range that was. Not under the map's lock: it unmaps. */
static err_t
remove_part(struct vm_map *map, u64 at, u64 *scoped len)
{
	REF_SCOPE(vm_object, object);
	u64 offset = 0;
	{
		MUTEX_SCOPE(&map->lock);
		const struct vm_area *area = area_above(map, at);
		if (area == nullptr || area->start > at)
			return ENOMEM;
		if ((area->flags & VM_LOCKED) != 0 || area->object == nullptr)
			return EINVAL;
		if ((area->flags & (VM_SHARED | VM_MAY_WRITE)) != (VM_SHARED | VM_MAY_WRITE))
			return EACCES;
		*len = MIN(*len, area->end - at);
		offset = area->offset + (at - area->start);
		vm_object_get(area->object);
		object = area->object;
	}
	vm_object_punch(object, offset, *len);
	return OK;
}

err_t
vm_map_punch(struct vm_map *map, uaddr_t at, u64 len)
{
	for (u64 here = at.raw, end = at.raw + len; here < end;) {
		u64 part = end - here;
		TRY(remove_part(map, here, &part));
		here += part;
	}
	return OK;
}

err_t
vm_map_check(struct vm_map *map, uaddr_t at, u64 len, u32 refused)
{
	MUTEX_SCOPE(&map->lock);
	for (u64 next = at.raw; next < at.raw + len;) {
		const struct vm_area *area = area_above(map, next);
		if (area == nullptr || area->start > next)
			return ENOMEM;
		if ((area->flags & refused) != 0)
			return EBUSY;
		next = area->end;
	}
	return OK;
}

bool
vm_map_is_locked(struct vm_map *map, uaddr_t at)
{
	struct vm_view view = vm_map_view(map, at.raw);
	return view.end != 0 && (view.flags & VM_LOCKED) != 0;
}

bool
vm_map_locks_future(struct vm_map *map)
{
	return POINTER_LOAD(map->future_flags) != 0;
}

err_t
vm_map_check_anonymous(struct vm_map *map, uaddr_t at, u64 len)
{
	MUTEX_SCOPE(&map->lock);
	for (u64 next = at.raw; next < at.raw + len;) {
		const struct vm_area *area = area_above(map, next);
		if (area == nullptr || area->start > next)
			return ENOMEM;
		if (area->object != nullptr || (area->flags & VM_SHARED) != 0)
			return EINVAL;
		next = area->end;
	}
	return OK;
}

err_t
vm_map_is_present(struct vm_map *map, uaddr_t at, bool *scoped present)
{
	struct vm_view view = vm_map_view(map, at.raw);
	VM_CURSOR_SCOPE(cursor);
	if (view.end == 0)
		return ENOMEM;
	TRY(vm_cursor_open(map->space, at, UADDR(at.raw + PAGE_SIZE), &cursor));
	*present = vm_cursor_query(&cursor).frame != nullptr;
	/* The object is there as long as the area is, and that as long as our cursor is open. */
	if (!*present && view.object != nullptr && vm_view_holds(map, &view)) {
		RCU_SCOPE();
		*present = object_page_peek(view.object, (view.offset + (at.raw - view.start)) >> PAGE_SHIFT) != nullptr;
	}
	return OK;
}

/* --- brk(2) --- */

static err_t
heap_grow(struct vm_map *map, u64 from, u64 to) MUST_HOLD(&map->lock)
{
	struct vm_request request = {
		.address = UADDR(from), .len = to - from, .prot = VM_READ | VM_WRITE, .flags = VM_MAY_WRITE | VM_MAY_EXEC | VM_HEAP,
		.place = VM_PLACE_FIXED_NOREPLACE,
	};
	const struct vm_area *above = area_above(map, from);
	u64 guard = above != nullptr && (above->flags & VM_GROWSDOWN) != 0 ? STACK_GUARD_GAP : 0;
	uaddr_t at = {};
	if (above != nullptr && above->start < to + guard)
		return ENOMEM;
	return map_add_locked(map, &request, to - from, &at);
}

u64
vm_map_brk(struct vm_map *map, u64 to)
{
	MUTEX_SCOPE(&map->lock);
	struct vm_layout *layout = &map->layout;
	u64 old_end = align_up(layout->brk, PAGE_SIZE), new_end = align_up(to, PAGE_SIZE), limit = rlimit_current(RLIMIT_DATA);
	if (to < layout->brk_start || to >= USER_END)
		return layout->brk;
	if (limit != RLIM_INFINITY && to - layout->brk_start + (layout->data_end - layout->data_start) > limit)
		return layout->brk;
	err_t err = OK;
	if (new_end > old_end)
		err = heap_grow(map, old_end, new_end);
	else if (new_end < old_end)
		err = map_remove_locked(map, new_end, old_end);
	if (err == OK)
		layout->brk = to;
	return layout->brk;
}
