// SPDX-License-Identifier: MPL-2.0
/** Starts the file system: tables, the root, where kernel tasks stand in it. */
#include "fs_impl.h"

err_t
fs_init(void)
{
	dcache_init();
	inotify_init();
	notices_init();
	leases_init();
	TRY(anonymous_init());
	TRY(mount_init());
	return context_init();
}
