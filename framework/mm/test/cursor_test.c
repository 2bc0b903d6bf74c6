// SPDX-License-Identifier: MPL-2.0
// Tests of cursors: ranges, marks, protection, flushing before reuse, and what hostile callers try.
#include <arch/string.h>
#include <mm/test/parallel.h>
#include <mm/vm_space_impl.h>

enum : u64 { AT = 0x40000000, MIB = 1 << 20, GIB = 1 << 30 };

static struct vm_space *
space_new(void)
{
	struct vm_space *space = nullptr;
	EXPECT_EQ(vm_space_create(&space), OK);
	return space;
}

static err_t
open_at(struct vm_space *space, u64 start, u64 end, struct vm_cursor *cursor)
{
	return vm_cursor_open(space, UADDR(start), UADDR(end), cursor);
}

static void
map_one(struct vm_cursor *cursor, u32 content, enum vm_prot prot)
{
	struct frame *frame = frame_alloc();
	frame_store32(frame, 0, content);
	EXPECT_EQ(vm_cursor_map(cursor, frame, prot, VM_CACHE_BACK), OK);
	frame_put(frame);
}

TEST(cursor_refuses_ranges_that_are_not_users)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	static const u64 wrong[][2] = {
		{ AT, AT }, { AT + PAGE_SIZE, AT }, { AT + 1, AT + PAGE_SIZE }, { AT, AT + 5 }, { 0, AT }, { USER_START - PAGE_SIZE, AT },
		{ AT, USER_END + PAGE_SIZE }, { USER_END, USER_END + PAGE_SIZE }, { 0xffff800000000000, 0xffff800000001000 },
		{ AT, ~(u64)0 - PAGE_SIZE + 1 }, { ~(u64)0 - PAGE_SIZE + 1, 0 }, { 0x800000000000, 0x800000001000 },
	};
	for (u32 i = 0; i < COUNTOF(wrong); i++)
		EXPECT_EQ(open_at(space, wrong[i][0], wrong[i][1], &cursor), EINVAL);
	EXPECT_TRAP((void)open_at(nullptr, AT, AT + PAGE_SIZE, &cursor));
	vm_space_put(space);
	EXPECT_TRAP((void)open_at(space, AT, AT + PAGE_SIZE, &cursor));
}

TEST(mapped_page_is_found_and_unmapped)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	EXPECT_EQ(open_at(space, AT, AT + 10 * PAGE_SIZE, &cursor), OK);
	EXPECT(vm_cursor_query(&cursor).frame == nullptr);
	vm_cursor_seek(&cursor, UADDR(AT + 3 * PAGE_SIZE));
	struct frame *frame = frame_alloc();
	EXPECT_EQ(vm_cursor_map(&cursor, frame, VM_WRITE, VM_CACHE_UNCACHED), EINVAL);
	EXPECT_EQ(vm_cursor_map(&cursor, frame, VM_WRITE, VM_CACHE_BACK), OK);
	EXPECT_EQ(vm_cursor_at(&cursor).raw, AT + 4 * PAGE_SIZE);
	EXPECT_EQ(frame_mappings(frame), 1);
	EXPECT_EQ(frame_refs(frame), 2);
	vm_cursor_seek(&cursor, UADDR(AT));
	EXPECT(vm_cursor_next(&cursor));
	EXPECT_EQ(vm_cursor_at(&cursor).raw, AT + 3 * PAGE_SIZE);
	struct vm_entry entry = vm_cursor_query(&cursor);
	EXPECT(entry.frame == frame && entry.prot == (VM_READ | VM_WRITE) && !entry.accessed && !entry.dirty && entry.mark == 0);
	EXPECT_EQ(vm_cursor_unmap(&cursor, 7), 1);
	EXPECT_EQ(vm_cursor_at(&cursor).raw, AT + 10 * PAGE_SIZE);
	vm_cursor_seek(&cursor, UADDR(AT));
	EXPECT(!vm_cursor_next(&cursor));
	EXPECT_EQ(vm_cursor_at(&cursor).raw, AT + 10 * PAGE_SIZE);
	EXPECT_EQ(frame_mappings(frame), 1);        /* not before the flush */
	vm_cursor_close(&cursor);
	EXPECT_EQ(frame_mappings(frame), 0);
	frame_put(frame);
	EXPECT_EQ(vm_space_frames(space), 0);
	vm_space_put(space);
}

