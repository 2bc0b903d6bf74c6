// SPDX-License-Identifier: MPL-2.0
// The framework around the primitives, as small as it can be: see env.h.
#include "env.h"
#include <debug/debug.h>

static struct cpu cpus[EXPLORE_THREADS];
alignas(PAGE_SIZE) u8 explore_memory[EXPLORE_PAGES * PAGE_SIZE];

struct cpu *
explore_cpu(void)
{
	return &cpus[explore_self()];
}

void
assert_trap(struct cbytes expression, struct cbytes file, u32 line)
{
	explore_fail((const char *)expression.ptr, (const char *)file.ptr, line);
}

void
misuse_at(const char *what, const char *file, u32 line, u64 pc, u64 fp)
{
	(void)pc, (void)fp;
	explore_fail(what, file, line);
}

void
panic_at(const char *file, u32 line, struct cbytes format, const struct log_arg *args, u32 nargs)
{
	(void)args, (void)nargs;
	explore_fail((const char *)format.ptr, file, line);
}

void
bounds_trap(void)
{
	explore_fail("bounds_trap", __FILE__, __LINE__);
}

struct cpu *cpu_table[CPU_MAX];
u32 cpu_online_count;

void
env_cpus_init(u32 n)
{
	cpu_online_count = n;
	for (u32 i = 0; i < n; i++) {
		cpus[i].id = i;
		cpu_table[i] = &cpus[i];
	}
}

struct cpu_set
cpu_online_set(void)
{
	return (struct cpu_set){ ((u64)1 << cpu_online_count) - 1 };
}

void
env_mark_cpu(void *arg)
{
	u32 *on = arg;
	on[this_cpu()->id]++;
}

void
arch_stop(void)
{
	explore_fail("arch_stop", __FILE__, __LINE__);
}
