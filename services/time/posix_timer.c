// SPDX-License-Identifier: MPL-2.0
/**
 * POSIX timers: timer_create(2) and its kin.
 *
 * A timer that has sent its signal is not set again before that signal is taken to be delivered; how often it would have expired since
 * is the overrun. So a program that does not look at its signals costs no interrupts.
 */
#include "time_impl.h"

enum : i32 { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum : u64 { IGNORED_MIN = NS_PER_MS /* between two expiries of a signal that is ignored */, OVERRUN_MAX = 0x7fffffff };

/** struct sigevent of x86-64. Plain data. */
struct sigevent { u64 value; i32 number, notify, tid, pad[11]; };

struct posix_timer {
	u32 id;                             /* [const] */
	i32 clock;                          /* [const] */
	bool silent;                        /* [const] SIGEV_NONE */
	struct process_timers *timers;      /* [const] not counted: it holds us */
	struct thread *thread;              /* [const] counted: SIGEV_THREAD_ID's; null: the process */
	struct cpu_clock cpu_clock;         /* [const] counted; of a CPU-time clock */
	struct signal_entry *entry;         /* [const] counted; null where silent */
	struct timer *timer;                /* [const] null on a CPU-time clock */
	struct cpu_alarm cpu;               /* under timers->lock */
	struct time_step step;

	struct irq_spin_lock lock;
	i32 base GUARDED_BY(&lock);         /* the clock that `expires` is a reading of: relative times are CLOCK_MONOTONIC's */
	u64 expires GUARDED_BY(&lock);
	u64 interval GUARDED_BY(&lock);
	bool set GUARDED_BY(&lock);
	bool sent GUARDED_BY(&lock);        /* expired; goes on when its signal is taken */
	u64 overrun GUARDED_BY(&lock);      /* since the signal was sent */
	u64 overrun_told GUARDED_BY(&lock); /* of the last signal taken */
};
XARRAY_DEFINE(posix_timer_map);

static void
posix_timer_release(struct posix_timer *timer)
{
	if (timer->timer != nullptr)
		timer_put(timer->timer);
	if (timer->entry != nullptr)
		signal_entry_put(timer->entry);
	if (timer->thread != nullptr)
		thread_put(timer->thread);
	cpu_clock_put(&timer->cpu_clock);
}

OBJECT_DEFINE_RELEASE(posix_timer);

static bool
is_cpu(struct posix_timer *timer)
{
	return timer->timer == nullptr;
}

static u64
base_now(struct posix_timer *timer, i32 base)
{
	u64 now = 0;
	if (is_cpu(timer))
		return cpu_clock_read(timer->cpu_clock.process, timer->cpu_clock.thread, timer->cpu_clock.kind);
	(void)clock_read(base, &now);
	return now;
}

/* --- expiry --- */

/** Sends the signal. => whether the timer is to go on by itself, as nobody will take it */
static bool
timer_send(struct posix_timer *timer) MUST_HOLD(&timer->lock)
{
	timer->set = false;
	if (timer->silent)
		return false;
	err_t err = signal_send_entry(timer->entry, timer->timers->process, timer->thread);
	if (err == ECANCELED)
		return timer->interval != 0;
	if (err == EALREADY)
		timer->overrun += 1;
	timer->sent = err != ESRCH;
	return false;
}

static void
timer_fired(struct object *object)
{
	struct posix_timer *timer = posix_timer_from(object);
	IRQ_SPIN_SCOPE(&timer->lock);
	u64 now = base_now(timer, timer->base);
	if (!timer->set)
		return;
	if (now < timer->expires) {
		timer_set(timer->timer, clock_deadline(timer->base, timer->expires));
		return;
	}
	if (!timer_send(timer))
		return;
	(void)time_forward(&timer->expires, timer->interval, now);
	timer->set = true;
	timer_set(timer->timer, MAX(clock_deadline(timer->base, timer->expires), clock_now() + IGNORED_MIN));
}

u64
posix_timer_cpu_expired(struct posix_timer *timer, u64 now)
{
	IRQ_SPIN_SCOPE(&timer->lock);
	if (!timer->set || !timer_send(timer))
		return 0;
	(void)time_forward(&timer->expires, timer->interval, now);
	timer->set = true;
	return timer->expires;
}

static void
timer_stepped(struct object *object)
{
	struct posix_timer *timer = posix_timer_from(object);
	IRQ_SPIN_SCOPE(&timer->lock);
	if (timer->set && clock_is_real(timer->base))
		timer_set(timer->timer, clock_deadline(timer->base, timer->expires));
}

/** Arms what was decided under the lock. */
static void
timer_arm(struct posix_timer *timer, i32 base, u64 expires)
{
	if (is_cpu(timer))
		cpu_alarm_set(timer->timers, &timer->cpu, expires, 0);
	else
		timer_set(timer->timer, expires != 0 ? clock_deadline(base, expires) : TIME_NEVER);
}

static void
timer_owner_get(struct object *object)
{
	posix_timer_get(posix_timer_from(object));
}

/** Its signal is being taken: the timer goes on. */
static void
timer_dequeued(struct object *object, struct signal_info *scoped info)
{
	REF_SCOPE(posix_timer, timer);
	timer = posix_timer_from(object);
	u64 expires = 0;
	i32 base = 0;
	{
		IRQ_SPIN_SCOPE(&timer->lock);
		base = timer->base;
		if (timer->sent && timer->interval != 0) {
			u64 times = time_forward(&timer->expires, timer->interval, base_now(timer, base));
			timer->overrun += times > 0 ? times - 1 : 0;
			timer->set = true;
			expires = timer->expires;
		}
		timer->sent = false;
		timer->overrun_told = MIN(timer->overrun, (u64)OVERRUN_MAX);
		timer->overrun = 0;
		info->overrun = (i32)timer->overrun_told;
	}
	if (expires != 0)
		timer_arm(timer, base, expires);
}

static const struct signal_entry_ops timer_entry_ops = { .get = timer_owner_get, .dequeued = timer_dequeued };

/* --- making and deleting --- */

/** Whom the signal goes to, and which it is. => EINVAL */
static err_t
event_decode(const struct sigevent *scoped event, struct posix_timer *timer)
{
	timer->silent = event->notify == SIGEV_NONE;
	if (timer->silent)
		return OK;
	if (event->notify == SIGEV_THREAD_ID) {
		timer->thread = event->tid > 0 ? thread_find((u32)event->tid) : nullptr;
		if (timer->thread == nullptr || timer->thread->process != process_current())
			return EINVAL;
	} else if (event->notify != SIGEV_SIGNAL && event->notify != SIGEV_THREAD) {
		return EINVAL;
	}
	return event->number >= 1 && event->number <= (i32)SIGNAL_MAX ? OK : EINVAL;
}

/** What counts for it: a timer of the framework, or CPU time. */
static err_t
timer_bind(struct posix_timer *timer, i32 clock)
{
	u64 ns = 0;
	timer->clock = clock;
	timer->step = (struct time_step){ .stepped = timer_stepped, .owner = posix_timer_object(timer) };
	if (clock_read(clock, &ns))
		return timer_create(timer_fired, posix_timer_object(timer), &timer->timer) == OK ? OK : EAGAIN;
	TRY(cpu_clock_find(clock, &timer->cpu_clock));
	timer->cpu.kind = timer->cpu_clock.kind;
	timer->cpu.thread = timer->cpu_clock.thread;
	timer->cpu.posix = timer;
	/* Somebody else's time would have to be watched there. */
	return timer->cpu_clock.process == process_current() ? OK : EINVAL;
}

static err_t
timer_clock_check(i32 clock)
{
	u64 ns = 0;
	if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ||
	    clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM)
		return EOPNOTSUPP;
	return clock_read(clock, &ns) || cpu_clock_is(clock) ? OK : EINVAL;
}

