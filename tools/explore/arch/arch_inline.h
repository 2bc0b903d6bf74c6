// SPDX-License-Identifier: MPL-2.0
/**
 * The explorer as an architecture: each of a model's threads is a CPU that runs one task. There are no interrupts; waiting loops end by
 * themselves, since a state that repeats is not searched again.
 */
#pragma once

#include <cadre/types.h>
#include <arch_layout.h>

struct cpu;
struct arch_context { u64 unused; };
struct arch_recovery { u64 unused; };
struct arch_cpu { u64 unused; };

struct cpu *explore_cpu(void);

static inline struct cpu *this_cpu(void) { return explore_cpu(); }
#define arch_cpu_load(member) (this_cpu()->member)
#define arch_cpu_add(member, n) ((void)(this_cpu()->member += (u64)(n)))
static inline u64 arch_irq_save(void) { return 1; }
static inline void arch_irq_restore(u64 flags) { (void)flags; }
static inline void arch_irq_enable(void) {}
static inline void arch_irq_disable(void) {}
static inline bool arch_irq_enabled(void) { return true; }
static inline void arch_pause(void) {}
static inline u64 arch_ticks(void) { return 0; }
/* The machine's memory: an array of the environment's. */
extern u8 explore_memory[];
static inline void *phys_to_virt(u64 pa) { return explore_memory + pa; }
static inline u64 virt_to_phys(const void *va) { return (u64)((const u8 *)va - explore_memory); }

enum : u64 { ARCH_PTE_ACCESSED = 0x20, ARCH_PTE_DIRTY = 0x40 };
static inline u64 arch_pte_kernel(u64 pa, u32 kmap_flags) { (void)kmap_flags; return pa | 1; }
static inline u64 arch_pte_user(u64 pa, u32 vm_prot, bool uncached) { (void)uncached; return pa | 1 | vm_prot << 1; }
static inline u64 arch_pte_table(u64 pa) { return pa | 1; }
static inline bool arch_pte_present(u64 pte) { return (pte & 1) != 0; }
static inline bool arch_pte_accessed(u64 pte) { return (pte & ARCH_PTE_ACCESSED) != 0; }
static inline bool arch_pte_dirty(u64 pte) { return (pte & ARCH_PTE_DIRTY) != 0; }
static inline u64 arch_pte_pa(u64 pte) { return pte & 0x000ffffffffff000; }
static inline u32 arch_pte_prot(u64 pte) { return pte >> 1 & 7; }
static inline u64 arch_pte_mark(u64 mark48) { return mark48 << 8; }
static inline u64 arch_pte_mark_of(u64 pte) { return pte >> 8 & (((u64)1 << 48) - 1); }
