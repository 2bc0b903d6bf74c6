// SPDX-License-Identifier: MPL-2.0
// Processes: their birth, waiting for them, groups and sessions, handles of processes.
// syscalls: fork vfork clone clone3 exit exit_group wait4 waitid getpid getppid gettid getpgid setpgid getpgrp getsid setsid prctl
// syscalls: arch_prctl personality pidfd_open pidfd_send_signal pidfd_getfd kcmp unshare process_madvise process_mrelease
#include "abi.h"
#include <asm/prctl.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/pidfd.h>
#undef P_PIDFD
#define P_PIDFD 3

static int
pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

TEST("fork gives a child with its own pid and a copy of memory")
{
	int value = 1;
	pid_t me = getpid();
	CHECK_EQ(IN_CHILD({ value = 2; _exit(getpid() != me && getppid() == me ? 4 : 1); }), 4);
	CHECK_EQ(value, 1);
	CHECK(gettid() == me);
	CHECK_EQ(IN_CHILD(_exit(gettid() == getpid() ? 2 : 1)), 2);
}

TEST("wait4 tells how a child ended, once")
{
	int status;
	struct rusage usage;
	pid_t child = SPAWN(_exit(300));
	CHECK_EQ(wait4(child, &status, 0, &usage), child);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 44);
	CHECK_ERRNO(waitpid(child, &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
	child = SPAWN(raise(SIGKILL));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, SIGKILL);
	CHECK_ERRNO(waitpid(1, &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(-1, &status, 0x100), EINVAL);
	CHECK_ERRNO(waitpid(INT_MIN, &status, 0), ESRCH);
	child = SPAWN(for (;;) pause());
	CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	CHECK_ERRNO(wait4(child, BAD, 0, NULL), EFAULT);
	CHECK_ERRNO(waitpid(child, &status, 0), ECHILD);
}

TEST("a process that ended and was not waited for is a zombie, to which signals go without effect")
{
	pid_t child = SPAWN(_exit(3));
	siginfo_t info;
	MUST(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
	CHECK_EQ(state_of(child), 'Z');
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(kill(child, 0), 0);
	CHECK_EQ(reap(child), 3);
	CHECK_ERRNO(kill(child, 0), ESRCH);
}

TEST("waitid tells all in a siginfo and can leave the child")
{
	siginfo_t info = { 0 };
	pid_t child = SPAWN(_exit(9));
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 9);
	CHECK(info.si_pid == child);
	CHECK_EQ(info.si_uid, 0);
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	child = SPAWN(raise(SIGABRT));
	CHECK_EQ(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED), 0);
	CHECK(info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
	CHECK_EQ(info.si_status, SIGABRT);
	child = SPAWN(for (;;) pause());
	info.si_pid = 77;
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
	CHECK_ERRNO(waitid(9, 0, &info, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	CHECK_ERRNO(syscall(SYS_waitid, P_PIDFD, 99, &info, WEXITED, NULL), EBADF);
	CHECK_ERRNO(syscall(SYS_waitid, P_PIDFD, 0, &info, WEXITED, NULL), EBADF);
	kill(child, SIGKILL);
	CHECK_EQ(reap(child), 128 + SIGKILL);
}

TEST("stops and continuations are reported to those who ask")
{
	int status;
	siginfo_t info;
	pid_t child = SPAWN(for (;;) pause());
	kill(child, SIGSTOP);
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	CHECK_EQ(state_of(child), 'T');
	CHECK_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);
	kill(child, SIGCONT);
	CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
	CHECK(WIFCONTINUED(status));
	kill(child, SIGSTOP);
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WSTOPPED), 0);
	CHECK_EQ(info.si_code, CLD_STOPPED);
	CHECK_EQ(info.si_status, SIGSTOP);
	kill(child, SIGCONT);
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WCONTINUED), 0);
	CHECK_EQ(info.si_code, CLD_CONTINUED);
	CHECK_EQ(info.si_status, SIGCONT);
	kill(child, SIGSTOP);
	kill(child, SIGKILL);
	CHECK_EQ(reap(child), 128 + SIGKILL);
}

