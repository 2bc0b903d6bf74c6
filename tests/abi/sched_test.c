// SPDX-License-Identifier: MPL-2.0
// Scheduling: policies, priorities, affinity; limits.
// syscalls: sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
// syscalls: sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr sched_getattr sched_yield getpriority setpriority
// syscalls: ioprio_set ioprio_get getcpu getrlimit setrlimit prlimit64
#include "abi.h"

struct attr { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; uint32_t min, max; };

TEST("policies and their priorities")
{
	struct sched_param p = { 0 };
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_EQ(sched_get_priority_min(SCHED_BATCH), 0);
	CHECK_ERRNO(sched_get_priority_max(99), EINVAL);
	CHECK_ERRNO(sched_get_priority_min(-1), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
	p.sched_priority = 1;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
	CHECK_EQ(sched_setscheduler(0, SCHED_FIFO, &p), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO);
	CHECK_EQ(sched_getparam(0, &p), 0);
	CHECK_EQ(p.sched_priority, 1);
	p.sched_priority = 5;
	CHECK_EQ(sched_setparam(0, &p), 0);
	CHECK_EQ(IN_CHILD(_exit(sched_getscheduler(0))), SCHED_FIFO);
	CHECK_EQ(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	CHECK_EQ(IN_CHILD(_exit(sched_getscheduler(0))), SCHED_OTHER);
	struct timespec t;
	CHECK_EQ(sched_rr_get_interval(0, &t), 0);
	CHECK_EQ(t.tv_nsec, 100000000);
	p.sched_priority = 100;
	CHECK_ERRNO(sched_setparam(0, &p), EINVAL);
	p.sched_priority = 0;
	CHECK_EQ(sched_setscheduler(0, SCHED_IDLE, &p), 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &p), 0);
	CHECK_ERRNO(sched_setscheduler(0x3fffff, SCHED_OTHER, &p), ESRCH);
	CHECK_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, 99, &p), EINVAL);
	CHECK_ERRNO(sched_getscheduler(0x3fffff), ESRCH);
	CHECK_ERRNO(sched_getparam(0, NULL), EINVAL);
	CHECK_ERRNO(sched_getparam(0, BAD), EFAULT);
	CHECK_ERRNO(sched_rr_get_interval(0, BAD), EFAULT);
	CHECK_EQ(sched_yield(), 0);
	become_nobody();
	p.sched_priority = 1;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EPERM);
	p.sched_priority = 0;
	CHECK_EQ(sched_setscheduler(0, SCHED_IDLE, &p), 0);
	CHECK_ERRNO(sched_setscheduler(1, SCHED_OTHER, &p), EPERM);
}

TEST("sched_getattr and sched_setattr")
{
	struct attr a = { 0 };
	CHECK_EQ(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
	CHECK_EQ(a.policy, SCHED_OTHER);
	CHECK_EQ(a.nice, 0);
	CHECK(a.size >= 48);
	a = (struct attr){ .size = 48, .policy = SCHED_OTHER, .nice = 7 };
	CHECK_EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
	a.policy = SCHED_FIFO;
	a.priority = 3;
	CHECK_EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, BAD, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, 8, 0), EINVAL);
	a.policy = 77;
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.size = 40000;
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
}

TEST("nice values and their rights")
{
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -5), 0);
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 25);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	CHECK_EQ(IN_CHILD(_exit(getpriority(PRIO_PROCESS, 0) == -20 ? 3 : 1)), 3);
	CHECK_EQ(setpriority(PRIO_PGRP, 0, 2), 0);
	CHECK_EQ(getpriority(PRIO_PGRP, 0), 2);
	CHECK_EQ(getpriority(PRIO_USER, 0) <= 2, 1);
	CHECK_ERRNO(getpriority(9, 0), EINVAL);
	CHECK_ERRNO(getpriority(PRIO_PROCESS, 0x3fffff), ESRCH);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 0x3fffff, 1), ESRCH);
	become_nobody();
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 4), EACCES);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 1, 10), EPERM);
}

