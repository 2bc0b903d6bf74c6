// SPDX-License-Identifier: MPL-2.0
/**
 * User memory from the kernel: opens it (SMAP) for the time of one copy whose faults are caught (copy.S, trap.c).
 *
 * SAFETY (all): the caller has checked that [at, at + len) lies in user space, and vouches for the kernel side. A fault there is not
 * caught: the fixups hold for user addresses only. Interrupts on the way keep their own AC flag (x86_trap closes).
 */
#include <copy.h>
#include <x86.h>

static void
user_open(void)
{
	if (x86_features.smap)
		asm volatile("stac" : : : "memory");
}

static void
user_close(void)
{
	if (x86_features.smap)
		asm volatile("clac" : : : "memory");
}

size_t
arch_user_copy_in(void *dst, u64 at, size_t len)
{
	user_open();
	size_t done = x86_user_copy(dst, (const void *)at, len);
	user_close();
	return done;
}

size_t
arch_user_copy_out(u64 at, const void *src, size_t len)
{
	user_open();
	size_t done = x86_user_copy((void *)at, src, len);
	user_close();
	return done;
}

size_t
arch_user_zero(u64 at, size_t len)
{
	user_open();
	size_t done = x86_user_zero((void *)at, len);
	user_close();
	return done;
}

bool
arch_user_load32(u64 at, u32 *out)
{
	u32 value = 0;
	user_open();
	bool ok = x86_user_load32((const u32 *)at, &value);
	user_close();
	if (ok)
		*out = value;
	return ok;
}

bool
arch_user_cas32(u64 at, u32 *expected, u32 to, bool *swapped)
{
	u32 wanted = *expected;
	user_open();
	u64 found = x86_user_cas32((u32 *)at, wanted, to);
	user_close();
	if (found >> 32 != 0)
		return false;
	*swapped = (u32)found == wanted;
	*expected = (u32)found;
	return true;
}
