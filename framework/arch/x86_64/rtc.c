// SPDX-License-Identifier: MPL-2.0
/**
 * The CMOS real-time clock. It is trusted for nothing but the date; a broken or absent one gives "no time". Source: MC146818A data sheet.
 */
#include "apic.h"
#include <arch/string.h>
#include <sync/raw_lock.h>

enum : u8 { RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9, RTC_A = 10, RTC_B = 11 };
enum : u8 { A_UPDATING = 0x80, B_24_HOURS = 2, B_BINARY = 4, HOUR_PM = 0x80 };

static struct raw_lock rtc_lock;   /* the index port and the data port behind it */

static u8
rtc_register(u8 index) MUST_HOLD(&rtc_lock)
{
	/* SAFETY: ports 0x70 and 0x71 are the clock's and the framework's (arch_sensitive_ports). Bit 7 of the index stays clear: NMIs enabled. */
	port_out8(0x70, index);
	return port_in8(0x71);
}

struct rtc_raw { u8 second, minute, hour, day, month, year; };

static struct rtc_raw
rtc_sample(void) MUST_HOLD(&rtc_lock)
{
	return (struct rtc_raw){
		rtc_register(RTC_SECOND), rtc_register(RTC_MINUTE), rtc_register(RTC_HOUR),
		rtc_register(RTC_DAY), rtc_register(RTC_MONTH), rtc_register(RTC_YEAR),
	};
}

/** Two equal samples, neither during an update; a bounded number of tries. */
static bool
rtc_read(struct rtc_raw *out, u8 *mode)
{
	bool good = false;
	u64 flags = raw_acquire(&rtc_lock);
	for (u32 i = 0; i < 10000 && !good; i++) {
		if ((rtc_register(RTC_A) & A_UPDATING) != 0)
			continue;
		struct rtc_raw again;
		*out = rtc_sample();
		again = rtc_sample();
		good = memcmp(out, &again, sizeof(again)) == 0;
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

static u32
rtc_number(u8 raw, u8 mode)
{
	return (mode & B_BINARY) != 0 ? raw : (u32)(raw >> 4) * 10 + (raw & 15);
}

u64
arch_realtime_ns(void)
{
	struct rtc_raw raw;
	u8 mode;
	if (!rtc_read(&raw, &mode))
		return 0;
	bool half_days = (mode & B_24_HOURS) == 0;
	u32 hour = rtc_number(half_days ? raw.hour & ~HOUR_PM : raw.hour, mode);
	if (half_days)
		hour = hour % 12 + ((raw.hour & HOUR_PM) != 0 ? 12 : 0);
	/* No PC that runs this was made before 2000, and the century's register lies elsewhere on each. */
	return rtc_date_seconds(2000 + rtc_number(raw.year, mode), rtc_number(raw.month, mode), rtc_number(raw.day, mode), hour,
		rtc_number(raw.minute, mode), rtc_number(raw.second, mode)) * NS_PER_SEC;
}
