// SPDX-License-Identifier: MPL-2.0
/**
 * System V shared memory: segments by key and id, and where they are attached.
 *
 * A segment is a VM object with an owner. A mapping holds the segment as its file, so that the number of attachments follows
 * munmap, fork and exit by themselves. Source: shmget(2), shmop(2), shmctl(2), sysvipc(7).
 */
#include "mman.h"

#include <clock.h>
#include <syscall_handlers.h>
#include <thread.h>
#include <uio.h>

enum : u32 {
	IPC_CREAT = 01000, IPC_EXCL = 02000, SHM_HUGETLB = 04000, SHM_NORESERVE = 010000,
	SHM_RDONLY = 010000, SHM_RND = 020000, SHM_REMAP = 040000, SHM_EXEC = 0100000,
	SHM_DEST = 01000, SHM_LOCKED = 02000, S_IRUGO = 0444, S_IWUGO = 0222, S_IRWXUGO = 0777,
	IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3, SHM_LOCK = 11, SHM_UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15,
	IPC_64 = 0x100, SHM_SLOTS = 4096, ID_SHIFT = 15, ID_GENERATIONS = 1 << 16,
};
enum : u64 { SHM_SIZE_MAX = ~(u64)0 - ((u64)1 << 24) };

/* As programs see them (asm/shmbuf.h, linux/shm.h), plain data. */
struct ipc_perm { i32 key; u32 uid, gid, cuid, cgid, mode; u16 seq, pad1; u32 pad2; u64 unused[2]; };
struct shmid_ds { struct ipc_perm perm; u64 size; i64 atime, dtime, ctime; i32 cpid, lpid; u64 nattch, unused[2]; };
struct shminfo { u64 shmmax, shmmin, shmmni, shmseg, shmall, unused[4]; };
struct shm_info { i32 used_ids; u32 pad; u64 total, resident, swapped, swap_attempts, swap_successes; };
static_assert(sizeof(struct shmid_ds) == 112 && sizeof(struct shm_info) == 48);

static struct mutex shm_lock;       /* the table and all of each segment's state */

struct shm {
	struct shmid_ds ds;                 /* under shm_lock; nattch is in `attached` */
	struct atomic32 attached;           /* mappings */
	struct vm_object *object;           /* [const] counted */
	u64 pages;                          /* [const] promised, 0: none */
	u32 id;                             /* [const] */
	bool removed;                       /* under shm_lock: not in the table any more */
};
static void
shm_release(struct shm *shm)
{
	if (shm->object != nullptr)
		vm_object_put(shm->object);
	vm_commit_uncharge(shm->pages);
}
OBJECT_DECLARE(shm);
OBJECT_DEFINE_RELEASE(shm);

static struct { struct shm *shm; u32 generation; } slots[SHM_SLOTS] GUARDED_BY(&shm_lock);
static u32 slot_hint GUARDED_BY(&shm_lock);
static u32 segment_count GUARDED_BY(&shm_lock);

/* --- the table --- */

static struct shm *
shm_at(i32 id) MUST_HOLD(&shm_lock)
{
	u32 slot = (u32)id & (((u32)1 << ID_SHIFT) - 1);
	struct shm *shm = id >= 0 && slot < SHM_SLOTS ? slots[slot].shm : nullptr;
	return shm != nullptr && shm->id == (u32)id ? shm : nullptr;
}

static struct shm *
shm_by_key(i32 key) MUST_HOLD(&shm_lock)
{
	for (u32 i = 0; key != 0 && i < SHM_SLOTS; i++)
		if (slots[i].shm != nullptr && slots[i].shm->ds.perm.key == key)
			return slots[i].shm;
	return nullptr;
}

/** Off the table: nobody finds it any more; its memory goes with the last mapping. */
static void
shm_forget(struct shm *shm) MUST_HOLD(&shm_lock)
{
	u32 slot = shm->id & (((u32)1 << ID_SHIFT) - 1);
	if (shm->removed || slot >= SHM_SLOTS)
		return;
	shm->removed = true;
	slots[slot].shm = nullptr;
	segment_count--;
	shm_put(shm);
}

