// SPDX-License-Identifier: MPL-2.0
/**
 * A process' mappings: maps, smaps and their sum. Source: proc_pid_maps(5), proc_pid_smaps(5).
 */
#include "proc_impl.h"

/** Puts the mapped file's reference. */
static void
area_done(const struct vm_area_info *scoped area)
{
	if (area->file != nullptr)
		area->file_ops->put(area->file);
}

static void
area_range(struct text *text, const struct vm_area_info *scoped area)
{
	text_put_hex(text, area->start, 8);
	text_put_char(text, '-');
	text_put_hex(text, area->end, 8);
	text_put_char(text, ' ');
	text_put_char(text, (area->prot & VM_READ) != 0 ? 'r' : '-');
	text_put_char(text, (area->prot & VM_WRITE) != 0 ? 'w' : '-');
	text_put_char(text, (area->prot & VM_EXEC) != 0 ? 'x' : '-');
	text_put_char(text, (area->flags & VM_SHARED) != 0 ? 's' : 'p');
}

static void
area_column(struct text *text, u64 line)
{
	u64 len = text->len - line;
	text_fill(text, ' ', len < 73 ? (u32)(73 - len) : 1);
}

/** Name of what is no file: by what the map knows of its parts. */
static void
area_kind(struct text *text, const struct vm_area_info *scoped area, const struct vm_layout *scoped layout, u64 line)
{
	struct cbytes kind = TEXT("");
	if ((area->flags & VM_VDSO) != 0)
		kind = TEXT("[vdso]");
	else if ((area->flags & (VM_STACK | VM_GROWSDOWN)) != 0 && area->start <= layout->stack_start && area->end >= layout->stack_start)
		kind = TEXT("[stack]");
	else if ((area->flags & VM_HEAP) != 0 || (area->start < layout->brk && area->end > layout->brk_start && layout->brk_start != 0))
		kind = TEXT("[heap]");
	if (cbytes_len(kind) == 0)
		return;
	area_column(text, line);
	text_put_bytes(text, kind);
}

/** The open file behind a mapping; null: there is none, or what is there is no file (a SysV segment). */
static struct file *
area_file(const struct vm_area_info *scoped area)
{
	return area->file != nullptr && area->file_ops->name == nullptr ? file_from(area->file) : nullptr;
}

/** The file's path, straight into the text. */
static void
area_path(struct text *text, struct file *file, u64 line)
{
	size_t len = 0;
	area_column(text, line);
	struct bytes room = bytes_from(byte_array_bytes(text_room_of(text, PATH_MAX)), text->len);
	if (file_text(file, room, &len) == OK)
		text_add(text, len);
}

/** Device, inode and name of a mapping of what is no file. */
static void
area_segment(struct text *text, const struct vm_area_info *scoped area, u64 line)
{
	u8 name[64];
	u64 ino = 0;
	size_t len = area->file_ops->name(area->file, BYTES_OF(name), &ino);
	text_print(text, "00:01 {} ", ino);
	area_column(text, line);
	text_put_bytes(text, cbytes_sub(CBYTES_OF(name), 0, MIN(len, sizeof(name))));
}

static void
area_line(struct text *text, struct vm_map *map, const struct vm_area_info *scoped area, const struct vm_layout *scoped layout)
{
	(void)map;
	u64 line = text->len;
	struct inode_attr attr = {};
	struct file *file = area_file(area);
	struct inode *inode = file != nullptr ? file_inode(file) : nullptr;
	if (inode != nullptr)
		inode_attr(inode, &attr);
	area_range(text, area);
	text_put_char(text, ' ');
	text_put_hex(text, area->file != nullptr ? area->offset : 0, 8);
	text_put_char(text, ' ');
	if (area->file != nullptr && file == nullptr) {
		area_segment(text, area, line);
	} else {
		text_put_hex(text, attr.dev_major, 2);
		text_put_char(text, ':');
		text_put_hex(text, attr.dev_minor, 2);
		text_print(text, " {} ", attr.ino);
		if (file != nullptr)
			area_path(text, file, line);
		else
			area_kind(text, area, layout, line);
	}
	text_put_char(text, '\n');
}

