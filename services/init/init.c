// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel's first task: says what machine this is, and stops it.
 *
 * Services that run programs hook in here as they come.
 */
#include <cadre/boot.h>
#include <cadre/cpu.h>
#include <cadre/frame.h>
#include <cadre/log.h>
#include <cadre/object.h>
#include <cadre/time.h>

#include <clock.h>
#include <epoll.h>
#include <futex.h>
#include <initramfs.h>
#include <inode.h>
#include <pid.h>
#include <pipe.h>
#include <sched.h>
#include <mman.h>
#include <time_calls.h>
#include <tmpfs.h>
#include <vm_map.h>

/** Prints a line of the console, not of the log. */
#define say(...)                                                                                                       \
	do {                                                                                                           \
		u8 line_text[160];                                                                                     \
		size_t line_len = format_text(BYTES_OF(line_text), __VA_ARGS__);                                       \
		console_write(bytes_const(bytes_sub(BYTES_OF(line_text), 0, MIN(line_len, sizeof(line_text)))));       \
	} while (0)

static void
heap_report(void)
{
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap_stat stat = {};
		u8 name[32] = {};
		if (heap_stat_read(id, &stat, BYTES_OF(name)) && stat.live > 0)
			log_info("heap {}: {} live objects of {} bytes, {} pages", BYTES_OF(name), stat.live, stat.size, stat.pages);
	}
}

void
kernel_main(void)
{
	clock_start();
	if (thread_init() != OK)
		log_error("no memory for the kernel's credentials");
	sched_init();
	if (vm_init() != OK || mman_init() != OK)
		log_error("no memory for the zero page and the vDSO");
	futex_init();
	time_init();
	event_init();
	pipe_init();
	tmpfs_init();
	if (fs_init() != OK)
		log_error("no memory for the file system");
	err_t unpacked = initramfs_unpack();
	if (unpacked != OK && unpacked != ENOENT)
		log_error("the initrd could not be unpacked: error {}", (int)unpacked);
	struct memory_stat memory = memory_stat();
	u64 used = memory.total - memory.free;
	say("Cadre: {} CPUs, {} MiB of memory of which {} KiB are in use, {} ms after power-on.\n", cpu_count(),
		memory.total >> 8, used << 2, clock_now() / NS_PER_MS);
	say("The framework is up. This version has no services that run programs yet; see README.md.\n");
	heap_report();
	power_off(0);
}
