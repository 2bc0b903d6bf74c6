// SPDX-License-Identifier: MPL-2.0
/**
 * Clocks by number: reading and setting them, and the older calls for the time of day.
 *
 * The coarse clocks are as fine as the others, which cost no more; their resolution is told as Linux' is. CLOCK_BOOTTIME is CLOCK_MONOTONIC,
 * as the machine is never suspended. The alarm clocks do not exist: there is nothing to wake the machine with.
 *
 * Source: clock_gettime(2), gettimeofday(2), time(2), adjtimex(2).
 */
#include <cadre/log.h>

#include "time_impl.h"

static struct irq_spin_lock step_lock;
LIST_OF(time_step_list, struct time_step, link);
static struct time_step_list steps GUARDED_BY(&step_lock);

/* --- reading --- */

bool
clock_read(i32 id, u64 *scoped ns)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = clock_realtime();
		return true;
	case CLOCK_TAI:
		*ns = clock_realtime() + (u64)((i64)clock_tai_offset() * (i64)NS_PER_SEC);
		return true;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_now();
		return true;
	default:
		return false;
	}
}

u64
clock_deadline(i32 id, u64 ns)
{
	u64 tai = id == CLOCK_TAI ? (u64)((i64)clock_tai_offset() * (i64)NS_PER_SEC) : 0;
	return clock_is_real(id) ? clock_deadline_of_realtime(ns - tai) : ns;
}

err_t
sys_clock_gettime(i32 clock, uaddr_t tp)
{
	u64 ns = 0;
	if (!clock_read(clock, &ns)) {
		struct cpu_clock cpu = {};
		TRY(cpu_clock_find(clock, &cpu));
		ns = cpu_clock_read(cpu.process, cpu.thread, cpu.kind);
		cpu_clock_put(&cpu);
	}
	struct timespec time = timespec_from_ns(ns);
	return copy_out_value(tp, time);
}

err_t
sys_clock_getres(i32 clock, uaddr_t res)
{
	u64 ns = 0, resolution = 1;
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		resolution = COARSE_NS;
	if (!clock_read(clock, &ns)) {
		struct cpu_clock cpu = {};
		TRY(cpu_clock_find(clock, &cpu));
		resolution = cpu.kind == CPU_SCHED ? 1 : CPU_TICK_NS;
		cpu_clock_put(&cpu);
	}
	struct timespec time = timespec_from_ns(resolution);
	return res.raw != 0 ? copy_out_value(res, time) : OK;
}

/* --- the time of day --- */

struct timezone { i32 minutes_west, dst; };
static struct timezone zone;    /* settimeofday(2)'s; of no meaning to the kernel, as in Linux */

err_t
sys_gettimeofday(uaddr_t tv, uaddr_t tz)
{
	u64 ns = clock_realtime();
	struct timeval time = { (i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC / NS_PER_US) };
	if (tv.raw != 0)
		TRY(copy_out_value(tv, time));
	struct timezone told = zone;
	return tz.raw != 0 ? copy_out_value(tz, told) : OK;
}

err_t
sys_time(uaddr_t tloc, u64 *scoped result)
{
	u64 sec = clock_realtime() / NS_PER_SEC;
	if (tloc.raw != 0)
		TRY(copy_out_value(tloc, sec));
	*result = sec;
	return OK;
}

/** Steps the clock. => EINVAL: no such time, or before the machine was started; EPERM */
static err_t
realtime_step(struct timespec time)
{
	enum : i64 { SEC_MAX = 9223372036 - 946080000 /* 30 years of room for uptime */ };
	if (!timespec_valid(time) || time.sec >= SEC_MAX)
		return EINVAL;
	if (!capable(CAP_SYS_TIME))
		return EPERM;
	u64 ns = timespec_to_ns(time);
	if (ns < clock_now())
		return EINVAL;
	clock_realtime_set(ns);
	return OK;
}

static err_t
zone_set(struct timezone new)
{
	if (!capable(CAP_SYS_TIME))
		return EPERM;
	if (new.minutes_west > 15 * 60 || new.minutes_west < -15 * 60)
		return EINVAL;
	zone = new;
	return OK;
}

