// SPDX-License-Identifier: MPL-2.0
/**
 * Page faults.
 *
 * | page table | area | what happens |
 * | --- | --- | --- |
 * | nothing | private, no object, read | the zero page, read-only |
 * | nothing | private, no object, write | a zeroed frame |
 * | nothing | object, its page in the cache | the page, and those present around it; private and write: a copy |
 * | nothing | object, no page | made or read from the store without the cursor; then again |
 * | a frame, read-only | write allowed | the only reference: writable from now on; else a copy |
 *
 * The usual fault takes its cursor, over its page or the few around it, and no lock. See vm_impl.h for why that is enough.
 */
#include <vm_impl.h>

enum : u64 { AROUND_PAGES = 16, AROUND_SIZE = AROUND_PAGES * PAGE_SIZE };

static struct frame *zero_frame;   /* published once; never freed */
static struct mutex zero_lock;

/** What one try came to, beside an error for the program. */
enum step : u8 {
	STEP_DONE, STEP_AGAIN,
	STEP_PAGE,        /* the object's page has to be made: `page`, with the object held */
	STEP_NO_MEMORY,
	STEP_MAPERR, STEP_ACCERR, STEP_BUS,
};

struct fault {
	struct vm_map *map;
	u64 page;                    /* address, aligned */
	bool write;
	struct vm_object *object;    /* STEP_PAGE: held */
	u64 index;
};

/* Numbers of signal(7), whose header lies above this module: SIGSEGV with SEGV_MAPERR and SEGV_ACCERR, SIGBUS with BUS_ADRERR. */
static const struct { enum step step; struct vm_fault fault; } fault_ends[] = {
	{ STEP_MAPERR, { 11, 1 } }, { STEP_ACCERR, { 11, 2 } }, { STEP_BUS, { 7, 2 } },
};

/** => null before vm_init: then a frame of its own will do */
struct frame *
zero_page(void)
{
	return POINTER_LOAD(zero_frame);
}

err_t
vm_init(void)
{
	atomic32_store(&vm_overcommit_ratio, 50);
	atomic32_store(&vm_areas_max, 65530);
	atomic32_store(&vm_randomize, 2);
	MUTEX_SCOPE(&zero_lock);
	struct frame *frame = frame_alloc();
	if (frame == nullptr)
		return ENOMEM;
	POINTER_PUBLISH(zero_frame, frame);
	return OK;
}

static bool
access_allowed(u32 prot, enum user_access access)
{
	return access == USER_ACCESS_WRITE ? (prot & VM_WRITE) != 0 : access == USER_ACCESS_EXEC ? (prot & VM_EXEC) != 0 : prot != 0;
}

/** Maps a fresh frame that nobody else has, and gives up our reference to it. */
static enum step
map_own(struct vm_cursor *scoped cursor, struct frame *frame, u32 prot)
{
	if (frame == nullptr)
		return STEP_NO_MEMORY;
	err_t err = vm_cursor_map(cursor, frame, (enum vm_prot)prot, VM_CACHE_BACK);
	frame_put(frame);
	return err == OK ? STEP_DONE : STEP_NO_MEMORY;
}

static enum step
map_copy(struct vm_cursor *scoped cursor, struct frame *from, u32 prot)
{
	struct frame *frame = frame_alloc();
	if (frame != nullptr && from != zero_page())
		frame_copy(frame, from);
	return map_own(cursor, frame, prot);
}

/** A write to a frame that is mapped read-only. The area allows writing. */
static enum step
fault_write_shared(struct vm_cursor *scoped cursor, const struct vm_view *scoped view, const struct vm_entry *scoped entry)
{
	/* What is in a cache belongs to that; what one page table alone has cannot become shared but by a fork, which needs our range. */
	bool sole = (view->flags & VM_SHARED) != 0 || (frame_refs(entry->frame) == 1 && frame_owner(entry->frame) == nullptr);
	if (!sole)
		return map_copy(cursor, entry->frame, view->prot);
	vm_cursor_protect(cursor, 1, (enum vm_prot)view->prot);
	return STEP_DONE;
}

