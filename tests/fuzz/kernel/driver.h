// SPDX-License-Identifier: MPL-2.0
/** Between libFuzzer, which has a thread of the host, and the kernel beside it, which runs its inputs. */
#pragma once

#include <cadre/types.h>

/** One for each thing that is fuzzed (`fuzz=NAME` on the command line). */
struct fuzz_target {
	const char *name;
	/** In a program, once; what every input needs. */
	void (*start)(void);
	/** In that program: runs an input, and leaves all as it was before. */
	void (*run)(const u8 *bytes, u32 len);
	/** System calls made; null: uncounted. */
	u64 (*made)(void);
	/** On libFuzzer's thread: changes `bytes`, of which `len` are used and `max` there. Null: libFuzzer's own. => their new length */
	size_t (*mutate)(u8 *bytes, size_t len, size_t max, u32 seed);
	/** Makes `out` of two. Null: never. => its length, 0: not these */
	size_t (*cross)(const u8 *a, size_t a_len, const u8 *b, size_t b_len, u8 *out, size_t max, u32 seed);
};
extern const struct fuzz_target fuzz_calls, fuzz_exec, fuzz_random;

/** libFuzzer's own changes: bytes, its dictionary, what was compared. */
size_t LLVMFuzzerMutate(u8 *bytes, size_t len, size_t max);
