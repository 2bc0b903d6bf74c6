// SPDX-License-Identifier: MPL-2.0
/**
 * timerfd_create(2): timers whose expiries are read from a file.
 *
 * A timer that repeats is not set again before its expiries are read: how many there were follows from the time.
 */
#include <file.h>

#include "time_impl.h"

enum : u32 { TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2, TFD_CLOEXEC = O_CLOEXEC, TFD_NONBLOCK = O_NONBLOCK };

struct timerfd {
	i32 clock;                          /* [const] */
	struct timer *timer;                /* [const] counted */
	struct time_step step;
	struct poll_queue queue;

	struct irq_spin_lock lock;
	i32 base GUARDED_BY(&lock);         /* as in posix_timer.c */
	u64 expires GUARDED_BY(&lock);      /* 0: not set */
	u64 interval GUARDED_BY(&lock);
	u64 ticks GUARDED_BY(&lock);        /* expiries that were not read */
	bool expired GUARDED_BY(&lock);     /* since it was last set or read: `expires` lies in the past */
	bool cancels GUARDED_BY(&lock);     /* TFD_TIMER_CANCEL_ON_SET */
	bool cancelled GUARDED_BY(&lock);
	u32 flags GUARDED_BY(&lock);        /* of the last timerfd_settime */
};
OBJECT_DECLARE(timerfd);

static void
timerfd_release(struct timerfd *timerfd)
{
	if (timerfd->timer != nullptr)
		timer_put(timerfd->timer);
}

OBJECT_DEFINE_RELEASE(timerfd);

static u64
timerfd_now(i32 base)
{
	u64 now = 0;
	(void)clock_read(base, &now);
	return now;
}

/** => whether it has just expired */
static bool
timerfd_expire(struct timerfd *timerfd)
{
	IRQ_SPIN_SCOPE(&timerfd->lock);
	if (timerfd->expires == 0 || timerfd->expired)
		return false;
	if (timerfd_now(timerfd->base) < timerfd->expires) {
		timer_set(timerfd->timer, clock_deadline(timerfd->base, timerfd->expires));
		return false;
	}
	timerfd->expired = true;
	timerfd->ticks += 1;
	return true;
}

static void
timerfd_fired(struct object *object)
{
	struct timerfd *timerfd = timerfd_from(object);
	if (timerfd_expire(timerfd))
		poll_wake(&timerfd->queue, POLL_IN);
}

static void
timerfd_stepped(struct object *object)
{
	struct timerfd *timerfd = timerfd_from(object);
	bool wake = false;
	{
		IRQ_SPIN_SCOPE(&timerfd->lock);
		if (timerfd->cancels) {
			timerfd->cancelled = true;
			timerfd->ticks += 1;
			wake = true;
		}
		if (timerfd->expires != 0 && !timerfd->expired && clock_is_real(timerfd->base))
			timer_set(timerfd->timer, clock_deadline(timerfd->base, timerfd->expires));
	}
	if (wake)
		poll_wake(&timerfd->queue, POLL_IN);
}

/** Counts what has expired since the function ran, and sets a timer that repeats for the next time. */
static void
timerfd_catch_up(struct timerfd *timerfd) MUST_HOLD(&timerfd->lock)
{
	if (!timerfd->expired || timerfd->interval == 0)
		return;
	u64 times = time_forward(&timerfd->expires, timerfd->interval, timerfd_now(timerfd->base));
	timerfd->ticks += times > 0 ? times - 1 : 0;
	timerfd->expired = false;
	timer_set(timerfd->timer, clock_deadline(timerfd->base, timerfd->expires));
}

/* --- the file --- */

/** => EAGAIN: nothing has expired; ECANCELED: the clock was stepped */
static err_t
timerfd_take(struct timerfd *timerfd, u64 *scoped ticks)
{
	IRQ_SPIN_SCOPE(&timerfd->lock);
	bool cancelled = timerfd->cancelled;
	timerfd->cancelled = false;
	if (cancelled) {
		timerfd->ticks = 0;
		timerfd->expired = false;
		return ECANCELED;
	}
	if (timerfd->ticks == 0)
		return EAGAIN;
	timerfd_catch_up(timerfd);
	*ticks = timerfd->ticks;
	timerfd->ticks = 0;
	timerfd->expired = false;
	timerfd->expires = timerfd->interval != 0 ? timerfd->expires : 0;
	return OK;
}

static bool
timerfd_ready(struct timerfd *timerfd)
{
	IRQ_SPIN_SCOPE(&timerfd->lock);
	return timerfd->ticks != 0;
}

static err_t
timerfd_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct timerfd *timerfd = timerfd_from(file->private);
	u64 ticks = 0;
	if (uio->left < sizeof(ticks))
		return EINVAL;
	for (;;) {
		err_t err = timerfd_take(timerfd, &ticks);
		if (err == OK)
			return uio_put(uio, CBYTES_OF(ticks));
		if (err != EAGAIN || (flags & O_NONBLOCK) != 0)
			return err;
		TRY(restartable(WAIT_UNTIL(&timerfd->queue.wait, timerfd_ready(timerfd), WAIT_INTERRUPTIBLE, TIME_NEVER)));
	}
}

static u32
timerfd_poll(struct file *file, struct poll_table *scoped table)
{
	struct timerfd *timerfd = timerfd_from(file->private);
	poll_add(table, &timerfd->queue);
	return timerfd_ready(timerfd) ? POLL_IN : 0;
}

static void
timerfd_close(struct file *file)
{
	struct timerfd *timerfd = timerfd_from(file->private);
	time_step_remove(&timerfd->step);
	(void)timer_cancel_sync(timerfd->timer);
	timerfd_put(timerfd);
}

