// SPDX-License-Identifier: MPL-2.0
/**
 * Setting up one processor: features, control registers, segments, interrupt table, system-call entry.
 */
#include <cadre/cpu.h>
#include <arch/string.h>
#include <asm.h>
#include <cadre/user.h>
#include <mm/mm.h>
#include <user/user_impl.h>
#include <x86.h>

#define AT(type, field, offset) (__builtin_offsetof(struct type, field) == (offset))
static_assert(AT(cpu, arch.tss.rsp, CPU_TSS_RSP0) && AT(cpu, arch.syscall_rsp, CPU_SYSCALL_RSP));
static_assert(AT(user_context, regs, 0) && AT(user_regs, rsp, 7 * 8) && AT(user_regs, rflags, 17 * 8));
static_assert(AT(user_regs, r15, 15 * 8) && AT(cpu, stack_limit, CPU_STACK_LIMIT) && sizeof(struct x86_tss) == 104);

enum : u64 {
	CR0_PE = 1, CR0_MP = 2, CR0_ET = 16, CR0_NE = 32, CR0_WP = 1 << 16, CR0_PG = (u64)1 << 31,
	CR4_PAE = 1 << 5, CR4_MCE = 1 << 6, CR4_PGE = 1 << 7, CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10,
	CR4_UMIP = 1 << 11, CR4_PCIDE = 1 << 17, CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21,
	EFER_SCE = 1, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11,
	/* What a system call clears: TF, IF, DF, IOPL, NT, AC, and the rest that has no use in the kernel. */
	FMASK = 0x47700,
	PAT = 0x0007040600070106, /* 0 WB, 1 WC, 2 UC-, 3 UC, 4 … 7: WB, WT, UC-, UC; only 0, 1 and 3 are used */
};
enum : u32 { GATE_INTERRUPT = 0x8e, GATE_USER = 0x60, GDT_TSS = TSS_SEL / 8 };

struct gate { u16 offset_low, selector; u8 ist, type; u16 offset_middle; u32 offset_high, reserved; };
static_assert(sizeof(struct gate) == 16);
struct [[gnu::packed]] table_pointer { u16 limit; u64 base; };

extern const u8 x86_vector_stubs[], x86_syscall_entry[];
extern u8 x86_boot_stack_top[];

BOOT_CONST struct x86_features x86_features;
BOOT_CONST static struct gate idt[256];

/** The value of a feature bit. */
static bool
bit(u32 word, u32 n)
{
	return (word >> n & 1) != 0;
}

static void
features_probe(void)
{
	u32 max = cpuid(0, 0).eax, max_ext = cpuid(0x80000000, 0).eax;
	struct x86_cpuid one = cpuid(1, 0), seven = max >= 7 ? cpuid(7, 0) : (struct x86_cpuid){};
	struct x86_cpuid ext = cpuid(0x80000001, 0);
	x86_features = (struct x86_features){
		.pge = bit(one.edx, 13), .pcid = bit(one.ecx, 17) && bit(one.edx, 13), .smep = bit(seven.ebx, 7),
		.smap = bit(seven.ebx, 20), .umip = bit(seven.ecx, 2), .tsc = bit(one.edx, 4),
		.xsave = bit(one.ecx, 26), .xsaveopt = bit(one.ecx, 26) && max >= 13 && bit(cpuid(13, 1).eax, 0),
		.gbpages = bit(ext.edx, 26), .x2apic = bit(one.ecx, 21), .tsc_deadline = bit(one.ecx, 24),
		.tsc_invariant = max_ext >= 0x80000007 && bit(cpuid(0x80000007, 0).edx, 8), .rdtscp = bit(ext.edx, 27),
		.arat = max >= 6 && bit(cpuid(6, 0).eax, 2), .hypervisor = bit(one.ecx, 31), .max_leaf = max,
		.physical_bits = max_ext >= 0x80000008 ? MIN(cpuid(0x80000008, 0).eax & 0xff, 52u) : 36,
	};
}

static void
idt_init(void)
{
	for (u32 vector = 0; vector < COUNTOF(idt); vector++) {
		u64 stub = (u64)x86_vector_stubs + vector * 16;
		u8 ist = vector == 1 ? 1 : vector == 2 ? 2 : vector == 8 ? 3 : vector == 18 ? 4 : 0;
		u8 type = vector == 3 ? GATE_INTERRUPT | GATE_USER : GATE_INTERRUPT;   /* int3: programs may */
		idt[vector] = (struct gate){ .offset_low = (u16)stub, .selector = KERNEL_CS, .ist = ist, .type = type,
			.offset_middle = (u16)(stub >> 16), .offset_high = (u32)(stub >> 32) };
	}
}

