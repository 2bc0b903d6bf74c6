// SPDX-License-Identifier: MPL-2.0
/** Temporary: what of services/fs is still to come. */
#include "fs_impl.h"

struct atomic32 fs_watchers;
void fs_notify_slow(struct dentry *dentry, u32 mask) { (void)dentry, (void)mask; }
void file_locks_release(struct file *file) { (void)file; }
void file_locks_flush(struct file *file) { (void)file; }
void file_async_end(struct file *file) { (void)file; }
err_t simple_getxattr(struct inode *inode, struct cbytes name, struct bytes value, size_t *scoped len) { (void)inode, (void)name, (void)value, (void)len; return EOPNOTSUPP; }
err_t simple_setxattr(struct inode *inode, struct cbytes name, struct cbytes value, u32 flags) { (void)inode, (void)name, (void)value, (void)flags; return EOPNOTSUPP; }
err_t simple_removexattr(struct inode *inode, struct cbytes name) { (void)inode, (void)name; return EOPNOTSUPP; }
err_t simple_listxattr(struct inode *inode, struct bytes names, size_t *scoped len) { (void)inode, (void)names; *len = 0; return OK; }
void fs_notify_move(struct dentry *old, struct dentry *new, u32 flags) { (void)old, (void)new, (void)flags; }
void fs_notify_moved(struct dentry *old, struct dentry *new, u32 flags) { (void)old, (void)new, (void)flags; }
