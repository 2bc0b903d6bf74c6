// SPDX-License-Identifier: MPL-2.0
/** The registry of owned ranges, and the kernel addresses that device memory is mapped at (first fit, reused). */
#include <io/io_impl.h>
#include <sync/raw_lock.h>

static struct raw_lock io_lock;

/**
 * Whether two ranges cannot be owned at once: one byte in both, or one page in both with different cache attributes.
 */
static bool
io_range_conflicts(const struct io_range *a, const struct io_range *b)
{
	if (a->start < b->end && b->start < a->end)
		return true;
	bool share_page = align_down(a->start, PAGE_SIZE) < b->end && align_down(b->start, PAGE_SIZE) < a->end;
	return a->npages != 0 && share_page && a->cache != b->cache;
}

/**
 * First fit for the range's pages and one unmapped page behind them; returns where to link it in, null where there is
 * no room.
 */
static struct io_range **
io_range_place(struct io_registry *registry, struct io_range *range)
{
	u64 va = IO_BASE, need = (range->npages + 1) * PAGE_SIZE;
	struct io_range **at = &registry->first;

	for (; *at != nullptr && (*at)->va - va < need; at = &(*at)->next)
		va = (*at)->va + ((*at)->npages + 1) * PAGE_SIZE;
	range->va = va;
	return IO_END - va >= need ? at : nullptr;
}

static err_t
io_range_claim_locked(struct io_registry *registry, struct io_range *range) MUST_HOLD(&io_lock)
{
	for (const struct io_range *other = registry->first; other != nullptr; other = other->next)
		if (io_range_conflicts(range, other))
			return EBUSY;
	struct io_range **at = range->npages != 0 ? io_range_place(registry, range) : &registry->first;
	if (at == nullptr)
		return ENOMEM;
	range->next = *at;
	*at = range;
	range->claimed = true;
	return OK;
}

err_t
io_range_claim(struct io_registry *registry, struct io_range *range)
{
	u64 flags = raw_acquire(&io_lock);
	err_t err = io_range_claim_locked(registry, range);
	raw_release(&io_lock, flags);
	return err;
}

void
io_range_forget(struct io_registry *registry, struct io_range *range)
{
	u64 flags = raw_acquire(&io_lock);
	struct io_range **at = &registry->first;

	while (range->claimed && *at != range)
		at = &(*at)->next;
	if (range->claimed)
		*at = range->next;
	range->claimed = false;
	raw_release(&io_lock, flags);
}
