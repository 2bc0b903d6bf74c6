// SPDX-License-Identifier: MPL-2.0
// Until services/fs has landed these.
#include <inode.h>

size_t mounts_text(struct bytes text, u64 *scoped at) { (void)text; (void)at; return 0; }
size_t mountinfo_text(struct bytes text, u64 *scoped at) { (void)text; (void)at; return 0; }
