// SPDX-License-Identifier: MPL-2.0
/**
 * Blocks of memory that devices may reach.
 *
 * A block is set aside for DMA for ever: once given back it waits for the next user, since a device may write to it as
 * long as no IOMMU says
 * otherwise. So a block, its frames and its description never change what they are, and a stale pointer to one is
 * harmless.
 */
#pragma once

#include <cadre/dma.h>
#include <debug/debug.h>
#include <mm/mm.h>

/** 2^order contiguous frames for DMA. Never freed. */
struct dma_block {
	u64 pfn;                 /* [const] once made */
	u32 order;               /* [const] likewise */
	struct dma_block *next;  /* the next free one of this order; guarded by dma_lock */
};

/** A zeroed block of at least `len` bytes below device address `limit`. => EINVAL: 0 bytes; ENOMEM */
err_t dma_block_take(size_t len, u64 limit, struct dma_block **out);
void dma_block_give(struct dma_block *block);
u8 *dma_block_memory(const struct dma_block *block);

/**
 * What a handle has: its block while it is alive, and the length that was asked for. Any access to it is safe at any
 * time, live or not.
 */
struct dma_buffer {
	struct dma_block *block; /* [atomic] null once freed */
	size_t len;              /* [const] */
};

/** Where [off, off + size) of the buffer lies; null where there is no block or not that much of it. */
static inline u8 *
dma_buffer_at(const struct dma_buffer *buffer, size_t off, size_t size)
{
	struct dma_block *block = __atomic_load_n(&buffer->block, __ATOMIC_ACQUIRE);
	/* The block bounds the access too: `len` may be a later user's where the handle is stale. */
	if (block == nullptr || range_exceeds(off, size, buffer->len) || range_exceeds(off, size, PAGE_SIZE << block->order))
		return nullptr;
	return dma_block_memory(block) + off;
}

/** A new handle of `type`, whose first member is its buffer, with a block of `len` bytes; null: *err says why. */
struct dma_buffer *dma_buffer_create(const struct heap_type *type, size_t len, u64 limit, err_t *err);
/** Release function of such types: gives the block back, if there is one. */
void dma_buffer_gone(struct object *object);

/** The device's address of the buffer; misuse where it has no block. */
daddr_t dma_buffer_daddr(const struct dma_buffer *buffer);
