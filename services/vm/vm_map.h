// SPDX-License-Identifier: MPL-2.0
/**
 * Address spaces of programs: which object stands where, with what protection; faults; copies for fork.
 *
 * The page table is the primary structure for faults: an entry without a frame carries the mark of its area (<cadre/vm_space.h>), so a
 * fault takes a cursor on its own page and no lock of the whole map. Areas are also kept in a tree, for mmap and /proc.
 *
 * Source: mmap(2), CortenMM (SOSP'25).
 */
#pragma once

#include <cadre/user.h>
#include <cadre/vm_space.h>

#include <vm_object.h>

struct vm_map;
struct process;
OBJECT_DECLARE(vm_map);

/** Flags of an area, beside its protection. */
enum vm_area_flags : u32 {
	VM_SHARED = 1, VM_GROWSDOWN = 2, VM_LOCKED = 4, VM_NORESERVE = 8, VM_DONTFORK = 0x10, VM_WIPEONFORK = 0x20,
	VM_DONTDUMP = 0x40, VM_STACK = 0x80, VM_HEAP = 0x100, VM_VDSO = 0x200, VM_SEQUENTIAL = 0x400, VM_RANDOM = 0x800,
	VM_MAY_WRITE = 0x1000, /**< mprotect may add PROT_WRITE (the file was opened for it, or the mapping is private) */
	VM_MAY_EXEC = 0x2000, VM_MERGEABLE = 0x4000, VM_HUGEPAGE = 0x8000, VM_NOHUGEPAGE = 0x10000, VM_PFNMAP = 0x20000,
	VM_WAS_WRITABLE = 0x40000, /**< private, and writable now or once: only so can it have pages of its own */
};

/** The open file behind a mapping, kept for /proc/PID/maps and for the file's lifetime, through functions since vm knows no files. */
struct vm_file_ops {
	void (*get)(struct object *file);
	void (*put)(struct object *file);
	/** What /proc/PID/maps shows for what is no `struct file` (SysV segments), with its number; null: it is one. => length of the text */
	size_t (*name)(struct object *file, struct bytes text, u64 *scoped ino);
};

/** What to map. `address` 0: anywhere. */
struct vm_request {
	uaddr_t address; u64 len;
	enum vm_prot prot;
	u32 flags;                          /* enum vm_area_flags */
	enum : u32 { VM_PLACE_HINT, VM_PLACE_FIXED, VM_PLACE_FIXED_NOREPLACE, VM_PLACE_32BIT } place;
	struct vm_object *object;           /* null: anonymous. The map takes a reference of its own */
	u64 offset;                         /* into the object, bytes, page aligned */
	struct object *file; const struct vm_file_ops *file_ops;
};

err_t vm_map_create(struct vm_map **scoped out);
/** A copy for fork: private pages become copy-on-write in both. The caller is the one thread that runs in `from`, or others go on. => ENOMEM (commit limit too) */
err_t vm_map_fork(struct vm_map *from, struct vm_map **scoped out);
/** Makes it the running task's address space; null: none. */
void vm_map_activate(struct vm_map *map);
/** Everything out, before the last reference goes: at exit of its last user. `users` count threads (not /proc readers). */
void vm_map_use(struct vm_map *map);
void vm_map_unuse(struct vm_map *map);

err_t vm_map_add(struct vm_map *map, const struct vm_request *scoped request, uaddr_t *scoped at);
err_t vm_map_remove(struct vm_map *map, uaddr_t at, u64 len);
err_t vm_map_protect(struct vm_map *map, uaddr_t at, u64 len, enum vm_prot prot);

/** What a fault that could not be served means to the program. */
struct vm_fault { u32 signal; i32 code; };    /* SIGSEGV with SEGV_MAPERR or SEGV_ACCERR; SIGBUS with BUS_ADRERR; 0: none (EFAULT for copies, or the process is being killed for want of memory) */
/** Serves a fault of the running thread at `address`. => OK: try again; EFAULT: *fault says why; ENOMEM. May sleep. */
err_t vm_map_fault(struct vm_map *map, uaddr_t address, enum user_access access, struct vm_fault *scoped fault);

