// SPDX-License-Identifier: MPL-2.0
// Random mmap, munmap, mprotect, mremap and madvise, beside a model of the pages: areas, contents and promised memory stay what they should be.
#include <program.h>

#include <cred.h>
#include <syscall_handlers.h>
#include <thread.h>
#include <uio.h>
#include <vm_map.h>

enum : u32 { PAGES = 48, STEPS = 4000, PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_FIXED = 16, MAP_ANONYMOUS = 32,
	REMAP_MAYMOVE = 1, REMAP_FIXED = 2, REMAP_DONTUNMAP = 4, MADV_DONTNEED = 4 };
enum : u64 { BASE = 0x20000000 };

struct page { bool mapped; u8 prot, value; };
static struct page model[PAGES];   /* [self] of the test's thread */
static u64 seed;

static uaddr_t page_at(u32 i) { return UADDR(BASE + i * PAGE_SIZE); }
static u32 draw(u32 below) { return program_random(&seed, below); }

/** A range of pages. */
static void
range(u32 *first, u32 *n)
{
	*first = draw(PAGES);
	*n = 1 + draw(MIN(PAGES - *first, 9u));
}

static bool
all_mapped(u32 first, u32 n)
{
	for (u32 i = first; i < first + n; i++)
		if (!model[i].mapped)
			return false;
	return true;
}

static void
step_map(void)
{
	static const u8 prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, 0 };
	u32 first, n, prot = prots[draw(4)];
	u64 at = 0;
	range(&first, &n);
	EXPECT_EQ(sys_mmap(page_at(first), n * PAGE_SIZE, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0, &at), OK);
	EXPECT_EQ(at, page_at(first).raw);
	for (u32 i = first; i < first + n; i++)
		model[i] = (struct page){ true, (u8)prot, 0 };
}

static void
step_unmap(void)
{
	u32 first, n;
	range(&first, &n);
	EXPECT_EQ(sys_munmap(page_at(first), n * PAGE_SIZE), OK);
	for (u32 i = first; i < first + n; i++)
		model[i] = (struct page){};
}

/** Up to the first gap it is done. */
static void
step_protect(void)
{
	u32 first, n, prot = draw(4);
	range(&first, &n);
	EXPECT_EQ(sys_mprotect(page_at(first), n * PAGE_SIZE, prot), all_mapped(first, n) ? OK : ENOMEM);
	for (u32 i = first; i < first + n && model[i].mapped; i++)
		model[i].prot = (u8)prot;
}

static void
step_write(void)
{
	u32 i = draw(PAGES);
	u8 value = (u8)(1 + draw(255));
	bool may = model[i].mapped && (model[i].prot & PROT_WRITE) != 0;
	EXPECT_EQ(copy_out(UADDR(page_at(i).raw + draw(8) * 8), (struct cbytes){ &value, 0 }), OK);
	EXPECT_EQ(copy_out(UADDR(page_at(i).raw + 5), (struct cbytes){ &value, 1 }), may ? OK : EFAULT);
	if (may)
		model[i].value = value;
}

static void
step_discard(void)
{
	u32 first, n;
	range(&first, &n);
	EXPECT_EQ(sys_madvise(page_at(first), n * PAGE_SIZE, MADV_DONTNEED), all_mapped(first, n) ? OK : ENOMEM);
	for (u32 i = first; i < first + n; i++)
		model[i].value = 0;
}

/** An error leaves all as it was; where it works, the pages have moved, and so has their protection. */
static void
step_remap(void)
{
	u32 from, n, to = draw(PAGES), new_n = 1 + draw(MIN(PAGES - to, 9u));
	u64 at = 0;
	range(&from, &n);
	bool keep = draw(4) == 0;
	if (keep)
		new_n = MIN(n, PAGES - to);
	err_t err = sys_mremap(page_at(from), n * PAGE_SIZE, new_n * PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED | (keep ? REMAP_DONTUNMAP : 0), page_at(to), &at);
	if (err != OK)
		return;
	EXPECT(all_mapped(from, n));
	EXPECT_EQ(at, page_at(to).raw);
	struct page moved[PAGES] = {};
	for (u32 i = 0; i < new_n; i++)
		moved[i] = i < n ? model[from + i] : (struct page){ true, model[from].prot, 0 };
	for (u32 i = from; i < from + n; i++)
		model[i] = keep ? (struct page){ true, model[i].prot, 0 } : (struct page){};
	for (u32 i = 0; i < new_n; i++)
		model[to + i] = moved[i];
}

