// SPDX-License-Identifier: MPL-2.0
/**
 * The ranges of device memory and of ports that somebody owns: what io_mem and io_port share.
 */
#pragma once

#include <cadre/io.h>
#include <debug/debug.h>
#include <mm/mm.h>

/** An owned range: all that its handle is, and on the list of its kind while that is alive. */
struct io_range {
	struct io_range **list; /* [const] of its kind; guarded by io_lock */
	struct io_range *next;  /* guarded by io_lock; by ascending va */
	u64 start, end;         /* [const] physical addresses or ports */
	u64 va, npages;         /* [const] once on the list: the mapping; 0 pages for ports */
	enum io_cache cache;    /* [const] */
	bool mapped;            /* [self] of who makes and who releases the handle */
};

/**
 * A new handle of `type` for a range as `wanted` says: on the list, and mapped. => EBUSY: overlaps, or shares a page
 * under another cache attribute; ENOMEM
 */
err_t io_range_create(const struct heap_type *type, const struct io_range *wanted, struct io_range **out);
/** Release function of such types: no service has the handle and no access is under way. */
void io_range_gone(struct object *object);

/**
 * Pins the handle, so that the range stays its, and checks the access; returns the address or port. Inline: a trap's
 * back trace begins at the service.
 */
[[gnu::always_inline]] static inline u64
io_range_enter(const struct heap_type *type, struct io_range *range, u64 off, u64 size)
{
	handle_enter(type, range);
	u64 at = range->start + off;
	if (range_exceeds(off, size, range->end - range->start) || at % size != 0) {
		handle_leave(type, range);
		misuse("access beyond or across a range of device registers");
	}
	return at;
}

/** Defines T_readN and T_writeN by the file's LOAD(N, range, at) and STORE(N, range, at, value). */
#define IO_ACCESS(T, N)                                                                                                \
	u##N                                                                                                           \
	T##_read##N(struct T *handle, u64 off)                                                                         \
	{                                                                                                              \
		u64 at = io_range_enter(&T##_handle_type, &handle->range, off, N / 8);                                 \
		u##N value = LOAD(N, &handle->range, at);                                                              \
		handle_leave(&T##_handle_type, handle);                                                                \
		return value;                                                                                          \
	}                                                                                                              \
	void                                                                                                           \
	T##_write##N(struct T *handle, u64 off, u##N value)                                                            \
	{                                                                                                              \
		u64 at = io_range_enter(&T##_handle_type, &handle->range, off, N / 8);                                 \
		STORE(N, &handle->range, at, value);                                                                   \
		handle_leave(&T##_handle_type, handle);                                                                \
	}
