// SPDX-License-Identifier: MPL-2.0
/**
 * The CMOS real-time clock. It is trusted for nothing but the date; a broken or absent one gives "no time". Source: MC146818A data sheet.
 */
#include "apic.h"
#include <arch/string.h>
#include <sync/raw_lock.h>

enum : u8 { RTC_A = 10, RTC_B = 11, A_UPDATING = 0x80, B_24_HOURS = 2, B_BINARY = 4, HOUR_PM = 0x80 };

static struct raw_lock rtc_lock;   /* the index port and the data port behind it */

static u8
rtc_register(u8 index) MUST_HOLD(&rtc_lock)
{
	/* SAFETY: ports 0x70 and 0x71 are the clock's and the framework's (arch_sensitive_ports). Bit 7 of the index stays clear: NMIs enabled. */
	port_out8(0x70, index);
	return port_in8(0x71);
}

/* In the order of a date's parts, from the seconds up. */
enum : u32 { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, PARTS };
static const u8 part_register[PARTS] = { 0, 2, 4, 7, 8, 9 };

static void
rtc_sample(u8 parts[static PARTS]) MUST_HOLD(&rtc_lock)
{
	for (u32 i = 0; i < PARTS; i++)
		parts[i] = rtc_register(part_register[i]);
}

/** Two equal samples, neither during an update; a bounded number of tries. */
static bool
rtc_read(u8 parts[static PARTS], u8 *mode)
{
	bool good = false;
	u64 flags = raw_acquire(&rtc_lock);
	for (u32 i = 0; i < 10000 && !good; i++) {
		u8 again[PARTS];
		if ((rtc_register(RTC_A) & A_UPDATING) != 0)
			continue;
		rtc_sample(parts);
		rtc_sample(again);
		good = memcmp(parts, again, PARTS) == 0;
	}
	*mode = rtc_register(RTC_B);
	raw_release(&rtc_lock, flags);
	return good;
}

u64
rtc_date_seconds(u32 year, u32 month, u32 day, u32 hour, u32 minute, u32 second)
{
	static const u8 month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	static const u16 days_before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	if (year < 1970 || year > 2400 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
		return 0;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (day < 1 || day > month_days[month - 1] + (u32)(leap && month == 2))
		return 0;
	u64 past = year - 1;   /* whole years since year 1 */
	u64 days = (past * 365 + past / 4 - past / 100 + past / 400) - 719162;   /* of 1970-01-01 */
	days += days_before[month - 1] + (leap && month > 2) + day - 1;
	return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

u64
arch_realtime_ns(void)
{
	u8 raw[PARTS], mode;
	if (!rtc_read(raw, &mode))
		return 0;
	bool half_days = (mode & B_24_HOURS) == 0, afternoon = half_days && (raw[HOUR] & HOUR_PM) != 0;
	raw[HOUR] &= half_days ? (u8)~HOUR_PM : 0xff;
	u32 number[PARTS];
	for (u32 i = 0; i < PARTS; i++)
		number[i] = (mode & B_BINARY) != 0 ? raw[i] : (raw[i] >> 4) * 10u + (raw[i] & 15);
	if (half_days)
		number[HOUR] = number[HOUR] % 12 + (afternoon ? 12 : 0);
	/* No PC that runs this was made before 2000, and the century's register lies elsewhere on each. */
	return rtc_date_seconds(2000 + number[YEAR], number[MONTH], number[DAY], number[HOUR], number[MINUTE], number[SECOND]) * NS_PER_SEC;
}
