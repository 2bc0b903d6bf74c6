// SPDX-License-Identifier: MPL-2.0
/**
 * Areas in their tree: found without a lock, split, joined, counted.
 */
#include <vm_impl.h>

struct atomic32 vm_areas_max;

static void
vm_area_release(struct vm_area *area)
{
	if (area->object != nullptr)
		vm_object_put(area->object);
	if (area->file != nullptr)
		area->file_ops->put(area->file);
}
OBJECT_DEFINE_RELEASE(vm_area);

enum : u32 { VIEW_TRIES = 1000 };

void
areas_change_begin(struct vm_map *map)
{
	preempt_disable();   /* readers spin meanwhile */
	(void)atomic32_add(&map->sequence, 1);
}

void
areas_change_end(struct vm_map *map)
{
	(void)atomic32_add(&map->sequence, 1);
	preempt_enable();
}

/** The first area that ends above `address`, in a tree that may be changing: then the answer is any area, or none. */
static struct vm_area *
area_seek(const struct vm_map *map, u64 address)
{
	struct vm_area *at = POINTER_LOAD(map->areas.root), *best = nullptr;
	while (at != nullptr) {
		bool below = address < POINTER_LOAD(at->end);
		if (below)
			best = at;
		at = below ? POINTER_LOAD(at->link.child[0]) : POINTER_LOAD(at->link.child[1]);
	}
	return best;
}

struct vm_area *
area_above(struct vm_map *map, u64 address)
{
	return area_seek(map, address);
}

static struct vm_view
view_of(const struct vm_area *area, u64 address)
{
	struct vm_view view = { .start = POINTER_LOAD(area->start), .flags = POINTER_LOAD(area->flags) };
	if (view.start > address)
		return (struct vm_view){ .below_stack = (view.flags & VM_GROWSDOWN) != 0 };
	view.end = POINTER_LOAD(area->end);
	u32 prot = POINTER_LOAD(area->prot);
	view.prot = prot != 0 ? prot | VM_READ : 0;   /* as the page table has it: what can be written or executed can be read */
	view.object = POINTER_LOAD(area->object);
	view.offset = POINTER_LOAD(area->offset);
	return view;
}

struct vm_view
vm_map_view(struct vm_map *map, u64 address)
{
	struct vm_view view = {};
	for (u32 i = 0; i < VIEW_TRIES; i++) {
		u32 sequence = atomic32_load_acquire(&map->sequence);
		if ((sequence & 1) != 0)
			continue;
		const struct vm_area *area = area_seek(map, address);
		view = area != nullptr ? view_of(area, address) : (struct vm_view){};
		view.sequence = sequence;
		if (vm_view_holds(map, &view))
			return view;
	}
	/* Changes come one upon the other, or one was cut short by a trap, and then nobody else will end it. */
	MUTEX_SCOPE(&map->lock);
	if ((atomic32_load(&map->sequence) & 1) != 0)
		(void)atomic32_add(&map->sequence, 1);
	const struct vm_area *area = area_seek(map, address);
	view = area != nullptr ? view_of(area, address) : (struct vm_view){};
	view.sequence = atomic32_load(&map->sequence);
	return view;
}

/* --- the books --- */

static void
count_add(u64 *scoped count, i64 sign, u64 pages)
{
	*count += sign > 0 ? pages : -pages;
}

void
area_account(struct vm_map *map, const struct vm_area *scoped area, i64 sign)
{
	u64 pages = pages_of(area->end - area->start);
	count_add(&map->virtual_pages, sign, pages);
	if ((area->flags & VM_LOCKED) != 0)
		count_add(&map->locked_pages, sign, pages);
	if ((area->flags & VM_GROWSDOWN) != 0)
		count_add(&map->stack_pages, sign, pages);
	else if ((area->flags & VM_SHARED) == 0 && (area->prot & VM_WRITE) != 0)
		count_add(&map->data_pages, sign, pages);
	if ((area->prot & (VM_EXEC | VM_WRITE)) == VM_EXEC)
		count_add(&map->exec_pages, sign, pages);
	map->virtual_peak = MAX(map->virtual_peak, map->virtual_pages);
}

