// SPDX-License-Identifier: MPL-2.0
/**
 * Protection keys, which user page tables here do not have: as Linux answers on a processor without them. Source: pkeys(7).
 */
#include "mman.h"

#include <syscall_handlers.h>

enum : u64 { PKEY_RIGHTS = 3 };   /* PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE */

err_t
sys_pkey_alloc(u64 flags, u64 rights, u64 *scoped result)
{
	*result = 0;
	return flags != 0 || (rights & ~(u64)PKEY_RIGHTS) != 0 ? EINVAL : ENOSPC;
}

err_t
sys_pkey_free(i32 pkey)
{
	(void)pkey;   /* none was ever given out */
	return EINVAL;
}

err_t
sys_pkey_mprotect(uaddr_t addr, u64 length, u64 prot, i32 pkey)
{
	return pkey == -1 ? sys_mprotect(addr, length, prot) : EINVAL;
}
