// SPDX-License-Identifier: MPL-2.0
// Boot information from loaders that are right, wrong and hostile.
#include <arch/string.h>
#include <boot/pvh.h>
#include <test.h>

enum : u64 { MIB = 1 << 20, START = 0x1000, MODULES = 0x1100, CMDLINE = 0x1200, MAP = 0x2000, VIEW = 0x4000, LIMIT = (u64)1 << 40 };
enum : u32 { RAM = 1, RESERVED = 2, MAGIC = 0x336ec578 };

/* The view holds the loader's structures; RAM beyond it is only spoken of. */
static u8 bytes[VIEW];
static struct boot_info info;
static u64 rsdp;
static const struct boot_range image = { 2 * MIB, 4 * MIB };

static void
put(u64 at, u64 value, u32 size)
{
	memcpy(&bytes[at], &value, size);
}

static void
put_entry(u32 i, u64 start, u64 size, u32 type)
{
	put(MAP + i * 24, start, 8);
	put(MAP + i * 24 + 8, size, 8);
	put(MAP + i * 24 + 16, type, 8);
	put(START + 48, i + 1, 4);
}

static void
put_module(u64 start, u64 size)
{
	put(START + 12, 1, 4);
	put(MODULES, start, 8);
	put(MODULES + 8, size, 8);
}

/** A plain PC of 128 MiB. */
static void
machine(void)
{
	memset(bytes, 0, sizeof(bytes));
	put(START, MAGIC, 4);
	put(START + 4, 1, 4);
	put(START + 16, MODULES, 8);
	put(START + 24, CMDLINE, 8);
	put(START + 32, 0xf5000, 8);
	put(START + 40, MAP, 8);
	memcpy(&bytes[CMDLINE], "quiet init=/x", 14);
	put_entry(0, 0, 0x9fc00, RAM);
	put_entry(1, 0x9fc00, 0x400, RESERVED);
	put_entry(2, MIB, 127 * MIB, RAM);
}

static bool
parse(void)
{
	return pvh_parse((struct phys_view){ bytes, sizeof(bytes) }, START, image, LIMIT, &info, &rsdp);
}

/** What must hold of any answer. */
static bool
sane(void)
{
	if (info.nram > BOOT_RANGES_MAX || info.nreserved > BOOT_RANGES_MAX || info.cmdline[BOOT_CMDLINE_MAX - 1] != 0)
		return false;
	for (u32 i = 0; i < info.nram; i++) {
		const struct boot_range *ram = &info.ram[i];
		bool ordered = i == 0 || info.ram[i - 1].end <= ram->start;
		if (!ordered || ram->start >= ram->end || (ram->start | ram->end) % PAGE_SIZE != 0 || ram->end > info.ram_end || ram->start < MIB)
			return false;
		if ((ram->start < image.end && ram->end > image.start) || (ram->start < info.initrd.end && ram->end > info.initrd.start))
			return false;
		for (u32 k = 0; k < info.nreserved; k++)
			if (ram->start < info.reserved[k].end && ram->end > info.reserved[k].start)
				return false;
	}
	return info.ram_end <= LIMIT;
}

TEST(a_plain_memory_map_becomes_ram_without_what_is_in_use)
{
	machine();
	EXPECT(parse() && sane());
	EXPECT_EQ(info.nram, 2);
	EXPECT_EQ(info.ram[0].start, MIB);
	EXPECT_EQ(info.ram[0].end, image.start);
	EXPECT_EQ(info.ram[1].start, image.end);
	EXPECT_EQ(info.ram[1].end, 128 * MIB);
	EXPECT_EQ(info.nreserved, 2);
	EXPECT_EQ(info.ram_end, 128 * MIB);
	EXPECT_EQ(rsdp, 0xf5000);
	EXPECT_EQ(info.initrd.end, 0);
	EXPECT(memcmp(info.cmdline, "quiet init=/x", 14) == 0);
}

TEST(start_information_that_is_none_is_refused)
{
	machine();
	put(START, 0, 4);
	EXPECT(!parse());
	machine();
	put(START + 4, 0, 4);       /* version 0 has no memory map */
	EXPECT(!parse());
	machine();
	put(START + 40, VIEW - 24, 8);   /* the map ends outside */
	EXPECT(!parse());
	machine();
	put(START + 40, ~(u64)0 - 8, 8);
	EXPECT(!parse());
	machine();
	put(START + 48, 0, 4);      /* no entries */
	EXPECT(!parse());
	EXPECT(!pvh_parse((struct phys_view){ bytes, 40 }, 0, image, LIMIT, &info, &rsdp));
	EXPECT(!pvh_parse((struct phys_view){ bytes, sizeof(bytes) }, ~(u64)0, image, LIMIT, &info, &rsdp));
}

TEST(an_image_outside_of_ram_is_refused)
{
	machine();
	put_entry(2, 3 * MIB, 100 * MIB, RAM);
	EXPECT(!parse());
}

TEST(ranges_are_sorted_merged_and_cut_to_pages)
{
	machine();
	put_entry(0, 64 * MIB + 1, 2 * MIB, RAM);
	put_entry(1, MIB, 62 * MIB, RAM);
	put_entry(2, 10 * MIB, 20 * MIB, RAM);
	EXPECT(parse() && sane());
	EXPECT_EQ(info.nram, 3);
	EXPECT_EQ(info.ram[1].end, 63 * MIB);
	EXPECT_EQ(info.ram[2].start, 64 * MIB + PAGE_SIZE);
	EXPECT_EQ(info.ram[2].end, 66 * MIB);
}

