// SPDX-License-Identifier: MPL-2.0
// Containment from the framework's side: frames nest, depths come back, what is logged is limited.
#include <arch/string.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <debug/debug_impl.h>
#include <mm/mm.h>
#include <sync/lock.h>
#include <sync/raw_lock.h>
#include <test.h>

static volatile u32 zero;       /* what the compiler must not know */
static u32 passed;

static void trap_bounds(void) { (void)bytes_get((struct bytes){}, zero); }
static void trap_assert(void) { assert(zero == 1); }
static void trap_reason(void) { contain_trap(TEXT("on purpose")); }
static void trap_misuse(void) { misuse("a call against its contract"); }
static void trap_null(void) { (void)*(volatile u32 *)(u64)(zero + 8); }
static void trap_division(void) { passed = 1 / zero; }
static void trap_array(void) { static volatile u32 a[4]; passed = a[zero + 4]; }
static void trap_shift(void) { passed = 1u << (zero + 32); }
static void trap_not(void) { passed++; }

typedef void plain_fn(void);
static plain_fn *plain;
static void call_plain(struct object *arg) { (void)arg; plain(); }

static bool
contained(plain_fn *fn)
{
	plain = fn;
	return contain_call(call_plain, nullptr);
}

TEST(each_kind_of_trap_is_contained)
{
	static plain_fn *const traps[] = {
		trap_bounds, trap_assert, trap_reason, trap_misuse, trap_null, trap_division, trap_array, trap_shift,
	};
	u64 before = contain_count();

	for (u32 i = 0; i < COUNTOF(traps); i++)
		EXPECT(!contained(traps[i]));
	EXPECT_EQ(contain_count() - before, COUNTOF(traps));
}

TEST(a_function_that_does_not_trap_returns_true)
{
	u32 before = passed;

	EXPECT(contained(trap_not));
	EXPECT_EQ(passed, before + 1);
	EXPECT_TRAP(contain_call(nullptr, nullptr));
}

static void
nested(void)
{
	EXPECT(!contained(trap_null));
	EXPECT(contained(trap_not));
	EXPECT(!contained(trap_bounds));
	contain_trap(TEXT("outer"));
}

TEST(frames_nest)
{
	struct contain_frame *outer = this_cpu()->current->contain;

	EXPECT(!contained(nested));
	EXPECT(this_cpu()->current->contain == outer);
}

static void
leave_depths_behind(void)
{
	preempt_disable();
	preempt_disable();
	rcu_read_begin();
	rcu_read_begin();
	trap_bounds();
}

TEST(preemption_and_read_sections_come_back)
{
	struct task *task = this_cpu()->current;
	u32 preempt_off, rcu_depth;

	preempt_disable();
	rcu_read_begin();
	preempt_off = this_cpu()->preempt_off;
	rcu_depth = task->rcu_depth;
	EXPECT(!contained(leave_depths_behind));
	EXPECT_EQ(this_cpu()->preempt_off, preempt_off);
	EXPECT_EQ(task->rcu_depth, rcu_depth);
	rcu_read_end();
	preempt_enable();
	EXPECT(arch_irq_enabled());
}

TEST(the_interrupt_state_comes_back)
{
	u64 flags;

	EXPECT_TRAP((void)arch_irq_save(); trap_bounds());
	EXPECT(arch_irq_enabled());
	flags = arch_irq_save();
	EXPECT_TRAP(arch_irq_enable(); trap_bounds());
	EXPECT(!arch_irq_enabled());
	arch_irq_restore(flags);
}

TEST(a_reason_in_memory_that_is_gone_is_one_trap)
{
	u64 before = contain_count();

	EXPECT_TRAP(contain_trap((struct cbytes){ (const u8 *)(u64)(zero + 16), 8 }));
	EXPECT_TRAP(log_info("{}", ((struct cbytes){ (const u8 *)(u64)(zero + 16), 8 })));
	EXPECT_EQ(contain_count() - before, 2);
}

