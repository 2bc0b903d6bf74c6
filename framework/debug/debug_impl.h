// SPDX-License-Identifier: MPL-2.0
/**
 * What the files of debug/ share.
 */
#pragma once

#include <debug/debug.h>

/** Interrupts off, and no line of this CPU goes to the ring until log_leave. => false: this CPU is inside already. */
bool log_enter(u64 *flags);
void log_leave(u64 flags);
/** The report of a trap that cannot be contained, and the end. */
[[noreturn]] void panic_trap(const struct kernel_trap *trap);
/** Whether the machine is going down: nothing is contained any more. */
bool panic_started(void);
/* The image's symbol table; both null in an image without one (the first link). */
extern const u8 ksyms_start[] __attribute__((weak)), ksyms_end[] __attribute__((weak));
/** symbol_find in any bytes that claim to be a symbol table. */
bool symbol_find_in(struct cbytes raw, u64 pc, struct symbol *out);
/** "function+0x12 (file.c:34)" of a return address; returns the length of what is in dst. */
size_t symbol_print(struct bytes dst, u64 return_pc);
/** The return addresses of a trap, its own place first, into pcs[max]; how many there are. */
u32 trap_backtrace(const struct kernel_trap *trap, u64 *pcs, u32 max);
/** A C string of the framework's own as a slice; null is empty. */
struct cbytes text_of(const char *string);
/**
 * Releases and poisons the locks that the running task, or its interrupt handler, took since it held `depth` of them
 * (sync/).
 */
void locks_release_to(u32 depth);
