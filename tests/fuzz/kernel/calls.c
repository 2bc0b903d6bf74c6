// SPDX-License-Identifier: MPL-2.0
// Sequences of system calls for libFuzzer: changed record by record, so that what stands behind a change keeps its meaning.
#include "driver.h"

#include <calls.h>

enum : u32 { RECORDS_MAX = CALLS_MAX };

static u64 random_state;
static u32 draw(u32 below) { return below == 0 ? 0 : program_random(&random_state, below); }

static u8 *record_at(u8 *bytes, u32 i) { return bytes + CALLS_HEAD + i * CALL_BYTES; }

static void
records_move(u8 *bytes, u32 to, u32 from, u32 n)
{
	__builtin_memmove(record_at(bytes, to), record_at(bytes, from), n * CALL_BYTES);
}

/** A place for `add` records at `at`. => how many there is room for */
static u32
gap(u8 *bytes, u32 *n, u32 at, u32 add)
{
	add = MIN(add, RECORDS_MAX - *n);
	records_move(bytes, at + add, at, *n - at);
	*n += add;
	return add;
}

static void
argument_change(u8 *record)
{
	u8 *arg = record + 2 + 3 * draw(6);
	switch (draw(4)) {
	case 0: arg[0] = (u8)draw(256); break;
	case 1: arg[1 + draw(2)] = (u8)draw(256); break;
	case 2: arg[1] = (u8)(arg[1] + (draw(2) == 0 ? 1 : -1)); break;
	default: arg[0] = (u8)draw(256), arg[1] = (u8)draw(256), arg[2] = (u8)draw(256); break;
	}
}

static void
insert_random(u8 *bytes, u32 *n)
{
	u32 at = draw(*n + 1);
	if (gap(bytes, n, at, 1) == 1)
		calls_record_random(record_at(bytes, at), &random_state);
}

static void
insert_copy(u8 *bytes, u32 *n)
{
	u8 kept[CALL_BYTES];
	u32 at = draw(*n + 1);
	__builtin_memcpy(kept, record_at(bytes, draw(*n)), CALL_BYTES);
	if (gap(bytes, n, at, 1) == 1)
		__builtin_memcpy(record_at(bytes, at), kept, CALL_BYTES);
}

static void
remove_some(u8 *bytes, u32 *n)
{
	u32 at = draw(*n), count = 1 + draw(draw(4) == 0 ? *n - at : 1);
	if (count >= *n)
		return;
	records_move(bytes, at, at + count, *n - at - count);
	*n -= count;
}

static void
exchange(u8 *bytes, u32 n)
{
	u8 *a = record_at(bytes, draw(n)), *b = record_at(bytes, draw(n));
	for (u32 i = 0; i < CALL_BYTES; i++) {
		u8 kept = a[i];
		a[i] = b[i];
		b[i] = kept;
	}
}

/** Another call with the same arguments: a neighbour in the table mostly is a kin. */
static void
number_change(u8 *record)
{
	u8 other[CALL_BYTES];
	calls_record_random(other, &random_state);
	if (draw(2) == 0)
		record[0] = (u8)(record[0] + (draw(2) == 0 ? 1 : -1));
	else
		__builtin_memcpy(record, other, 2);
}

static size_t
calls_mutate(u8 *bytes, size_t len, size_t max, u32 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 1;
	if (max < CALLS_INPUT_MAX)
		return len;
	u32 n = len < CALLS_HEAD ? 0 : (u32)MIN((len - CALLS_HEAD) / CALL_BYTES, (size_t)RECORDS_MAX);
	if (n == 0) {
		bytes[0] = bytes[1] = bytes[2] = bytes[3] = 0;
		insert_random(bytes, &n);
	}
	switch (draw(16)) {
	case 0: case 1: case 2: insert_random(bytes, &n); break;
	case 3: insert_copy(bytes, &n); break;
	case 4: case 5: remove_some(bytes, &n); break;
	case 6: exchange(bytes, n); break;
	case 7: number_change(record_at(bytes, draw(n))); break;
	case 8: bytes[draw(2)] = (u8)draw(4); break;
	case 9: case 10: case 11: case 12: argument_change(record_at(bytes, draw(n))); break;
	default: {
		/* Its dictionary has numbers of calls and values of flags, and it knows what was compared in vain. */
		u32 at = draw(n);
		u8 *record = record_at(bytes, at);
		(void)LLVMFuzzerMutate(record, CALL_BYTES, CALL_BYTES);
	}
	}
	return CALLS_HEAD + n * CALL_BYTES;
}

/** The beginning of one and then some of the other. */
static size_t
calls_cross(const u8 *a, size_t a_len, const u8 *b, size_t b_len, u8 *out, size_t max, u32 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 3;
	if (a_len < CALLS_HEAD || b_len < CALLS_HEAD || max < CALLS_INPUT_MAX)
		return 0;
	u32 a_n = (u32)MIN((a_len - CALLS_HEAD) / CALL_BYTES, (size_t)RECORDS_MAX), b_n = (u32)((b_len - CALLS_HEAD) / CALL_BYTES);
	u32 first = draw(a_n + 1), from = draw(b_n + 1), second = MIN(b_n - from, RECORDS_MAX - first);
	__builtin_memcpy(out, a, CALLS_HEAD + first * CALL_BYTES);
	__builtin_memcpy(out + CALLS_HEAD + first * CALL_BYTES, b + CALLS_HEAD + from * CALL_BYTES, second * CALL_BYTES);
	return CALLS_HEAD + (first + second) * CALL_BYTES;
}

static u64 made;
static void calls_run_one(const u8 *bytes, u32 len) { made += calls_run(bytes, len); }
static u64 calls_made(void) { return made; }

const struct fuzz_target fuzz_calls = { "calls", calls_start, calls_run_one, calls_made, calls_mutate, calls_cross };

/* --- to compare with: whatever was seen before, an input is random --- */

static size_t
random_make(u8 *bytes, size_t len, size_t max, u32 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 5;
	if (max < CALLS_INPUT_MAX)
		return len;
	u32 n = 1 + draw(RECORDS_MAX);
	for (u32 i = 0; i < CALLS_HEAD; i++)
		bytes[i] = (u8)draw(4);
	for (u32 i = 0; i < n; i++)
		calls_record_random(record_at(bytes, i), &random_state);
	return CALLS_HEAD + n * CALL_BYTES;
}

const struct fuzz_target fuzz_random = { "random", calls_start, calls_run_one, calls_made, random_make, nullptr };