/** What is left, as if all expiries had been counted now. */
static u64
timerfd_left(struct timerfd *timerfd) MUST_HOLD(&timerfd->lock)
{
	timerfd_catch_up(timerfd);
	u64 now = timerfd_now(timerfd->base);
	return timerfd->expires == 0 || timerfd->expired ? 0 : timerfd->expires > now ? timerfd->expires - now : 1;
}

static size_t
timerfd_describe(struct file *file, struct bytes text)
{
	struct timerfd *timerfd = timerfd_from(file->private);
	IRQ_SPIN_SCOPE(&timerfd->lock);
	struct timespec left = timespec_from_ns(timerfd_left(timerfd)), interval = timespec_from_ns(timerfd->interval);
	return format_text(text, "clockid: {}\nticks: {}\nsettime flags: 0{}\nit_value: ({}, {})\nit_interval: ({}, {})\n", timerfd->clock,
		timerfd->ticks, timerfd->flags, left.sec, left.nsec, interval.sec, interval.nsec);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.seek = file_seek_nowhere,
	.release = timerfd_close,
	.describe = timerfd_describe,
};

/* --- system calls --- */

static bool
is_alarm(i32 clock)
{
	return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

static err_t
timerfd_make(i32 clock, struct timerfd **scoped out)
{
	REF_SCOPE(timerfd, timerfd);
	timerfd = timerfd_alloc();
	if (timerfd == nullptr)
		return ENOMEM;
	/* Without a way to wake the machine, an alarm is an ordinary timer. */
	timerfd->clock = clock;
	timerfd->step = (struct time_step){ .stepped = timerfd_stepped, .owner = timerfd_object(timerfd) };
	TRY(timer_create(timerfd_fired, timerfd_object(timerfd), &timerfd->timer));
	*out = timerfd;
	timerfd = nullptr;
	return OK;
}

err_t
sys_timerfd_create(i32 clock, u32 flags, u64 *scoped result)
{
	i32 fd = 0;
	REF_SCOPE(timerfd, timerfd);
	REF_SCOPE(file, file);
	bool known = clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME || is_alarm(clock);
	if ((flags & ~(u32)(TFD_CLOEXEC | TFD_NONBLOCK)) != 0 || !known)
		return EINVAL;
	if (is_alarm(clock) && !capable(CAP_WAKE_ALARM))
		return EPERM;
	TRY(timerfd_make(clock, &timerfd));
	TRY(file_create(&timerfd_ops, timerfd_object(timerfd), O_RDWR | (flags & O_NONBLOCK), FILE_READ | FILE_WRITE, KIND_TIMERFD, &file));
	timerfd_get(timerfd);
	time_step_add(&timerfd->step);
	TRY(fd_install(file, 0, (flags & O_CLOEXEC) != 0, &fd));
	*result = (u64)fd;
	return OK;
}

/** With a reference on the file, which is the caller's to put. */
static err_t
timerfd_of(i32 fd, struct file **scoped file, struct timerfd **scoped out)
{
	TRY(fd_get(fd, file));
	if (!file_is(*file, &timerfd_ops))
		return EINVAL;
	*out = timerfd_from((*file)->private);
	return OK;
}

static i32
timerfd_base(i32 clock, bool absolute)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM ? (absolute ? CLOCK_REALTIME : CLOCK_MONOTONIC) : CLOCK_MONOTONIC;
}

/** Sets it, and tells what it was. */
static void
timerfd_change(struct timerfd *timerfd, u32 flags, u64 *scoped value, u64 *scoped interval)
{
	bool absolute = (flags & TFD_TIMER_ABSTIME) != 0, real = clock_is_real(timerfd->clock);
	u64 new = *value, new_interval = *interval;
	IRQ_SPIN_SCOPE(&timerfd->lock);
	*value = timerfd_left(timerfd);
	*interval = timerfd->interval;
	timerfd->base = timerfd_base(timerfd->clock, absolute);
	u64 now = timerfd_now(timerfd->base);
	timerfd->flags = flags;
	timerfd->interval = new_interval;
	timerfd->expires = new == 0 ? 0 : absolute ? new : now + MIN(new, TIME_NEVER - 1 - now);
	timerfd->ticks = 0;
	timerfd->expired = false;
	timerfd->cancels = absolute && real && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
	timerfd->cancelled = false;
	timer_set(timerfd->timer, new != 0 ? clock_deadline(timerfd->base, timerfd->expires) : TIME_NEVER);
}

err_t
sys_timerfd_settime(i32 fd, u32 flags, uaddr_t new, uaddr_t old)
{
	u64 value = 0, interval = 0;
	struct timerfd *timerfd = nullptr;
	REF_SCOPE(file, file);
	TRY(itimerspec_read(new, &value, &interval));
	if ((flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0)
		return EINVAL;
	TRY(timerfd_of(fd, &file, &timerfd));
	if (is_alarm(timerfd->clock) && !capable(CAP_WAKE_ALARM))
		return EPERM;
	timerfd_change(timerfd, flags, &value, &interval);
	return old.raw != 0 ? itimerspec_write(old, value, interval) : OK;
}

err_t
sys_timerfd_gettime(i32 fd, uaddr_t told)
{
	u64 left = 0, interval = 0;
	struct timerfd *timerfd = nullptr;
	REF_SCOPE(file, file);
	TRY(timerfd_of(fd, &file, &timerfd));
	{
		IRQ_SPIN_SCOPE(&timerfd->lock);
		left = timerfd_left(timerfd);
		interval = timerfd->interval;
	}
	return itimerspec_write(told, left, interval);
}
