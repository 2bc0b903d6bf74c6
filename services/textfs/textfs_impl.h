// SPDX-License-Identifier: MPL-2.0
/** What the files of services/textfs share. */
#pragma once

#include <textfs.h>

#define S_ISDIR_MODE(mode) (((mode) & S_IFMT) == S_IFDIR)

extern const struct inode_ops text_inode_ops, text_link_ops;
extern const struct file_ops text_file_ops, text_dir_ops;
err_t text_open(struct inode *inode, struct file *file);