typedef void area_fn(struct text *text, struct vm_map *map, const struct vm_area_info *scoped area, const struct vm_layout *scoped layout);

/** Adds what of an area's pages is a file's, or shared memory. tmpfs' files are memory, to Linux. */
static void
area_kinds(struct vm_map *map, const struct vm_area_info *scoped area, struct proc_resident *scoped kinds)
{
	if (area->file == nullptr && (area->flags & VM_SHARED) == 0)
		return;
	struct file *file = area_file(area);
	struct inode *inode = file != nullptr ? file_inode(file) : nullptr;
	struct vm_page_counts counts = vm_map_area_count(map, area);
	u64 pages = counts.resident - counts.anonymous;
	if (inode != nullptr && inode->sb->magic != TMPFS_MAGIC)
		kinds->file += pages;
	else
		kinds->shared += pages;
}

struct proc_resident
proc_resident(struct vm_map *map, u64 resident)
{
	struct proc_resident kinds = {};
	struct vm_area_info area = {};
	for (u64 at = 0; vm_map_area_at(map, UADDR(at), &area); at = area.end) {
		area_kinds(map, &area, &kinds);
		area_done(&area);
	}
	kinds.anonymous = resident - MIN(kinds.file + kinds.shared, resident);
	return kinds;
}

static err_t
areas_show(struct text *text, struct text_node *node, area_fn *fn)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(vm_map, map);
	TRY(proc_find(node, &process, &thread));
	map = proc_map(thread);
	if (map == nullptr)
		return OK;
	struct vm_layout layout = vm_map_layout(map);
	struct vm_area_info area = {};
	for (u64 at = 0; vm_map_area_at(map, UADDR(at), &area) && !text->failed; at = area.end) {
		fn(text, map, &area, &layout);
		area_done(&area);
	}
	return OK;
}

err_t
show_maps(struct text *text, struct text_node *node)
{
	return areas_show(text, node, area_line);
}

static void
put_size(struct text *text, struct cbytes name, u64 bytes)
{
	text_put_bytes(text, name);
	text_put_number(text, bytes >> 10, 8 + 16 - (u32)MIN(cbytes_len(name), (size_t)16));
	text_put_bytes(text, TEXT(" kB\n"));
}

static void
put_resident(struct text *text, const struct vm_page_counts *scoped counts)
{
	u64 dirty = counts->shared_dirty + counts->private_dirty;
	put_size(text, TEXT("Rss:"), counts->resident);
	put_size(text, TEXT("Pss:"), counts->part >> VM_PART_SHIFT);
	put_size(text, TEXT("Pss_Dirty:"), counts->part_dirty >> VM_PART_SHIFT);
	put_size(text, TEXT("Shared_Clean:"), counts->shared_clean);
	put_size(text, TEXT("Shared_Dirty:"), counts->shared_dirty);
	put_size(text, TEXT("Private_Clean:"), counts->resident - counts->shared_clean - dirty);
	put_size(text, TEXT("Private_Dirty:"), counts->private_dirty);
	put_size(text, TEXT("Referenced:"), counts->accessed);
	put_size(text, TEXT("Anonymous:"), counts->anonymous);
	put_size(text, TEXT("LazyFree:"), 0);
	put_size(text, TEXT("AnonHugePages:"), 0);
	put_size(text, TEXT("ShmemPmdMapped:"), 0);
	put_size(text, TEXT("FilePmdMapped:"), 0);
	put_size(text, TEXT("Shared_Hugetlb:"), 0);
	put_size(text, TEXT("Private_Hugetlb:"), 0);
	put_size(text, TEXT("Swap:"), 0);
	put_size(text, TEXT("SwapPss:"), 0);
}

