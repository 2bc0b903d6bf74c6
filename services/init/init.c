// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel's first task: brings the services up, from the bottom, and starts the first program.
 */
#include <cadre/boot.h>
#include <cadre/log.h>
#include <cadre/task.h>
#include <cadre/time.h>

#include <clock.h>
#include <devfs.h>
#include <epoll.h>
#include <futex.h>
#include <initramfs.h>
#include <inode.h>
#include <mman.h>
#include <mqueue.h>
#include <pid.h>
#include <pipe.h>
#include <process.h>
#include <procfs.h>
#include <random.h>
#include <sched.h>
#include <slab_policy.h>
#include <serial.h>
#include <sysfs.h>
#include <sysv.h>
#include <time_calls.h>
#include <tmpfs.h>
#include <tty.h>
#include <vm_map.h>

/** Goes on only if a service came up that those above cannot do without. */
static void
must(err_t err, struct cbytes what)
{
	if (err == OK)
		return;
	log_error("{} does not start: error {}", what, (u32)err);
	power_off(1);
}

/** fail_alloc=N: once the services are up, one of N objects cannot be had. */
static void
failures_start(void)
{
	u8 digits[8] = {};
	size_t len = 0;
	u32 every = 0;
	if (!boot_option(TEXT("fail_alloc"), BYTES_OF(digits), &len) || len > sizeof(digits))
		return;
	for (size_t i = 0; i < len && digits[i] >= '0' && digits[i] <= '9'; i++)
		every = every * 10 + digits[i] - '0';
	slab_policy_fail(every);
	log_info("init: one of {} objects is refused", every);
}

void
kernel_main(void)
{
	clock_start();
	must(thread_init(), TEXT("thread"));
	sched_init();
	must(vm_init(), TEXT("vm"));
	must(mman_init(), TEXT("mman"));
	tmpfs_init();
	must(fs_init(), TEXT("fs"));
	futex_init();
	time_init();
	event_init();
	pipe_init();
	sysv_init();
	random_start();
	if (devfs_init() != OK || random_init() != OK || tty_init() != OK || serial_init() != OK)
		log_error("not all devices are there");
	must(mqueue_init(), TEXT("mqueue"));
	must(process_start(), TEXT("process"));
	must(procfs_init(), TEXT("procfs"));
	sysfs_init();
	err_t err = initramfs_unpack();
	if (err != OK && err != ENOENT)
		log_error("initramfs: not all of it was unpacked: error {}", (u32)err);
	log_info("init: services are up after {} ms", clock_now() / NS_PER_MS);
	failures_start();
	process_run_init();
	task_exit();
}
