// SPDX-License-Identifier: MPL-2.0
/**
 * User and group ids: get and set, supplementary groups.
 *
 * Source: setuid(2), setreuid(2), setresuid(2), setfsuid(2), getgroups(2); capabilities(7), "Effect of user ID changes on capabilities".
 */
#include "process_impl.h"

enum : u32 { KEEP = ~(u32)0, NGROUPS_MAX = 65536, SECURE_NO_SETUID_FIXUP = 4, SECURE_KEEP_CAPS = 16 };
enum : u64 {
	FS_CAPS = (u64)1 << CAP_CHOWN | (u64)1 << CAP_MKNOD | (u64)1 << CAP_DAC_OVERRIDE | (u64)1 << CAP_DAC_READ_SEARCH | (u64)1 << CAP_FOWNER |
	          (u64)1 << CAP_FSETID | (u64)1 << CAP_LINUX_IMMUTABLE | (u64)1 << CAP_MAC_OVERRIDE,
};

/* --- user ids --- */

/** What becomes of capabilities when ids change from or to 0. */
static void
caps_fix(struct cred *cred, const struct cred *old)
{
	bool had_root = old->uid == 0 || old->euid == 0 || old->suid == 0, has_root = cred->uid == 0 || cred->euid == 0 || cred->suid == 0;
	if ((cred->securebits & SECURE_NO_SETUID_FIXUP) != 0)
		return;
	if (had_root && !has_root) {
		if ((cred->securebits & SECURE_KEEP_CAPS) == 0) {
			cred->cap_permitted = 0;
			cred->cap_effective = 0;
		}
		cred->cap_ambient = 0;
	}
	if (old->euid == 0 && cred->euid != 0)
		cred->cap_effective = 0;
	if (old->euid != 0 && cred->euid == 0)
		cred->cap_effective = cred->cap_permitted;
}

/** Installs a cred whose user ids are new. Takes over the reference in any case. */
static err_t
uids_install(struct cred *cred, u32 uid)
{
	err_t err = cred_set_uid(cred, uid);
	if (err != OK) {
		cred_put(cred);
		return EAGAIN;
	}
	cred->fsuid = cred->euid;
	caps_fix(cred, cred_current());
	cred_install(cred);
	return OK;
}

static bool
uid_is_own(const struct cred *cred, u32 id, bool saved)
{
	return id == KEEP || id == cred->uid || id == cred->euid || (saved && id == cred->suid);
}

err_t
sys_setuid(u32 uid)
{
	const struct cred *old = cred_current();
	bool able = capable(CAP_SETUID);
	if (uid == KEEP)
		return EINVAL;
	if (!able && uid != old->uid && uid != old->suid)
		return EPERM;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred->euid = uid;
	if (able)
		cred->suid = uid;
	return uids_install(cred, able ? uid : old->uid);
}

err_t
sys_setreuid(u32 ruid, u32 euid)
{
	const struct cred *old = cred_current();
	bool able = capable(CAP_SETUID);
	if (!able && (!uid_is_own(old, ruid, false) || !uid_is_own(old, euid, true)))
		return EPERM;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	if (euid != KEEP)
		cred->euid = euid;
	if (ruid != KEEP || (euid != KEEP && euid != old->uid))
		cred->suid = cred->euid;
	return uids_install(cred, ruid != KEEP ? ruid : old->uid);
}

err_t
sys_setresuid(u32 ruid, u32 euid, u32 suid)
{
	const struct cred *old = cred_current();
	bool same = (ruid == KEEP || ruid == old->uid) && (euid == KEEP || (euid == old->euid && euid == old->fsuid)) &&
		(suid == KEEP || suid == old->suid);
	if (same)
		return OK;
	if (!capable(CAP_SETUID) && (!uid_is_own(old, ruid, true) || !uid_is_own(old, euid, true) || !uid_is_own(old, suid, true)))
		return EPERM;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	if (euid != KEEP)
		cred->euid = euid;
	if (suid != KEEP)
		cred->suid = suid;
	return uids_install(cred, ruid != KEEP ? ruid : old->uid);
}

err_t
sys_setfsuid(u32 uid, u64 *scoped result)
{
	const struct cred *old = cred_current();
	*result = old->fsuid;
	if (uid == KEEP || (!uid_is_own(old, uid, true) && uid != old->fsuid && !capable(CAP_SETUID)) || uid == old->fsuid)
		return OK;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return OK;
	cred->fsuid = uid;
	if ((cred->securebits & SECURE_NO_SETUID_FIXUP) == 0) {
		if (old->fsuid == 0 && uid != 0)
			cred->cap_effective &= ~(u64)FS_CAPS;
		if (old->fsuid != 0 && uid == 0)
			cred->cap_effective |= cred->cap_permitted & FS_CAPS;
	}
	cred_install(cred);
	return OK;
}

/* --- group ids --- */

static bool
gid_is_own(const struct cred *cred, u32 id, bool saved)
{
	return id == KEEP || id == cred->gid || id == cred->egid || (saved && id == cred->sgid);
}

static err_t
gids_install(u32 gid, u32 egid, u32 sgid)
{
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred->gid = gid;
	cred->egid = egid;
	cred->sgid = sgid;
	cred->fsgid = egid;
	cred_install(cred);
	return OK;
}