static enum step
fault_anonymous(struct vm_cursor *scoped cursor, const struct fault *scoped f, const struct vm_view *scoped view)
{
	struct frame *zero = f->write ? nullptr : zero_page();
	if (zero == nullptr)
		return map_own(cursor, frame_alloc(), view->prot);
	err_t err = vm_cursor_map(cursor, zero, (enum vm_prot)(view->prot & ~(u32)VM_WRITE), VM_CACHE_BACK);
	return err == OK ? STEP_DONE : STEP_NO_MEMORY;
}

/** Maps present pages of the object around the one at f->page, in the cursor's range [low, high), where nothing stands. */
static void
map_around(struct vm_cursor *scoped cursor, const struct fault *scoped f, const struct vm_view *scoped view, u64 low, u64 high, u32 prot)
{
	u64 size = vm_object_size(view->object);
	for (u64 at = low; at < high; at += PAGE_SIZE) {
		u64 offset = view->offset + (at - view->start);
		struct frame *frame = at != f->page && offset < size ? object_page_peek(view->object, offset >> PAGE_SHIFT) : nullptr;
		if (frame == nullptr)
			continue;
		vm_cursor_seek(cursor, UADDR(at));
		if (vm_cursor_query(cursor).frame == nullptr && vm_cursor_map(cursor, frame, (enum vm_prot)prot, VM_CACHE_BACK) != OK)
			return;
	}
}

static enum step
fault_object(struct vm_cursor *scoped cursor, struct fault *scoped f, const struct vm_view *scoped view, u64 low, u64 high)
{
	u64 offset = view->offset + (f->page - view->start);
	if (offset >= vm_object_size(view->object))
		return STEP_BUS;
	RCU_SCOPE();
	struct frame *frame = object_page_peek(view->object, offset >> PAGE_SHIFT);
	if (frame == nullptr) {
		vm_object_get(view->object);
		f->object = view->object;
		f->index = offset >> PAGE_SHIFT;
		return STEP_PAGE;
	}
	bool shared = (view->flags & VM_SHARED) != 0;
	u32 prot = shared ? view->prot : view->prot & ~(u32)VM_WRITE;
	if (f->write && !shared)
		return map_copy(cursor, frame, view->prot);
	if (vm_cursor_map(cursor, frame, (enum vm_prot)prot, VM_CACHE_BACK) != OK)
		return STEP_NO_MEMORY;
	if (high - low > PAGE_SIZE)
		map_around(cursor, f, view, low, high, prot);
	return STEP_DONE;
}

/** The range that the fault's cursor takes: the page, or its surroundings within the area and one leaf table. */
static void
fault_range(const struct fault *scoped f, const struct vm_view *scoped view, u64 *scoped low, u64 *scoped high)
{
	*low = f->page;
	*high = f->page + PAGE_SIZE;
	if (view->object == nullptr || (view->flags & VM_RANDOM) != 0 || (f->write && (view->flags & VM_SHARED) == 0))
		return;
	u64 window = align_down(f->page, AROUND_SIZE);
	*low = MAX(window, view->start);
	*high = MIN(window + AROUND_SIZE, view->end);
}

static enum step
fault_map(struct fault *scoped f, const struct vm_view *scoped view)
{
	u64 low = 0, high = 0;
	fault_range(f, view, &low, &high);
	VM_CURSOR_SCOPE(cursor);
	if (vm_cursor_open(f->map->space, UADDR(low), UADDR(high), &cursor) != OK)
		return STEP_NO_MEMORY;
	if (!vm_view_holds(f->map, view))
		return STEP_AGAIN;
	if (low != f->page)
		vm_cursor_seek(&cursor, UADDR(f->page));
	struct vm_entry entry = vm_cursor_query(&cursor);
	if (entry.frame == nullptr)
		return view->object == nullptr ? fault_anonymous(&cursor, f, view) : fault_object(&cursor, f, view, low, high);
	if (f->write && (entry.prot & VM_WRITE) == 0)
		return fault_write_shared(&cursor, view, &entry);
	/* It is there by now, or has more rights than this processor knew. */
	if ((entry.prot | VM_WRITE) != (view->prot | VM_WRITE))
		vm_cursor_protect(&cursor, 1, (enum vm_prot)(view->prot & (entry.prot | ~(u32)VM_WRITE)));
	return STEP_DONE;
}

