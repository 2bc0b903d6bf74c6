// SPDX-License-Identifier: MPL-2.0
// The end of a service's stack: it traps in the service, never inside a call of the framework.
#include "../../../../tests/services/depth_service.h"
#include <cadre/contain.h>
#include <cpu/cpu.h>
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