static err_t
timer_make(struct process_timers *timers, i32 clock, const struct sigevent *scoped event, struct posix_timer **scoped out)
{
	REF_SCOPE(posix_timer, timer);
	timer = posix_timer_alloc();
	if (timer == nullptr)
		return EAGAIN;
	timer->timers = timers;
	timer->id = timers->next_id;
	TRY(event_decode(event, timer));
	TRY(timer_bind(timer, clock));
	struct signal_info info = { .number = (u32)event->number, .code = SI_TIMER, .timer = (i32)timer->id, .value = event->value };
	if (!timer->silent && signal_entry_create(&info, &timer_entry_ops, posix_timer_object(timer), &timer->entry) != OK)
		return EAGAIN;
	*out = timer;
	timer = nullptr;
	return OK;
}

/** Nothing of it happens from here on. */
static void
timer_stop(struct posix_timer *timer)
{
	{
		IRQ_SPIN_SCOPE(&timer->lock);
		timer->set = false;
		timer->sent = false;
		timer->interval = 0;
	}
	time_step_remove(&timer->step);
	if (is_cpu(timer))
		cpu_alarm_set(timer->timers, &timer->cpu, 0, 0);
	else
		(void)timer_cancel_sync(timer->timer);
	if (timer->entry != nullptr)
		signal_entry_cancel(timer->entry);
}

void
posix_timers_delete(struct process_timers *timers)
{
	MUTEX_SCOPE(&timers->calls);
	for (u64 id = 0;; id++) {
		struct posix_timer *timer = posix_timer_map_next(&timers->posix, &id);
		if (timer == nullptr)
			break;
		(void)posix_timer_map_remove(&timers->posix, id);
		timer_stop(timer);
		posix_timer_put(timer);
	}
	timers->next_id = 0;
}

