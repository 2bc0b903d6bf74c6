// SPDX-License-Identifier: MPL-2.0
/**
 * User address spaces: which CPU has which one loaded, and making CPUs forget translations.
 *
 * Each flush of a space has a number, tlb_gen. A CPU notes up to which flush the entries under an address-space id
 * (ASID) are good:
 * - where the space is loaded, the flush comes as an interrupt;
 * - elsewhere nothing happens, and the CPU compares when it loads the space the next time.
 * No flush is missed: the flusher changes the entries, adds 1 to tlb_gen, then reads `cpus`; the loader sets its bit
 * in `cpus`, then reads
 * tlb_gen. All of these are sequentially consistent, so at least one of the two sees the other.
 */
#include <arch/string.h>
#include <cadre/cpu.h>
#include <mm/vm_space_impl.h>

enum : u32 { ASIDS = 8 };

/** What a CPU has in its TLB. */
struct space_cpu {
	struct { u64 id, gen; } slots[ASIDS];   /* [self] ASID i + 1: whose, and good up to which flush */
	u32 current, victim;                    /* [self] the slot in use; the next to be taken away */
};
CPU_LOCAL_DEFINE(space_cpu, space_cpu);

static u64 space_last_id;   /* [atomic] */

static void
space_release(struct object *object)
{
	/* SAFETY: heaps call release with objects of their type only. */
	struct vm_space *space = (struct vm_space *)object;
	if (space->root == 0)
		return;
	/*
	 * No CPU has it loaded, since each that has holds a reference. What TLBs still have under its old ASIDs is
	 * dropped when those are reused.
	 */
	fw_assert(__atomic_load_n(&space->cpus, __ATOMIC_SEQ_CST) == 0);
	space_clear(space);
	kernel_frames_free(space->root >> PAGE_SHIFT, 1, FRAME_TABLE);
}

HANDLE_DEFINE_FLAGS(vm_space, space_release, HEAP_RELEASE_IN_TASK);
static_assert(sizeof(struct vm_space) <= PAGE_SIZE);

err_t
vm_space_create(struct vm_space **out)
{
	struct vm_space *space = (struct vm_space *)heap_alloc(&vm_space_handle_type);
	if (space == nullptr)
		return ENOMEM;
	u64 pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_TABLE);
	if (pfn == FRAME_NONE) {
		heap_discard(&vm_space_handle_type, space);
		return ENOMEM;
	}
	/*
	 * SAFETY: both roots are whole pages in the direct map, the new one ours alone. The kernel's half of the root
	 * is fixed since boot: arch_kernel_root.
	 */
	memcpy((u64 *)frame_virt(pfn) + TABLE_ENTRIES / 2, (u64 *)phys_to_virt(arch_kernel_root()) + TABLE_ENTRIES / 2, PAGE_SIZE / 2);
	space->root = pfn << PAGE_SHIFT;
	space->id = __atomic_add_fetch(&space_last_id, 1, __ATOMIC_RELAXED);
	heap_publish(&vm_space_handle_type, space);
	*out = space;
	return OK;
}

void
vm_space_get(struct vm_space *space)
{
	heap_get(&vm_space_handle_type, (struct object *)space);
}

u64
vm_space_frames(struct vm_space *space)
{
	HANDLE_SCOPE(vm_space, space);
	return __atomic_load_n(&space->frames, __ATOMIC_RELAXED);
}

/* --- loading --- */

static u16 space_asid(const struct space_cpu *here) { return arch_asid_count() == 0 ? 0 : (u16)(here->current + 1); }

