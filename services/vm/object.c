// SPDX-License-Identifier: MPL-2.0
/**
 * VM objects: the pages of a file or of shared memory, found without a lock.
 *
 * A page that is taken out may still be in the hands of a reader in an RCU section, who is about to take a reference: so the object's own
 * reference goes after a grace period, in bundles (struct frame_bundle).
 */
#include <vm_impl.h>

XARRAY_DEFINE(frame_map);

enum : u32 { BUNDLE_MAX = 62 };
/** Frames to be put when all readers of now are done. */
struct frame_bundle { struct frame *frames[BUNDLE_MAX]; u32 count; };
OBJECT_DECLARE(frame_bundle);

static void
frame_bundle_release(struct frame_bundle *bundle)
{
	for (u32 i = 0; i < BUNDLE_MAX && i < bundle->count; i++)
		frame_put(bundle->frames[i]);
}
OBJECT_DEFINE_RELEASE(frame_bundle);

static struct atomic64 object_last_id;
static struct atomic64 cached_pages;      /* of all objects */

static void
vm_object_release(struct vm_object *object)
{
	u64 i = 0;
	assert(vm_area_list_empty(&object->areas));
	/* Nobody looks anything up in an object without references. */
	XARRAY_FOR(frame_map, i, frame, &object->pages)
		frame_put(frame);
	frame_map_clear(&object->pages);
	u64 count = atomic64_exchange(&object->count, 0);
	(void)atomic64_sub(&cached_pages, count);
	if (count != 0 && object->ops != nullptr && object->ops->uncharge != nullptr)
		object->ops->uncharge(object, count);
	if (object->ops != nullptr && object->ops->gone != nullptr)
		object->ops->gone(object);
}
OBJECT_DEFINE_RELEASE(vm_object);

struct vm_object *
vm_object_create(const struct vm_object_ops *ops, struct object *owner)
{
	struct vm_object *object = vm_object_alloc();
	if (object == nullptr)
		return nullptr;
	object->ops = ops;
	object->owner = owner;
	object->id = atomic64_add_relaxed(&object_last_id, 1) + 1;
	return object;
}

struct object *
vm_object_owner(struct vm_object *object)
{
	return object->owner;
}

u64
vm_object_size(struct vm_object *object)
{
	return atomic64_load_acquire(&object->size);
}

u64
vm_object_pages(struct vm_object *object)
{
	return atomic64_load_relaxed(&object->count);
}

u32
vm_object_writable_mappings(struct vm_object *object)
{
	return atomic32_load(&object->writable);
}

struct frame *
object_page_peek(struct vm_object *object, u64 index)
{
	return frame_map_load(&object->pages, index);
}

struct frame *
vm_object_peek_page(struct vm_object *object, u64 index)
{
	RCU_SCOPE();
	struct frame *frame = frame_map_load(&object->pages, index);
	if (frame != nullptr)
		frame_get(frame);
	return frame;
}

/** A page for `index`, filled, in nobody's hands yet. */
static err_t
page_make(struct vm_object *object, u64 index, struct frame **scoped out)
{
	struct frame *frame = frame_alloc();
	while (frame == nullptr) {
		if (!memory_wait())
			return ENOMEM;
		frame = frame_alloc();
	}
	err_t err = object->ops != nullptr && object->ops->fill != nullptr ? object->ops->fill(object, index, frame) : OK;
	if (err != OK) {
		frame_put(frame);
		return err;
	}
	frame_set_owner(frame, vm_object_object(object));
	*out = frame;
	return OK;
}

/** => EEXIST where another was faster */
static err_t
page_insert(struct vm_object *object, u64 index, struct frame *frame)
{
	SPIN_SCOPE(&object->lock);
	TRY(frame_map_insert(&object->pages, index, frame));
	(void)atomic64_add_relaxed(&object->count, 1);
	(void)atomic64_add_relaxed(&cached_pages, 1);
	return OK;
}

err_t
vm_object_get_page(struct vm_object *object, u64 index, struct frame **scoped out)
{
	const struct vm_object_ops *ops = object->ops;
	for (;;) {
		struct frame *frame = vm_object_peek_page(object, index);
		if (frame != nullptr) {
			*out = frame;
			return OK;
		}
		if (ops != nullptr && ops->charge != nullptr)
			TRY(ops->charge(object, 1));
		err_t err = page_make(object, index, &frame);
		if (err == OK) {
			frame_get(frame);   /* the object's */
			err = page_insert(object, index, frame);
			if (err == OK) {
				*out = frame;
				return OK;
			}
			frame_put(frame);
			frame_put(frame);
		}
		if (ops != nullptr && ops->uncharge != nullptr)
			ops->uncharge(object, 1);
		if (err != EEXIST)
			return err;
	}
}

/** Takes out up to a bundle's number of the pages in [*first, end); *first moves on. => how many */
static u32
pages_take(struct vm_object *object, u64 *scoped first, u64 end, struct frame_bundle *bundle)
{
	SPIN_SCOPE(&object->lock);
	while (bundle->count < BUNDLE_MAX) {
		struct frame *frame = frame_map_next(&object->pages, first);
		if (frame == nullptr || *first >= end)
			break;
		(void)frame_map_remove(&object->pages, *first);
		bundle->frames[bundle->count % BUNDLE_MAX] = frame;
		bundle->count++;
	}
	return bundle->count;
}

