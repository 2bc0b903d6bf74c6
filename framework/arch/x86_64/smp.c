// SPDX-License-Identifier: MPL-2.0
/**
 * Starting the other CPUs: INIT, start-up interrupt, trampoline, C (SDM 3A, 9.4). One at a time.
 *
 * Who comes through the trampoline takes the claim, a word that the boot CPU sets once for each number it gives out, and with it the stack.
 * So a CPU that comes late, even instead of another, can never share a stack: it finds no claim and halts.
 *
 * stage: IDLE → (secondary, initialised) HERE → (boot CPU) GO → online; or IDLE → (boot CPU, out of patience) GONE, and the secondary halts.
 */
#include "apic.h"
#include <arch/string.h>
#include <debug/debug.h>

enum : u64 { TRAMPOLINE = 0x8000 };
enum : u32 { CLAIM_PATIENCE_US = 1000000, INIT_PATIENCE_US = 5000000, POLL_US = 20 };
enum start_stage : u32 { IDLE, HERE, GO, GONE };

extern const u8 trampoline_start[], trampoline_end[], trampoline_root[], trampoline_stack[], trampoline_claim[];

static u32 stage;        /* [atomic] */
static u32 starting;     /* number of the CPU being started; written by the boot CPU before its claim is set */
static u32 candidate;    /* [boot CPU] next of platform_acpi.cpus[] to try */

/** A word of the trampoline's copy. */
static u64 *
trampoline_word(const u8 *label)
{
	/* SAFETY: page TRAMPOLINE is RAM (arch_cpu_start looks), never handed out (BOOT_LOW_END), in the direct map; the label lies between start
	 * and end. */
	return phys_to_virt(TRAMPOLINE + (u64)(label - trampoline_start));
}

[[noreturn]] void x86_secondary(void);

/** The first C code of a secondary CPU: interrupts off, boot page tables, its own stack. */
void
x86_secondary(void)
{
	/* SAFETY: the kernel's root maps the image and this stack, which comes from x86_cpu_prepare. */
	cr3_write(arch_kernel_root());
	u32 cpu = __atomic_load_n(&starting, __ATOMIC_ACQUIRE);
	x86_cpu_init(cpu);
	apic_init_cpu();
	cpu_table[cpu]->arch.apic_id = apic_id();
	u32 expected = IDLE;
	if (!__atomic_compare_exchange_n(&stage, &expected, HERE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		arch_stop();
	while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) != GO)
		arch_pause();
	clock_compare_secondary();
	clock_init_cpu();
	framework_secondary(cpu);
}

/** Waits until the word is no longer `value`. */
static bool
wait_change(const u32 *word, u32 value, u32 patience_us)
{
	for (u32 waited = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) == value; waited += POLL_US) {
		if (waited >= patience_us)
			return false;
		clock_delay_us(POLL_US);
	}
	return true;
}

/** Start-up interrupts to one APIC id, until somebody has taken the claim. */
static bool
startup_send(u32 id, u32 *claim)
{
	__atomic_store_n(claim, 1, __ATOMIC_SEQ_CST);
	apic_send_init(id);
	if (!x86_features.hypervisor)
		clock_delay_us(10000);   /* what a real processor may need to reset */
	apic_send_startup(id, TRAMPOLINE);
	if (!wait_change(claim, 1, 1000))
		apic_send_startup(id, TRAMPOLINE);
	if (wait_change(claim, 1, CLAIM_PATIENCE_US))
		return true;
	return __atomic_exchange_n(claim, 0, __ATOMIC_SEQ_CST) == 0;
}

/** Takes the claim's new owner through its initialisation. */
static bool
secondary_take(u32 cpu)
{
	u32 expected = IDLE;
	wait_change(&stage, IDLE, INIT_PATIENCE_US);
	if (__atomic_compare_exchange_n(&stage, &expected, GONE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&stage, GO, __ATOMIC_RELEASE);
	clock_compare_boot(cpu);
	while (__atomic_load_n(&cpu_table[cpu]->online, __ATOMIC_ACQUIRE) == 0)
		arch_pause();
	__atomic_store_n(&stage, IDLE, __ATOMIC_RELEASE);
	return true;
}

/** The next APIC id that could be started; APIC_ID_NONE: none is left. */
static u32
candidate_next(void)
{
	while (candidate < platform_acpi.ncpus) {
		u32 id = platform_acpi.cpus[candidate++].apic_id;
		if (id != cpu_table[0]->arch.apic_id && apic_id_usable(id))
			return id;
	}
	return APIC_ID_NONE;
}

/** => numbers have no holes: where an APIC id does not answer, the number goes to the next. */
bool
arch_cpu_start(u32 cpu)
{
	fw_assert(cpu > 0 && cpu < CPU_MAX && cpu_table[cpu] != nullptr && this_cpu()->id == 0);
	u32 id = candidate_next();
	if (id == APIC_ID_NONE || !platform_has_ram(TRAMPOLINE, PAGE_SIZE) || !x86_cpu_prepare(cpu))
		return false;
	u32 *claim = (u32 *)trampoline_word(trampoline_claim);
	/* SAFETY: the code fits its page, and no CPU runs there: each that was started before is in the kernel's image, or halts. */
	memcpy(phys_to_virt(TRAMPOLINE), trampoline_start, (u64)(trampoline_end - trampoline_start));
	*trampoline_word(trampoline_root) = x86_trampoline_root();
	*trampoline_word(trampoline_stack) = cpu_table[cpu]->arch.start_stack;
	__atomic_store_n(&starting, cpu, __ATOMIC_RELEASE);
	for (; id != APIC_ID_NONE; id = candidate_next()) {
		if (!startup_send(id, claim)) {
			log_warn("cpu with APIC id {} does not answer; left out", id);
			apic_send_init(id);   /* back to waiting: it shall not come later */
			continue;
		}
		if (secondary_take(cpu))
			return true;
		log_error("cpu with APIC id {} stopped on its way; starting no more", id);
		candidate = platform_acpi.ncpus;
	}
	return false;
}