TEST(wrong_use_of_a_cursor_traps)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {}, other = {}, old = {};
	struct frame *frame = frame_alloc();
	u64 done = 0;
	EXPECT_TRAP(vm_cursor_at(&cursor));
	vm_cursor_close(&cursor);
	EXPECT_EQ(open_at(space, AT, AT + 2 * PAGE_SIZE, &old), OK);
	memcpy(&other, &old, sizeof(other));
	vm_cursor_close(&old);
	EXPECT_EQ(open_at(space, AT, AT + 2 * PAGE_SIZE, &cursor), OK);
	EXPECT_TRAP((void)open_at(space, AT, AT + PAGE_SIZE, &old));   /* one at a time */
	EXPECT_TRAP(vm_cursor_at(&other));                             /* a copy from before */
	vm_cursor_close(&other);
	EXPECT(task_self()->cursor != nullptr);
	EXPECT_TRAP(vm_cursor_seek(&cursor, UADDR(AT + 3 * PAGE_SIZE)));
	EXPECT_TRAP(vm_cursor_seek(&cursor, UADDR(AT - PAGE_SIZE)));
	EXPECT_TRAP(vm_cursor_seek(&cursor, UADDR(AT + 1)));
	EXPECT_TRAP(vm_cursor_unmap(&cursor, 3));
	EXPECT_TRAP(vm_cursor_unmap(&cursor, ~(u64)0));
	EXPECT_TRAP(vm_cursor_unmap(&cursor, (u64)1 << 52));
	EXPECT_TRAP(vm_cursor_protect(&cursor, 3, VM_READ));
	EXPECT_TRAP(vm_cursor_protect(&cursor, 1, (enum vm_prot)8));
	EXPECT_TRAP((void)vm_cursor_mark(&cursor, 3, 1, &done));
	EXPECT_TRAP((void)vm_cursor_mark(&cursor, 1, VM_MARK_MAX + 1, &done));
	EXPECT_TRAP((void)vm_cursor_map(&cursor, nullptr, VM_READ, VM_CACHE_BACK));
	EXPECT_TRAP((void)vm_cursor_map(&cursor, frame, (enum vm_prot)~0u, VM_CACHE_BACK));
	vm_cursor_seek(&cursor, UADDR(AT + 2 * PAGE_SIZE));
	EXPECT_TRAP(vm_cursor_query(&cursor));
	EXPECT_TRAP((void)vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK));
	EXPECT_TRAP(vm_cursor_clear_accessed(&cursor));
	vm_cursor_seek(&cursor, UADDR(AT));
	frame_put(frame);
	EXPECT_TRAP((void)vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK));   /* stale */
	u64 flags = arch_irq_save();
	EXPECT_TRAP(vm_cursor_close(&cursor));
	EXPECT_TRAP(vm_cursor_query(&cursor));
	arch_irq_restore(flags);
	vm_cursor_close(&cursor);
	flags = arch_irq_save();
	EXPECT_TRAP((void)open_at(space, AT, AT + PAGE_SIZE, &cursor));
	arch_irq_restore(flags);
	EXPECT(task_self()->cursor == nullptr);
	vm_space_put(space);
}

TEST(cursor_of_a_service_that_traps_is_closed)
{
	struct vm_space *space = space_new();
	struct frame *frame = frame_alloc();
	EXPECT_TRAP({
		struct vm_cursor cursor = {};
		(void)open_at(space, AT, AT + PAGE_SIZE, &cursor);
		(void)vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK);
		vm_cursor_query(&cursor);
	});
	EXPECT(task_self()->cursor == nullptr);
	EXPECT_EQ(frame_mappings(frame), 1);
	struct vm_cursor cursor = {};
	EXPECT_EQ(open_at(space, AT, AT + PAGE_SIZE, &cursor), OK);   /* the range is free again */
	vm_cursor_close(&cursor);
	frame_put(frame);
	vm_space_put(space);
}

