// SPDX-License-Identifier: MPL-2.0
/**
 * What the x86-64 port's own files share: instructions without a C form, CPU features, vectors, and who calls whom.
 *
 * Start: head.S → x86_boot (boot.c): boot information, final page tables (paging.c), x86_cpu_init(0),
 * x86_platform_init, framework_main. Secondary CPU: trampoline.S → smp.c → x86_cpu_init(cpu) →
 * framework_secondary.
 */
#pragma once

#include <boot/boot.h>
#include <cpu/cpu.h>

/** Read-only once the final page tables are on: set by the boot CPU in x86_boot and before. */
#define BOOT_CONST __attribute__((section(".boot_const")))

/* Vectors above the processor's own 0 … 31. 0x20 … 0x2f: where the masked legacy PICs would report spurious ones. */
enum : u32 { VECTOR_PIC = 0x20, VECTOR_IPI = 0xf0 /* + enum ipi_kind */, VECTOR_TIMER = 0xf8, VECTOR_SPURIOUS = 0xff };
enum : u16 { X86_COM1 = 0x3f8, X86_DEBUG_EXIT = 0x501 };

enum x86_msr : u32 {
	MSR_APIC_BASE = 0x1b, MSR_SYSENTER_CS = 0x174, MSR_PAT = 0x277, MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800,
	MSR_EFER = 0xc0000080, MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082, MSR_FMASK = 0xc0000084,
	MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101, MSR_KERNEL_GS_BASE = 0xc0000102, MSR_TSC_AUX = 0xc0000103,
};

/** What this processor has. Probed once on the boot CPU; every CPU must have the same. */
struct x86_features {
	bool pge, pcid, smep, smap, umip, xsave, xsaveopt, ymm, gbpages, x2apic;   /* ymm: AVX without AVX-512 */
	bool tsc, tsc_deadline, tsc_invariant, rdtscp, arat, hypervisor;
	u32 physical_bits, max_leaf;   /* max_leaf: the highest basic CPUID leaf */
};
extern struct x86_features x86_features;   /* [const] after boot */

struct x86_cpuid { u32 eax, ebx, ecx, edx; };

