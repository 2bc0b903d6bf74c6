// SPDX-License-Identifier: MPL-2.0
/**
 * A counted word: a state and two reference counts, the services' and the framework's, changed as one.
 *
 * | bits | what |
 * | --- | --- |
 * | 0 … 27 | references of services |
 * | 28 … 55 | references of the framework |
 * | 56 … 63 | state, defined by the user of the word |
 *
 * Invariant: what the word guards leaves its state only in the step that takes the last reference of both kinds, so
 * whoever took a reference in a state finds that state until it lets go. A count that has reached REF_MAX stays there.
 */
#pragma once

#include <cadre/types.h>

enum ref_kind : u32 { REF_SERVICE = 0, REF_FRAMEWORK = 28 };
enum : u64 { REF_MAX = ((u64)1 << 28) - 1 };
enum : u32 { REF_STATE_SHIFT = 56 };

static inline u64
ref_word(u64 state, u64 service, u64 framework)
{
	return state << REF_STATE_SHIFT | framework << REF_FRAMEWORK | service << REF_SERVICE;
}

static inline u32 ref_state(u64 word) { return (u32)(word >> REF_STATE_SHIFT); }
static inline u32 ref_count(u64 word, enum ref_kind kind) { return (u32)(word >> kind & REF_MAX); }
static inline u64 ref_load(const u64 *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

static inline bool
ref_cas(u64 *word, u64 *expected, u64 to)
{
	return __atomic_compare_exchange_n(word, expected, to, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/** From `from` to `to`, for good. => false, nothing changed, where the word was not `from`. */
static inline bool
ref_move(u64 *word, u64 from, u64 to)
{
	return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/** One reference more, where the state is `state`. => false: it is not. */
static inline bool
ref_get(u64 *word, u32 state, enum ref_kind kind)
{
	u64 old = ref_load(word);
	do {
		if (ref_state(old) != state)
			return false;
		if (ref_count(old, kind) == REF_MAX)
			return true;
	} while (!ref_cas(word, &old, old + ((u64)1 << kind)));
	return true;
}

enum ref_put : u32 { REF_NONE, REF_LEFT, REF_LAST };

/**
 * One reference less. REF_NONE: there was none in this state, nothing changed. REF_LAST: the word is `last` now,
 * whose state is another.
 */
static inline enum ref_put
ref_put(u64 *word, u32 state, enum ref_kind kind, u64 last)
{
	u64 old = ref_load(word), new;
	do {
		u32 count = ref_count(old, kind);
		if (ref_state(old) != state || count == 0)
			return REF_NONE;
		if (count == REF_MAX)
			return REF_LEFT;
		new = old - ((u64)1 << kind);
		if (new == ref_word(state, 0, 0))
			new = last;
	} while (!ref_cas(word, &old, new));
	return new == last ? REF_LAST : REF_LEFT;
}
