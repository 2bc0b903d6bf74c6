// SPDX-License-Identifier: MPL-2.0
// Tests of heap arrays: lengths, bounds, size classes.
#include <arch/string.h>
#include <mm/test/parallel.h>
#include <object/slab.h>

struct pair { u64 a, b; };
ARRAY_DECLARE(pair_array, struct pair);
ARRAY_DEFINE(pair_array, struct pair);

TEST(arrays_of_all_lengths_are_zeroed_and_bounded)
{
	for (u32 len = 0; len < 5000; len += len / 7 + 1) {
		struct pair_array *array = pair_array_alloc(len);
		EXPECT(array != nullptr);
		EXPECT_EQ(pair_array_len(array), len);
		for (u32 i = 0; i < len; i++) {
			EXPECT(array->items[i].a == 0 && array->items[i].b == 0);
			array->items[i] = (struct pair){ ~(u64)0, ~(u64)0 };
		}
		EXPECT_TRAP(pair_array_at(array, len));
		EXPECT_TRAP(pair_array_at(array, ~0u));
		EXPECT(pair_array_from(pair_array_object(array)) == array);
		EXPECT_TRAP(byte_array_from(pair_array_object(array)));
		pair_array_put(array);
	}
}

TEST(shorter_array_in_a_used_slot_is_zeroed)
{
	struct byte_array *array = byte_array_alloc(1000);
	memset(array->items, 0xee, 1000);
	byte_array_put(array);
	struct byte_array *again = byte_array_alloc(990);
	struct bytes bytes = byte_array_bytes(again);
	EXPECT_EQ(bytes_len(bytes), 990);
	for (u32 i = 0; i < 990; i++)
		EXPECT_EQ(bytes_get(bytes, i), 0);
	byte_array_put(again);
}

TEST(array_too_long_or_beyond_memory_is_null)
{
	EXPECT(byte_array_alloc(~0u) == nullptr);
	EXPECT(pair_array_alloc(~0u) == nullptr);
	EXPECT(byte_array_alloc((1u << 30) + 1) == nullptr);
	EXPECT(heap_alloc_array(&(const struct heap_type){ .size = 8 }, 1) == nullptr);
	struct memory_stat before = memory_stat();
	if (before.total < (u64)1 << 18) {   /* else there may be a gigabyte */
		EXPECT(byte_array_alloc((1u << 30) - 64) == nullptr);
		slab_flush(true);
		/* What was mapped before memory ran out is free again, but for page tables and what the heap shrank to. */
		EXPECT(memory_stat().free + memory_stat().page_tables + 64 >= before.free + before.page_tables);
	}
	struct byte_array *array = byte_array_alloc(3 << 20);
	EXPECT(array != nullptr);
	array->items[(3 << 20) - 1] = 1;
	byte_array_put(array);
}

TEST(size_classes_hold_what_they_are_for)
{
	const struct heap_type *type = &byte_array_heap_type;
	u32 last = 0;
	for (u64 bytes = 1; bytes <= (u64)1 << 30; bytes += bytes / 9 + 1) {
		u32 class = heap_class_of(type, bytes);
		EXPECT(class < HEAP_SIZE_CLASSES && class >= last);
		EXPECT(heap_class_size(type, class) >= bytes);
		EXPECT(bytes <= 64 || heap_class_size(type, class) * 4 <= bytes * 5);
		EXPECT(class == 0 || heap_class_size(type, class - 1) < bytes);
		last = class;
	}
	EXPECT_EQ(heap_class_of(type, (u64)1 << 30), HEAP_SIZE_CLASSES - 1);
	EXPECT_EQ(heap_class_size(type, HEAP_SIZE_CLASSES - 1), (u64)1 << 30);
	struct heap heap = {};
	heap_geometry(&heap, type, HEAP_SIZE_CLASSES - 1);
	EXPECT(heap.slots == 1 && heap.slab_shift == 31 && heap.pages == (1 << 18) + 1);
}

static u32 wrong;

static void
array_churn(struct object *arg)
{
	u64 seed = (u64)arg + 7;
	for (u32 i = 0; i < 1500; i++) {
		u32 len = test_random(&seed) % (test_random(&seed) % 8 == 0 ? 100000 : 600);
		struct byte_array *array = byte_array_alloc(len);
		if (array == nullptr)
			continue;
		for (u32 k = 0; k < len; k += 37)
			if (array->items[k]++ != 0)
				__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		if (array->length != len)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		byte_array_put(array);
	}
}

TEST(arrays_on_many_cpus)
{
	parallel_run(array_churn);
	EXPECT_EQ(wrong, 0);
	heap_shrink();
	u64 live = 0, pages = 0;
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap_stat stat;
		if (heap_at(id)->type == &byte_array_heap_type && heap_stat_read(id, &stat, (struct bytes){})) {
			live += stat.live;
			pages += stat.pages;
		}
	}
	log_info("after the churn: {} byte arrays live, {} pages", live, pages);
}