TEST("affinity is enforced, inherited, and must hold a processor")
{
	cpu_set_t set, now;
	unsigned char raw[1024];
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(raw), raw);
	CHECK(size >= 8 && size % 8 == 0);
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 3, raw), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0x3fffff, sizeof(raw), raw), ESRCH);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(sched_getcpu(), 0);
	unsigned cpu = 9, node = 9;
	CHECK_EQ(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
	CHECK_EQ(cpu, 0);
	CHECK_EQ(node, 0);
	CHECK_EQ(syscall(SYS_getcpu, NULL, NULL, NULL), 0);
	CHECK_EQ(sched_getaffinity(0, sizeof(now), &now), 0);
	CHECK(CPU_EQUAL(&set, &now));
	CHECK_EQ(IN_CHILD(_exit(sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&set, &now) ? 3 : 1)), 3);
	CPU_ZERO(&set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(900, &set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setaffinity, 0, 8, BAD), EFAULT);
	become_nobody();
	CPU_SET(0, &set);
	CHECK_ERRNO(sched_setaffinity(1, sizeof(set), &set), EPERM);
}

enum { IO_PROCESS = 1, IO_GROUP, IO_USER, IO_CONTEXT = 0x80000000 };
#define IO(class, level) ((class) << 13 | (level))

static long
io_get(int which, int who)
{
	return syscall(SYS_ioprio_get, which, who);
}

static long
io_set(int which, int who, int priority)
{
	return syscall(SYS_ioprio_set, which, who, priority);
}

TEST("I/O priorities are kept")
{
	CHECK_EQ(io_get(IO_PROCESS, 0), 0);
	CHECK_EQ(io_get(IO_GROUP, 0), IO(2, 4));
	CHECK_EQ(io_set(IO_PROCESS, 0, IO(2, 5)), 0);
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(2, 5));
	CHECK_EQ(io_get(IO_PROCESS, getpid()), IO(2, 5));
	CHECK_EQ(io_set(IO_PROCESS, 0, IO(3, 0)), 0);
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(3, 0));
	CHECK_EQ(io_set(IO_PROCESS, 0, IO(1, 7)), 0);
	CHECK_EQ(io_set(IO_PROCESS, 0, 0), 0);
	CHECK_EQ(io_get(IO_PROCESS, 0), 0);
	CHECK_ERRNO(io_set(IO_PROCESS, 0, IO(7, 0)), EINVAL);
	CHECK_ERRNO(io_set(IO_PROCESS, 0, IO(4, 0)), EINVAL);
	CHECK_EQ(io_set(IO_PROCESS, 0, IO(2, 9)), 0);
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(2, 9));
	CHECK_ERRNO(io_set(IO_PROCESS, 0, IO(0, 1)), EINVAL);
	CHECK_ERRNO(io_set(9, 0, 0), EINVAL);
	CHECK_ERRNO(io_get(9, 0), EINVAL);
	CHECK_ERRNO(io_get(0, 0), EINVAL);
	CHECK_ERRNO(io_get(IO_PROCESS, 0x3fffff), ESRCH);
	CHECK_ERRNO(io_set(IO_PROCESS, 0x3fffff, 0), ESRCH);
	CHECK_ERRNO(io_get(IO_PROCESS, -1), ESRCH);
	CHECK_ERRNO(io_get(IO_GROUP, 0x3fffff), ESRCH);
	CHECK_ERRNO(io_set(IO_USER, 987654, 0), ESRCH);
}

TEST("I/O priorities that nobody set follow class and nice value")
{
	struct sched_param p = { 0 };
	setpriority(PRIO_PROCESS, 0, 10);
	CHECK_EQ(io_get(IO_PROCESS, 0), 0);
	CHECK_EQ(io_get(IO_GROUP, 0), IO(2, 6));
	setpriority(PRIO_PROCESS, 0, -20);
	CHECK_EQ(io_get(IO_GROUP, 0), IO(2, 0));
	setpriority(PRIO_PROCESS, 0, 19);
	CHECK_EQ(io_get(IO_GROUP, getpgrp()), IO(2, 7));
	MUST(sched_setscheduler(0, SCHED_IDLE, &p));
	CHECK_EQ(io_get(IO_GROUP, 0), IO(3, 7));
	CHECK_EQ(io_set(IO_PROCESS, 0, IO(2, 1)), 0);
	CHECK_EQ(io_get(IO_GROUP, 0), IO(2, 1));
}

