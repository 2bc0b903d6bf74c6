// SPDX-License-Identifier: MPL-2.0
/**
 * The inline part of the architecture interface (see arch/arch.h) for x86-64.
 */
#pragma once

#include <cadre/types.h>
#include <arch_layout.h>

struct cpu;
struct user_context;

/* A kernel thread that does not run: its stack pointer; its other registers lie on its stack. */
struct arch_context { u64 rsp; };

/* A place to come back to: the callee-saved registers. The interrupt flag is the framework's affair
 * (debug/contain.c). */
struct arch_recovery { u64 rbx, rbp, r12, r13, r14, r15, rsp, rip; };

/* 64-bit task state segment (SDM 3A, 8.7): only the stacks count. */
struct [[gnu::packed]] x86_tss {
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;   /* ist[0] is number 1 */
	u16 reserved3, iomap_base;
};

enum : u32 { X86_GDT_ENTRIES = 10, X86_IST_STACKS = 4 };

struct arch_cpu {
	alignas(128) struct x86_tss tss;   /* [self] within one page; rsp[0] is set at each entry to user mode */
	u64 syscall_rsp;                   /* [self] the user's stack pointer while a system call begins */
	u64 gdt[X86_GDT_ENTRIES];          /* [const] after x86_cpu_init */
	u64 ist_top[X86_IST_STACKS];       /* [const] from x86_cpu_prepare */
	u64 start_stack;                   /* [const] top of the stack that a secondary CPU starts on */
	u32 apic_id;                       /* [const] from the platform's tables */
	struct user_context *bases_of;     /* [self] whose FS and GS bases the CPU has loaded; null: unknown */
	u64 fs_base, gs_base;              /* [self] which those are */
	u64 timer_deadline, clock_state[4]; /* [self] for the clock's use */
};

enum : u64 { X86_RFLAGS_IF = 0x200 };

