// SPDX-License-Identifier: MPL-2.0
/**
 * Areas, maps and objects inside: what the files of this folder share.
 *
 * A map's areas lie in a tree. Only the holder of vm_map.lock changes it, and says so in vm_map.sequence (odd while it is at it), so
 * a fault looks its area up without a lock: it copies what it needs (struct vm_view), opens its cursor, and looks whether
 * the sequence still stands. Whoever takes an area out or changes its protection does so in the tree first and in the page table
 * afterwards, with a cursor: so it waits for the faults that saw the old tree, and later ones see the new.
 *
 * Invariant: what a view names (its object) lives while the cursor that it was checked under is open, as the remover needs that range.
 *
 * Lock order: vm_map.lock (two maps: the parent's, then the child's) → vm_object.rmap_lock → cursor. vm_object.lock is a leaf.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/cpu.h>
#include <cadre/list.h>
#include <cadre/rbtree.h>
#include <cadre/sync.h>

#include <thread.h>
#include <uio.h>
#include <vm_map.h>

/** One mapping. */
struct vm_area {
	u64 start, end;                     /* under vm_map.lock; read by faults under vm_map.sequence, and so changed by POINTER_PUBLISH; likewise the next four */
	u32 prot, flags;                    /* enum vm_prot, enum vm_area_flags */
	struct vm_object *object;           /* counted; null: private anonymous */
	u64 offset;                         /* of `start` in the object, bytes */
	u64 charged;                        /* pages promised (commit.c); under vm_map.lock */
	struct object *file;                /* counted through file_ops; under vm_map.lock */
	const struct vm_file_ops *file_ops;
	struct vm_map *map;                 /* [const] not counted: the map outlives its areas */
	RBTREE_LINK(struct vm_area) link;   /* vm_map.areas */
	LIST_LINK(struct vm_area) rmap;     /* object->areas, under object->rmap_lock */
};
OBJECT_DECLARE(vm_area);
LIST_OF(vm_area_list, struct vm_area, rmap);

static inline int
vm_area_compare(const struct vm_area *scoped a, const struct vm_area *scoped b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}
RBTREE_OF(vm_area_tree, struct vm_area, link, vm_area_compare);

struct vm_object {
	struct spin_lock lock;
	struct frame_map pages;             /* changed under lock, read in RCU; one reference on each frame */
	struct atomic64 count;              /* pages present */
	struct atomic64 size;
	struct atomic32 writable;           /* shared mappings that may write */
	struct mutex rmap_lock;
	struct vm_area_list areas;          /* all that map it; under rmap_lock */
	const struct vm_object_ops *ops;    /* [const] may be null */
	struct object *owner;               /* [const] not counted */
	u64 id;                             /* [const] never used twice: futex keys */
};

struct vm_map {
	struct vm_space *space;             /* [const] counted */
	u64 id;                             /* [const] never used twice: futex keys */
	struct mutex lock;
	struct atomic32 sequence;           /* odd: the tree is being changed */
	struct vm_area_tree areas;          /* under lock and sequence */
	struct vm_area_tree gone;           /* under lock: of a dead map, the areas that are still to be let go of */
	u32 area_count;                     /* under lock, so are all below that say nothing else */
	u64 virtual_pages, locked_pages, data_pages, stack_pages, exec_pages, virtual_peak;
	u64 charged;                        /* pages promised to it in all */
	u64 hint, hint_gap;                 /* nothing free above hint is longer than hint_gap; see place.c */
	u32 future_flags;                   /* mlockall(MCL_FUTURE): VM_LOCKED */
	bool fixed_layout;                  /* no randomisation */
	bool dead;                          /* its last user is gone, and all its areas */
	struct vm_layout layout;
	struct atomic64 resident_peak;      /* pages; looked at now and then */
	struct atomic32 users;
	struct atomic32 membarrier;         /* registered commands, see services/mman/membarrier.c */
};

/** What a fault knows of its area, copied in one piece. */
struct vm_view {
	u64 start, end, offset;
	u32 prot, flags;                    /* as the page table can have it: with VM_READ, or 0 */
	struct vm_object *object;
	u32 sequence;                       /* the map's, when this was true */
	bool below_stack;                   /* no area here, but the next one grows down */
};

enum : u64 { STACK_GUARD_GAP = 256 * PAGE_SIZE };

static inline u64 pages_of(u64 len) { return len >> PAGE_SHIFT; }

