// SPDX-License-Identifier: MPL-2.0
// Kernel threads as fibres, with what the sanitizers want to be told of them.
#include <hosted.h>
#include <task/task_impl.h>
#include <user/user_impl.h>

/* The context that this thread left last: whose stack bounds ASan tells on arrival. */
static _Thread_local struct arch_context *left;

enum : u64 { STACK_BYTES = KERNEL_STACK_PAGES * PAGE_SIZE, FIBERS = 4096 };

/* TSan's fibre of each stack in use, by stack address; guarded by fibers_lock, since stacks die on any CPU. */
static struct { u64 bottom; void *fiber; } fibers[FIBERS];
static u32 fibers_lock;

HOSTED_HARDWARE static void
fibers_acquire(void)
{
	while (__atomic_exchange_n(&fibers_lock, 1, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
}

HOSTED_HARDWARE static void *
fiber_of_stack(u64 bottom)
{
	void *old = nullptr, *fiber = __tsan_create_fiber(0);
	u64 flags = arch_irq_save();
	fibers_acquire();
	u64 i = 0;
	while (i < FIBERS && fibers[i].bottom != bottom && fibers[i].bottom != 0)
		i++;
	if (i < FIBERS) {
		old = fibers[i].fiber;
		fibers[i].bottom = bottom;
		fibers[i].fiber = fiber;
	}
	__atomic_store_n(&fibers_lock, 0, __ATOMIC_RELEASE);
	arch_irq_restore(flags);
	if (old != nullptr)
		__tsan_destroy_fiber(old);
	return fiber;
}

void
hosted_fiber_gone(u64 va, u64 npages)
{
	/* A stack's addresses are always stacks: the next fibre there replaces this one's. What remains of the old frames are ASan's red zones. */
	if (__asan_unpoison_memory_region != nullptr)
		__asan_unpoison_memory_region((void *)va, npages * PAGE_SIZE);
}

void
arch_context_init(struct arch_context *context, void *stack_top, void (*entry)(void))
{
	u64 *sp = stack_top;
	/* SAFETY: (1) stack_top is the end of KERNEL_STACK_PAGES mapped pages (stack_alloc). The frame is what hosted_switch pops. */
	*--sp = 0;
	*--sp = 0;            /* aligns the entry */
	*--sp = (u64)hosted_fiber_entry;
	*--sp = 0;            /* rbp */
	*--sp = (u64)entry;   /* rbx */
	for (int i = 0; i < 4; i++)
		*--sp = 0;    /* r12 … r15 */
	*context = (struct arch_context){ .sp = (u64)sp, .stack_bottom = (u64)stack_top - STACK_BYTES, .stack_size = STACK_BYTES };
	if (__asan_unpoison_memory_region != nullptr)
		__asan_unpoison_memory_region((void *)context->stack_bottom, STACK_BYTES);
	if (__tsan_create_fiber != nullptr)
		context->fiber = fiber_of_stack(context->stack_bottom);
}

/** On arrival on another stack. */
[[clang::disable_sanitizer_instrumentation, gnu::noinline]] static void
arrived(void *fake_stack)
{
	const void *bottom;
	size_t size;
	if (__sanitizer_finish_switch_fiber == nullptr)
		return;
	__sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
	if (left->stack_size == 0) {
		left->stack_bottom = (u64)bottom;
		left->stack_size = size;
	}
}

[[clang::disable_sanitizer_instrumentation]] void
hosted_fiber_start(void)
{
	arrived(nullptr);
}

[[clang::disable_sanitizer_instrumentation]] void
arch_context_switch(struct arch_context *from, struct arch_context *to)
{
	if (hosted_seeded)
		seeded_event(TEXT("switch"), (const u64[]){ cpu_table[0]->current->id }, 1);
	if (__sanitizer_start_switch_fiber != nullptr) {
		left = from;
		__sanitizer_start_switch_fiber(&from->fake_stack, (void *)to->stack_bottom, to->stack_size);
	}
	if (__tsan_switch_to_fiber != nullptr) {
		if (from->fiber == nullptr)
			from->fiber = __tsan_get_current_fiber();
		__tsan_switch_to_fiber(to->fiber, 0);
	}
	hosted_switch(&from->sp, to->sp);
	arrived(from->fake_stack);
}

void
arch_task_switched(void *stack_top)
{
	(void)stack_top;
	user_fpu_switch(nullptr);
}

[[noreturn]] void hosted_recover(struct arch_recovery *place);

void
arch_recovery_jump(struct arch_recovery *place)
{
	if (__asan_handle_no_return != nullptr)
		__asan_handle_no_return();
	/* Where we run on the signal stack, since the task's has overflown, ASan has not looked at that: what lies below is left for good. */
	u64 low = stack_low(place->rsp);
	if (__asan_unpoison_memory_region != nullptr && low != 0)
		__asan_unpoison_memory_region((void *)low, place->rsp - low);
	hosted_recover(place);
}
