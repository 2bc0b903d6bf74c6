// SPDX-License-Identifier: MPL-2.0
// The rest of the framework for the fuzz drivers: any misuse, panic or trap ends the run, which is what a fuzzer reports.
#include <debug/debug.h>

[[noreturn]] void abort(void);

void misuse_at(const char *what, const char *file, u32 line, u64 pc, u64 fp) { (void)what, (void)file, (void)line, (void)pc, (void)fp; abort(); }
void panic_at(const char *file, u32 line, struct cbytes format, const struct log_arg *args, u32 nargs) { (void)file, (void)line, (void)format, (void)args, (void)nargs; abort(); }
void bounds_trap(void) { abort(); }
void log_print(enum log_level level, struct cbytes format, const struct log_arg *args, u32 nargs) { (void)level, (void)format, (void)args, (void)nargs; }
