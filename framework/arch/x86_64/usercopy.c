// SPDX-License-Identifier: MPL-2.0
/**
 * User memory from the kernel: opens it (SMAP) for the time of one copy whose faults are caught (copy.S, trap.c).
 *
 * SAFETY (all): the caller has checked that [at, at + len) lies in user space, and vouches for the kernel side. A
 * fault there is not caught: the fixups hold for user addresses only. Interrupts on the way keep their own AC flag
 * (x86_trap closes).
 */
#include <x86.h>

/** The value of an access, for whose time user memory is open. */
#define WHILE_OPEN(access)                                                                                             \
	({                                                                                                             \
		user_access_open();                                                                                    \
		auto value_ = (access);                                                                                \
		user_access_close();                                                                                   \
		value_;                                                                                                \
	})

size_t
arch_user_copy_in(void *dst, u64 at, size_t len)
{
	return WHILE_OPEN(x86_user_copy(dst, (const void *)at, len));
}

size_t
arch_user_copy_out(u64 at, const void *src, size_t len)
{
	return WHILE_OPEN(x86_user_copy((void *)at, src, len));
}

size_t
arch_user_zero(u64 at, size_t len)
{
	static const u8 zeros[PAGE_SIZE];
	size_t done = 0, want = 0, now = 0;
	for (; done < len && now == want; done += now) {
		want = MIN(len - done, sizeof(zeros));
		now = arch_user_copy_out(at + done, zeros, want);
	}
	return done;
}

bool
arch_user_load32(u64 at, u32 *out)
{
	u32 value = 0;
	bool ok = WHILE_OPEN(x86_user_load32((const u32 *)at, &value));
	if (ok)
		*out = value;
	return ok;
}

bool
arch_user_cas32(u64 at, u32 *expected, u32 to, bool *swapped)
{
	u32 wanted = *expected;
	u64 found = WHILE_OPEN(x86_user_cas32((u32 *)at, wanted, to));
	if (found >> 32 != 0)
		return false;
	*swapped = (u32)found == wanted;
	*expected = (u32)found;
	return true;
}
