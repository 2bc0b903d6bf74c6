// SPDX-License-Identifier: MPL-2.0
/**
 * Who a program runs as: set-user-ID and set-group-ID bits, and capabilities across execve.
 *
 * Source: execve(2), capabilities(7) "Transformation of capabilities during execve()".
 */
#include "exec.h"

enum : u32 { SECURE_NOROOT = 1, SECURE_KEEP_CAPS = 16 };

/** What the set-id bits say. They do not count on nosuid mounts, and for those who renounced them (PR_SET_NO_NEW_PRIVS). */
static void
set_ids(struct exec *scoped exec, struct cred *cred)
{
	struct inode *inode = exec->file->inode;
	if (file_is_nosuid(exec->file) || atomic32_load_relaxed(&process_current()->no_new_privs) != 0)
		return;
	if ((POINTER_LOAD(inode->mode) & S_ISUID) != 0)
		cred->euid = POINTER_LOAD(inode->uid);
	if ((POINTER_LOAD(inode->mode) & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		cred->egid = POINTER_LOAD(inode->gid);
}

/** Root gets all that the bounding set leaves. => whether the effective set is the permitted one */
static bool
root_capabilities(struct cred *cred, const struct cred *old)
{
	cred->cap_permitted = 0;
	if ((cred->securebits & SECURE_NOROOT) != 0)
		return false;
	if (cred->euid == 0 || cred->uid == 0)
		cred->cap_permitted = old->cap_bounding | old->cap_inheritable;
	return cred->euid == 0;
}

err_t
exec_cred_make(struct exec *scoped exec)
{
	const struct cred *old = cred_current();
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	exec->cred = cred;
	set_ids(exec, cred);
	bool effective = root_capabilities(cred, old), set_id = cred->euid != old->uid || cred->egid != old->gid;
	cred->suid = cred->euid;
	cred->fsuid = cred->euid;
	cred->sgid = cred->egid;
	cred->fsgid = cred->egid;
	if (set_id)
		cred->cap_ambient = 0;
	bool grew = (cred->cap_permitted & ~cred->cap_ambient) != 0;
	cred->cap_permitted |= cred->cap_ambient;
	cred->cap_effective = effective ? cred->cap_permitted : cred->cap_ambient;
	cred->securebits &= ~SECURE_KEEP_CAPS;
	exec->secure = set_id || (cred->uid != 0 && (effective || grew));
	return OK;
}
