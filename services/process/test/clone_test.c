// SPDX-License-Identifier: MPL-2.0
// Processes are made where memory is short: what others have just given back counts, though readers may still look at it.
#include <program.h>

#include <cadre/frame.h>
#include <cadre/object.h>
#include <cadre/sync.h>

enum : u32 { HELD_MAX = 60, ROUNDS = 8 };

/** Frames that nobody else can have. */
struct hoard { struct frame *frames[HELD_MAX]; u32 count; };
OBJECT_DECLARE(hoard);
static void
hoard_release(struct hoard *hoard)
{
	for (u32 i = 0; i < hoard->count; i++)
		frame_put(hoard->frames[i]);
}
OBJECT_DEFINE_RELEASE(hoard);

/** All of them; what a hoard itself needs is taken with its frames. */
ARRAY_DECLARE(hoard_array, struct hoard *);
ARRAY_DEFINE(hoard_array, struct hoard *);
enum : u64 { HOARDS_MAX = 8192 };

static bool
hoard_fill(struct hoard *hoard)
{
	while (hoard->count < HELD_MAX && (hoard->frames[hoard->count] = frame_alloc()) != nullptr)
		hoard->count++;
	return hoard->count == HELD_MAX;
}

static void
child(void)
{
}

/** Takes all memory there is, gives it back when all readers of now are done, and makes a process before that. */
static err_t
fork_behind_a_hoard(void)
{
	struct hoard_array *all = hoard_array_alloc(HOARDS_MAX);
	u64 count = 0, pid = 0;
	bool more = all != nullptr;
	while (more && count < HOARDS_MAX && (all->items[count] = hoard_alloc()) != nullptr)
		more = hoard_fill(all->items[count++]);
	{
		RCU_SCOPE();
		for (u64 i = 0; i < count; i++)
			hoard_put_rcu(all->items[i]);
	}
	err_t err = program_fork_try(child, &pid);
	hoard_array_put(all);
	AWAIT(memory_stat().free >= count * HELD_MAX / 2);   /* for the tests behind */
	return err;
}

PROGRAM_TEST(a_process_is_made_of_memory_that_is_on_its_way_back)
{
	for (u32 i = 0; i < ROUNDS; i++)
		EXPECT_EQ(fork_behind_a_hoard(), OK);
}
