// SPDX-License-Identifier: MPL-2.0
/**
 * The typed heap: objects whose addresses never change their type.
 *
 * Each type owns windows of kernel addresses for ever. A pointer into one is an object of that type, live or dead, or
 * it faults, and a fault is contained: so a dangling pointer is a logic error and never type confusion. Objects are
 * zeroed when allocated and start with one reference; the last `_put` gives the slot back to its type.
 *
 * A reference count lies before each object, out of a service's reach. It counts the services' references and the
 * framework's apart, so a service that puts too often cannot take what the framework holds.
 *
 * Lock order: takes no lock that a service can hold; callable with spin locks held and from interrupt handlers.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/slice.h>

/** Any heap object. Only ever a reference: checked downcasts give the real type back. */
struct object;

/** A heap type. Defined once per type by OBJECT_DEFINE; all-static, listed in the image's table of types. */
struct OPAQUE heap_type {
	PRIVATE const char *name;
	PRIVATE u32 size;        /**< bytes of one object (of the array's header, for arrays) */
	PRIVATE u32 align;
	PRIVATE u32 elem_size;   /**< 0, or bytes of one element of an array type */
	PRIVATE u32 flags;       /**< enum heap_flags */
	PRIVATE void (*release)(struct object *); /**< run when the last reference goes, before the slot is free; or null */
	PRIVATE u32 *ids;        /**< [boot] heap ids: one, or one per size class; 0 = not yet assigned */
	PRIVATE u32 nids;
};

PRIVATE struct object *heap_alloc(const struct heap_type *type);
PRIVATE struct object *heap_alloc_array(const struct heap_type *type, u32 len);
PRIVATE void heap_get(const struct heap_type *type, struct object *object);
PRIVATE bool heap_get_live(const struct heap_type *type, struct object *object);
PRIVATE void heap_put(const struct heap_type *type, struct object *object);
PRIVATE void heap_put_rcu(const struct heap_type *type, struct object *object);
PRIVATE u32 heap_refs(const struct heap_type *type, struct object *object);
PRIVATE struct object *heap_downcast(const struct heap_type *type, struct object *object);
[[gnu::const]] PRIVATE struct object *task_owner_as_(const struct heap_type *type);   /* of a task always the same */
PRIVATE void *heap_check_type_(HEAP_TYPE void *p); /* never called: carries the mark for safec */

/**
 * In a header: declares heap type `struct T`, with these functions:
 *
 * - `struct T *T_alloc(void)`: a zeroed object with one reference; null when memory is gone.
 * - `void T_get(struct T *)`: one more reference. => traps on an object that is not live; saturates, and a saturated
 *   object is never freed.
 * - `bool T_get_live(struct T *)`: the same, but false where the object is not live: for lookups under RCU.
 * - `void T_put(struct T *)`: one reference less; the last one runs the type's release function and frees the slot.
 *   => traps where no service holds a reference (double free).
 * - `void T_put_rcu(struct T *)`: the same after all RCU readers of now are done.
 * - `u32 T_refs(struct T *)`: how many references services have; good for a decision only where the caller's locks hold it.
 * - `struct object *T_object(struct T *)`: the object as a plain reference (counts nothing).
 * - `struct T *T_from(struct object *)`: the way back. => traps where it is null, not a T, or not live.
 * - `struct T *T_of_current_task(void)`: T_from(task_owner(task_current())), at once. The same for all of a task's life, so the compiler
 *   may ask once for many times, or not at all where nobody uses the answer.
 */
#define OBJECT_DECLARE(T)                                                                                              \
	PRIVATE extern const struct heap_type T##_heap_type;                                                           \
	static inline struct T *T##_alloc(void) { return (struct T *)heap_alloc(&T##_heap_type); }                     \
	static inline void T##_get(struct T *object) { heap_get(&T##_heap_type, (struct object *)object); }            \
	static inline bool T##_get_live(struct T *object) { return heap_get_live(&T##_heap_type, (struct object *)object); } \
	static inline void T##_put(struct T *object) { heap_put(&T##_heap_type, (struct object *)object); }            \
	static inline void T##_put_rcu(struct T *object) { heap_put_rcu(&T##_heap_type, (struct object *)object); }    \
	static inline u32 T##_refs(struct T *object) { return heap_refs(&T##_heap_type, (struct object *)object); }    \
	PRIVATE static inline void T##_scope_end_(struct T *const *at) { if (*at != nullptr) T##_put(*at); }           \
	static inline struct object *T##_object(struct T *object) { return (struct object *)object; }                  \
	static inline struct T *T##_from(struct object *object) { return (struct T *)heap_downcast(&T##_heap_type, object); } \
	static inline struct T *T##_of_current_task(void) { return (struct T *)task_owner_as_(&T##_heap_type); }       \
	static_assert(true)

/**
 * Declares local `name`, null: whatever reference stands in it at the end of the block, however that is left, is put. To keep the
 * object beyond, hand it on and set the local to null.
 */
