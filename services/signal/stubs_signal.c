// SPDX-License-Identifier: MPL-2.0
/** Until services/process lands. */
#include <thread.h>

void
process_group_exit(u32 wait_status)
{
	(void)wait_status;
}
