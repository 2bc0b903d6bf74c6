// SPDX-License-Identifier: MPL-2.0
/**
 * mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), remap_file_pages(2).
 */
#include "mman.h"

#include <syscall_handlers.h>
#include <thread.h>

enum mremap_flags : u64 { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };

static const struct { u64 map; u32 area; } area_flags[] = {
	{ MAP_GROWSDOWN, VM_GROWSDOWN }, { MAP_LOCKED, VM_LOCKED }, { MAP_NORESERVE, VM_NORESERVE }, { MAP_STACK, VM_NOHUGEPAGE },
};

/** The flags as far as they do not concern a file. => EINVAL, EOPNOTSUPP, ENOMEM, EPERM */
static err_t
request_flags(u64 flags, struct vm_request *scoped request)
{
	u64 type = flags & MAP_TYPE;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return EINVAL;
	if (type == MAP_SHARED_VALIDATE && (flags & MAP_ANONYMOUS) != 0)
		return EINVAL;
	if (type == MAP_SHARED_VALIDATE && (flags & ~(u64)MAP_KNOWN) != 0)
		return EOPNOTSUPP;
	if ((flags & MAP_HUGETLB) != 0)
		return (flags & MAP_ANONYMOUS) != 0 ? ENOMEM : EINVAL;   /* the pool of huge pages is empty */
	if (type != MAP_PRIVATE && (flags & MAP_GROWSDOWN) != 0)
		return EINVAL;
	if ((flags & MAP_LOCKED) != 0 && rlimit_current(RLIMIT_MEMLOCK) == 0 && !capable(CAP_IPC_LOCK))
		return EPERM;
	for (u32 i = 0; i < COUNTOF(area_flags); i++)
		request->flags |= (flags & area_flags[i].map) != 0 ? area_flags[i].area : 0;
	request->flags |= type != MAP_PRIVATE ? VM_SHARED : 0;
	request->place = (flags & MAP_FIXED_NOREPLACE) != 0 ? VM_PLACE_FIXED_NOREPLACE : (flags & MAP_FIXED) != 0 ? VM_PLACE_FIXED :
	                 (flags & MAP_32BIT) != 0 ? VM_PLACE_32BIT : VM_PLACE_HINT;
	return OK;
}

/** After mmap and mremap: pages that shall be there at once. What cannot be fetched is left to faults, or their errors. */
static void
populate(uaddr_t at, u64 len)
{
	(void)vm_map_populate(map_current(), at, align_up(len, PAGE_SIZE), VM_POPULATE_AS_MAPPED);
}

static err_t
map_request(struct vm_request *scoped request, u64 flags, i32 fd, u64 *scoped result)
{
	uaddr_t at = {};
	if ((flags & MAP_ANONYMOUS) == 0)
		TRY(request_file(fd, request));
	else
		request->offset = 0;
	TRY(request_flags(flags, request));
	if (request->object == nullptr)
		request->flags |= VM_MAY_WRITE | VM_MAY_EXEC;
	TRY(vm_map_add(map_current(), request, &at));
	if ((flags & MAP_LOCKED) != 0 || vm_map_locks_future(map_current()) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		populate(at, request->len);
	*result = at.raw;
	return OK;
}

err_t
sys_mmap(uaddr_t addr, u64 length, u64 prot, u64 flags, i32 fd, u64 offset, u64 *scoped result)
{
	struct vm_request request = { .address = addr, .len = length, .prot = prot_of(prot), .offset = offset };
	if ((offset & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if ((flags & MAP_TYPE) == MAP_SHARED_VALIDATE || (flags & MAP_TYPE) == MAP_SHARED)
		request.flags = VM_SHARED;
	err_t err = map_request(&request, flags, fd, result);
	request_file_put(&request);
	return err;
}

err_t
sys_munmap(uaddr_t addr, u64 length)
{
	return vm_map_remove(map_current(), addr, length);
}

/** PROT_GROWSDOWN: from the start of a mapping that grows down. */
static err_t
protect_down(uaddr_t *scoped at, u64 *scoped len)
{
	struct vm_area_info area = {};
	if (!vm_map_area_at(map_current(), *at, &area) || area.start > at->raw)
		return ENOMEM;
	if (area.file != nullptr)
		area.file_ops->put(area.file);
	if ((area.flags & VM_GROWSDOWN) == 0)
		return EINVAL;
	*len += at->raw - area.start;
	*at = UADDR(area.start);
	return OK;
}

err_t
sys_mprotect(uaddr_t addr, u64 length, u64 prot)
{
	u64 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	prot &= ~(u64)(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr.raw & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if (length == 0)
		return OK;
	length = align_up(length, PAGE_SIZE);
	if (length == 0 || addr.raw + length <= addr.raw)
		return ENOMEM;
	if ((prot & ~(u64)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) != 0 || grows == PROT_GROWSUP)
		return EINVAL;
	if (grows != 0)
		TRY(protect_down(&addr, &length));
	return vm_map_protect(map_current(), addr, length, prot_of(prot));
}

err_t
sys_mremap(uaddr_t old_addr, u64 old_size, u64 new_size, u64 flags, uaddr_t new_addr, u64 *scoped result)
{
	struct vm_remap remap = {
		.old = old_addr.raw, .old_len = align_up(old_size, PAGE_SIZE), .new_len = align_up(new_size, PAGE_SIZE), .to = new_addr.raw,
		.may_move = (flags & MREMAP_MAYMOVE) != 0, .fixed = (flags & MREMAP_FIXED) != 0, .keep = (flags & MREMAP_DONTUNMAP) != 0,
	};
	if ((flags & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 || ((remap.fixed || remap.keep) && !remap.may_move))
		return EINVAL;
	if (remap.keep && remap.old_len != remap.new_len)
		return EINVAL;
	if ((remap.old & (PAGE_SIZE - 1)) != 0 || remap.new_len == 0 || range_exceeds(remap.old, remap.old_len, USER_END))
		return EINVAL;
	if (remap.fixed && ((remap.to & (PAGE_SIZE - 1)) != 0 || range_exceeds(remap.to, remap.new_len, USER_END)))
		return EINVAL;
	if (remap.fixed && remap.to < remap.old + remap.old_len && remap.old < remap.to + remap.new_len)
		return EINVAL;
	uaddr_t at = {};
	TRY(vm_map_remap(map_current(), &remap, &at));
	*result = at.raw;
	if (remap.new_len > remap.old_len && vm_map_is_locked(map_current(), at))
		populate(UADDR(at.raw + remap.old_len), remap.new_len - remap.old_len);
	return OK;
}

err_t
sys_brk(uaddr_t addr, u64 *scoped result)
{
	u64 before = vm_map_layout(map_current()).brk;
	*result = vm_map_brk(map_current(), addr.raw);
	if (*result > before && vm_map_is_locked(map_current(), UADDR(before)))
		populate(UADDR(align_up(before, PAGE_SIZE)), *result - before);
	return OK;
}

err_t
sys_remap_file_pages(uaddr_t addr, u64 size, u64 prot, u64 pgoff, u64 flags)
{
	(void)flags;
	u64 start = align_down(addr.raw, PAGE_SIZE);
	size = align_down(size, PAGE_SIZE);
	if (prot != 0 || start + size <= start || pgoff + (size >> PAGE_SHIFT) < pgoff || pgoff > ~(u64)0 >> PAGE_SHIFT)
		return EINVAL;
	return vm_map_shift_file(map_current(), UADDR(start), size, pgoff << PAGE_SHIFT);
}
