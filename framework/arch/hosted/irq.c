// SPDX-License-Identifier: MPL-2.0
// Simulated interrupt inputs: edges that hosted_raise_irq sends.
#include <hosted.h>
#include <cpu/cpu.h>

/* Each input's word: bit 31 routed, 30 masked, 29 an edge waits, 8 … 15 CPU, 0 … 7 vector. One atomic word, so there is no lock. */
enum : u32 { ROUTED = 1u << 31, MASKED = 1u << 30, LATCHED = 1u << 29, ROUTE = 0xffff };
static u32 inputs[HOSTED_GSIS];

u32
arch_gsi_count(void)
{
	return HOSTED_GSIS;
}

bool
arch_gsi_reserved(u32 gsi)
{
	return gsi == HOSTED_GSI_TIMER;
}

HOSTED_HARDWARE static void
deliver(u32 route)
{
	u32 cpu = route >> 8 & 0xff;
	if (cpu_table[cpu] == nullptr)
		return;
	__atomic_fetch_or(&cpu_table[cpu]->arch.vectors, (u64)1 << (route & 0xff), __ATOMIC_SEQ_CST);
	hosted_post(cpu, HOSTED_IRQ);
}

bool
arch_irq_route(u32 gsi, u32 trigger, u32 cpu, u32 vector)
{
	(void)trigger;
	if (gsi >= HOSTED_GSIS || cpu >= CPU_MAX || vector - ARCH_IRQ_VECTOR_BASE >= ARCH_IRQ_VECTORS)
		return false;
	__atomic_store_n(&inputs[gsi], ROUTED | MASKED | cpu << 8 | (vector - ARCH_IRQ_VECTOR_BASE), __ATOMIC_SEQ_CST);
	return true;
}

HOSTED_HARDWARE void
arch_irq_mask(u32 gsi)
{
	if (gsi < HOSTED_GSIS)
		__atomic_fetch_or(&inputs[gsi], MASKED, __ATOMIC_SEQ_CST);
}

HOSTED_HARDWARE void
arch_irq_unmask(u32 gsi)
{
	if (gsi >= HOSTED_GSIS)
		return;
	u32 was = __atomic_fetch_and(&inputs[gsi], ~(MASKED | LATCHED), __ATOMIC_SEQ_CST);
	if ((was & LATCHED) != 0)
		deliver(was & ROUTE);
}

void
arch_irq_eoi(void)
{
}

HOSTED_HARDWARE void
hosted_raise_irq(u32 gsi)
{
	if (gsi >= HOSTED_GSIS)
		return;
	u32 was = __atomic_load_n(&inputs[gsi], __ATOMIC_SEQ_CST);
	while ((was & MASKED) != 0)
		if (__atomic_compare_exchange_n(&inputs[gsi], &was, was | LATCHED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return;
	if ((was & ROUTED) != 0)
		deliver(was & ROUTE);
	if (arch_irq_enabled() && hosted_irq_wanted())
		hosted_poll();
}
