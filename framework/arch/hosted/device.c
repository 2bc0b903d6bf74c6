// SPDX-License-Identifier: MPL-2.0
// The framework's own devices on the host: console on the standard streams, power as the process' end, back traces; there are no ports.
#include <hosted.h>
#include <cpu/cpu.h>

void
hosted_write(int fd, const void *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		long n = HOST_CALL(HOST_WRITE, fd, (const u8 *)text + done, len - done);
		if (n > 0)
			done += (size_t)n;
	}
}

void
arch_console_write(const u8 *text, size_t len)
{
	u64 flags = arch_irq_save();
	hosted_write(1, text, len);
	arch_irq_restore(flags);
}

void
arch_log_write(const u8 *text, size_t len)
{
	arch_console_write(text, len);
}

bool
arch_console_read(u8 *out)
{
	u64 flags = arch_irq_save();
	struct { int fd; short events, got; } poll = { .fd = 0, .events = 1 };
	bool got = HOST_CALL(HOST_POLL, &poll, 1, 0) == 1 && (poll.got & 1) != 0 && HOST_CALL(HOST_READ, 0, out, 1) == 1;
	arch_irq_restore(flags);
	return got;
}

u32 arch_port_read(u16 port, u32 size) { (void)port, (void)size; return ~(u32)0; }
void arch_port_write(u16 port, u32 size, u32 value) { (void)port, (void)size, (void)value; }
bool arch_has_ports(void) { return false; }
bool cpu_random(u64 *out) { *out = 0; return false; }
bool arch_sensitive_ports(u32 index, u32 *start, u32 *end) { (void)index, (void)start, (void)end; return false; }

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
