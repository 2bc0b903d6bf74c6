// SPDX-License-Identifier: MPL-2.0
// Traps in kernel mode: what is contained, by which name; fixups; stacks; back traces.
#include <arch/string.h>
#include <cadre/contain.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <cadre/vm_space.h>
#include <cpu/cpu.h>
#include <mm/mm.h>
#include <test.h>
#include <trap.h>
#include <x86.h>

static volatile u32 big = 9, zero, one = 1;
static volatile i32 most = 0x7fffffff;

/* --- checks of the compiler, each by the instruction it makes --- */

static u32
index_out(void)
{
	static u32 items[4];
	return items[big];
}

static u32
shift_out(void)
{
	return one << (big * 8);
}

static i32
divide(void)
{
	return most / (i32)zero;
}

static bool
bool_bad(void)
{
	static u8 bytes[1];
	bytes[0] = (u8)big;
	return *(volatile bool *)bytes;
}

/** The kind in the first `ud1` of a function's text. */
static u32
check_kind(const void *function)
{
	const u8 *code = function;
	for (u32 i = 0; i < 256; i++)
		if (code[i] == 0x67 && code[i + 1] == 0x0f && code[i + 2] == 0xb9)
			return code[i + 3] == 0x40 ? code[i + 4] : 0;
	return ~0u;
}

static bool
text_is(const char *a, const char *b)
{
	while (*a != 0 && *a == *b)
		a++, b++;
	return *a == *b;
}

TEST(names_of_checks_are_those_of_this_compiler)
{
	EXPECT(text_is(x86_check_name(check_kind(index_out)), "array index out of bounds"));
	EXPECT(text_is(x86_check_name(check_kind(shift_out)), "shift out of bounds"));
	EXPECT(text_is(x86_check_name(check_kind(divide)), "division by zero or overflow"));
	EXPECT(text_is(x86_check_name(check_kind(bool_bad)), "invalid value of a bool or enum"));
	EXPECT(text_is(x86_check_name(2), "check failed"));
	EXPECT(text_is(x86_check_name(255), "check failed"));
}

TEST(checks_of_the_compiler_are_contained)
{
	EXPECT_TRAP((void)index_out());
	EXPECT_TRAP((void)shift_out());
	EXPECT_TRAP((void)divide());
	EXPECT_TRAP((void)bool_bad());
}

TEST(division_that_overflows_is_contained)
{
	u64 quotient = (u64)1 << 63, rest;
	EXPECT_TRAP(asm volatile("cqto; idivq %2" : "+a"(quotient), "=&d"(rest) : "r"((i64)-1)));
}

TEST(an_addition_check_without_displacement_is_contained)
{
	EXPECT_TRAP(asm volatile(".byte 0x67, 0x0f, 0xb9, 0x00"));
}

/* --- calls --- */

typedef u64 wrong_fn(u64, u64);
static void right(void) {}

TEST(an_indirect_call_of_another_type_is_contained)
{
	void (*volatile target)(void) = right;
	EXPECT_TRAP((void)((wrong_fn *)target)(1, 2));
}

TEST(a_call_of_no_function_is_contained)
{
	void (*volatile target)(void) = nullptr;
	EXPECT_TRAP(target());
}

/* --- memory --- */

static u64
read_at(u64 address)
{
	return *(volatile u64 *)address;
}

TEST(accesses_in_the_guard_at_zero_are_contained)
{
	EXPECT_TRAP((void)read_at(0));
	EXPECT_TRAP((void)read_at(8));
	EXPECT_TRAP((void)read_at(USER_START - 8));
	EXPECT_TRAP(*(volatile u64 *)16 = 1);
}

TEST(accesses_to_user_addresses_are_contained)
{
	EXPECT_TRAP((void)read_at(USER_START));
	EXPECT_TRAP((void)read_at(USER_END - 8));
}

TEST(accesses_to_the_last_page_are_contained)
{
	EXPECT_TRAP((void)read_at((u64)-8));
	EXPECT_TRAP((void)read_at((u64)-4096));
}

TEST(accesses_to_unbacked_heap_windows_are_contained)
{
	u64 window = align_down((u64)task_current(), (u64)1 << HEAP_WINDOW_SHIFT);
	EXPECT_TRAP((void)read_at(window + ((u64)1 << HEAP_WINDOW_SHIFT) - 64));
}

