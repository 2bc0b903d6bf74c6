// SPDX-License-Identifier: MPL-2.0
/**
 * CPUs, sets of them, and per-CPU data of services.
 */
#pragma once

#include <cadre/object.h>
#include <cadre/spin.h>
#include <cadre/task.h>

u32 cpu_count(void);       /**< CPUs that run; they are numbered 0 … cpu_count() - 1 */
u32 cpu_current(void);     /**< => traps where preemption is on: the answer would be stale */
/** What a processor says of itself (Intel SDM 2A, CPUID): features, never an identity. */
struct cpu_leaf { u32 eax, ebx, ecx, edx; };
struct cpu_leaf cpu_leaf(u32 leaf, u32 subleaf);

static inline bool
cpu_set_has(struct cpu_set set, u32 cpu)
{
	return cpu < CPU_MAX && (set.bits >> cpu & 1) != 0;
}

static inline struct cpu_set
cpu_set_with(struct cpu_set set, u32 cpu)
{
	return (struct cpu_set){ set.bits | (cpu < CPU_MAX ? (u64)1 << cpu : 0) };
}

/** A word from the processor's random number generator. => false: it has none, or it is empty just now. Any context. */
bool cpu_random(u64 *scoped out);

/** Asks the CPU to run the scheduler soon. Any context. => out of range: ignored. */
void cpu_reschedule(u32 cpu);

/**
 * One `struct T` per CPU, zeroed, under the name `name`: at file scope, CPU_LOCAL_DEFINE(T, name);
 *
 * `CPU_LOCAL_SCOPE(p, name)` declares `struct T *p`, this CPU's copy, and keeps the task on this CPU to the end of the block.
 * `CPU_LOCAL_OF(name, cpu)` is another CPU's copy, for statistics or under a lock in it; traps where there is no such CPU.
 */
#define CPU_LOCAL_DEFINE(T, name)                                                                                      \
	static_assert(sizeof(struct T) + 0 * sizeof(heap_check_type_((struct T *)nullptr)) <= 4 * PAGE_SIZE);          \
	PRIVATE static struct T name##_cpu_local_ __attribute__((section("cpu_local"), aligned(64), used))
PRIVATE void *cpu_local_here_(void *scoped image);
PRIVATE void *cpu_local_of_(void *scoped image, u32 cpu);
PRIVATE static inline void cpu_local_scope_end_(const u8 *unused) { (void)unused; preempt_enable(); }
#define CPU_LOCAL_SCOPE(p, name)                                                                                       \
	const u8 SCOPE_NAME_ __attribute__((cleanup(cpu_local_scope_end_), unused)) = ({ preempt_disable(); (u8)0; }); \
	typeof(name##_cpu_local_) *const p = (typeof(name##_cpu_local_) *)cpu_local_here_(&name##_cpu_local_)
#define CPU_LOCAL_OF(name, cpu) ((typeof(name##_cpu_local_) *)cpu_local_of_(&name##_cpu_local_, (cpu)))