TEST(mapped_frame_outlives_services_that_put_too_often)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	struct frame *frame = frame_alloc();
	EXPECT_EQ(open_at(space, AT, AT + PAGE_SIZE, &cursor), OK);
	EXPECT_EQ(vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK), OK);
	vm_cursor_close(&cursor);
	frame_put(frame);
	EXPECT_TRAP(frame_put(frame));
	EXPECT_EQ(frame_use(frame_pfn(frame)), FRAME_UNTYPED);
	vm_space_put(space);
	EXPECT(frame_use(frame_pfn(frame)) != FRAME_UNTYPED || frame_refs(frame) == 0);
}

TEST(mapping_over_a_frame_lets_the_old_one_go)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	struct frame *frame = frame_alloc();
	EXPECT_EQ(open_at(space, AT, AT + PAGE_SIZE, &cursor), OK);
	EXPECT_EQ(vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK), OK);
	vm_cursor_seek(&cursor, UADDR(AT));
	map_one(&cursor, 1, VM_READ);
	vm_cursor_seek(&cursor, UADDR(AT));
	u64 done = 0;
	EXPECT_EQ(vm_cursor_mark(&cursor, 1, 5, &done), OK);
	vm_cursor_close(&cursor);
	EXPECT_EQ(frame_mappings(frame), 0);
	EXPECT_EQ(vm_space_frames(space), 0);
	frame_put(frame);
	vm_space_put(space);
}

TEST(protection_is_changed_and_no_access_remembers_the_frame)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	u32 word = 0;
	vm_space_activate(space);
	EXPECT_EQ(open_at(space, AT, AT + 3 * PAGE_SIZE, &cursor), OK);
	map_one(&cursor, 7, VM_WRITE);
	map_one(&cursor, 8, (enum vm_prot)0);
	vm_cursor_close(&cursor);
	u32 expected = 7;
	EXPECT_EQ(user_cas32(UADDR(AT), &expected, 9), OK);
	EXPECT_EQ(user_load32(UADDR(AT + PAGE_SIZE), &word), EFAULT);
	EXPECT_EQ(open_at(space, AT, AT + 3 * PAGE_SIZE, &cursor), OK);
	struct vm_entry entry = vm_cursor_query(&cursor);
	EXPECT(entry.accessed && entry.dirty);
	struct frame *frame = entry.frame;
	vm_cursor_protect(&cursor, 3, (enum vm_prot)0);
	vm_cursor_seek(&cursor, UADDR(AT));
	entry = vm_cursor_query(&cursor);
	EXPECT(entry.frame == frame && entry.prot == 0 && entry.dirty);
	vm_cursor_seek(&cursor, UADDR(AT + PAGE_SIZE));
	vm_cursor_protect(&cursor, 1, VM_EXEC);
	vm_cursor_close(&cursor);
	EXPECT_EQ(user_load32(UADDR(AT), &word), EFAULT);
	EXPECT_EQ(user_load32(UADDR(AT + PAGE_SIZE), &word), OK);
	EXPECT_EQ(word, 8);
	EXPECT_EQ(open_at(space, AT, AT + 3 * PAGE_SIZE, &cursor), OK);
	vm_cursor_protect(&cursor, 3, VM_READ);
	vm_cursor_close(&cursor);
	EXPECT_EQ(user_load32(UADDR(AT), &word), OK);
	EXPECT_EQ(word, 9);
	EXPECT_EQ(user_cas32(UADDR(AT), &word, 1), EFAULT);
	vm_space_activate(nullptr);
	vm_space_put(space);
}

