// SPDX-License-Identifier: MPL-2.0
/**
 * membarrier(2): every running thread of some processes passes a full memory barrier before the call returns.
 *
 * A page that is mapped and unmapped makes each CPU that has the space loaded drop its translation, by an interrupt, which is such a
 * barrier; a CPU that has another space loaded has been through the scheduler since.
 */
#include "mman.h"

#include <cadre/cpu.h>

#include <session.h>
#include <syscall_handlers.h>

enum membarrier_command : u32 {
	MEMBARRIER_QUERY = 0, MEMBARRIER_GLOBAL = 1, MEMBARRIER_GLOBAL_EXPEDITED = 2, MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
	MEMBARRIER_PRIVATE_EXPEDITED = 8, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16, MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64, MEMBARRIER_PRIVATE_EXPEDITED_RSEQ = 128,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ = 256, MEMBARRIER_GET_REGISTRATIONS = 512,
	MEMBARRIER_REGISTRATIONS = MEMBARRIER_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_REGISTER_PRIVATE_EXPEDITED |
	                           MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ,
	MEMBARRIER_ALL = 511 | MEMBARRIER_GET_REGISTRATIONS,
};
enum : u32 { MEMBARRIER_FLAG_CPU = 1 };

/** In all processes, or those that registered for it. */
static void
barrier_global(bool registered_only)
{
	for (u32 pid = 0;; pid++) {
		REF_SCOPE(process, process);
		REF_SCOPE(vm_map, map);
		process = process_next(&pid);
		if (process == nullptr)
			return;
		map = vm_map_of_process(process);
		if (map != nullptr && (!registered_only || (vm_map_membarrier(map, 0) & MEMBARRIER_REGISTER_GLOBAL_EXPEDITED) != 0))
			vm_map_barrier(map);
	}
}

/** The registration comes one bit above its command. */
static err_t
barrier_private(u32 command)
{
	if ((vm_map_membarrier(map_current(), 0) & command << 1) == 0)
		return EPERM;
	vm_map_barrier(map_current());
	return OK;
}

/**
 * Restarts critical sections (rseq(2)) on a CPU, or on all: what runs there is put off the CPU, for which the barrier's interrupt gives the
 * occasion; who is switched to leaves its section.
 */
static err_t
barrier_rseq(bool one, u32 cpu)
{
	if ((vm_map_membarrier(map_current(), 0) & MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ) == 0)
		return EPERM;
	for (u32 i = 0; i < cpu_count(); i++)
		if (!one || i == cpu)
			cpu_reschedule(i);
	vm_map_barrier(map_current());
	return OK;
}

err_t
sys_membarrier(i32 cmd, u32 flags, i32 cpu_id, u64 *scoped result)
{
	u32 command = (u32)cmd;
	*result = 0;
	if (command == MEMBARRIER_PRIVATE_EXPEDITED_RSEQ && flags <= MEMBARRIER_FLAG_CPU)
		return barrier_rseq(flags != 0, (u32)cpu_id);
	if (flags != 0 || (command & (command - 1)) != 0 || (command & ~(u32)MEMBARRIER_ALL) != 0)
		return EINVAL;
	if (command == MEMBARRIER_QUERY)
		*result = MEMBARRIER_ALL;
	else if (command == MEMBARRIER_GET_REGISTRATIONS)
		*result = vm_map_membarrier(map_current(), 0);
	else if (command == MEMBARRIER_GLOBAL || command == MEMBARRIER_GLOBAL_EXPEDITED)
		barrier_global(command == MEMBARRIER_GLOBAL_EXPEDITED);
	else if ((command & MEMBARRIER_REGISTRATIONS) != 0)
		(void)vm_map_membarrier(map_current(), command);
	else
		return barrier_private(command);
	return OK;
}