/* --- stacks --- */

static u64
recurse(u64 depth)
{
	volatile u8 room[200];
	memset((u8 *)room, (int)depth, sizeof(room));
	u64 sum = depth == 0 ? 0 : recurse(depth - 1);
	return sum + room[depth % sizeof(room)];
}

TEST(endless_recursion_is_contained)
{
	for (u32 i = 0; i < 5; i++)   /* the IST stack is as good as new each time */
		EXPECT_TRAP((void)recurse(100000));
	EXPECT(arch_irq_enabled());
}

static void
recurse_for_good(struct object *unused)
{
	(void)unused;
	(void)recurse(100000);
}

TEST(a_handler_that_overflows_the_boot_stack_of_an_idle_cpu_is_contained)
{
	struct timer *timer = nullptr;
	u64 before = contain_count();
	bool set = false;

	EXPECT_EQ(timer_create(recurse_for_good, nullptr, &timer), OK);
	for (u32 i = 0; i < 1000 && !set; i++) {
		preempt_disable();
		set = this_cpu()->id == 0;   /* only this one idles on a boot stack */
		if (set)
			timer_set(timer, clock_now() + NS_PER_MS);
		preempt_enable();
		(void)task_sleep_until(clock_now() + (set ? 10 : 1) * NS_PER_MS, false);
	}
	AWAIT(!set || contain_count() > before);
	EXPECT(!set || contain_count() == before + 1);
	timer_put(timer);
	if (!set)
		test_skip("never ran on CPU 0");
}

TEST(a_stack_probe_in_the_guard_is_contained)
{
	u64 top = stack_alloc(), guard = top - KERNEL_STACK_PAGES * PAGE_SIZE - 8;
	EXPECT(stack_guard_hit(guard) && !stack_guard_hit(guard + 8));
	EXPECT_TRAP((void)read_at(guard));
	stack_free(top);
}

static void
trap_at_depth(u32 depth)
{
	struct contain_frame frame;
	if (depth == 0)
		(void)divide();
	if (contain_begin(&frame) == 0) {
		trap_at_depth(depth - 1);
		contain_end(&frame);
		test_fail(__FILE__, __LINE__, "did not trap", depth, 0);
	} else if (depth < 3) {
		(void)index_out();
	}
}

TEST(a_trap_in_the_recovery_of_a_trap_goes_one_frame_out)
{
	trap_at_depth(3);
}

TEST(callee_saved_registers_come_back_with_a_trap)
{
	u64 a = big * 3, b = big * 5, c = big * 7, d = big * 11;
	struct arch_recovery place;
	volatile u32 times = 0;
	if (arch_recovery_set(&place) == 0) {
		times++;
		asm volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d));
		arch_recovery_jump(&place);
	}
	EXPECT_EQ(times, 1);
	EXPECT(a == 27 && b == 45 && c == 63 && d == 99);
}

/* --- reading what may not be there --- */

TEST(safe_reads_take_any_address)
{
	u64 value = 0, here = 77;
	EXPECT(x86_safe_read((u64)&here, &value) && value == 77);
	EXPECT(!x86_safe_read(0, &value));
	EXPECT(!x86_safe_read((u64)1 << 63, &value));          /* not canonical: #GP */
	EXPECT(!x86_safe_read(HEAP_BASE - 8, &value));
	EXPECT(!x86_safe_read((u64)-8, &value));
}

[[gnu::noinline]] static u32
trace_here(u64 fp, u64 *out, u32 max)
{
	u32 n = arch_backtrace(fp, out, max);
	asm volatile("" : : : "memory");
	return n;
}

TEST(back_traces_survive_damaged_stacks)
{
	u64 out[8], loop[2] = { (u64)loop, 1 }, odd[3] = { 3, 5, 7 };
	EXPECT(trace_here(0, out, 8) >= 2);
	EXPECT_EQ(trace_here(0, out, 1), 1);
	EXPECT_EQ(trace_here((u64)loop, out, 8), 1);
	EXPECT_EQ(trace_here((u64)odd + 4, out, 8), 0);
	EXPECT_EQ(trace_here(0x1000, out, 8), 0);
	EXPECT_EQ(trace_here((u64)1 << 60, out, 8), 0);
	u64 wild[2] = { HEAP_BASE - 16, 9 };
	EXPECT_EQ(trace_here((u64)wild, out, 8), 1);
}
