// SPDX-License-Identifier: MPL-2.0
/**
 * When memory runs out: what can be freed is, else the process that has the most of it is killed.
 */
#include <vm_impl.h>

bool
memory_wait(void)
{
	return false;
}
