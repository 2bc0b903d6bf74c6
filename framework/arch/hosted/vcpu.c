// SPDX-License-Identifier: MPL-2.0
// vCPUs as host threads: their events, the soft interrupt mask, idling, timers, and starting and stopping them.
#include <hosted.h>
#include <guest.h>

#include <cpu/cpu.h>
#include <mm/mm.h>
#include <cadre/time.h>

_Thread_local struct cpu *hosted_cpu;
_Thread_local u32 hosted_masked = 1, hosted_pending;

static struct cpu *vcpus[CPU_MAX];   /* [atomic] set by each thread as it starts */
static u64 clock_base;               /* [const] */

enum : u64 { START_TIMEOUT_NS = 10 * NS_PER_SEC };

/* --- time --- */

static u64
host_clock(int clock)
{
	u64 t[2];
	clock_gettime(clock, t);
	return t[0] * NS_PER_SEC + t[1];
}

u64
arch_clock_ns(void)
{
	if (hosted_seeded) {
		seeded_point(SEEDED_CLOCK_NS);
		return seeded_clock();
	}
	/* Loops that wait for time to pass are a place where interrupts come, too, where there are no signals. */
	if (!hosted_by_signal() && arch_irq_enabled() && hosted_irq_wanted())
		hosted_poll();
	return host_clock(HOST_CLOCK_MONOTONIC) - clock_base;
}

u64 arch_ticks_ns(u64 ticks) { return ticks; }

/** Programs ask the kernel: the host may use another counter, and change it as it runs. */
bool
clock_user_counter(struct clock_counter *out)
{
	*out = (struct clock_counter){};
	return false;
}

u64
arch_realtime_ns(void)
{
	return hosted_seeded ? seeded_realtime() : host_clock(HOST_CLOCK_REALTIME);
}

/* --- waiting and waking --- */

long
hosted_futex_wait(u32 *word, u32 expected, u64 timeout_ns)
{
	u64 timeout[2] = { timeout_ns / NS_PER_SEC, timeout_ns % NS_PER_SEC };
	return HOST_CALL(HOST_FUTEX, word, 0, expected, timeout_ns == TIME_NEVER ? 0 : (u64)timeout);
}

void
hosted_futex_wake(u32 *word)
{
	HOST_CALL(HOST_FUTEX, word, 1, 1, 0, 0, 0);
}

HOSTED_HARDWARE void
hosted_post(u32 number, u32 event)
{
	struct cpu *cpu = number < CPU_MAX ? __atomic_load_n(&vcpus[number], __ATOMIC_ACQUIRE) : nullptr;
	if (cpu == nullptr)
		return;
	__atomic_fetch_or(cpu->arch.pending, event, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&cpu->arch.idle, __ATOMIC_SEQ_CST) != 0)
		hosted_futex_wake(cpu->arch.pending);
	else if (guest_kick(cpu))
		return;
	else if (hosted_by_signal())
		HOST_CALL(HOST_TGKILL, HOST_CALL(HOST_GETPID), cpu->arch.thread, HOST_SIGUSR1);
}

/* --- timers: one host thread serves all vCPUs --- */

static u64 deadlines[CPU_MAX] = { [0 ... CPU_MAX - 1] = TIME_NEVER };  /* [atomic] */
static u64 timer_wakes_at;                                             /* [atomic] */
static u32 timer_sequence;                                             /* [atomic] */