/** Takes over the caller's reference. => ENOSPC */
static err_t
shm_enter(struct shm *shm) MUST_HOLD(&shm_lock)
{
	for (u32 n = 0; n < SHM_SLOTS; n++) {
		u32 slot = (slot_hint + n) % SHM_SLOTS;
		if (slots[slot].shm != nullptr)
			continue;
		shm->ds.perm.seq = (u16)slots[slot].generation;
		shm->id = (slots[slot].generation % ID_GENERATIONS) << ID_SHIFT | slot;
		slots[slot].generation = (slots[slot].generation + 1) % ID_GENERATIONS;
		slots[slot].shm = shm;
		slot_hint = slot + 1;
		segment_count++;
		return OK;
	}
	return ENOSPC;
}

/** Whether the caller has all of the rights in `want`, a triple of mode bits repeated. */
static err_t
shm_permission(const struct shm *shm, u32 want)
{
	const struct ipc_perm *perm = &shm->ds.perm;
	const struct cred *cred = cred_current();
	u32 granted = perm->mode, asked = want >> 6 | want >> 3 | want;
	if (cred->euid == perm->cuid || cred->euid == perm->uid)
		granted >>= 6;
	else if (cred_in_group(cred, perm->cgid) || cred_in_group(cred, perm->gid))
		granted >>= 3;
	return (asked & ~granted & 7) == 0 || capable(CAP_IPC_OWNER) ? OK : EACCES;
}

static err_t
shm_owner(const struct shm *shm)
{
	u32 euid = cred_current()->euid;
	return euid == shm->ds.perm.uid || euid == shm->ds.perm.cuid || capable(CAP_SYS_ADMIN) ? OK : EPERM;
}

static i64
now_seconds(void)
{
	return (i64)(clock_realtime() / NS_PER_SEC);
}

/* --- shmget --- */

static err_t
shm_create(i32 key, u64 size, u32 flags, struct shm **scoped out)
{
	u64 len = align_up(size, PAGE_SIZE);
	if (size < 1 || size > SHM_SIZE_MAX)
		return EINVAL;
	if ((flags & SHM_HUGETLB) != 0)
		return ENOMEM;   /* the pool of huge pages is empty */
	REF_SCOPE(shm, shm);
	shm = shm_alloc();
	if (shm == nullptr)
		return ENOMEM;
	if ((flags & SHM_NORESERVE) == 0) {
		TRY(vm_commit_charge(len >> PAGE_SHIFT));
		shm->pages = len >> PAGE_SHIFT;
	}
	shm->object = vm_object_create(nullptr, nullptr);
	if (shm->object == nullptr)
		return ENOMEM;
	vm_object_resize(shm->object, len);
	const struct cred *cred = cred_current();
	shm->ds = (struct shmid_ds){
		.perm = { .key = key, .uid = cred->euid, .gid = cred->egid, .cuid = cred->euid, .cgid = cred->egid, .mode = flags & S_IRWXUGO },
		.size = size, .ctime = now_seconds(), .cpid = (i32)process_current()->pid,
	};
	*out = shm;
	shm = nullptr;
	return OK;
}

err_t
sys_shmget(i32 key, u64 size, u32 flags, u64 *scoped result)
{
	MUTEX_SCOPE(&shm_lock);
	struct shm *shm = shm_by_key(key);
	if (shm != nullptr) {
		if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
			return EEXIST;
		if (size > shm->ds.size)
			return EINVAL;
		TRY(shm_permission(shm, flags & S_IRWXUGO));
		*result = shm->id;
		return OK;
	}
	if (key != 0 && (flags & IPC_CREAT) == 0)
		return ENOENT;
	TRY(shm_create(key, size, flags, &shm));
	err_t err = shm_enter(shm);
	if (err != OK)
		shm_put(shm);
	else
		*result = shm->id;
	return err;
}

/* --- attaching --- */

/** The reference of one mapping: it is an attachment. Both are called under the map's lock, which comes before shm_lock. */
static void
attach_get(struct object *object)
{
	struct shm *shm = shm_from(object);
	(void)atomic32_add(&shm->attached, 1);
	shm_get(shm);
}