TEST(what_another_entry_claims_is_not_ram)
{
	machine();
	put_entry(3, 100 * MIB + 5, 10, RESERVED);
	put_entry(4, 127 * MIB, ~(u64)0, 7);
	EXPECT(parse() && sane());
	EXPECT_EQ(info.nram, 3);
	EXPECT_EQ(info.ram[1].end, 100 * MIB);
	EXPECT_EQ(info.ram[2].start, 100 * MIB + PAGE_SIZE);
	EXPECT_EQ(info.ram[2].end, 127 * MIB);
}

TEST(ram_that_wraps_or_is_out_of_reach_is_cut)
{
	machine();
	put_entry(3, (u64)1 << 32, ~(u64)0, RAM);
	put_entry(4, LIMIT, MIB, RAM);
	put_entry(5, ~(u64)0 - 5, 100, RAM);
	EXPECT(parse() && sane());
	EXPECT_EQ(info.ram_end, LIMIT);
	EXPECT_EQ(info.nram, 3);
}

TEST(an_initrd_is_taken_where_it_lies_in_ram)
{
	machine();
	put_module(100 * MIB, 3 * MIB + 17);
	EXPECT(parse() && sane());
	EXPECT_EQ(info.initrd.start, 100 * MIB);
	EXPECT_EQ(info.initrd.end, 103 * MIB + 17);
	EXPECT_EQ(info.reserved[2].end, 103 * MIB + PAGE_SIZE);
}

TEST(an_initrd_that_overlaps_or_is_not_ram_is_ignored)
{
	static const struct { u64 start, size; } wrong[] = {
		{ 3 * MIB, MIB }, { MIB, 2 * MIB }, { 0x8000, 16 }, { 127 * MIB, 2 * MIB }, { 200 * MIB, MIB }, { ~(u64)0 - 10, 100 },
		{ 50 * MIB, ~(u64)0 }, { 50 * MIB, 0 },
	};
	for (u32 i = 0; i < COUNTOF(wrong); i++) {
		machine();
		put_module(wrong[i].start, wrong[i].size);
		EXPECT(parse() && sane());
		EXPECT_EQ(info.initrd.end, 0);
	}
	machine();
	put_module(50 * MIB, MIB);
	put(START + 16, VIEW - 8, 8);   /* the list ends outside */
	EXPECT(parse() && info.initrd.end == 0);
}

TEST(a_command_line_is_cut_at_its_bound_and_at_the_end_of_memory)
{
	machine();
	put(START + 24, VIEW - 3, 8);
	bytes[VIEW - 3] = 'a', bytes[VIEW - 2] = 'b', bytes[VIEW - 1] = 'c';
	EXPECT(parse() && sane() && info.cmdline[2] == 'c' && info.cmdline[3] == 0);
	machine();
	memset(&bytes[0x3000], 'x', 0x1000);
	put(START + 24, 0x3000, 8);
	EXPECT(parse() && sane() && info.cmdline[BOOT_CMDLINE_MAX - 2] == 'x');
	machine();
	put(START + 24, 0, 8);
	EXPECT(parse() && info.cmdline[0] == 0);
}

TEST(more_ranges_than_there_is_room_for_lose_ram_only)
{
	machine();
	for (u32 i = 0; i < 200; i++)
		put_entry(3 + i, 128 * MIB + i * 2 * PAGE_SIZE, PAGE_SIZE, RAM);
	EXPECT(parse() && sane());
	machine();
	for (u32 i = 0; i < 200; i++)   /* holes */
		put_entry(3 + i, 8 * MIB + i * 2 * PAGE_SIZE, PAGE_SIZE, RESERVED);
	EXPECT(parse() && sane());
	EXPECT_EQ(info.nram, BOOT_RANGES_MAX);
}

TEST(random_start_information_never_makes_a_wrong_answer)
{
	u64 seed = 0x9e3779b97f4a7c15;
	u32 parsed = 0;
	for (u32 round = 0; round < 2000; round++) {
		machine();
		for (u32 i = 0; i < 12; i++) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			u64 shift = seed >> 58, where = (seed >> 32) % 3;
			u64 at = where == 0 ? START + 4 + (seed >> 20) % 50 : where == 1 ? MAP + (seed >> 20) % 120 : MODULES + (seed >> 20) % 16;
			put(at, seed >> shift, 1 + seed % 8);
		}
		if (parse()) {
			parsed++;
			EXPECT(sane());
		}
	}
	EXPECT(parsed > 100);
}

TEST(pages_are_taken_out_of_ram_once)
{
	machine();
	EXPECT(parse());
	u64 first = boot_ram_take(&info, 100, (u64)1 << 32), second = boot_ram_take(&info, 100, (u64)1 << 32);
	EXPECT(first != 0 && second != 0 && first != second && sane());
	EXPECT_EQ(info.nreserved, 4);
	EXPECT_EQ(boot_ram_take(&info, 1 << 20, (u64)1 << 32), 0);
	EXPECT_EQ(boot_ram_take(&info, 1, MIB), 0);
	while (boot_ram_take(&info, 1, (u64)1 << 32) != 0 && info.nreserved < BOOT_RANGES_MAX)
		;
	EXPECT_EQ(boot_ram_take(&info, 1, (u64)1 << 32), 0);   /* no room to note it */
	EXPECT(sane());
}
