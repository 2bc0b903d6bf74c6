// SPDX-License-Identifier: MPL-2.0
/**
 * The platform's own parts on x86-64: local APICs, IO-APICs, clock, secondary CPUs, what the firmware's tables said.
 */
#pragma once

#include <boot/acpi.h>
#include "x86.h"

extern struct acpi_info platform_acpi;   /* [const] after x86_platform_init */

/* --- local APIC (apic.c). SDM 3A, chapter 11 --- */
enum : u32 { APIC_ID_NONE = ~(u32)0 };

/** Chooses x2APIC mode where the processor has it, else maps the registers. => false: no room to. Boot CPU. */
bool apic_probe(void);
u64 apic_base(void);                             /* physical address of the registers */
u32 apic_id(void);                               /* of the calling CPU */
bool apic_id_usable(u32 id);                     /* whether interrupts can be sent to it in this mode */
/* One-shot timer: counts `count` ticks down, then VECTOR_TIMER; 0 stops it. `_hz` is measured by clock.c. */
void apic_timer_start(u32 count);
u32 apic_timer_left(void);
void apic_timer_deadline_mode(void);             /* this CPU: the timer compares with the TSC from now on */
/* Start-up of another CPU. */
void apic_send_start(u32 id, u64 page);          /* begins at physical page `page` < 640 KiB in real mode; 0: reset, and wait for that */

/* --- IO-APICs (ioapic.c) --- */
void ioapic_init(void);                          /* maps all, masks all inputs; also the old PICs */

/* --- clock (clock.c) --- */
void clock_init(void);                           /* boot CPU: finds the TSC's and the timer's frequencies */
void clock_init_cpu(void);                       /* each CPU: its timer */
/* Of the boot CPU's time stamp counter with another's. `rounds`: as many as the clock needs to rely on equal counters. */
enum : u32 { CLOCK_ROUNDS_ENOUGH = 1000 };
struct clock_comparison { u64 narrowest, difference; u32 rounds; bool differs; };
/** One round: `other` is what the other CPU's counter was at some time between the boot CPU's `before` and now. */
void clock_compare(struct clock_comparison *comparison, u64 before, u64 other);
/** Sets, by the comparison with `cpu`, how the clock is kept monotonic; that CPU has not read it yet. */
void clock_adopt(u32 cpu, const struct clock_comparison *comparison);
u64 clock_scale(u64 x, u64 factor);              /* x * factor / 2^32, no overflow in between; saturates */
/** The time stamp counter, read neither before what precedes it nor after what depends on it. */
u64 clock_ticks(void);
/** Waits by the TSC; after clock_init. */
void clock_delay_us(u32 us);

/* --- firmware's registers (platform.c) --- */
/** One of platform_acpi's registers. => 0 / nothing happens where it is absent. */
u32 platform_register_read(const struct acpi_register *reg);
void platform_register_write(const struct acpi_register *reg, u32 value);

/** Whether boot_info has RAM in [start, start + len), reserved RAM included. */
bool platform_has_ram(u64 start, u64 len);

/* --- real-time clock (rtc.c) --- */
/** Seconds since 1970 of a date, 0 where it is none. */
u64 rtc_date_seconds(u32 year, u32 month, u32 day, u32 hour, u32 minute, u32 second);