static void
attach_put(struct object *object)
{
	struct shm *shm = shm_from(object);
	struct thread *thread = thread_current_or_null();
	{
		MUTEX_SCOPE(&shm_lock);
		shm->ds.dtime = now_seconds();
		if (thread != nullptr)
			shm->ds.lpid = (i32)thread->process->pid;
		if (atomic32_sub(&shm->attached, 1) == 1 && (shm->ds.perm.mode & SHM_DEST) != 0)
			shm_forget(shm);
	}
	shm_put(shm);
}

static size_t
attach_name(struct object *object, struct bytes text)
{
	const struct shm *shm = shm_from(object);
	u8 digits[8] = {};
	for (u32 i = 0; i < sizeof(digits); i++) {
		u32 digit = (u32)shm->ds.perm.key >> (28 - 4 * i) & 0xf;
		digits[i] = (u8)(digit < 10 ? '0' + digit : 'a' + digit - 10);
	}
	return format_text(text, "/SYSV{} (deleted)", BYTES_OF(digits));
}

static const struct vm_file_ops attach_ops = { .get = attach_get, .put = attach_put, .name = attach_name };

/** The segment, if the caller may attach it so; with a reference. */
static err_t
shm_find(i32 id, u32 want, struct shm **scoped out)
{
	MUTEX_SCOPE(&shm_lock);
	struct shm *shm = shm_at(id);
	if (shm == nullptr)
		return EINVAL;
	TRY(shm_permission(shm, want));
	shm_get(shm);
	*out = shm;
	return OK;
}

err_t
sys_shmat(i32 shmid, uaddr_t addr, u32 flags, u64 *scoped result)
{
	bool reads_only = (flags & SHM_RDONLY) != 0, executes = (flags & SHM_EXEC) != 0;
	struct vm_request request = {
		.address = addr, .prot = (enum vm_prot)(VM_READ | (reads_only ? 0 : VM_WRITE) | (executes ? VM_EXEC : 0)),
		.flags = VM_SHARED | VM_MAY_EXEC | (reads_only ? 0 : (u32)VM_MAY_WRITE), .file_ops = &attach_ops,
	};
	if ((addr.raw & (PAGE_SIZE - 1)) != 0 && (flags & SHM_RND) == 0)
		return EINVAL;
	if (addr.raw == 0 && (flags & SHM_REMAP) != 0)
		return EINVAL;
	request.address = UADDR(align_down(addr.raw, PAGE_SIZE));
	if (addr.raw != 0)
		request.place = (flags & SHM_REMAP) != 0 ? VM_PLACE_FIXED : VM_PLACE_FIXED_NOREPLACE;
	REF_SCOPE(shm, shm);
	struct shm *found = nullptr;
	TRY(shm_find(shmid, S_IRUGO | (reads_only ? 0 : S_IWUGO) | (executes ? 0111 : 0), &found));
	shm = found;
	request.file = shm_object(shm);
	request.object = shm->object;
	request.len = shm->ds.size;
	uaddr_t at = {};
	err_t err = vm_map_add(map_current(), &request, &at);
	if (err != OK)
		return err == EEXIST ? EINVAL : err;
	MUTEX_SCOPE(&shm_lock);
	shm->ds.atime = now_seconds();
	shm->ds.lpid = (i32)process_current()->pid;
	*result = at.raw;
	return OK;
}