TEST(accessed_is_noted_again_after_it_was_cleared)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	u32 word = 0;
	vm_space_activate(space);
	EXPECT_EQ(open_at(space, AT, AT + 2 * PAGE_SIZE, &cursor), OK);
	map_one(&cursor, 0, VM_WRITE);
	vm_cursor_close(&cursor);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(user_load32(UADDR(AT), &word), OK);
		EXPECT_EQ(user_cas32(UADDR(AT), &word, word + 1), OK);
		EXPECT_EQ(open_at(space, AT, AT + 2 * PAGE_SIZE, &cursor), OK);
		struct vm_entry entry = vm_cursor_query(&cursor);
		EXPECT(entry.accessed && entry.dirty);
		vm_cursor_clear_accessed(&cursor);
		entry = vm_cursor_query(&cursor);
		EXPECT(!entry.accessed && entry.dirty);
		vm_cursor_seek(&cursor, UADDR(AT + PAGE_SIZE));
		vm_cursor_clear_accessed(&cursor);   /* nothing there: nothing happens */
		vm_cursor_close(&cursor);
	}
	vm_space_activate(nullptr);
	vm_space_put(space);
}

static u64
mark_at(struct vm_cursor *cursor, u64 va)
{
	vm_cursor_seek(cursor, UADDR(va));
	struct vm_entry entry = vm_cursor_query(cursor);
	return entry.frame == nullptr ? entry.mark : ~(u64)0;
}

TEST(marks_of_large_ranges_are_cheap_and_part_where_needed)
{
	struct vm_space *space = space_new();
	struct memory_stat before = memory_stat();
	struct vm_cursor cursor = {};
	u64 done = 0;
	EXPECT_EQ(open_at(space, AT, AT + 16 * GIB, &cursor), OK);
	EXPECT_EQ(vm_cursor_mark(&cursor, 16 * GIB / PAGE_SIZE, VM_MARK_MAX, &done), OK);
	EXPECT_EQ(done, 16 * GIB / PAGE_SIZE);
	EXPECT(memory_stat().free + 8 > before.free);
	EXPECT_EQ(mark_at(&cursor, AT), VM_MARK_MAX);
	EXPECT_EQ(mark_at(&cursor, AT + 16 * GIB - PAGE_SIZE), VM_MARK_MAX);
	EXPECT(vm_cursor_next(&cursor));
	/* A page in the middle becomes another: all around it stay. */
	u64 middle = AT + 5 * GIB + 3 * MIB + 7 * PAGE_SIZE;
	vm_cursor_seek(&cursor, UADDR(middle));
	map_one(&cursor, 1, VM_READ);
	EXPECT_EQ(vm_cursor_mark(&cursor, 1, 42, &done), OK);
	EXPECT_EQ(vm_cursor_unmap(&cursor, 1), 0);
	EXPECT_EQ(mark_at(&cursor, middle), ~(u64)0);
	EXPECT_EQ(mark_at(&cursor, middle - PAGE_SIZE), VM_MARK_MAX);
	EXPECT_EQ(mark_at(&cursor, middle + PAGE_SIZE), 42);
	EXPECT_EQ(mark_at(&cursor, middle + 2 * PAGE_SIZE), 0);
	EXPECT_EQ(mark_at(&cursor, middle + 3 * PAGE_SIZE), VM_MARK_MAX);
	EXPECT_EQ(mark_at(&cursor, middle + GIB), VM_MARK_MAX);
	EXPECT_EQ(mark_at(&cursor, middle - GIB), VM_MARK_MAX);
	/* And a large mark over all of it takes the tables away. */
	vm_cursor_seek(&cursor, UADDR(AT));
	EXPECT_EQ(vm_cursor_mark(&cursor, 16 * GIB / PAGE_SIZE, 3, &done), OK);
	EXPECT_EQ(mark_at(&cursor, middle), 3);
	vm_cursor_close(&cursor);
	EXPECT(memory_stat().free + 8 > before.free);
	/* A cursor whose range ends inside of a large mark changes its own part only. */
	EXPECT_EQ(open_at(space, middle, middle + 3 * PAGE_SIZE, &cursor), OK);
	EXPECT_EQ(vm_cursor_unmap(&cursor, 3), 0);
	vm_cursor_close(&cursor);
	EXPECT_EQ(open_at(space, AT, AT + 16 * GIB, &cursor), OK);
	EXPECT_EQ(mark_at(&cursor, middle - PAGE_SIZE), 3);
	EXPECT_EQ(mark_at(&cursor, middle), 0);
	EXPECT_EQ(mark_at(&cursor, middle + 3 * PAGE_SIZE), 3);
	vm_cursor_seek(&cursor, UADDR(AT));
	EXPECT_EQ(vm_cursor_mark(&cursor, 16 * GIB / PAGE_SIZE, 0, &done), OK);
	vm_cursor_seek(&cursor, UADDR(AT));
	EXPECT(!vm_cursor_next(&cursor));
	vm_cursor_close(&cursor);
	vm_space_put(space);
	EXPECT_EQ(memory_stat().free, before.free + 1);
}

