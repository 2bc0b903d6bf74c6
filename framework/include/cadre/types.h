// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel's basic types: sized integers, one-field structs for addresses, checked elements.
 *
 * An address is a number here, never a pointer: a service can compute with it and hand it to the
 * framework, which checks it. Ranges are half-open.
 */
#pragma once

#include <cadre/safe.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long i64;
typedef unsigned long size_t;

enum : size_t {
	PAGE_SHIFT = 12,
	PAGE_SIZE = (size_t)1 << PAGE_SHIFT,
};

enum : u32 {
	CPU_MAX = 64,    /**< CPUs that a `cpu_set` can name; the rest are not started, and a log line says so. */
};

enum : u64 {
	NS_PER_US = 1000,
	NS_PER_MS = 1000 * NS_PER_US,
	NS_PER_SEC = 1000 * NS_PER_MS,
	TIME_NEVER = ~(u64)0, /**< as a deadline: none */
};

/** A physical address, a physical frame number, a kernel virtual address, a user virtual address. */
typedef struct { u64 raw; } paddr_t;
typedef struct { u64 raw; } pfn_t;
typedef struct { u64 raw; } uaddr_t;

#define PADDR(x) ((paddr_t){ (x) })
#define PFN(x)   ((pfn_t){ (x) })
#define UADDR(x) ((uaddr_t){ (x) })

/** Number of elements of an array whose bound is a constant. */
#define COUNTOF(a) (sizeof(a) / sizeof((a)[0]) + 0 * sizeof(struct { static_assert(!__builtin_types_compatible_p(typeof(a), typeof(&(a)[0])), "COUNTOF wants an array"); int unused; }))

/** Stops the caller: an index was out of bounds. Contained like every trap of a service. */
NORETURN void bounds_trap(void);

static inline size_t
bounds_check(size_t i, size_t n)
{
	if (__builtin_expect(i >= n, 0))
		bounds_trap();
	return i;
}

/**
 * Pointer to element i of array `a`, which has a constant bound. `&a[i]` is refused in Safe C, since the compiler's own
 * check lets the address one past the end through.
 * => traps where i is out of bounds.
 */
#define ELEM(a, i) (&(a)[bounds_check((i), COUNTOF(a))])

/* Smaller and larger of two values of one type; each argument is evaluated once. */
#define MIN(a, b) ({ auto min_a_ = (a); typeof(min_a_) min_b_ = (b); min_a_ < min_b_ ? min_a_ : min_b_; })
#define MAX(a, b) ({ auto max_a_ = (a); typeof(max_a_) max_b_ = (b); max_a_ > max_b_ ? max_a_ : max_b_; })

/** Rounds to a multiple of `align`, a power of two. `align_up` wraps to 0 past the top. */
static inline u64 align_down(u64 x, u64 align) { return x & ~(align - 1); }
static inline u64 align_up(u64 x, u64 align) { return (x + align - 1) & ~(align - 1); }

/** Whether [a, a + len) wraps or reaches beyond `limit`. The only correct way to test a range. */
static inline bool range_exceeds(u64 a, u64 len, u64 limit) { return len > limit || a > limit - len; }
