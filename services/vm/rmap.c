// SPDX-License-Identifier: MPL-2.0
/**
 * The reverse map: from an object to the areas that map it, so that pages that leave it leave the programs as well.
 */
#include <vm_impl.h>

void
object_area_add(struct vm_object *object, struct vm_area *area)
{
	MUTEX_SCOPE(&object->rmap_lock);
	vm_area_list_push_back(&object->areas, area);
}

void
object_area_remove(struct vm_object *object, struct vm_area *area)
{
	MUTEX_SCOPE(&object->rmap_lock);
	vm_area_list_remove(&object->areas, area);
}

/** Unmaps what [start, end) of the space has of the object's pages, or everything. */
static void
range_unmap(struct vm_map *map, struct vm_object *object, u64 start, u64 end, bool all)
{
	VM_CURSOR_SCOPE(cursor);
	if (vm_cursor_open(map->space, UADDR(start), UADDR(end), &cursor) != OK)
		return;
	while (vm_cursor_at(&cursor).raw < end && vm_cursor_next(&cursor)) {
		struct vm_entry entry = vm_cursor_query(&cursor);
		if (all || (entry.frame != nullptr && frame_owner(entry.frame) == vm_object_object(object)))
			(void)vm_cursor_unmap(&cursor, 1);
		else
			vm_cursor_seek(&cursor, UADDR(vm_cursor_at(&cursor).raw + PAGE_SIZE));
	}
}

/** The part of the area, in bytes from its start, that shows pages [first, end). */
static void
area_unmap(const struct vm_area *scoped area, struct vm_object *object, u64 first, u64 end, bool all)
{
	u64 base = area->offset >> PAGE_SHIFT, pages = pages_of(area->end - area->start);
	u64 from = first > base ? first - base : 0, to = end > base ? MIN(end - base, pages) : 0;
	if (from < to)
		range_unmap(area->map, object, area->start + (from << PAGE_SHIFT), area->start + (to << PAGE_SHIFT), all);
}

void
object_unmap(struct vm_object *object, u64 first, u64 end, bool all)
{
	MUTEX_SCOPE(&object->rmap_lock);
	LIST_FOR(vm_area_list, area, &object->areas)
		area_unmap(area, object, first, end, all);
}
