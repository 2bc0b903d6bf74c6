// SPDX-License-Identifier: MPL-2.0
/**
 * System V shared memory: segments by key and id, and where they are attached.
 *
 * A segment is a VM object with an owner. A mapping holds the segment as its file, so that the number of attachments follows
 * munmap, fork and exit by themselves. Source: shmget(2), shmop(2), shmctl(2), sysvipc(7).
 */
#include <syscall_handlers.h>
#include <thread.h>
#include <vm_map.h>

#include "ipc.h"
#include "sysv.h"

enum : u32 {
	SHM_HUGETLB = 04000, SHM_NORESERVE = 010000,
	SHM_RDONLY = 010000, SHM_RND = 020000, SHM_REMAP = 040000, SHM_EXEC = 0100000,
	SHM_DEST = 01000, SHM_LOCKED = 02000, SHM_LOCK = 11, SHM_UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15,
};
enum : u64 { SHM_SIZE_MAX = ~(u64)0 - ((u64)1 << 24) };

/* As programs see them (asm/shmbuf.h, linux/shm.h), plain data. */
struct shmid_ds { struct ipc_perm perm; u64 size; i64 atime, dtime, ctime; i32 cpid, lpid; u64 nattch, unused[2]; };
struct shminfo { u64 shmmax, shmmin, shmmni, shmseg, shmall, unused[4]; };
struct shm_info { i32 used_ids; u32 pad; u64 total, resident, swapped, swap_attempts, swap_successes; };
static_assert(sizeof(struct shmid_ds) == 112 && sizeof(struct shm_info) == 48);

/* Its lock guards all of each segment's state, too. */
static struct ipc_table shm_table = { .max = SHMMNI };

struct shm {
	struct ipc ipc;
	struct shmid_ds ds;                 /* under shm_table.lock; but for perm and nattch, which are in `ipc` and `attached` */
	struct atomic32 attached;           /* mappings */
	struct vm_object *object;           /* [const] counted */
	u64 pages;                          /* [const] promised, 0: none */
	bool removed;                       /* under shm_table.lock: not in the table any more */
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

/* --- the table --- */

static struct shm *
shm_at(i32 id) MUST_HOLD(&shm_table.lock)
{
	struct ipc *ipc = ipc_by_id(&shm_table, id);
	return ipc != nullptr ? shm_from(ipc->owner) : nullptr;
}

/** Off the table: nobody finds it any more; its memory goes with the last mapping. */
static void
shm_forget(struct shm *shm) MUST_HOLD(&shm_table.lock)
{
	if (shm->removed)
		return;
	shm->removed = true;
	ipc_leave(&shm_table, &shm->ipc);
	shm_put(shm);
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
	ipc_init(&shm->ipc, shm_object(shm), key, flags);
	shm->ds = (struct shmid_ds){ .size = size, .ctime = ipc_now(), .cpid = (i32)process_current()->pid };
	*out = shm;
	shm = nullptr;
	return OK;
}

err_t
sys_shmget(i32 key, u64 size, u32 flags, u64 *scoped result)
{
	MUTEX_SCOPE(&shm_table.lock);
	struct ipc *ipc = ipc_by_key(&shm_table, key);
	if (ipc != nullptr) {
		if ((flags & (IPC_CREAT | IPC_EXCL)) != (IPC_CREAT | IPC_EXCL) && size > shm_from(ipc->owner)->ds.size)
			return EINVAL;
		TRY(ipc_get_existing(ipc, flags));
		*result = (u64)ipc->id;
		return OK;
	}
	struct shm *shm = nullptr;
	if (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0)
		return ENOENT;
	TRY(shm_create(key, size, flags, &shm));
	err_t err = ipc_enter(&shm_table, &shm->ipc);
	if (err != OK)
		shm_put(shm);
	else
		*result = (u64)shm->ipc.id;
	return err;
}

/* --- attaching --- */

/** The reference of one mapping: it is an attachment. Both are called under the map's lock, which comes before shm_table.lock. */
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
		MUTEX_SCOPE(&shm_table.lock);
		shm->ds.dtime = ipc_now();
		if (thread != nullptr)
			shm->ds.lpid = (i32)thread->process->pid;
		if (atomic32_sub(&shm->attached, 1) == 1 && (shm->ipc.perm.mode & SHM_DEST) != 0)
			shm_forget(shm);
	}
	shm_put(shm);
}

static size_t
attach_name(struct object *object, struct bytes text, u64 *scoped ino)
{
	const struct shm *shm = shm_from(object);
	u8 digits[8] = {};
	*ino = (u32)shm->ipc.id;
	for (u32 i = 0; i < sizeof(digits); i++) {
		u32 digit = (u32)shm->ipc.perm.key >> (28 - 4 * i) & 0xf;
		digits[i] = (u8)(digit < 10 ? '0' + digit : 'a' + digit - 10);
	}
	return format_text(text, "/SYSV{} (deleted)", BYTES_OF(digits));
}

static const struct vm_file_ops attach_ops = { .get = attach_get, .put = attach_put, .name = attach_name };