/** One at a time, waiting for readers: for want of memory for a bundle. */
static u32
page_take_slowly(struct vm_object *object, u64 *scoped first, u64 end)
{
	struct frame *frame = nullptr;
	{
		SPIN_SCOPE(&object->lock);
		frame = frame_map_next(&object->pages, first);
		if (frame == nullptr || *first >= end)
			return 0;
		(void)frame_map_remove(&object->pages, *first);
	}
	rcu_synchronize();
	frame_put(frame);
	return 1;
}

/** Drops the pages in [first, end) from the object. */
static void
pages_drop(struct vm_object *object, u64 first, u64 end)
{
	u32 taken;
	do {
		struct frame_bundle *bundle = frame_bundle_alloc();
		taken = bundle != nullptr ? pages_take(object, &first, end, bundle) : page_take_slowly(object, &first, end);
		if (bundle != nullptr && taken != 0)
			frame_bundle_put_rcu(bundle);
		else if (bundle != nullptr)
			frame_bundle_put(bundle);
		(void)atomic64_sub(&object->count, taken);
		(void)atomic64_sub(&cached_pages, taken);
		if (taken != 0 && object->ops != nullptr && object->ops->uncharge != nullptr)
			object->ops->uncharge(object, taken);
	} while (taken != 0);
}

/** Zeroes [from, to), within one page, where there is one. */
static void
page_zero_part(struct vm_object *object, u64 from, u64 to)
{
	struct frame *frame = from < to ? vm_object_peek_page(object, from >> PAGE_SHIFT) : nullptr;
	if (frame == nullptr)
		return;
	frame_zero(frame, from & (PAGE_SIZE - 1), to - from);
	frame_put(frame);
}

void
vm_object_resize(struct vm_object *object, u64 size)
{
	u64 old = atomic64_exchange(&object->size, size);
	if (size >= old)
		return;
	u64 first = align_up(size, PAGE_SIZE) >> PAGE_SHIFT;
	/*
	 * Faults look at the size with their cursor open: those that saw the old one are waited for by the unmapping. Pages go
	 * out before, so that no fault finds them later; private copies of what is beyond the end go as well (mmap(2), SIGBUS).
	 */
	page_zero_part(object, size, align_up(size, PAGE_SIZE));
	if (vm_object_pages(object) != 0)
		pages_drop(object, first, ~(u64)0);
	object_unmap(object, first, ~(u64)0, true);
}

void
vm_object_punch(struct vm_object *object, u64 off, u64 len)
{
	if (len == 0)
		return;
	u64 end = off + len, first = align_up(off, PAGE_SIZE) >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	if (end < off)
		end = ~(u64)0;
	if (first > last) {
		page_zero_part(object, off, end);
		return;
	}
	page_zero_part(object, off, first << PAGE_SHIFT);
	page_zero_part(object, last << PAGE_SHIFT, end);
	if (first < last) {
		pages_drop(object, first, last);
		object_unmap(object, first, last, false);
	}
}

bool
vm_object_seek(struct vm_object *object, u64 *scoped index, u64 end, bool data)
{
	RCU_SCOPE();
	u64 at = *index;
	if (data) {
		if (frame_map_next(&object->pages, &at) == nullptr || at >= end)
			return false;
	} else {
		while (at < end && frame_map_load(&object->pages, at) != nullptr)
			at++;
		if (at >= end)
			return false;
	}
	*index = at;
	return true;
}

/** How much of [off, …) lies in its page and in the transfer. */
static size_t
part_len(u64 off, u64 left)
{
	return MIN(PAGE_SIZE - (off & (PAGE_SIZE - 1)), left);
}

err_t
vm_object_read(struct vm_object *object, u64 off, struct uio *scoped uio)
{
	bool filled = object->ops != nullptr && object->ops->fill != nullptr;
	while (uio->left > 0) {
		u64 size = vm_object_size(object);
		if (off >= size)
			return OK;
		size_t len = part_len(off, MIN(uio->left, size - off));
		struct frame *frame = vm_object_peek_page(object, off >> PAGE_SHIFT);
		if (frame == nullptr && filled)
			TRY(vm_object_get_page(object, off >> PAGE_SHIFT, &frame));
		err_t err = frame != nullptr ? uio_put_frame(uio, frame, off & (PAGE_SIZE - 1), len) : uio_put_zeroes(uio, len);
		if (frame != nullptr)
			frame_put(frame);
		TRY(err);
		off += len;
	}
	return OK;
}

err_t
vm_object_write(struct vm_object *object, u64 off, struct uio *scoped uio)
{
	while (uio->left > 0) {
		size_t len = part_len(off, uio->left);
		struct frame *frame = nullptr;
		TRY(vm_object_get_page(object, off >> PAGE_SHIFT, &frame));
		err_t err = uio_take_frame(uio, frame, off & (PAGE_SIZE - 1), len);
		frame_put(frame);
		TRY(err);
		off += len;
	}
	return OK;
}

u64
vm_cached_pages(void)
{
	return atomic64_load_relaxed(&cached_pages);
}