TEST(random_changes_agree_with_a_plain_array)
{
	enum : u32 { PAGES = 1600 };   /* three leaf tables and a bit, not aligned */
	static u64 model[PAGES];       /* 0, a mark, or content + 2^32 of a frame */
	u64 base = AT + 2 * MIB - 37 * PAGE_SIZE, seed = 5, frames = 0;
	struct vm_space *space = space_new();
	memset(model, 0, sizeof(model));
	for (u32 round = 0; round < 500; round++) {
		u32 from = test_random(&seed) % PAGES, n = 1 + test_random(&seed) % (test_random(&seed) % 4 == 0 ? PAGES : 40);
		n = MIN(n, PAGES - from);
		struct vm_cursor cursor = {};
		u64 done = 0;
		EXPECT_EQ(open_at(space, base + from * PAGE_SIZE, base + (from + n) * PAGE_SIZE, &cursor), OK);
		switch (test_random(&seed) % 4) {
		case 0:
			for (u32 i = 0; i < MIN(n, 50u); i++) {
				map_one(&cursor, round, VM_READ);
				model[from + i] = ((u64)1 << 32) + round;
			}
			break;
		case 1:
			EXPECT_EQ(vm_cursor_mark(&cursor, n, round, &done), OK);
			for (u32 i = 0; i < n; i++)
				model[from + i] = round;
			break;
		case 2:
			vm_cursor_unmap(&cursor, n);
			memset(&model[from], 0, n * sizeof(model[0]));
			break;
		default:
			vm_cursor_protect(&cursor, n, round % 2 != 0 ? VM_WRITE : (enum vm_prot)0);
		}
		vm_cursor_close(&cursor);
	}
	struct vm_cursor cursor = {};
	EXPECT_EQ(open_at(space, base, base + PAGES * PAGE_SIZE, &cursor), OK);
	for (u32 i = 0; i < PAGES; i++) {
		vm_cursor_seek(&cursor, UADDR(base + i * PAGE_SIZE));
		struct vm_entry entry = vm_cursor_query(&cursor);
		u64 got = entry.frame != nullptr ? ((u64)1 << 32) + frame_load32(entry.frame, 0) : entry.mark;
		EXPECT_EQ(got, model[i]);
		frames += entry.frame != nullptr;
	}
	vm_cursor_close(&cursor);
	EXPECT_EQ(vm_space_frames(space), frames);
	vm_space_put(space);
}

TEST(tables_go_when_their_range_is_unmapped)
{
	struct vm_space *space = space_new();
	struct vm_cursor cursor = {};
	EXPECT_EQ(open_at(space, GIB, 3 * GIB, &cursor), OK);
	struct memory_stat before = memory_stat();
	for (u64 va = GIB; va < 3 * GIB; va += 64 * MIB) {
		vm_cursor_seek(&cursor, UADDR(va));
		map_one(&cursor, 0, VM_READ);
	}
	EXPECT(memory_stat().page_tables > before.page_tables + 32);
	vm_cursor_seek(&cursor, UADDR(GIB));
	EXPECT_EQ(vm_cursor_unmap(&cursor, 2 * GIB / PAGE_SIZE), 32);
	vm_cursor_close(&cursor);
	EXPECT(memory_stat().page_tables <= before.page_tables + 1);
	vm_space_put(space);
}

