// SPDX-License-Identifier: MPL-2.0
/**
 * What each architecture provides to the rest of the framework. One implementation is chosen at build time:
 * arch/x86_64 (real hardware) or arch/hosted (the kernel as a Linux process).
 *
 * <arch_inline.h>, found in the chosen folder, defines inline:
 *   struct cpu *this_cpu(void);           the calling CPU's area; stable while preemption or interrupts are off
 *   arch_cpu_load(member), arch_cpu_add(member, n);   a member of it at once: no interrupt comes in between
 *   u64 arch_irq_save(void);              interrupts off; returns what was before
 *   void arch_irq_restore(u64 flags);
 *   void arch_irq_enable(void), arch_irq_disable(void);  bool arch_irq_enabled(void);
 *   u64 arch_ticks(void);                 a counter of this CPU's, the fastest: for how long something took (arch_ticks_ns)
 *   void arch_pause(void);                the body of every spin loop calls it
 *   void *phys_to_virt(u64 pa), u64 virt_to_phys(const void *va);   the direct map
 *   struct arch_context { … };            what a switch saves of a kernel thread
 *   struct arch_cpu { … };                the architecture's part of struct cpu
 *   struct arch_recovery { … };           a place to come back to (contain.h)
 *   arch_pte_*                            the format of a page-table entry, see below
 * <arch_layout.h> defines the constants DIRECT_MAP_BASE, HEAP_BASE, HEAP_WINDOW_SHIFT, HEAP_WINDOWS, STACK_BASE,
 * STACK_END, META_BASE (frame metadata), IO_BASE, IO_END (device mappings), KERNEL_STACK_PAGES.
 */
#pragma once

#include <cadre/types.h>
#include <arch_layout.h>
#include <arch_inline.h>

struct user_context;
struct user_event;
struct fpu_state;
struct boot_info;

/* Kernel threads. `entry` runs with interrupts off on the new stack, after the first switch to it. */
void arch_context_init(struct arch_context *context, void *stack_top, void (*entry)(void));
/** Saves the running context to `from`, continues `to`. Interrupts are off on both sides. */
void arch_context_switch(struct arch_context *from, struct arch_context *to);
/**
 * Called by the scheduler just before arch_context_switch: what belongs to a task beyond its registers (TSS stack,
 * FPU of user threads).
 */
void arch_task_switched(void *stack_top);

/** As setjmp: 0 at first, 1 when jumped to. The function that called it must still be running then. */
[[gnu::returns_twice]] int arch_recovery_set(struct arch_recovery *place);
[[noreturn]] void arch_recovery_jump(struct arch_recovery *place);

/* Page tables: 4 levels of 512 entries (level 3 is the root's, 0 the last), u64 entries in physical pages. Inline
 * in arch_inline.h:
 *   u64  arch_pte_kernel(u64 pa, u32 kmap_flags);   a leaf of kernel space: enum kmap_flags
 *   u64  arch_pte_user(u64 pa, u32 vm_prot, bool uncached);
 *   u64  arch_pte_table(u64 pa);
 * bool arch_pte_present(u64 pte), arch_pte_accessed(u64), arch_pte_dirty(u64);  u64 arch_pte_pa(u64), u32
 * arch_pte_prot(u64)
 *   u64  arch_pte_mark(u64 mark48), arch_pte_mark_of(u64): a non-present entry with 48 bits of the service's
 *   ARCH_PTE_ACCESSED, ARCH_PTE_DIRTY: the bits, to clear with an atomic and
 */
enum kmap_flags : u32 { KMAP_WRITE = 1, KMAP_EXEC = 2, KMAP_UNCACHED = 4, KMAP_WRITE_COMBINING = 8 };
/** The kernel half's root table, shared by every space: its upper 256 entries are fixed once framework_main has run. */
u64 arch_kernel_root(void);
/**
 * One kernel leaf entry has been set / cleared: hosted mirrors it with mmap, x86 does nothing / flushes this CPU's
 * TLB entry.
 */
void arch_kernel_mapped(u64 va, u64 pa, u32 kmap_flags);
void arch_kernel_unmapped(u64 va, u64 npages);

/* User address spaces. */
/**
 * Loads a root table with an address-space id (0: none, flush everything). `flush`: drop what the TLB has under that
 * id.
 */
