// SPDX-License-Identifier: MPL-2.0
// Tests of address spaces: life, activation, user copies through them.
#include <arch/string.h>
#include <mm/test/parallel.h>
#include <mm/vm_space_impl.h>

enum : u64 { AT = 0x40000000 };

/** Maps npages fresh frames at va, frame i filled with the byte i + 1; the mapping has the only references. */
static void
map_fresh(struct vm_space *space, u64 va, u64 npages, enum vm_prot prot)
{
	struct vm_cursor cursor = {};
	EXPECT_EQ(vm_cursor_open(space, UADDR(va), UADDR(va + npages * PAGE_SIZE), &cursor), OK);
	for (u64 i = 0; i < npages; i++) {
		struct frame *frame = frame_alloc();
		memset(frame_virt(frame_pfn(frame)), (int)i + 1, PAGE_SIZE);
		EXPECT_EQ(vm_cursor_map(&cursor, frame, prot, VM_CACHE_BACK), OK);
		frame_put(frame);
	}
	vm_cursor_close(&cursor);
}

TEST(space_gives_back_all_it_had)
{
	struct vm_space *space = nullptr;
	EXPECT_EQ(vm_space_create(&space), OK);
	vm_space_put(space);
	struct memory_stat before = memory_stat();
	EXPECT_EQ(vm_space_create(&space), OK);
	map_fresh(space, AT, 600, VM_READ);
	map_fresh(space, USER_END - 2 * PAGE_SIZE, 2, VM_WRITE);
	map_fresh(space, USER_START, 3, VM_EXEC);
	EXPECT_EQ(vm_space_frames(space), 605);
	vm_space_get(space);
	vm_space_put(space);
	vm_space_put(space);
	EXPECT_EQ(memory_stat().free, before.free);
	EXPECT_EQ(memory_stat().page_tables, before.page_tables);
	EXPECT_TRAP(vm_space_put(space));
	EXPECT_TRAP(vm_space_frames(space));
	EXPECT_TRAP(vm_space_activate(space));
	EXPECT_TRAP(vm_space_get(nullptr));
}

TEST(active_space_lives_on_until_another_is_active)
{
	struct memory_stat before = memory_stat();
	struct vm_space *space = nullptr;
	EXPECT_EQ(vm_space_create(&space), OK);
	map_fresh(space, AT, 2, VM_WRITE);
	vm_space_activate(space);
	EXPECT(vm_space_current() == space);
	vm_space_put(space);
	size_t done = 0;
	u8 byte = 0;
	EXPECT_EQ(user_read((struct bytes){ &byte, 1 }, UADDR(AT + PAGE_SIZE), &done), OK);
	EXPECT_EQ(byte, 2);
	EXPECT_EQ(done, 1);
	vm_space_activate(nullptr);
	EXPECT(vm_space_current() == nullptr);
	spaces_unload();
	AWAIT(memory_stat().page_tables <= before.page_tables);   /* its frames: whoever runs a test looks for those that it left */
	EXPECT_TRAP((void)user_read((struct bytes){ &byte, 1 }, UADDR(AT), &done));
}

TEST(user_copies_stop_where_the_program_itself_would_fault)
{
	struct vm_space *space = nullptr;
	static u8 buffer[3 * PAGE_SIZE];
	struct bytes all = { buffer, sizeof(buffer) };
	size_t done = 0;
	EXPECT_EQ(vm_space_create(&space), OK);
	map_fresh(space, AT, 2, VM_READ | VM_WRITE);
	map_fresh(space, AT + 3 * PAGE_SIZE, 1, VM_READ);
	vm_space_activate(space);
	EXPECT_EQ(user_read(all, UADDR(AT + 10), &done), EFAULT);
	EXPECT_EQ(done, 2 * PAGE_SIZE - 10);
	EXPECT(buffer[0] == 1 && buffer[2 * PAGE_SIZE - 11] == 2);
	EXPECT_EQ(user_write(UADDR(AT + 2 * PAGE_SIZE - 3), (struct cbytes){ (const u8 *)"abcdef", 6 }, &done), EFAULT);
	EXPECT_EQ(done, 3);
	EXPECT_EQ(user_write(UADDR(AT + 3 * PAGE_SIZE), (struct cbytes){ (const u8 *)"abc", 3 }, &done), EFAULT);   /* read-only */
	EXPECT_EQ(done, 0);
	EXPECT_EQ(user_zero(UADDR(AT + PAGE_SIZE), PAGE_SIZE - 3, &done), OK);
	EXPECT_EQ(user_read_string((struct bytes){ buffer, 100 }, UADDR(AT + 2 * PAGE_SIZE - 3), &done), EFAULT);   /* "abc", and no NUL in reach */
	EXPECT_EQ(done, 3);
	EXPECT_EQ(user_read_string((struct bytes){ buffer, 100 }, UADDR(AT + PAGE_SIZE - 5), &done), OK);
	EXPECT_EQ(done, 5);
	EXPECT_EQ(user_read_string((struct bytes){ buffer, 5 }, UADDR(AT + PAGE_SIZE - 5), &done), ENAMETOOLONG);
	EXPECT_EQ(user_read_string((struct bytes){ buffer, 100 }, UADDR(USER_END), &done), EFAULT);
	EXPECT_EQ(user_read((struct bytes){}, UADDR(AT), &done), OK);
	vm_space_activate(nullptr);
	vm_space_put(space);
}

