// SPDX-License-Identifier: MPL-2.0
/**
 * The clock: the time stamp counter, scaled; and the one-shot timer of each CPU.
 *
 * Monotonic on every CPU: where all counters are invariant and none was ever seen ahead of or behind the boot CPU's, a reading is
 * the counter's alone. Else (clock_guarded) each reading is first corrected by what that CPU was seen to differ, and then goes through one
 * word that only grows.
 */
#include "apic.h"
#include <cadre/time.h>
#include <debug/debug.h>

enum : u32 { PIT_HZ = 1193182, PM_TIMER_HZ = 3579545 };

static struct {
	u64 tsc_base;             /* the counter at time 0 */
	u64 ns_per_tick, ticks_per_ns, timer_per_ns; /* times 2^32 */
	bool by_deadline;         /* the timer compares with the counter itself */
} clock;                          /* [const] after clock_init */
static bool clock_guarded;        /* [atomic] set once, by the boot CPU */
static u64 clock_last;            /* [atomic] the highest time that was ever given out while guarded */

enum : u32 { STATE_OFFSET };      /* arch.clock_state[]: added to this CPU's counter gives the boot CPU's */

u64
clock_ticks(void)
{
	asm volatile("lfence" : : : "memory");
	return arch_ticks();
}

u64
clock_scale(u64 x, u64 factor)
{
	unsigned __int128 product = (unsigned __int128)x * factor >> 32;
	return product > ~(u64)0 ? ~(u64)0 : (u64)product;
}

static u64
tsc_corrected(void)
{
	u64 flags = arch_irq_save();   /* counter and offset of one CPU */
	u64 tsc = clock_ticks() + this_cpu()->arch.clock_state[STATE_OFFSET];
	arch_irq_restore(flags);
	return tsc;
}

