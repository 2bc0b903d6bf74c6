// SPDX-License-Identifier: MPL-2.0
/**
 * Memory shared with devices.
 *
 * As long as no IOMMU translates, a device reaches all memory; so what is handed to one lies in frames that are set
 * aside for DMA for ever (a device that still writes after the release hits memory that holds device data only), and
 * stream buffers are bounced through such frames.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/frame.h>

/** What the device calls the memory. */
typedef struct { u64 raw; } daddr_t;

struct dma_coherent;
/**
 * Zeroed memory that CPU and device see alike; contiguous and page aligned, below `limit` (highest device address + 1).
 * => EINVAL, ENOMEM
 */
err_t dma_coherent_alloc(u32 nframes, u64 limit, struct dma_coherent **scoped out);
void dma_coherent_free(struct dma_coherent *mem); /* => later use traps */
daddr_t dma_coherent_daddr(struct dma_coherent *mem);
/**
 * => trap beyond the end or misaligned; each is one access, in program order with the others and with io_mem_*, but
 *    that a read may come before an earlier write to another place (x86-64): atomic_fence() between them keeps the
 *    order.
 */
u8 dma_coherent_read8(struct dma_coherent *mem, size_t off);
u16 dma_coherent_read16(struct dma_coherent *mem, size_t off);
u32 dma_coherent_read32(struct dma_coherent *mem, size_t off);
u64 dma_coherent_read64(struct dma_coherent *mem, size_t off);
void dma_coherent_write8(struct dma_coherent *mem, size_t off, u8 value);
void dma_coherent_write16(struct dma_coherent *mem, size_t off, u16 value);
void dma_coherent_write32(struct dma_coherent *mem, size_t off, u32 value);
void dma_coherent_write64(struct dma_coherent *mem, size_t off, u64 value);
void dma_coherent_read(struct dma_coherent *mem, size_t off, struct bytes dst);
void dma_coherent_write(struct dma_coherent *mem, size_t off, struct cbytes src);

enum dma_dir : u8 { DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BOTH };
struct dma_stream;
/** A buffer for one direction, of `len` bytes. => EINVAL, ENOMEM */
err_t dma_stream_alloc(size_t len, enum dma_dir dir, u64 limit, struct dma_stream **scoped out);
void dma_stream_free(struct dma_stream *stream);
daddr_t dma_stream_daddr(struct dma_stream *stream);
/** Fills it for the device / takes what the device wrote. => trap beyond the end, and against the direction. */
void dma_stream_fill(struct dma_stream *stream, size_t off, struct cbytes src);
void dma_stream_fill_frame(struct dma_stream *stream, size_t off, struct frame *frame, size_t frame_off, size_t len);
void dma_stream_drain(struct dma_stream *stream, size_t off, struct bytes dst);
void dma_stream_drain_frame(struct dma_stream *stream, size_t off, struct frame *frame, size_t frame_off, size_t len);