void arch_space_load(u64 root_pa, u16 asid, bool flush);
u16 arch_asid_count(void);                                   /* usable ids 1 … count; 0: no PCID */
/** This CPU, for the space now loaded; more than 32 pages: everything of it. */
void arch_tlb_flush_user(u64 va, u64 npages, u16 asid);
void arch_tlb_flush_all(void);                               /* this CPU: all but global entries, every asid */
void arch_tlb_flush_kernel(u64 va, u64 npages);              /* this CPU, global entries too */
/** Copy with faults caught: how many bytes were copied. User addresses only (checked by the caller). */
size_t arch_user_copy_in(void *dst, u64 at, size_t len);
size_t arch_user_copy_out(u64 at, const void *src, size_t len);
size_t arch_user_zero(u64 at, size_t len);
bool arch_user_load32(u64 at, u32 *out);
bool arch_user_cas32(u64 at, u32 *expected, u32 to, bool *swapped);

/* User mode. Interrupts are off on entry and on return. False where the registers are such that it cannot be
 * entered (event says which exception). */
void arch_user_enter(struct user_context *context, struct user_event *event);
size_t arch_fpu_size(void);                                  /* of struct fpu_state, 64-byte aligned */
void arch_fpu_init(struct fpu_state *fpu);
void arch_fpu_save(struct fpu_state *fpu);
void arch_fpu_load(const struct fpu_state *fpu);
/** Validates and takes an untrusted XSAVE image. */
bool arch_fpu_import(struct fpu_state *fpu, const u8 *image, size_t len);
void arch_fpu_export(const struct fpu_state *fpu, void *image);

/* Time. */
u64 arch_clock_ns(void);                                     /* any context; never back, on any CPU */
u64 arch_ticks_ns(u64 ticks);                                /* what so many of arch_ticks are */
void arch_timer_arm(u64 deadline_ns); /* this CPU's; calls timer_interrupt() at or after it; TIME_NEVER: off */
u64 arch_realtime_ns(void);                                  /* the RTC, read once at boot */

/* CPUs and interrupts. */
enum ipi_kind : u32 { IPI_RESCHEDULE, IPI_CALL, IPI_STOP };
void arch_ipi(u32 cpu, enum ipi_kind kind);
bool arch_cpu_start(u32 cpu); /* boot CPU starts number cpu; it ends up in framework_secondary() */
/** Enables interrupts and sleeps until one came, atomically; returns with interrupts off. */
void arch_idle(void);
/**
 * Interrupt inputs: the highest gsi + 1; routing one to a vector (ARCH_IRQ_VECTOR_BASE + n, n < ARCH_IRQ_VECTORS) of
 * a CPU, masked.
 */
u32 arch_gsi_count(void);
bool arch_gsi_reserved(u32 gsi);                             /* the framework's own */
bool arch_irq_route(u32 gsi, u32 trigger, u32 cpu, u32 vector);
void arch_irq_mask(u32 gsi);
void arch_irq_unmask(u32 gsi);
void arch_irq_eoi(void);

/* Devices of the framework itself. */
void arch_console_write(const u8 *text, size_t len);
/**
 * Where log lines go: a channel of their own where the machine has one and the command line asks for it, else the
 * console.
 */
void arch_log_write(const u8 *text, size_t len);
bool arch_console_read(u8 *out);
u32 arch_port_read(u16 port, u32 size);                      /* size 1, 2, 4 */
void arch_port_write(u16 port, u32 size, u32 value);
bool arch_has_ports(void);
/** Physical ranges and ports that no driver may have, beyond RAM: index 0, 1, … until false. */
bool arch_sensitive_memory(u32 index, u64 *start, u64 *end);
bool arch_sensitive_ports(u32 index, u32 *start, u32 *end);
u64 arch_physical_limit(void);
[[noreturn]] void arch_power_off(u8 status);
[[noreturn]] void arch_restart(void);
/** Stops this CPU for ever, interrupts off. */
[[noreturn]] void arch_stop(void);
/**
 * Frame pointers up from `fp` (0: the caller's), at most `max` return addresses into `out`; survives a damaged stack.
 */
u32 arch_backtrace(u64 fp, u64 *out, u32 max);

/* What the architecture calls in the rest of the framework. */
[[noreturn]] void framework_main(struct boot_info *info); /* boot/main.c: boot CPU, on its boot stack, interrupts off */
[[noreturn]] void framework_secondary(u32 cpu);
void timer_interrupt(void);                                  /* time/ */
void irq_dispatch(u32 vector);                               /* irq/: a device interrupt; interrupts off */
void ipi_dispatch(enum ipi_kind kind);                       /* cpu/ */
void interrupt_enter(void); /* irq/: at the start and the end of every interrupt from any mode */
void interrupt_exit(bool to_kernel_preemptible); /* may switch tasks where the interrupted code was preemptible */