TEST("SIGCHLD ignored, or SA_NOCLDWAIT, leaves no zombies")
{
	signal(SIGCHLD, SIG_IGN);
	pid_t child = SPAWN(_exit(1));
	CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
	CHECK(SOON(kill(child, 0) == -1 && errno == ESRCH));
	on_signal(SIGCHLD, count_signal, SA_NOCLDWAIT);
	child = SPAWN(_exit(1));
	while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
		;
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(signals_seen, 1);
	on_signal(SIGCHLD, count_signal, SA_NOCLDSTOP);
	signals_seen = 0;
	child = SPAWN(raise(SIGSTOP));
	waitpid(child, NULL, WUNTRACED);
	CHECK_EQ(signals_seen, 0);
	kill(child, SIGCONT);
	CHECK_EQ(reap(child), 0);
	CHECK_EQ(signals_seen, 1);
}

TEST("wait4 is interrupted by a signal, or restarted")
{
	int p[2];
	char c;
	MUST(pipe(p));
	pid_t child = SPAWN({ MUST(read(p[0], &c, 1)); _exit(2); });
	on_signal(SIGALRM, count_signal, 0);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(waitpid(child, NULL, 0), EINTR);
	int status = 0;
	on_signal(SIGALRM, count_signal, SA_RESTART);
	WHEN_ASLEEP({ kill(self_, SIGALRM); wait_asleep(self_); MUST(write(p[1], "x", 1)); });
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(WEXITSTATUS(status), 2);
	CHECK_EQ(signals_seen, 2);
}

enum { ALARMS_MAX = 500 };
static volatile sig_atomic_t alarms;
static long alarm_us;

static void
alarm_soon(int sig)
{
	(void)sig;
	if (++alarms < ALARMS_MAX)
		setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, alarm_us } }, NULL);
}

/* What a signal costs here, times four: after that much the program has got on from its handler. */
static long
signals_us(void)
{
	struct timespec start, end;
	on_signal(SIGUSR1, count_signal, 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 32; i++)
		raise(SIGUSR1);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000) / 8;
}

TEST("fork comes to its end where a timer's signals come faster than a process is made")
{
	enum { SIZE = 64 << 20 };
	char *m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(m, 'm', SIZE);
	alarm_us = 200 + signals_us();
	signal(SIGALRM, alarm_soon);
	alarm_soon(0);
	pid_t child = fork();
	if (child == 0)
		_exit(m[SIZE - 1]);
	signal(SIGALRM, SIG_IGN);
	CHECK(alarms < ALARMS_MAX);
	CHECK_EQ(reap(child), 'm');
}

TEST("vfork suspends the parent until exit or exec")
{
	volatile int value = 1;
	pid_t child = vfork();
	if (child == 0) {
		value = 2;
		_exit(6);
	}
	CHECK_EQ(value, 2);
	CHECK_EQ(reap(child), 6);
	child = vfork();
	if (child == 0) {
		execl(abi_self, "x", "--role", "12", NULL);
		_exit(1);
	}
	CHECK_EQ(reap(child), 12);
}

TEST("orphans get a new parent: a subreaper or init")
{
	int p[2];
	MUST(pipe(p));
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	int is = 0;
	pid_t first = getpid();
	MUST(prctl(PR_GET_CHILD_SUBREAPER, &is));
	CHECK_EQ(is, 1);
	CHECK_EQ(IN_CHILD(SPAWN({
		SOON(getppid() == first || getppid() == 1);
		pid_t parent = getppid();
		write(p[1], &parent, sizeof(parent));
		_exit(13);
	})), 0);
	pid_t parent = 0;
	MUST(read(p[0], &parent, sizeof(parent)));
	CHECK(parent == getpid());
	int status;
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(WEXITSTATUS(status), 13);
}

