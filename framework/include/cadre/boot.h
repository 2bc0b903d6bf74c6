// SPDX-License-Identifier: MPL-2.0
/**
 * What the machine was started with, and how to stop it.
 *
 * `kernel_main` is the services' entry: the framework calls it in the first task, all CPUs running. An image has one.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/slice.h>

void kernel_main(void);

size_t boot_cmdline(struct bytes dst);                /**< copies the kernel's command line; returns its whole length */
/**
 * Value of `key=value` on the command line into dst, its whole length to *len; the last one counts. A bare `key` has
 * the empty value. => false: no such key.
 */
bool boot_option(struct cbytes key, struct bytes dst, size_t *scoped len);
size_t boot_initrd_len(void);                         /**< 0: none */
void boot_initrd_read(size_t off, struct bytes dst);  /* => traps beyond the end */
/** Gives the initrd's memory back; its length is 0 from then on. */
void boot_initrd_free(void);

/** Stops the machine: the status goes to whoever runs it, where there is a way (isa-debug-exit, ACPI S5). */
NORETURN void power_off(u8 status);
NORETURN void power_restart(void);