err_t
sys_timer_create(i32 clock, uaddr_t event, uaddr_t timerid)
{
	struct sigevent given = { .notify = SIGEV_SIGNAL, .number = SIGALRM };
	struct posix_timer *timer = nullptr;
	TRY(timer_clock_check(clock));
	if (event.raw != 0)
		TRY(copy_in_value(given, event));
	struct process_timers *timers = process_timers_of(process_current(), true);
	if (timers == nullptr)
		return EAGAIN;
	MUTEX_SCOPE(&timers->calls);
	if (event.raw == 0)
		given.value = timers->next_id;
	TRY(timer_make(timers, clock, &given, &timer));
	i32 id = (i32)timer->id;
	err_t err = copy_out_value(timerid, id);
	if (err == OK)
		err = posix_timer_map_insert(&timers->posix, timer->id, timer) == OK ? OK : EAGAIN;
	if (err != OK) {
		timer_stop(timer);
		posix_timer_put(timer);
		return err;
	}
	timers->next_id = (timers->next_id + 1) & 0x7fffffff;
	if (clock_is_real(clock))
		time_step_add(&timer->step);
	return OK;
}

/** The timer of that id, with a reference. => EINVAL */
static err_t
timer_find(i32 id, struct posix_timer **scoped out)
{
	struct process_timers *timers = process_timers_of(process_current(), false);
	if (timers == nullptr || id < 0)
		return EINVAL;
	MUTEX_SCOPE(&timers->calls);
	*out = posix_timer_map_load(&timers->posix, (u64)id);
	if (*out == nullptr)
		return EINVAL;
	posix_timer_get(*out);
	return OK;
}

err_t
sys_timer_delete(i32 timerid)
{
	struct process_timers *timers = process_timers_of(process_current(), false);
	if (timers == nullptr || timerid < 0)
		return EINVAL;
	MUTEX_SCOPE(&timers->calls);
	struct posix_timer *timer = posix_timer_map_remove(&timers->posix, (u64)timerid);
	if (timer == nullptr)
		return EINVAL;
	timer_stop(timer);
	posix_timer_put(timer);
	return OK;
}

/* --- setting and asking --- */

/** What is left until the next expiry, as if its signal had been taken. */
static u64
timer_left(struct posix_timer *timer, u64 *scoped interval) MUST_HOLD(&timer->lock)
{
	*interval = timer->interval;
	bool counts = timer->set || (timer->interval != 0 && timer->sent) || (timer->silent && timer->expires != 0);
	if (!counts)
		return 0;
	u64 now = base_now(timer, timer->base), expires = timer->expires;
	if (timer->interval != 0 && (timer->sent || timer->silent))
		(void)time_forward(&expires, timer->interval, now);
	return expires > now ? expires - now : timer->silent ? 0 : 1;
}

err_t
sys_timer_gettime(i32 timerid, uaddr_t value)
{
	u64 left = 0, interval = 0;
	REF_SCOPE(posix_timer, timer);
	TRY(timer_find(timerid, &timer));
	{
		IRQ_SPIN_SCOPE(&timer->lock);
		left = timer_left(timer, &interval);
	}
	return itimerspec_write(value, left, interval);
}

err_t
sys_timer_getoverrun(i32 timerid, u64 *scoped result)
{
	REF_SCOPE(posix_timer, timer);
	TRY(timer_find(timerid, &timer));
	IRQ_SPIN_SCOPE(&timer->lock);
	*result = timer->overrun_told;
	return OK;
}

/** => what is to be armed; 0: nothing */
static u64
timer_change(struct posix_timer *timer, u64 value, u64 interval, bool absolute, i32 *scoped base)
{
	IRQ_SPIN_SCOPE(&timer->lock);
	timer->base = absolute || !clock_is_real(timer->clock) ? timer->clock : CLOCK_MONOTONIC;
	u64 now = base_now(timer, timer->base);
	timer->set = value != 0 && !timer->silent;
	timer->sent = false;
	timer->overrun = 0;
	timer->overrun_told = 0;
	timer->interval = value != 0 ? interval : 0;
	timer->expires = value == 0 ? 0 : absolute ? value : now + MIN(value, TIME_NEVER - 1 - now);
	*base = timer->base;
	return timer->set ? timer->expires : 0;
}

err_t
sys_timer_settime(i32 timerid, u32 flags, uaddr_t new, uaddr_t old)
{
	u64 value = 0, interval = 0, left = 0, left_interval = 0;
	i32 base = 0;
	if (new.raw == 0)
		return EINVAL;
	TRY(itimerspec_read(new, &value, &interval));
	REF_SCOPE(posix_timer, timer);
	TRY(timer_find(timerid, &timer));
	{
		IRQ_SPIN_SCOPE(&timer->lock);
		left = timer_left(timer, &left_interval);
	}
	u64 expires = timer_change(timer, value, interval, (flags & TIMER_ABSTIME) != 0, &base);
	timer_arm(timer, base, expires);
	return old.raw != 0 ? itimerspec_write(old, left, left_interval) : OK;
}
