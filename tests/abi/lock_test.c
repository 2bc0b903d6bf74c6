// SPDX-License-Identifier: MPL-2.0
// Locks of files: fcntl, open file description locks, flock.
// syscalls: fcntl flock
#include "abi.h"
#include <sys/file.h>
#include <sys/sysmacros.h>

static int
lock(int fd, int command, int type, off_t start, off_t len)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
	return fcntl(fd, command, &l);
}

static struct flock
asked(int fd, int command, int type, off_t start, off_t len)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
	MUST(fcntl(fd, command, &l));
	return l;
}

TEST("record locks of two processes exclude each other, by ranges")
{
	int fd = file_with("f", "0123456789");
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 5), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 5), 0);
	CHECK_EQ(IN_CHILD({
		CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 4, 1), EAGAIN);
		CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
		CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 5, 5), 0);
		struct flock l = asked(fd, F_GETLK, F_RDLCK, 2, 10);
		CHECK_EQ(l.l_type, F_WRLCK);
		CHECK_EQ(l.l_start, 0);
		CHECK_EQ(l.l_len, 5);
		CHECK(l.l_pid == getppid());
		l = asked(fd, F_GETLK, F_WRLCK, 20, 1);
		CHECK_EQ(l.l_type, F_UNLCK);
	}), 0);
	CHECK_EQ(asked(fd, F_GETLK, F_WRLCK, 0, 0).l_type, F_UNLCK);
}

TEST("unlocking the middle splits a lock, locking it again joins it")
{
	int fd = file_with("f", "0123456789");
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 30), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 10, 10), 0);
	CHECK_EQ(IN_CHILD({
		CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 10, 10), 0);
		struct flock l = asked(fd, F_GETLK, F_WRLCK, 15, 0);
		CHECK_EQ(l.l_start, 20);
		CHECK_EQ(l.l_len, 10);
	}), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 5, 20), 0);
	CHECK_EQ(IN_CHILD({
		struct flock l = asked(fd, F_GETLK, F_WRLCK, 5, 0);
		CHECK_EQ(l.l_type, F_RDLCK);
		CHECK_EQ(l.l_start, 5);
		CHECK_EQ(l.l_len, 20);
		CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 6, 1), 0);
	}), 0);
}

TEST("closing any descriptor of a file drops the process's record locks")
{
	int fd = file_with("f", ""), other = open("f", O_RDONLY);
	MUST(lock(fd, F_SETLK, F_WRLCK, 0, 0));
	CHECK_EQ(IN_CHILD(CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN)), 0);
	close(other);
	CHECK_EQ(IN_CHILD(CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0)), 0);
}

TEST("record locks need the access that they give, and good arguments")
{
	close(file_with("f", ""));
	int r = open("f", O_RDONLY), w = open("f", O_WRONLY), p[2];
	CHECK_ERRNO(lock(r, F_SETLK, F_WRLCK, 0, 0), EBADF);
	CHECK_ERRNO(lock(w, F_SETLK, F_RDLCK, 0, 0), EBADF);
	CHECK_ERRNO(lock(r, F_SETLK, 9, 0, 0), EINVAL);
	CHECK_ERRNO(lock(r, F_SETLK, F_RDLCK, -1, 1), EINVAL);
	CHECK_EQ(lock(r, F_SETLK, F_RDLCK, 5, -5), 0);
	CHECK_ERRNO(lock(r, F_SETLK, F_RDLCK, 5, -6), EINVAL);
	CHECK_ERRNO(fcntl(r, F_SETLK, BAD), EFAULT);
	struct flock l = { .l_type = F_RDLCK, .l_whence = 7 };
	CHECK_ERRNO(fcntl(r, F_SETLK, &l), EINVAL);
	l.l_type = F_UNLCK;
	l.l_whence = 0;
	CHECK_ERRNO(fcntl(r, F_GETLK, &l), EINVAL);
	MUST(pipe(p));
	CHECK_EQ(lock(p[1], F_SETLK, F_WRLCK, 0, 0), 0);
}

