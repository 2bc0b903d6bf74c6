// SPDX-License-Identifier: MPL-2.0
/**
 * User address spaces. The page table *is* the data structure (CortenMM, SOSP'25): a cursor owns its range of it while
 * it is open, so
 * disjoint ranges of one space are changed at the same time, and overlapping ones in the order in which their cursors
 * were opened.
 *
 * Only untyped frames can be mapped, only below USER_END and above USER_START, and a frame leaves the framework's hands
 * only after every CPU that may have cached a translation has dropped it.
 *
 * An entry without a frame can carry a *mark*, 48 bits that mean something to the services (which mapping, swap slot).
 */
#pragma once

#include <cadre/err.h>
#include <cadre/frame.h>

enum : u64 {
	USER_START = 0x10000,           /**< nothing is ever mapped below: the guard that null dereferences hit */
#ifdef CADRE_HOSTED
	USER_END = 0x7fffff000000,      /**< the host's process needs the top for itself: arch/hosted/stub/stub.h */
#else
	USER_END = 0x7ffffffff000,      /**< Linux' TASK_SIZE */
#endif
	VM_MARK_MAX = ((u64)1 << 48) - 1,
};

struct vm_space;
enum vm_prot : u32 { VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4 };
enum vm_cache : u8 { VM_CACHE_BACK, VM_CACHE_UNCACHED };

err_t vm_space_create(struct vm_space **scoped out);  /* => ENOMEM */
void vm_space_get(struct vm_space *space);
/** Last reference: everything is unmapped. A space that a CPU has active lives on until it has another. */
void vm_space_put(struct vm_space *space);
/** Makes it the running task's, whose page tables every user access goes through; null: none. */
void vm_space_activate(struct vm_space *space);
/** The running task's, without a reference; may be null. */
struct vm_space *vm_space_current(void);
u64 vm_space_frames(struct vm_space *space); /**< frames mapped: the resident set */

/** What stands at one page. */
struct vm_entry {
	struct frame *frame;   /**< the mapped frame, without a reference (the cursor keeps it); null where none is */
	u64 mark;              /**< where no frame is: the mark, 0 for none */
	enum vm_prot prot;
	bool accessed, dirty;
};

/**
 * A locked range of one space. Preemption is off while it is open; not to be held across anything that sleeps.
 *
 * A service may forget to close it, or let the block that holds it end first: so this is only a ticket, and the
 * cursor's real state (space,
 * range, position, locked tables, frames to let go) lies in the framework, one per task. A ticket of another task, an
 * old or a zero one traps (`vm_cursor_close`: does nothing).
 */
struct SCOPED_TYPE OPAQUE vm_cursor {
	PRIVATE u64 ticket;
};

/**
 * Locks [start, end). => EINVAL: not page aligned, empty, outside of USER_START … USER_END; ENOMEM. Traps where this
 * task has a cursor open already.
 */
err_t vm_cursor_open(struct vm_space *space, uaddr_t start, uaddr_t end, struct vm_cursor *scoped cursor);
/**
 * Ends it: flushes what must be, on every CPU concerned, then lets go of the frames. => nothing on one that is not
 * open.
 */
void vm_cursor_close(struct vm_cursor *scoped cursor);
/** Where the next operation acts. `_seek` => traps outside of the range or misaligned. */
uaddr_t vm_cursor_at(const struct vm_cursor *scoped cursor);
void vm_cursor_seek(struct vm_cursor *scoped cursor, uaddr_t va);
/** What stands here; does not move. => traps at the end of the range. */
struct vm_entry vm_cursor_query(struct vm_cursor *scoped cursor);
/**
 * Moves to the next page in the range that has a frame or a mark, this one included. => false: there is none; stands
 * at the end then.
 */
bool vm_cursor_next(struct vm_cursor *scoped cursor);
/**
 * Maps `frame` here in place of whatever stood here, with a reference of the mapping's own, and moves one page on.
 * => ENOMEM (nothing changed); traps on a frame that is not in use and beyond the end of the range. VM_WRITE or
 *    VM_EXEC imply VM_READ.
 * => EINVAL for VM_CACHE_UNCACHED: the framework maps all RAM cached, and two mappings of a frame must agree.
 */
err_t vm_cursor_map(struct vm_cursor *scoped cursor, struct frame *frame, enum vm_prot prot, enum vm_cache cache);
/**
 * Sets the mark of the next npages pages in place of whatever stood there; 0 clears. => ENOMEM: *done says how far it
 * came. Traps above VM_MARK_MAX and beyond the end.
 */
err_t vm_cursor_mark(struct vm_cursor *scoped cursor, u64 npages, u64 mark, u64 *scoped done);
/**
 * Unmaps the next npages pages, marks too; moves on. => number of frames that were mapped.
 * => one mark can stand for 2 MiB or 1 GiB of pages. Where the pages end inside of such a stretch, and not at an end
 *    of the cursor's range,
 *    parting it takes memory; without any it stops before that (vm_cursor_at tells).
 */
u64 vm_cursor_unmap(struct vm_cursor *scoped cursor, u64 npages);
/** Sets the protection of the frames mapped in the next npages pages; moves on. 0: no access. */
void vm_cursor_protect(struct vm_cursor *scoped cursor, u64 npages, enum vm_prot prot);
/** Clears the accessed bit of this page; does not move. */
void vm_cursor_clear_accessed(struct vm_cursor *scoped cursor);

PRIVATE static inline void vm_cursor_scope_end_(struct vm_cursor *cursor) { vm_cursor_close(cursor); }
/** Declares cursor `name`, closed at the end of the block however that is left; open it with vm_cursor_open. */
#define VM_CURSOR_SCOPE(name) struct vm_cursor name __attribute__((cleanup(vm_cursor_scope_end_))) = {}

/**
 * Copies to and from the running task's user memory through its page tables, as the user program itself would access
 * it.
 * => EFAULT outside of user addresses or where the page tables do not allow it; *done bytes were copied, and the byte
 *    at
 *    `at + *done` is the one to look at: the caller resolves that fault and calls again from there.
 * => traps where preemption is off or no space is active: the fault may need to sleep.
 */
err_t user_read(struct bytes dst, uaddr_t at, size_t *scoped done);
err_t user_write(uaddr_t at, struct cbytes src, size_t *scoped done);
err_t user_zero(uaddr_t at, size_t len, size_t *scoped done);
/**
 * A string of at most dst's length, up to and without its NUL. => *done is its length; ENAMETOOLONG where there is no
 * NUL in reach.
 */
err_t user_read_string(struct bytes dst, uaddr_t at, size_t *scoped done);
/** Straight between a frame and user memory: one copy. => as above; traps beyond the page. */
err_t user_write_frame(uaddr_t at, struct frame *frame, size_t off, size_t len, size_t *scoped done);
err_t user_read_frame(struct frame *frame, size_t off, size_t len, uaddr_t at, size_t *scoped done);
/**
 * One aligned 32-bit word, for futexes. => EFAULT, EINVAL where misaligned; user_cas32: EAGAIN where another value
 * stood there, now in *expected.
 */
err_t user_load32(uaddr_t at, u32 *scoped out);
err_t user_cas32(uaddr_t at, u32 *scoped expected, u32 to);
