// SPDX-License-Identifier: MPL-2.0
// Actions: a lone thread's are without their lock; from its first companion on none is ever seen half changed.
#include <program.h>

#include <signal_impl.h>
#include <syscall_handlers.h>

enum : u32 { SWAPS = 3000 };
static u32 entered;   /* [atomic] threads that have their place in the program's memory */

static bool
are_shared(void)
{
	struct signal_process *sp = process_current()->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	return sp->handlers->shared;
}

/** Puts actions in whose words all say the same, and looks at those that come out. */
static void
swap_actions(void)
{
	u64 place = __atomic_fetch_add(&entered, 1, __ATOMIC_RELAXED) * 256;
	for (u64 i = 1; i <= SWAPS; i++) {
		u64 word = place * SWAPS + i + 1, new[4] = { word, 0, word, word & ~SIGSET_UNBLOCKABLE }, old[4] = {};
		EXPECT_EQ(sys_rt_sigaction(SIGUSR1, program_put(place, new, sizeof(new)), program_at(place + 128), SIGSET_SIZE), OK);
		program_get(place + 128, old, sizeof(old));
		EXPECT_EQ(old[0], old[2]);
		EXPECT_EQ(old[0] & ~SIGSET_UNBLOCKABLE, old[3]);
	}
}

PROGRAM_TEST(actions_are_whole_whoever_changes_them)
{
	entered = 0;
	EXPECT(!are_shared());
	swap_actions();
	for (u32 i = 0; i < 3; i++)
		program_thread(swap_actions);
	EXPECT(are_shared());
	swap_actions();
	program_join();
}
