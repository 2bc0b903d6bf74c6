// SPDX-License-Identifier: MPL-2.0
/**
 * The machine's memory: meminfo, vmstat, zoneinfo, and what the heap holds by type.
 */
#include <cadre/frame.h>

#include <pid.h>

#include "proc_impl.h"

enum : u64 { STACK_FRAMES = 24 * 1024 / PAGE_SIZE };   /* of a thread's kernel stack */

static void
put_kib(struct text *text, struct cbytes name, u64 frames)
{
	text_put_bytes(text, name);
	text_put_char(text, ':');
	text_put_number(text, frames << (PAGE_SHIFT - 10), (u32)(23 - MIN(cbytes_len(name), (size_t)22)));
	text_put_bytes(text, TEXT(" kB\n"));
}

/** What programs and the page cache have: neither free nor the kernel's own. */
static u64
frames_of_users(const struct memory_stat *scoped stat)
{
	u64 kernel = stat->framework + stat->heap + stat->page_tables + stat->free;
	return stat->total - MIN(kernel, stat->total);
}

err_t
show_meminfo(struct text *text, struct text_node *node)
{
	struct memory_stat stat = memory_stat();
	struct vm_commit commit = vm_commit();
	u64 users = frames_of_users(&stat), cached = MIN(vm_cached_pages(), users);
	(void)node;
	put_kib(text, TEXT("MemTotal"), stat.total);
	put_kib(text, TEXT("MemFree"), stat.free);
	put_kib(text, TEXT("MemAvailable"), stat.free);
	put_kib(text, TEXT("Buffers"), 0);
	put_kib(text, TEXT("Cached"), cached);
	put_kib(text, TEXT("SwapCached"), 0);
	put_kib(text, TEXT("Active"), users);
	put_kib(text, TEXT("Inactive"), 0);
	put_kib(text, TEXT("Active(anon)"), users - cached);
	put_kib(text, TEXT("Inactive(anon)"), 0);
	put_kib(text, TEXT("Active(file)"), cached);
	put_kib(text, TEXT("Inactive(file)"), 0);
	put_kib(text, TEXT("Unevictable"), 0);
	put_kib(text, TEXT("Mlocked"), 0);
	put_kib(text, TEXT("SwapTotal"), 0);
	put_kib(text, TEXT("SwapFree"), 0);
	put_kib(text, TEXT("Dirty"), 0);
	put_kib(text, TEXT("Writeback"), 0);
	put_kib(text, TEXT("AnonPages"), users - cached);
	put_kib(text, TEXT("Mapped"), 0);
	put_kib(text, TEXT("Shmem"), cached);   /* all of the cache lives in memory alone */
	put_kib(text, TEXT("KReclaimable"), 0);
	put_kib(text, TEXT("Slab"), stat.heap);
	put_kib(text, TEXT("SReclaimable"), 0);
	put_kib(text, TEXT("SUnreclaim"), stat.heap);
	put_kib(text, TEXT("KernelStack"), atomic32_load_relaxed(&thread_total) * STACK_FRAMES);
	put_kib(text, TEXT("PageTables"), stat.page_tables);
	put_kib(text, TEXT("NFS_Unstable"), 0);
	put_kib(text, TEXT("Bounce"), 0);
	put_kib(text, TEXT("WritebackTmp"), 0);
	put_kib(text, TEXT("CommitLimit"), commit.limit);
	put_kib(text, TEXT("Committed_AS"), commit.committed);
	put_kib(text, TEXT("VmallocTotal"), ((u64)1 << 35) >> 2);
	put_kib(text, TEXT("VmallocUsed"), stat.framework);
	put_kib(text, TEXT("VmallocChunk"), 0);
	put_kib(text, TEXT("Percpu"), 0);
	put_kib(text, TEXT("HardwareCorrupted"), 0);
	put_kib(text, TEXT("AnonHugePages"), 0);
	text_put_bytes(text, TEXT("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n"));
	return OK;
}