static void
control_registers(void)
{
	const struct x86_features *f = &x86_features;
	u64 cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | f->pge * CR4_PGE | f->umip * CR4_UMIP |
	          f->smep * CR4_SMEP | f->smap * CR4_SMAP | f->xsave * CR4_OSXSAVE | f->pcid * CR4_PCIDE;
	/* SAFETY: bits that CPUID reports; CR3's low bits are 0, as CR4.PCIDE wants; the mode (PG, PAE, LME)
	 * stays. FSGSBASE stays off, so that programs change their bases through us alone. */
	msr_write(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	msr_write(MSR_PAT, PAT);
	cr0_write(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	cr4_write(cr4);
}

static void
segments_load(struct cpu *cpu)
{
	struct arch_cpu *arch = &cpu->arch;
	u64 tss = (u64)&arch->tss;
	arch->gdt[KERNEL_CS / 8] = 0x00af9b000000ffff;
	arch->gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	arch->gdt[USER_DS / 8] = 0x00cff3000000ffff;
	arch->gdt[USER_CS / 8] = 0x00affb000000ffff;
	arch->gdt[GDT_TSS] = sizeof(arch->tss) - 1 + ((tss & 0xffffff) << 16 | (u64)0x89 << 40 | tss >> 24 << 56);
	arch->gdt[GDT_TSS + 1] = tss >> 32;
	arch->tss.iomap_base = sizeof(arch->tss);   /* no ports for programs */
	for (u32 i = 0; i < X86_IST_STACKS; i++) {
		/* SAFETY: the two words at the top of the stack are this CPU's and outside of what the processor
		 * pushes. */
		arch->tss.ist[i] = arch->ist_top[i] - 16;
		*(struct cpu **)(arch->ist_top[i] - 16) = cpu;
	}
	struct table_pointer gdt = { sizeof(arch->gdt) - 1, (u64)arch->gdt }, gates = { sizeof(idt) - 1, (u64)idt };
	/* SAFETY: the descriptors above; selectors 0 in the data segments, which 64-bit mode ignores. GS base is
	 * set after its selector. */
	asm volatile("lgdt %0; lidt %1" : : "m"(gdt), "m"(gates) : "memory");
	asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(KERNEL_CS) : "rax", "memory");
	asm volatile("movl %0, %%ss" : : "r"(KERNEL_DS));
	asm volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs; movl %0, %%gs" : : "r"(0));
	msr_write(MSR_GS_BASE, (u64)cpu);
	msr_write(MSR_KERNEL_GS_BASE, 0);
	msr_write(MSR_FS_BASE, 0);
	asm volatile("lldt %w0; ltr %w1" : : "r"(0), "r"(TSS_SEL) : "memory");
}

static void
syscall_init(void)
{
	/* SAFETY: no other way in: sysenter faults without a segment, and without breakpoints no debug exception
	 * strikes in the entry code. */
	msr_write(MSR_SYSENTER_CS, 0);
	dr7_write(0x400);
	msr_write(MSR_STAR, (u64)(USER_DS - 8) << 48 | (u64)KERNEL_CS << 32);
	msr_write(MSR_LSTAR, (u64)x86_syscall_entry);
	msr_write(MSR_FMASK, FMASK);
}

void
x86_cpu_init(u32 id)
{
	struct cpu *cpu = cpu_table[id];
	if (id == 0) {
		features_probe();
		idt_init();
		for (u32 i = 0; i < X86_IST_STACKS; i++)
			cpu->arch.ist_top[i] = (u64)x86_boot_stack_top + (i + 1) * (BOOT_STACK_PAGES + 1) * PAGE_SIZE;
	}
	control_registers();
	segments_load(cpu);
	syscall_init();
	fpu_cpu_init(id == 0);
}

bool
x86_cpu_prepare(u32 id)
{
	struct arch_cpu *arch = &cpu_table[id]->arch;
	for (u32 i = 0; i < X86_IST_STACKS; i++)
		if (arch->ist_top[i] == 0 && (arch->ist_top[i] = stack_alloc()) == 0)
			return false;
	return arch->start_stack != 0 || (arch->start_stack = stack_alloc()) != 0;
}

/* --- kernel threads --- */

extern void x86_context_start(void);

void
arch_context_init(struct arch_context *context, void *stack_top, void (*entry)(void))
{
	/* SAFETY: the stack is the new thread's, its top 16-byte aligned. As arch_context_switch pops: r15, r14,
	 * r13, r12, rbx, rbp, return. */
	u64 *sp = (u64 *)stack_top - 9;
	memset(sp, 0, 9 * sizeof(*sp));
	sp[4] = (u64)entry;
	sp[6] = (u64)x86_context_start;
	context->rsp = (u64)sp;
}

/**
 * => the selectors that a program left in the data segments are cleared, so that no other program sees them; bases
 * are loaded anew.
 */
void
arch_task_switched(void *stack_top)
{
	(void)stack_top;   /* rsp0 is set at each entry to user mode */
	u32 ds, es, fs, gs;
	/* SAFETY: null selectors are all that 64-bit code needs; interrupts are off, and the two swapgs keep the
	 * kernel's GS base out of it. */
	asm volatile("movl %%ds, %0; movl %%es, %1" : "=r"(ds), "=r"(es));
	asm volatile("movl %%fs, %0; movl %%gs, %1" : "=r"(fs), "=r"(gs));
	if ((ds | es | fs | gs) != 0) {
		asm volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs" : : "r"(0) : "memory");
		asm volatile("swapgs; movl %0, %%gs; swapgs" : : "r"(0) : "memory");
	}
	this_cpu()->arch.bases_of = nullptr;
	user_fpu_switch(nullptr);
}

void
arch_idle(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

void
arch_stop(void)
{
	for (;;)
		asm volatile("cli; hlt" : : : "memory");
}

bool
cpu_random(u64 *out)
{
	u64 value = 0;
	bool drawn = false;
	/* SAFETY: an instruction that the processor has. */
	if (bit(cpuid(1, 0).ecx, 30))
		asm volatile("rdrand %0" : "=r"(value), "=@ccc"(drawn));
	*out = value;
	return drawn;
}

struct cpu_leaf
cpu_leaf(u32 leaf, u32 subleaf)
{
	struct x86_cpuid r = cpuid(leaf, subleaf);
	return (struct cpu_leaf){ r.eax, r.ebx, r.ecx, r.edx };
}
