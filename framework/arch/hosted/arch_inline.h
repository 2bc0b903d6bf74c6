// SPDX-License-Identifier: MPL-2.0
/**
 * The hosted architecture's inline part. A vCPU is a host thread; what hardware keeps in a CPU is in its thread-local variables, and each
 * is touched by one instruction relative to FS, so that a task moved to another vCPU between two instructions never touches the wrong one's.
 */
#pragma once

#include <cadre/types.h>
#include <cadre/user.h>
#include <arch_layout.h>

struct cpu;
struct guest;

/** A kernel thread's saved state: a fibre, and what the sanitizers want to know of it. */
struct arch_context {
	u64 sp;
	u64 stack_bottom, stack_size;  /* 0: a vCPU's first context, on the host's stack; learnt at the first switch */
	void *fake_stack;              /* ASan's */
	void *fiber;                   /* TSan's */
};

struct arch_recovery {
	u64 rbx, rbp, r12, r13, r14, r15, rsp, rip;
};

struct arch_cpu {
	u32 *pending;                  /* [atomic] the thread's hosted_pending: enum hosted_event bits */
	u64 vectors;                   /* [atomic] device interrupts that wait, bit n: ARCH_IRQ_VECTOR_BASE + n */
	u32 idle;                      /* [atomic] sleeps on *pending */
	i32 thread;                    /* [const] host thread id */
	i32 guest;                     /* [atomic] the process that runs a user program on this CPU at this moment; 0: none */
	u64 root_pa;                   /* [self] loaded root table; 0: none */
	u16 asid;                      /* [self] which of this CPU's guests has its translations; 0: none */
	u64 missed, missed_root;       /* [self] the page fault that was reported last, and in which space: mirror.c */
	enum user_access missed_access;
	u64 trap_regs[23];             /* [self] registers of the trap being handled */
	struct guest *fpu_home;        /* [self] in whose frame the loaded FPU state is; null: in `fpu` */
	alignas(64) u8 fpu[HOSTED_FPU_MAX];
};

/* Softly masked; events wait. Set and read by FS-relative instructions here, `hosted_pending` also by address from other threads. */
extern _Thread_local struct cpu *hosted_cpu;
extern _Thread_local u32 hosted_masked, hosted_pending;

/** Takes the interrupts that wait, unless masked. */
void hosted_poll(void);
void hosted_pause(void);

static inline struct cpu *
this_cpu(void)
{
	struct cpu *cpu;
	asm volatile("movq %%fs:hosted_cpu@tpoff, %0" : "=r"(cpu));
	return cpu;
}

/* As one step: nothing comes in between. */
#define arch_cpu_load(member)                                                                                          \
	({ u64 flags_ = arch_irq_save(); auto value_ = __atomic_load_n(&this_cpu()->member, __ATOMIC_RELAXED); arch_irq_restore(flags_); value_; })
#define arch_cpu_add(member, n)                                                                                        \
	do { u64 flags_ = arch_irq_save(); this_cpu()->member += (u64)(n); arch_irq_restore(flags_); } while (0)

u64 arch_clock_ns(void);
static inline u64 arch_ticks(void) { return arch_clock_ns(); }

static inline bool
hosted_irq_wanted(void)
{
	u32 pending;
	asm volatile("movl %%fs:hosted_pending@tpoff, %0" : "=r"(pending) : : "memory");
	return __builtin_expect(pending != 0, 0);
}

static inline bool
arch_irq_enabled(void)
{
	u32 masked;
	asm volatile("movl %%fs:hosted_masked@tpoff, %0" : "=r"(masked) : : "memory");
	return masked == 0;
}

/** Flags: 0 off, 1 on. */
static inline u64
arch_irq_save(void)
{
	u32 masked = 1;
	asm volatile("xchgl %0, %%fs:hosted_masked@tpoff" : "+r"(masked) : : "memory");
	return masked == 0;
}

static inline void
arch_irq_disable(void)
{
	asm volatile("movl $1, %%fs:hosted_masked@tpoff" : : : "memory");
}

static inline void
arch_irq_enable(void)
{
	asm volatile("movl $0, %%fs:hosted_masked@tpoff" : : : "memory");
	if (hosted_irq_wanted())
		hosted_poll();
}

static inline void
arch_irq_restore(u64 flags)
{
	if (flags != 0)
		arch_irq_enable();
	else
		arch_irq_disable();
}

static inline void
arch_pause(void)
{
	hosted_pause();
}

static inline void *
phys_to_virt(u64 pa)
{
	return (void *)(DIRECT_MAP_BASE + pa);
}

static inline u64
virt_to_phys(const void *va)
{
	return (u64)va - DIRECT_MAP_BASE;
}

/* Entries as of x86-64, since the page tables are walked by software and any format would do. */
enum : u64 {
	HOSTED_PTE_PRESENT = 1,
	HOSTED_PTE_WRITE = 2,
	HOSTED_PTE_USER = 4,
	HOSTED_PTE_UNCACHED = 0x18,
	ARCH_PTE_ACCESSED = 0x20,
	ARCH_PTE_DIRTY = 0x40,
	HOSTED_PTE_NX = (u64)1 << 63,
	HOSTED_PTE_ADDRESS = 0x000ffffffffff000,
	HOSTED_MARK_SHIFT = 8,
};

static inline u64
arch_pte_kernel(u64 pa, u32 kmap_flags)
{
	return pa | HOSTED_PTE_PRESENT | ARCH_PTE_ACCESSED | ((kmap_flags & 1) != 0 ? HOSTED_PTE_WRITE | ARCH_PTE_DIRTY : 0) |
	       ((kmap_flags & 2) != 0 ? 0 : HOSTED_PTE_NX) | ((kmap_flags & 12) != 0 ? HOSTED_PTE_UNCACHED : 0);
}

/** Protection 0 is present without the user bit. */
static inline u64
arch_pte_user(u64 pa, u32 vm_prot, bool uncached)
{
	return pa | HOSTED_PTE_PRESENT | (vm_prot != 0 ? HOSTED_PTE_USER : 0) | ((vm_prot & 2) != 0 ? HOSTED_PTE_WRITE : 0) |
	       ((vm_prot & 4) != 0 ? 0 : HOSTED_PTE_NX) | (uncached ? HOSTED_PTE_UNCACHED : 0);
}

static inline u64
arch_pte_table(u64 pa)
{
	return pa | HOSTED_PTE_PRESENT | HOSTED_PTE_WRITE | HOSTED_PTE_USER;
}

static inline bool arch_pte_present(u64 pte) { return (pte & HOSTED_PTE_PRESENT) != 0; }
static inline bool arch_pte_accessed(u64 pte) { return (pte & ARCH_PTE_ACCESSED) != 0; }
static inline bool arch_pte_dirty(u64 pte) { return (pte & ARCH_PTE_DIRTY) != 0; }
static inline u64 arch_pte_pa(u64 pte) { return pte & HOSTED_PTE_ADDRESS; }

static inline u32
arch_pte_prot(u64 pte)
{
	if ((pte & HOSTED_PTE_USER) == 0)
		return 0;
	return 1 | ((pte & HOSTED_PTE_WRITE) != 0 ? 2 : 0) | ((pte & HOSTED_PTE_NX) != 0 ? 0 : 4);
}

static inline u64 arch_pte_mark(u64 mark48) { return mark48 << HOSTED_MARK_SHIFT; }
static inline u64 arch_pte_mark_of(u64 pte) { return pte >> HOSTED_MARK_SHIFT & (((u64)1 << 48) - 1); }
