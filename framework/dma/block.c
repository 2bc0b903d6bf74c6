// SPDX-License-Identifier: MPL-2.0
/** The pool of DMA blocks, by size. */
#include <arch/string.h>
#include <cadre/policy.h>
#include <dma/dma_impl.h>
#include <sync/raw_lock.h>

enum : u64 { DMA_ORDERS = 19, DMA_LEN_MAX = PAGE_SIZE << (DMA_ORDERS - 1) };   /* 1 GiB */

static struct raw_lock dma_lock;
static struct dma_block *dma_free[DMA_ORDERS] GUARDED_BY(&dma_lock);

/* Room for more descriptions, cut from pages that stay the framework's: they live for ever, as the blocks do. */
static struct dma_block *dma_fresh GUARDED_BY(&dma_lock);
static u32 dma_nfresh GUARDED_BY(&dma_lock);

/** A new, zeroed description; null when memory is gone. */
static struct dma_block *
dma_description_make(void)
{
	struct dma_block *block = nullptr;

	/* First from what is left, then from a page more; what another CPU has brought in meanwhile is forgotten, at
	 * most a page: nobody waits here for a lock with a policy called. */
	for (u64 pfn = 0; block == nullptr && pfn != FRAME_NONE;) {
		u64 flags = raw_acquire(&dma_lock);
		if (pfn != 0) {
			/* SAFETY: a zeroed frame of our own, which the direct map has; all zeroes is a valid one. */
			dma_fresh = phys_to_virt(pfn * PAGE_SIZE);
			dma_nfresh = PAGE_SIZE / sizeof(struct dma_block);
		}
		if (dma_nfresh > 0)
			/* SAFETY: dma_fresh has dma_nfresh elements left. */
			block = &dma_fresh[--dma_nfresh];
		raw_release(&dma_lock, flags);
		if (block == nullptr)
			pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_KERNEL);
	}
	return block;
}

/** A block that was used before, zeroed; null: none that will do. */
static struct dma_block *
dma_pool_take(u32 order, u64 limit)
{
	u64 size = PAGE_SIZE << order, flags = raw_acquire(&dma_lock);
	struct dma_block **at = &dma_free[order];

	while (*at != nullptr && range_exceeds((*at)->pfn * PAGE_SIZE, size, limit))
		at = &(*at)->next;
	struct dma_block *block = *at;
	if (block != nullptr)
		*at = block->next;
	raw_release(&dma_lock, flags);
	if (block != nullptr)
		/* SAFETY: a block of this order that is ours alone: RAM in the direct map, and for DMA for ever. */
		memset(phys_to_virt(block->pfn * PAGE_SIZE), 0, size);
	return block;
}

/** A new block, of zeroed frames. */
static struct dma_block *
dma_block_make(u32 order, u64 limit)
{
	u64 pfn = kernel_frames_alloc((u64)1 << order, 1, limit / PAGE_SIZE, FRAME_DMA);
	struct dma_block *block = pfn != FRAME_NONE ? dma_description_make() : nullptr;

	if (block != nullptr)
		*block = (struct dma_block){ .pfn = pfn, .order = order };
	else if (pfn != FRAME_NONE)
		kernel_frames_free(pfn, (u64)1 << order, FRAME_DMA);   /* no device has seen them */
	return block;
}

err_t
dma_buffer_create(const struct heap_type *type, size_t len, u64 limit, struct dma_buffer **out)
{
	if (len == 0)
		return EINVAL;
	/* SAFETY: the types of this folder begin with their buffer. */
	struct dma_buffer *buffer = (struct dma_buffer *)(len <= DMA_LEN_MAX ? heap_alloc(type) : nullptr);
	if (buffer == nullptr)
		return ENOMEM;
	u32 order = len <= PAGE_SIZE ? 0 : 64 - (u32)__builtin_clzl((len - 1) / PAGE_SIZE);
	struct dma_block *block = dma_pool_take(order, limit) ?: dma_block_make(order, limit);
	if (block == nullptr) {
		heap_discard(type, buffer);
		return ENOMEM;
	}
	buffer->len = len;
	__atomic_store_n(&buffer->block, block, __ATOMIC_RELEASE);
	heap_publish(type, buffer);
	*out = buffer;
	return OK;
}

void
dma_buffer_gone(struct object *object)
{
	struct dma_block *block = __atomic_exchange_n(&((struct dma_buffer *)object)->block, nullptr, __ATOMIC_ACQ_REL);

	if (block == nullptr)
		return;
	u64 flags = raw_acquire(&dma_lock);
	block->next = dma_free[block->order];
	dma_free[block->order] = block;
	raw_release(&dma_lock, flags);
}

daddr_t
dma_buffer_daddr(const struct dma_buffer *buffer)
{
	const u8 *start = dma_buffer_at(buffer, 0, 0);

	if (start == nullptr)
		misuse("DMA memory that is not held");
	return (daddr_t){ virt_to_phys(start) };
}
