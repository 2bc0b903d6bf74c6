// SPDX-License-Identifier: MPL-2.0
/**
 * Frames: untyped physical pages, for user memory, page caches and DMA.
 *
 * A frame is reached only by copying, never through a pointer, since user space or a device may write to it at any
 * time. Frames come zeroed. The framework counts what maps a frame apart from the references of services: a
 * service that puts too often loses its own claim, and a mapped frame stays what it is. A stale handle reads and
 * writes some other untyped frame at worst, and traps once the page is used for anything else.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

struct frame;

/** One zeroed page with one reference; null when memory is gone. Any context. */
struct frame *frame_alloc(void);
/**
 * As frame_alloc without the zeroing, for a frame that is filled with `bytes` right here: the two become one act. =>
 * `contents` longer than a page traps; a shorter one is followed by zeroes.
 */
struct frame *frame_alloc_filled(struct cbytes contents);
void frame_get(struct frame *frame);   /* => traps on a free frame; saturates */
void frame_put(struct frame *frame);   /* => traps where no service reference is left */
u32 frame_refs(struct frame *frame);   /**< references of services and mappings together: a hint for copy-on-write under the caller's locks */
u32 frame_mappings(struct frame *frame); /**< how many page-table entries map it now */
pfn_t frame_number(struct frame *frame);

/** Copies between the page at `off` and a slice. => traps beyond the page, and on a frame that is not in use. */
void frame_read(struct frame *frame, size_t off, struct bytes dst);
void frame_write(struct frame *frame, size_t off, struct cbytes src);
void frame_zero(struct frame *frame, size_t off, size_t len);
void frame_copy(struct frame *dst, struct frame *src);     /**< a whole page */
/** One aligned word, read or written at once (what user memory shares with the kernel). => traps where misaligned. */
u32 frame_load32(struct frame *frame, size_t off);
void frame_store32(struct frame *frame, size_t off, u32 value);

/** The services' note on a frame (which file it belongs to …): a reference, theirs to define. Not counted. */
struct object *frame_owner(struct frame *frame);
void frame_set_owner(struct frame *frame, struct object *owner);

struct memory_stat { u64 total; u64 free; u64 framework; u64 heap; u64 page_tables; }; /* in frames */
struct memory_stat memory_stat(void);
