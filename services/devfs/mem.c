// SPDX-License-Identifier: MPL-2.0
/**
 * /dev/null, /dev/zero, /dev/full.
 *
 * Source: null(4), full(4).
 */
#include <signal.h>

#include "devfs_impl.h"

enum : u32 { MINOR_NULL = 3, MINOR_ZERO = 5, MINOR_FULL = 7 };
enum : u64 { ZERO_CHUNK = 256 * 1024 };

static err_t
null_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)file, (void)uio, (void)off, (void)flags;
	return OK;
}

static err_t
null_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)file, (void)off, (void)flags;
	uio_skip(uio, uio->left);
	return OK;
}

/** The position is always 0. */
static err_t
null_seek(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	(void)file, (void)off, (void)whence;
	*result = 0;
	return OK;
}

static err_t
zero_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)file, (void)off, (void)flags;
	for (bool stop = false; uio->left > 0 && !stop; stop = signal_pending())
		TRY(uio_put_zeroes(uio, MIN(uio->left, ZERO_CHUNK)));
	return OK;
}

/** Mappings of it are anonymous memory. */
static err_t
zero_map(struct file *file, struct vm_request *scoped request)
{
	(void)file;
	request->object = nullptr;
	return OK;
}

static err_t
full_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)file, (void)uio, (void)off, (void)flags;
	return ENOSPC;
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .seek = null_seek };
static const struct file_ops zero_ops = { .read = zero_read, .write = null_write, .seek = null_seek, .map = zero_map };
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .seek = null_seek };
static const struct device_ops null_device = { .file_ops = &null_ops };
static const struct device_ops zero_device = { .file_ops = &zero_ops };
static const struct device_ops full_device = { .file_ops = &full_ops };

err_t
mem_init(void)
{
	device_register(MEM_MAJOR, MINOR_NULL, 1, &null_device);
	device_register(MEM_MAJOR, MINOR_ZERO, 1, &zero_device);
	device_register(MEM_MAJOR, MINOR_FULL, 1, &full_device);
	TRY(devfs_add(TEXT("null"), S_IFCHR | 0666, 0, 0, MEM_MAJOR, MINOR_NULL));
	TRY(devfs_add(TEXT("zero"), S_IFCHR | 0666, 0, 0, MEM_MAJOR, MINOR_ZERO));
	return devfs_add(TEXT("full"), S_IFCHR | 0666, 0, 0, MEM_MAJOR, MINOR_FULL);
}
