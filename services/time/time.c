// SPDX-License-Identifier: MPL-2.0
/**
 * Starts time.
 */
#include "time_impl.h"

void
time_init(void)
{
	clocks_init();
	sleep_init();
	process_timers_init();
}