/** Where the parts of the program lie, for brk(2), /proc/PID/stat, prctl(PR_SET_MM). Set by execve. */
struct vm_layout {
	u64 code_start, code_end, data_start, data_end, brk_start, brk, stack_start, arg_start, arg_end, env_start, env_end, vdso;
	u64 mmap_base;
	u32 auxv_len; u64 auxv[48];
};
struct vm_layout vm_map_layout(struct vm_map *map);
void vm_map_set_layout(struct vm_map *map, const struct vm_layout *scoped layout);

/** In bytes: for /proc and getrusage. */
struct vm_usage { u64 virtual, resident, resident_peak, locked, data, stack, exec, page_tables, virtual_peak; };
struct vm_usage vm_map_usage(struct vm_map *map);

/** One area as /proc/PID/maps shows it. `file` has a reference, put with file_ops. */
struct vm_area_info { u64 start, end; enum vm_prot prot; u32 flags; u64 offset; struct object *file; const struct vm_file_ops *file_ops; };
/** The first area that ends above `address`. => false: none. */
bool vm_map_area_at(struct vm_map *map, uaddr_t address, struct vm_area_info *scoped out);
/** What an area has of pages (smaps), in bytes; `part`, `part_dirty`: each page divided by its mappings, in 1 << VM_PART_SHIFT parts of a byte. */
enum : u32 { VM_PART_SHIFT = 12 };
struct vm_page_counts { u64 resident, part, part_dirty, shared_clean, shared_dirty, private_dirty, accessed, anonymous; };
/** Counted by a walk over the page table, piece by piece: while others map and unmap, not of one moment. */
struct vm_page_counts vm_map_area_count(struct vm_map *map, const struct vm_area_info *scoped info);
/** Reads or writes another process' memory (process_vm_readv, /proc/PID/mem and cmdline). => EFAULT; *done bytes */
err_t vm_map_read(struct vm_map *map, uaddr_t at, struct bytes dst, size_t *scoped done);
err_t vm_map_write(struct vm_map *map, uaddr_t at, struct cbytes src, size_t *scoped done);

/** Identity of a futex word (futex(2)): private ones by map and address, shared ones by object and offset. Plain numbers: keys never dereference. */
struct vm_futex_key { u64 space; u64 offset; };
err_t vm_futex_key(uaddr_t at, bool shared, bool for_write, struct vm_futex_key *scoped out);

/** Settings of /proc/sys/vm and kernel/randomize_va_space. */
enum vm_overcommit : u32 { VM_OVERCOMMIT_GUESS, VM_OVERCOMMIT_ALWAYS, VM_OVERCOMMIT_NEVER };
extern struct atomic32 vm_overcommit_memory, vm_overcommit_ratio, vm_areas_max, vm_randomize;
/** Memory promised to programs and not yet used, and the limit (overcommit): in pages. */
struct vm_commit { u64 committed, limit; };
struct vm_commit vm_commit(void);

/** Called once, before any map is made. => ENOMEM */
err_t vm_init(void);

/** A random number below `below`, for layouts; nothing secret. */
u64 vm_random(u64 below);
/** Whether addresses are random here: unless personality(ADDR_NO_RANDOMIZE) or `norandmaps` on the command line said no. */
bool vm_map_is_random(struct vm_map *map);
/** Decides it, and with it mmap_base (from RLIMIT_STACK): for execve, before anything is mapped. */
void vm_map_set_random(struct vm_map *map, bool random);
/** Where the stack's end may be put: USER_END less a random distance. */
u64 vm_map_stack_top(struct vm_map *map);

/* --- what services/mman makes system calls of. Ranges are page aligned, below USER_END and not empty; lengths in bytes. --- */

