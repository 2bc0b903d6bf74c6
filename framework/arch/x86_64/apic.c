// SPDX-License-Identifier: MPL-2.0
/**
 * The local APIC: interrupts between CPUs, end of interrupt, the one-shot timer. SDM 3A, chapter 11.
 */
#include "apic.h"
#include <debug/debug.h>

enum apic_register : u32 {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_SPURIOUS = 0xf0, APIC_CMCI = 0x2f0,
	APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310, APIC_LVT_TIMER = 0x320, APIC_LVT_THERMAL = 0x330, APIC_LVT_PERF = 0x340,
	APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360, APIC_LVT_ERROR = 0x370, APIC_TIMER_COUNT = 0x380, APIC_TIMER_LEFT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};

enum : u32 {
	LVT_MASKED = 1 << 16, LVT_NMI = 4 << 8, LVT_LOW = 1 << 13, LVT_TSC_DEADLINE = 2 << 17,
	ICR_NMI = 4 << 8, ICR_INIT = 5 << 8, ICR_STARTUP = 6 << 8, ICR_ASSERT = 1 << 14, ICR_PENDING = 1 << 12,
	SPURIOUS_ENABLE = 1 << 8, DIVIDE_BY_1 = 0xb,
};
enum : u64 { BASE_ENABLE = 1 << 11, BASE_X2APIC = 1 << 10, BASE_ADDRESS = 0x000ffffffffff000 };

static bool x2apic;               /* [const] after apic_probe */
static u8 *registers;             /* [const] after apic_probe: where not x2apic */

/* SAFETY (both): `registers` is an uncached mapping of the APIC's page and the offsets are below its length; in x2APIC mode each register of
 * the enum that is used in that mode has its MSR. Writes reach at most this CPU's interrupts; the callers below choose values from constants. */
static u32
apic_read(enum apic_register reg)
{
	return x2apic ? (u32)msr_read(MSR_X2APIC + reg / 16) : mmio_read32(registers + reg);
}

static void
apic_write(enum apic_register reg, u32 value)
{
	if (x2apic)
		msr_write(MSR_X2APIC + reg / 16, value);
	else
		mmio_write32(registers + reg, value);
}

u64
apic_base(void)
{
	/* SAFETY (here and in apic_probe): every processor with long mode has a local APIC and this MSR. */
	return msr_read(MSR_APIC_BASE) & BASE_ADDRESS;
}

bool
apic_probe(void)
{
	x2apic = x86_features.x2apic || (msr_read(MSR_APIC_BASE) & BASE_X2APIC) != 0;
	registers = x2apic ? nullptr : x86_map_early(apic_base(), PAGE_SIZE, KMAP_WRITE | KMAP_UNCACHED);
	return x2apic || registers != nullptr;
}

void
apic_init_cpu(void)
{
	/* SAFETY: enabling and x2APIC mode are allowed from every state but (x2APIC → xAPIC), which cannot come: `x2apic` is set where it is on. */
	u64 base = msr_read(MSR_APIC_BASE) | BASE_ENABLE;
	msr_write(MSR_APIC_BASE, base);
	if (x2apic)
		msr_write(MSR_APIC_BASE, base | BASE_X2APIC);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	/* All local interrupts off; the version has the number of the last one that exists. */
	static const enum apic_register lvts[] = {
		APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_LVT_PERF, APIC_LVT_THERMAL, APIC_CMCI,
	};
	u32 last = apic_read(APIC_VERSION) >> 16 & 0xff;
	for (u32 i = 0; i < COUNTOF(lvts) && i <= last; i++)
		apic_write(lvts[i], LVT_MASKED);
	/* But the pins that are wired to NMI. One that only another CPU has so never signals here. */
	for (u32 i = 0; i < COUNTOF(platform_acpi.lints); i++)
		if (platform_acpi.lints[i].nmi)
			apic_write(i == 0 ? APIC_LVT_LINT0 : APIC_LVT_LINT1, LVT_NMI | (platform_acpi.lints[i].low ? LVT_LOW : 0));
	apic_write(APIC_TPR, 0);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_TIMER_COUNT, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

u32
apic_id(void)
{
	u32 id = apic_read(APIC_ID);
	return x2apic ? id : id >> 24;
}

bool
apic_id_usable(u32 id)
{
	return id < (x2apic ? APIC_ID_NONE : 0xff);   /* all ones: broadcast */
}

void
apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void
apic_timer_start(u32 count)
{
	apic_write(APIC_TIMER_COUNT, count);
}

u32
apic_timer_left(void)
{
	return apic_read(APIC_TIMER_LEFT);
}

void
apic_timer_deadline_mode(void)
{
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
	/* The write must be done before the first one to the deadline MSR (SDM 3A, 11.5.4.1). */
	asm volatile("mfence" : : : "memory");
}

/** Sends one command to one CPU, whose id apic_id_usable() accepted. */
static void
apic_send(u32 id, u32 command)
{
	u64 flags = arch_irq_save();   /* an interrupt between the two halves might send one itself */
	if (x2apic) {
		/* What was stored before is to be seen by the receiver, and this MSR's write waits for nothing by itself. */
		asm volatile("mfence; lfence" : : : "memory");
		msr_write(MSR_X2APIC + APIC_ICR / 16, (u64)id << 32 | command);
	} else {
		/* An NMI handler may send too and would change the high half: it only does to stop the machine, and never returns here. */
		while ((apic_read(APIC_ICR) & ICR_PENDING) != 0)
			arch_pause();
		apic_write(APIC_ICR_HIGH, id << 24);
		apic_write(APIC_ICR, command);
	}
	arch_irq_restore(flags);
}

void
arch_ipi(u32 cpu, enum ipi_kind kind)
{
	fw_assert(cpu < CPU_MAX && cpu_table[cpu] != nullptr);
	u32 id = cpu_table[cpu]->arch.apic_id;
	if (kind == IPI_STOP) {
		/* As an NMI, for a CPU may spin with interrupts off; it looks at x86_stop_all. */
		__atomic_store_n(&x86_stop_all, true, __ATOMIC_SEQ_CST);
		apic_send(id, ICR_NMI | ICR_ASSERT);
	} else {
		apic_send(id, (VECTOR_IPI + kind) | ICR_ASSERT);
	}
}

void
apic_send_start(u32 id, u64 page)
{
	fw_assert(page % PAGE_SIZE == 0 && page < 0xa0000);
	apic_send(id, (page == 0 ? ICR_INIT : ICR_STARTUP) | ICR_ASSERT | (u32)(page >> PAGE_SHIFT));
}
