// SPDX-License-Identifier: MPL-2.0
/**
 * The order in which the framework comes up, from the architecture's hand-over to the services' kernel_main.
 */
#include <boot/boot.h>
#include <cadre/boot.h>
#include <cadre/time.h>
#include <cpu/cpu.h>
#include <debug/debug.h>
#include <mm/mm.h>
#include <task/task_impl.h>

struct boot_info boot_info;

/** Starts the other CPUs one after the other; one that does not come up is left out. */
static void
secondaries_start(void)
{
	for (u32 id = 1; id < boot_info.ncpus && id < CPU_MAX; id++) {
		if (!cpu_area_create(id) || !arch_cpu_start(id))
			log_warn("cpu {}: did not start; going on without it", id);
	}
}

static void
first_task(struct object *unused)
{
	(void)unused;
	kernel_main();
	log_warn("kernel_main returned; powering off");
	power_off(0);
}

[[noreturn]] void
framework_main(struct boot_info *info)
{
	boot_info = *info;
	cpu_online();
	frame_init();
	kspace_init();
	heap_init();
	task_init();
	secondaries_start();
	task_system_start();
	struct memory_stat memory = memory_stat();
	log_info("cadre: {} CPUs, {} MiB of memory, {} KiB in use", cpu_count(), memory.total >> 8,
		(memory.total - memory.free) << 2);

	struct task *task = nullptr;
	if (task_create(first_task, nullptr, TEXT("main"), &task) != OK || task_start(task) != OK)
		panic("no memory for the first task");
	task_put(task);
	task_run_idle();
}

[[noreturn]] void
framework_secondary(u32 cpu)
{
	fw_assert(cpu < CPU_MAX && cpu_table[cpu] == this_cpu());
	/* Online once it has its idle task: until then it uses what only one CPU may, and the next one is not started. */
	task_run_idle();
}