TEST("F_SETLKW waits, is interrupted, and is granted")
{
	int fd = file_with("f", ""), p[2];
	MUST(pipe(p));
	MUST(lock(fd, F_SETLK, F_WRLCK, 0, 0));
	pid_t child = SPAWN({
		on_signal(SIGUSR1, count_signal, 0);
		char c = (char)(lock(fd, F_SETLKW, F_WRLCK, 0, 0) == -1 && errno == EINTR);
		write(p[1], &c, 1);
		_exit(lock(fd, F_SETLKW, F_WRLCK, 0, 0) == 0 ? 6 : 1);
	});
	wait_asleep(child);
	char c = 9;
	kill(child, SIGUSR1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 1);
	wait_asleep(child);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	MUST(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	CHECK_EQ(reap(child), 6);
}

TEST("two processes that would wait for each other get EDEADLK")
{
	int fd = file_with("f", "");
	MUST(lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t child = SPAWN({
		MUST(lock(fd, F_SETLK, F_WRLCK, 1, 1));
		_exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 8 : 1);
	});
	wait_asleep(child);
	CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	MUST(lock(fd, F_SETLK, F_UNLCK, 0, 1));
	CHECK_EQ(reap(child), 8);
}

TEST("locks of open file descriptions belong to the description")
{
	int fd = file_with("f", ""), other = open("f", O_RDWR), copy = dup(fd);
	CHECK_EQ(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_ERRNO(lock(other, F_OFD_SETLK, F_WRLCK, 0, 10), EAGAIN);
	CHECK_ERRNO(lock(other, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
	struct flock l = asked(other, F_OFD_GETLK, F_WRLCK, 0, 10);
	CHECK_EQ(l.l_type, F_WRLCK);
	CHECK_EQ(l.l_pid, -1);
	CHECK_EQ(IN_CHILD(CHECK_EQ(lock(fd, F_OFD_SETLK, F_WRLCK, 5, 20), 0)), 0);
	close(open("f", O_RDONLY));
	CHECK_ERRNO(lock(other, F_OFD_SETLK, F_WRLCK, 20, 1), EAGAIN);
	close(fd);
	CHECK_ERRNO(lock(other, F_OFD_SETLK, F_WRLCK, 0, 1), EAGAIN);
	close(copy);
	CHECK_EQ(lock(other, F_OFD_SETLK, F_WRLCK, 0, 1), 0);
	l.l_pid = 5;
	l.l_type = F_WRLCK;
	CHECK_ERRNO(fcntl(other, F_OFD_SETLK, &l), EINVAL);
}

TEST("flock excludes descriptions, converts and is inherited")
{
	int fd = file_with("f", ""), other = open("f", O_RDONLY);
	CHECK_EQ(flock(fd, LOCK_SH), 0);
	CHECK_EQ(flock(other, LOCK_SH | LOCK_NB), 0);
	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EAGAIN);
	CHECK_EQ(flock(other, LOCK_UN), 0);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_ERRNO(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
	CHECK_EQ(IN_CHILD(CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0)), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	CHECK_EQ(IN_CHILD(CHECK_EQ(flock(fd, LOCK_UN), 0)), 0);
	CHECK_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
	CHECK_ERRNO(flock(fd, 0), EINVAL);
	CHECK_ERRNO(flock(fd, 16), EINVAL);
	CHECK_ERRNO(flock(99, LOCK_SH), EBADF);
	close(other);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
}

TEST("a waiting flock is granted when the holder ends, or interrupted")
{
	close(file_with("f", ""));
	int p[2];
	char c;
	MUST(pipe(p));
	pid_t child = SPAWN({ int mine = open("f", O_RDONLY); flock(mine, LOCK_EX); write(p[1], "x", 1); sleep_ms(80); });
	MUST(read(p[0], &c, 1));
	int fd = open("f", O_RDONLY);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	CHECK_EQ(reap(child), 0);
	child = SPAWN({
		int mine = open("f", O_RDONLY);
		on_signal(SIGALRM, count_signal, 0);
		ualarm(50000, 50000);
		_exit(flock(mine, LOCK_SH) == -1 && errno == EINTR ? 4 : 1);
	});
	CHECK_EQ(reap(child), 4);
}

TEST("a signal of input is asked for with F_SETOWN and F_SETSIG")
{
	int pair[2];
	struct f_owner_ex owner = { F_OWNER_PID, getpid() };
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(fcntl(pair[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(pair[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(pair[0], F_GETOWN), getpid());
	CHECK_EQ(fcntl(pair[0], F_SETOWN_EX, &owner), 0);
	CHECK_EQ(fcntl(pair[0], F_GETOWN_EX, &owner), 0);
	CHECK_EQ(owner.type, F_OWNER_PID);
	CHECK_ERRNO(fcntl(pair[0], F_SETSIG, 99), EINVAL);
	CHECK_EQ(fcntl(pair[0], F_SETSIG, SIGRTMIN), 0);
	CHECK_EQ(fcntl(pair[0], F_GETSIG), SIGRTMIN);
	on_signal(SIGRTMIN, count_signal, 0);
	CHECK_EQ(fcntl(pair[0], F_SETFL, O_ASYNC), 0);
	MUST(write(pair[1], "x", 1));
	CHECK(SOON(last_signal == SIGRTMIN));
}

/** How many lines of the file are about `fd` and end so: "POSIX  ADVISORY  WRITE PID … 10 19". */
static int
lock_lines(const char *path, int fd, const char *kind, pid_t pid, const char *range)
{
	struct stat st;
	char wanted[200], line[200], *at;
	int found = 0;
	MUST(fstat(fd, &st));
	snprintf(wanted, sizeof(wanted), "%s %d %02x:%02x:%lu %s\n", kind, pid, major(st.st_dev), minor(st.st_dev), st.st_ino, range);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL)
		found += (at = strchr(line, ':')) != NULL && (at = strpbrk(at, "-PFOL")) != NULL && strcmp(at, wanted) == 0;
	fclose(file);
	return found;
}

TEST("/proc/locks has all locks, and who waits behind each; fdinfo those of the description")
{
	int fd = file_with("f", ""), other = open("f", O_RDWR);
	struct flock ofd = { .l_type = F_RDLCK, .l_start = 100, .l_len = 1 };
	char info[40], its_info[40];
	pid_t self = getpid();
	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
	snprintf(its_info, sizeof(its_info), "/proc/self/fdinfo/%d", other);
	CHECK_EQ(lock_lines("/proc/locks", fd, "POSIX  ADVISORY  WRITE", self, "10 19"), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 10, 10), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 50, 0), 0);
	CHECK_EQ(flock(fd, LOCK_SH), 0);
	CHECK_EQ(fcntl(other, F_OFD_SETLK, &ofd), 0);
	CHECK_EQ(lock_lines("/proc/locks", fd, "POSIX  ADVISORY  WRITE", self, "10 19"), 1);
	CHECK_EQ(lock_lines("/proc/locks", fd, "POSIX  ADVISORY  READ", self, "50 EOF"), 1);
	CHECK_EQ(lock_lines("/proc/locks", fd, "FLOCK  ADVISORY  READ", self, "0 EOF"), 1);
	CHECK_EQ(lock_lines("/proc/locks", fd, "OFDLCK ADVISORY  READ", -1, "100 100"), 1);
	CHECK_EQ(lock_lines(info, fd, "POSIX  ADVISORY  WRITE", self, "10 19"), 1);
	CHECK_EQ(lock_lines(info, fd, "FLOCK  ADVISORY  READ", self, "0 EOF"), 1);
	CHECK_EQ(lock_lines(info, fd, "OFDLCK ADVISORY  READ", -1, "100 100"), 0);
	CHECK_EQ(lock_lines(its_info, fd, "OFDLCK ADVISORY  READ", -1, "100 100"), 1);
	CHECK_EQ(lock_lines(its_info, fd, "FLOCK  ADVISORY  READ", self, "0 EOF"), 0);
	pid_t waiter = SPAWN({ int mine = open("f", O_RDWR); lock(mine, F_SETLKW, F_WRLCK, 15, 100); });
	CHECK(SOON(lock_lines("/proc/locks", fd, "-> POSIX  ADVISORY  WRITE", waiter, "15 114") == 1));
	CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	/* The description's lock is in the way still. */
	CHECK(SOON(lock_lines("/proc/locks", fd, "-> POSIX  ADVISORY  WRITE", waiter, "15 114") == 1));
	ofd.l_type = F_UNLCK;
	CHECK_EQ(fcntl(other, F_OFD_SETLK, &ofd), 0);
	CHECK_EQ(reap(waiter), 0);
	CHECK_EQ(lock_lines("/proc/locks", fd, "POSIX  ADVISORY  WRITE", waiter, "15 114"), 0);
}

TEST("a read lease needs that nobody writes, a write lease that nobody else has the file open")
{
	int fd = file_with("f", "x"), dir = MUST(open(".", O_RDONLY)), pair[2];
	MUST(pipe(pair));
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_RDLCK), EAGAIN);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, 7), EINVAL);
	CHECK_ERRNO(fcntl(pair[0], F_SETLEASE, F_RDLCK), EINVAL);
	CHECK_ERRNO(fcntl(MUST(open("f", O_PATH)), F_GETLEASE), EBADF);
	CHECK_EQ(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
	int copy = MUST(dup(fd));
	CHECK_EQ(fcntl(copy, F_GETLEASE), F_WRLCK);
	CHECK_EQ(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	int reader = MUST(open("f", O_RDONLY));
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_WRLCK), EAGAIN);
	CHECK_ERRNO(fcntl(dir, F_SETLEASE, F_RDLCK), EINVAL);
	MUST(close(fd));
	CHECK_ERRNO(fcntl(reader, F_SETLEASE, F_RDLCK), EAGAIN);
	MUST(close(copy));
	CHECK_EQ(fcntl(reader, F_SETLEASE, F_WRLCK), 0);
	CHECK_EQ(fcntl(reader, F_SETLEASE, F_RDLCK), 0);
	int other = MUST(open("f", O_RDONLY));
	CHECK_EQ(fcntl(reader, F_GETLEASE), F_RDLCK);
	CHECK_EQ(fcntl(other, F_SETLEASE, F_RDLCK), 0);
	CHECK_ERRNO(fcntl(other, F_SETLEASE, F_WRLCK), EAGAIN);
	CHECK_EQ(lock_lines("/proc/locks", other, "LEASE  ACTIVE    READ", getpid(), "0 EOF"), 2);
	MUST(close(reader));
	CHECK_EQ(lock_lines("/proc/locks", other, "LEASE  ACTIVE    READ", getpid(), "0 EOF"), 1);
	CHECK_EQ(fcntl(other, F_SETLEASE, F_WRLCK), 0);
	CHECK_EQ(IN_CHILD({
		MUST(setuid(1000));
		CHECK_ERRNO(fcntl(other, F_SETLEASE, F_RDLCK), EACCES);
		CHECK_EQ(fcntl(other, F_GETLEASE), F_WRLCK);
	}), 0);
}

/* The next signal of a lease: its descriptor. -1: none came, or it says something else. */
static int
lease_signal(int number)
{
	siginfo_t info;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	if (sigtimedwait(&set, &info, &(struct timespec){ PATIENCE_MS / 1000, 0 }) != number)
		return -1;
	return info.si_code == POLL_MSG && info.si_band == 0x441 ? info.si_fd : -1;
}

static int
leased(int type, int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigaddset(&set, SIGIO);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(close(file_with("f", "content")));
	int fd = MUST(open("f", O_RDONLY));
	MUST(fcntl(fd, F_SETLEASE, type));
	MUST(fcntl(fd, F_SETSIG, signal));
	return fd;
}

TEST("an open for writing breaks a read lease, and waits until it is given back")
{
	int fd = leased(F_RDLCK, SIGRTMIN);
	CHECK_ERRNO(open("f", O_WRONLY | O_NONBLOCK), EAGAIN);
	CHECK_EQ(lease_signal(SIGRTMIN) == fd, 1);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	CHECK_EQ(lock_lines("/proc/locks", fd, "LEASE  BREAKING  UNLCK", getpid(), "0 EOF"), 1);
	pid_t opener = SPAWN({ CHECK_OK(open("f", O_WRONLY)); });
	pid_t cutter = SPAWN({ CHECK_EQ(truncate("f", 3), 0); });
	wait_asleep(opener);
	wait_asleep(cutter);
	struct stat st;
	MUST(stat("f", &st));
	CHECK_EQ(st.st_size, 7);
	CHECK_EQ(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
	CHECK_EQ(reap(opener), 0);
	CHECK_EQ(reap(cutter), 0);
	MUST(stat("f", &st));
	CHECK_EQ(st.st_size, 3);
	sigset_t pending;
	MUST(sigpending(&pending));
	CHECK_EQ(sigismember(&pending, SIGRTMIN), 0);
}

TEST("an open for reading asks to make a write lease a read lease")
{
	int fd = leased(F_WRLCK, SIGRTMIN);
	pid_t opener = SPAWN({ CHECK_OK(open("f", O_RDONLY)); });
	CHECK_EQ(lease_signal(SIGRTMIN) == fd, 1);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_RDLCK);
	CHECK_EQ(lock_lines("/proc/locks", fd, "LEASE  BREAKING  READ", getpid(), "0 EOF"), 1);
	CHECK_EQ(waitpid(opener, NULL, WNOHANG), 0);
	CHECK_EQ(fcntl(fd, F_SETLEASE, F_RDLCK), 0);
	CHECK_EQ(reap(opener), 0);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_RDLCK);
	/* One that is given up by closing lets the opener in, too. */
	opener = SPAWN({ MUST(close(fd)); CHECK_OK(open("f", O_RDWR)); });
	CHECK_EQ(lease_signal(SIGRTMIN) == fd, 1);
	MUST(close(fd));
	CHECK_EQ(reap(opener), 0);
}

TEST("a broken lease ends with its time, and waiting for it with a signal")
{
	int fd = leased(F_RDLCK, SIGIO), setting = open("/proc/sys/fs/lease-break-time", O_RDWR);
	CHECK_EQ(pwrite(setting, "1\n", 2, 0), 2);
	CHECK_EQ(IN_CHILD({
		on_signal(SIGALRM, count_signal, 0);
		MUST(setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 100000 }, NULL));
		CHECK_ERRNO(open("f", O_WRONLY), EINTR);
	}), 0);
	CHECK_EQ(IN_CHILD({ CHECK_OK(open("f", O_WRONLY)); }), 0);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
	CHECK_EQ(fcntl(fd, F_GETSIG), 0);
	CHECK_EQ(pwrite(setting, "45\n", 3, 0), 3);
}