/** => volatile: never moved across a change of the interrupt flag or merged with an earlier reading on another CPU. */
static inline struct cpu *
this_cpu(void)
{
	struct cpu *cpu;
	/* SAFETY: GS base is the CPU's area whenever C code runs (entry.S), and its first word is its own address. */
	asm volatile("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* SAFETY: one instruction, on the area of the CPU that runs it: right with preemption on as well, where the answer is the same on each CPU that
 * the code may run on. */
#define arch_cpu_load(member)                                                                                          \
	({                                                                                                             \
		typeof(((struct cpu *)nullptr)->member) value_;                                                        \
		asm volatile("mov %%gs:%c1, %0" : "=r"(value_) : "i"(__builtin_offsetof(struct cpu, member)));         \
		value_;                                                                                                \
	})
#define arch_cpu_add(member, n)                                                                                        \
	asm volatile("addq %0, %%gs:%c1" : : "i"(n), "i"(__builtin_offsetof(struct cpu, member)) : "memory", "cc")

static inline u64
arch_flags(void)
{
	u64 flags;
	/* SAFETY: pushes and pops one word; the kernel has no red zone. */
	asm volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return flags;
}

/* SAFETY (the next six): change the interrupt flag alone. The memory clobber keeps accesses on their side. */
static inline void arch_irq_enable(void) { asm volatile("sti" : : : "memory"); }
static inline void arch_irq_disable(void) { asm volatile("cli" : : : "memory"); }
static inline bool arch_irq_enabled(void) { return (arch_flags() & X86_RFLAGS_IF) != 0; }
static inline void arch_pause(void) { asm volatile("pause" : : : "memory"); }

static inline u64
arch_irq_save(void)
{
	u64 flags = arch_flags();
	arch_irq_disable();
	return flags;
}

static inline void
arch_irq_restore(u64 flags)
{
	asm volatile("" : : : "memory");
	if ((flags & X86_RFLAGS_IF) != 0)
		arch_irq_enable();
}

static inline u64
arch_ticks(void)
{
	u32 low, high;
	/* SAFETY: only reads; TSC exists where x86_features.tsc says so, which the clock checks. */
	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static inline void *
phys_to_virt(u64 pa)
{
	/* SAFETY: RAM is mapped at DIRECT_MAP_BASE for ever; callers hand in addresses of RAM (boot_info, frames). */
	return (void *)(DIRECT_MAP_BASE + pa);
}

/** Of an address in the direct map or in the image. */
static inline u64
virt_to_phys(const void *va)
{
	u64 at = (u64)va;
	return at >= IMAGE_BASE ? at - IMAGE_BASE : at - DIRECT_MAP_BASE;
}

/*
 * Page-table entries (SDM 3A, 4.5). Beyond the hardware's bits: NONE marks a leaf with a frame but without any
 * access, which the hardware takes for absent; MARK an absent entry that carries a service's 48 bits in 12 … 59.
 */
enum : u64 {
	PTE_P = 1 << 0, PTE_W = 1 << 1, PTE_U = 1 << 2, PTE_PWT = 1 << 3, PTE_PCD = 1 << 4, PTE_A = 1 << 5,
	PTE_D = 1 << 6, PTE_PS = 1 << 7, PTE_G = 1 << 8, PTE_NONE = 1 << 9, PTE_MARK = 1 << 10, PTE_NX = (u64)1 << 63,
	PTE_ADDRESS = 0x000ffffffffff000,
	ARCH_PTE_ACCESSED = PTE_A,
	ARCH_PTE_DIRTY = PTE_D,
};

/* Page attribute table, as x86_cpu_init programs it: 0 write-back, PWT write-combining, PWT|PCD uncached. */
static inline u64
arch_pte_kernel(u64 pa, u32 kmap_flags)
{
	u64 cache = (kmap_flags & 4) != 0 ? PTE_PWT | PTE_PCD : (kmap_flags & 8) != 0 ? PTE_PWT : 0;
	return (pa & PTE_ADDRESS) | PTE_P | PTE_A | PTE_D | PTE_G | cache | ((kmap_flags & 1) != 0 ? PTE_W : 0) |
	       ((kmap_flags & 2) != 0 ? 0 : PTE_NX);
}

static inline u64
arch_pte_user(u64 pa, u32 vm_prot, bool uncached)
{
	u64 pte = (pa & PTE_ADDRESS) | (uncached ? PTE_PWT | PTE_PCD : 0);
	if (vm_prot == 0)
		return pte | PTE_NONE | PTE_NX;
	return pte | PTE_P | PTE_U | ((vm_prot & 2) != 0 ? PTE_W : 0) | ((vm_prot & 4) != 0 ? 0 : PTE_NX);
}

static inline u64 arch_pte_table(u64 pa) { return (pa & PTE_ADDRESS) | PTE_P | PTE_W | PTE_U | PTE_A; }
static inline bool arch_pte_present(u64 pte) { return (pte & (PTE_P | PTE_NONE)) != 0; }
static inline bool arch_pte_accessed(u64 pte) { return (pte & PTE_A) != 0; }
static inline bool arch_pte_dirty(u64 pte) { return (pte & PTE_D) != 0; }
static inline u64 arch_pte_pa(u64 pte) { return pte & PTE_ADDRESS; }

/** enum vm_prot bits of a present leaf. */
static inline u32
arch_pte_prot(u64 pte)
{
	return (pte & PTE_P) == 0 ? 0 : 1 | ((pte & PTE_W) != 0 ? 2 : 0) | ((pte & PTE_NX) != 0 ? 0 : 4);
}

static inline u64 arch_pte_mark(u64 mark48) { return mark48 == 0 ? 0 : mark48 << 12 | PTE_MARK; }
static inline u64
arch_pte_mark_of(u64 pte)
{
	return (pte & (PTE_P | PTE_NONE | PTE_MARK)) == PTE_MARK ? pte >> 12 & 0xffffffffffff : 0;
}
