// SPDX-License-Identifier: MPL-2.0
/** Stopping and restarting the machine at a service's wish. */
#include <arch/arch.h>
#include <cadre/boot.h>

void
power_off(u8 status)
{
	arch_power_off(status);
}

void
power_restart(void)
{
	arch_restart();
}
