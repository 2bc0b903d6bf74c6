// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of time: clock ids, reading them, and what the kinds of timers share.
 */
#pragma once

#include <cadre/list.h>
#include <cadre/spin.h>
#include <cadre/sync.h>

#include <clock.h>
#include <signal.h>
#include <syscall_handlers.h>
#include <thread.h>
#include <time_calls.h>
#include <uio.h>
#include <xarray.h>

enum clock_id : i32 {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI = 11, CLOCK_IDS,
};
enum : u32 { TIMER_ABSTIME = 1 };
enum : u64 { COARSE_NS = 4 * NS_PER_MS /* resolution of the coarse clocks, as with 250 ticks a second */, CPU_TICK_NS = COARSE_NS };

struct itimerspec { struct timespec interval, value; };
struct itimerval { struct timeval interval, value; };

/* --- cpu_clock.c --- */
enum cpu_kind : u32 { CPU_PROF, CPU_VIRT, CPU_SCHED };
/** A decoded CPU-time clock: of `thread`, or where that is null of `process`. Both counted. */
struct cpu_clock { struct process *process; struct thread *thread; enum cpu_kind kind; };
/** Whether the id is that of a CPU-time clock, whoever's. */
bool cpu_clock_is(i32 id);
/** => EINVAL: none such, or not ours to see. Put with cpu_clock_put. */
err_t cpu_clock_find(i32 id, struct cpu_clock *scoped out);
void cpu_clock_put(struct cpu_clock *scoped clock);
/** Any context. */
u64 cpu_clock_read(struct process *process, struct thread *thread, enum cpu_kind kind);

/* --- clocks.c --- */
void clocks_init(void);
/** The reading of one of the fixed clocks that run whether or not anybody computes. => false: the id is no such one's */
bool clock_read(i32 id, u64 *scoped ns);
/** Whether a point of that clock's time moves when real time is stepped. */
static inline bool clock_is_real(i32 id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_ALARM || id == CLOCK_TAI; }
/** clock_now() at the clock's reading `ns`. */
u64 clock_deadline(i32 id, u64 ns);

/** Whoever waits for points of real time is told of steps. */
struct time_step {
	void (*stepped)(struct object *owner);  /* under the registry's lock: interrupts are off */
	struct object *owner;                   /* not counted */
	LIST_LINK(struct time_step) link;
};
void time_step_add(struct time_step *step);
void time_step_remove(struct time_step *step);

/**
 * Moves *expires behind `now` in steps of `interval`. => how often it has expired: at least once where *expires is not behind now
 */
u64 time_forward(u64 *scoped expires, u64 interval, u64 now);
/** => EFAULT, EINVAL */
err_t itimerspec_read(uaddr_t from, u64 *scoped value, u64 *scoped interval);
err_t itimerspec_write(uaddr_t to, u64 value, u64 interval);

/* --- sleep.c --- */
void sleep_init(void);

/* --- process_timers.c --- */
struct posix_timer;
OBJECT_DECLARE(posix_timer);
XARRAY_OF(posix_timer_map, struct posix_timer);

/** What counts CPU time: ITIMER_VIRTUAL, ITIMER_PROF, or a POSIX timer on a CPU clock. */
struct cpu_alarm {
	u64 expires, interval;              /* under timers->lock; expires 0: not set */
	enum cpu_kind kind;                 /* [const] */
	struct thread *thread;              /* [const] counted by the owner; null: the whole process */
	u32 number;                         /* [const] the signal, where it is an interval timer's */
	struct posix_timer *posix;          /* [const] not counted: else whose */
	LIST_LINK(struct cpu_alarm) link;
};
LIST_OF(cpu_alarm_list, struct cpu_alarm, link);

struct process_timers {
	struct process *process;            /* [const] not counted: it holds us */
	struct mutex calls;                 /* one system call about timers at a time */
	struct posix_timer_map posix;       /* under calls */
	u32 next_id;                        /* under calls */

	struct irq_spin_lock lock;
	struct timer *real;                 /* [const] ITIMER_REAL */
	u64 real_expires, real_interval;    /* under lock; clock_now() times; expires 0: not set */
	struct timer *poll;                 /* [const] looks at the CPU time used */
	struct cpu_alarm virtual, prof;     /* under lock */
	struct cpu_alarm_list cpu;          /* under lock: those that are set */
	bool limited;                       /* under lock: RLIMIT_CPU is to be looked at */
};
OBJECT_DECLARE(process_timers);

void process_timers_init(void);
/** The process' timers. => null: ENOMEM; with `make` false also: none were ever made */
struct process_timers *process_timers_of(struct process *process, bool make);
/** Sets or (expires 0) takes back. */
void cpu_alarm_set(struct process_timers *timers, struct cpu_alarm *alarm, u64 expires, u64 interval);

/* --- posix_timer.c --- */
/** The timer's CPU time has come: in an interrupt, under timers->lock. => when next; 0: not by itself */
u64 posix_timer_cpu_expired(struct posix_timer *timer, u64 now);
void posix_timers_delete(struct process_timers *timers);