static void *
own_io_priority(void *arg)
{
	*(long *)arg = io_get(IO_PROCESS, gettid());
	CHECK_EQ(io_set(IO_PROCESS, gettid(), IO(2, 3)), 0);
	return NULL;
}

TEST("I/O priorities are a thread's own, inherited, shared with CLONE_IO, kept by exec's process")
{
	long got = -1;
	pthread_t t;
	CHECK_EQ(io_set(IO_PROCESS, 0, IO(2, 6)), 0);
	MUST(pthread_create(&t, NULL, own_io_priority, &got));
	pthread_join(t, NULL);
	CHECK_EQ(got, IO(2, 6));
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(2, 6));
	CHECK_EQ(IN_CHILD(_exit(io_get(IO_PROCESS, 0) == IO(2, 6) && io_set(IO_PROCESS, 0, IO(2, 1)) == 0 ? 3 : 1)), 3);
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(2, 6));
	pid_t child = (pid_t)syscall(SYS_clone, IO_CONTEXT | SIGCHLD, 0, NULL, NULL, 0);
	if (child == 0)
		_exit(io_set(IO_PROCESS, 0, IO(2, 2)) == 0 ? 4 : 1);
	CHECK_EQ(reap(child), 4);
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(2, 2));
	child = SPAWN({ setpgid(0, 0); for (;;) pause(); });
	setpgid(child, child);
	CHECK_EQ(io_set(IO_GROUP, child, IO(3, 0)), 0);
	CHECK_EQ(io_get(IO_PROCESS, child), IO(3, 0));
	CHECK_EQ(io_get(IO_PROCESS, 0), IO(2, 2));
	kill(child, SIGKILL);
	reap(child);
	pid_t parent = getpid();
	CHECK_EQ(IN_CHILD({
		become_nobody();
		CHECK_ERRNO(io_set(IO_PROCESS, 0, IO(1, 0)), EPERM);
		CHECK_ERRNO(io_set(IO_PROCESS, parent, IO(2, 0)), EPERM);
		CHECK_EQ(io_get(IO_PROCESS, parent), IO(2, 2));
		CHECK_EQ(io_set(IO_PROCESS, 0, IO(2, 0)), 0);
		_exit(5);
	}), 5);
}

TEST("resource limits: soft below hard, hard only down for others than root")
{
	struct rlimit r, old;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &r), 0);
	CHECK(r.rlim_cur <= r.rlim_max);
	CHECK_EQ(getrlimit(RLIMIT_STACK, &r), 0);
	CHECK_EQ(r.rlim_cur, 8 << 20);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, 200 }), 0);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &r), 0);
	CHECK_EQ(r.rlim_cur, 100);
	CHECK_EQ(r.rlim_max, 200);
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 201, 200 }), EINVAL);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, 300 }), 0);
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }), EPERM);
	CHECK_ERRNO(syscall(SYS_getrlimit, 99, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_setrlimit, 99, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_CPU, BAD), EFAULT);
	CHECK_EQ(prlimit(0, RLIMIT_NOFILE, &(struct rlimit){ 50, 300 }, &old), 0);
	CHECK_EQ(old.rlim_cur, 100);
	CHECK_ERRNO(prlimit(0x3fffff, RLIMIT_NOFILE, NULL, &old), ESRCH);
	pid_t child = SPAWN(for (;;) pause());
	CHECK_EQ(prlimit(child, RLIMIT_NOFILE, &(struct rlimit){ 44, 300 }, &old), 0);
	CHECK_EQ(old.rlim_cur, 50);
	CHECK_EQ(prlimit(child, RLIMIT_NOFILE, NULL, &old), 0);
	CHECK_EQ(old.rlim_cur, 44);
	kill(child, SIGKILL);
	become_nobody();
	CHECK_ERRNO(prlimit(1, RLIMIT_NOFILE, NULL, &old), EPERM);
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, 301 }), EPERM);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 60, 60 }), 0);
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 60, 61 }), EPERM);
}

static volatile int go;

static void *
spin(void *arg)
{
	while (!go)
		;
	return arg;
}

TEST("a thread that never sleeps does not keep others from running")
{
	pthread_t t[3];
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, spin, NULL);
	long long start = now_ms();
	for (int i = 0; i < 5; i++)
		sleep_ms(1);
	CHECK(now_ms() - start < 60000);
	go = 1;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}
