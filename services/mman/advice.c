// SPDX-License-Identifier: MPL-2.0
/**
 * madvise(2), mincore(2), msync(2), and mlock(2) with its kin.
 */
#include "mman.h"

#include <syscall_handlers.h>
#include <thread.h>
#include <uio.h>

enum advice : i32 {
	MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE = 8, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK,
	MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK,
	MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED_LOCKED,
};

typedef err_t advice_fn(uaddr_t at, u64 len);

/** There is nothing to do: no swap, and the page cache is all there is. The range has to be mapped all the same. */
static err_t
advise_nothing(uaddr_t at, u64 len)
{
	return vm_map_check(map_current(), at, len, 0);
}

/** As Linux': not for locked memory. */
static err_t
advise_out(uaddr_t at, u64 len)
{
	err_t err = vm_map_check(map_current(), at, len, VM_LOCKED | VM_PFNMAP);
	return err == EBUSY ? EINVAL : err;
}

/** Only private memory without a file can be wiped in the child. */
static err_t
advise_wipe(uaddr_t at, u64 len)
{
	err_t err = vm_map_check_anonymous(map_current(), at, len);
	return err != OK ? err : vm_map_set_flags(map_current(), at, len, VM_WIPEONFORK, 0);
}

static err_t advise_discard(uaddr_t at, u64 len) { return vm_map_discard(map_current(), at, len, false, false); }
static err_t advise_discard_locked(uaddr_t at, u64 len) { return vm_map_discard(map_current(), at, len, false, true); }
/* The pages may go at any time from now on: so they go now. */
static err_t advise_free(uaddr_t at, u64 len) { return vm_map_discard(map_current(), at, len, true, false); }
static err_t advise_remove(uaddr_t at, u64 len) { return vm_map_punch(map_current(), at, len); }
static err_t advise_read(uaddr_t at, u64 len) { return vm_map_populate(map_current(), at, len, VM_POPULATE_READ); }
static err_t advise_write(uaddr_t at, u64 len) { return vm_map_populate(map_current(), at, len, VM_POPULATE_WRITE); }

/** What an advice comes to: flags of the areas, or a function. KSM and huge pages there are none: as Linux built without. */
static const struct { advice_fn *fn; u32 set, clear; } advices[] = {
	[MADV_NORMAL] = { .clear = VM_RANDOM | VM_SEQUENTIAL },
	[MADV_RANDOM] = { .set = VM_RANDOM, .clear = VM_SEQUENTIAL },
	[MADV_SEQUENTIAL] = { .set = VM_SEQUENTIAL, .clear = VM_RANDOM },
	[MADV_WILLNEED] = { .fn = advise_nothing }, [MADV_DONTNEED] = { .fn = advise_discard },
	[MADV_FREE] = { .fn = advise_free }, [MADV_REMOVE] = { .fn = advise_remove },
	[MADV_DONTFORK] = { .set = VM_DONTFORK }, [MADV_DOFORK] = { .clear = VM_DONTFORK },
	[MADV_DONTDUMP] = { .set = VM_DONTDUMP }, [MADV_DODUMP] = { .clear = VM_DONTDUMP },
	[MADV_WIPEONFORK] = { .fn = advise_wipe }, [MADV_KEEPONFORK] = { .clear = VM_WIPEONFORK },
	[MADV_COLD] = { .fn = advise_out }, [MADV_PAGEOUT] = { .fn = advise_out },
	[MADV_POPULATE_READ] = { .fn = advise_read }, [MADV_POPULATE_WRITE] = { .fn = advise_write },
	[MADV_DONTNEED_LOCKED] = { .fn = advise_discard_locked },
};

err_t
sys_madvise(uaddr_t addr, u64 length, i32 advice)
{
	u64 len = 0;
	if (advice < 0 || (u32)advice >= COUNTOF(advices))
		return EINVAL;
	const typeof(advices[0]) *how = ELEM(advices, (u32)advice);
	if (how->fn == nullptr && how->set == 0 && how->clear == 0)
		return EINVAL;
	TRY(range_of_pages(addr, length, &len));
	if (len == 0)
		return OK;
	if (range_exceeds(addr.raw, len, USER_END))
		return ENOMEM;
	return how->fn != nullptr ? how->fn(addr, len) : vm_map_set_flags(map_current(), addr, len, how->set, how->clear);
}

