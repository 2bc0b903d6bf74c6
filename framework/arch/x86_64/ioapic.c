// SPDX-License-Identifier: MPL-2.0
/**
 * The IO-APICs: which input of the machine goes to which vector of which CPU. Source: 82093AA data sheet. The old PICs are put away here.
 */
#include "apic.h"
#include <cadre/irq.h>
#include <debug/debug.h>
#include <sync/raw_lock.h>

enum : u32 {
	IOAPIC_VERSION = 1, IOAPIC_ENTRIES = 0x10,        /* two registers an input from here on */
	ENTRY_LOW = 1 << 13, ENTRY_LEVEL = 1 << 15, ENTRY_MASKED = 1 << 16,
	IOAPIC_INPUTS_MAX = 240,
	ISA_IRQ_TIMER = 0,
};

static struct raw_lock ioapic_lock;
static struct ioapic {
	u8 *registers;            /* [const]; the select register and the window behind it are guarded by ioapic_lock */
	u32 gsi_base, ninputs;    /* [const] after ioapic_init; no two overlap */
} ioapics[ACPI_IOAPICS_MAX];
static u32 nioapics;              /* [const] after ioapic_init */

/* SAFETY (both): `registers` is an uncached mapping of the IO-APIC's registers, 0x20 bytes; the index is that of an input it has, or of the version.
 * What is written routes interrupts to vectors that arch_irq_route has checked. */
static u32
ioapic_read(const struct ioapic *ioapic, u32 index) MUST_HOLD(&ioapic_lock)
{
	mmio_write32(ioapic->registers, index);
	return mmio_read32(ioapic->registers + 0x10);
}

static void
ioapic_write(const struct ioapic *ioapic, u32 index, u32 value) MUST_HOLD(&ioapic_lock)
{
	mmio_write32(ioapic->registers, index);
	mmio_write32(ioapic->registers + 0x10, value);
}

/** The IO-APIC that has input `gsi`, null where none does, and the index of the input's low register. */
static const struct ioapic *
ioapic_of(u32 gsi, u32 *index)
{
	for (u32 i = 0; i < nioapics; i++) {
		u32 input = gsi - ioapics[i].gsi_base;
		if (input < ioapics[i].ninputs) {
			*index = IOAPIC_ENTRIES + 2 * input;
			return &ioapics[i];
		}
	}
	return nullptr;
}

/** Masks the two 8259s for good, at vectors where a spurious interrupt of theirs is recognised. A machine without them ignores this. */
static void
pic_mask(void)
{
	static const struct { u16 port; u8 value; } sequence[] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, VECTOR_PIC }, { 0xa1, VECTOR_PIC + 8 },
		{ 0x21, 4 }, { 0xa1, 2 }, { 0x21, 1 }, { 0xa1, 1 }, { 0x21, 0xff }, { 0xa1, 0xff },
	};
	/* SAFETY: these ports belong to the 8259s on every PC and to nothing else. */
	for (u32 i = 0; i < COUNTOF(sequence); i++)
		port_out8(sequence[i].port, sequence[i].value);
}

static void
ioapic_add(const struct acpi_ioapic *table)
{
	struct ioapic ioapic = { x86_map_early(table->pa, 0x20, KMAP_WRITE | KMAP_UNCACHED), table->gsi_base, 0 };
	if (ioapic.registers == nullptr)
		return;
	u64 flags = raw_acquire(&ioapic_lock);
	u32 version = ioapic_read(&ioapic, IOAPIC_VERSION);
	ioapic.ninputs = (version >> 16 & 0xff) + 1;
	bool good = version != ~(u32)0 && (version & 0xff) != 0 && ioapic.ninputs <= IOAPIC_INPUTS_MAX;
	for (u32 i = 0; good && i < nioapics; i++)
		good = ioapic.gsi_base >= ioapics[i].gsi_base + ioapics[i].ninputs || ioapics[i].gsi_base >= ioapic.gsi_base + ioapic.ninputs;
	for (u32 i = 0; good && i < ioapic.ninputs; i++)
		ioapic_write(&ioapic, IOAPIC_ENTRIES + 2 * i, ENTRY_MASKED);
	if (good)
		ioapics[nioapics++] = ioapic;
	raw_release(&ioapic_lock, flags);
	if (!good)
		log_warn("ioapic at {x}: version {x}, input {}: not usable", table->pa, version, table->gsi_base);
}

