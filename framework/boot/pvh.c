// SPDX-License-Identifier: MPL-2.0
/**
 * Reading a PVH loader's start information: see pvh.h.
 *
 * Every address and count is the loader's: each read is checked against the view of physical memory, each loop is
 * bounded, each range is cut to page bounds before use. A list that is full drops the rest, which loses RAM or is
 * refused, and never makes RAM.
 */
#include <arch/string.h>
#include <boot/pvh.h>

enum : u32 { PVH_MAGIC = 0x336ec578, PVH_RAM = 1, PVH_ENTRIES_MAX = 1024 };

struct pvh_start {
	u32 magic, version, flags, nmodules;
	u64 modules, cmdline, rsdp, memmap;
	u32 nmemmap, reserved;
};
struct pvh_entry { u64 start, size; u32 type, reserved; };
struct pvh_module { u64 start, size, cmdline, reserved; };
static_assert(sizeof(struct pvh_start) == 56 && sizeof(struct pvh_entry) == 24 && sizeof(struct pvh_module) == 32);

struct ranges { struct boot_range *items; u32 n; };   /* of BOOT_RANGES_MAX, by ascending start */

static bool
view_read(struct phys_view memory, u64 at, void *out, size_t len)
{
	if (range_exceeds(at, len, memory.size))
		return false;
	/* SAFETY: [at, at + len) lies in the view, by the check above. */
	memcpy(out, memory.base + at, len);
	return true;
}

static bool
ranges_add(struct ranges *list, u64 start, u64 end)
{
	if (start >= end)
		return true;
	if (list->n == BOOT_RANGES_MAX)
		return false;
	u32 i = list->n++;
	for (; i > 0 && list->items[i - 1].start > start; i--)
		list->items[i] = list->items[i - 1];
	list->items[i] = (struct boot_range){ start, end };
	return true;
}

/** Drops what is empty, and joins what touches or overlaps. */
static void
ranges_tidy(struct ranges *list)
{
	u32 n = 0;

	for (u32 i = 0; i < list->n; i++)
		if (n > 0 && list->items[i].start <= list->items[n - 1].end)
			list->items[n - 1].end = MAX(list->items[n - 1].end, list->items[i].end);
		else if (list->items[i].start < list->items[i].end)
			list->items[n++] = list->items[i];
	list->n = n;
}

/** Takes [start, end) out of every range. Where a split finds the list full, its upper part is lost. */
static void
ranges_remove(struct ranges *list, u64 start, u64 end)
{
	for (u32 i = 0; i < list->n; i++) {
		struct boot_range *range = &list->items[i];
		if (start >= range->end || end <= range->start)
			continue;
		if (start > range->start && end < range->end)
			(void)ranges_add(list, end, range->end);
		if (start > range->start)
			range->end = start;
		else
			range->start = MIN(end, range->end);
	}
	ranges_tidy(list);
}

/** Whether [start, end) lies in one range. */
static bool
ranges_contain(const struct ranges *list, u64 start, u64 end)
{
	for (u32 i = 0; i < list->n; i++)
		if (start >= list->items[i].start && end <= list->items[i].end)
			return true;
	return false;
}

/** The loader's memory map: RAM inwards to whole pages, anything else outwards, which wins. */
static bool
memmap_read(struct phys_view memory, const struct pvh_start *start, u64 ram_limit, struct ranges *ram)
{
	u32 n = MIN(start->nmemmap, (u32)PVH_ENTRIES_MAX);
	struct pvh_entry entry;
	if (start->version == 0 || range_exceeds(start->memmap, n * sizeof(entry), memory.size))
		return false;
	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < n; i++) {
			if (!view_read(memory, start->memmap + i * sizeof(entry), &entry, sizeof(entry)) ||
			    (entry.type == PVH_RAM) != (pass == 0) || entry.start >= ram_limit || entry.size == 0)
				continue;
			u64 end = entry.start + MIN(entry.size, ram_limit - entry.start);
			if (pass == 0)
				(void)ranges_add(ram, align_up(entry.start, PAGE_SIZE), align_down(end, PAGE_SIZE));
			else
				ranges_remove(ram, align_down(entry.start, PAGE_SIZE), align_up(end, PAGE_SIZE));
		}
		ranges_tidy(ram);
	}
	return ram->n > 0;
}

/** At most BOOT_CMDLINE_MAX - 1 bytes; a longer line is cut. */
static void
cmdline_read(struct phys_view memory, u64 at, char *out)
{
	for (u32 i = 0; at != 0 && i < BOOT_CMDLINE_MAX - 1; i++)
		if (!view_read(memory, at + i, &out[i], 1) || out[i] == 0)
			break;
}

static void
initrd_read(struct phys_view memory, const struct pvh_start *start, struct boot_range image, const struct ranges *ram,
            struct boot_range *out)
{
	struct pvh_module module;
	if (start->nmodules == 0 || !view_read(memory, start->modules, &module, sizeof(module)) || module.size == 0 ||
	    module.start < BOOT_LOW_END || range_exceeds(module.start, module.size, ram->items[ram->n - 1].end))
		return;
	u64 first = align_down(module.start, PAGE_SIZE), last = align_up(module.start + module.size, PAGE_SIZE);
	if (!ranges_contain(ram, first, last) || (first < image.end && last > image.start))
		return;
	*out = (struct boot_range){ module.start, module.start + module.size };
}

bool
pvh_parse(struct phys_view memory, u64 start_info, struct boot_range image, u64 ram_limit, struct boot_info *out,
          u64 *rsdp)
{
	struct pvh_start start;
	struct ranges ram = { out->ram, 0 }, reserved = { out->reserved, 0 };
	*out = (struct boot_info){ .ncpus = 1 };
	if (!view_read(memory, start_info, &start, sizeof(start)) || start.magic != PVH_MAGIC ||
	    !memmap_read(memory, &start, ram_limit, &ram) || !ranges_contain(&ram, image.start, image.end))
		return false;

	out->ram_end = ram.items[ram.n - 1].end;
	cmdline_read(memory, start.cmdline, out->cmdline);
	initrd_read(memory, &start, image, &ram, &out->initrd);
	*rsdp = start.rsdp;
	for (u32 i = 0; i < ram.n && ram.items[i].start < BOOT_LOW_END; i++)
		if (!ranges_add(&reserved, ram.items[i].start, MIN(ram.items[i].end, (u64)BOOT_LOW_END)))
			return false;
	struct boot_range initrd = { align_down(out->initrd.start, PAGE_SIZE), align_up(out->initrd.end, PAGE_SIZE) };
	if (!ranges_add(&reserved, image.start, image.end) || !ranges_add(&reserved, initrd.start, initrd.end))
		return false;
	for (u32 i = 0; i < reserved.n; i++)
		ranges_remove(&ram, reserved.items[i].start, reserved.items[i].end);
	out->nram = ram.n;
	out->nreserved = reserved.n;
	return true;
}

u64
boot_ram_take(struct boot_info *info, u64 npages, u64 limit)
{
	struct ranges ram = { info->ram, info->nram }, reserved = { info->reserved, info->nreserved };
	for (u32 i = 0; i < ram.n; i++) {
		u64 start = ram.items[i].start, len = npages * PAGE_SIZE;
		if (start + len > MIN(ram.items[i].end, limit) || !ranges_add(&reserved, start, start + len))
			continue;
		ranges_remove(&ram, start, start + len);
		info->nram = ram.n;
		info->nreserved = reserved.n;
		return start;
	}
	return 0;
}