static inline struct x86_cpuid
cpuid(u32 leaf, u32 subleaf)
{
	struct x86_cpuid r;
	/* SAFETY: only reads. */
	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

/** => the register must exist (else #GP, which is fatal). */
static inline u64
msr_read(u32 msr)
{
	u32 low, high;
	/* SAFETY: only reads. */
	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

static inline void
msr_write(u32 msr, u64 value)
{
	/* SAFETY: each caller says what the register does and why this value is right for it. */
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* u8 port_in8(u16 port), void port_out8(u16 port, u8 value), and so for 16 and 32 bits.
 * SAFETY: called for the framework's own devices, and for ports that io/port.c has given to a driver. */
#define PORT_ACCESS(bits, suffix)                                                                                      \
	static inline u##bits port_in##bits(u16 port)                                                                  \
	{                                                                                                              \
		u##bits value;                                                                                         \
		asm volatile("in" suffix " %w1, %0" : "=a"(value) : "Nd"(port) : "memory");                            \
		return value;                                                                                          \
	}                                                                                                              \
	static inline void port_out##bits(u16 port, u##bits value)                                                     \
	{                                                                                                              \
		asm volatile("out" suffix " %0, %w1" : : "a"(value), "Nd"(port) : "memory");                           \
	}
PORT_ACCESS(8, "b")
PORT_ACCESS(16, "w")
PORT_ACCESS(32, "l")

/* u64 cr2_read(void), void cr2_write(u64 value), and so for the other control and debug registers.
 * SAFETY: reading has no effect. Each caller that writes says why the value is right. */
#define REGISTER_ACCESS(name)                                                                                          \
	static inline u64 name##_read(void)                                                                            \
	{                                                                                                              \
		u64 value;                                                                                             \
		asm volatile("movq %%" #name ", %0" : "=r"(value) : : "memory");                                       \
		return value;                                                                                          \
	}                                                                                                              \
	static inline void name##_write(u64 value) { asm volatile("movq %0, %%" #name : : "r"(value) : "memory"); }
REGISTER_ACCESS(cr0)
REGISTER_ACCESS(cr2)
REGISTER_ACCESS(cr3)
REGISTER_ACCESS(cr4)
REGISTER_ACCESS(dr6)
REGISTER_ACCESS(dr7)

/* Memory-mapped registers of the framework's own devices: one access of exactly this width.
 * SAFETY: `at` lies in what x86_map_early has mapped for the caller. */
static inline u32 mmio_read32(const volatile void *at) { return *(const volatile u32 *)at; }
static inline void mmio_write32(volatile void *at, u32 value) { *(volatile u32 *)at = value; }

/**
 * User memory is the kernel's to touch from here on; SMAP is there again. Where there is no SMAP, always and nothing.
 */
static inline void
user_access_open(void)
{
	/* SAFETY (both): sets, clears AC alone. Open only around the accesses of usercopy.c. */
	if (x86_features.smap)
		asm volatile("stac" : : : "memory");
}

static inline void
user_access_close(void)
{
	if (x86_features.smap)
		asm volatile("clac" : : : "memory");
}

/* --- part A: boot, paging, CPU set-up, traps --- */
/**
 * Sets up the calling CPU: GS base, control registers, EFER, GDT, IDT, TSS, system-call entry, PAT, FPU.
 * cpu_table[cpu] must exist; interrupts are off.
 */
void x86_cpu_init(u32 cpu);
/**
 * Allocates the stacks of secondary CPU `cpu`, whose area exists: arch.ist_top and arch.start_stack. => false: no
 * memory. Boot CPU, mm is up.
 */
bool x86_cpu_prepare(u32 cpu);
/** A processor's FPU. `first`: also finds out the format of the state. Interrupts off. */
void fpu_cpu_init(bool first);
/**
 * Builds the kernel's page tables for this memory, taking a piece of RAM for them, and loads them. => false: no RAM
 * below 4 GiB for them.
 */
bool paging_init(struct boot_info *info);
/**
 * Maps [pa, pa + len) for the framework's own use, for ever: device registers with KMAP_WRITE | KMAP_UNCACHED,
 * firmware tables with 0 (read only).
 * => null: empty, wraps, beyond the CPU's physical addresses, or no room. Between the start of x86_platform_init
 * and framework_main.
 */
void *x86_map_early(u64 pa, u64 len, u32 kmap_flags);
/**
 * A root table below 4 GiB with the kernel half and the first 2 MiB of physical memory at their own address,
 * executable: for a secondary CPU's first steps. It must set EFER.NXE with EFER.LME before it turns paging on, and
 * load arch_kernel_root() once it runs in the kernel's image. RAM below 1 MiB is never handed out: the trampoline
 * may lie anywhere there that is RAM (0x8000 is, on every machine known).
 */
u64 x86_trampoline_root(void);
extern bool x86_stop_all;   /* [atomic] set before IPI_STOP is sent as an NMI: whoever takes an NMI then stops */

/* copy.S: accesses that may fault. */
size_t x86_user_copy(void *to, const void *from, size_t len);        /* => bytes copied */
bool x86_user_load32(const u32 *at, u32 *out);
u64 x86_user_cas32(u32 *at, u32 expected, u32 to);                   /* => the word found; ~0: fault */
bool x86_safe_read(u64 at, u64 *out);                                /* => false: nothing is mapped there */

/* --- part B: platform --- */
/**
 * Firmware tables, interrupt controllers, clock; fills boot_info.ncpus and each CPU's APIC id table. `rsdp` is 0
 * where the loader gave none. Boot CPU, after x86_cpu_init(0).
 */
void x86_platform_init(u64 rsdp);
void apic_init_cpu(void);
void apic_eoi(void);
/**
 * For VECTOR_TIMER, after apic_eoi: calls timer_interrupt() where this CPU's deadline has come, else arms the
 * hardware again.
 */
void clock_interrupt(void);
/** Power by the firmware's tables: return where there is no such way. */
void acpi_power_off(void);
void acpi_reset(void);