err_t
sys_shmdt(uaddr_t addr)
{
	struct vm_map *map = map_current();
	struct object *segment = nullptr;
	u64 end = USER_END;
	err_t err = EINVAL;
	if ((addr.raw & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	/* The first mapping tells the segment; all of that segment go that lie where one attachment would have put them. */
	for (u64 at = addr.raw; at < end;) {
		struct vm_area_info area = {};
		if (!vm_map_area_at(map, UADDR(at), &area) || area.start >= end)
			break;
		at = area.end;
		bool ours = area.file_ops == &attach_ops && area.start - area.offset == addr.raw && (segment == nullptr || area.file == segment);
		if (ours && segment == nullptr) {
			segment = area.file;
			end = addr.raw + align_up(shm_from(segment)->ds.size, PAGE_SIZE);
		}
		if (ours)
			err = vm_map_remove(map, UADDR(area.start), area.end - area.start);
		if (area.file != nullptr)
			area.file_ops->put(area.file);
	}
	return err;
}

/* --- shmctl --- */

static err_t
shm_stat(i32 id, u32 command, uaddr_t buf, u64 *scoped result)
{
	struct shmid_ds ds = {};
	{
		MUTEX_SCOPE(&shm_lock);
		bool by_index = command != IPC_STAT;
		struct shm *shm = by_index && id >= 0 && id < (i32)SHM_SLOTS ? ELEM(slots, (u32)id)->shm : by_index ? nullptr : shm_at(id);
		if (shm == nullptr)
			return EINVAL;
		if (command != SHM_STAT_ANY)
			TRY(shm_permission(shm, S_IRUGO));
		ds = shm->ds;
		ds.nattch = atomic32_load(&shm->attached);
		*result = by_index ? shm->id : 0;
	}
	return copy_out_value(buf, ds);
}

static err_t
shm_set(i32 id, u32 command, uaddr_t buf)
{
	struct shmid_ds ds = {};
	if (command == IPC_SET)
		TRY(copy_in_value(ds, buf));
	MUTEX_SCOPE(&shm_lock);
	struct shm *shm = shm_at(id);
	if (shm == nullptr)
		return EINVAL;
	TRY(shm_owner(shm));
	if (command == IPC_SET) {
		shm->ds.perm.uid = ds.perm.uid;
		shm->ds.perm.gid = ds.perm.gid;
		shm->ds.perm.mode = (shm->ds.perm.mode & ~(u32)S_IRWXUGO) | (ds.perm.mode & S_IRWXUGO);
		shm->ds.ctime = now_seconds();
	} else if (atomic32_load(&shm->attached) == 0) {
		shm_forget(shm);
	} else {
		/* The key is free from now on; the id lives until the last detach. */
		shm->ds.perm.mode |= SHM_DEST;
		shm->ds.perm.key = 0;
	}
	return OK;
}

static err_t
shm_lock_pages(i32 id, bool lock)
{
	MUTEX_SCOPE(&shm_lock);
	struct shm *shm = shm_at(id);
	if (shm == nullptr)
		return EINVAL;
	if (!capable(CAP_IPC_LOCK)) {
		TRY(shm_owner(shm));
		if (lock && rlimit_current(RLIMIT_MEMLOCK) == 0)
			return EPERM;
	}
	/* There is no swap: pages stay anyway. */
	shm->ds.perm.mode = lock ? shm->ds.perm.mode | SHM_LOCKED : shm->ds.perm.mode & ~(u32)SHM_LOCKED;
	return OK;
}

static err_t
shm_system_info(u32 command, uaddr_t buf, u64 *scoped result)
{
	struct shminfo limits = { .shmmax = SHM_SIZE_MAX, .shmmin = 1, .shmmni = SHM_SLOTS, .shmseg = SHM_SLOTS, .shmall = SHM_SIZE_MAX };
	struct shm_info info = {};
	u32 highest = 0;
	{
		MUTEX_SCOPE(&shm_lock);
		info.used_ids = (i32)segment_count;
		for (u32 i = 0; i < SHM_SLOTS; i++) {
			if (slots[i].shm == nullptr)
				continue;
			highest = i;
			info.total += align_up(slots[i].shm->ds.size, PAGE_SIZE) >> PAGE_SHIFT;
			info.resident += vm_object_pages(slots[i].shm->object);
		}
	}
	*result = highest;
	return command == IPC_INFO ? copy_out_value(buf, limits) : copy_out_value(buf, info);
}

err_t
sys_shmctl(i32 shmid, i32 cmd, uaddr_t buf, u64 *scoped result)
{
	u32 command = (u32)cmd & ~(u32)IPC_64;
	*result = 0;
	if (cmd < 0 || shmid < 0)
		return EINVAL;
	if (command == IPC_INFO || command == SHM_INFO)
		return shm_system_info(command, buf, result);
	if (command == IPC_STAT || command == SHM_STAT || command == SHM_STAT_ANY)
		return shm_stat(shmid, command, buf, result);
	if (command == IPC_SET || command == IPC_RMID)
		return shm_set(shmid, command, buf);
	if (command == SHM_LOCK || command == SHM_UNLOCK)
		return shm_lock_pages(shmid, command == SHM_LOCK);
	return EINVAL;
}
