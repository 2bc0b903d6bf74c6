// SPDX-License-Identifier: MPL-2.0
/** Character devices: from numbers to who serves them. */
#include "fs_impl.h"

enum : u32 { DEVICES_MAX = 128 };

struct device_range { u32 major, first, count; const struct device_ops *ops; };
static struct spin_lock devices_lock;
static struct device_range devices[DEVICES_MAX] GUARDED_BY(&devices_lock);
static u32 device_count GUARDED_BY(&devices_lock);

void
device_register(u32 major, u32 first_minor, u32 count, const struct device_ops *ops)
{
	SPIN_SCOPE(&devices_lock);
	assert(device_count < DEVICES_MAX);
	*ELEM(devices, device_count) = (struct device_range){ major, first_minor, count, ops };
	device_count++;
}

static const struct device_ops *
device_find(u32 major, u32 minor)
{
	SPIN_SCOPE(&devices_lock);
	for (u32 i = 0; i < device_count; i++) {
		const struct device_range *range = ELEM(devices, i);
		if (range->major == major && minor >= range->first && minor - range->first < range->count)
			return range->ops;
	}
	return nullptr;
}

err_t
device_open(struct inode *inode, struct file *file)
{
	const struct device_ops *ops = device_find(inode->rdev_major, inode->rdev_minor);
	if (ops == nullptr)
		return ENXIO;
	file->ops = ops->file_ops;
	return ops->open != nullptr ? ops->open(file, inode->rdev_minor) : OK;
}
