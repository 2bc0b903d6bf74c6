// SPDX-License-Identifier: MPL-2.0
/**
 * process_vm_readv(2) and process_vm_writev(2): copies between the caller's memory and another process'.
 */
#include "mman.h"

#include <syscall_handlers.h>
#include <thread.h>
#include <uio.h>

enum : u32 { CHUNK = 16 * PAGE_SIZE };

/** Whether the caller may look into the process: the same user in every respect, or CAP_SYS_PTRACE (ptrace(2), "access mode"). */
static bool
may_access(struct process *process, struct thread *leader)
{
	const struct cred *mine = cred_current();
	REF_SCOPE(cred, other);
	other = thread_cred_get(leader);
	if (process == process_current() || capable(CAP_SYS_PTRACE))
		return true;
	return atomic32_load(&process->dumpable) == 1 && mine->uid == other->uid && mine->uid == other->euid && mine->uid == other->suid &&
	       mine->gid == other->gid && mine->gid == other->egid && mine->gid == other->sgid;
}

/** The map of process `pid`. => ESRCH, EPERM */
static err_t
map_of(i32 pid, struct vm_map **scoped out)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	process = pid > 0 ? process_find((u32)pid) : nullptr;
	thread = process != nullptr ? thread_find((u32)pid) : nullptr;
	if (process == nullptr || thread == nullptr)
		return ESRCH;
	if (!may_access(process, thread))
		return EPERM;
	*out = vm_map_of_process(process);
	return *out != nullptr ? OK : ESRCH;
}

/** Copies up to CHUNK between both. Bytes moved to *moved. */
static err_t
chunk_copy(struct vm_map *map, uaddr_t remote, struct uio *scoped local, size_t len, bool write, struct byte_array *buffer, size_t *scoped moved)
{
	struct bytes part = bytes_sub(byte_array_bytes(buffer), 0, len);
	*moved = 0;
	if (write) {
		TRY(uio_take(local, part));
		return vm_map_write(map, remote, bytes_const(part), moved);
	}
	err_t err = vm_map_read(map, remote, part, moved);
	size_t got = *moved, before = local->left;
	if (got == 0)
		return err;
	err_t put = uio_put(local, bytes_const(bytes_sub(byte_array_bytes(buffer), 0, got)));
	*moved = before - local->left;
	return put != OK ? put : err;
}

/** Goes through both vectors until one ends or a page is missing. What was moved counts more than the error. */
static err_t
vectors_copy(struct vm_map *map, struct uio *scoped remote, struct uio *scoped local, bool write, u64 *scoped result)
{
	REF_SCOPE(byte_array, buffer);
	buffer = byte_array_alloc(CHUNK);
	if (buffer == nullptr)
		return ENOMEM;
	err_t err = OK;
	*result = 0;
	while (err == OK && local->left > 0 && remote->left > 0) {
		size_t moved = 0, len = MIN(MIN(MIN(local->left, local->len), remote->len), (u64)CHUNK);
		err = chunk_copy(map, remote->base, local, len, write, buffer, &moved);
		uio_skip(remote, moved);
		*result += moved;
	}
	return *result != 0 ? OK : err;
}

static err_t
process_vm(i32 pid, uaddr_t local, u64 liovcnt, uaddr_t remote, u64 riovcnt, u64 flags, bool write, u64 *scoped result)
{
	struct uio mine = {}, theirs = {};
	REF_SCOPE(vm_map, map);
	*result = 0;
	if (flags != 0)
		return EINVAL;
	err_t err = uio_vector(&mine, local, liovcnt);
	if (err == OK && mine.left != 0)
		err = uio_vector(&theirs, remote, riovcnt);
	if (err == OK && theirs.left != 0) {
		struct vm_map *found = nullptr;
		err = map_of(pid, &found);
		map = found;
		if (err == OK)
			err = vectors_copy(map, &theirs, &mine, write, result);
	}
	uio_fini(&mine);
	uio_fini(&theirs);
	return err;
}

err_t
sys_process_vm_readv(i32 pid, uaddr_t local, u64 liovcnt, uaddr_t remote, u64 riovcnt, u64 flags, u64 *scoped result)
{
	return process_vm(pid, local, liovcnt, remote, riovcnt, flags, false, result);
}

err_t
sys_process_vm_writev(i32 pid, uaddr_t local, u64 liovcnt, uaddr_t remote, u64 riovcnt, u64 flags, u64 *scoped result)
{
	return process_vm(pid, local, liovcnt, remote, riovcnt, flags, true, result);
}
