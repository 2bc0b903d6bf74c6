// SPDX-License-Identifier: MPL-2.0
/**
 * The registry of ranges of device memory and of ports that somebody owns: what io_mem and io_port share.
 */
#pragma once

#include <cadre/io.h>
#include <debug/debug.h>
#include <mm/mm.h>

/** An owned range: part of its handle, and on the registry's list while that is alive. */
struct io_range {
	struct io_range *next;  /* guarded by io_lock; memory: by ascending va */
	u64 start, end;         /* [const] once claimed: physical addresses or ports */
	u64 va, npages;         /* [const] likewise: the mapping; 0 pages for ports */
	u32 cache;              /* [const] likewise: enum io_cache */
	bool claimed;           /* [self] of who makes and who releases the handle */
};

struct io_registry { struct io_range *first; /* guarded by io_lock */ };

/**
 * Enters the range and finds addresses for its pages. => EBUSY: overlaps, or shares a page under another cache
 * attribute; ENOMEM: no addresses.
 */
err_t io_range_claim(struct io_registry *registry, struct io_range *range);
/** Takes the range off, if it is on: nobody uses it any more, and nothing is mapped there. Any context. */
void io_range_forget(struct io_registry *registry, struct io_range *range);