/* --- mincore --- */

enum : u64 { MINCORE_CHUNK = 512 };

err_t
sys_mincore(uaddr_t addr, u64 length, uaddr_t vec)
{
	u64 len = align_up(length, PAGE_SIZE), pages = len >> PAGE_SHIFT;
	u8 chunk[MINCORE_CHUNK] = {};
	if ((addr.raw & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if (len < length || range_exceeds(addr.raw, len, USER_END))
		return ENOMEM;
	for (u64 done = 0; done < pages;) {
		u64 part = MIN(pages - done, (u64)MINCORE_CHUNK);
		for (u64 i = 0; i < part && i < MINCORE_CHUNK; i++) {
			bool present = false;
			TRY(vm_map_is_present(map_current(), UADDR(addr.raw + ((done + i) << PAGE_SHIFT)), &present));
			chunk[i] = present ? 1 : 0;
		}
		TRY(copy_out(UADDR(vec.raw + done), bytes_const(bytes_sub(BYTES_OF(chunk), 0, part))));
		done += part;
	}
	return OK;
}

/* --- msync --- */

enum msync_flags : u32 { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

/** Mappings and files share their pages, and all file systems are in memory: nothing is ever behind. */
err_t
sys_msync(uaddr_t addr, u64 length, u32 flags)
{
	u64 len = align_up(length, PAGE_SIZE);
	if ((flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return EINVAL;
	if ((addr.raw & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if (len < length || addr.raw + len < addr.raw)
		return ENOMEM;
	return vm_map_check(map_current(), addr, len, (flags & MS_INVALIDATE) != 0 ? (u32)VM_LOCKED : 0);
}

/* --- locking --- */

enum lock_flags : u32 { MLOCK_ONFAULT = 1, MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };

/** mlock(2) takes any address: the pages that the bytes touch. */
static err_t
lock_range(uaddr_t *scoped addr, u64 *scoped length)
{
	u64 start = align_down(addr->raw, PAGE_SIZE), end = align_up(addr->raw + *length, PAGE_SIZE);
	if (addr->raw + *length < addr->raw || (end < start && *length != 0))
		return EINVAL;
	*addr = UADDR(start);
	*length = end - start;
	return range_exceeds(start, end - start, USER_END) ? ENOMEM : OK;
}

static err_t
lock_pages(uaddr_t addr, u64 length, bool fetch)
{
	TRY(lock_range(&addr, &length));
	if (length == 0)
		return OK;
	TRY(vm_map_lock(map_current(), addr, length));
	err_t err = fetch ? vm_map_populate(map_current(), addr, length, VM_POPULATE_AS_MAPPED) : OK;
	return err == EFAULT ? ENOMEM : err == ENOMEM ? EAGAIN : err;
}

err_t
sys_mlock(uaddr_t addr, u64 length)
{
	return lock_pages(addr, length, true);
}

err_t
sys_mlock2(uaddr_t addr, u64 length, u32 flags)
{
	return (flags & ~(u32)MLOCK_ONFAULT) != 0 ? EINVAL : lock_pages(addr, length, (flags & MLOCK_ONFAULT) == 0);
}

err_t
sys_munlock(uaddr_t addr, u64 length)
{
	TRY(lock_range(&addr, &length));
	return length == 0 ? OK : vm_map_set_flags(map_current(), addr, length, 0, VM_LOCKED);
}

err_t
sys_mlockall(u32 flags)
{
	if (flags == 0 || flags == MCL_ONFAULT || (flags & ~(u32)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0)
		return EINVAL;
	TRY(vm_map_lock_all(map_current(), (flags & MCL_CURRENT) != 0, (flags & MCL_FUTURE) != 0));
	if ((flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
		(void)vm_map_populate(map_current(), UADDR(USER_START), USER_END - USER_START, VM_POPULATE_AS_MAPPED);
	return OK;
}

err_t
sys_munlockall(void)
{
	vm_map_unlock_all(map_current());
	return OK;
}
