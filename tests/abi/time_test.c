// SPDX-License-Identifier: MPL-2.0
// Clocks, sleeping, timers.
// syscalls: clock_gettime clock_settime clock_getres clock_nanosleep nanosleep gettimeofday settimeofday time times alarm getitimer
// alone: it sets the clock
// syscalls: getrusage setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete adjtimex clock_adjtime
#include "abi.h"
#include <sys/times.h>
#include <sys/timex.h>

static long long
clock_ns(clockid_t clock)
{
	struct timespec t;
	MUST(clock_gettime(clock, &t));
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void
burn(int ms)
{
	long long end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000ll;
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		for (volatile int i = 0; i < 20000; i++)
			;
}

/* Uses processor time until the signal comes: it may be noticed at a tick. */
static void
burn_until(int sig)
{
	for (int i = 0; i < 500 && last_signal != sig; i++)
		burn(10);
}

TEST("each clock runs forward and says how finely")
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI };
	struct timespec r;
	for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		long long before = clock_ns(clocks[i]);
		burn(6);
		CHECK(clock_ns(clocks[i]) >= before);
		CHECK_EQ(clock_getres(clocks[i], &r), 0);
		CHECK(r.tv_sec == 0 && r.tv_nsec >= 1 && r.tv_nsec <= 10000000);
	}
	CHECK_ERRNO(syscall(SYS_clock_gettime, 99, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_REALTIME, BAD), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_getres, 99, &r), EINVAL);
	CHECK_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL), 0);
	CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &r), EINVAL);
	CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &(struct timespec){ 0, 1000000000 }), EINVAL);
	clockid_t other;
	CHECK_EQ(clock_getcpuclockid(getpid(), &other), 0);
	CHECK_EQ(clock_gettime(other, &r), 0);
}

TEST("the library's clocks agree with the kernel's")
{
	struct timespec a, b, c;
	for (int i = 0; i < 3; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b);
		clock_gettime(CLOCK_MONOTONIC, &c);
		CHECK((a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec)) && (b.tv_sec < c.tv_sec || (b.tv_sec == c.tv_sec && b.tv_nsec <= c.tv_nsec)));
	}
	struct timeval v;
	CHECK_EQ(syscall(SYS_gettimeofday, &v, NULL), 0);
	long now = syscall(SYS_time, NULL);
	CHECK(now - v.tv_sec <= 60 && now - v.tv_sec >= 0);
	time_t stored = 0;
	CHECK(syscall(SYS_time, &stored) == stored && stored > 1000000000);
	CHECK_ERRNO(syscall(SYS_time, BAD), EFAULT);
	CHECK_ERRNO(syscall(SYS_gettimeofday, BAD, NULL), EFAULT);
	struct timezone zone;
	CHECK_EQ(syscall(SYS_gettimeofday, NULL, &zone), 0);
}

TEST("setting the clock moves it, and needs a privilege")
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	struct timespec moved = { t.tv_sec + 1000, t.tv_nsec };
	long long mono = clock_ns(CLOCK_MONOTONIC);
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &moved), 0);
	CHECK(clock_ns(CLOCK_REALTIME) / 1000000000 >= t.tv_sec + 1000);
	CHECK(clock_ns(CLOCK_MONOTONIC) - mono < 60000000000ll);
	struct timeval v = { t.tv_sec, 0 };
	CHECK_EQ(settimeofday(&v, NULL), 0);
	CHECK_ERRNO(settimeofday(&(struct timeval){ 0, 1000000 }, NULL), EINVAL);
	clock_settime(CLOCK_REALTIME, &t);
	become_nobody();
	CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &t), EPERM);
	CHECK_ERRNO(settimeofday(&v, NULL), EPERM);
	struct timex x = { .modes = 0 };
	CHECK_OK(adjtimex(&x));
	x.modes = ADJ_FREQUENCY;
	CHECK_ERRNO(adjtimex(&x), EPERM);
}

TEST("adjtimex reads and refuses")
{
	struct timex x = { .modes = 0 };
	long state = CHECK_OK(syscall(SYS_adjtimex, &x));
	CHECK(state >= 0 && state <= 5);
	CHECK(x.tick >= 9000 && x.tick <= 11000);
	CHECK_OK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &x));
	CHECK_ERRNO(syscall(SYS_clock_adjtime, 99, &x), EINVAL);
	x.modes = ADJ_TICK;
	x.tick = 1;
	CHECK_ERRNO(syscall(SYS_adjtimex, &x), EINVAL);
	CHECK_ERRNO(syscall(SYS_adjtimex, BAD), EFAULT);
}

