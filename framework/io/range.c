// SPDX-License-Identifier: MPL-2.0
/** The lists of owned ranges, and the kernel addresses that device memory is mapped at (first fit, reused). */
#include <io/io_impl.h>
#include <sync/raw_lock.h>

static struct raw_lock io_lock;

/** Whether two ranges cannot be owned at once: a byte in both, or a page in both with different cache attributes. */
static bool
io_range_conflicts(const struct io_range *a, const struct io_range *b)
{
	bool share_page = align_down(a->start, PAGE_SIZE) < b->end && align_down(b->start, PAGE_SIZE) < a->end;

	return (a->start < b->end && b->start < a->end) || (share_page && a->cache != b->cache);
}

/**
 * First fit for the range's pages and one unmapped page behind them (ports only take that one's place); returns where
 * to link it in, null where there is no room.
 */
static struct io_range **
io_range_place(struct io_range *range)
{
	u64 va = IO_BASE, need = (range->npages + 1) * PAGE_SIZE;
	struct io_range **at = range->list;

	for (; *at != nullptr && (*at)->va - va < need; at = &(*at)->next)
		va = (*at)->va + ((*at)->npages + 1) * PAGE_SIZE;
	range->va = va;
	return IO_END - va >= need ? at : nullptr;
}

static err_t
io_range_claim(struct io_range *range)
{
	u64 flags = raw_acquire(&io_lock);
	struct io_range **at = io_range_place(range);
	err_t err = at != nullptr ? OK : ENOMEM;

	for (const struct io_range *other = *range->list; other != nullptr; other = other->next)
		if (io_range_conflicts(range, other))
			err = EBUSY;
	if (err == OK) {
		range->next = *at;
		*at = range;
	}
	raw_release(&io_lock, flags);
	return err;
}

err_t
io_range_create(const struct heap_type *type, const struct io_range *wanted, struct io_range **out)
{
	u32 flags = KMAP_WRITE | (wanted->cache == IO_UNCACHED ? KMAP_UNCACHED : KMAP_WRITE_COMBINING);
	struct io_range *range = (struct io_range *)heap_alloc(type);

	if (range == nullptr)
		return ENOMEM;
	*range = *wanted;
	err_t err = io_range_claim(range);
	if (err == OK && range->npages != 0) {
		range->mapped = kspace_map(range->va, align_down(range->start, PAGE_SIZE), range->npages, flags);
		err = range->mapped ? OK : ENOMEM;
	}
	if (err != OK) {
		heap_discard(type, range);   /* whatever was done of it goes with the handle */
		return err;
	}
	heap_publish(type, range);
	*out = range;
	return OK;
}

void
io_range_gone(struct object *object)
{
	struct io_range *range = (struct io_range *)object;

	if (range->mapped)
		kspace_unmap(range->va, range->npages);
	u64 flags = raw_acquire(&io_lock);
	struct io_range **at = range->list;
	while (*at != nullptr && *at != range)   /* not there: it could not be claimed */
		at = &(*at)->next;
	if (*at != nullptr)
		*at = range->next;
	raw_release(&io_lock, flags);
}
