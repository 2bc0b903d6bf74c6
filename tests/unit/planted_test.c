// SPDX-License-Identifier: MPL-2.0
/**
 * Planted bugs, run with the word `planted` only: seeded runs of the hosted kernel must find them with some seed, and again with that one.
 * Each is short, so that most seeds do not.
 */
#include <cadre/boot.h>
#include <test.h>

enum : u32 { TASKS = 2, ROUNDS = 1000 };

static u32 count;   /* [atomic], but for what is done to it here */

static bool
wanted(void)
{
	u8 none[1];
	size_t len;
	if (boot_option(TEXT("planted"), (struct bytes){ none, 0 }, &len))
		return true;
	test_skip("only with the word planted");
	return false;
}

/** Reads, adds, writes, as if nobody else did. */
static void
count_up(struct object *unused)
{
	(void)unused;
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 seen = __atomic_load_n(&count, __ATOMIC_RELAXED);
		__atomic_store_n(&count, seen + 1, __ATOMIC_RELAXED);
	}
}

TEST(a_planted_race_is_there)
{
	if (!wanted())
		return;
	struct task *tasks[TASKS] = {};
	count = 0;
	for (u32 i = 0; i < TASKS; i++)
		EXPECT(task_create(count_up, nullptr, TEXT("planted"), &tasks[i]) == OK && task_start(tasks[i]) == OK);
	for (u32 i = 0; i < TASKS; i++) {
		EXPECT_EQ(task_join(tasks[i], TIME_NEVER), OK);
		task_put(tasks[i]);
	}
	EXPECT_EQ(count, TASKS * ROUNDS);
}