/** mremap(2): `fixed`: to `to`, over whatever is there; `keep`: the old range stays, empty (MREMAP_DONTUNMAP). */
struct vm_remap { u64 old, old_len, new_len, to; bool may_move, fixed, keep; };
/** => EFAULT: the old range is not one mapping's; ENOMEM, EAGAIN (locked), EINVAL */
err_t vm_map_remap(struct vm_map *map, const struct vm_remap *scoped asked, uaddr_t *scoped out);
/** Sets and clears flags of areas. => ENOMEM: there are gaps (the rest is done), or no memory */
err_t vm_map_set_flags(struct vm_map *map, uaddr_t at, u64 len, u32 set, u32 clear);
/** mlock(2): sets VM_LOCKED within RLIMIT_MEMLOCK; does not fetch. => EPERM, ENOMEM */
err_t vm_map_lock(struct vm_map *map, uaddr_t at, u64 len);
err_t vm_map_lock_all(struct vm_map *map, bool present, bool future);
void vm_map_unlock_all(struct vm_map *map);
/** Faults pages in; AS_MAPPED: as far as their protection lets them be used. => ENOMEM: a gap, or no memory; EFAULT */
enum vm_populate : u32 { VM_POPULATE_AS_MAPPED, VM_POPULATE_READ, VM_POPULATE_WRITE };
err_t vm_map_populate(struct vm_map *map, uaddr_t at, u64 len, enum vm_populate how);
/** Throws private pages away, and unmaps the object's. => EINVAL: locked, or not anonymous; ENOMEM: gaps (the rest is done) */
err_t vm_map_discard(struct vm_map *map, uaddr_t at, u64 len, bool anonymous_only, bool locked_too);
/** Punches holes into the shared objects mapped there (MADV_REMOVE). => EINVAL, EACCES, ENOMEM */
err_t vm_map_punch(struct vm_map *map, uaddr_t at, u64 len);
/** => ENOMEM: there is a gap; EBUSY: an area has one of the flags `refused` */
err_t vm_map_check(struct vm_map *map, uaddr_t at, u64 len, u32 refused);
/** Whether the page can be had without I/O (mincore). => ENOMEM: nothing is mapped there */
err_t vm_map_is_present(struct vm_map *map, uaddr_t at, bool *scoped present);
/** brk(2). => the end of the heap, moved or not */
u64 vm_map_brk(struct vm_map *map, u64 to);
/** Whether the area at `at` is locked into memory. */
bool vm_map_is_locked(struct vm_map *map, uaddr_t at);
/** Whether what is mapped from now on will be: mlockall(MCL_FUTURE). */
bool vm_map_locks_future(struct vm_map *map);
/** => EINVAL: an area in the range is shared or has an object; ENOMEM: a gap */
err_t vm_map_check_anonymous(struct vm_map *map, uaddr_t at, u64 len);
/** remap_file_pages(2): the range, in one shared mapping, shows its object from `offset` on. => EINVAL */
err_t vm_map_shift_file(struct vm_map *map, uaddr_t at, u64 len, u64 offset);
/** The map of another process, with a reference. => null: it has none any more */
struct vm_map *vm_map_of_process(struct process *process);
/** membarrier(2): adds registrations and returns all; makes every CPU that runs one of the map's threads pass a full barrier. */
u32 vm_map_membarrier(struct vm_map *map, u32 add);
void vm_map_barrier(struct vm_map *map);
/** Promises memory that is no mapping's (System V segments), in pages. => ENOMEM */
err_t vm_commit_charge(u64 pages);
void vm_commit_uncharge(u64 pages);

/* --- out of memory --- */

/** Registers what kills a process for good (SIGKILL), and whether the running thread is being killed; at boot. */
typedef void vm_oom_kill_fn(struct process *process);
typedef bool vm_oom_killed_fn(void);
void vm_on_oom(vm_oom_kill_fn *kill, vm_oom_killed_fn *killed);
/** How many were killed so; how bad a process is, 0 … 2000 (/proc/PID/oom_score). */
u64 vm_oom_kills(void);
u64 vm_oom_score(struct process *process);
/**
 * Waits until what has been freed is there again, where little is: what readers may still look at comes back after an RCU grace period, in another task.
 * Whoever was refused memory tries again after it. => whether there is some now. Without locks.
 */
bool vm_memory_settle(void);
