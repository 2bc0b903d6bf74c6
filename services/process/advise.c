// SPDX-License-Identifier: MPL-2.0
/**
 * What is done to another process' memory by its pidfd: process_madvise(2), process_mrelease(2).
 */
#include "process_impl.h"

#include <session.h>
#include <uio.h>
#include <vm_map.h>

/** Those that are no use but to another than the owner: they change no contents. There is no swap, and no huge page to collapse to. */
enum remote_advice : i32 { MADV_WILLNEED = 3, MADV_COLD = 20, MADV_PAGEOUT = 21 };

/** => EINVAL: not aligned, or locked memory; ENOMEM: something is not mapped */
static err_t
advise_segment(struct vm_map *map, uaddr_t at, u64 len, i32 advice)
{
	u64 whole = align_up(len, PAGE_SIZE);
	if ((at.raw & (PAGE_SIZE - 1)) != 0 || at.raw + whole < at.raw)
		return EINVAL;
	if (range_exceeds(at.raw, whole, USER_END))
		return ENOMEM;
	err_t err = vm_map_check(map, at, whole, advice == MADV_WILLNEED ? 0 : VM_LOCKED | VM_PFNMAP);
	return err == EBUSY ? EINVAL : err;
}

/** All segments up to the first that is refused. What was done counts more than the error. */
static err_t
advise_all(struct vm_map *map, struct uio *scoped ranges, i32 advice, u64 *scoped result)
{
	err_t err = OK;
	*result = 0;
	while (err == OK && ranges->left > 0) {
		u64 len = MIN(ranges->len, ranges->left);
		err = advise_segment(map, ranges->base, len, advice);
		if (err != OK)
			break;
		uio_skip(ranges, len);
		*result += len;
	}
	return *result != 0 ? OK : err;
}

/** => ESRCH: it has none any more; EACCES, EPERM */
static err_t
map_to_advise(struct process *process, struct vm_map **scoped out)
{
	REF_SCOPE(thread, thread);
	thread = process_living_thread(process);
	if (thread == nullptr)
		return ESRCH;
	if (!process_may_look(thread))
		return EACCES;
	if (!capable(CAP_SYS_NICE))
		return EPERM;
	*out = vm_map_of_process(process);
	return *out != nullptr ? OK : ESRCH;
}

static err_t
advise_process(i32 pidfd, struct uio *scoped ranges, i32 advice, u64 *scoped result)
{
	REF_SCOPE(process, process);
	REF_SCOPE(vm_map, map);
	TRY(pidfd_process(pidfd, &process));
	if (atomic32_load(&process->reaped) != 0)
		return ESRCH;
	if (advice != MADV_WILLNEED && advice != MADV_COLD && advice != MADV_PAGEOUT)
		return EINVAL;
	TRY(map_to_advise(process, &map));
	return advise_all(map, ranges, advice, result);
}

err_t
sys_process_madvise(i32 pidfd, uaddr_t vec, u64 vlen, i32 advice, u32 flags, u64 *scoped result)
{
	struct uio ranges = {};
	if (flags != 0)
		return EINVAL;
	err_t err = uio_vector(&ranges, vec, vlen);
	if (err == OK)
		err = advise_process(pidfd, &ranges, advice, result);
	uio_fini(&ranges);
	return err;
}

/** A process that was killed gives up its memory on its own way out, which needs no help here. => EINVAL: it is not on it */
err_t
sys_process_mrelease(i32 pidfd, u32 flags)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	if (flags != 0)
		return EINVAL;
	TRY(pidfd_process(pidfd, &process));
	thread = process_living_thread(process);
	if (thread == nullptr)
		return ESRCH;
	return atomic32_load(&process->exiting) != 0 ? OK : EINVAL;
}
