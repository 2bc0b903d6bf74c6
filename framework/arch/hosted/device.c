// SPDX-License-Identifier: MPL-2.0
// The framework's own devices on the host: the log, power as the process' end, back traces. The console is uart.c.
#include <hosted.h>
#include <cpu/cpu.h>

int hosted_log = -1;

void
hosted_write(int fd, const void *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		long n = HOST_CALL(HOST_WRITE, fd, (const u8 *)text + done, len - done);
		if (n <= 0 && n != -HOST_EINTR && n != -HOST_EAGAIN)
			return;
		done += n > 0 ? (size_t)n : 0;
	}
}

void
arch_log_write(const u8 *text, size_t len)
{
	u64 flags = arch_irq_save();
	/* Not the text: a trace of calls has addresses of the host's in it. */
	seeded_event(TEXT("log"), (const u64[]){ len }, 1);
	if (hosted_log < 0)
		arch_console_write(text, len);
	else
		hosted_write(hosted_log, text, len);
	arch_irq_restore(flags);
}

bool cpu_random(u64 *out) { *out = 0; return hosted_seeded && seeded_random(out); }

/** The last page below the physical limit plays an interrupt controller. */
bool
arch_sensitive_memory(u32 index, u64 *start, u64 *end)
{
	*start = HOSTED_PHYSICAL_LIMIT - PAGE_SIZE;
	*end = HOSTED_PHYSICAL_LIMIT;
	return index == 0;
}

void
arch_power_off(u8 status)
{
	arch_irq_disable();
	hosted_uart_flush();
	hosted_terminal_restore();
	seeded_end();
	if (__llvm_profile_write_file != nullptr)
		__llvm_profile_write_file();
	exit(status);
}

void
arch_restart(void)
{
	arch_power_off(3);
}

u32
arch_backtrace(u64 fp, u64 *out, u32 max)
{
	if (fp == 0)
		fp = (u64)__builtin_frame_address(0);
	u32 n = 0;
	while (n < max) {
		/* The host reads for us, so a damaged chain cannot fault. */
		u64 frame[2], local[2] = { (u64)frame, sizeof(frame) }, remote[2] = { fp, sizeof(frame) };
		if (HOST_CALL(HOST_PROCESS_VM_READV, HOST_CALL(HOST_GETPID), local, 1, remote, 1, 0) != sizeof(frame) || frame[1] == 0)
			break;
		out[n++] = frame[1];
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return n;
}

struct cpu_leaf
cpu_leaf(u32 leaf, u32 subleaf)
{
	struct cpu_leaf r;
	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}
