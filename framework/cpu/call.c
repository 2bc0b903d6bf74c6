// SPDX-License-Identifier: MPL-2.0
/**
 * Running a function on other CPUs, and what an inter-processor interrupt does.
 *
 * Each CPU has one request, for what it asks, and one mailbox, a word with a bit for each CPU that asks it. A caller keeps its interrupts off
 * from filling its request until the last answer, so the request has one user at a time; meanwhile it serves its own mailbox. Therefore
 * any number of CPUs may call each other at once: whoever waits, with interrupts on or off before, also answers.
 */
#include <cpu/cpu.h>
#include <debug/debug.h>

static struct cpu_request {
	void (*fn)(void *);   /* [self] of the caller, while `waiting` is 0; read by the CPUs whose bits are in `waiting` */
	void *arg;            /* [self] likewise */
	u64 waiting;          /* [atomic] CPUs that have not finished */
	u64 mailbox;          /* [atomic] CPUs whose request this CPU is to serve */
	bool calling;         /* [self] between cpu_call's begin and end */
} requests[CPU_MAX] __attribute__((aligned(64)));

/** Runs what the others want of CPU `id`, the one we are on. Interrupts are off. */
static void
mailbox_serve(u32 id)
{
	u64 from = __atomic_exchange_n(&requests[id].mailbox, 0, __ATOMIC_ACQ_REL);
	for (; from != 0; from &= from - 1) {
		struct cpu_request *request = &requests[__builtin_ctzl(from)];
		request->fn(request->arg);
		/* From here on the caller may leave and use its request anew. */
		__atomic_fetch_and(&request->waiting, ~((u64)1 << id), __ATOMIC_RELEASE);
	}
}

void
cpu_call(struct cpu_set set, void (*fn)(void *), void *arg)
{
	u64 flags = arch_irq_save();
	u32 here = this_cpu()->id;
	struct cpu_request *request = &requests[here];
	u64 self = (u64)1 << here, others = set.bits & ~self;
	fw_assert(!request->calling);                            /* a function that is called must not call */
	fw_assert((set.bits & ~cpu_online_set().bits) == 0);
	request->calling = true;
	request->fn = fn;
	request->arg = arg;
	__atomic_store_n(&request->waiting, others, __ATOMIC_RELEASE);
	for (u64 to = others; to != 0; to &= to - 1) {
		u32 id = (u32)__builtin_ctzl(to);
		/* A mailbox that was not empty has an interrupt on the way, which its first sender sends. */
		if (__atomic_fetch_or(&requests[id].mailbox, self, __ATOMIC_SEQ_CST) == 0)
			arch_ipi(id, IPI_CALL);
	}
	if ((set.bits & self) != 0)
		fn(arg);
	while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0) {
		mailbox_serve(here);
		arch_pause();
	}
	request->calling = false;
	arch_irq_restore(flags);
}

void
ipi_dispatch(enum ipi_kind kind)
{
	switch (kind) {
	case IPI_RESCHEDULE: break;   /* the mark is set; interrupt_exit looks at it */
	case IPI_CALL: mailbox_serve(this_cpu()->id); break;
	case IPI_STOP: arch_stop();
	}
}