/** Loads another space; interrupts are off, and the caller gives its reference. null: the kernel's own tables. */
static void
space_load(struct vm_space *space)
{
	struct cpu *cpu = this_cpu();
	struct space_cpu *here = cpu_local_here_(&space_cpu_cpu_local_);
	struct vm_space *old = cpu->space;
	u64 bit = (u64)1 << cpu->id;

	cpu->space = space;
	if (space == nullptr) {
		arch_space_load(arch_kernel_root(), 0, true);
	} else {
		u32 n = MIN((u32)ASIDS, MAX((u32)arch_asid_count(), 1u)), i = 0;
		__atomic_fetch_or(&space->cpus, bit, __ATOMIC_SEQ_CST);
		u64 gen = __atomic_load_n(&space->tlb_gen, __ATOMIC_SEQ_CST);
		while (i < n && here->slots[i].id != space->id)
			i++;
		bool good = i < n && here->slots[i].gen == gen && arch_asid_count() != 0;
		if (i == n)
			i = here->victim++ % n;
		here->current = i;
		here->slots[i] = (typeof(here->slots[i])){ space->id, gen };
		arch_space_load(space->root, space_asid(here), !good);
	}
	if (old != nullptr) {
		__atomic_fetch_and(&old->cpus, ~bit, __ATOMIC_SEQ_CST);
		heap_drop(&vm_space_handle_type, old);
	}
}

void
vm_space_switch(struct vm_space *space)
{
	fw_assert(!arch_irq_enabled());
	if (space == nullptr || space == this_cpu()->space)
		return;
	heap_hold(&vm_space_handle_type, space);
	space_load(space);
}

/** On a CPU that may have the space loaded for no task of its own. Interrupts are off. */
static void
space_leave_here(void *space)
{
	const struct cpu *cpu = this_cpu();
	if (cpu->space == space && (cpu->current == nullptr || cpu->current->space != space))
		space_load(nullptr);
}

/**
 * After a reference went: where no service has the space any more, idle CPUs let it go, so that its memory is free
 * soon. The caller holds it.
 */
static void
space_abandon(struct vm_space *space)
{
	struct cpu_set set = { __atomic_load_n(&space->cpus, __ATOMIC_SEQ_CST) };
	if (set.bits != 0 && heap_is_orphan(&vm_space_handle_type, space) && shootdown_allowed())
		cpu_call(set, space_leave_here, space);
}

void
vm_space_activate(struct vm_space *space)
{
	struct task *task = task_current();
	if (space != nullptr)
		handle_enter(&vm_space_handle_type, space);   /* the task's reference */
	u64 flags = arch_irq_save();
	struct vm_space *old = task->space;
	task->space = space;
	if (space != nullptr)
		vm_space_switch(space);
	else if (this_cpu()->space != nullptr)
		space_load(nullptr);
	arch_irq_restore(flags);
	if (old == nullptr)
		return;
	space_abandon(old);
	heap_drop(&vm_space_handle_type, old);
}

void
vm_space_put(struct vm_space *space)
{
	if (heap_is_orphan(&vm_space_handle_type, space))
		misuse("put of an address space to which no service has a reference");
	HANDLE_SCOPE(vm_space, space);
	heap_put(&vm_space_handle_type, (struct object *)space);
	space_abandon(space);
}

struct vm_space *vm_space_current(void) { return task_current()->space; }

/* --- forgetting --- */

struct space_flush { struct vm_space *space; u64 va, npages, gen; };

/** On each CPU that may have the space loaded; interrupts are off. */
static void
space_flush_here(void *arg)
{
	const struct space_flush *flush = arg;   /* SAFETY: space_flush's, who waits for us */
	if (this_cpu()->space != flush->space)
		return;
	struct space_cpu *here = cpu_local_here_(&space_cpu_cpu_local_);
	u64 *gen = &here->slots[here->current].gen;
	if (*gen >= flush->gen)
		return;
	/* Where others' flushes are on their way too: one for all, as of a moment before it. */
	bool all = *gen + 1 != flush->gen;
	*gen = all ? __atomic_load_n(&flush->space->tlb_gen, __ATOMIC_SEQ_CST) : flush->gen;
	arch_tlb_flush_user(all ? 0 : flush->va, all ? USER_END >> PAGE_SHIFT : flush->npages, space_asid(here));
}

void
space_flush(struct vm_space *space, u64 va, u64 npages)
{
	struct space_flush flush = { space, va, npages, __atomic_add_fetch(&space->tlb_gen, 1, __ATOMIC_SEQ_CST) };
	struct cpu_set set = { __atomic_load_n(&space->cpus, __ATOMIC_SEQ_CST) };
	if (set.bits != 0)
		cpu_call(set, space_flush_here, &flush);
}
