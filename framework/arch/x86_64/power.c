// SPDX-License-Identifier: MPL-2.0
/**
 * Ending: off, and again.
 *
 * With QEMU's `-device isa-debug-exit,iobase=0x501,iosize=2`, power-off writes the status there as one byte, and
 * QEMU exits with status * 2 + 1 (modulo 256). Else ACPI, else the CPU stops.
 */
#include <x86.h>

enum : u16 { RESET_CONTROL = 0xcf9, KEYBOARD_COMMAND = 0x64 };
enum : u8 { RESET_HARD = 0x06, KEYBOARD_RESET = 0xfe };

void
arch_power_off(u8 status)
{
	arch_irq_disable();
	/* SAFETY (all writes to ports here): the machine ends by them; a port that is not there ignores them. The
	 * exit device reads as 0. */
	if (port_in8(X86_DEBUG_EXIT) == 0)
		port_out8(X86_DEBUG_EXIT, status);
	acpi_power_off();
	arch_stop();
}

void
arch_restart(void)
{
	static const struct { u16 limit; u64 base; } none;
	arch_irq_disable();
	acpi_reset();
	port_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	port_out8(RESET_CONTROL, RESET_HARD);
	for (volatile u32 i = 0; i < 1000000; i = i + 1)
		arch_pause();
	/* Without an interrupt table an exception cannot be delivered, which resets the processor. */
	asm volatile("lidt %0; int3" : : "m"(none) : "memory");
	arch_stop();
}