err_t
show_vmstat(struct text *text, struct text_node *node)
{
	struct memory_stat stat = memory_stat();
	u64 users = frames_of_users(&stat), cached = MIN(vm_cached_pages(), users), minor = 0, major = 0;
	(void)node;
	for (u32 pid = 1;; pid++) {
		REF_SCOPE(process, process);
		process = process_next(&pid);
		if (process == nullptr)
			break;
		minor += atomic64_load_relaxed(&process->faults_minor) + atomic64_load_relaxed(&process->children_faults_minor);
		major += atomic64_load_relaxed(&process->faults_major) + atomic64_load_relaxed(&process->children_faults_major);
	}
	text_print(text, "nr_free_pages {}\nnr_zone_active_anon {}\nnr_zone_active_file {}\nnr_page_table_pages {}\n", stat.free, users - cached, cached, stat.page_tables);
	text_print(text, "nr_anon_pages {}\nnr_mapped 0\nnr_file_pages {}\nnr_dirty 0\nnr_writeback 0\nnr_slab_reclaimable 0\nnr_slab_unreclaimable {}\n", users - cached, cached, stat.heap);
	text_print(text, "nr_shmem {}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault {}\npgmajfault {}\noom_kill 0\n", cached, minor + major, major);
	return OK;
}

err_t
show_zoneinfo(struct text *text, struct text_node *node)
{
	struct memory_stat stat = memory_stat();
	(void)node;
	text_print(text, "Node 0, zone   Normal\n  pages free     {}\n        boost    0\n        min      0\n        low      0\n        high     0\n", stat.free);
	text_print(text, "        spanned  {}\n        present  {}\n        managed  {}\n", stat.total, stat.total, stat.total);
	return OK;
}

err_t
show_buddyinfo(struct text *text, struct text_node *node)
{
	(void)node;
	text_print(text, "Node 0, zone   Normal {}\n", memory_stat().free);
	return OK;
}

u64
heap_live(struct cbytes name)
{
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap_stat stat = {};
		u8 text[40] = {};
		bool known = heap_stat_read(id, &stat, BYTES_OF(text)) && cbytes_len(name) < sizeof(text);
		if (known && text[cbytes_len(name) % sizeof(text)] == 0 && cbytes_equal(cbytes_sub(CBYTES_OF(text), 0, cbytes_len(name)), name))
			return stat.live;
	}
	return 0;
}

/** A line for each heap that has memory. */
static void
heaps_show(struct text *text, bool slabinfo)
{
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap_stat stat = {};
		u8 name[40] = {};
		if (!heap_stat_read(id, &stat, BYTES_OF(name)) || (stat.live == 0 && stat.pages == 0))
			continue;
		u64 start = text->len;
		text_put_string(text, CBYTES_OF(name));
		text_fill(text, ' ', (u32)(18 - MIN(text->len - start, (u64)17)));
		text_put_number(text, stat.live, 6);
		if (!slabinfo) {
			text_print(text, " {} {}\n", stat.size, stat.pages);
			continue;
		}
		u64 slots = stat.size != 0 ? (stat.pages << PAGE_SHIFT) / stat.size : 0;
		text_put_char(text, ' ');
		text_put_number(text, MAX(slots, stat.live), 6);
		text_put_char(text, ' ');
		text_put_number(text, stat.size, 6);
		text_print(text, "    {}    1 : tunables    0    0    0 : slabdata {} {}      0\n", MAX(PAGE_SIZE / MAX(stat.size, (u64)1), (u64)1), stat.pages, stat.pages);
	}
}

err_t
show_slabinfo(struct text *text, struct text_node *node)
{
	(void)node;
	text_put_bytes(text, TEXT("slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
		"<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"));
	heaps_show(text, true);
	return OK;
}

/** Type, live objects, bytes of one, pages: for tests that look for leaks. */
err_t
show_objects(struct text *text, struct text_node *node)
{
	struct memory_stat stat = memory_stat();
	(void)node;
	heaps_show(text, false);
	text_print(text, "frames total {} free {} framework {} heap {} page_tables {}\n", stat.total, stat.free, stat.framework, stat.heap, stat.page_tables);
	return OK;
}
