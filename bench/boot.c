// SPDX-License-Identifier: MPL-2.0
/* The first user program of the boot rows of `./cadre bench`, on both kernels: prints a line, then the memory in use, then powers off. */

typedef unsigned long word;

static word
call(word number, word a, word b, word c)
{
	word result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

enum { SYS_write = 1, SYS_sysinfo = 99, SYS_reboot = 169 };

/* struct sysinfo of <linux/sysinfo.h>. */
struct sysinfo { word uptime, loads[3], totalram, freeram, rest[8]; };

static void
print_number(word value)
{
	char digits[24];
	word at = sizeof(digits);
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	call(SYS_write, 1, (word)(digits + at), sizeof(digits) - at);
}

void
_start(void)
{
	call(SYS_write, 1, (word)"Hello, world!\n", 14);
	struct sysinfo info = {};
	call(SYS_sysinfo, (word)&info, 0, 0);
	print_number((info.totalram - info.freeram) >> 10);
	call(SYS_write, 1, (word)" KiB in use\n", 12);
	call(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc);
	for (;;)
		call(SYS_write, 1, 0, 0);
}