/* --- all CPUs --- */

static struct vm_space *common;
static u32 troubles;

static void
trouble(bool wrong)
{
	if (wrong)
		__atomic_fetch_add(&troubles, 1, __ATOMIC_RELAXED);
}

/** Each task has pages of its own, next to the others' in the same tables, and now and then takes it all. */
static void
neighbours(struct object *arg)
{
	u64 mine = AT + (u64)arg * 5 * PAGE_SIZE, seed = (u64)arg + 1;
	vm_space_activate(common);
	for (u32 i = 0; i < 300; i++) {
		struct vm_cursor cursor = {};
		u32 word = 0;
		trouble(open_at(common, mine, mine + 5 * PAGE_SIZE, &cursor) != OK);
		for (u32 k = 0; k < 5; k++)
			map_one(&cursor, i * 16 + (u32)(u64)arg, VM_WRITE);
		vm_cursor_close(&cursor);
		err_t err = user_load32(UADDR(mine + test_random(&seed) % 5 * PAGE_SIZE), &word);
		trouble(err == OK && word != i * 16 + (u32)(u64)arg);
		u64 start = AT, end = AT + 4 * MIB;
		if (i % 8 != 0) {
			start = mine;
			end = mine + 5 * PAGE_SIZE;
		}
		trouble(open_at(common, start, end, &cursor) != OK);
		u64 n = vm_cursor_unmap(&cursor, (end - start) / PAGE_SIZE);
		trouble(i % 8 != 0 && n != 5 && n != 0);
		vm_cursor_close(&cursor);
		trouble(user_load32(UADDR(mine), &word) == OK && i % 8 != 0);
	}
	vm_space_activate(nullptr);
}

TEST(neighbours_change_one_space_at_the_same_time)
{
	struct memory_stat before = memory_stat();
	common = space_new();
	parallel_run(neighbours);
	EXPECT_EQ(troubles, 0);
	struct vm_cursor cursor = {};
	EXPECT_EQ(open_at(common, AT, AT + 4 * MIB, &cursor), OK);
	vm_cursor_unmap(&cursor, 4 * MIB / PAGE_SIZE);
	vm_cursor_close(&cursor);
	EXPECT_EQ(vm_space_frames(common), 0);
	vm_space_put(common);
	spaces_unload();
	AWAIT(memory_stat().free + 16 * KERNEL_STACK_PAGES >= before.free);
}

static u32 stop_readers;

/** One task maps and unmaps a page whose frame then gets other contents; the others read it all the while. */
static void
reuse(struct object *arg)
{
	vm_space_activate(common);
	for (u32 i = 0; arg == nullptr && i < 400; i++) {
		struct vm_cursor cursor = {};
		struct frame *frame = frame_alloc();
		frame_store32(frame, 0, 1234);
		trouble(open_at(common, AT, AT + PAGE_SIZE, &cursor) != OK);
		trouble(vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK) != OK);
		vm_cursor_close(&cursor);
		for (u32 spin = 0; spin < 50; spin++)
			arch_pause();
		trouble(open_at(common, AT, AT + PAGE_SIZE, &cursor) != OK);
		trouble(vm_cursor_unmap(&cursor, 1) != 1);
		vm_cursor_close(&cursor);
		frame_store32(frame, 0, 666);   /* whoever reads this through the space has a stale translation */
		for (u32 spin = 0; spin < 50; spin++)
			arch_pause();
		frame_put(frame);
	}
	if (arg == nullptr)
		__atomic_store_n(&stop_readers, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&stop_readers, __ATOMIC_ACQUIRE) == 0) {
		u32 word = 0;
		trouble(user_load32(UADDR(AT), &word) == OK && word != 1234);
		arch_pause();
	}
	vm_space_activate(nullptr);
}

TEST(no_cpu_reads_a_frame_after_it_was_unmapped)
{
	common = space_new();
	stop_readers = 0;
	parallel_run(reuse);
	EXPECT_EQ(troubles, 0);
	vm_space_put(common);
}