TEST("adjtime and adjtimex take what changes nothing")
{
	struct timeval none = { 0, 0 }, left = { 7, 7 };
	CHECK_EQ(adjtime(&none, &left), 0);
	CHECK_EQ(left.tv_sec, 0);
	CHECK_EQ(left.tv_usec, 0);
	CHECK_EQ(adjtime(NULL, &left), 0);
	struct timex x = { .modes = 0 };
	CHECK_OK(adjtimex(&x));
	x.modes = ADJ_TICK | ADJ_FREQUENCY;
	CHECK_OK(adjtimex(&x));
	x.modes = ADJ_TICK;
	x.tick = 20000;
	CHECK_ERRNO(adjtimex(&x), EINVAL);
}

TEST("nanosleep sleeps long enough and checks its time")
{
	long long start = now_ns();
	struct timespec t = { 0, 25000000 };
	CHECK_EQ(nanosleep(&t, NULL), 0);
	CHECK(now_ns() - start >= 25000000);
	t.tv_nsec = 1000000000;
	CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
	t = (struct timespec){ -1, 0 };
	CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
	CHECK_ERRNO(nanosleep(BAD, NULL), EFAULT);
	t = (struct timespec){ 0, 0 };
	CHECK_EQ(nanosleep(&t, NULL), 0);
}

TEST("clock_nanosleep: relative, absolute, interrupted")
{
	struct timespec t = { 0, 20000000 }, now, left = { 77, 77 };
	long long start = now_ns();
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL), 0);
	CHECK(now_ns() - start >= 20000000);
	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_nsec += 30000000;
	if (now.tv_nsec >= 1000000000)
		now.tv_sec++, now.tv_nsec -= 1000000000;
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL), 0);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= now.tv_sec * 1000000000ll + now.tv_nsec);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL), 0);
	CHECK_EQ(clock_nanosleep(99, 0, &t, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_BOOTTIME, 0, &(struct timespec){ 0, 1000000 }, NULL), 0);
	on_signal(SIGALRM, count_signal, 0);
	signal_asleep(getpid(), SIGALRM);
	t = (struct timespec){ 300, 0 };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &left), EINTR);
	CHECK(left.tv_sec >= 100 && left.tv_sec < 300);
	left.tv_sec = 77;
	now.tv_sec += 500;
	signal_asleep(getpid(), SIGALRM);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, &left), EINTR);
	CHECK_EQ(left.tv_sec, 77);
}

TEST("alarm counts seconds and says what was left")
{
	CHECK_EQ(alarm(1000), 0);
	unsigned left = alarm(500);
	CHECK(left > 800 && left <= 1000);
	CHECK_EQ(IN_CHILD(_exit((int)alarm(0))), 0);
	left = alarm(0);
	CHECK(left > 300 && left <= 500);
	CHECK_EQ(alarm(0), 0);
	on_signal(SIGALRM, count_signal, 0);
	long long start = now_ms();
	alarm(1);
	CHECK(SOON(signals_seen == 1));
	CHECK(now_ms() - start >= 990);
}

TEST("interval timers repeat, and count the process's own time")
{
	struct itimerval v = { { 0, 10000 }, { 0, 10000 } }, old;
	on_signal(SIGALRM, count_signal, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
	CHECK(SOON(signals_seen >= 3));
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	CHECK_EQ(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	CHECK_ERRNO(setitimer(9, &v, NULL), EINVAL);
	CHECK_ERRNO(getitimer(-1, &old), EINVAL);
	CHECK_ERRNO(setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 1000000 } }, NULL), EINVAL);
	CHECK_ERRNO(getitimer(ITIMER_REAL, BAD), EFAULT);
	on_signal(SIGVTALRM, count_signal, 0);
	on_signal(SIGPROF, count_signal, 0);
	v.it_interval.tv_usec = 0;
	last_signal = 0;
	MUST(setitimer(ITIMER_VIRTUAL, &v, NULL));
	burn_until(SIGVTALRM);
	CHECK_EQ(last_signal, SIGVTALRM);
	MUST(setitimer(ITIMER_PROF, &v, NULL));
	burn_until(SIGPROF);
	CHECK_EQ(last_signal, SIGPROF);
}

static volatile siginfo_t seen;

static void
take_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	/* The first: on a slow machine a second may come before the test has looked. */
	if (signals_seen == 0)
		memcpy((void *)&seen, info, sizeof(*info));
	last_signal = sig;
	signals_seen++;
}