err_t
sys_setgid(u32 gid)
{
	const struct cred *old = cred_current();
	if (gid == KEEP)
		return EINVAL;
	if (capable(CAP_SETGID))
		return gids_install(gid, gid, gid);
	return gid == old->gid || gid == old->sgid ? gids_install(old->gid, gid, old->sgid) : EPERM;
}

err_t
sys_setregid(u32 rgid, u32 egid)
{
	const struct cred *old = cred_current();
	u32 gid = rgid != KEEP ? rgid : old->gid, effective = egid != KEEP ? egid : old->egid;
	if (!capable(CAP_SETGID) && (!gid_is_own(old, rgid, false) || !gid_is_own(old, egid, true)))
		return EPERM;
	return gids_install(gid, effective, rgid != KEEP || (egid != KEEP && egid != old->gid) ? effective : old->sgid);
}

err_t
sys_setresgid(u32 rgid, u32 egid, u32 sgid)
{
	const struct cred *old = cred_current();
	if (!capable(CAP_SETGID) && (!gid_is_own(old, rgid, true) || !gid_is_own(old, egid, true) || !gid_is_own(old, sgid, true)))
		return EPERM;
	return gids_install(rgid != KEEP ? rgid : old->gid, egid != KEEP ? egid : old->egid, sgid != KEEP ? sgid : old->sgid);
}

err_t
sys_setfsgid(u32 gid, u64 *scoped result)
{
	const struct cred *old = cred_current();
	*result = old->fsgid;
	if (gid == KEEP || (!gid_is_own(old, gid, true) && gid != old->fsgid && !capable(CAP_SETGID)) || gid == old->fsgid)
		return OK;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return OK;
	cred->fsgid = gid;
	cred_install(cred);
	return OK;
}

/* --- asking --- */

err_t
sys_getuid(u64 *scoped result)
{
	*result = cred_current()->uid;
	return OK;
}

err_t
sys_geteuid(u64 *scoped result)
{
	*result = cred_current()->euid;
	return OK;
}

err_t
sys_getgid(u64 *scoped result)
{
	*result = cred_current()->gid;
	return OK;
}

err_t
sys_getegid(u64 *scoped result)
{
	*result = cred_current()->egid;
	return OK;
}

static err_t
three_out(uaddr_t at1, u32 id1, uaddr_t at2, u32 id2, uaddr_t at3, u32 id3)
{
	TRY(copy_out_value(at1, id1));
	TRY(copy_out_value(at2, id2));
	return copy_out_value(at3, id3);
}

err_t
sys_getresuid(uaddr_t ruid, uaddr_t euid, uaddr_t suid)
{
	const struct cred *cred = cred_current();
	return three_out(ruid, cred->uid, euid, cred->euid, suid, cred->suid);
}

err_t
sys_getresgid(uaddr_t rgid, uaddr_t egid, uaddr_t sgid)
{
	const struct cred *cred = cred_current();
	return three_out(rgid, cred->gid, egid, cred->egid, sgid, cred->sgid);
}

/* --- supplementary groups --- */

err_t
sys_getgroups(i32 size, uaddr_t list, u64 *scoped result)
{
	struct group_array *groups = cred_current()->groups;
	u32 count = groups != nullptr ? group_array_len(groups) : 0;
	if (size < 0 || (size != 0 && (u32)size < count))
		return EINVAL;
	for (u32 i = 0; size != 0 && i < count; i++) {
		u32 gid = groups->items[i];
		TRY(copy_out_value(UADDR(list.raw + i * 4), gid));
	}
	*result = count;
	return OK;
}

/** Heap sort: no recursion, no memory. */
static void
groups_sift(struct group_array *groups, u32 from, u32 count)
{
	for (u32 root = from;;) {
		u32 child = 2 * root + 1;
		if (child >= count)
			return;
		if (child + 1 < count && groups->items[child + 1] > groups->items[child])
			child++;
		u32 a = groups->items[root], b = groups->items[child];
		if (a >= b)
			return;
		groups->items[root] = b;
		groups->items[child] = a;
		root = child;
	}
}

static void
groups_sort(struct group_array *groups)
{
	u32 count = group_array_len(groups);
	for (u32 i = count / 2; i > 0; i--)
		groups_sift(groups, i - 1, count);
	for (u32 end = count; end > 1; end--) {
		u32 most = groups->items[0], last = groups->items[end - 1];
		groups->items[0] = last;
		groups->items[end - 1] = most;
		groups_sift(groups, 0, end - 1);
	}
}

static err_t
groups_read(struct group_array *groups, uaddr_t list)
{
	for (u32 i = 0; i < group_array_len(groups); i++) {
		u32 gid = 0;
		TRY(copy_in_value(gid, UADDR(list.raw + i * 4)));
		if (gid == KEEP)
			return EINVAL;
		groups->items[i] = gid;
	}
	groups_sort(groups);
	return OK;
}

err_t
sys_setgroups(i32 size, uaddr_t list)
{
	REF_SCOPE(group_array, groups);
	if (!capable(CAP_SETGID))
		return EPERM;
	if ((u32)size > NGROUPS_MAX)
		return EINVAL;
	if (size > 0) {
		groups = group_array_alloc((u32)size);
		if (groups == nullptr)
			return ENOMEM;
		TRY(groups_read(groups, list));
	}
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred_set_groups(cred, groups);
	groups = nullptr;
	cred_install(cred);
	return OK;
}