/** In place, or not at all. */
static void
step_resize(void)
{
	u32 from, n, new_n = 1 + draw(9);
	u64 at = 0;
	range(&from, &n);
	if (from + new_n > PAGES)
		return;
	err_t err = sys_mremap(page_at(from), n * PAGE_SIZE, new_n * PAGE_SIZE, 0, UADDR(0), &at);
	if (err != OK)
		return;
	EXPECT_EQ(at, page_at(from).raw);
	for (u32 i = new_n; i < n; i++)
		model[from + i] = (struct page){};
	for (u32 i = n; i < new_n; i++) {
		EXPECT(!model[from + i].mapped);
		model[from + i] = (struct page){ true, model[from].prot, 0 };
	}
}

static void
check_contents(void)
{
	for (u32 i = 0; i < PAGES; i++) {
		u8 value = 0;
		bool may = model[i].mapped && model[i].prot != 0;
		EXPECT_EQ(copy_in((struct bytes){ &value, 1 }, UADDR(page_at(i).raw + 5)), may ? OK : EFAULT);
		EXPECT_EQ(value, may ? model[i].value : 0);
	}
}

/** The areas are in order, apart, and say what the model says; what could be one area is one. */
static void
check_areas(u64 others)
{
	struct vm_area_info info = {}, last = {};
	u64 pages = 0;
	for (u64 at = BASE; vm_map_area_at(map_current(), UADDR(at), &info) && info.start < BASE + PAGES * PAGE_SIZE; at = info.end, last = info) {
		EXPECT(info.start < info.end && info.start >= at);
		for (u64 page = info.start; page < info.end; page += PAGE_SIZE, pages++) {
			const struct page *one = &model[(page - BASE) / PAGE_SIZE];
			EXPECT(one->mapped && ((info.prot & VM_WRITE) != 0) == ((one->prot & PROT_WRITE) != 0));
		}
	}
	u64 mapped = 0;
	for (u32 i = 0; i < PAGES; i++)
		mapped += model[i].mapped;
	EXPECT_EQ(pages, mapped);
	EXPECT_EQ(vm_map_usage(map_current()).virtual, others + mapped * PAGE_SIZE);
}

static void
random_steps(u64 with)
{
	static void (*const steps[])(void) = { step_map, step_map, step_unmap, step_protect, step_protect, step_write, step_write, step_write, step_discard, step_remap, step_resize };
	u64 committed = vm_commit().committed, others = vm_map_usage(map_current()).virtual;
	seed = with;
	for (u32 i = 0; i < PAGES; i++)
		model[i] = (struct page){};
	for (u32 i = 0; i < STEPS; i++) {
		steps[draw(COUNTOF(steps))]();
		if (i % 16 == 0)
			check_areas(others);
		if (i % 64 == 0)
			check_contents();
	}
	check_contents();
	EXPECT_EQ(sys_munmap(page_at(0), PAGES * PAGE_SIZE), OK);
	EXPECT_EQ(vm_commit().committed, committed);
	EXPECT_EQ(vm_map_usage(map_current()).virtual, others);
}

PROGRAM_TEST(random_mappings_are_those_of_the_model)
{
	for (u64 with = 1; with <= 4; with++)
		random_steps(with);
}

static void
child_dirties(void)
{
	u8 value = 99;
	for (u32 i = 0; i < PAGES; i++)
		(void)!copy_out(UADDR(page_at(i).raw + 5), (struct cbytes){ &value, 1 });
	check_areas(vm_map_usage(map_current()).virtual - PAGES * PAGE_SIZE);
}

PROGRAM_TEST(what_a_child_writes_is_its_own)
{
	u64 at = 0, committed = vm_commit().committed;
	EXPECT_EQ(sys_mmap(page_at(0), PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0, &at), OK);
	for (u32 i = 0; i < PAGES; i++) {
		u8 value = (u8)i;
		model[i] = (struct page){ true, PROT_READ | PROT_WRITE, value };
		EXPECT_EQ(copy_out(UADDR(page_at(i).raw + 5), (struct cbytes){ &value, 1 }), OK);
	}
	for (u32 round = 0; round < 3; round++) {
		u64 got = 0;
		u32 pid = program_fork(child_dirties);
		EXPECT(sys_wait4((i32)pid, UADDR(0), 0, UADDR(0), &got) != EFAULT);
		check_contents();
	}
	EXPECT_EQ(sys_munmap(page_at(0), PAGES * PAGE_SIZE), OK);
	AWAIT(vm_commit().committed == committed);
}