TEST("POSIX timers send their signal with a value, count overruns, and are deleted")
{
	timer_t t;
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 4711 };
	struct itimerspec v = { { 0, 5000000 }, { 0, 5000000 } }, old;
	MUST(sigaction(SIGRTMIN, &(struct sigaction){ .sa_sigaction = take_info, .sa_flags = SA_SIGINFO | SA_RESTART }, NULL));
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	CHECK_EQ(timer_gettime(t, &old), 0);
	CHECK_EQ(old.it_value.tv_nsec + old.it_value.tv_sec, 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
	sleep_ms(60);
	CHECK_EQ(timer_gettime(t, &old), 0);
	CHECK_EQ(old.it_interval.tv_nsec, 5000000);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 5000000);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(signals_seen >= 1);
	CHECK_EQ(seen.si_code, SI_TIMER);
	CHECK_EQ(seen.si_value.sival_int, 4711);
	CHECK(timer_getoverrun(t) >= 1 || seen.si_overrun >= 5);
	CHECK_EQ(timer_settime(t, 0, &(struct itimerspec){ 0 }, &old), 0);
	CHECK_EQ(old.it_interval.tv_nsec, 5000000);
	CHECK_ERRNO(timer_settime(t, 0, &(struct itimerspec){ { 0, 0 }, { 0, -1 } }, NULL), EINVAL);
	CHECK_EQ(timer_delete(t), 0);
	CHECK_ERRNO(syscall(SYS_timer_delete, 1234), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, 1234, 0, &v, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, 1234, &v), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_getoverrun, 1234), EINVAL);
}

TEST("timer_create's kinds and errors")
{
	int id;
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id), EINVAL);
	e.sigev_notify = 77;
	e.sigev_signo = SIGUSR1;
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id), EINVAL);
	e.sigev_notify = SIGEV_NONE;
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id), 0);
	CHECK_ERRNO(syscall(SYS_timer_create, 99, &e, &id), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, BAD, &id), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, BAD), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC_COARSE, &e, &id), EOPNOTSUPP);
	e.sigev_notify = SIGEV_THREAD_ID;
	e._sigev_un._tid = gettid();
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_REALTIME, &e, &id), 0);
	on_signal(SIGUSR1, count_signal, 0);
	CHECK_EQ(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &(struct itimerspec){ { 0, 0 }, { 1, 0 } }, NULL), 0);
	CHECK(SOON(signals_seen == 1));
	e._sigev_un._tid = 1;
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME, &e, &id), EINVAL);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, NULL, &id), 0);
	signals_seen = 0;
	MUST(sigaction(SIGALRM, &(struct sigaction){ .sa_sigaction = take_info, .sa_flags = SA_SIGINFO }, NULL));
	CHECK_EQ(syscall(SYS_timer_settime, id, 0, &(struct itimerspec){ { 0, 0 }, { 0, 10000000 } }, NULL), 0);
	burn_until(SIGALRM);
	CHECK_EQ(last_signal, SIGALRM);
	CHECK(seen.si_value.sival_int == id);
	CHECK_EQ(IN_CHILD(_exit(syscall(SYS_timer_gettime, id, &(struct itimerspec){ 0 }) == -1 ? errno : 0)), EINVAL);
}

TEST("times and getrusage count processor time, of children when they are waited for")
{
	struct tms t;
	struct rusage r;
	pid_t child = SPAWN(burn(60));
	CHECK(times(&t) > 0);
	CHECK_EQ(t.tms_cutime + t.tms_cstime, 0);
	CHECK_EQ(reap(child), 0);
	times(&t);
	CHECK(t.tms_cutime + t.tms_cstime >= 4);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &r), 0);
	CHECK(r.ru_utime.tv_usec + r.ru_stime.tv_usec + (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 >= 50000);
	burn(30);
	CHECK_EQ(getrusage(RUSAGE_SELF, &r), 0);
	CHECK(r.ru_utime.tv_usec + r.ru_stime.tv_usec >= 20000);
	CHECK(r.ru_maxrss > 0 && r.ru_minflt > 0);
	CHECK_EQ(getrusage(RUSAGE_THREAD, &r), 0);
	CHECK_ERRNO(getrusage(9, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_getrusage, RUSAGE_SELF, BAD), EFAULT);
	CHECK_ERRNO(syscall(SYS_times, BAD), EFAULT);
}

TEST("RLIMIT_CPU sends SIGXCPU and then SIGKILL")
{
	CHECK_EQ(IN_CHILD({
		setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 2 });
		for (;;)
			;
	}), 128 + SIGXCPU);
}

TEST("nanosleep and settimeofday themselves, which libraries leave for newer calls")
{
	struct timespec t = { 0, 1000000 };
	long long start = now_ns();
	CHECK_EQ(syscall(SYS_nanosleep, &t, NULL), 0);
	CHECK(now_ns() - start >= 1000000);
	CHECK_ERRNO(syscall(SYS_nanosleep, BAD, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_settimeofday, &(struct timeval){ 0, 1000001 }, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_settimeofday, BAD, NULL), EFAULT);
	CHECK_EQ(syscall(SYS_settimeofday, NULL, NULL), 0);
}