TEST(user_copies_never_reach_addresses_that_are_not_users)
{
	struct vm_space *space = nullptr;
	u8 bytes[16] = {};
	struct bytes some = { bytes, 16 };
	size_t done = 7;
	u32 word = 0;
	EXPECT_EQ(vm_space_create(&space), OK);
	map_fresh(space, USER_END - PAGE_SIZE, 1, VM_READ | VM_WRITE);
	vm_space_activate(space);
	static const u64 wrong[] = { 0, USER_START - 16, USER_END, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, ~(u64)0 - 15, ~(u64)0 - 3 };
	for (u32 i = 0; i < COUNTOF(wrong); i++) {
		EXPECT_EQ(user_read(some, UADDR(wrong[i]), &done), EFAULT);
		EXPECT_EQ(done, 0);
		EXPECT_EQ(user_write(UADDR(wrong[i]), bytes_const(some), &done), EFAULT);
		EXPECT_EQ(user_zero(UADDR(wrong[i]), ~(size_t)0, &done), EFAULT);
		EXPECT(user_load32(UADDR(wrong[i] & ~(u64)3), &word) == EFAULT);
		EXPECT(user_cas32(UADDR(wrong[i] & ~(u64)3), &word, 1) == EFAULT);
	}
	EXPECT_EQ(user_write(UADDR(USER_END - 8), bytes_const(some), &done), EFAULT);   /* up to the end and no further */
	EXPECT_EQ(done, 8);
	EXPECT_EQ(user_zero(UADDR(USER_END - 8), ~(size_t)0, &done), EFAULT);
	EXPECT_EQ(done, 8);
	preempt_disable();
	EXPECT_TRAP((void)user_read(some, UADDR(USER_END - 16), &done));
	preempt_enable();
	vm_space_activate(nullptr);
	vm_space_put(space);
}

TEST(words_and_frames_are_copied_to_and_from_user_memory)
{
	struct vm_space *space = nullptr;
	struct frame *frame = frame_alloc();
	size_t done = 0;
	u32 word = 0;
	EXPECT_EQ(vm_space_create(&space), OK);
	map_fresh(space, AT, 1, VM_READ | VM_WRITE);
	vm_space_activate(space);
	EXPECT_EQ(user_load32(UADDR(AT + 2), &word), EINVAL);
	EXPECT_EQ(user_cas32(UADDR(AT + 1), &word, 0), EINVAL);
	EXPECT_EQ(user_load32(UADDR(AT + 4), &word), OK);
	EXPECT_EQ(word, 0x01010101);
	word = 5;
	EXPECT_EQ(user_cas32(UADDR(AT + 4), &word, 9), EAGAIN);
	EXPECT_EQ(word, 0x01010101);
	EXPECT_EQ(user_cas32(UADDR(AT + 4), &word, 9), OK);
	EXPECT_EQ(user_read_frame(frame, 100, 8, UADDR(AT + 4), &done), OK);
	EXPECT_EQ(frame_load32(frame, 100), 9);
	frame_store32(frame, 200, 77);
	EXPECT_EQ(user_write_frame(UADDR(AT), frame, 200, 4, &done), OK);
	EXPECT_EQ(user_load32(UADDR(AT), &word), OK);
	EXPECT_EQ(word, 77);
	EXPECT_EQ(user_write_frame(UADDR(AT + PAGE_SIZE - 4), frame, 0, 8, &done), EFAULT);
	EXPECT_EQ(done, 4);
	EXPECT_TRAP((void)user_write_frame(UADDR(AT), frame, PAGE_SIZE - 3, 4, &done));
	EXPECT_TRAP((void)user_read_frame(frame, ~(size_t)0, 4, UADDR(AT), &done));
	EXPECT_TRAP((void)user_read_frame(nullptr, 0, 4, UADDR(AT), &done));
	EXPECT_EQ(frame_refs(frame), 1);
	frame_put(frame);
	EXPECT_TRAP((void)user_write_frame(UADDR(AT), frame, 0, 4, &done));
	vm_space_activate(nullptr);
	vm_space_put(space);
}

/* --- all CPUs --- */

static struct vm_space *spaces[3];
static u32 wrong_reads;

/** Each space has a page of its own content at AT; tasks go from space to space. */
static void
wander(struct object *arg)
{
	u64 seed = (u64)arg + 1;
	for (u32 i = 0; i < 600; i++) {
		u32 which = test_random(&seed) % 3;
		u8 byte = 0;
		size_t done = 0;
		vm_space_activate(spaces[which]);
		if (user_read((struct bytes){ &byte, 1 }, UADDR(AT + which * PAGE_SIZE), &done) != OK || byte != 10 + which)
			__atomic_fetch_add(&wrong_reads, 1, __ATOMIC_RELAXED);
		if (user_read((struct bytes){ &byte, 1 }, UADDR(AT + (which + 1) % 3 * PAGE_SIZE), &done) == OK)
			__atomic_fetch_add(&wrong_reads, 1, __ATOMIC_RELAXED);
	}
	vm_space_activate(nullptr);
}

TEST(each_task_sees_its_own_space_on_every_cpu)
{
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(vm_space_create(&spaces[i]), OK);
		struct vm_cursor cursor = {};
		u64 at = AT + i * PAGE_SIZE;
		EXPECT_EQ(vm_cursor_open(spaces[i], UADDR(at), UADDR(at + PAGE_SIZE), &cursor), OK);
		u8 byte = (u8)(10 + i);
		struct frame *frame = frame_alloc_filled((struct cbytes){ &byte, 1 });
		EXPECT_EQ(vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK), OK);
		frame_put(frame);
		vm_cursor_close(&cursor);
	}
	parallel_run(wander);
	EXPECT_EQ(wrong_reads, 0);
	for (u32 i = 0; i < 3; i++) {
		struct vm_space *space = spaces[i];
		vm_space_put(space);
		EXPECT(!heap_hold_live(&vm_space_handle_type, space));   /* no idle CPU keeps it */
	}
}