/* --- area.c: the tree --- */
/** The area at `address`, or what is to be known where there is none (end is 0). */
struct vm_view vm_map_view(struct vm_map *map, u64 address);
static inline bool
vm_view_holds(struct vm_map *map, const struct vm_view *scoped view)
{
	return atomic32_load_acquire(&map->sequence) == view->sequence;
}
/** The first area that ends above `address`. */
struct vm_area *area_above(struct vm_map *map, u64 address) MUST_HOLD(&map->lock);
/** Around each change of the tree or of what views copy. Nothing in between may fail or sleep. */
void areas_change_begin(struct vm_map *map) MUST_HOLD(&map->lock);
void areas_change_end(struct vm_map *map) MUST_HOLD(&map->lock);
/** The part of the area from `at` on, as an area of its own with references of its own; not in the tree. => null: ENOMEM */
struct vm_area *area_tail(const struct vm_area *scoped area, u64 at);
/** Makes area boundaries at `at`. => ENOMEM */
err_t area_split(struct vm_map *map, u64 at) MUST_HOLD(&map->lock);
/** Joins the area with its neighbours where they are alike. => the area that has its range now */
struct vm_area *area_merge(struct vm_map *map, struct vm_area *area) MUST_HOLD(&map->lock);
/** Into the tree, the reverse map, and the books; takes over the caller's references. */
void area_insert(struct vm_map *map, struct vm_area *area) MUST_HOLD(&map->lock);
/** Out of all these; what the page table has is the caller's to clear. Gives back commitment. The caller puts the reference once that is done. */
void area_remove(struct vm_map *map, struct vm_area *area) MUST_HOLD(&map->lock);
/** The last two of these alone: the area is in no tree any more. */
void area_forget(struct vm_map *map, struct vm_area *area) MUST_HOLD(&map->lock);
/** Adds the area to (sign 1) or takes it off (sign -1) the map's books. */
void area_account(struct vm_map *map, const struct vm_area *scoped area, i64 sign) MUST_HOLD(&map->lock);
/** Writable shared mappings are counted for seals. */
void area_count_writable(const struct vm_area *scoped area, i32 by);
/** Empties [start, end) of the page table. */
void map_zap(struct vm_map *map, u64 start, u64 end);
/** The body of vm_map_remove. => ENOMEM (splitting; nothing changed) */
err_t map_remove_locked(struct vm_map *map, u64 start, u64 end) MUST_HOLD(&map->lock);

/* --- place.c --- */
err_t map_place(struct vm_map *map, const struct vm_request *scoped request, u64 len, u64 *scoped at) MUST_HOLD(&map->lock);
/** [start, end) is free now, or no longer. */
void map_place_freed(struct vm_map *map, u64 start, u64 end) MUST_HOLD(&map->lock);

/* --- commit.c --- */
/** Whether an area with these is charged for. */
bool commit_counts(u32 prot, u32 flags, bool has_object);

/* --- object.c, rmap.c --- */
/** The page where there is one, without a reference: in an RCU section, which keeps it from being freed. */
struct frame *object_page_peek(struct vm_object *object, u64 index);
void object_area_add(struct vm_object *object, struct vm_area *area);
void object_area_remove(struct vm_object *object, struct vm_area *area);
/** Unmaps pages [first, end) of the object wherever they are mapped: cache pages only (private copies stay), or `all`. */
void object_unmap(struct vm_object *object, u64 first, u64 end, bool all);

/* --- oom.c --- */
/** Memory was asked for in vain: frees some, or has a process killed. => whether trying again is worth it; false: die or ENOMEM */
bool memory_wait(void);
/** The same for programs' faults, which cannot fail: one process after the other. => false: it is the caller that dies */
bool memory_wait_for_ever(void);

/* --- map.c --- */
err_t map_add_locked(struct vm_map *map, const struct vm_request *scoped request, u64 len, uaddr_t *scoped at) MUST_HOLD(&map->lock);
/** RLIMIT_AS, RLIMIT_DATA and RLIMIT_MEMLOCK for `len` bytes more. */
err_t map_check_limits(struct vm_map *map, u64 len, u32 prot, u32 flags) MUST_HOLD(&map->lock);

/* --- fault.c --- */
/** The one page of zeroes that is mapped wherever private memory was read before it was written. */
struct frame *zero_page(void);

/* --- user.c --- */
/** Between a frame and user memory, faults served. => EFAULT; *done was copied. */
err_t user_put_frame(uaddr_t to, struct frame *frame, size_t off, size_t len, size_t *scoped done);
err_t user_take_frame(uaddr_t from, struct frame *frame, size_t off, size_t len, size_t *scoped done);
/** Makes pages present and accessible. => EFAULT */
err_t user_touch(uaddr_t at, size_t len, bool for_write);