TEST("PR_SET_PDEATHSIG kills a child with its parent")
{
	int p[2];
	char c;
	MUST(pipe(p));
	CHECK_EQ(IN_CHILD({
		SPAWN({ prctl(PR_SET_PDEATHSIG, SIGKILL); write(p[1], "r", 1); for (;;) pause(); });
		MUST(read(p[0], &c, 1));
	}), 0);
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 0);
}

TEST("process groups")
{
	pid_t me = getpid();
	CHECK(getpgrp() == me && getpgid(0) == me && getsid(0) == me);
	CHECK_ERRNO(setpgid(0, 0), EPERM);
	CHECK_ERRNO(setsid(), EPERM);
	pid_t child = SPAWN(for (;;) pause());
	CHECK_EQ(getpgid(child), me);
	CHECK_EQ(setpgid(child, 0), 0);
	CHECK_EQ(getpgid(child), child);
	pid_t other = SPAWN(for (;;) pause());
	CHECK_EQ(setpgid(other, child), 0);
	CHECK_EQ(getpgid(other), child);
	CHECK_ERRNO(setpgid(other, 0x3fffff), EPERM);
	CHECK_ERRNO(setpgid(1, 0), ESRCH);
	CHECK_ERRNO(setpgid(0x3fffff, 0), ESRCH);
	CHECK_ERRNO(setpgid(child, -1), EINVAL);
	CHECK_ERRNO(getpgid(0x3fffff), ESRCH);
	CHECK_ERRNO(getsid(0x3fffff), ESRCH);
	CHECK_EQ(kill(-child, SIGTERM), 0);
	CHECK_EQ(reap(child), 128 + SIGTERM);
	CHECK_EQ(reap(other), 128 + SIGTERM);
	CHECK_ERRNO(kill(-child, 0), ESRCH);
	int p[2];
	char c;
	MUST(pipe(p));
	pid_t execed = SPAWN({ fcntl(p[1], F_SETFD, FD_CLOEXEC); close(p[0]); execl(abi_self, "x", "--role", "wait", NULL); });
	close(p[1]);
	MUST(read(p[0], &c, 1));
	CHECK_ERRNO(setpgid(execed, 0), EACCES);
	kill(execed, SIGKILL);
}

TEST("setsid makes a session and a group without a terminal")
{
	CHECK_EQ(IN_CHILD({
		pid_t me = getpid();
		if (setsid() != me || getsid(0) != me || getpgrp() != me)
			_exit(1);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		_exit(5);
	}), 5);
}

TEST("prctl names, dumpability and what it refuses")
{
	char name[32] = "";
	CHECK_EQ(prctl(PR_SET_NAME, "a name that is too long"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "a name that is ");
	CHECK_STR(slurp("/proc/self/comm"), "a name that is \n");
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	int sig = 0;
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &sig), 0);
	CHECK_EQ(sig, SIGKILL);
	CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
	CHECK_EQ(prctl(PR_GET_KEEPCAPS), 0);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1000), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1000);
	CHECK_EQ(prctl(PR_CAPBSET_READ, 0), 1);
	CHECK_ERRNO(prctl(PR_CAPBSET_READ, 64), EINVAL);
	CHECK_EQ(prctl(PR_CAPBSET_DROP, 13), 0);
	CHECK_EQ(prctl(PR_CAPBSET_READ, 13), 0);
	CHECK_ERRNO(prctl(9999), EINVAL);
	CHECK_EQ(prctl(PR_GET_SECCOMP), 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	CHECK_ERRNO(prctl(PR_SET_NAME, BAD), EFAULT);
}

TEST("arch_prctl and personality")
{
	unsigned long base = 0;
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0);
	CHECK(base == (unsigned long)pthread_self());
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x12345000ul), 0);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &base), 0);
	CHECK_EQ(base, 0x12345000);
	CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000ul), EPERM);
	CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_GET_FS, BAD), EFAULT);
	CHECK_EQ(personality(0xffffffff), 0);
	CHECK_EQ(personality(ADDR_NO_RANDOMIZE), 0);
	CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
	CHECK_EQ(IN_CHILD(_exit(personality(0xffffffff) == ADDR_NO_RANDOMIZE ? 3 : 1)), 3);
}

