// SPDX-License-Identifier: MPL-2.0
/**
 * Blocks of memory that devices may reach.
 *
 * A block is set aside for DMA for ever: once given back it waits for the next user, since a device may write to it as
 * long as no IOMMU says otherwise. So a block, its frames and its description never change what they are, and a stale
 * pointer to one is harmless.
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

/**
 * What a handle has: its block while it is alive, and the length that was asked for. Any access to it is safe at any
 * time, live or not.
 */
struct dma_buffer {
	struct dma_block *block; /* [atomic] null once freed */
	size_t len;              /* [const] */
};

/**
 * A new handle of `type`, whose first member is its buffer, with a block of `len` zeroed bytes below device address
 * `limit`. => EINVAL: 0 bytes; ENOMEM
 */
err_t dma_buffer_create(const struct heap_type *type, size_t len, u64 limit, struct dma_buffer **out);
/** Release function of such types: gives the block back, if there is one. */
void dma_buffer_gone(struct object *object);

/** Where [off, off + size) of the buffer lies; null where there is no block or not that much of it. */
static inline u8 *
dma_buffer_at(const struct dma_buffer *buffer, size_t off, size_t size)
{
	struct dma_block *block = buffer != nullptr ? __atomic_load_n(&buffer->block, __ATOMIC_ACQUIRE) : nullptr;
	/* The block bounds the access too: `len` may be a later user's where the handle is stale. */
	if (block == nullptr || range_exceeds(off, size, MIN(buffer->len, PAGE_SIZE << block->order)))
		return nullptr;
	/* SAFETY: 1. The frames are RAM, which the direct map has. 2. They are FRAME_DMA for ever (dma_block_make;
	 * nothing frees one), so no typed memory ever lies there, whoever still has the pointer. */
	return (u8 *)phys_to_virt(block->pfn * PAGE_SIZE) + off;
}

/** The device's address of the buffer; misuse where it has no block. */
daddr_t dma_buffer_daddr(const struct dma_buffer *buffer);
