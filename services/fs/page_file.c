// SPDX-License-Identifier: MPL-2.0
/**
 * Regular files whose contents are a vm_object: reading, writing, mapping, holes.
 *
 * Source: write(2), lseek(2), fallocate(2), fcntl(2) (seals), setrlimit(2) (RLIMIT_FSIZE).
 */
#include <vm_object.h>

#include "fs_impl.h"

static err_t
page_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)flags;
	u64 before = uio->left;
	err_t err = vm_object_read(file->inode->pages, off, uio);
	if (uio->left != before)
		file_accessed(file);
	return err;
}

err_t
file_size_limit(struct inode *inode, u64 off, u64 *scoped len)
{
	u64 limit = thread_current_or_null() != nullptr ? rlimit_current(RLIMIT_FSIZE) : RLIM_INFINITY;
	if (off >= limit) {
		signal_self(SIGXFSZ);
		return EFBIG;
	}
	limit = MIN(limit, inode->sb->max_size);
	if (off >= limit)
		return EFBIG;
	*len = MIN(*len, limit - off);
	return OK;
}

/** Whether seals allow a write of [off, off + len). */
static err_t
seals_allow(const struct inode *inode, u64 off, u64 len, u64 size)
{
	u32 seals = atomic32_load_relaxed(&inode->seals);
	if (__builtin_expect((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_GROW)) == 0, 1))
		return OK;
	if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0)
		return EPERM;
	return off + len > size ? EPERM : OK;
}

static err_t
page_write_locked(struct inode *inode, struct uio *scoped uio, u64 off)
{
	u64 size = vm_object_size(inode->pages), len = uio->left;
	TRY(seals_allow(inode, off, len, size));
	TRY(file_size_limit(inode, off, &len));
	if ((POINTER_LOAD(inode->mode) & (S_ISUID | S_ISGID)) != 0)
		inode_kill_suid(inode);
	u64 cut = uio->left - len;
	uio->left -= cut;
	err_t err = vm_object_write(inode->pages, off, uio);
	u64 end = off + (len - uio->left);
	uio->left += cut;
	if (end > size && end > off)
		vm_object_resize(inode->pages, end);
	if (end > off)
		inode_touch(inode, true);
	return err;
}

static err_t
page_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct inode *inode = file->inode;
	if (uio->left == 0)
		return OK;
	RW_WRITE_SCOPE(&inode->lock);
	if ((flags & O_APPEND) != 0)
		off = vm_object_size(inode->pages);
	u64 before = uio->left;
	err_t err = page_write_locked(inode, uio, off);
	if ((flags & (O_APPEND | FILE_WRITE_AT)) == O_APPEND && uio->left != before)
		file->position = off + (before - uio->left);
	return err;
}

static err_t
page_map(struct file *file, struct vm_request *scoped request)
{
	struct inode *inode = file->inode;
	if ((atomic32_load(&inode->seals) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0 && (request->flags & VM_SHARED) != 0) {
		if ((request->prot & VM_WRITE) != 0)
			return EPERM;
		request->flags &= ~(u32)VM_MAY_WRITE;
	}
	request->object = inode->pages;
	return OK;
}

/** SEEK_DATA and SEEK_HOLE. */
static err_t
page_seek_extent(struct vm_object *pages, u64 off, bool data, u64 *scoped result)
{
	u64 size = vm_object_size(pages), end = align_up(size, PAGE_SIZE) >> PAGE_SHIFT, index = off >> PAGE_SHIFT;
	if (off >= size)
		return ENXIO;
	if (!vm_object_seek(pages, &index, end, data)) {
		*result = size;
		return data ? ENXIO : OK;
	}
	*result = MIN(MAX(off, index << PAGE_SHIFT), size);
	return OK;
}

static err_t
page_seek(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	struct inode *inode = file->inode;
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		if (off < 0)
			return ENXIO;
		RW_READ_SCOPE(&inode->lock);
		return page_seek_extent(inode->pages, (u64)off, whence == SEEK_DATA, result);
	}
	return seek_target(file, off, whence, vm_object_size(inode->pages), result);
}

/** Makes all pages of [off, end) present. */
static err_t
page_fill(struct vm_object *pages, u64 off, u64 end)
{
	for (u64 index = off >> PAGE_SHIFT; index << PAGE_SHIFT < end; index++) {
		if (signal_fatal_pending())
			return EINTR;
		struct frame *frame = nullptr;
		TRY(vm_object_get_page(pages, index, &frame));
		frame_put(frame);
	}
	return OK;
}

static err_t
page_allocate(struct file *file, u32 mode, u64 off, u64 len)
{
	struct inode *inode = file->inode;
	if ((mode & ~(u32)(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE)) != 0)
		return EOPNOTSUPP;
	RW_WRITE_SCOPE(&inode->lock);
	u32 seals = atomic32_load(&inode->seals);
	if ((mode & FALLOC_PUNCH_HOLE) != 0) {
		if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0)
			return EPERM;
		vm_object_punch(inode->pages, off, len);
		inode_touch(inode, true);
		return OK;
	}
	u64 size = vm_object_size(inode->pages), room = len;
	bool grows = (mode & FALLOC_KEEP_SIZE) == 0 && off + len > size;
	if (grows && (seals & F_SEAL_GROW) != 0)
		return EPERM;
	if (grows) {
		TRY(file_size_limit(inode, off, &room));
		if (room < len)
			return EFBIG;
	}
	TRY(page_fill(inode->pages, off, off + len));
	if (grows)
		vm_object_resize(inode->pages, off + len);
	inode_kill_suid(inode);
	inode_touch(inode, grows);
	return OK;
}

static err_t
page_sync(struct file *file, u64 start, u64 end, bool data_only)
{
	(void)file, (void)start, (void)end, (void)data_only;
	return OK;
}

static err_t
page_readable(struct file *file, u64 *scoped bytes)
{
	u64 size = vm_object_size(file->inode->pages);
	*bytes = size > file->position ? size - file->position : 0;
	return OK;
}

const struct file_ops page_file_ops = {
	.read = page_read, .write = page_write, .map = page_map, .seek = page_seek, .allocate = page_allocate, .sync = page_sync,
	.readable = page_readable,
};