err_t
sys_settimeofday(uaddr_t tv, uaddr_t tz)
{
	struct timeval time = {};
	struct timezone new = {};
	if (tv.raw != 0) {
		TRY(copy_in_value(time, tv));
		if (time.usec < 0 || time.usec > (i64)(NS_PER_SEC / NS_PER_US))
			return EINVAL;
	}
	if (tz.raw != 0) {
		TRY(copy_in_value(new, tz));
		TRY(zone_set(new));
	}
	if (tv.raw == 0)
		return tz.raw != 0 || capable(CAP_SYS_TIME) ? OK : EPERM;
	return realtime_step((struct timespec){ time.sec, time.usec * (i64)NS_PER_US });
}

err_t
sys_clock_settime(i32 clock, uaddr_t tp)
{
	struct timespec time = {};
	struct cpu_clock cpu = {};
	if (clock < 0) {
		TRY(copy_in_value(time, tp));
		TRY(cpu_clock_find(clock, &cpu));
		cpu_clock_put(&cpu);
		return EPERM;
	}
	if (clock != CLOCK_REALTIME)
		return EINVAL;
	TRY(copy_in_value(time, tp));
	return realtime_step(time);
}

/* --- adjtimex --- */

enum : u32 {
	ADJ_OFFSET = 1, ADJ_FREQUENCY = 2, ADJ_MAXERROR = 4, ADJ_ESTERROR = 8, ADJ_STATUS = 0x10, ADJ_TIMECONST = 0x20, ADJ_TAI = 0x80,
	ADJ_SETOFFSET = 0x100, ADJ_MICRO = 0x1000, ADJ_NANO = 0x2000, ADJ_TICK = 0x4000, ADJ_OFFSET_SINGLESHOT = 0x8001,
	ADJ_OFFSET_SS_READ = 0xa001, ADJ_ADJTIME = 0x8000, ADJ_READONLY = 0x2000,
	STA_PLL = 1, STA_UNSYNC = 0x40, STA_NANO = 0x2000, STA_READABLE = 0xff00, TIME_OK = 0, TIME_ERROR = 5,
	/* What there is; but a clock that can be slewed is not. */
	ADJ_KNOWN = ADJ_OFFSET | ADJ_FREQUENCY | ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS | ADJ_TIMECONST | ADJ_TAI | ADJ_SETOFFSET | ADJ_MICRO |
		ADJ_NANO | ADJ_TICK,
};
constexpr i64 TICK_US = 10000;

/** struct timex of x86-64. Plain data. */
struct timex {
	u32 modes, pad0; i64 offset, freq, maxerror, esterror; i32 status, pad1; i64 constant, precision, tolerance; struct timeval time;
	i64 tick, ppsfreq, jitter; i32 shift, pad2; i64 stabil, jitcnt, calcnt, errcnt, stbcnt; i32 tai, pad3[11];
};
static_assert(sizeof(struct timex) == 208);

static struct mutex ntp_lock;
static struct { i64 maxerror, esterror, constant; u32 status; } ntp GUARDED_BY(&ntp_lock) = { 16000000, 16000000, 2, STA_UNSYNC };

/** Whether the clock would have to run otherwise than it does. An offset counts where the loop that follows a reference is on, as on Linux. */
static bool
ntp_slews(const struct timex *scoped t) MUST_HOLD(&ntp_lock)
{
	if ((t->modes & ADJ_ADJTIME) != 0)
		return t->offset != 0;
	u32 status = (t->modes & ADJ_STATUS) != 0 ? (u32)t->status : ntp.status;
	return ((t->modes & ADJ_OFFSET) != 0 && (status & STA_PLL) != 0 && t->offset != 0) || ((t->modes & ADJ_FREQUENCY) != 0 && t->freq != 0) ||
		((t->modes & ADJ_TICK) != 0 && t->tick != TICK_US);
}