static void
area_flags(struct text *text, const struct vm_area_info *scoped area)
{
	static const struct { u32 flag; u8 name[4]; } names[] = {
		{ VM_SHARED, "sh" }, { VM_MAY_WRITE, "mw" }, { VM_MAY_EXEC, "me" }, { VM_GROWSDOWN, "gd" }, { VM_LOCKED, "lo" }, { VM_DONTFORK, "dc" },
		{ VM_DONTDUMP, "dd" }, { VM_NORESERVE, "nr" }, { VM_WIPEONFORK, "wf" }, { VM_MERGEABLE, "mg" }, { VM_HUGEPAGE, "hg" }, { VM_NOHUGEPAGE, "nh" },
	};
	text_put_bytes(text, TEXT("VmFlags:"));
	text_put_bytes(text, (area->prot & VM_READ) != 0 ? TEXT(" rd") : TEXT(""));
	text_put_bytes(text, (area->prot & VM_WRITE) != 0 ? TEXT(" wr") : TEXT(""));
	text_put_bytes(text, (area->prot & VM_EXEC) != 0 ? TEXT(" ex mr") : TEXT(" mr"));
	for (u32 i = 0; i < COUNTOF(names); i++) {
		if ((area->flags & names[i].flag) == 0)
			continue;
		text_put_char(text, ' ');
		text_put_string(text, CBYTES_OF(names[i].name));
	}
	text_put_bytes(text, TEXT(" \n"));
}

static void
area_details(struct text *text, struct vm_map *map, const struct vm_area_info *scoped area, const struct vm_layout *scoped layout)
{
	struct vm_page_counts counts = vm_map_area_count(map, area);
	area_line(text, map, area, layout);
	put_size(text, TEXT("Size:"), area->end - area->start);
	put_size(text, TEXT("KernelPageSize:"), PAGE_SIZE);
	put_size(text, TEXT("MMUPageSize:"), PAGE_SIZE);
	put_resident(text, &counts);
	put_size(text, TEXT("Locked:"), (area->flags & VM_LOCKED) != 0 ? counts.part >> VM_PART_SHIFT : 0);
	text_put_bytes(text, TEXT("THPeligible:           0\n"));
	area_flags(text, area);
}

err_t
show_smaps(struct text *text, struct text_node *node)
{
	return areas_show(text, node, area_details);
}

static void
counts_add(struct vm_page_counts *scoped sum, const struct vm_page_counts *scoped counts)
{
	sum->resident += counts->resident;
	sum->part += counts->part;
	sum->part_dirty += counts->part_dirty;
	sum->shared_clean += counts->shared_clean;
	sum->shared_dirty += counts->shared_dirty;
	sum->private_dirty += counts->private_dirty;
	sum->accessed += counts->accessed;
	sum->anonymous += counts->anonymous;
}

err_t
show_smaps_rollup(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(vm_map, map);
	TRY(proc_find(node, &process, &thread));
	map = proc_map(thread);
	if (map == nullptr)
		return OK;
	struct vm_area_info area = {};
	struct vm_page_counts sum = {};
	u64 start = 0, end = 0, locked = 0;
	while (vm_map_area_at(map, UADDR(end), &area)) {
		struct vm_page_counts counts = vm_map_area_count(map, &area);
		start = end == 0 ? area.start : start;
		end = area.end;
		locked += (area.flags & VM_LOCKED) != 0 ? counts.part : 0;
		counts_add(&sum, &counts);
		area_done(&area);
	}
	text_put_hex(text, start, 8);
	text_put_char(text, '-');
	text_put_hex(text, end, 8);
	text_put_bytes(text, TEXT(" ---p 00000000 00:00 0                          [rollup]\n"));
	put_resident(text, &sum);
	put_size(text, TEXT("Locked:"), locked >> VM_PART_SHIFT);
	return OK;
}

static void
area_numa(struct text *text, struct vm_map *map, const struct vm_area_info *scoped area, const struct vm_layout *scoped layout)
{
	u64 resident = vm_map_area_count(map, area).resident;
	(void)layout;
	text_put_hex(text, area->start, 8);
	text_put_bytes(text, TEXT(" default"));
	if (resident != 0)
		text_print(text, " N0={} kernelpagesize_kB=4", resident >> PAGE_SHIFT);
	text_put_char(text, '\n');
}

err_t
show_numa_maps(struct text *text, struct text_node *node)
{
	return areas_show(text, node, area_numa);
}
