// SPDX-License-Identifier: MPL-2.0
/**
 * The clock that services read: the architecture's, and what time of day it was when that began.
 */
#include <cadre/time.h>
#include <arch/arch.h>

static u64 boot_realtime;   /* [atomic] real time at clock 0; `UNREAD` until somebody asked */
enum : u64 { UNREAD = 0, NO_CLOCK = ~(u64)0 };

u64 clock_now(void) { return arch_clock_ns(); }

u64
clock_boot_realtime(void)
{
	u64 known = __atomic_load_n(&boot_realtime, __ATOMIC_RELAXED);
	if (known == UNREAD) {
		u64 real = arch_realtime_ns(), now = arch_clock_ns();
		u64 found = real > now ? real - now : NO_CLOCK;
		/* Whoever is first decides, so that the answer never changes. */
		if (__atomic_compare_exchange_n(&boot_realtime, &known, found, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			known = found;
	}
	return known == NO_CLOCK ? 0 : known;
}