TEST(a_thousand_traps_leave_nothing_behind_and_few_lines)
{
	struct contain_frame *outer = this_cpu()->current->contain;
	u64 before = contain_count(), pos = ~(u64)0;
	static u8 text[4096];
	u32 lines = 0;
	size_t len;

	(void)log_read(&pos, (struct bytes){ text, sizeof(text) });
	for (u32 i = 0; i < 1000; i++)
		EXPECT(!contained(i % 2 == 0 ? leave_depths_behind : trap_null));
	while ((len = log_read(&pos, (struct bytes){ text, sizeof(text) })) != 0)
		for (size_t i = 0; i + 14 < len; i++)
			lines += memcmp(text + i, "service trap: ", 14) == 0;
	EXPECT_EQ(contain_count() - before, 1000);
	EXPECT(lines <= 30);
	EXPECT(this_cpu()->current->contain == outer);
	EXPECT_EQ(this_cpu()->preempt_off, 0);
}

TEST(a_frame_in_a_handler_is_the_cpus_own)
{
	struct cpu *cpu = this_cpu();
	struct contain_frame *task_frame = cpu->current->contain;
	u64 flags = arch_irq_save();

	cpu->irq_depth++;
	EXPECT_TRAP(trap_bounds());
	EXPECT(cpu->contain_irq == nullptr && cpu->current->contain == task_frame);
	cpu->irq_depth--;
	arch_irq_restore(flags);
}

TEST(a_frame_inside_a_raw_lock_contains)
{
	static struct raw_lock lock;
	u64 flags = raw_acquire(&lock);

	EXPECT_TRAP(trap_bounds());
	EXPECT_EQ(this_cpu()->raw_depth, 1);
	raw_release(&lock, flags);
}

static u32 other_type(u32 value) { return value + zero; }

TEST(a_call_through_a_pointer_of_another_type_traps)
{
	/* SAFETY: the cast is what no service can write; the call must not arrive. */
	plain_fn *volatile fn = (plain_fn *)(void *)other_type;

	if (!__has_feature(kcfi))
		return test_skip("built without kCFI");
	EXPECT(!contained(fn));
	fn = nullptr;
	EXPECT_TRAP(fn());
}

static struct spin_lock good_lock;

/** Holds a lock, and one in memory that has gone since. */
static void
trap_with_lost_locks(void) NO_THREAD_SAFETY("never released")
{
	spin_acquire(&good_lock);
	for (u64 i = 0; i < 4; i++) {
		preempt_disable();
		lock_push(task_self(), (void *)(u64)(zero + 16 + 8 * i), i % 2 == 0 ? LOCK_SPIN : LOCK_MUTEX);
	}
	trap_bounds();
}

TEST(a_lock_in_memory_that_is_gone_does_not_keep_the_others)
{
	u64 before = contain_count();

	EXPECT(!contained(trap_with_lost_locks));
	EXPECT_EQ(contain_count() - before, 1);
	EXPECT_EQ(this_cpu()->preempt_off, 0);
	EXPECT(!spin_held(&good_lock) && spin_poisoned(&good_lock));
	SPIN_SCOPE(&good_lock);
	spin_clear_poison(&good_lock);
}

static struct vm_space *space;

static void
trap_with_cursor(void)
{
	struct vm_cursor cursor = {};

	EXPECT_EQ(vm_cursor_open(space, UADDR(USER_START), UADDR(USER_START + PAGE_SIZE), &cursor), OK);
	EXPECT(task_self()->cursor != nullptr);
	trap_bounds();
}

TEST(a_cursor_is_closed_if_it_was_opened_inside)
{
	struct vm_cursor cursor = {};

	EXPECT_EQ(vm_space_create(&space), OK);
	EXPECT(!contained(trap_with_cursor));
	EXPECT(task_self()->cursor == nullptr);
	EXPECT_EQ(vm_cursor_open(space, UADDR(USER_START), UADDR(USER_START + PAGE_SIZE), &cursor), OK);
	EXPECT_TRAP(trap_bounds());
	EXPECT(task_self()->cursor != nullptr);
	vm_cursor_close(&cursor);
	EXPECT(task_self()->cursor == nullptr);
	EXPECT_EQ(this_cpu()->preempt_off, 0);
	vm_space_put(space);
}
