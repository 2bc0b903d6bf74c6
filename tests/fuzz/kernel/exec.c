// SPDX-License-Identifier: MPL-2.0
// Files as programs for libFuzzer: written to a file system, executed as far as to the first instruction, and forgotten.
#include "driver.h"

#include <program.h>

#include <process_impl.h>

enum : u32 { FILE_MAX = 32768 };
enum : u64 { AT_PATH = 0, AT_OTHER = 64, AT_VECTOR = 256, AT_BYTES = 8192 };

/** In a child: where it works, the old memory is gone, and the registers are in place. */
static void
execute(void)
{
	struct thread *thread = thread_current();
	err_t err = sys_execve(program_at(AT_PATH), program_at(AT_VECTOR), program_at(AT_VECTOR + 8));
	EXPECT(err != OK || (thread->user->regs.rip < USER_END && thread->user->regs.rsp % 16 == 0 && thread->user->regs.rsp < USER_END));
}

static void
program_write(uaddr_t path, u32 len)
{
	u64 fd = 0, moved = 0;
	EXPECT_EQ(sys_open(path, 01101, 0755, &fd), OK);
	EXPECT_EQ(sys_write((i32)fd, program_at(AT_BYTES), len, &moved), OK);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

/** The file, which also is the interpreter /tmp/i that it may name. */
static void
exec_start(void)
{
	u64 vector[3] = { PROGRAM_AREA + AT_PATH, 0, 0 };
	program_text(AT_PATH, "/tmp/e");
	program_text(AT_OTHER, "/tmp/i");
	program_put(AT_VECTOR, vector, sizeof(vector));
	program_write(program_at(AT_PATH), 0);
	EXPECT_EQ(sys_link(program_at(AT_PATH), program_at(AT_OTHER)), OK);
}

static void
exec_run_one(const u8 *bytes, u32 len)
{
	u64 got = 0;
	program_put(AT_BYTES, bytes, MIN(len, FILE_MAX));
	program_write(program_at(AT_PATH), MIN(len, FILE_MAX));
	(void)program_fork(execute);
	while (sys_wait4(-1, UADDR(0), 0, UADDR(0), &got) != ECHILD)
		task_clear_interrupt();
}

const struct fuzz_target fuzz_exec = { "exec", exec_start, exec_run_one, nullptr, nullptr, nullptr };
