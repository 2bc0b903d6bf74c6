// SPDX-License-Identifier: MPL-2.0
/** The pool of DMA blocks, by size. */
#include <arch/string.h>
#include <cadre/policy.h>
#include <dma/dma_impl.h>
#include <sync/raw_lock.h>

enum : u32 { DMA_ORDERS = 19 };   /* up to 1 GiB */

static struct raw_lock dma_lock;
static struct dma_block *dma_free[DMA_ORDERS] GUARDED_BY(&dma_lock);

/* Room for more descriptions, cut from pages that stay the framework's: they live for ever, as the blocks do. */
static struct dma_block *dma_fresh GUARDED_BY(&dma_lock);
static u32 dma_nfresh GUARDED_BY(&dma_lock);

/** A zeroed description from what is left; null: nothing. */
static struct dma_block *
dma_description_take(void)
{
	u64 flags = raw_acquire(&dma_lock);
	/* SAFETY: dma_fresh has dma_nfresh elements left. */
	struct dma_block *block = dma_nfresh > 0 ? &dma_fresh[--dma_nfresh] : nullptr;
	raw_release(&dma_lock, flags);
	return block;
}

/** A new description; null when memory is gone. */
static struct dma_block *
dma_description_make(void)
{
	struct dma_block *block = dma_description_take();
	if (block != nullptr)
		return block;
	u64 pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_KERNEL);
	if (pfn == FRAME_NONE)
		return nullptr;

	/*
	 * What another CPU has just brought in is forgotten, at most a page: nobody waits here for a lock with a policy
	 * called.
	 */
	u64 flags = raw_acquire(&dma_lock);
	/* SAFETY: a zeroed frame of our own, which the direct map has; all zeroes is a valid description. */
	dma_fresh = phys_to_virt(pfn * PAGE_SIZE);
	dma_nfresh = PAGE_SIZE / sizeof(struct dma_block);
	block = &dma_fresh[--dma_nfresh];
	raw_release(&dma_lock, flags);
	return block;
}

/** Whether all of the block lies below device address `limit`. */
static bool
dma_block_below(const struct dma_block *block, u64 limit)
{
	return !range_exceeds(block->pfn * PAGE_SIZE, PAGE_SIZE << block->order, limit);
}

/** A block that was used before; null: none that will do. Its old contents are still in it. */
static struct dma_block *
dma_pool_take(u32 order, u64 limit)
{
	u64 flags = raw_acquire(&dma_lock);
	struct dma_block **at = &dma_free[order];

	while (*at != nullptr && !dma_block_below(*at, limit))
		at = &(*at)->next;
	struct dma_block *block = *at;
	if (block != nullptr)
		*at = block->next;
	raw_release(&dma_lock, flags);
	return block;
}

/** A new block, of zeroed frames. */
static struct dma_block *
dma_block_make(u32 order, u64 limit)
{
	u64 pfn = kernel_frames_alloc((u64)1 << order, 1, limit / PAGE_SIZE, FRAME_DMA);
	struct dma_block *block = pfn != FRAME_NONE ? dma_description_make() : nullptr;

	if (block != nullptr) {
		block->pfn = pfn;
		block->order = order;
	} else if (pfn != FRAME_NONE) {
		kernel_frames_free(pfn, (u64)1 << order, FRAME_DMA);   /* no device has seen them */
	}
	return block;
}

err_t
dma_block_take(size_t len, u64 limit, struct dma_block **out)
{
	if (len == 0)
		return EINVAL;
	if (len > PAGE_SIZE << (DMA_ORDERS - 1))
		return ENOMEM;
	u64 npages = align_up(len, PAGE_SIZE) / PAGE_SIZE;
	u32 order = npages == 1 ? 0 : 64 - (u32)__builtin_clzl(npages - 1);
	struct dma_block *block = dma_pool_take(order, limit);

	if (block != nullptr)
		memset(dma_block_memory(block), 0, PAGE_SIZE << order);
	else
		block = dma_block_make(order, limit);
	*out = block;
	return block != nullptr ? OK : ENOMEM;
}

void
dma_block_give(struct dma_block *block)
{
	u64 flags = raw_acquire(&dma_lock);
	block->next = dma_free[block->order];
	dma_free[block->order] = block;
	raw_release(&dma_lock, flags);
}

u8 *
dma_block_memory(const struct dma_block *block)
{
	/* SAFETY: 1. The frames are RAM, which the direct map has. 2. They are FRAME_DMA for ever (dma_block_make;
	 * nothing frees one), so no
	 * typed memory ever lies there, whoever still has the pointer. */
	return phys_to_virt(block->pfn * PAGE_SIZE);
}

struct dma_buffer *
dma_buffer_create(const struct heap_type *type, size_t len, u64 limit, err_t *err)
{
	/* SAFETY: the types of this folder begin with their buffer. */
	struct dma_buffer *buffer = (struct dma_buffer *)heap_alloc(type);
	struct dma_block *block;

	*err = ENOMEM;
	if (buffer == nullptr)
		return nullptr;
	*err = dma_block_take(len, limit, &block);
	if (*err != OK) {
		heap_put(type, (struct object *)buffer);
		return nullptr;
	}
	buffer->len = len;
	__atomic_store_n(&buffer->block, block, __ATOMIC_RELEASE);
	return buffer;
}

void
dma_buffer_gone(struct object *object)
{
	struct dma_block *block = __atomic_exchange_n(&((struct dma_buffer *)object)->block, nullptr, __ATOMIC_ACQ_REL);

	if (block != nullptr)
		dma_block_give(block);
}

daddr_t
dma_buffer_daddr(const struct dma_buffer *buffer)
{
	struct dma_block *block = buffer != nullptr ? __atomic_load_n(&buffer->block, __ATOMIC_ACQUIRE) : nullptr;

	if (block == nullptr)
		misuse("DMA memory that is not held");
	return (daddr_t){ block->pfn * PAGE_SIZE };
}