/* --- what takes longer --- */

/** Lets the stack grow down to `page`. */
static enum step
stack_grow(struct vm_map *map, u64 page)
{
	MUTEX_SCOPE(&map->lock);
	struct vm_area *area = area_above(map, page);
	if (area == nullptr || (area->flags & VM_GROWSDOWN) == 0)
		return area != nullptr && area->start <= page ? STEP_AGAIN : STEP_MAPERR;
	if (area->start <= page)
		return STEP_AGAIN;
	struct vm_area *below = vm_area_tree_prev(area);
	u64 more = area->start - page;
	if (area->end - page > rlimit_current(RLIMIT_STACK) || page < STACK_GUARD_GAP + USER_START)
		return STEP_MAPERR;
	if (below != nullptr && (below->flags & VM_GROWSDOWN) == 0 && below->prot != 0 && below->end + STACK_GUARD_GAP > page)
		return STEP_MAPERR;
	if (below != nullptr && below->end > page)
		return STEP_MAPERR;
	if (map_check_limits(map, more, area->prot, area->flags) != OK || vm_commit_charge(area->charged != 0 ? pages_of(more) : 0) != OK)
		return STEP_MAPERR;
	area_account(map, area, -1);
	areas_change_begin(map);
	POINTER_PUBLISH(area->start, page);
	areas_change_end(map);
	area_account(map, area, 1);
	if (area->charged != 0) {
		area->charged += pages_of(more);
		map->charged += pages_of(more);
	}
	return STEP_AGAIN;
}

/** One try, with all that may sleep in it. */
static enum step
fault_try(struct fault *scoped f, enum user_access access)
{
	struct vm_view view = vm_map_view(f->map, f->page);
	if (view.end == 0)
		return view.below_stack ? stack_grow(f->map, f->page) : STEP_MAPERR;
	if (!access_allowed(view.prot, access))
		return STEP_ACCERR;
	enum step step = fault_map(f, &view);
	if (step == STEP_NO_MEMORY)
		return memory_wait_for_ever() ? STEP_AGAIN : STEP_NO_MEMORY;
	if (step != STEP_PAGE)
		return step;
	struct frame *frame = nullptr;
	err_t err = vm_object_get_page(f->object, f->index, &frame);
	if (err == OK)
		frame_put(frame);
	vm_object_put(f->object);
	f->object = nullptr;
	return err == OK ? STEP_AGAIN : err != ENOMEM ? STEP_BUS : memory_wait_for_ever() ? STEP_AGAIN : STEP_NO_MEMORY;
}

err_t
vm_map_fault(struct vm_map *map, uaddr_t address, enum user_access access, struct vm_fault *scoped fault)
{
	struct fault f = { .map = map, .page = align_down(address.raw, PAGE_SIZE), .write = access == USER_ACCESS_WRITE };
	enum step step = STEP_AGAIN;
	*fault = (struct vm_fault){};
	if (f.page < USER_START || f.page >= USER_END)
		step = STEP_MAPERR;
	while (step == STEP_AGAIN)
		step = fault_try(&f, access);
	if (step == STEP_DONE)
		return OK;
	for (u32 i = 0; i < COUNTOF(fault_ends); i++)
		if (fault_ends[i].step == step)
			*fault = fault_ends[i].fault;
	return step == STEP_NO_MEMORY ? ENOMEM : EFAULT;
}
