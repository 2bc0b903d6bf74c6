// SPDX-License-Identifier: MPL-2.0
/**
 * capget and capset.
 *
 * Source: capget(2), capabilities(7).
 */
#include "process_impl.h"

enum : u32 { CAP_VERSION_1 = 0x19980330, CAP_VERSION_2 = 0x20071026, CAP_VERSION_3 = 0x20080522 };

struct cap_header { u32 version; i32 pid; };
struct cap_data { u32 effective, permitted, inheritable; };

/** How many cap_data the version has; 0: unknown, and the newest is written back. */
static err_t
header_read(uaddr_t at, struct cap_header *scoped header, u32 *scoped words)
{
	TRY(copy_in_value(*header, at));
	switch (header->version) {
	case CAP_VERSION_1: *words = 1; return OK;
	case CAP_VERSION_2:
	case CAP_VERSION_3: *words = 2; return OK;
	default: break;
	}
	u32 newest = CAP_VERSION_3;
	TRY(copy_out_value(at, newest));
	*words = 0;
	return OK;
}

err_t
sys_capget(uaddr_t at, uaddr_t data)
{
	struct cap_header header = {};
	u32 words = 0;
	REF_SCOPE(thread, thread);
	REF_SCOPE(cred, cred);
	TRY(header_read(at, &header, &words));
	if (words == 0)
		return data.raw == 0 ? OK : EINVAL;
	if (header.pid < 0)
		return EINVAL;
	thread = thread_find(header.pid != 0 ? (u32)header.pid : atomic32_load_relaxed(&thread_current()->tid));
	if (thread == nullptr)
		return ESRCH;
	cred = thread_cred_get(thread);
	if (data.raw == 0)
		return OK;
	for (u32 i = 0; i < words; i++) {
		u32 shift = 32 * i;
		struct cap_data word = { (u32)(cred->cap_effective >> shift), (u32)(cred->cap_permitted >> shift), (u32)(cred->cap_inheritable >> shift) };
		TRY(copy_out_value(UADDR(data.raw + i * sizeof(word)), word));
	}
	return OK;
}

/** What capset allows: nothing that was not permitted before, in any set. */
static err_t
caps_check(const struct cred *old, u64 effective, u64 permitted, u64 inheritable)
{
	bool able = capable(CAP_SETPCAP);
	if (!able && (inheritable & ~(old->cap_inheritable | old->cap_permitted)) != 0)
		return EPERM;
	if ((inheritable & ~(old->cap_inheritable | old->cap_bounding)) != 0)
		return EPERM;
	return (permitted & ~old->cap_permitted) != 0 || (effective & ~permitted) != 0 ? EPERM : OK;
}

err_t
sys_capset(uaddr_t at, uaddr_t data)
{
	struct cap_header header = {};
	u32 words = 0;
	u64 effective = 0, permitted = 0, inheritable = 0;
	TRY(header_read(at, &header, &words));
	if (words == 0)
		return EINVAL;
	if (header.pid != 0 && (u32)header.pid != atomic32_load_relaxed(&thread_current()->tid))
		return EPERM;
	for (u32 i = 0; i < words; i++) {
		struct cap_data word = {};
		TRY(copy_in_value(word, UADDR(data.raw + i * sizeof(word))));
		effective |= (u64)word.effective << 32 * i;
		permitted |= (u64)word.permitted << 32 * i;
		inheritable |= (u64)word.inheritable << 32 * i;
	}
	effective &= CAP_ALL;
	permitted &= CAP_ALL;
	inheritable &= CAP_ALL;
	TRY(caps_check(cred_current(), effective, permitted, inheritable));
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred->cap_effective = effective;
	cred->cap_permitted = permitted;
	cred->cap_inheritable = inheritable;
	cred->cap_ambient &= permitted & inheritable;
	cred_install(cred);
	return OK;
}
