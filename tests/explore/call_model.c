// SPDX-License-Identifier: MPL-2.0
// Calls between CPUs (cpu/call.c): every function runs once on every CPU asked, before the caller goes on, whoever calls whom at the same time.
#include <explore.h>
#include <cpu/cpu.h>
#include "env.h"

static u32 posted[EXPLORE_THREADS];   /* an interrupt is on its way to this CPU */
static u32 ended;

void
arch_ipi(u32 cpu, enum ipi_kind kind)
{
	EXPLORE_CHECK(kind == IPI_CALL);
	__atomic_fetch_add(&posted[cpu], 1, __ATOMIC_SEQ_CST);
}

/** Interrupts are on: takes what has been posted until all CPUs have finished. */
static void
serve(u32 threads)
{
	u32 self = explore_self();
	__atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		if (__atomic_exchange_n(&posted[self], 0, __ATOMIC_SEQ_CST) != 0)
			ipi_dispatch(IPI_CALL);
		else if (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) == threads && __atomic_load_n(&posted[self], __ATOMIC_SEQ_CST) == 0)
			return;
	}
}

static void
count(void *arg)
{
	u32 *cell = arg;
	*cell += 1;
}

static void
count_atomic(void *arg)
{
	__atomic_fetch_add((u32 *)arg, 1, __ATOMIC_RELAXED);
}

/** With two CPUs the count is plain: only the call itself orders it. */
static void
call_others(u32 threads)
{
	u32 cells = 0, self = explore_self();
	struct cpu_set set = { (1u << threads) - 1 & ~(1u << self) };
	cpu_call(set, threads == 2 ? count : count_atomic, &cells);
	EXPLORE_CHECK(cells == threads - 1);
}

static void both_call(void) { call_others(2); serve(2); }
static void one_calls(void) { if (explore_self() == 0) { call_others(2); call_others(2); } serve(2); }

static void
one_calls_itself_and_two(void)
{
	static u32 on[EXPLORE_THREADS];
	if (explore_self() == 0) {
		cpu_call((struct cpu_set){ 7 }, env_mark_cpu, on);
		EXPLORE_CHECK(on[0] == 1 && on[1] == 1 && on[2] == 1);
	}
	serve(3);
}

static void setup2(void) { env_cpus_init(2); }
static void setup3(void) { env_cpus_init(3); }

MODEL(call_each_other, .setup = setup2, .threads = { both_call, both_call });
MODEL(call_twice, .setup = setup2, .threads = { one_calls, one_calls });
static void three_call(void) { call_others(3); serve(3); }

/* Memory model race has 3.6 million states here: held when last tried. */
MODEL(call_three_each_other, .setup = setup3, .threads = { three_call, three_call, three_call }, .no_race = true);
MODEL(call_all, .setup = setup3, .threads = { one_calls_itself_and_two, one_calls_itself_and_two, one_calls_itself_and_two });