HOSTED_HARDWARE static u64
timers_expire(u64 now)
{
	u64 next = TIME_NEVER;
	for (u32 i = 0; i < CPU_MAX; i++) {
		u64 deadline = __atomic_load_n(&deadlines[i], __ATOMIC_SEQ_CST);
		if (deadline > now)
			next = MIN(next, deadline);
		else if (__atomic_compare_exchange_n(&deadlines[i], &deadline, TIME_NEVER, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			hosted_post(i, HOSTED_TIMER);
		else
			next = 0;
	}
	return next;
}

HOSTED_HARDWARE static void *
timer_thread(void *unused)
{
	(void)unused;
	for (;;) {
		u32 sequence = __atomic_load_n(&timer_sequence, __ATOMIC_SEQ_CST);
		__atomic_store_n(&timer_wakes_at, 0, __ATOMIC_SEQ_CST);
		u64 next = timers_expire(arch_clock_ns());
		__atomic_store_n(&timer_wakes_at, next, __ATOMIC_SEQ_CST);
		u64 now = arch_clock_ns();
		if (next > now)
			hosted_futex_wait(&timer_sequence, sequence, next == TIME_NEVER ? TIME_NEVER : next - now);
	}
}

HOSTED_HARDWARE void
arch_timer_arm(u64 deadline_ns)
{
	if (hosted_seeded)
		return seeded_timer(deadline_ns);
	__atomic_store_n(&deadlines[this_cpu()->id], deadline_ns, __ATOMIC_SEQ_CST);
	/* 0: it is looking at the deadlines now, and may have passed this one. */
	u64 wakes_at = __atomic_load_n(&timer_wakes_at, __ATOMIC_SEQ_CST);
	if (wakes_at != 0 && deadline_ns >= wakes_at)
		return;
	__atomic_fetch_add(&timer_sequence, 1, __ATOMIC_SEQ_CST);
	hosted_futex_wake(&timer_sequence);
}

void
hosted_host_thread(void *(*body)(void *), void *arg)
{
	u64 all = (u64)1 << (HOST_SIGUSR1 - 1), old;
	unsigned long thread;
	HOST_CALL(HOST_RT_SIGPROCMASK, 0, &all, &old, 8);
	bool failed = pthread_create(&thread, nullptr, body, arg) != 0;
	HOST_CALL(HOST_RT_SIGPROCMASK, 2, &old, 0, 8);
	if (failed)
		exit(2);
}

void
hosted_timer_init(void)
{
	clock_base = host_clock(HOST_CLOCK_MONOTONIC);
	if (!hosted_seeded)
		hosted_host_thread(timer_thread, nullptr);
}

/* --- taking events --- */

/** One waiting event of this CPU, taken; 0: none. `*vector` for HOSTED_IRQ. */
HOSTED_HARDWARE static u32
event_take(u32 *vector)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	u32 pending = __atomic_load_n(arch->pending, __ATOMIC_ACQUIRE) & ~(u32)HOSTED_LOOK;
	if (pending == 0)
		return 0;
	u32 event = pending & -pending;
	if (event != HOSTED_IRQ) {
		__atomic_fetch_and(arch->pending, ~event, __ATOMIC_SEQ_CST);
		return event;
	}
	u64 vectors = __atomic_load_n(&arch->vectors, __ATOMIC_ACQUIRE);
	if (vectors == 0) {
		__atomic_fetch_and(arch->pending, ~HOSTED_IRQ, __ATOMIC_SEQ_CST);
		/* One may have been set since: then its poster has set the event again, or will. */
		return __atomic_load_n(&arch->vectors, __ATOMIC_SEQ_CST) != 0 ? event_take(vector) : 0;
	}
	*vector = (u32)__builtin_ctzl(vectors);
	__atomic_fetch_and(&arch->vectors, ~((u64)1 << *vector), __ATOMIC_SEQ_CST);
	return HOSTED_IRQ;
}

static void
event_dispatch(u32 event, u32 vector, bool preemptible)
{
	seeded_event(TEXT("interrupt"), (const u64[]){ event, vector }, 2);
	interrupt_enter();
	if (event == HOSTED_TIMER)
		timer_interrupt();
	else if (event == HOSTED_IRQ)
		irq_dispatch(ARCH_IRQ_VECTOR_BASE + vector);
	else
		ipi_dispatch((enum ipi_kind)__builtin_ctz(event));
	interrupt_exit(preemptible);
}

/**
 * Whether the stack has room for an interrupt. On hardware each function of a service checks that (stack_limit.S); here a service comes to
 * the very end of its stack, and what would be an overflow of its own would be the handler's, and fatal.
 */
static bool
interrupt_has_room(void)
{
	enum : u64 { ROOM = 32 * 1024 };
	u64 sp = (u64)__builtin_frame_address(0), low = stack_low(sp);
	return low == 0 || sp - low >= ROOM;
}

void
hosted_poll(void)
{
	if (!interrupt_has_room())
		return;
	while (arch_irq_save() != 0) {
		if (hosted_seeded)
			seeded_pass(SEEDED_UNMASK_NS);
		/* The dispatch may switch tasks and come back on another CPU: nothing of this one is kept across it. */
		for (u32 vector = 0, event; (event = event_take(&vector)) != 0;)
			event_dispatch(event, vector, true);
		asm volatile("movl $0, %%fs:hosted_masked@tpoff" : : : "memory");
		if (hosted_seeded || !hosted_irq_wanted())
			return;
	}
}

void
seeded_point(u64 ns)
{
	seeded_pass(ns);
	if (arch_irq_enabled() && hosted_events_wait(&this_cpu()->arch))
		hosted_poll();
}

void
hosted_interrupts_take(void)
{
	for (u32 vector = 0, event; (event = event_take(&vector)) != 0;)
		event_dispatch(event, vector, false);
}

void
hosted_pause(void)
{
	static _Thread_local u32 spins;
	if (hosted_seeded)
		return seeded_point(SEEDED_PAUSE_NS);
	if (arch_irq_enabled() && hosted_irq_wanted())
		hosted_poll();
	if (++spins % 32 == 0)
		sched_yield();
	else
		__builtin_ia32_pause();
}

void
arch_idle(void)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	hosted_uart_flush();
	if (hosted_seeded)
		seeded_idle();
	__atomic_store_n(&arch->idle, 1, __ATOMIC_SEQ_CST);
	while (!hosted_events_wait(arch))
		hosted_futex_wait(arch->pending, 0, TIME_NEVER);
	__atomic_store_n(&arch->idle, 0, __ATOMIC_SEQ_CST);
	arch_irq_enable();
	arch_irq_disable();
}

