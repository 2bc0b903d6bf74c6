// SPDX-License-Identifier: MPL-2.0
/**
 * The table of CPUs, their areas, and the per-CPU data of services.
 */
#include <cpu/cpu.h>
#include <cadre/policy.h>
#include <debug/debug.h>
#include <mm/mm.h>

struct cpu *cpu_table[CPU_MAX];
u32 cpu_online_count;
static u64 online_bits;          /* [atomic] bit n: cpu_table[n] is online; bits are never cleared */
static struct cpu boot_cpu;

/* The image's section of per-CPU data, which is the boot CPU's own copy. Absent where nothing defines any. */
extern u8 __stop_cpu_local[] __attribute__((weak));

enum : u64 { AREA_LOCAL_OFF = (sizeof(struct cpu) + 63) / 64 * 64 };

static u64 local_len(void) { return (u64)__stop_cpu_local - (u64)__start_cpu_local; }

struct cpu *
cpu_area_create(u32 id)
{
	fw_assert(id < CPU_MAX && cpu_table[id] == nullptr);
	struct cpu *cpu = &boot_cpu;
	void *local = __start_cpu_local;
	if (id != 0) {
		u64 npages = align_up(AREA_LOCAL_OFF + local_len(), PAGE_SIZE) / PAGE_SIZE;
		u64 pfn = kernel_frames_alloc(npages, 1, FRAME_NONE, FRAME_KERNEL);
		if (pfn == FRAME_NONE)
			return nullptr;
		/* SAFETY: 1. the frames are RAM in the direct map, zeroed and now ours alone: kernel_frames_alloc. 2. They are never given back.
		 * 3. struct cpu and the copy of the section fit: npages above. 4. All zeroes is a valid value of each per-CPU type: CPU_LOCAL_DEFINE. */
		cpu = phys_to_virt(pfn * PAGE_SIZE);
		local = (u8 *)cpu + AREA_LOCAL_OFF;
	}
	cpu->self = cpu;
	cpu->id = id;
	cpu->local = local;
	cpu_table[id] = cpu;
	return cpu;
}

void
cpu_online(void)
{
	struct cpu *cpu = this_cpu();
	fw_assert(cpu->id == cpu_online_count && cpu->online == 0);   /* one CPU starts at a time, in order of the numbers */
	__atomic_fetch_or(&online_bits, (u64)1 << cpu->id, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cpu_online_count, cpu->id + 1, __ATOMIC_RELEASE);
	/* Last: whoever started it goes on to the next CPU when it sees this. */
	__atomic_store_n(&cpu->online, 1, __ATOMIC_RELEASE);
}

u32 cpu_count(void) { return __atomic_load_n(&cpu_online_count, __ATOMIC_ACQUIRE); }

struct cpu_set cpu_online_set(void) { return (struct cpu_set){ __atomic_load_n(&online_bits, __ATOMIC_ACQUIRE) }; }

u32
cpu_current(void)
{
	if (arch_cpu_load(preempt_off) == 0 && arch_irq_enabled() && arch_cpu_load(irq_depth) == 0)
		misuse("cpu_current: preemption is on, so the answer may be stale");
	return arch_cpu_load(id);
}

void
cpu_reschedule(u32 id)
{
	if (!cpu_set_has(cpu_online_set(), id))
		return;
	/* Where the mark was set already, whoever set it has sent the interrupt, or the CPU is on its way to look at it. */
	if (__atomic_exchange_n(&cpu_table[id]->resched, 1, __ATOMIC_SEQ_CST) == 0)
		arch_ipi(id, IPI_RESCHEDULE);
}

/** Copy on `cpu` of the per-CPU variable whose address in the section is `image`. */
static void *
local_at(const struct cpu *cpu, const void *image)
{
	u64 off = (u64)image - (u64)__start_cpu_local;
	if (off >= local_len())
		misuse("cpu_local: not a per-CPU variable");
	/* SAFETY: each area's local data is local_len() long: cpu_area_create, and the section is the boot CPU's; `off` is below that. */
	return (u8 *)cpu->local + off;
}

void *cpu_local_here_(void *image) { return local_at(this_cpu(), image); }

void *
cpu_local_of_(void *image, u32 id)
{
	if (!cpu_set_has(cpu_online_set(), id))
		misuse("cpu_local_of: no such CPU");
	return local_at(cpu_table[id], image);   /* an online CPU has an area for ever */
}
