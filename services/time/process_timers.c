// SPDX-License-Identifier: MPL-2.0
/**
 * A process' timers: alarm(2), setitimer(2), and whatever waits for CPU time to be used up (RLIMIT_CPU too).
 *
 * CPU time is accounted when a thread enters or leaves user mode, and there is no regular tick. So while something waits for CPU time, a timer
 * looks from time to time: the closer it is, the oftener, at most every millisecond. Each look has the threads' CPUs account, for the next.
 */
#include "time_impl.h"

enum : u64 { LOOK_MIN = NS_PER_MS, LOOK_MAX = 100 * NS_PER_MS, REAL_MIN = 50 * NS_PER_US };
enum : i32 { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static void
process_timers_release(struct process_timers *timers)
{
	if (timers->real != nullptr)
		timer_put(timers->real);
	if (timers->poll != nullptr)
		timer_put(timers->poll);
}

OBJECT_DEFINE_RELEASE(process_timers);

/* --- ITIMER_REAL --- */

/** In an interrupt. => whether it has expired; it is set again where it repeats */
static bool
real_expired(struct process_timers *timers)
{
	IRQ_SPIN_SCOPE(&timers->lock);
	u64 now = clock_now();
	if (timers->real_expires == 0)
		return false;
	if (now < timers->real_expires) {
		timer_set(timers->real, timers->real_expires);
		return false;
	}
	(void)time_forward(&timers->real_expires, timers->real_interval, now);
	if (timers->real_interval == 0)
		timers->real_expires = 0;
	else
		timer_set(timers->real, MAX(timers->real_expires, now + REAL_MIN));
	return true;
}

static void
real_fired(struct object *object)
{
	struct process_timers *timers = process_timers_from(object);
	if (real_expired(timers))
		(void)!signal_send_process(timers->process, SIGALRM, nullptr);
}

/* --- CPU time --- */

/** => how much CPU time is left to it; TIME_NEVER: it is no longer set */
static u64
cpu_alarm_look(struct process_timers *timers, struct cpu_alarm *alarm) MUST_HOLD(&timers->lock)
{
	u64 now = cpu_clock_read(timers->process, alarm->thread, alarm->kind);
	if (now < alarm->expires)
		return alarm->expires - now;
	if (alarm->posix != nullptr) {
		alarm->expires = posix_timer_cpu_expired(alarm->posix, now);
	} else {
		(void)!signal_send_process(timers->process, alarm->number, nullptr);
		(void)time_forward(&alarm->expires, alarm->interval, now);
		alarm->expires = alarm->interval != 0 ? alarm->expires : 0;
	}
	if (alarm->expires != 0)
		return alarm->expires - MIN(now, alarm->expires);
	cpu_alarm_list_remove(&timers->cpu, alarm);
	return TIME_NEVER;
}

/** SIGXCPU at the soft limit and each second behind it, SIGKILL at the hard one. => as cpu_alarm_look */
static u64
cpu_limit_look(struct process_timers *timers) MUST_HOLD(&timers->lock)
{
	struct rlimit *limit = ELEM(timers->process->limits, RLIMIT_CPU);
	u64 soft = atomic64_load_relaxed(&limit->soft), hard = atomic64_load_relaxed(&limit->hard), max = TIME_NEVER / NS_PER_SEC;
	u64 used = cpu_clock_read(timers->process, nullptr, CPU_PROF);
	timers->limited = soft < max;
	if (!timers->limited)
		return TIME_NEVER;
	if (hard < max && used >= hard * NS_PER_SEC) {
		timers->limited = false;
		(void)!signal_send_process(timers->process, SIGKILL, nullptr);
		return TIME_NEVER;
	}
	if (used >= soft * NS_PER_SEC) {
		(void)!signal_send_process(timers->process, SIGXCPU, nullptr);
		soft = used / NS_PER_SEC + 1;
		atomic64_store(&limit->soft, soft);
	}
	return soft * NS_PER_SEC - used;
}

static void
cpu_poll_fired(struct object *object)
{
	struct process_timers *timers = process_timers_from(object);
	u64 left = TIME_NEVER;
	IRQ_SPIN_SCOPE(&timers->lock);
	LIST_FOR_REMOVING(cpu_alarm_list, alarm, &timers->cpu)
		left = MIN(left, cpu_alarm_look(timers, alarm));
	if (timers->limited)
		left = MIN(left, cpu_limit_look(timers));
	if (left == TIME_NEVER)
		return;
	u32 running = signal_process_account(timers->process);
	timer_set(timers->poll, clock_now() + MIN(MAX(left / 2 / MAX(running, (u32)1), (u64)LOOK_MIN), (u64)LOOK_MAX));
}

void
cpu_alarm_set(struct process_timers *timers, struct cpu_alarm *alarm, u64 expires, u64 interval)
{
	IRQ_SPIN_SCOPE(&timers->lock);
	if (alarm->expires != 0)
		cpu_alarm_list_remove(&timers->cpu, alarm);
	alarm->expires = expires;
	alarm->interval = interval;
	if (expires == 0)
		return;
	cpu_alarm_list_push_back(&timers->cpu, alarm);
	timer_set(timers->poll, clock_now() + LOOK_MIN);
}

static void
cpu_limit_start(struct process *process)
{
	struct process_timers *timers = process_timers_of(process, true);
	if (timers == nullptr)
		return;
	IRQ_SPIN_SCOPE(&timers->lock);
	timers->limited = true;
	timer_set(timers->poll, clock_now() + LOOK_MIN);
}

void
time_cpu_limit_changed(struct process *process)
{
	if (atomic64_load(&ELEM(process->limits, RLIMIT_CPU)->soft) != RLIM_INFINITY)
		cpu_limit_start(process);
}

/* --- the object --- */

static struct process_timers *
process_timers_make(struct process *process)
{
	REF_SCOPE(process_timers, timers);
	timers = process_timers_alloc();
	if (timers == nullptr || timer_create(real_fired, process_timers_object(timers), &timers->real) != OK ||
	    timer_create(cpu_poll_fired, process_timers_object(timers), &timers->poll) != OK)
		return nullptr;
	timers->process = process;
	timers->virtual.kind = CPU_VIRT;
	timers->virtual.number = SIGVTALRM;
	timers->prof.kind = CPU_PROF;
	timers->prof.number = SIGPROF;
	SPIN_SCOPE(&process->lock);
	if (process->itimers == nullptr) {
		POINTER_PUBLISH(process->itimers, process_timers_object(timers));
		timers = nullptr;
	}
	return process_timers_from(process->itimers);
}

struct process_timers *
process_timers_of(struct process *process, bool make)
{
	struct object *object = POINTER_LOAD(process->itimers);
	if (object != nullptr)
		return process_timers_from(object);
	return make ? process_timers_make(process) : nullptr;
}

/** A limit of CPU time is inherited. */
static err_t
timers_fork(struct thread *thread, struct thread *parent, u64 clone_flags)
{
	if (parent == nullptr)
		return OK;
	(void)clone_flags;
	if (parent == nullptr || thread->process != parent->process)
		time_cpu_limit_changed(thread->process);
	return OK;
}

static void
timers_exec(struct thread *thread)
{
	struct process_timers *timers = process_timers_of(thread->process, false);
	if (timers != nullptr)
		posix_timers_delete(timers);
}

/** Nothing fires from now on, but for what is firing at this moment on another CPU: to that it is there until a grace period has passed. */
static void
timers_stop(struct process_timers *timers)
{
	{
		IRQ_SPIN_SCOPE(&timers->lock);
		timers->real_expires = 0;
		timers->limited = false;
		while (cpu_alarm_list_pop_front(&timers->cpu) != nullptr)
			;
	}
	(void)timer_cancel(timers->real);
	(void)timer_cancel(timers->poll);
}

static void
timers_process_exit(struct process *process)
{
	struct process_timers *timers = process_timers_of(process, false);
	if (timers == nullptr)
		return;
	posix_timers_delete(timers);
	timers_stop(timers);
	(void)timer_cancel_sync(timers->real);
	(void)timer_cancel_sync(timers->poll);
}

/** A timer may be set even now: for a process whose clone failed, or for the limit of one that was a zombie. */
static void
timers_process_free(struct process *process)
{
	struct process_timers *timers = process_timers_of(process, false);
	if (timers == nullptr)
		return;
	timers_stop(timers);
	process->itimers = nullptr;
	process_timers_put_rcu(timers);
}

static const struct thread_watch timers_watch = {
	.fork = timers_fork, .exec = timers_exec, .process_exit = timers_process_exit, .process_free = timers_process_free,
};

void
process_timers_init(void)
{
	thread_watch_register(&timers_watch);
}

/* --- interval timers --- */

static u64
left_until(u64 expires, u64 now)
{
	return expires == 0 ? 0 : expires > now ? expires - now : NS_PER_US;
}

static struct cpu_alarm *
cpu_itimer(struct process_timers *timers, i32 which)
{
	return which == ITIMER_VIRTUAL ? &timers->virtual : &timers->prof;
}

static void
itimer_get(struct process_timers *timers, i32 which, u64 *scoped value, u64 *scoped interval)
{
	IRQ_SPIN_SCOPE(&timers->lock);
	if (which == ITIMER_REAL) {
		*value = left_until(timers->real_expires, clock_now());
		*interval = timers->real_interval;
		return;
	}
	struct cpu_alarm *alarm = cpu_itimer(timers, which);
	*value = left_until(alarm->expires, cpu_clock_read(timers->process, nullptr, alarm->kind));
	*interval = alarm->interval;
}

static void
itimer_set(struct process_timers *timers, i32 which, u64 value, u64 interval)
{
	if (which != ITIMER_REAL) {
		struct cpu_alarm *alarm = cpu_itimer(timers, which);
		u64 now = cpu_clock_read(timers->process, nullptr, alarm->kind);
		cpu_alarm_set(timers, alarm, value != 0 ? now + MIN(value, TIME_NEVER - 1 - now) : 0, interval);
		return;
	}
	IRQ_SPIN_SCOPE(&timers->lock);
	timers->real_expires = value != 0 ? deadline_after(value) : 0;
	timers->real_interval = value != 0 ? interval : 0;
	timer_set(timers->real, value != 0 ? timers->real_expires : TIME_NEVER);
}

static struct timeval
timeval_from_ns(u64 ns)
{
	return (struct timeval){ (i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC / NS_PER_US) };
}

static bool
timeval_to_ns(struct timeval t, u64 *scoped ns)
{
	if (t.sec < 0 || t.usec < 0 || t.usec >= (i64)(NS_PER_SEC / NS_PER_US))
		return false;
	*ns = timespec_to_ns((struct timespec){ t.sec, t.usec * (i64)NS_PER_US });
	return true;
}

static err_t
itimer_write(uaddr_t to, u64 value, u64 interval)
{
	struct itimerval told = { timeval_from_ns(interval), timeval_from_ns(value) };
	return copy_out_value(to, told);
}

err_t
sys_getitimer(i32 which, uaddr_t value)
{
	u64 left = 0, interval = 0;
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return EINVAL;
	struct process_timers *timers = process_timers_of(process_current(), false);
	if (timers != nullptr)
		itimer_get(timers, which, &left, &interval);
	return itimer_write(value, left, interval);
}

err_t
sys_setitimer(i32 which, uaddr_t new, uaddr_t old)
{
	struct itimerval given = {};
	u64 value = 0, interval = 0, left = 0, left_interval = 0;
	if (new.raw != 0)
		TRY(copy_in_value(given, new));
	if (!timeval_to_ns(given.value, &value) || !timeval_to_ns(given.interval, &interval) || which < ITIMER_REAL || which > ITIMER_PROF)
		return EINVAL;
	struct process_timers *timers = process_timers_of(process_current(), true);
	if (timers == nullptr)
		return ENOMEM;
	MUTEX_SCOPE(&timers->calls);
	itimer_get(timers, which, &left, &left_interval);
	itimer_set(timers, which, value, interval);
	return old.raw != 0 ? itimer_write(old, left, left_interval) : OK;
}

err_t
sys_alarm(u32 seconds, u64 *scoped result)
{
	u64 left = 0, interval = 0;
	struct process_timers *timers = process_timers_of(process_current(), seconds != 0);
	if (timers == nullptr)
		return seconds != 0 ? ENOMEM : OK;
	MUTEX_SCOPE(&timers->calls);
	itimer_get(timers, ITIMER_REAL, &left, &interval);
	itimer_set(timers, ITIMER_REAL, seconds * NS_PER_SEC, 0);
	/* To the nearest second, but what is left at all is told. */
	*result = left == 0 ? 0 : MAX((left + NS_PER_SEC / 2) / NS_PER_SEC, (u64)1);
	return OK;
}