/** Applies the modes. => EINVAL for those that would slew the clock */
static err_t
ntp_change(const struct timex *scoped t) MUST_HOLD(&ntp_lock)
{
	if (ntp_slews(t))
		return EINVAL;
	if ((t->modes & ADJ_ADJTIME) != 0) /* adjtime(3) of nothing: what is left of an earlier one, which is nothing, is given up */
		return (t->modes & ADJ_OFFSET) != 0 ? OK : EINVAL;
	if ((t->modes & ~(u32)ADJ_KNOWN) != 0)
		return EINVAL;
	if ((t->modes & ADJ_SETOFFSET) != 0) {
		i64 unit = (t->modes & ADJ_NANO) != 0 ? 1 : (i64)NS_PER_US;
		if (t->time.usec < 0 || t->time.usec >= (i64)NS_PER_SEC / unit || t->time.sec > (i64)1 << 32 || t->time.sec < -((i64)1 << 32))
			return EINVAL;
		clock_realtime_set(clock_realtime() + (u64)(t->time.sec * (i64)NS_PER_SEC + t->time.usec * unit));
	}
	if ((t->modes & ADJ_STATUS) != 0)
		ntp.status = ((u32)t->status & ~(u32)STA_READABLE) | (ntp.status & STA_READABLE);
	if ((t->modes & ADJ_NANO) != 0)
		ntp.status |= STA_NANO;
	if ((t->modes & ADJ_MICRO) != 0)
		ntp.status &= ~(u32)STA_NANO;
	if ((t->modes & ADJ_MAXERROR) != 0)
		ntp.maxerror = t->maxerror;
	if ((t->modes & ADJ_ESTERROR) != 0)
		ntp.esterror = t->esterror;
	if ((t->modes & ADJ_TIMECONST) != 0)
		ntp.constant = MIN(MAX(t->constant, (i64)0), (i64)10);
	if ((t->modes & ADJ_TAI) != 0 && t->constant >= 0 && t->constant <= 100000)
		clock_set_tai_offset((i32)t->constant);
	return OK;
}

static err_t
timex_run(uaddr_t buf, u64 *scoped result)
{
	struct timex t = {};
	TRY(copy_in_value(t, buf));
	bool reads = t.modes == 0 || t.modes == ADJ_OFFSET_SS_READ;
	if (!reads && !capable(CAP_SYS_TIME))
		return EPERM;
	MUTEX_SCOPE(&ntp_lock);
	if (!reads)
		TRY(ntp_change(&t));
	u64 now = clock_realtime();
	bool nano = (ntp.status & STA_NANO) != 0;
	t = (struct timex){ .modes = t.modes, .maxerror = ntp.maxerror, .esterror = ntp.esterror, .status = (i32)ntp.status,
		.constant = ntp.constant, .precision = 1, .tolerance = 32768000,
		.time = { (i64)(now / NS_PER_SEC), (i64)(now % NS_PER_SEC / (nano ? 1 : NS_PER_US)) }, .tick = TICK_US, .tai = clock_tai_offset() };
	*result = (ntp.status & STA_UNSYNC) != 0 ? TIME_ERROR : TIME_OK;
	return copy_out_value(buf, t);
}

err_t
sys_adjtimex(uaddr_t buf, u64 *scoped result)
{
	return timex_run(buf, result);
}

err_t
sys_clock_adjtime(i32 clock, uaddr_t buf, u64 *scoped result)
{
	u64 ns = 0;
	if (clock == CLOCK_REALTIME)
		return timex_run(buf, result);
	return clock_read(clock, &ns) || cpu_clock_is(clock) ? EOPNOTSUPP : EINVAL;
}

/* --- steps --- */

void
time_step_add(struct time_step *step)
{
	IRQ_SPIN_SCOPE(&step_lock);
	time_step_list_push_back(&steps, step);
}

void
time_step_remove(struct time_step *step)
{
	IRQ_SPIN_SCOPE(&step_lock);
	if (time_step_list_linked(&steps, step))
		time_step_list_remove(&steps, step);
}

static void
clock_stepped(void)
{
	IRQ_SPIN_SCOPE(&step_lock);
	LIST_FOR(time_step_list, step, &steps)
		step->stepped(step->owner);
}

/* --- shared by the timers --- */

u64
time_forward(u64 *scoped expires, u64 interval, u64 now)
{
	if (*expires > now)
		return 0;
	if (interval == 0)
		return 1;
	u64 times = (now - *expires) / interval + 1, step = 0;
	if (__builtin_mul_overflow(times, interval, &step) || __builtin_add_overflow(*expires, step, expires))
		*expires = TIME_NEVER - 1;
	return times;
}

err_t
itimerspec_read(uaddr_t from, u64 *scoped value, u64 *scoped interval)
{
	struct itimerspec spec = {};
	TRY(copy_in_value(spec, from));
	if (!timespec_valid(spec.value) || !timespec_valid(spec.interval))
		return EINVAL;
	*value = timespec_to_ns(spec.value);
	*interval = timespec_to_ns(spec.interval);
	return OK;
}

err_t
itimerspec_write(uaddr_t to, u64 value, u64 interval)
{
	struct itimerspec spec = { timespec_from_ns(interval), timespec_from_ns(value) };
	return copy_out_value(to, spec);
}

void
clocks_init(void)
{
	clock_on_step(clock_stepped);
}
