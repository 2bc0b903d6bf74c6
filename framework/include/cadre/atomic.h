// SPDX-License-Identifier: MPL-2.0
/**
 * Atomic integers and pointers' companions, with the memory orders of C23 (7.17.3) in the names.
 *
 * A plain call (`atomic32_load`, `_store`, `_add` …) is sequentially consistent; `_relaxed`, `_acquire` and `_release`
 * say what they are. Usable in every context. No address of a word inside is ever handed out.
 */
#pragma once

#include <cadre/types.h>

#define ATOMIC_DEFINE_(name, T)                                                                                        \
	struct OPAQUE name {                                                                                           \
		PRIVATE T value;                                                                                       \
	};                                                                                                             \
	static inline T name##_load(const struct name *scoped a) { return __atomic_load_n(&a->value, __ATOMIC_SEQ_CST); }          \
	static inline T name##_load_acquire(const struct name *scoped a) { return __atomic_load_n(&a->value, __ATOMIC_ACQUIRE); }  \
	static inline T name##_load_relaxed(const struct name *scoped a) { return __atomic_load_n(&a->value, __ATOMIC_RELAXED); }  \
	static inline void name##_store(struct name *scoped a, T v) { __atomic_store_n(&a->value, v, __ATOMIC_SEQ_CST); }          \
	static inline void name##_store_release(struct name *scoped a, T v) { __atomic_store_n(&a->value, v, __ATOMIC_RELEASE); }  \
	static inline void name##_store_relaxed(struct name *scoped a, T v) { __atomic_store_n(&a->value, v, __ATOMIC_RELAXED); }  \
	/* Each of these returns the value before. */                                                                 \
	static inline T name##_exchange(struct name *scoped a, T v) { return __atomic_exchange_n(&a->value, v, __ATOMIC_SEQ_CST); }\
	static inline T name##_add(struct name *scoped a, T v) { return __atomic_fetch_add(&a->value, v, __ATOMIC_SEQ_CST); }      \
	static inline T name##_add_relaxed(struct name *scoped a, T v) { return __atomic_fetch_add(&a->value, v, __ATOMIC_RELAXED); } \
	static inline T name##_sub(struct name *scoped a, T v) { return __atomic_fetch_sub(&a->value, v, __ATOMIC_SEQ_CST); }      \
	static inline T name##_or(struct name *scoped a, T v) { return __atomic_fetch_or(&a->value, v, __ATOMIC_SEQ_CST); }        \
	static inline T name##_and(struct name *scoped a, T v) { return __atomic_fetch_and(&a->value, v, __ATOMIC_SEQ_CST); }      \
	/* Stores `to` if the value is *expected; else stores the value there and returns false. */                   \
	static inline bool name##_cas(struct name *scoped a, T *scoped expected, T to) {                               \
		return __atomic_compare_exchange_n(&a->value, expected, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}

ATOMIC_DEFINE_(atomic32, u32)
ATOMIC_DEFINE_(atomic64, u64)

static inline void atomic_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/** Reads and publishes a pointer field of an object that others read without a lock (RCU). */
#define POINTER_LOAD(lvalue)           __atomic_load_n(&(lvalue), __ATOMIC_ACQUIRE)
#define POINTER_PUBLISH(lvalue, value) __atomic_store_n(&(lvalue), (value), __ATOMIC_RELEASE)
