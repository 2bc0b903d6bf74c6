// SPDX-License-Identifier: MPL-2.0
/**
 * VM objects: sparse arrays of pages that files are read from, written to and mapped through: the page cache.
 *
 * One per inode with contents (and per shared anonymous mapping). read(2), write(2) and mappings see the same frames: one copy
 * between the cache and user memory.
 *
 * Lock order: inode lock → vm_object.lock → vm_space cursor. Lookups of present pages take no lock (RCU).
 */
#pragma once

#include <cadre/frame.h>
#include <cadre/sync.h>

#include <xarray.h>

struct vm_area;
struct vm_object;
XARRAY_OF(frame_map, struct frame);

/** Where pages come from that are not in the cache. All ops may be null: then pages are zeroes (tmpfs, anonymous). */
struct vm_object_ops {
	/** Fills a page of a file from its store. Sleeps. */
	err_t (*fill)(struct vm_object *object, u64 index, struct frame *frame);
	/** Accounts for one page more (tmpfs' limit; ENOSPC) or `n` fewer. */
	err_t (*charge)(struct vm_object *object, u64 n);
	void (*uncharge)(struct vm_object *object, u64 n);
	/** It has no pages any more and goes: what `owner` was kept for. */
	void (*gone)(struct vm_object *object);
};

/* The struct's fields are in vm_impl.h; others use these. */
OBJECT_DECLARE(vm_object);

/** => null: ENOMEM. `owner` (the inode, not counted) is for ops. */
struct vm_object *vm_object_create(const struct vm_object_ops *ops, struct object *owner);
struct object *vm_object_owner(struct vm_object *object);
/** Size in bytes of what may be mapped and read: beyond it a mapped page is SIGBUS. Atomic. */
u64 vm_object_size(struct vm_object *object);
/** Sets it. Shrinking drops the pages behind, zeroes the rest of the last one, and unmaps them wherever they are mapped. Sleeps. */
void vm_object_resize(struct vm_object *object, u64 size);
u64 vm_object_pages(struct vm_object *object);         /* present pages: st_blocks */

/** The page at `index`, filled or zeroed where there was none; with a reference. => ENOMEM, ENOSPC, EIO */
err_t vm_object_get_page(struct vm_object *object, u64 index, struct frame **scoped out);
/** The same, null where there is none: a hole. */
struct frame *vm_object_peek_page(struct vm_object *object, u64 index);
/** Punches a hole: whole pages dropped and unmapped, parts zeroed (fallocate). Sleeps. */
void vm_object_punch(struct vm_object *object, u64 off, u64 len);
/** The next index at or behind *index with (data) or without (hole) a page, below `end`. => false: none. */
bool vm_object_seek(struct vm_object *object, u64 *scoped index, u64 end, bool data);
/** Copies between the object and a transfer, at `off`, within its size (read) or growing no size itself (write). */
struct uio;
err_t vm_object_read(struct vm_object *object, u64 off, struct uio *scoped uio);
err_t vm_object_write(struct vm_object *object, u64 off, struct uio *scoped uio);
/** Shared writable mappings and writable-sealing: counts mappings that may write. => false where sealed (memfd, exec'd). */
u32 vm_object_writable_mappings(struct vm_object *object);

/** Pages that all objects have: the page cache. */
u64 vm_cached_pages(void);
