// SPDX-License-Identifier: MPL-2.0
// Typed lists and rings.
#include <cadre/list.h>
#include <ring.h>
#include <test.h>

struct job {
	u32 id;
	LIST_LINK(struct job) link;
	LIST_LINK(struct job) other;
};
LIST_OF(job_list, struct job, link);
LIST_OF(other_list, struct job, other);

/** Whether the list has exactly the jobs with these ids, forwards and backwards. */
static bool
has(const struct job_list *list, const u32 *ids, u32 n)
{
	u32 i = 0;
	LIST_FOR(job_list, job, list)
		if (i >= n || job->id != ids[i++])
			return false;
	for (struct job *job = job_list_last(list); job != nullptr; job = job_list_prev(job))
		if (i == 0 || job->id != ids[--i])
			return false;
	return i == 0 && job_list_empty(list) == (n == 0);
}
#define HAS(list, ...) has(list, (const u32[]){ __VA_ARGS__ }, sizeof((u32[]){ __VA_ARGS__ }) / sizeof(u32))

TEST(an_all_zero_list_is_empty)
{
	struct job_list list = {};

	EXPECT(job_list_empty(&list) && job_list_first(&list) == nullptr && job_list_last(&list) == nullptr);
	EXPECT(job_list_pop_front(&list) == nullptr && job_list_pop_back(&list) == nullptr);
}

TEST(items_come_in_the_order_they_were_put)
{
	struct job_list list = {};
	struct job jobs[4] = { { .id = 0 }, { .id = 1 }, { .id = 2 }, { .id = 3 } };

	job_list_push_back(&list, &jobs[1]);
	job_list_push_back(&list, &jobs[2]);
	job_list_push_front(&list, &jobs[0]);
	job_list_insert_before(&list, &jobs[1], &jobs[3]);
	EXPECT(HAS(&list, 0, 3, 1, 2));
	job_list_remove(&list, &jobs[3]);
	EXPECT(HAS(&list, 0, 1, 2));
	EXPECT(job_list_pop_front(&list) == &jobs[0] && job_list_pop_back(&list) == &jobs[2]);
	EXPECT(HAS(&list, 1));
	job_list_remove(&list, &jobs[1]);
	EXPECT(job_list_empty(&list));
}

TEST(an_item_is_on_two_lists_by_two_links)
{
	struct job_list list = {};
	struct other_list other = {};
	struct job jobs[2] = { { .id = 0 }, { .id = 1 } };

	job_list_push_back(&list, &jobs[0]);
	job_list_push_back(&list, &jobs[1]);
	other_list_push_front(&other, &jobs[0]);
	other_list_push_front(&other, &jobs[1]);
	EXPECT(HAS(&list, 0, 1));
	EXPECT(other_list_pop_front(&other) == &jobs[1] && other_list_pop_front(&other) == &jobs[0]);
	EXPECT(HAS(&list, 0, 1));
}

TEST(a_loop_may_take_its_item_off)
{
	struct job_list list = {};
	struct job jobs[5] = { { .id = 0 }, { .id = 1 }, { .id = 2 }, { .id = 3 }, { .id = 4 } };

	for (u32 i = 0; i < 5; i++)
		job_list_push_back(&list, &jobs[i]);
	LIST_FOR_REMOVING(job_list, job, &list)
		if (job->id % 2 == 0)
			job_list_remove(&list, job);
	EXPECT(HAS(&list, 1, 3));
}

TEST(taking_off_what_is_not_on_the_list_traps)
{
	struct job_list list = {}, second = {};
	struct job jobs[3] = { { .id = 0 }, { .id = 1 }, { .id = 2 } };

	EXPECT_TRAP(job_list_remove(&list, &jobs[0]));
	job_list_push_back(&list, &jobs[0]);
	EXPECT_TRAP(job_list_remove(&list, &jobs[1]));
	EXPECT_TRAP(job_list_remove(&second, &jobs[0]));
	EXPECT(job_list_linked(&list, &jobs[0]) && !job_list_linked(&second, &jobs[0]) && !job_list_linked(&list, &jobs[1]));
	job_list_remove(&list, &jobs[0]);
	EXPECT_TRAP(job_list_remove(&list, &jobs[0]));
	EXPECT(job_list_empty(&list));
}

TEST(putting_an_item_on_twice_traps)
{
	struct job_list list = {};
	struct job jobs[2] = { { .id = 0 }, { .id = 1 } };

	job_list_push_back(&list, &jobs[0]);
	EXPECT_TRAP(job_list_push_back(&list, &jobs[0]));
	job_list_push_back(&list, &jobs[1]);
	EXPECT_TRAP(job_list_push_front(&list, &jobs[0]));
	EXPECT_TRAP(job_list_insert_before(&list, &jobs[1], &jobs[1]));
	EXPECT(HAS(&list, 0, 1));
}

struct pair { u32 a, b; };
RING_OF(pair_ring, struct pair, 8);
RING_OF(byte_ring, u8, 1);

TEST(a_ring_gives_back_in_order_and_says_when_it_is_full)
{
	static struct pair_ring ring;
	struct pair pair = {};

	EXPECT(pair_ring_empty(&ring) && !pair_ring_pop(&ring, &pair) && !pair_ring_peek(&ring, &pair));
	for (u32 round = 0; round < 5; round++) {
		for (u32 i = 0; i < 8; i++)
			EXPECT(pair_ring_push(&ring, (struct pair){ i, round }));
		EXPECT(pair_ring_full(&ring) && pair_ring_count(&ring) == 8);
		EXPECT(!pair_ring_push(&ring, (struct pair){ 9, 9 }));
		for (u32 i = 0; i < 8 - round % 2; i++)
			EXPECT(pair_ring_peek(&ring, &pair) && pair_ring_pop(&ring, &pair) && pair.a == i && pair.b == round);
		while (pair_ring_pop(&ring, &pair))
			continue;
	}
}

TEST(a_ring_of_one_and_wrapping_counters_work)
{
	struct byte_ring ring = { .head = ~(u32)0, .tail = ~(u32)0 };
	u8 byte = 0;

	EXPECT(byte_ring_push(&ring, 7) && !byte_ring_push(&ring, 8));
	EXPECT_EQ(byte_ring_count(&ring), 1);
	EXPECT(byte_ring_pop(&ring, &byte) && byte == 7 && byte_ring_empty(&ring));
}

TEST(a_ring_with_impossible_counters_stays_within_itself)
{
	struct pair_ring ring = { .head = 3, .tail = 1000 };
	struct pair pair;

	EXPECT(!pair_ring_push(&ring, (struct pair){ 1, 2 }));
	for (u32 i = 0; i < 100; i++)
		EXPECT(pair_ring_pop(&ring, &pair) && pair.a == 0);
}