static int
clone_body(void *arg)
{
	*(volatile int *)arg = getppid();
	return 21;
}

TEST("clone shares what its flags say")
{
	static char stack[65536] __attribute__((aligned(16)));
	volatile int cell = 0;
	int fd = file_with("f", "");
	pid_t child = (pid_t)CHECK_OK(clone(clone_body, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)&cell));
	CHECK_EQ(reap(child), 21);
	CHECK(cell == getpid());
	cell = 0;
	child = (pid_t)MUST(clone(clone_body, stack + sizeof(stack), SIGCHLD, (void *)&cell));
	CHECK_EQ(reap(child), 21);
	CHECK_EQ(cell, 0);
	child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, NULL, NULL, 0);
	if (child == 0)
		_exit(close(fd));
	reap(child);
	CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
	MUST(mkdir("d", 0755));
	child = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, NULL, NULL, 0);
	if (child == 0) {
		umask(077);
		_exit(chdir("d"));
	}
	reap(child);
	CHECK_EQ(access("../d", F_OK), 0);
	CHECK_EQ(umask(022), 077);
	pid_t ptid = 0;
	child = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ptid, &cell, 0);
	if (child == 0)
		_exit(cell == getpid() ? 4 : 1);
	CHECK(ptid == child);
	CHECK_EQ(reap(child), 4);
	CHECK_EQ(cell, 0);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	child = (pid_t)syscall(SYS_clone, 0, 0, NULL, NULL, 0);
	if (child == 0)
		_exit(8);
	CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
	int status = 0;
	CHECK_EQ(waitpid(child, &status, __WCLONE), child);
	CHECK_EQ(WEXITSTATUS(status), 8);
}

TEST("clone takes an end signal that does not exist: the end sends none, and a wait for all kinds finds the child")
{
	static const int numbers[] = { 64, 65, 66, 127, 128, 255 };
	sigset_t all, pending;
	sigfillset(&all);
	MUST(sigprocmask(SIG_BLOCK, &all, NULL));
	for (int i = 0; i < 6; i++) {
		int status = 0, sent = 0;
		pid_t child = (pid_t)syscall(SYS_clone, numbers[i], 0, NULL, NULL, 0);
		if (child == 0)
			_exit(i);
		CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
		CHECK_EQ(waitpid(child, &status, __WALL), child);
		CHECK_EQ(WEXITSTATUS(status) - i, 0);
		MUST(sigpending(&pending));
		for (int sig = 1; sig < NSIG; sig++)
			sent = sigismember(&pending, sig) == 1 ? sig : sent;
		CHECK(sent == (numbers[i] == 64 ? 64 : 0));
		while (sigtimedwait(&all, NULL, &(struct timespec){ 0 }) > 0)
			;
	}
}

TEST("a clone that fails late leaves nothing, under a limit of CPU time too")
{
	int failed = 0;
	MUST(setrlimit(RLIMIT_CPU, &(struct rlimit){ 100, 100 }));
	for (int i = 0; i < 200; i++)
		failed += syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, BAD, NULL, 0) == -1 && errno == EFAULT;
	CHECK_EQ(failed, 200);
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
	CHECK_EQ(open("/dev/null", O_RDONLY), 3);
}

TEST("clone3 with a pidfd, and what it refuses")
{
	int fd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD };
	long child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		_exit(17);
	CHECK(child > 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	struct pollfd f = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, PATIENCE_MS), 1);
	siginfo_t info;
	CHECK_EQ(syscall(SYS_waitid, P_PIDFD, fd, &info, WEXITED, NULL), 0);
	CHECK_EQ(info.si_status, 17);
	CHECK_ERRNO(syscall(SYS_clone3, &args, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone3, BAD, sizeof(args)), EFAULT);
	CHECK_ERRNO(syscall(SYS_clone3, &args, 8000), E2BIG);
	args = (struct clone_args){ .exit_signal = 99 };
	CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	args = (struct clone_args){ .exit_signal = SIGCHLD, .stack = 4096 };
	CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	args = (struct clone_args){ .flags = 0xff };
	CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	args = (struct clone_args){ .flags = 1ull << 60 };
	CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	pid_t tids[1] = { 1 };
	args = (struct clone_args){ .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1 };
	CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EEXIST);
}