static u64
clock_latch(u64 now)
{
	u64 last = __atomic_load_n(&clock_last, __ATOMIC_RELAXED);
	while (now > last && !__atomic_compare_exchange_n(&clock_last, &last, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return MAX(now, last);
}

u64
arch_clock_ns(void)
{
	bool guarded = __atomic_load_n(&clock_guarded, __ATOMIC_RELAXED);
	u64 tsc = guarded ? tsc_corrected() : clock_ticks();
	u64 now = tsc > clock.tsc_base ? clock_scale(tsc - clock.tsc_base, clock.ns_per_tick) : 0;
	return guarded ? clock_latch(now) : now;
}

u64 arch_ticks_ns(u64 ticks) { return clock_scale(ticks, clock.ns_per_tick); }

bool
clock_user_counter(struct clock_counter *out)
{
	*out = (struct clock_counter){ clock.tsc_base, clock.ns_per_tick };
	return !__atomic_load_n(&clock_guarded, __ATOMIC_RELAXED);
}

void
clock_delay_us(u32 us)
{
	u64 start = clock_ticks(), ticks = clock_scale((u64)us * NS_PER_US, clock.ticks_per_ns);
	while (clock_ticks() - start < ticks)
		arch_pause();
}

/* --- timer --- */

/** Programs this CPU's timer; interrupts are off. */
static void
timer_program(u64 deadline_ns)
{
	if (clock.by_deadline) {
		u64 local = clock.tsc_base - this_cpu()->arch.clock_state[STATE_OFFSET];
		u64 ticks = clock_scale(deadline_ns, clock.ticks_per_ns), at = local + ticks + 1;
		/* SAFETY: the MSR exists: x86_features.tsc_deadline. 0 means off, and ~0 is never reached. */
		msr_write(MSR_TSC_DEADLINE, deadline_ns == TIME_NEVER ? 0 : at < ticks || at == 0 ? ~(u64)0 : at);
		return;
	}
	u64 now = deadline_ns == TIME_NEVER ? 0 : arch_clock_ns();
	u64 count = deadline_ns > now ? clock_scale(deadline_ns - now, clock.timer_per_ns) + 1 : 1;
	apic_timer_start(deadline_ns == TIME_NEVER ? 0 : (u32)MIN(count, (u64)~(u32)0));
}

void
arch_timer_arm(u64 deadline_ns)
{
	u64 flags = arch_irq_save();
	this_cpu()->arch.timer_deadline = deadline_ns;
	timer_program(deadline_ns);
	arch_irq_restore(flags);
}

void
clock_interrupt(void)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	if (arch->timer_deadline == TIME_NEVER)
		return;   /* was taken back while the interrupt was on its way */
	if (arch_clock_ns() < arch->timer_deadline) {
		timer_program(arch->timer_deadline);   /* farther away than the hardware counts */
		return;
	}
	arch->timer_deadline = TIME_NEVER;
	timer_interrupt();
}

void
clock_init_cpu(void)
{
	if (clock.by_deadline)
		apic_timer_deadline_mode();
	arch_timer_arm(TIME_NEVER);
}

/* --- calibration: how fast the counter runs, by a clock of known speed --- */

struct reference {
	bool (*start)(void);        /* => false: not there */
	u32 (*read)(void);          /* counts up and wraps at `mask` */
	u32 mask;
	u64 hz;
};
struct reading { u64 tsc, width; u32 ticks; };

static bool pm_timer_start(void) { return platform_acpi.pm_timer.width == 4; }
static u32 pm_timer_read(void) { return platform_register_read(&platform_acpi.pm_timer); }

/*
 * Channel 0, for channel 2 needs the gate in port 0x61, which microvm has not; its interrupt is masked for ever.
 * SAFETY (PIT): ports 0x40-0x43 are the PIT's on every PC, the framework's (arch_sensitive_ports), and harmless where there is none.
 */
static bool
pit_start(void)
{
	port_out8(0x43, 0x30);                           /* channel 0, low and high byte, mode 0: count down once */
	port_out8(0x40, 0xff);
	port_out8(0x40, 0xff);
	return true;
}

static u32
pit_read(void)
{
	port_out8(0x43, 0xc2);                           /* latch status and count of channel 0 */
	u32 status = port_in8(0x40), low = port_in8(0x40), count = (u32)port_in8(0x40) << 8 | low;
	/* Once it has wrapped its output is on: say that no time has passed at all, and the measurement fails. */
	return (status & 0x80) != 0 ? 0 : 0xffff - count;
}

static bool apic_timer_begin(void) { apic_timer_start(~(u32)0); return true; }
static u32 apic_timer_read(void) { return ~(u32)0 - apic_timer_left(); }

/** The narrowest of some readings: this CPU may be interrupted by the host between the two clocks. */
static struct reading
reading_take(const struct reference *reference)
{
	struct reading best = { .width = ~(u64)0 };
	for (u32 i = 0; i < 8; i++) {
		u64 before = clock_ticks();
		u32 ticks = reference->read();
		u64 width = clock_ticks() - before;
		if (width < best.width)
			best = (struct reading){ before + width / 2, width, ticks };
	}
	return best;
}

/** Lets both clocks run until one has moved far enough. => false where the reference stands still, or nothing precise came of it. */
static bool
measure(const struct reference *reference, u64 ref_span, u64 tsc_span, u64 *ref_ticks, u64 *tsc_ticks)
{
	enum : u64 { STANDS_STILL = (u64)1 << 31, SPAN_MAX = (u64)1 << 33 };
	for (u32 attempt = 0; attempt < 8; attempt++) {
		if (!reference->start())
			return false;
		struct reading a = reading_take(reference), b = a;
		while (((b.ticks - a.ticks) & reference->mask) < ref_span && b.tsc - a.tsc < tsc_span) {
			if (b.tsc - a.tsc > STANDS_STILL)
				return false;
			b = reading_take(reference);
		}
		*ref_ticks = (b.ticks - a.ticks) & reference->mask;
		*tsc_ticks = b.tsc - a.tsc;
		/* Off by less than 1/1000; the last attempts take what they get. */
		u64 error = (a.width + b.width) * (attempt < 6 ? 1000 : 10);
		if (*ref_ticks != 0 && *tsc_ticks < SPAN_MAX && error < *tsc_ticks)
			return true;
	}
	return false;
}

/** Frequency from CPUID, 0 where it does not say: leaf 0x15 by the crystal's, or what the hypervisor knows (leaf 0x40000010, kHz). */
static u64
tsc_hz_cpuid(void)
{
	u64 khz = x86_features.hypervisor && cpuid(0x40000000, 0).eax >= 0x40000010 ? cpuid(0x40000010, 0).eax : 0;
	if (khz > 100000 && khz < 20000000)   /* else the leaf means something different here */
		return khz * 1000;
	if (x86_features.max_leaf < 0x15)
		return 0;
	struct x86_cpuid leaf = cpuid(0x15, 0);
	return leaf.eax == 0 || leaf.ebx == 0 ? 0 : (u64)leaf.ecx * leaf.ebx / leaf.eax;
}

static u64
tsc_hz_measure(void)
{
	const struct reference references[] = {
		{ pm_timer_start, pm_timer_read, platform_acpi.pm_timer_32bit ? ~(u32)0 : 0xffffff, PM_TIMER_HZ },
		{ pit_start, pit_read, 0xffff, PIT_HZ },
	};
	for (u32 i = 0; i < COUNTOF(references); i++) {
		u64 ref, tsc;
		if (measure(&references[i], references[i].hz / 50, ~(u64)0, &ref, &tsc))
			return tsc * references[i].hz / ref;   /* below 2^33 times 2^27 */
	}
	log_warn("clock: nothing to measure the time stamp counter by; taking it for 1 GHz");
	return NS_PER_SEC;
}

void
clock_init(void)
{
	u64 hz = tsc_hz_cpuid();
	hz = hz != 0 ? hz : tsc_hz_measure();
	hz = MAX(hz, (u64)1000000);
	clock.ticks_per_ns = (hz << 30) / (NS_PER_SEC >> 2);   /* (hz << 32) / NS_PER_SEC, and hz may have 34 bits */
	clock.by_deadline = x86_features.tsc_deadline;
	u64 ref = 0, tsc = 0;
	const struct reference timer = { apic_timer_begin, apic_timer_read, ~(u32)0, 0 };
	if (!clock.by_deadline && !measure(&timer, (u64)1 << 28, hz / 100, &ref, &tsc))
		panic("clock: the APIC timer does not run");
	u64 timer_hz = clock.by_deadline ? 0 : ref * (hz >> 4) / tsc << 4;
	clock.timer_per_ns = (timer_hz << 30) / (NS_PER_SEC >> 2);
	/* From here on the clock runs. */
	clock.tsc_base = clock_ticks();
	clock.ns_per_tick = (NS_PER_SEC << 32) / hz;
	clock_init_cpu();
	log_info("clock: time stamp counter {} kHz{}, timer {} kHz", hz / 1000, x86_features.tsc_invariant ? TEXT(" (invariant)") : TEXT(""),
		(clock.by_deadline ? hz : timer_hz) / 1000);
}

/* --- comparison of two CPUs' counters --- */

void
clock_compare(struct clock_comparison *comparison, u64 before, u64 other)
{
	u64 width = clock_ticks() - before;
	comparison->differs |= other - before > width;   /* it was read in between: outside is impossible for equal counters */
	if (comparison->rounds++ == 0 || width < comparison->narrowest) {
		comparison->narrowest = width;
		comparison->difference = before + width / 2 - other;
	}
}

void
clock_adopt(u32 cpu, const struct clock_comparison *comparison)
{
	cpu_table[cpu]->arch.clock_state[STATE_OFFSET] = comparison->differs ? comparison->difference : 0;
	if (comparison->differs)
		log_warn("clock: time stamp counter of cpu {} differs by {} ticks; correcting", cpu, (i64)comparison->difference);
	if (clock_guarded || (!comparison->differs && comparison->rounds >= CLOCK_ROUNDS_ENOUGH))
		return;
	clock_latch(arch_clock_ns());
	__atomic_store_n(&clock_guarded, true, __ATOMIC_SEQ_CST);
}