void
area_count_writable(const struct vm_area *scoped area, i32 by)
{
	if (area->object != nullptr && (area->flags & (VM_SHARED | VM_MAY_WRITE)) == (VM_SHARED | VM_MAY_WRITE))
		(void)atomic32_add(&area->object->writable, (u32)by);
}

void
area_insert(struct vm_map *map, struct vm_area *area)
{
	area->map = map;
	areas_change_begin(map);
	bool fresh = vm_area_tree_insert(&map->areas, area);
	areas_change_end(map);
	assert(fresh);
	map->area_count++;
	area_account(map, area, 1);
	area_count_writable(area, 1);
	if (area->object != nullptr)
		object_area_add(area->object, area);
}

void
area_remove(struct vm_map *map, struct vm_area *area)
{
	areas_change_begin(map);
	vm_area_tree_remove(&map->areas, area);
	areas_change_end(map);
	area_forget(map, area);
}

void
area_forget(struct vm_map *map, struct vm_area *area)
{
	map->area_count--;
	area_account(map, area, -1);
	area_count_writable(area, -1);
	vm_commit_uncharge(area->charged);
	map->charged -= area->charged;
	area->charged = 0;
	map_place_freed(map, area->start, area->end);
}

/* --- splitting and joining --- */

struct vm_area *
area_tail(const struct vm_area *scoped area, u64 at)
{
	struct vm_area *tail = vm_area_alloc();
	if (tail == nullptr)
		return nullptr;
	tail->start = at;
	tail->end = area->end;
	tail->prot = area->prot;
	tail->flags = area->flags;
	tail->offset = area->offset + (at - area->start);
	tail->map = area->map;
	if (area->object != nullptr) {
		vm_object_get(area->object);
		tail->object = area->object;
	}
	if (area->file != nullptr) {
		area->file_ops->get(area->file);
		tail->file = area->file;
		tail->file_ops = area->file_ops;
	}
	return tail;
}

err_t
area_split(struct vm_map *map, u64 at)
{
	struct vm_area *area = area_above(map, at);
	if (area == nullptr || area->start >= at)
		return OK;
	if (map->area_count >= atomic32_load_relaxed(&vm_areas_max))
		return ENOMEM;
	struct vm_area *tail = area_tail(area, at);
	if (tail == nullptr)
		return ENOMEM;
	tail->charged = area->charged != 0 ? pages_of(tail->end - at) : 0;
	areas_change_begin(map);
	POINTER_PUBLISH(area->end, at);
	bool fresh = vm_area_tree_insert(&map->areas, tail);
	areas_change_end(map);
	assert(fresh);
	area->charged -= tail->charged;
	map->area_count++;
	area_count_writable(tail, 1);
	if (tail->object != nullptr)
		object_area_add(tail->object, tail);
	return OK;
}

static bool
areas_alike(const struct vm_area *scoped a, const struct vm_area *scoped b)
{
	return a->end == b->start && a->prot == b->prot && ((a->flags ^ b->flags) & ~(u32)VM_WAS_WRITABLE) == 0 &&
	       a->object == b->object && a->file == b->file && (a->flags & VM_GROWSDOWN) == 0 &&
	       (a->object == nullptr || a->offset + (a->end - a->start) == b->offset) && (a->charged != 0) == (b->charged != 0);
}

/** `b` becomes part of `a`, which lies before it. */
static void
areas_join(struct vm_map *map, struct vm_area *a, struct vm_area *b) MUST_HOLD(&map->lock)
{
	areas_change_begin(map);
	vm_area_tree_remove(&map->areas, b);
	POINTER_PUBLISH(a->end, b->end);
	POINTER_PUBLISH(a->flags, a->flags | b->flags);
	areas_change_end(map);
	a->charged += b->charged;
	map->area_count--;
	area_count_writable(b, -1);
	if (b->object != nullptr)
		object_area_remove(b->object, b);
	vm_area_put(b);
}

struct vm_area *
area_merge(struct vm_map *map, struct vm_area *area)
{
	struct vm_area *prev = vm_area_tree_prev(area), *next = vm_area_tree_next(area);
	if (next != nullptr && areas_alike(area, next))
		areas_join(map, area, next);
	if (prev == nullptr || !areas_alike(prev, area))
		return area;
	areas_join(map, prev, area);
	return prev;
}