/** The segment, if the caller may attach it so; with a reference. */
static err_t
shm_find(i32 id, u32 want, struct shm **scoped out)
{
	MUTEX_SCOPE(&shm_table.lock);
	struct shm *shm = shm_at(id);
	if (shm == nullptr)
		return EINVAL;
	TRY(ipc_permission(&shm->ipc, want));
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
	TRY(shm_find(shmid, IPC_READ | (reads_only ? 0 : IPC_WRITE) | (executes ? 0111 : 0), &found));
	shm = found;
	request.file = shm_object(shm);
	request.object = shm->object;
	request.len = shm->ds.size;
	uaddr_t at = {};
	err_t err = vm_map_add(map_current(), &request, &at);
	if (err != OK)
		return err == EEXIST ? EINVAL : err;
	MUTEX_SCOPE(&shm_table.lock);
	shm->ds.atime = ipc_now();
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
		MUTEX_SCOPE(&shm_table.lock);
		bool by_index = command != IPC_STAT;
		struct ipc *ipc = by_index ? ipc_at(&shm_table, id) : ipc_by_id(&shm_table, id);
		if (ipc == nullptr)
			return EINVAL;
		struct shm *shm = shm_from(ipc->owner);
		if (command != SHM_STAT_ANY)
			TRY(ipc_permission(&shm->ipc, IPC_READ));
		ds = shm->ds;
		ds.perm = ipc->perm;
		ds.nattch = atomic32_load(&shm->attached);
		*result = by_index ? (u64)ipc->id : 0;
	}
	return copy_out_value(buf, ds);
}

static err_t
shm_set(i32 id, u32 command, uaddr_t buf)
{
	struct shmid_ds ds = {};
	if (command == IPC_SET)
		TRY(copy_in_value(ds, buf));
	MUTEX_SCOPE(&shm_table.lock);
	struct shm *shm = shm_at(id);
	if (shm == nullptr)
		return EINVAL;
	TRY(ipc_owner(&shm->ipc));
	if (command == IPC_SET) {
		TRY(ipc_set(&shm->ipc, &ds.perm));
		shm->ds.ctime = ipc_now();
	} else if (atomic32_load(&shm->attached) == 0) {
		shm_forget(shm);
	} else {
		/* The key is free from now on; the id lives until the last detach. */
		shm->ipc.perm.mode |= SHM_DEST;
		ipc_forget_key(&shm_table, &shm->ipc);
	}
	return OK;
}

static err_t
shm_lock_pages(i32 id, bool lock)
{
	MUTEX_SCOPE(&shm_table.lock);
	struct shm *shm = shm_at(id);
	if (shm == nullptr)
		return EINVAL;
	if (!capable(CAP_IPC_LOCK)) {
		TRY(ipc_owner(&shm->ipc));
		if (lock && rlimit_current(RLIMIT_MEMLOCK) == 0)
			return EPERM;
	}
	/* There is no swap: pages stay anyway. */
	shm->ipc.perm.mode = lock ? shm->ipc.perm.mode | SHM_LOCKED : shm->ipc.perm.mode & ~(u32)SHM_LOCKED;
	return OK;
}

static err_t
shm_system_info(u32 command, uaddr_t buf, u64 *scoped result)
{
	struct shminfo limits = { .shmmax = SHM_SIZE_MAX, .shmmin = 1, .shmmni = SHMMNI, .shmseg = SHMMNI, .shmall = SHM_SIZE_MAX };
	struct shm_info info = {};
	u64 index = 0;
	{
		MUTEX_SCOPE(&shm_table.lock);
		info.used_ids = (i32)shm_table.count;
		XARRAY_FOR(ipc_map, index, ipc, &shm_table.map) {
			struct shm *shm = shm_from(ipc->owner);
			info.total += align_up(shm->ds.size, PAGE_SIZE) >> PAGE_SHIFT;
			info.resident += vm_object_pages(shm->object);
		}
		*result = ipc_highest(&shm_table);
	}
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

/* --- /proc/sysvipc/shm --- */

void
sysv_show_shm(struct text *text)
{
	u64 index = 0;
	text_put_bytes(text, TEXT("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime"
	                          "                   rss                  swap\n"));
	MUTEX_SCOPE(&shm_table.lock);
	XARRAY_FOR(ipc_map, index, ipc, &shm_table.map) {
		struct shm *shm = shm_from(ipc->owner);
		const struct shmid_ds *ds = &shm->ds;
		ipc_show_start(text, ipc);
		text_put_number(text, ds->size, 21);
		ipc_show_number(text, (u64)ds->cpid, 5);
		ipc_show_number(text, (u64)ds->lpid, 5);
		ipc_show_number(text, atomic32_load(&shm->attached), 6);
		ipc_show_owners(text, ipc);
		ipc_show_number(text, (u64)ds->atime, 10);
		ipc_show_number(text, (u64)ds->dtime, 10);
		ipc_show_number(text, (u64)ds->ctime, 10);
		ipc_show_number(text, vm_object_pages(shm->object) << PAGE_SHIFT, 21);
		ipc_show_number(text, 0, 21);
		text_put_char(text, '\n');
	}
}
