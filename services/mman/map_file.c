// SPDX-License-Identifier: MPL-2.0
/**
 * mmap(2) of files: what may be mapped how, and the reference that a mapping has on its file.
 */
#include "mman.h"

#include <inode.h>

static void mapped_get(struct object *file) { file_get(file_from(file)); }
static void mapped_put(struct object *file) { file_put(file_from(file)); }
const struct vm_file_ops vm_mapped_file_ops = { .get = mapped_get, .put = mapped_put };

err_t
request_file(i32 fd, struct vm_request *scoped request)
{
	struct file *file = nullptr;
	TRY(fd_get(fd, &file));
	request->file = file_object(file);
	request->file_ops = &vm_mapped_file_ops;
	bool shared = (request->flags & VM_SHARED) != 0, writes = (request->prot & VM_WRITE) != 0;
	if ((file->mode & FILE_READ) == 0 || (shared && writes && (file->mode & FILE_WRITE) == 0))
		return EACCES;
	if (file->ops->map == nullptr)
		return ENODEV;
	bool noexec = file->inode != nullptr && (file->inode->sb->flags & SB_NOEXEC) != 0;
	if (noexec && (request->prot & VM_EXEC) != 0)
		return EPERM;
	request->flags |= (noexec ? 0 : (u32)VM_MAY_EXEC) | (!shared || (file->mode & FILE_WRITE) != 0 ? (u32)VM_MAY_WRITE : 0);
	return file->ops->map(file, request);
}

void
request_file_put(struct vm_request *scoped request)
{
	if (request->file != nullptr)
		request->file_ops->put(request->file);
	request->file = nullptr;
}