TEST("a pidfd is polled, signalled and gives descriptors")
{
	int p[2];
	MUST(pipe(p));
	CHECK_ERRNO(pidfd(0x3fffff), ESRCH);
	CHECK_ERRNO(pidfd(-1), EINVAL);
	CHECK_ERRNO(syscall(SYS_pidfd_open, getpid(), 64), EINVAL);
	pid_t child = SPAWN({ dup2(p[1], 50); for (;;) pause(); });
	wait_asleep(child);
	int fd = (int)CHECK_OK(pidfd(child));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	struct pollfd f = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, 0), 0);
	int taken = (int)CHECK_OK(syscall(SYS_pidfd_getfd, fd, 50, 0));
	CHECK_EQ(write(taken, "t", 1), 1);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 51, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 50, 1), EINVAL);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), 0);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 99, NULL, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, p[0], 0, NULL, 0), EBADF);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == -1 ? errno : 0); }), EPERM);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), 0);
	CHECK_EQ(poll(&f, 1, PATIENCE_MS), 1);
	CHECK_EQ(f.revents, POLLIN);
	CHECK_EQ(reap(child), 128 + SIGTERM);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
}

TEST("exit of one thread is not the process's, exit_group is")
{
	CHECK_EQ(IN_CHILD({
		pthread_t t;
		pthread_create(&t, NULL, (void *(*)(void *))(void *)pause, NULL);
		syscall(SYS_exit_group, 33);
	}), 33);
}

TEST("zombies count for RLIMIT_NPROC until they are waited for")
{
	CHECK_EQ(IN_CHILD({
		struct rlimit limit = { 4, 4 };
		if (setresuid(4242, 4242, 4242) || setrlimit(RLIMIT_NPROC, &limit))
			_exit(9);
		int made = 0;
		pid_t child;
		siginfo_t info;
		while (made < 10 && (child = fork()) >= 0) {
			if (child == 0)
				_exit(0);
			waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
			made++;
		}
		if (made != 3 || errno != EAGAIN || wait(NULL) < 0)
			_exit(8);
		child = fork();
		_exit(child > 0 ? 3 : child == 0 ? 0 : 7);
	}), 3);
}

TEST("RLIMIT_NPROC stops others than root with EAGAIN")
{
	struct rlimit limit = { 1, 1 };
	CHECK_EQ(IN_CHILD({
		setgid(61234);
		setuid(61234);
		setrlimit(RLIMIT_NPROC, &limit);
		_exit(fork() == -1 ? errno : 0);
	}), EAGAIN);
	MUST(setrlimit(RLIMIT_NPROC, &limit));
	CHECK_EQ(IN_CHILD(_exit(3)), 3);
}

ROLE
{
	(void)argc;
	if (strcmp(argv[0], "wait") == 0)
		for (;;)
			pause();
	return atoi(argv[0]);
}

TEST("pidfd_send_signal takes an open directory of /proc")
{
	char name[64];
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	sprintf(name, "/proc/%d", pid);
	int fd = open(name, O_RDONLY | O_DIRECTORY), task, proc = open("/proc", O_RDONLY), path = open(name, O_PATH);
	strcat(name, "/task");
	task = open(name, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, task, 0, NULL, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, proc, 0, NULL, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, path, 0, NULL, 0), EBADF);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), 0);
	int status = 0;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WTERMSIG(status), SIGTERM);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
}

