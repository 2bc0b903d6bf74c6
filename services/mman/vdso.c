// SPDX-License-Identifier: MPL-2.0
/**
 * The vDSO: one object for all programs, with the data in its first page and the image in the rest.
 */
#include "vdso.h"

#include <cadre/log.h>
#include <cadre/time.h>

#include <clock.h>
#include <vdso_image.h>

enum : u64 { IMAGE_AT = PAGE_SIZE, IMAGE_LEN = (sizeof(vdso_image) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE };

/** As the image reads it; see tools/vdso/vdso.c. */
struct vdso_data { u32 sequence, usable; u64 base, ns_per_tick, realtime_offset, tai_offset; };

static struct vm_object *vdso_object;       /* [const] after vdso_init */
static struct frame *data_frame;            /* [const] after vdso_init */
static struct mutex update_lock;
static u32 sequence GUARDED_BY(&update_lock);

/** Writes the data anew: the clock was set. */
static void
data_update(void)
{
	MUTEX_SCOPE(&update_lock);
	struct clock_counter counter = {};
	bool usable = clock_user_counter(&counter);
	struct vdso_data data = {
		.sequence = sequence + 1, .usable = usable ? 1 : 0, .base = counter.base, .ns_per_tick = counter.ns_per_tick,
		.realtime_offset = clock_realtime_offset(), .tai_offset = (u64)(i64)clock_tai_offset() * NS_PER_SEC,
	};
	sequence += 2;
	frame_store32(data_frame, 0, data.sequence);
	frame_write(data_frame, 0, CBYTES_OF(data));
	frame_store32(data_frame, 0, sequence);
}

err_t
vdso_init(void)
{
	vdso_object = vm_object_create(nullptr, nullptr);
	if (vdso_object == nullptr)
		return ENOMEM;
	vm_object_resize(vdso_object, IMAGE_AT + IMAGE_LEN);
	TRY(vm_object_get_page(vdso_object, 0, &data_frame));
	for (u64 at = 0; at < sizeof(vdso_image); at += PAGE_SIZE) {
		struct frame *frame = nullptr;
		TRY(vm_object_get_page(vdso_object, (IMAGE_AT + at) >> PAGE_SHIFT, &frame));
		frame_write(frame, 0, cbytes_sub(CBYTES_OF(vdso_image), at, MIN(PAGE_SIZE, sizeof(vdso_image) - at)));
		frame_put(frame);
	}
	data_update();
	clock_on_step(data_update);
	return OK;
}

err_t
vdso_map(struct vm_map *map, uaddr_t *scoped image)
{
	struct vm_request data = { .len = IMAGE_AT + IMAGE_LEN, .prot = VM_READ, .flags = VM_VDSO | VM_DONTDUMP, .object = vdso_object };
	uaddr_t at = {};
	/* The data's mapping keeps the place for both. */
	TRY(vm_map_add(map, &data, &at));
	struct vm_request code = {
		.address = UADDR(at.raw + IMAGE_AT), .len = IMAGE_LEN, .prot = VM_READ | VM_EXEC, .flags = VM_VDSO | VM_MAY_EXEC,
		.place = VM_PLACE_FIXED, .object = vdso_object, .offset = IMAGE_AT,
	};
	return vm_map_add(map, &code, image);
}