#define REF_SCOPE(T, name) struct T *name __attribute__((cleanup(T##_scope_end_))) = nullptr

#define HEAP_TYPE_ENTRY_ __attribute__((section("heap_types"), used))

/** In one .c file, after `struct T` is complete: defines the type. */
#define OBJECT_DEFINE(T) OBJECT_DEFINE_RELEASE_(T, nullptr)

/**
 * The same, with `static void T_release(struct T *)`, defined before, which puts what the object refers to. It runs in
 * the context of the last `_put` (of a worker for `_put_rcu`) and must not keep the object.
 */
#define OBJECT_DEFINE_RELEASE(T)                                                                                       \
	static void T##_release_object_(struct object *object) { T##_release((struct T *)object); }                    \
	OBJECT_DEFINE_RELEASE_(T, T##_release_object_)

#define OBJECT_DEFINE_RELEASE_(T, release_fn)                                                                          \
	PRIVATE static u32 T##_heap_ids_[1];                                                                           \
	HEAP_TYPE_ENTRY_ const struct heap_type T##_heap_type = {                                                      \
		.name = #T,                                                                                            \
		.size = sizeof(struct T) + 0 * sizeof(heap_check_type_((struct T *)nullptr)),                          \
		.align = alignof(struct T),                                                                            \
		.release = release_fn,                                                                                 \
		.ids = T##_heap_ids_,                                                                                  \
		.nids = 1,                                                                                             \
	}

/**
 * Size classes of arrays: up to 64 bytes, then four to each doubling up to 1 GiB, so that at most a fifth is unused.
 */
enum : u32 { HEAP_SIZE_CLASSES = 97 };

/**
 * Arrays of `T` (any heap type expression) as heap type `struct name`, whose length never changes:
 * `struct name *name_alloc(u32 len)`; `u32 name_len(struct name *)`; `T *name_at(struct name *, u32 i)`, which traps
 * beyond the end; `name->items[i]` on a local pointer, checked by the compiler; and `_get`, `_put`, `_put_rcu`,
 * `_object`, `_from` as above. An array of at most 1 GiB.
 */
#define ARRAY_DECLARE(array, T)                                                                                        \
	struct OPAQUE array {                                                                                          \
		PRIVATE u32 length;                                                                                    \
		T items[] __attribute__((counted_by(length)));                                                         \
	};                                                                                                             \
	PRIVATE extern const struct heap_type array##_heap_type;                                                       \
	static inline struct array *array##_alloc(u32 len) { return (struct array *)heap_alloc_array(&array##_heap_type, len); } \
	static inline u32 array##_len(struct array *a) { return a->length; }                                           \
	static inline T *array##_at(struct array *a, u32 i) { return &a->items[bounds_check(i, a->length)]; }          \
	static inline void array##_get(struct array *a) { heap_get(&array##_heap_type, (struct object *)a); }          \
	static inline void array##_put(struct array *a) { heap_put(&array##_heap_type, (struct object *)a); }          \
	PRIVATE static inline void array##_scope_end_(struct array *const *at) { if (*at != nullptr) array##_put(*at); } \
	static inline void array##_put_rcu(struct array *a) { heap_put_rcu(&array##_heap_type, (struct object *)a); }  \
	static inline struct object *array##_object(struct array *a) { return (struct object *)a; }                    \
	static inline struct array *array##_from(struct object *o) { return (struct array *)heap_downcast(&array##_heap_type, o); } \
	static_assert(true)

#define ARRAY_DEFINE(array, T)                                                                                         \
	static_assert(__builtin_types_compatible_p(T, typeof(((struct array *)nullptr)->items[0])), "not the declared element type"); \
	PRIVATE static u32 array##_heap_ids_[HEAP_SIZE_CLASSES];                                                               \
	HEAP_TYPE_ENTRY_ const struct heap_type array##_heap_type = {                                                  \
		.name = #array,                                                                                        \
		.size = sizeof(struct array) + 0 * sizeof(heap_check_type_((T *)nullptr)), .align = alignof(struct array), \
		.elem_size = sizeof(T), .ids = array##_heap_ids_, .nids = HEAP_SIZE_CLASSES,                           \
	}

/** Arrays of bytes, the most common heap array, and the slices of their contents. */
ARRAY_DECLARE(byte_array, u8);
RETURNS_SCOPED static inline struct bytes
byte_array_bytes(struct byte_array *a)
{
	return (struct bytes){ a->items, a->length };
}

/** What the heap holds of one type, for /proc/slabinfo and leak checks. */
struct heap_stat {
	u64 live;    /**< objects allocated now */
	u64 pages;   /**< pages behind them */
	u64 size;    /**< bytes of a slot */
};
/** Statistics of heap id `id` (1 … heap_count()) and its name into `name`. => false where there is no such id. */
bool heap_stat_read(u32 id, struct heap_stat *scoped out, struct bytes name);
u32 heap_count(void);
