// SPDX-License-Identifier: MPL-2.0
/**
 * Starting the other CPUs: INIT, start-up interrupt, trampoline, C (SDM 3A, 9.4). One at a time.
 *
 * Who comes through the trampoline takes the claim, a word that the boot CPU sets once for each number it gives out, and with it the stack.
 * So a CPU that comes late, even instead of another, can never share a stack: it finds no claim and halts.
 *
 * stage: IDLE → (secondary, initialised) HERE → (boot CPU) GO → online; or IDLE → (boot CPU, out of patience) GONE, and the secondary halts.
 * HERE → (boot CPU) ASKED → (secondary) HERE as often as the boot CPU wants to compare the time stamp counters.
 */
#include "apic.h"
#include <arch/string.h>
#include <debug/debug.h>

enum : u64 { TRAMPOLINE = 0x8000 };
enum : u32 { CLAIM_PATIENCE_US = 500000, INIT_PATIENCE_US = 5000000, POLL_US = 20, INIT_DELAY_US = 10000 };
enum : u64 { COMPARE_PATIENCE_NS = 2 * NS_PER_MS };
enum start_stage : u32 { IDLE, HERE, ASKED, GO, GONE };

extern const u8 trampoline_start[], trampoline_end[], trampoline_root[], trampoline_stack[], trampoline_claim[];

static u32 stage;        /* [atomic] */
static u64 stamp;        /* [atomic] the secondary's time stamp counter, taken before it says HERE */
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
	for (u32 now = IDLE; now != GO;) {
		__atomic_store_n(&stamp, clock_ticks(), __ATOMIC_RELAXED);
		if (!__atomic_compare_exchange_n(&stage, &now, HERE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			arch_stop();
		while ((now = __atomic_load_n(&stage, __ATOMIC_ACQUIRE)) == HERE)
			arch_pause();
	}
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

/** Start-up interrupts to one APIC id, `delay_us` after its reset, until somebody has taken the claim. */
static bool
startup_send(u32 id, u32 *claim, u32 delay_us)
{
	__atomic_store_n(claim, 1, __ATOMIC_SEQ_CST);
	apic_send_start(id, 0);
	clock_delay_us(delay_us);
	apic_send_start(id, TRAMPOLINE);
	if (!wait_change(claim, 1, 1000))
		apic_send_start(id, TRAMPOLINE);
	if (wait_change(claim, 1, CLAIM_PATIENCE_US))
		return true;
	return __atomic_exchange_n(claim, 0, __ATOMIC_SEQ_CST) == 0;
}

/** Takes the claim's new owner through its initialisation. */
static bool
secondary_take(u32 cpu, u64 before)
{
	struct clock_comparison comparison = { };
	u32 expected = IDLE;
	wait_change(&stage, IDLE, INIT_PATIENCE_US);
	if (__atomic_compare_exchange_n(&stage, &expected, GONE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	clock_compare(&comparison, before, __atomic_load_n(&stamp, __ATOMIC_RELAXED));
	/* That was exact enough for counters on which the clock does not rely in any case. Bounded in time too: CPUs may share one of the host's. */
	u64 patience = arch_clock_ns() + COMPARE_PATIENCE_NS;
	while (x86_features.tsc_invariant && comparison.rounds < CLOCK_ROUNDS_ENOUGH && arch_clock_ns() < patience) {
		before = clock_ticks();
		__atomic_store_n(&stage, ASKED, __ATOMIC_RELEASE);
		while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) != HERE)
			arch_pause();
		clock_compare(&comparison, before, __atomic_load_n(&stamp, __ATOMIC_RELAXED));
	}
	clock_adopt(cpu, &comparison);
	__atomic_store_n(&stage, GO, __ATOMIC_RELEASE);
	while (__atomic_load_n(&cpu_table[cpu]->online, __ATOMIC_ACQUIRE) == 0)
		arch_pause();
	__atomic_store_n(&stage, IDLE, __ATOMIC_RELEASE);
	return true;
}

/** => numbers have no holes: where an APIC id does not answer, the number goes to the next. */
bool
arch_cpu_start(u32 cpu)
{
	fw_assert(cpu > 0 && cpu < CPU_MAX && cpu_table[cpu] != nullptr && this_cpu()->id == 0);
	if (candidate == platform_acpi.ncpus || !platform_has_ram(TRAMPOLINE, PAGE_SIZE) || !x86_cpu_prepare(cpu))
		return false;
	u32 *claim = (u32 *)trampoline_word(trampoline_claim);
	/* SAFETY: the code fits its page, and no CPU runs there: each that was started before is in the kernel's image, or halts. */
	memcpy(phys_to_virt(TRAMPOLINE), trampoline_start, (u64)(trampoline_end - trampoline_start));
	*trampoline_word(trampoline_root) = x86_trampoline_root();
	*trampoline_word(trampoline_stack) = cpu_table[cpu]->arch.start_stack;
	__atomic_store_n(&starting, cpu, __ATOMIC_RELEASE);
	while (candidate < platform_acpi.ncpus) {
		u32 id = platform_acpi.cpus[candidate++];
		if (id == cpu_table[0]->arch.apic_id || !apic_id_usable(id))
			continue;
		u64 before = clock_ticks();
		/* At first as fast as today's processors allow, then as slowly as the manual asks for any (SDM 3A, 9.4.4). */
		if (!startup_send(id, claim, 0) && !startup_send(id, claim, INIT_DELAY_US)) {
			log_warn("cpu with APIC id {} does not answer; left out", id);
			apic_send_start(id, 0);   /* back to waiting: it shall not come later */
			continue;
		}
		if (secondary_take(cpu, before))
			return true;
		log_error("cpu with APIC id {} stopped on its way; starting no more", id);
		candidate = platform_acpi.ncpus;
	}
	return false;
}
