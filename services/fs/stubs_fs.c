// SPDX-License-Identifier: MPL-2.0
/** Temporary: what of services/fs is still to come. */
#include "fs_impl.h"

struct atomic32 fs_watchers;
void fs_notify_slow(struct dentry *dentry, u32 mask) { (void)dentry, (void)mask; }
void fs_notify_move(struct dentry *old, struct dentry *new, u32 flags) { (void)old, (void)new, (void)flags; }
void fs_notify_moved(struct dentry *old, struct dentry *new, u32 flags) { (void)old, (void)new, (void)flags; }
