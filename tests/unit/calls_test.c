// SPDX-License-Identifier: MPL-2.0
/**
 * Random system calls in the kernel's own process (calls.h): the undirected fuzzer, under the sanitizers and in QEMU.
 *
 * Only with `calls=SECONDS` on the command line; `seed=N`: other inputs.
 */
#include "calls.h"

#include <cadre/contain.h>

enum : u32 { CACHES = 32 };

PROGRAM_TEST(random_system_calls_neither_trap_nor_leak)
{
	static u8 input[CALLS_INPUT_MAX];
	u64 seed = calls_option(TEXT("seed"), 1), begun = clock_now(), seconds_asked = calls_option(TEXT("calls"), 0), inputs = 0, made = 0;
	u64 end = begun + seconds_asked * NS_PER_SEC, traps = contain_count();
	if (seconds_asked == 0) {
		test_skip("only with calls=SECONDS");
		return;
	}
	test_leaves(CACHES);
	calls_start();
	for (; clock_now() < end; inputs++) {
		u64 at = seed;
		u32 records = 1 + program_random(&seed, CALLS_MAX);
		input[0] = (u8)program_random(&seed, 4);
		input[1] = (u8)program_random(&seed, 4);
		for (u32 i = 0; i < records; i++)
			calls_record_random(input + CALLS_HEAD + i * CALL_BYTES, &seed);
		made += calls_run(input, CALLS_HEAD + records * CALL_BYTES);
		if (contain_count() == traps)
			continue;
		log_error("a trap: again with seed={}", at);
		test_fail(__FILE__, __LINE__, "a system call trapped", at, 0);
		break;
	}
	calls_stop();
	u64 seconds = MAX((clock_now() - begun) / NS_PER_SEC, (u64)1);
	log_info("{} inputs, {} calls, {} a second", inputs, made, made / seconds);
}
