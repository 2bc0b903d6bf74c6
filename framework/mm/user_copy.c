// SPDX-License-Identifier: MPL-2.0
/**
 * Copying to and from the running task's user memory.
 *
 * The architecture copies through the loaded page tables as the user program would, and stops at the first byte that
 * it may not
 * touch; here is checked that the addresses are user addresses and that it is the task's own space that is loaded.
 */
#include <mm/vm_space_impl.h>

/** How many of the len bytes at `at` are user addresses at all. Traps where there is no user memory to access. */
static size_t
user_reach(uaddr_t at, size_t len)
{
	struct task *task = task_current();
	/* The scheduler keeps the running task's space loaded (vm_space_switch), so it needs no look at the CPU's. */
	if (task->space == nullptr)
		misuse("user access without an address space");
	if (!arch_irq_enabled() || arch_cpu_load(preempt_off) != 0)
		misuse("user access with preemption off");
	if (at.raw < USER_START || at.raw >= USER_END)
		return 0;
	return MIN(len, USER_END - at.raw);
}

static err_t
user_done(size_t copied, size_t len, size_t *done)
{
	*done = copied;
	return copied == len ? OK : EFAULT;
}

/*
 * SAFETY (below): the user side is checked by user_reach and the processor, the kernel side is a slice or a pinned
 * frame; faults on either end the copy.
 */
err_t
user_read(struct bytes dst, uaddr_t at, size_t *done)
{
	return user_done(arch_user_copy_in(dst.ptr, at.raw, user_reach(at, dst.len)), dst.len, done);
}

err_t
user_write(uaddr_t at, struct cbytes src, size_t *done)
{
	return user_done(arch_user_copy_out(at.raw, src.ptr, user_reach(at, src.len)), src.len, done);
}

err_t
user_zero(uaddr_t at, size_t len, size_t *done)
{
	return user_done(arch_user_zero(at.raw, user_reach(at, len)), len, done);
}

err_t
user_read_string(struct bytes dst, uaddr_t at, size_t *done)
{
	size_t len = 0, reach = user_reach(at, dst.len);
	while (len < reach) {
		/* Not beyond the page that is needed anyway: the next may not be there. */
		size_t chunk = MIN(reach - len, PAGE_SIZE - ((at.raw + len) & (PAGE_SIZE - 1)));
		size_t end = len + arch_user_copy_in(dst.ptr + len, at.raw + len, chunk), wanted = len + chunk;
		while (len < end && dst.ptr[len] != 0)
			len++;
		*done = len;
		if (len < wanted)
			return len < end ? OK : EFAULT;
	}
	*done = len;
	return len == dst.len ? ENAMETOOLONG : EFAULT;
}

err_t
user_write_frame(uaddr_t at, struct frame *frame, size_t off, size_t len, size_t *done)
{
	size_t reach = user_reach(at, len);
	size_t copied = arch_user_copy_out(at.raw, frame_access(frame, off, len), reach);
	frame_unpin(frame);
	return user_done(copied, len, done);
}

err_t
user_read_frame(struct frame *frame, size_t off, size_t len, uaddr_t at, size_t *done)
{
	size_t reach = user_reach(at, len);
	size_t copied = arch_user_copy_in(frame_access(frame, off, len), at.raw, reach);
	frame_unpin(frame);
	return user_done(copied, len, done);
}

err_t
user_load32(uaddr_t at, u32 *out)
{
	u32 value;
	if ((at.raw & 3) != 0)
		return EINVAL;
	if (user_reach(at, sizeof(value)) < sizeof(value) || !arch_user_load32(at.raw, &value))
		return EFAULT;
	*out = value;
	return OK;
}

err_t
user_cas32(uaddr_t at, u32 *expected, u32 to)
{
	u32 value = *expected;
	bool swapped;
	if ((at.raw & 3) != 0)
		return EINVAL;
	if (user_reach(at, sizeof(value)) < sizeof(value) || !arch_user_cas32(at.raw, &value, to, &swapped))
		return EFAULT;
	if (swapped)
		return OK;
	*expected = value;
	return EAGAIN;
}
