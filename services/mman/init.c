// SPDX-License-Identifier: MPL-2.0
/**
 * What ties memory to the services above it: the vDSO's pages, and who is told to kill.
 */
#include "mman.h"
#include "vdso.h"

#include <signal.h>

static void
process_kill(struct process *process)
{
	(void)signal_send_process(process, SIGKILL, nullptr);
}

err_t
mman_init(void)
{
	vm_on_oom(process_kill, signal_fatal_pending);
	return vdso_init();
}
