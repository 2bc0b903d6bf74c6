// SPDX-License-Identifier: MPL-2.0
// Containment from the outside: services (tests/services) that do wrong what Safe C lets them do wrong, in every context.
#include "../../../tests/services/container_service.h"
#include "../../../tests/services/trap_service.h"
#include <test.h>

TEST(each_trap_of_a_service_ends_its_task_alone)
{
	u64 before = contain_count();

	for (u32 kind = 0; kind < trap_service_kinds(); kind++)
		EXPECT_EQ(trap_service_in_task(kind, false, 3), 0);
	EXPECT_EQ(contain_count() - before, 3 * trap_service_kinds());
}

TEST(each_trap_with_locks_held_releases_and_poisons_them)
{
	for (u32 kind = 0; kind < trap_service_kinds(); kind++)
		EXPECT_EQ(trap_service_in_task(kind, true, 3), 0);
}

TEST(each_trap_in_a_timers_handler_ends_the_handler_for_good)
{
	for (u32 kind = 0; kind < trap_service_kinds(); kind++)
		EXPECT_EQ(trap_service_in_timer(kind), 0);
}

TEST(each_trap_in_a_work_item_ends_the_item_for_good)
{
	for (u32 kind = 0; kind < trap_service_kinds(); kind++)
		EXPECT_EQ(trap_service_in_work(kind), 0);
}

TEST(a_thousand_traps_with_locks_held_leave_nothing_behind)
{
	for (u32 kind = 0; kind < trap_service_kinds(); kind++)
		EXPECT_EQ(trap_service_in_task(kind, true, 1000 / trap_service_kinds() + 1), 0);
}

TEST(freed_memory_is_the_old_type_or_traps)
{
	EXPECT_EQ(trap_service_dangling(), 0);
}

TEST(services_use_all_containers)
{
	EXPECT_EQ(container_service_run(), 0);
}
