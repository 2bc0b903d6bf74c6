// SPDX-License-Identifier: MPL-2.0
// The end of a service's stack: it traps in the service, never inside a call of the framework.
#include "../../../../tests/services/depth_service.h"
#include <cadre/contain.h>
#include <cpu/cpu.h>
#include <irq/interrupt.h>
#include <mm/mm.h>
#include <task/task_impl.h>
#include <test.h>

TEST(a_service_that_calls_the_framework_at_every_depth_of_its_stack_traps_in_its_own_code)
{
	u64 before = contain_count();
	for (u32 i = 0; i < 3; i++) {
		EXPECT(!contain_call(depth_service_run, nullptr));
		EXPECT(depth_service_reached() > 20);
		EXPECT_EQ(depth_service_pending(), 0);   /* at most the entry of a function of the service's own has failed */
		EXPECT(arch_irq_enabled() && this_cpu()->preempt_off == 0 && this_cpu()->raw_depth == 0);
	}
	EXPECT_EQ(contain_count() - before, 3);
}

/** The service traps with as little left of the stack as it may be entered with. */
static void
trap_with_left(enum stack_reserve reserve)
{
	bool ran = CONTAINED({
		u64 sp = (u64)__builtin_alloca(16);
		volatile u8 *space = __builtin_alloca(sp - stack_low(sp) - reserve - 64);
		space[0] = 0;
		depth_service_trap_widely(nullptr);
	});
	EXPECT(!ran);
}

TEST(a_trap_at_the_end_of_a_services_stack_is_contained)
{
	trap_with_left(STACK_RESERVE_TASK);
	u64 flags = arch_irq_save();
	trap_with_left(STACK_RESERVE_POLICY);
	interrupt_enter();
	trap_with_left(STACK_RESERVE_HANDLER);
	interrupt_exit(false);
	arch_irq_restore(flags);
}
