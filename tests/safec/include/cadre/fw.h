// SPDX-License-Identifier: MPL-2.0
/** A framework in miniature, for the corpus: slices, a typed heap, arrays, locks, printing. */
#pragma once
#include <cadre/safe.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef unsigned long size_t;

typedef enum err : int { OK = 0, EINVAL = 22, ENOMEM = 12 } err_t;

[[noreturn]] void bounds_trap(void);
static inline size_t bounds_check(size_t i, size_t n) { if (i >= n) bounds_trap(); return i; }
#define COUNTOF(a) (sizeof(a) / sizeof((a)[0]))
#define ELEM(a, i) (&(a)[bounds_check((i), COUNTOF(a))])
#define MIN(a, b) ({ auto min_a_ = (a); typeof(min_a_) min_b_ = (b); min_a_ < min_b_ ? min_a_ : min_b_; })

struct SCOPED_TYPE bytes { PRIVATE u8 *ptr; PRIVATE size_t len; };
struct SCOPED_TYPE cbytes { PRIVATE const u8 *ptr; PRIVATE size_t len; };
static inline size_t bytes_len(struct bytes s) { return s.len; }
static inline u8 bytes_get(struct bytes s, size_t i) { return s.ptr[bounds_check(i, s.len)]; }
static inline void bytes_set(struct bytes s, size_t i, u8 v) { s.ptr[bounds_check(i, s.len)] = v; }
static inline struct bytes bytes_sub(struct bytes s, size_t off, size_t n) { if (n > s.len || off > s.len - n) bounds_trap(); return (struct bytes){ s.ptr + off, n }; }
RETURNS_SCOPED static inline struct bytes bytes_of_plain(PLAIN void *scoped p, size_t len) { return (struct bytes){ p, len }; }
#define BYTES_OF(lvalue) bytes_of_plain(&(lvalue), sizeof(lvalue))
#define TEXT(literal) ((struct cbytes){ (const u8 *)("" literal ""), sizeof("" literal "") - 1 })
void log_print(struct cbytes text, u64 value);
#define log_info(text, value) log_print(TEXT(text), (u64)(value))
int old_printf(const char *format, ...);

PRIVATE [[noreturn]] void assert_trap(struct cbytes expression);
#define assert(expression) ((expression) ? (void)0 : assert_trap(TEXT(#expression)))

struct object;
PRIVATE struct object *heap_alloc(size_t size);
PRIVATE void *heap_check_type_(HEAP_TYPE void *p);
struct object *object_get(struct object *o);
#define OBJECT_DECLARE(T)                                                                                              \
	static inline struct T *T##_alloc(void) { return (struct T *)heap_alloc(sizeof(struct T) + 0 * sizeof(heap_check_type_((struct T *)nullptr))); } \
	static inline void T##_put(struct T *o) { object_get((struct object *)o); }                                    \
	static inline struct object *T##_object(struct T *o) { return (struct object *)o; }                            \
	static inline struct T *T##_from(struct object *o) { return (struct T *)object_get(o); }                       \
	static_assert(true)
#define ARRAY_DECLARE(array, T)                                                                                        \
	struct OPAQUE array { PRIVATE u32 length; T items[] __attribute__((counted_by(length))); };                    \
	static inline struct array *array##_alloc(u32 n) { return (struct array *)heap_alloc(sizeof(struct array) + n * sizeof(T)); } \
	static inline u32 array##_len(struct array *a) { return a->length; }                                           \
	static inline T *array##_at(struct array *a, u32 i) { return &a->items[bounds_check(i, a->length)]; }          \
	static_assert(true)
ARRAY_DECLARE(u32_array, u32);

struct OPAQUE spin_lock { PRIVATE u32 word; };
void spin_acquire(struct spin_lock *scoped lock);
void spin_release(struct spin_lock *scoped lock);
PRIVATE static inline void spin_scope_end(struct spin_lock *const *p) { spin_release(*p); }
#define SPIN_SCOPE(lock) struct spin_lock *const scope_guard_ __attribute__((cleanup(spin_scope_end), unused)) = ({ struct spin_lock *const scope_lock_ = (lock); spin_acquire(scope_lock_); scope_lock_; })
struct OPAQUE atomic32 { PRIVATE u32 value; };
u32 atomic32_add(struct atomic32 *scoped a, u32 v);
#define POINTER_LOAD(lvalue) __atomic_load_n(&(lvalue), __ATOMIC_ACQUIRE)
#define POINTER_PUBLISH(lvalue, value) __atomic_store_n(&(lvalue), (value), __ATOMIC_RELEASE)

/** A cursor that remembers what it was made over. */
struct SCOPED_TYPE cursor { PRIVATE u8 *at; u32 position; };
void cursor_init(struct cursor *scoped c, struct bytes over);
u8 cursor_next(struct cursor *scoped c);

RETURNS_SCOPED u8 *cursor_at(struct bytes over);
err_t user_read(u64 from, PLAIN void *scoped to, size_t len);
#define USER_READ(from, lvalue) user_read((from), &(lvalue), sizeof(lvalue))
err_t task_start(void (*entry)(struct object *argument), struct object *argument);
PRIVATE extern u32 framework_secret;
u32 framework_ticks(void);
void framework_hook(void);
#define FW_INTERNAL_(x) ((struct object *)(u64)(x))
#define FW_LOCAL_OBJECT(x) ((struct object *)(&(x)))
#define FW_LET(name, value) auto name = (value)
#define FW_TABLE(T) static u32 T##_heap_ids_[1]; PRIVATE static u32 T##_table[1]
