// SPDX-License-Identifier: MPL-2.0
// Typed sparse arrays: every level, growth, removal of empty nodes, iteration.
#include <cadre/sync.h>
#include <xarray.h>
#include <test.h>

struct thing { u64 index; };
XARRAY_OF(thing_map, struct thing);
XARRAY_DEFINE(thing_map);

static struct thing_map map;
/* One index in reach of each level of the tree, and the ends of some. */
static struct thing things[] = {
	{ 0 }, { 1 }, { 63 }, { 64 }, { 4095 }, { 4096 }, { 262143 }, { 262144 }, { (u64)1 << 24 }, { (u64)1 << 30 }, { (u64)1 << 36 }, { (u64)1 << 42 },
	{ (u64)1 << 48 }, { (u64)1 << 54 }, { (u64)1 << 60 }, { ((u64)1 << 60) + 1 }, { (u64)1 << 63 }, { ~(u64)0 - 64 }, { ~(u64)0 - 1 }, { ~(u64)0 },
};

static void
insert_all(void)
{
	for (u32 i = 0; i < COUNTOF(things); i++)
		EXPECT_EQ(thing_map_insert(&map, things[i].index, &things[i]), OK);
}

TEST(an_all_zero_array_is_empty)
{
	u64 index = 0;

	EXPECT(thing_map_empty(&map) && thing_map_load(&map, 0) == nullptr && thing_map_load(&map, ~(u64)0) == nullptr);
	EXPECT(thing_map_next(&map, &index) == nullptr && thing_map_remove(&map, 5) == nullptr);
	thing_map_clear(&map);
}

TEST(each_index_holds_its_item)
{
	insert_all();
	for (u32 i = 0; i < COUNTOF(things); i++) {
		EXPECT(thing_map_load(&map, things[i].index) == &things[i]);
		EXPECT(thing_map_load(&map, things[i].index ^ 2) == nullptr);
		EXPECT_EQ(thing_map_insert(&map, things[i].index, &things[0]), EEXIST);
	}
	for (u32 i = 0; i < COUNTOF(things); i++) {
		EXPECT(thing_map_remove(&map, things[i].index) == &things[i]);
		EXPECT(thing_map_remove(&map, things[i].index) == nullptr);
	}
	EXPECT(thing_map_empty(&map));
}

TEST(iteration_goes_through_all_items_in_order)
{
	u64 index = 0;
	u32 i = 0;

	insert_all();
	XARRAY_FOR(thing_map, index, thing, &map) {
		EXPECT(i < COUNTOF(things) && thing == &things[i] && index == thing->index);
		i++;
	}
	EXPECT_EQ(i, COUNTOF(things));
	index = 65;
	EXPECT(thing_map_next(&map, &index) == &things[4] && index == 4095);
	thing_map_clear(&map);
	EXPECT(thing_map_empty(&map));
}

TEST(a_tree_is_as_high_again_as_what_is_left_needs)
{
	insert_all();
	for (u32 i = COUNTOF(things); i > 4; i--) {
		EXPECT(thing_map_remove(&map, things[i - 1].index) == &things[i - 1]);
		EXPECT(xarray_covers(map.root->shift, things[i - 2].index));
		EXPECT(map.root->shift == XARRAY_BITS || !xarray_covers(map.root->shift - XARRAY_BITS, things[i - 2].index));
		EXPECT(thing_map_load(&map, 0) == &things[0] && thing_map_load(&map, things[i - 2].index) == &things[i - 2]);
	}
	EXPECT_EQ(map.root->shift, XARRAY_BITS);
	thing_map_clear(&map);
	EXPECT(thing_map_empty(&map));
}

TEST(dense_indices_fill_and_empty)
{
	static struct thing dense[10000];

	for (u64 i = 0; i < COUNTOF(dense); i++)
		EXPECT_EQ(thing_map_insert(&map, i, &dense[i]), OK);
	for (u64 i = 0; i < COUNTOF(dense); i += 2)
		EXPECT(thing_map_remove(&map, i) == &dense[i]);
	for (u64 i = 0; i < COUNTOF(dense); i++)
		EXPECT(thing_map_load(&map, i) == (i % 2 == 0 ? nullptr : &dense[i]));
	thing_map_clear(&map);
	EXPECT(thing_map_empty(&map));
}

TEST(inserting_nothing_traps)
{
	EXPECT_TRAP((void)thing_map_insert(&map, 3, nullptr));
	EXPECT(thing_map_empty(&map));
}

TEST(loads_work_in_a_read_section)
{
	EXPECT_EQ(thing_map_insert(&map, 77, &things[1]), OK);
	{
		RCU_SCOPE();
		EXPECT(thing_map_load(&map, 77) == &things[1]);
		EXPECT(thing_map_remove(&map, 77) == &things[1]);
		EXPECT(thing_map_load(&map, 77) == nullptr);
	}
	EXPECT(thing_map_empty(&map));
}
