// SPDX-License-Identifier: MPL-2.0
// Sizes of the typed heap: classes of arrays, and how slots lie in slabs. Pure arithmetic.
#include <object/heap_impl.h>

enum : u64 { CLASS_MIN = 64, SLAB_SHIFT_MAX = 16 };

/** Class 0 is up to 64 bytes; class 1 + 4e + s is up to (5 + s) quarters of 64 << e. */
u64
heap_class_size(const struct heap_type *type, u32 class)
{
	if (type->elem_size == 0)
		return type->size;
	if (class == 0)
		return MAX(CLASS_MIN, (u64)type->size);
	return (u64)(5 + (class - 1) % 4) << ((class - 1) / 4 + 4);
}

u32
heap_class_of(const struct heap_type *type, u64 bytes)
{
	if (type->elem_size == 0 || bytes <= MAX(CLASS_MIN, (u64)type->size))
		return 0;
	u32 top = 63 - (u32)__builtin_clzl(bytes - 1);
	return (top - 6) * 4 + ((u32)((bytes - 1) >> (top - 2)) & 3) + 1;
}

/** The smallest slab of at most 16 pages whose strides leave no more than an eighth over, or a slab for a single slot. */
void
heap_geometry(struct heap *heap, const struct heap_type *type, u32 class)
{
	u64 align = MAX((u64)type->align, sizeof(struct slot_header));
	u64 size = heap_class_size(type, class), stride = align_up(size + sizeof(struct slot_header), align);
	u64 bytes = align_up(align + size, PAGE_SIZE), slots = 1;
	heap->slab_shift = 64 - (u32)__builtin_clzl(bytes - 1);
	for (u32 shift = PAGE_SHIFT; shift <= SLAB_SHIFT_MAX; shift++) {
		u64 fit = ((u64)1 << shift) >= align + size ? 1 + (((u64)1 << shift) - align - size) / stride : 0;
		if (fit * stride < ((u64)1 << shift) / 8 * 7)
			continue;
		heap->slab_shift = shift;
		bytes = (u64)1 << shift;
		slots = fit;
		break;
	}
	heap->slab_mask = ((u64)1 << heap->slab_shift) - 1;
	heap->pages = (u32)(bytes >> PAGE_SHIFT);
	heap->slots = (u32)slots;
	heap->offset = (u32)align;
	heap->stride = (u32)MIN(stride, (u64)1 << SLAB_SHIFT_MAX);   /* with one slot it only has to be no less than 2 */
	heap->inverse = slots == 1 ? 0 : (u32)((((u64)1 << 32) + heap->stride - 1) / heap->stride);
	heap->type = type;
	heap->class = class;
	heap->unused = heap->draining = heap->flushing = SLOT_NONE;
}

/** How many slabs, with their notes, a window has room for. */
u64
heap_window_slabs(const struct heap *heap, u64 window_bytes)
{
	u64 slabs = window_bytes >> heap->slab_shift;
	u64 notes = align_up(slabs * sizeof(struct slab), PAGE_SIZE);
	return (window_bytes - notes) >> heap->slab_shift;
}
