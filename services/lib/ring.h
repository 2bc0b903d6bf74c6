// SPDX-License-Identifier: MPL-2.0
/**
 * Typed rings: a queue of at most a constant number of values, in place.
 *
 *	RING_OF(key_ring, u8, 64);
 *	static struct key_ring keys;            // all zeroes is the empty ring
 *	if (!key_ring_push(&keys, code)) lost++;
 *
 * A ring takes no lock: that is the caller's. Whatever a race makes of its two counters, each access stays within it.
 */
#pragma once

#include <cadre/log.h>

/**
 * Defines `struct name`, a ring of `capacity` (a power of two) values of type `T`, and its functions:
 *
 * - `u32 name_count(ring)`, `bool name_empty(ring)`, `bool name_full(ring)`
 * - `bool name_push(ring, value)`: => false where it is full
 * - `bool name_pop(ring, &value)`, `bool name_peek(ring, &value)`: the oldest value. => false where it is empty
 */
#define RING_OF(name, T, capacity)                                                                                     \
	static_assert((capacity) > 0 && ((capacity) & ((capacity) - 1)) == 0, "a ring's capacity is a power of two");  \
	struct name { u32 head; u32 tail; T items[capacity]; }; /* both count up for ever; head is written next */     \
	[[maybe_unused]] static inline u32 name##_count(const struct name *scoped ring) { return ring->head - ring->tail; } \
	[[maybe_unused]] static inline bool name##_empty(const struct name *scoped ring) { return ring->head == ring->tail; } \
	[[maybe_unused]] static inline bool name##_full(const struct name *scoped ring)                                \
	{                                                                                                              \
		return name##_count(ring) >= (capacity);                                                               \
	}                                                                                                              \
	[[maybe_unused]] static inline bool name##_push(struct name *scoped ring, T value)                             \
	{                                                                                                              \
		if (name##_full(ring))                                                                                 \
			return false;                                                                                  \
		ring->items[ring->head & ((capacity) - 1)] = value;                                                    \
		ring->head++;                                                                                          \
		return true;                                                                                           \
	}                                                                                                              \
	[[maybe_unused]] static inline bool name##_peek(const struct name *scoped ring, T *scoped out)                 \
	{                                                                                                              \
		if (name##_empty(ring))                                                                                \
			return false;                                                                                  \
		*out = ring->items[ring->tail & ((capacity) - 1)];                                                     \
		return true;                                                                                           \
	}                                                                                                              \
	[[maybe_unused]] static inline bool name##_pop(struct name *scoped ring, T *scoped out)                        \
	{                                                                                                              \
		if (!name##_peek(ring, out))                                                                           \
			return false;                                                                                  \
		ring->tail++;                                                                                          \
		return true;                                                                                           \
	}                                                                                                              \
	static_assert(true)