void
ioapic_init(void)
{
	pic_mask();
	for (u32 i = 0; i < platform_acpi.nioapics; i++)
		ioapic_add(&platform_acpi.ioapics[i]);
}

u32
arch_gsi_count(void)
{
	u32 count = 0;
	for (u32 i = 0; i < nioapics; i++)
		count = MAX(count, ioapics[i].gsi_base + ioapics[i].ninputs);
	return count;
}

bool
arch_gsi_reserved(u32 gsi)
{
	u32 index;
	/* The PIT's input: nobody but the framework has the PIT. */
	return ioapic_of(gsi, &index) == nullptr || gsi == platform_acpi.isa_irqs[ISA_IRQ_TIMER].gsi;
}

/** How input `gsi` signals where the driver does not say: as the tables have it for ISA interrupts, else as PCI does. */
static u32
default_trigger(u32 gsi)
{
	for (u32 irq = 0; irq < ACPI_ISA_IRQS; irq++) {
		const struct acpi_isa_irq *isa = &platform_acpi.isa_irqs[irq];
		if (isa->gsi == gsi)
			return (isa->level ? ENTRY_LEVEL : 0) | (isa->low ? ENTRY_LOW : 0);
	}
	return ENTRY_LEVEL | ENTRY_LOW;
}

bool
arch_irq_route(u32 gsi, u32 trigger, u32 cpu, u32 vector)
{
	u32 index;
	const struct ioapic *ioapic = ioapic_of(gsi, &index);
	if (ioapic == nullptr || arch_gsi_reserved(gsi) || cpu >= CPU_MAX || cpu_table[cpu] == nullptr)
		return false;
	u32 apic = cpu_table[cpu]->arch.apic_id;   /* the entry has 8 bits for it; more needs interrupt remapping */
	if (vector < ARCH_IRQ_VECTOR_BASE || vector >= ARCH_IRQ_VECTOR_BASE + ARCH_IRQ_VECTORS || apic >= 0xff)
		return false;
	u32 how = trigger == IRQ_EDGE_HIGH ? 0 : trigger == IRQ_LEVEL_HIGH ? ENTRY_LEVEL :
		  trigger == IRQ_LEVEL_LOW ? ENTRY_LEVEL | ENTRY_LOW : default_trigger(gsi);
	u64 flags = raw_acquire(&ioapic_lock);
	ioapic_write(ioapic, index, ENTRY_MASKED);
	ioapic_write(ioapic, index + 1, apic << 24);
	ioapic_write(ioapic, index, ENTRY_MASKED | how | vector);
	raw_release(&ioapic_lock, flags);
	return true;
}

static void
entry_mask(u32 gsi, bool masked)
{
	u32 index;
	const struct ioapic *ioapic = ioapic_of(gsi, &index);
	if (ioapic == nullptr)
		return;
	u64 flags = raw_acquire(&ioapic_lock);
	u32 entry = ioapic_read(ioapic, index);
	if (masked || (entry & 0xff) >= ARCH_IRQ_VECTOR_BASE)   /* never unmasked before it was routed */
		ioapic_write(ioapic, index, masked ? entry | ENTRY_MASKED : entry & ~(u32)ENTRY_MASKED);
	raw_release(&ioapic_lock, flags);
}

void
arch_irq_mask(u32 gsi)
{
	entry_mask(gsi, true);
}

void
arch_irq_unmask(u32 gsi)
{
	if (!arch_gsi_reserved(gsi))
		entry_mask(gsi, false);
}

void
arch_irq_eoi(void)
{
	apic_eoi();
}