/* --- starting and stopping --- */

void
hosted_thread_init(struct cpu *cpu)
{
	hosted_cpu = cpu;
	cpu->arch.pending = &hosted_pending;
	hosted_pending = hosted_seeded ? HOSTED_LOOK : 0;
	cpu->arch.thread = (i32)HOST_CALL(HOST_GETTID);
	hosted_trap_stack_init();
	__atomic_store_n(&vcpus[cpu->id], cpu, __ATOMIC_RELEASE);
}

static void *
vcpu_thread(void *arg)
{
	struct cpu *cpu = arg;
	u64 none = 0;
	hosted_thread_init(cpu);
	HOST_CALL(HOST_RT_SIGPROCMASK, 2, &none, 0, 8);
	framework_secondary(cpu->id);
}

bool
arch_cpu_start(u32 cpu)
{
	if (cpu >= CPU_MAX || cpu_table[cpu] == nullptr)
		return false;
	u64 flags = arch_irq_save();
	hosted_host_thread(vcpu_thread, cpu_table[cpu]);
	arch_irq_restore(flags);
	u64 patience = arch_clock_ns() + START_TIMEOUT_NS;
	while (__atomic_load_n(&cpu_table[cpu]->online, __ATOMIC_ACQUIRE) == 0 && arch_clock_ns() < patience)
		arch_pause();
	return __atomic_load_n(&cpu_table[cpu]->online, __ATOMIC_ACQUIRE) != 0;
}

void
arch_ipi(u32 cpu, enum ipi_kind kind)
{
	hosted_post(cpu, (u32)HOSTED_IPI << kind);
	if (arch_irq_enabled() && hosted_irq_wanted())
		hosted_poll();
}

void
arch_stop(void)
{
	static u32 never;
	arch_irq_disable();
	for (;;)
		hosted_futex_wait(&never, 0, TIME_NEVER);
}