TEST("unshare parts what threads and clones share")
{
	int fd = file_with("f", "");
	CHECK_EQ(syscall(SYS_unshare, 0), 0);
	CHECK_ERRNO(syscall(SYS_unshare, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_unshare, CLONE_PARENT), EINVAL);
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, NULL, NULL, 0);
	if (child == 0) {
		if (syscall(SYS_unshare, CLONE_FILES | CLONE_FS) != 0)
			_exit(1);
		umask(0);
		_exit(close(fd) == 0 ? 3 : 2);
	}
	CHECK_EQ(reap(child), 3);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(umask(022), 022);
	CHECK_EQ(syscall(SYS_unshare, CLONE_SYSVSEM), 0);
	CHECK_EQ(syscall(SYS_unshare, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM), 0);
	pthread_t t;
	MUST(pthread_create(&t, NULL, (void *(*)(void *))(void *)pause, NULL));
	CHECK_ERRNO(syscall(SYS_unshare, CLONE_THREAD), EINVAL);
	CHECK_ERRNO(syscall(SYS_unshare, CLONE_VM), EINVAL);
	CHECK_EQ(syscall(SYS_unshare, CLONE_FILES), 0);
	become_nobody();
	CHECK_ERRNO(syscall(SYS_unshare, CLONE_NEWNS), EPERM);
}

TEST("kcmp tells whether two processes share a thing, in an order")
{
	pid_t me = getpid(), child = SPAWN(for (;;) pause());
	int fd = file_with("f", ""), copy = dup(fd), other = open("f", O_RDONLY);
	CHECK_EQ(syscall(SYS_kcmp, me, me, 0, fd, copy), 0);
	CHECK(syscall(SYS_kcmp, me, me, 0, fd, other) > 0);
	for (int type = 1; type <= 6; type++)
		CHECK_EQ(syscall(SYS_kcmp, me, me, type, 0, 0), 0);
	CHECK(syscall(SYS_kcmp, me, child, 1, 0, 0) > 0);
	CHECK(syscall(SYS_kcmp, me, child, 2, 0, 0) > 0);
	CHECK_ERRNO(syscall(SYS_kcmp, me, me, 0, fd, 99), EBADF);
	CHECK_ERRNO(syscall(SYS_kcmp, me, me, 99, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_kcmp, me, 0x3fffff, 1, 0, 0), ESRCH);
	become_nobody();
	CHECK_ERRNO(syscall(SYS_kcmp, 1, getpid(), 1, 0, 0), EPERM);
	kill(child, SIGKILL);
}

TEST("process_madvise advises about another's memory, process_mrelease frees a dying one's")
{
	char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(m, 'm', 4 * PAGE);
	pid_t child = SPAWN(for (;;) pause());
	int fd = (int)MUST(pidfd(child));
	struct iovec two[2] = { { m, PAGE }, { m + 2 * PAGE, 2 * PAGE } }, hole[2] = { { m, PAGE }, { (void *)PAGE, PAGE } };
	CHECK_EQ(syscall(SYS_process_madvise, fd, two, 2, MADV_COLD, 0), 3 * PAGE);
	CHECK_EQ(syscall(SYS_process_madvise, fd, two, 1, MADV_PAGEOUT, 0), PAGE);
	CHECK_EQ(syscall(SYS_process_madvise, fd, two, 0, MADV_COLD, 0), 0);
	CHECK_EQ(syscall(SYS_process_madvise, fd, hole, 2, MADV_COLD, 0), PAGE);
	CHECK_ERRNO(syscall(SYS_process_madvise, fd, hole + 1, 1, MADV_COLD, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_process_madvise, fd, two, 2, MADV_DONTNEED, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_process_madvise, fd, two, 2, MADV_COLD, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_process_madvise, 99, two, 2, MADV_COLD, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_process_madvise, fd, BAD, 2, MADV_COLD, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_process_mrelease, fd, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_process_mrelease, fd, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_process_mrelease, 99, 0), EBADF);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(syscall(SYS_process_madvise, fd, two, 2, MADV_COLD, 0) == -1 ? errno : 0); }), EACCES);
	kill(child, SIGKILL);
	CHECK_EQ(reap(child), 128 + SIGKILL);
	CHECK_ERRNO(syscall(SYS_process_madvise, fd, two, 2, MADV_COLD, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_process_mrelease, fd, 0), ESRCH);
	CHECK_EQ(m[0], 'm');
}
